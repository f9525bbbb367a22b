/** Numbers in whatever holds them, typed, listed, nested or with a shape: copied, changed, and given back in the same form. */
import { fail } from '../common/errors.ts'
import { checkMemory, kindOf } from '../common/memory.ts'
import { dataIn, failNumber, failType, floats, isNumeric, lengthOf, shapeOf } from '../common/tensors.ts'
import type { Float16Data, FloatData, IntegerData, NestedNumbers, OnnxTensor, Shaped } from '../common/tensors.ts'
import { isObject, show } from '../common/validate.ts'

/** Typed arrays of numbers but float32 and float64. */
type OtherNumbers = Float16Data | Exclude<IntegerData, BigInt64Array | BigUint64Array>

/** What may hold numbers: a typed array, a list, nested lists, or data with their shape. */
export type NumbersLike =
  | Float32Array
  | Float64Array
  | OtherNumbers
  | NestedNumbers
  | ReadonlyArray<Float32Array | Float64Array>
  | Shaped<FloatData | OtherNumbers>
  | OnnxTensor

/** Typed arrays of one's own: float32 stays float32, all else is float64. */
type OwnData<Data> = Data extends Float32Array
  ? Float32Array
  : Data extends FloatData | OtherNumbers
    ? Float64Array
    : never

/** Numbers in the form they came in: typed arrays and lists as they were, with `shape` where there was a shape. */
export type SameForm<Given> = 0 extends 1 & Given
  ? any
  : Given extends { readonly data: infer Data }
    ? { data: OwnData<Data>; shape: number[] }
    : Given extends readonly unknown[]
      ? SameRows<Given[number]>[]
      : OwnData<Given>

/** An entry of a list. */
type SameRows<Entry> = Entry extends number ? number : SameForm<Entry>

/** Numbers that lie one after the other, copied. */
export type Run = Float32Array | Float64Array | number[]

/** The most numbers of a list, far more than lists are good for. */
const MAX_NUMBERS = 2 ** 26

/** The most levels of nested lists. */
const MAX_DEPTH = 32

/**
 * Copies numbers, has each run of them changed in place, and gives them back in the form they came in. A run is a typed array, a list
 * of numbers, or the data of a tensor, whose shape `change` is then given, too.
 */
export function mapNumbers(
  given: unknown,
  argument: string,
  change: (run: Run, argument: string, shape?: readonly number[]) => void,
): unknown {
  return mapLevel(given, argument, change, 0)
}

function mapLevel(
  given: unknown,
  argument: string,
  change: (run: Run, argument: string, shape?: readonly number[]) => void,
  depth: number,
): unknown {
  const kind = kindOf(given)
  if (kind !== undefined) {
    const run = copyTyped(given as Float32Array, kind, argument)
    change(run, argument)
    return run
  }
  if (Array.isArray(given)) {
    const length = lengthOf(given, argument)
    if (length > MAX_NUMBERS) fail('SHAPE', argument, `may have at most ${MAX_NUMBERS} entries, got ${length}`)
    const first: unknown = given[0]
    if (typeof first === 'object' && first !== null) {
      if (depth + 1 === MAX_DEPTH) fail('SHAPE', argument, `may have at most ${MAX_DEPTH} levels`)
      const rows: unknown[] = []
      for (let i = 0; i < length; i++) {
        const row: unknown = i === 0 ? first : given[i]
        const name = `${argument}[${i}]`
        if (!Array.isArray(row) && kindOf(row) === undefined) {
          fail('DTYPE', name, `must be a row of numbers, as the first one, got ${show(row)}`)
        }
        rows.push(mapLevel(row, name, change, depth + 1))
      }
      return rows
    }
    const run: number[] = []
    for (let i = 0; i < length; i++) {
      const value: unknown = i === 0 ? first : given[i]
      if (typeof value !== 'number') failNumber(value, argument, `at index ${i}`)
      run.push(value)
    }
    change(run, argument)
    return run
  }
  if (!isObject(given) || depth > 0) {
    return fail('DTYPE', argument, `must be an array of numbers or { data, shape }, got ${show(given)}`)
  }
  const data = dataIn(given, argument)
  if (data === undefined) failType(data, 'an array of numbers', argument, given)
  const shape = shapeOf(given, argument)
  const values = floats(data, shape, argument, given)
  const run = values === data ? copyTyped(values, kindOf(values) as string, argument) : values
  change(run, argument, shape)
  return { data: run, shape: [...shape] }
}

/** A copy of a typed array: float32 and float64 as they are, all others as float64. */
function copyTyped(data: Float32Array | Float64Array, kind: string, argument: string): Float32Array | Float64Array {
  if (!isNumeric(kind)) failType(data, 'numbers', argument)
  checkMemory(data, argument)
  return kind === 'Float32Array' ? new Float32Array(data) : new Float64Array(data)
}
