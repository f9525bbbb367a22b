/** Cost matrices of which only the allowed cells are listed. */
import { fail } from '../common/errors.ts'
import { checkMemory, isDouble, kindOf } from '../common/memory.ts'
import {
  assignSparseAsyncF32,
  assignSparseAsyncF64,
  assignSparseF32,
  assignSparseF64,
  verifySparseF32,
  verifySparseF64,
} from '../binding/native.ts'
import type { Interrupt } from '../binding/native.ts'
import { checkNames } from './dense.ts'
import type { CostData } from './dense.ts'
import type { Settings } from './options.ts'
import { floats, isNumeric, lengthOf } from '../common/tensors.ts'
import type { IntegerData } from '../common/tensors.ts'
import { checkInteger, isObject, isRecord, MAX_SIZE, show, showKeys } from '../common/validate.ts'

/** Indices of rows or columns; an Int32Array is never copied. */
export type IndexData = readonly number[] | Exclude<IntegerData, BigInt64Array | BigUint64Array>

/**
 * A cost matrix in compressed rows (CSR): row i lists the cells from `rowStarts[i]` up to `rowStarts[i + 1]`. Cells that
 * are not listed are forbidden, as is a listed `Infinity`; NaN and `-Infinity` are errors.
 */
export interface CompressedCostMatrix {
  /** The cost of each listed cell. */
  readonly values: CostData
  /** The column of each, in any order within a row, but none twice. */
  readonly columnIndices: IndexData
  /** `[rows + 1]`, rising from 0 to the number of cells. */
  readonly rowStarts: IndexData
  /** Absent in this form. */
  readonly rowIndices?: undefined
  /** `[rows, columns]`. */
  readonly shape: readonly number[]
}

/** A cost matrix as a list of cells in any order (COO), none listed twice. The rest is as in the other form. */
export interface ListedCostMatrix {
  /** The cost of each listed cell. */
  readonly values: CostData
  /** The row of each. */
  readonly rowIndices: IndexData
  /** The column of each. */
  readonly columnIndices: IndexData
  /** Absent in this form. */
  readonly rowStarts?: undefined
  /** `[rows, columns]`. */
  readonly shape: readonly number[]
}

/** A cost matrix of which only the allowed cells are listed. */
export type SparseCostMatrix = CompressedCostMatrix | ListedCostMatrix

/** A sparse matrix as the binding takes it. */
export interface SparseCosts {
  readonly data: Float32Array | Float64Array
  readonly columnIndices: Int32Array
  /** The row of each cell if `byCells`, or else where each row's cells start. */
  readonly rowList: Int32Array
  readonly byCells: boolean
  readonly rows: number
  readonly columns: number
}

/** Whether a cost matrix is a sparse one, sound or not. */
export function isSparse(cost: unknown): cost is SparseCostMatrix {
  return isObject(cost) && ('values' in cost || 'columnIndices' in cost) && isRecord(cost)
}

/** Reads a sparse matrix; Float32Array, Float64Array and, for indices, Int32Array as they lie, all else converted. */
export function readSparse(cost: SparseCostMatrix): SparseCosts {
  const {
    values,
    columnIndices: given,
    rowStarts,
    rowIndices,
    shape,
  } = cost as { readonly [Field in keyof SparseCostMatrix]: unknown }
  if (!Array.isArray(shape) || lengthOf(shape, 'cost.shape') !== 2) {
    const keys = shape === undefined ? `; cost is an object ${showKeys(cost)}` : ''
    fail('SHAPE', 'cost.shape', `must be [rows, columns], got ${show(shape)}${keys}`)
  }
  const rows = checkInteger(shape[0], 0, MAX_SIZE, 'cost.shape', 'SHAPE')
  const columns = checkInteger(shape[1], 0, MAX_SIZE, 'cost.shape', 'SHAPE')
  const byCells = rowIndices !== undefined
  if (byCells === (rowStarts !== undefined)) {
    if (!byCells) checkNames(cost)
    const got = byCells ? 'both' : `neither; it is an object ${showKeys(cost)}`
    fail('SHAPE', 'cost', `needs either rowStarts or rowIndices, got ${got}`)
  }
  const [ofRows, argument] = byCells ? [rowIndices, 'cost.rowIndices'] : [rowStarts, 'cost.rowStarts']
  // all lengths before any entry: a list may be a proxy that claims to be as long as it likes
  const cells = countIndices(given, 'cost.columnIndices')
  const entries = countIndices(ofRows, argument)
  const length = byCells ? cells : rows + 1
  if (entries !== length) {
    const reason = byCells ? 'as columnIndices has' : `for ${rows} rows`
    fail('SHAPE', argument, `expected ${length} entries, ${reason}, got ${entries}`)
  }
  if (cells > rows * columns) {
    const rule = `lists ${cells} cells, some of them twice, since the matrix has ${rows} × ${columns}`
    fail('SHAPE', 'cost.columnIndices', rule)
  }
  const columnIndices = readIndices(given, cells, 'cost.columnIndices')
  const rowList = readIndices(ofRows, entries, argument)
  const data = floats(values, [cells], 'cost.values', cost)
  return { data, columnIndices, rowList, byCells, rows, columns }
}

