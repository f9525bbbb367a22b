/** Cost matrices of which all cells are given. */
import { float64s } from '../binding/slab.ts'
import { fail } from '../common/errors.ts'
import { checkMemory, isDouble, kindOf } from '../common/memory.ts'
import { dataIn, failNumber, floats, isNumeric, lengthOf, shapeOf, showShape } from '../common/tensors.ts'
import type { FloatData, IntegerData, OnnxTensor, Shaped } from '../common/tensors.ts'
import { isObject, isRecord, show, showKeys } from '../common/validate.ts'

/** Values of a cost matrix. Float32Array and Float64Array are never copied. */
export type CostData = FloatData | Exclude<IntegerData, BigInt64Array | BigUint64Array>

/**
 * A cost matrix: a tensor of shape `[rows, columns]`, or a list of at most 16,777,216 rows of equal length (`[]` is 0 × 0).
 * `Infinity` forbids a pair, also when maximising; NaN and `-Infinity` are errors.
 */
export type CostMatrix = Shaped<CostData> | OnnxTensor | ReadonlyArray<ArrayLike<number>>

/** A dense cost matrix, row-major. */
export interface Costs {
  readonly data: Float32Array | Float64Array
  readonly rows: number
  readonly columns: number
  readonly rowList?: undefined
}

/** Reads a dense matrix; float32 and float64 as they lie, all else converted to float64, but for rows of float32. */
export function readDense(cost: CostMatrix): Costs {
  if (Array.isArray(cost)) return readRows(cost)
  checkNames(cost)
  const shape = shapeOf(cost, 'cost')
  if (shape.length !== 2) fail('SHAPE', 'cost', `must be of shape [rows, columns], got ${showShape(shape)}`)
  const [rows, columns] = shape as [number, number]
  return { data: floats(dataIn(cost, 'cost'), shape, 'cost', cost), rows, columns }
}

/** Refuses a sparse matrix with the names that SciPy has for its fields, which would be read as a dense one. */
export function checkNames(cost: unknown): void {
  if (!isObject(cost) || !('indptr' in cost || 'col' in cost) || !isRecord(cost)) return
  const names = 'indptr' in cost ? 'indices, rowStarts: indptr' : 'col, rowIndices: row'
  const rule = `is a sparse matrix under other names: pass { values: data, columnIndices: ${names}, shape }`
  fail('SHAPE', 'cost', `${rule}; it is an object ${showKeys(cost)}`)
}

/** The most rows that are read one by one. */
const MAX_ROWS = 2 ** 24

/** Copies nested rows. */
function readRows(cost: readonly unknown[]): Costs {
  const rows = lengthOf(cost, 'cost')
  if (rows > MAX_ROWS) {
    fail('SHAPE', 'cost', `must have at most ${MAX_ROWS} rows as a list of rows, got ${rows}; pass { data, shape }`)
  }
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
