/** What few targets have: values of classes instead of labels, columns of the logits that there are, and weights. */
import { float32s } from '../binding/slab.ts'
import { fail } from '../common/errors.ts'
import { checkMemory, isUsable, kindOf } from '../common/memory.ts'
import { checkHalves, failNumber, float32, isNumeric, lengthOf, shapeOf, showShape } from '../common/tensors.ts'
import type { Numbers, TensorLike } from '../common/tensors.ts'
import { isObject, show } from '../common/validate.ts'

/**
 * How much each target has of each column of the logits, `[n, C]` of numbers from 0 to 1, at least one of a row above 0: a dense
 * tensor, or rows of numbers.
 */
export type Positives = TensorLike | ReadonlyArray<Numbers>

/** The positives of one image's targets, as many rows as there are targets. */
export interface ReadPositives {
  readonly rows: number
  readonly columns: number
  /** `[rows, columns]`. */
  readonly values: Float32Array
}

/** Reads how much each target has of each of so many columns. */
export function readPositives(given: unknown, columns: number, argument: string, image: number): ReadPositives {
  if (Array.isArray(given)) return readRows(given, columns, argument, image)
  const shape = shapeOf(given, argument)
  if (shape.length !== 2 || shape[1] !== columns) {
    const rule = `expected shape [n, ${columns}], a row for each target and a number for each column of the logits`
    fail('SHAPE', argument, `${rule}, got ${showShape(shape)}`, { image })
  }
  return { rows: shape[0] as number, columns, values: float32(given, shape, argument) }
}

function readRows(given: readonly unknown[], columns: number, argument: string, image: number): ReadPositives {
  const rows = lengthOf(given, argument)
  const values = new Float32Array(rows * columns)
  for (let target = 0; target < rows; target++) {
    const row: unknown = given[target]
    const kind = kindOf(row)
    if (kind === undefined ? !Array.isArray(row) : !isNumeric(kind)) {
      const rule = `must be { data, shape } or an array of rows, got ${show(row)} for target ${target}`
      fail('DTYPE', argument, rule, { image, target })
    }
    if (kind !== undefined && !isUsable(row as Float32Array)) checkMemory(row as Float32Array, argument)
    const length = lengthOf(row as Numbers, argument)
    if (length !== columns) {
      const rule = `expected ${columns} numbers for target ${target}, one for each column of the logits, got ${length}`
      fail('SHAPE', argument, rule, { image, target })
    }
    for (let column = 0; column < columns; column++) {
      const value = (row as Numbers)[column] as unknown
      if (typeof value !== 'number') failNumber(value, argument, `at target ${target}`, { image, target })
      values[target * columns + column] = value
    }
  }
  return { rows, columns, values }
}

/** Appends the columns that a target has any of, and how much; at least one. */
export function addPositives(
  { columns, values: given }: ReadPositives,
  target: number,
  [labels, values]: readonly [labels: number[], values: number[]],
  place: { readonly argument: string; readonly image: number; readonly isIgnored: boolean },
): void {
  const first = labels.length
  for (let column = 0; column < columns; column++) {
    const value = given[target * columns + column] as number
    if (value === 0) continue
    labels.push(column)
    values.push(value)
  }
  if (labels.length > first) return
  if (!place.isIgnored) {
    const rule = `target ${target} has no column above 0; every target needs at least one`
    fail('RANGE', place.argument, rule, { image: place.image, target })
  }
  labels.push(0)
  values.push(1)
}

/** Which columns of the logits an image has, one flag for each: true or 1, otherwise false or 0. */
export function readColumns(given: unknown, columns: number, argument: string, image: number): ArrayLike<unknown> {
  const list = listIn(given, 'an array of flags', argument, image)
  const length = lengthOf(list, argument)
  if (length !== columns) {
    const rule = `expected ${columns} flags, one for each column of the logits, got ${length}`
    fail('SHAPE', argument, rule, { image })
  }
  return list
}

/** Weights of an image's targets. */
export function readWeights(given: unknown, count: number, argument: string, image: number): ArrayLike<unknown> {
  const list = listIn(given, 'an array of numbers', argument, image)
  const length = lengthOf(list, argument)
  if (length !== count) {
    fail('SHAPE', argument, `expected ${count} weights, one for each target, got ${length}`, { image })
  }
  return list
}

/** An array, or the data of a tensor of one axis. */
function listIn(given: unknown, expected: string, argument: string, image: number): ArrayLike<unknown> {
  let list = given
  let shape: readonly number[] | undefined
  if (isObject(given) && 'data' in given) {
    shape = shapeOf(given, argument)
    if (shape.length !== 1) fail('SHAPE', argument, `must be of one axis, got ${showShape(shape)}`, { image })
    list = given['data']
  }
  const kind = kindOf(list)
  if (!Array.isArray(list) && kind === undefined) {
    fail('DTYPE', argument, `must be ${expected}, got ${show(given)}`, { image })
  }
  if (kind === 'Uint16Array') checkHalves(given, argument)
  if (kind !== undefined) checkMemory(list as Uint8Array, argument)
  const length = lengthOf(list as ArrayLike<unknown>, argument)
  if (shape !== undefined && shape[0] !== length) {
    fail('SHAPE', argument, `expected ${shape[0]} values for ${showShape(shape)}, got ${length}`, { image })
  }
  return list as ArrayLike<unknown>
}

/** What an image's targets have of these. */
interface WithExtras {
  readonly count: number
  readonly weights: ArrayLike<unknown> | undefined
  readonly columns: ArrayLike<unknown> | undefined
}

/** The flags of all images, `[B, columns]`; absent where no image has any. */
export function packColumns(targets: readonly WithExtras[], columns: number): Uint8Array | undefined {
  if (!targets.some((target) => target.columns !== undefined)) return undefined
  const flags = new Uint8Array(targets.length * columns).fill(1)
  for (const [image, { columns: own }] of targets.entries()) {
    if (own === undefined) continue
    for (let column = 0; column < columns; column++) {
      const flag: unknown = own[column]
      if (flag !== true && flag !== false && flag !== 1 && flag !== 0) {
        const rule = `must hold true or 1, false or 0, got ${show(flag)} at column ${column}`
        fail('DTYPE', `targets[${image}].columns`, rule, { image })
      }
      flags[image * columns + column] = Number(flag)
    }
  }
  return flags
}

/** The weights of all targets, `[T]`, 1 where an image has none; absent where none has. */
export function packWeights(targets: readonly WithExtras[], offsets: Uint32Array): Float32Array | undefined {
  if (!targets.some(({ weights }) => weights !== undefined)) return undefined
  const packed = float32s(offsets[targets.length] as number)
  for (const [image, { weights, count }] of targets.entries()) {
    for (let target = 0; target < count; target++) {
      const value = weights === undefined ? 1 : weights[target]
      if (typeof value !== 'number') {
        failNumber(value, `targets[${image}].weights`, `at target ${target}`, { image, target })
      }
      packed[(offsets[image] as number) + target] = value as number
    }
  }
  return packed
}