/** How many indices a list has. */
function countIndices(given: unknown, argument: string): number {
  const kind = kindOf(given)
  if (kind === undefined ? !Array.isArray(given) : !isNumeric(kind)) {
    fail('DTYPE', argument, `must be an array of integers, got ${kind ?? show(given)}`)
  }
  if (kind !== undefined) checkMemory(given as Int32Array, argument)
  return lengthOf(given as ArrayLike<unknown>, argument)
}

/** Indices as 32-bit integers; whether they fit the matrix is the core's matter. */
function readIndices(given: unknown, length: number, argument: string): Int32Array {
  if (kindOf(given) === 'Int32Array') return given as Int32Array
  const list = given as ArrayLike<unknown>
  const indices = new Int32Array(length)
  for (let i = 0; i < length; i++) indices[i] = checkInteger(list[i], 0, MAX_SIZE, `${argument}[${i}]`, 'RANGE')
  return indices
}

/** Solves a sparse matrix; gives the total. */
export function assignSparse(
  costs: SparseCosts,
  settings: Settings,
  columnOfRow: Int32Array,
  duals: Float64Array | undefined,
): number {
  const { data, columnIndices, rowList, byCells, rows, columns } = costs
  const { maximize, partial, limit } = settings
  return isDouble(data)
    ? assignSparseF64(
        data,
        columnIndices,
        rowList,
        byCells,
        rows,
        columns,
        maximize,
        partial,
        limit,
        columnOfRow,
        duals,
      )
    : assignSparseF32(
        data,
        columnIndices,
        rowList,
        byCells,
        rows,
        columns,
        maximize,
        partial,
        limit,
        columnOfRow,
        duals,
      )
}

/** Solves a copy of a sparse matrix in another thread, which fills the arrays; gives the total. */
export function assignSparseAsync(
  costs: SparseCosts,
  settings: Settings,
  columnOfRow: Int32Array,
  duals: Float64Array | undefined,
  interrupt: Interrupt,
): Promise<number> {
  const { data, columnIndices, rowList, byCells, rows, columns } = costs
  const { maximize, partial, limit } = settings
  const settled = [byCells, rows, columns, maximize, partial, limit, columnOfRow, duals, interrupt] as const
  return isDouble(data)
    ? assignSparseAsyncF64(data, columnIndices, rowList, ...settled)
    : assignSparseAsyncF32(data, columnIndices, rowList, ...settled)
}

/** Checks an assignment of a sparse matrix; writes optimal, total, bound and violation to `report`. */
export function verifySparse(
  costs: SparseCosts,
  { maximize, limit }: Pick<Settings, 'maximize' | 'limit'>,
  columnOfRow: Int32Array,
  duals: Float64Array,
  report: Float64Array,
): void {
  const { data, columnIndices, rowList, byCells, rows, columns } = costs
  if (isDouble(data)) {
    verifySparseF64(data, columnIndices, rowList, byCells, rows, columns, maximize, limit, columnOfRow, duals, report)
  } else {
    verifySparseF32(data, columnIndices, rowList, byCells, rows, columns, maximize, limit, columnOfRow, duals, report)
  }
}
