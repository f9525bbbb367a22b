/** The proof of an assignment by its dual variables. */
import { verifyF32, verifyF64 } from '../binding/native.ts'
import { fail, toHungarianLossError } from '../common/errors.ts'
import { checkMemory, isDouble, kindOf } from '../common/memory.ts'
import { toReadError } from '../common/reading.ts'
import { failNumber, isNumeric, lengthOf } from '../common/tensors.ts'
import { isRecord, show, showKeys } from '../common/validate.ts'
import { readMatrix } from './matrix.ts'
import type { CostMatrix } from './dense.ts'
import { readVerifySettings } from './options.ts'
import type { AssignmentOptions } from './options.ts'
import { UNASSIGNED } from './pairs.ts'
import { verifySparse } from './sparse.ts'
import type { SparseCostMatrix } from './sparse.ts'

/**
 * What {@link verifyAssignment} needs of an assignment: what {@link linearSumAssignment} gives with `duals: true`, or what
 * its JSON is parsed to.
 */
export interface AssignmentProof {
  /** Assigned rows, in any order. */
  readonly rowIndices: ArrayLike<number>
  /** The column of each of them. */
  readonly columnIndices: ArrayLike<number>
  /** `[rows]`: the rows' dual variables. Without them nothing can be proven. */
  readonly rowDuals?: ArrayLike<number> | undefined
  /** `[columns]`: the columns', likewise. */
  readonly columnDuals?: ArrayLike<number> | undefined
}

/** The outcome of {@link verifyAssignment}. */
export interface Verification {
  /**
   * Whether the duals prove the assignment optimal: no pair is forbidden, no assignment has more pairs (without
   * `costLimit`), and neither total and bound nor a cell and its duals are farther apart than rounding accounts for:
   * 2^-36, about 1.5e-11, of the sum, over the assigned cells, of |cost| and of how far the cost is above the least one
   * of its row and above the least one of its column (when maximising: below the largest). With `costLimit`: of |cost|
   * and |limit|.
   */
  readonly optimal: boolean
  /** Sum of the assigned cells, in float64. */
  readonly total: number
  /**
   * What the duals prove, whatever they are, rounded to the safe side: no assignment of as many pairs costs less (when
   * maximising: none yields more). With `costLimit`, no set of pairs has a smaller (larger) sum of cost − limit than that
   * of as many pairs with this total. Where duals break their rule, those of the rows are moved until they do not.
   * Infinite where they prove nothing.
   */
  readonly bound: number
  /** By how much a cell breaks the duals' rule at most: 0, or rounding, for a valid proof; Infinity if a dual is not finite. */
  readonly violation: number
}

/**
 * Proves an assignment optimal, or fails to, from the matrix and the dual variables alone: whoever made them need not
 * be trusted. The sums are exact; what is granted to rounding depends on costs and pairs alone, see
 * {@link Verification.optimal}. Duals that are not finite prove nothing.
 *
 * `options` must be as they were for the solution. Throws as {@link linearSumAssignment}, `OPTION` where the
 * duals are absent, `SHAPE` where lengths do not fit the matrix, and `RANGE` for an index that is outside the matrix or
 * used twice.
 */
export function verifyAssignment(
  cost: CostMatrix | SparseCostMatrix,
  assignment: AssignmentProof,
  options?: Pick<AssignmentOptions, 'maximize' | 'costLimit'>,
): Verification {
  try {
    const { maximize, limit } = readVerifySettings(options)
    const costs = readMatrix(cost)
    const { data, rows, columns } = costs
    const { columnOfRow, duals } = readProof(assignment, rows, columns)
    const report = new Float64Array(4)
    if (costs.rowList) verifySparse(costs, { maximize, limit }, columnOfRow, duals, report)
    else if (isDouble(data)) verifyF64(data, rows, columns, maximize, limit, columnOfRow, duals, report)
    else verifyF32(data, rows, columns, maximize, limit, columnOfRow, duals, report)
    const [optimal, total, bound, violation] = report as unknown as [number, number, number, number]
    return { optimal: optimal === 1, total, bound, violation }
  } catch (error) {
    throw toHungarianLossError(error, 'cost')
  }
}

