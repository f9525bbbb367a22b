import { checkSignal, untilAborted } from '../binding/abort.ts'
import { fail, toHungarianLossError } from '../common/errors.ts'
import { checkMemory, isDouble, kindOf } from '../common/memory.ts'
import {
  assignAsyncF32,
  assignAsyncF64,
  assignBatchF32,
  assignBatchF64,
  assignF32,
  assignF64,
  verifyF32,
  verifyF64,
} from '../binding/native.ts'
import type { Interrupt } from '../binding/native.ts'
import { float64s } from '../binding/slab.ts'
import { listPairs, noPairs, UNASSIGNED } from './pairs.ts'
import type { Costs, Settings } from './problem.ts'
import { toReadError } from '../common/reading.ts'
import { assignSparse, assignSparseAsync, checkNames, isSparse, readSparse, verifySparse } from './sparse.ts'
import type { SparseCosts } from './sparse.ts'
import { assignSmall, isSmall } from './small.ts'
import { dataIn, failNumber, floats, isNumeric, lengthOf, shapeOf, showShape } from '../common/tensors.ts'
import type {
  Assignment,
  AssignmentOptions,
  AssignmentProof,
  AssignmentWithDuals,
  AsyncAssignmentOptions,
  CostMatrices,
  CostMatrix,
  SparseCostMatrix,
  Verification,
} from '../types.ts'
import { checkFlag, checkInteger, checkRecord, isRecord, MAX_SIZE, show, showKeys } from '../common/validate.ts'

const SOLVE = ['maximize', 'partial', 'costLimit', 'duals'] as const
const VERIFY = ['maximize', 'costLimit'] as const
const NO_DUALS = new Float64Array(0)
/** Tells the core that there is no limit. */
const NO_LIMIT = NaN

