/**
 * Small matrices are copied to memory that the binding reads and writes without asking: to hand over arrays takes
 * longer than to solve them.
 */
import { createExchange, raiseSmall } from '../binding/native.ts'
import { isDouble } from '../common/memory.ts'
import type { Costs } from './dense.ts'
import type { Settings } from './options.ts'
import { listPairs } from './pairs.ts'
import type { Assignment } from './pairs.ts'

/** The most cells, of float64 and of float32, which are converted one by one; and the most rows and columns together. */
const CELLS = 1024
const FEWER_CELLS = 256
const LINES = 257

/** The places of rows, columns, options and limit; the costs follow. */
const HEAD = 6

// what comes back is a total, the column of every row, and the duals; the last place says how it stands
const STATE = Math.max(HEAD + CELLS, 1 + 2 * LINES)
const WAITING = 1
const SOLVED = 0

const memory = new Float64Array(STATE + 1)
const columnOfRow = memory.subarray(1)
/** Solves the matrix that waits there. */
const solve = createExchange(memory)

/** Whether a matrix is small. */
export function isSmall({ data, rows, columns }: Costs): boolean {
  const cells = rows * columns
  return cells <= CELLS && rows + columns <= LINES && (cells <= FEWER_CELLS || isDouble(data))
}

/** Solves a small matrix. */
export function assignSmall(
  { data, rows, columns }: Costs,
  { maximize, partial, limit, wanted }: Settings,
): Assignment {
  memory[0] = rows
  memory[1] = columns
  memory[2] = maximize ? 1 : 0
  memory[3] = partial ? 1 : 0
  // most calls have none, which costs less to see than what the data are
  memory[4] = Number.isNaN(limit) || isDouble(data) ? limit : stored(limit)
  memory[5] = wanted ? 1 : 0
  memory.set(data, HEAD)
  memory[STATE] = WAITING
  solve()
  if (memory[STATE] !== SOLVED) raiseSmall()
  return listPairs(columnOfRow, rows, columns, memory[0], wanted ? columnOfRow : undefined, 0, rows)
}

/** A limit as float32, as the core compares it with costs of that type; or itself where there is no such number. */
function stored(limit: number): number {
  const near = Math.fround(limit)
  return Number.isFinite(near) ? near : limit
}
