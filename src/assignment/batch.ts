/** Many matrices in one call. */
import { assignBatchF32, assignBatchF64 } from '../binding/native.ts'
import { fail, toHungarianLossError } from '../common/errors.ts'
import { isDouble } from '../common/memory.ts'
import { toReadError } from '../common/reading.ts'
import { floats, lengthOf } from '../common/tensors.ts'
import { checkInteger, isRecord, MAX_SIZE, show, showKeys } from '../common/validate.ts'
import { readSettings } from './options.ts'
import type { AssignmentOptions } from './options.ts'
import { listPairs, noPairs } from './pairs.ts'
import type { Assignment, AssignmentWithDuals } from './pairs.ts'
import type { CostData } from './dense.ts'

/**
 * Cost matrices of different shapes, row-major, one after the other in `data`; each entry of `shapes` is
 * `[rows, columns]`. A Float32Array or Float64Array is never copied.
 */
export interface CostMatrices {
  /** The cells of all matrices. */
  readonly data: CostData
  /** Rows and columns of each. */
  readonly shapes: ReadonlyArray<readonly number[]>
}

const NO_DUALS = new Float64Array(0)

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
    const { maximize, partial, limit, wanted } = readSettings(options)
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
      const [rows, columns] = readShape(shapes[matrix], matrix)
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
function readShape(shape: unknown, matrix: number): readonly [number, number] {
  const argument = `costs.shapes[${matrix}]`
  if (!Array.isArray(shape) || lengthOf(shape, argument) !== 2) {
    fail('SHAPE', argument, `must be [rows, columns], got ${show(shape)}`, { matrix })
  }
  return [
    checkInteger(shape[0], 0, MAX_SIZE, argument, 'SHAPE'),
    checkInteger(shape[1], 0, MAX_SIZE, argument, 'SHAPE'),
  ]
}