const DEFAULTS: Settings = { maximize: false, partial: false, limit: NO_LIMIT, wanted: false }

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
    const settings = readOptions(options)
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
  const { signal, ...rest } = readAsyncOptions(options)
  const solve = async (interrupt: Interrupt): Promise<Assignment> => {
    const settings = readOptions(rest)
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

/** Whether no row or no column is there: then nothing takes memory but the result, however many of the others are. */
function hasNoCells(costs: Costs | SparseCosts): boolean {
  if ((costs.rows > 0 && costs.columns > 0) || costs.data.length > 0) return false
  return costs.rowList === undefined || costs.byCells || costs.rowList.every((start) => start === 0)
}

/**
 * {@link linearSumAssignment} of many matrices in one call, in parallel where there is enough work. The results are
 * those of one call for each, in the same order.
 *
 * Throws as {@link linearSumAssignment}, for the first matrix at fault, with its index as `matrix`.
 *
 * @example
 * linearSumAssignmentBatch({ data: Float64Array.of(8, 9, 1, 4, 7), shapes: [[2, 2], [1, 1]] })
 */
export function linearSumAssignmentBatch(
  costs: CostMatrices,
  options: AssignmentOptions & { readonly duals: true },
): readonly AssignmentWithDuals[]
/** As above, without the certainty of duals. */
export function linearSumAssignmentBatch(costs: CostMatrices, options?: AssignmentOptions): readonly Assignment[]
export function linearSumAssignmentBatch(costs: CostMatrices, options?: AssignmentOptions): readonly Assignment[] {
  try {
    const { maximize, partial, limit, wanted } = readOptions(options)
    const { data, shapes, sizes, columnOfRow, lines } = readBatch(costs)
    const duals = wanted ? new Float64Array(lines) : NO_DUALS
    const totals = new Float64Array(sizes.length / 2)
    if (isDouble(data)) assignBatchF64(data, sizes, maximize, partial, limit, columnOfRow, duals, totals)
    else assignBatchF32(data, sizes, maximize, partial, limit, columnOfRow, duals, totals)
    const assignments: Assignment[] = []
    let [row, line] = [0, 0]
    for (let matrix = 0; matrix < totals.length; matrix++) {
      const [rows, columns] = [shapes[2 * matrix] as number, shapes[2 * matrix + 1] as number]
      if (rows * columns === 0) {
        assignments.push(noPairs(rows, columns, wanted))
        continue
      }
      const total = totals[matrix] as number
      assignments.push(listPairs(columnOfRow, rows, columns, total, wanted ? duals : undefined, row, line))
      row += rows
      line += rows + columns
    }
    return assignments
  } catch (error) {
    throw toHungarianLossError(error, 'costs')
  }
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
    const { maximize, limit } = readVerifyOptions(options)
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

/** Checks the settings of a solution and fills in defaults. */
function readOptions(options: unknown): Settings {
  if (options === undefined) return DEFAULTS
  try {
    const given = checkRecord(options, SOLVE, 'options')
    return {
      maximize: checkFlag(given.maximize, false, 'options.maximize'),
      partial: checkFlag(given.partial, false, 'options.partial'),
      limit: checkLimit(given.costLimit),
      wanted: checkFlag(given.duals, false, 'options.duals'),
    }
  } catch (error) {
    throw toReadError(error, 'options')
  }
}

/** The settings of a solution off the event loop, each read once. */
function readAsyncOptions(options: unknown) {
  try {
    return { ...checkRecord(options, [...SOLVE, 'signal'], 'options') }
  } catch (error) {
    throw toReadError(error, 'options')
  }
}

function readVerifyOptions(options: unknown): Pick<Settings, 'maximize' | 'limit'> {
  try {
    const given = checkRecord(options, VERIFY, 'options')
    return { maximize: checkFlag(given.maximize, false, 'options.maximize'), limit: checkLimit(given.costLimit) }
  } catch (error) {
    throw toReadError(error, 'options')
  }
}

/**
 * Reads the matrices of a batch, and makes the array for their columns. `sizes`: their shapes, without those that have no
 * cells. `lines`: all rows and columns of the others.
 */
function readBatch(costs: unknown) {
  try {
    if (!isRecord(costs)) fail('DTYPE', 'costs', `must be { data, shapes }, got ${show(costs)}`)
    const { data: values, shapes } = costs as unknown as { readonly [Key in keyof CostMatrices]: unknown }
    if (!Array.isArray(shapes)) {
      const keys = shapes === undefined ? `; costs is an object ${showKeys(costs)}` : ''
      fail('SHAPE', 'costs.shapes', `must be an array of [rows, columns], got ${show(shapes)}${keys}`)
    }
    const count = lengthOf(shapes, 'costs.shapes')
    const [given, sizes] = [new Uint32Array(2 * count), new Uint32Array(2 * count)]
    let [cells, allRows, lines] = [0, 0, 0]
    for (let matrix = 0; matrix < count; matrix++) {
      const [rows, columns] = checkShape(shapes[matrix], matrix)
      given.set([rows, columns], 2 * matrix)
      // the core is not asked about a matrix without cells, however long its side
      if (rows * columns === 0) continue
      sizes.set([rows, columns], 2 * matrix)
      cells += rows * columns
      allRows += rows
      lines += rows + columns
    }
    const data = floats(values, [cells], 'costs.data', costs)
    return { data, shapes: given, sizes, columnOfRow: new Int32Array(allRows), lines }
  } catch (error) {
    throw toReadError(error, 'costs')
  }
}

/** Reads one shape of a batch. */
function checkShape(shape: unknown, matrix: number): readonly [number, number] {
  const argument = `costs.shapes[${matrix}]`
  if (!Array.isArray(shape) || lengthOf(shape, argument) !== 2) {
    fail('SHAPE', argument, `must be [rows, columns], got ${show(shape)}`, { matrix })
  }
  return [
    checkInteger(shape[0], 0, MAX_SIZE, argument, 'SHAPE'),
    checkInteger(shape[1], 0, MAX_SIZE, argument, 'SHAPE'),
  ]
}

/** A limit: any finite number, or none. */
function checkLimit(value: unknown): number {
  if (value === undefined) return NO_LIMIT
  if (Number.isFinite(value)) return value as number
  return fail('OPTION', 'options.costLimit', `must be a finite number, got ${show(value)}`)
}

/** Reads a matrix of any form. */
function readMatrix(cost: CostMatrix | SparseCostMatrix): Costs | SparseCosts {
  try {
    return isSparse(cost) ? readSparse(cost) : readCosts(cost)
  } catch (error) {
    throw toReadError(error, 'cost')
  }
}

/** Reads a dense matrix; float32 and float64 as they lie, all else converted to float64, but for rows of float32. */
function readCosts(cost: CostMatrix): Costs {
  if (Array.isArray(cost)) return readRows(cost)
  checkNames(cost)
  const shape = shapeOf(cost, 'cost')
  if (shape.length !== 2) fail('SHAPE', 'cost', `must be of shape [rows, columns], got ${showShape(shape)}`)
  const [rows, columns] = shape as [number, number]
  return { data: floats(dataIn(cost, 'cost'), shape, 'cost', cost), rows, columns }
}

/** Copies nested rows. */
function readRows(cost: readonly unknown[]): Costs {
  const rows = lengthOf(cost, 'cost')
  const first = rows === 0 ? [] : rowOf(cost[0], 0)
  const columns = lengthOf(first, 'cost')
  // rows of float32 make a matrix of float32, with which a limit is compared as such
  let data = kindOf(first) === 'Float32Array' ? new Float32Array(rows * columns) : float64s(rows * columns)
  for (let row = 0; row < rows; row++) {
    const values = row === 0 ? first : rowOf(cost[row], row)
    if (!isDouble(data) && kindOf(values) !== 'Float32Array') data = new Float64Array(data)
    const length = row === 0 ? columns : lengthOf(values, 'cost')
    if (length !== columns) {
      const entries = length === 1 ? '1 entry' : `${length} entries`
      fail('SHAPE', 'cost', `row ${row} has ${entries}, expected ${columns}`, { row })
    }
    if (ArrayBuffer.isView(values)) {
      data.set(values as Float64Array, row * columns)
      continue
    }
    for (let column = 0; column < columns; column++) {
      const value = values[column]
      if (typeof value !== 'number') {
        failNumber(value, 'cost', `at row ${row}, column ${column}`, { row, column })
      }
      data[row * columns + column] = value
    }
  }
  return { data, rows, columns }
}

/** One row, its type checked. */
function rowOf(values: unknown, row: number): ArrayLike<unknown> {
  if (Array.isArray(values)) return values
  const kind = kindOf(values)
  if (!isNumeric(kind)) {
    fail('DTYPE', 'cost', `row ${row} must be an array of numbers, got ${kind ?? show(values)}`, { row })
  }
  checkMemory(values as Float64Array, `cost[${row}]`)
  return values as ArrayLike<unknown>
}

/** The column of each row and all duals, from an assignment's lists. */
function readProof(assignment: unknown, rows: number, columns: number) {
  try {
    if (!isRecord(assignment)) fail('DTYPE', 'assignment', `must be an assignment, got ${show(assignment)}`)
    const { rowIndices, columnIndices, rowDuals, columnDuals } = assignment as {
      readonly [Key in keyof AssignmentProof]: unknown
    }
    const columnOfRow = readPairs(rowIndices, columnIndices, assignment, rows, columns)
    const duals = new Float64Array(rows + columns)
    readDuals(rowDuals, duals.subarray(0, rows), 'assignment.rowDuals')
    readDuals(columnDuals, duals.subarray(rows), 'assignment.columnDuals')
    return { columnOfRow, duals }
  } catch (error) {
    throw toReadError(error, 'assignment')
  }
}

/** The column of each row, from lists of pairs. */
function readPairs(
  rowIndices: unknown,
  columnIndices: unknown,
  assignment: object,
  rows: number,
  columns: number,
): Int32Array {
  checkList(rowIndices, 'assignment.rowIndices', assignment)
  checkList(columnIndices, 'assignment.columnIndices', assignment)
  const pairs = lengthOf(rowIndices, 'assignment.rowIndices')
  const others = lengthOf(columnIndices, 'assignment.columnIndices')
  if (others !== pairs) {
    fail('SHAPE', 'assignment.columnIndices', `expected ${pairs} entries, as rowIndices has, got ${others}`)
  }
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

/** Copies duals, as many as there is room for. */
function readDuals(duals: unknown, out: Float64Array, argument: string): void {
  if (duals === undefined) fail('OPTION', argument, 'is absent; solve with { duals: true }')
  checkList(duals, argument)
  const length = lengthOf(duals, argument)
  if (length !== out.length) fail('SHAPE', argument, `expected ${out.length} values, got ${length}`)
  for (let i = 0; i < length; i++) {
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