/** The column of each row and all duals, from an assignment's lists. */
function readProof(assignment: unknown, rows: number, columns: number) {
  try {
    if (!isRecord(assignment)) fail('DTYPE', 'assignment', `must be an assignment, got ${show(assignment)}`)
    const { rowIndices, columnIndices, rowDuals, columnDuals } = assignment as {
      readonly [Key in keyof AssignmentProof]: unknown
    }
    // all lengths before any entry, since a matrix without cells may have sides as long as it likes
    const pairs = countPairs(rowIndices, columnIndices, assignment)
    checkDuals(rowDuals, rows, 'assignment.rowDuals')
    checkDuals(columnDuals, columns, 'assignment.columnDuals')
    const lists = [rowIndices, columnIndices] as readonly [ArrayLike<unknown>, ArrayLike<unknown>]
    const columnOfRow = readColumns(...lists, pairs, rows, columns)
    const duals = new Float64Array(rows + columns)
    readDuals(rowDuals, duals.subarray(0, rows), 'assignment.rowDuals')
    readDuals(columnDuals, duals.subarray(rows), 'assignment.columnDuals')
    return { columnOfRow, duals }
  } catch (error) {
    throw toReadError(error, 'assignment')
  }
}

/** How many pairs two lists have. */
function countPairs(rowIndices: unknown, columnIndices: unknown, assignment: object): number {
  checkList(rowIndices, 'assignment.rowIndices', assignment)
  checkList(columnIndices, 'assignment.columnIndices', assignment)
  const pairs = lengthOf(rowIndices, 'assignment.rowIndices')
  const others = lengthOf(columnIndices, 'assignment.columnIndices')
  if (others !== pairs) {
    fail('SHAPE', 'assignment.columnIndices', `expected ${pairs} entries, as rowIndices has, got ${others}`)
  }
  return pairs
}

/** The column of each row, from lists of pairs. */
function readColumns(
  rowIndices: ArrayLike<unknown>,
  columnIndices: ArrayLike<unknown>,
  pairs: number,
  rows: number,
  columns: number,
): Int32Array {
  const columnOfRow = new Int32Array(rows).fill(UNASSIGNED)
  const isTaken = new Uint8Array(columns)
  for (let pair = 0; pair < pairs; pair++) {
    const row = checkIndex(rowIndices[pair], rows, `assignment.rowIndices[${pair}]`)
    const column = checkIndex(columnIndices[pair], columns, `assignment.columnIndices[${pair}]`)
    if (columnOfRow[row] !== UNASSIGNED) {
      fail('RANGE', `assignment.rowIndices[${pair}]`, `row ${row} is used twice`, { row })
    }
    if (isTaken[column] === 1) {
      fail('RANGE', `assignment.columnIndices[${pair}]`, `column ${column} is used twice`, { column })
    }
    columnOfRow[row] = column
    isTaken[column] = 1
  }
  return columnOfRow
}

/** Refuses what is no list of so many duals. */
function checkDuals(duals: unknown, size: number, argument: string): asserts duals is ArrayLike<number> {
  if (duals === undefined) fail('OPTION', argument, 'is absent; solve with { duals: true }')
  checkList(duals, argument)
  const length = lengthOf(duals, argument)
  if (length !== size) fail('SHAPE', argument, `expected ${size} values, got ${length}`)
}

/** Copies duals, as many as there is room for. */
function readDuals(duals: ArrayLike<unknown>, out: Float64Array, argument: string): void {
  for (let i = 0; i < out.length; i++) {
    const dual: unknown = duals[i]
    if (typeof dual !== 'number') failNumber(dual, argument, `at index ${i}`)
    out[i] = dual
  }
}

function checkList(list: unknown, argument: string, holder?: object): asserts list is ArrayLike<number> {
  const kind = kindOf(list)
  if (!Array.isArray(list) && !isNumeric(kind)) {
    const keys = list === undefined && holder !== undefined ? `; it is an object ${showKeys(holder)}` : ''
    fail('DTYPE', argument, `must be an array of numbers, got ${show(list)}${keys}`)
  }
  if (kind !== undefined) checkMemory(list as Float64Array, argument)
}

function checkIndex(index: unknown, size: number, argument: string): number {
  if (Number.isInteger(index) && (index as number) >= 0 && (index as number) < size) return index as number
  return fail('RANGE', argument, `must be an integer from 0 to ${size - 1}, got ${show(index)}`)
}
