/** The linear sum assignment problem, on the event loop and off it. */
import { checkSignal, untilAborted } from '../binding/abort.ts'
import { assignAsyncF32, assignAsyncF64, assignF32, assignF64 } from '../binding/native.ts'
import type { Interrupt } from '../binding/native.ts'
import { toHungarianLossError } from '../common/errors.ts'
import { isDouble } from '../common/memory.ts'
import { hasNoCells, readMatrix } from './matrix.ts'
import type { CostMatrix, Costs } from './dense.ts'
import { readAsyncSettings, readSettings } from './options.ts'
import type { AssignmentOptions, AsyncAssignmentOptions, Settings } from './options.ts'
import { listPairs, noPairs } from './pairs.ts'
import type { Assignment, AssignmentWithDuals } from './pairs.ts'
import { assignSmall, isSmall } from './small.ts'
import { assignSparse, assignSparseAsync } from './sparse.ts'
import type { SparseCostMatrix } from './sparse.ts'

/** For the core to write to, where there are no more rows, since making an array costs more than a small solve. */
const ROWS = 1024
const COLUMN_OF_ROW = new Int32Array(ROWS)

/**
 * The linear sum assignment problem, solved exactly: `min(rows, columns)` pairs, no row and no column twice, with the
 * least total.
 *
 * Exact means that no pairs have a smaller total but by what rounding makes of float64 sums. In `[[1.9, 1.2], [1, 0.3]]`
 * both assignments cost 2.2, though their float64 sums differ in the last place, and either may be the result. Integers
 * up to 2^53 and their sums have no rounding. What stands for a forbidden pair is better `Infinity`, with `partial` where
 * it may leave no complete assignment, than a large number: that is what says so, and is faster. Beside a large number
 * that is part of the total, though, the other costs count too, even where the sum swallows their digits:
 * `[[4, 2], [1e17, 1e17]]` gives the columns 1 and 0. Beside costs that are more than some 1e16 times as large, digits of the
 * others may be lost even where the large ones are no part of the total.
 *
 * Of a {@link SparseCostMatrix} only the listed cells may be chosen, and only they take time and memory. It is the problem
 * of the matrix that has `Infinity` everywhere else, and has the same total; of several assignments with that total it
 * may give another one.
 *
 * Ties are broken the same way every time for a matrix of the same form, dense or sparse, whatever the number of threads,
 * the processor, the order in which cells are listed, and float32 or float64; a constant matrix gives the identity.
 * Throws `SHAPE` for ragged rows,
 * `RANGE` for a listed index that does not exist and for a cell listed twice, `DTYPE` for what is no number,
 * `NON_FINITE` for NaN and `-Infinity`, `OPTION` for bad options, and `INFEASIBLE` (with
 * `rows` or `columns` that cannot all be assigned) where forbidden pairs leave no complete assignment and neither
 * `partial` nor `costLimit` is set; `MEMORY` where the system refuses the memory that it takes.
 *
 * @example
 * linearSumAssignment([[8, 9], [1, 4]]) // rowIndices [0, 1], columnIndices [1, 0], total 10
 */
export function linearSumAssignment(
  cost: CostMatrix | SparseCostMatrix,
  options: AssignmentOptions & { readonly duals: true },
): AssignmentWithDuals
/** As above, without the certainty of duals. */
export function linearSumAssignment(cost: CostMatrix | SparseCostMatrix, options?: AssignmentOptions): Assignment
export function linearSumAssignment(cost: CostMatrix | SparseCostMatrix, options?: AssignmentOptions): Assignment {
  try {
    const settings = readSettings(options)
    const costs = readMatrix(cost)
    if (hasNoCells(costs)) return noPairs(costs.rows, costs.columns, settings.wanted)
    if (costs.rowList) {
      const columnOfRow = new Int32Array(costs.rows)
      const duals = settings.wanted ? new Float64Array(costs.rows + costs.columns) : undefined
      const total = assignSparse(costs, settings, columnOfRow, duals)
      return listPairs(columnOfRow, costs.rows, costs.columns, total, duals)
    }
    if (isSmall(costs)) return assignSmall(costs, settings)
    const { data, rows, columns } = costs
    const { maximize, partial, limit, wanted } = settings
    const columnOfRow = rows <= ROWS ? COLUMN_OF_ROW : new Int32Array(rows)
    const duals = wanted ? new Float64Array(rows + columns) : undefined
    const total = isDouble(data)
      ? assignF64(data, rows, columns, maximize, partial, limit, columnOfRow, duals)
      : assignF32(data, rows, columns, maximize, partial, limit, columnOfRow, duals)
    return listPairs(columnOfRow, rows, columns, total, duals)
  } catch (error) {
    throw toHungarianLossError(error, 'cost')
  }
}

/**
 * {@link linearSumAssignment} off the event loop, on a copy of the matrix, so that it may be changed at once. Worth it
 * for large matrices: the change of thread alone costs about a quarter of a millisecond.
 *
 * Rejects as {@link linearSumAssignment} throws; where `signal` is aborted, before or during the solve, with the signal's
 * reason, while the solve ends and frees its memory within milliseconds. One signal may serve many calls.
 *
 * A process or worker that exits (`process.exit`) has its solves stopped likewise. `worker.terminate()` gives no notice: it
 * waits until they are done, so abort them first.
 */
export function linearSumAssignmentAsync(
  cost: CostMatrix | SparseCostMatrix,
  options: AsyncAssignmentOptions & { readonly duals: true },
): Promise<AssignmentWithDuals>
/** As above, without the certainty of duals. */
export function linearSumAssignmentAsync(
  cost: CostMatrix | SparseCostMatrix,
  options?: AsyncAssignmentOptions,
): Promise<Assignment>
export async function linearSumAssignmentAsync(
  cost: CostMatrix | SparseCostMatrix,
  options?: AsyncAssignmentOptions,
): Promise<Assignment> {
  const { signal, ...rest } = readAsyncSettings(options)
  const solve = async (interrupt: Interrupt): Promise<Assignment> => {
    const settings = readSettings(rest)
    const costs = readMatrix(cost)
    const { rows, columns } = costs
    if (hasNoCells(costs)) return noPairs(rows, columns, settings.wanted)
    const columnOfRow = new Int32Array(rows)
    const duals = settings.wanted ? new Float64Array(rows + columns) : undefined
    const total = await (costs.rowList
      ? assignSparseAsync(costs, settings, columnOfRow, duals, interrupt)
      : assignAsync(costs, settings, columnOfRow, duals, interrupt))
    return listPairs(columnOfRow, rows, columns, total, duals)
  }
  return untilAborted(solve, checkSignal(signal, 'options.signal'), 'cost')
}

/** Solves a copy of a matrix in another thread, which fills the arrays; gives the total. */
function assignAsync(
  { data, rows, columns }: Costs,
  { maximize, partial, limit }: Settings,
  columnOfRow: Int32Array,
  duals: Float64Array | undefined,
  interrupt: Interrupt,
): Promise<number> {
  return isDouble(data)
    ? assignAsyncF64(data, rows, columns, maximize, partial, limit, columnOfRow, duals, interrupt)
    : assignAsyncF32(data, rows, columns, maximize, partial, limit, columnOfRow, duals, interrupt)
}
