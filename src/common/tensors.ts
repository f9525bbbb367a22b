/** Tensors as callers have them: `{ data, shape }`, whose shape is checked and whose data are read or converted. */
import { fail } from './errors.ts'
import type { ErrorPlace } from './errors.ts'
import { checkMemory, isUsable, kindOf, lengthOfTyped } from './memory.ts'
import { toReadError } from './reading.ts'
import { isObject, isRecord, MAX_SIZE, show, showKeys } from './validate.ts'

/** Float16Array where the runtime has it, described by its structure since older type libraries lack it. */
export interface Float16Data extends ArrayLike<number> {
  /** 2. */
  readonly BYTES_PER_ELEMENT: number
  /** What tells it from other typed arrays. */
  readonly [Symbol.toStringTag]: 'Float16Array'
}

/** Plain numbers, flat or in nested rows. */
export type NestedNumbers = ReadonlyArray<number | NestedNumbers>

/**
 * The values of a tensor. A `Float32Array` is read where it lies and never copied; the others are converted to
 * float32.
 */
export type FloatData = Float32Array | Float64Array | Float16Data | NestedNumbers

/** Typed arrays of integers. */
export type IntegerData =
  | Int8Array
  | Uint8Array
  | Uint8ClampedArray
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array
  | BigInt64Array
  | BigUint64Array

/** Data with its shape, under either of the two customary names. Row-major. */
export type Shaped<Data> = {
  /** The values, the last axis varying fastest. */
  readonly data: Data
} & (
  | {
      /** The sizes of the axes. */
      readonly shape: readonly number[]
    }
  | {
      /** The sizes of the axes, as ONNX Runtime calls them. */
      readonly dims: readonly number[]
    }
)

/**
 * A tensor of ONNX Runtime as `session.run()` gives it: its type does not say what it holds, which is looked at when it
 * is read. Throws `DTYPE` for what the place does not take.
 */
export interface OnnxTensor {
  /** The type of its elements, such as `'float32'`. */
  readonly type: string
  /** Its shape. */
  readonly dims: readonly number[]
  /** Its values, row-major. */
  readonly data: FloatData | IntegerData | readonly string[]
}

/**
 * A tensor of predictions; `{ data, dims }` fits one of ONNX Runtime as it is, once its data are in memory (`DTYPE` where
 * they are on the device, or disposed). The product of the shape must equal the length of the data. Further fields are
 * ignored.
 */
export type TensorLike = Shaped<FloatData> | OnnxTensor

/**
 * Numbers of targets, a row for each: flat, `n × width`, or one row for each target; typed or not. A tensor must be of shape
 * `[n, width]`.
 */
export type TargetRows =
  | FloatData
  | Exclude<IntegerData, BigInt64Array | BigUint64Array>
  | ReadonlyArray<ArrayLike<number>>
  | Shaped<FloatData | Exclude<IntegerData, BigInt64Array | BigUint64Array>>
  | OnnxTensor

/** An object that holds data and shape, of which nothing has been checked yet. */
interface Unchecked {
  readonly data?: unknown
  readonly shape?: unknown
  readonly dims?: unknown
}

/** Arrays that hold plain numbers, typed or not. */
export type Numbers = ArrayLike<number>

/** No shape has so many axes. */
const MAX_RANK = 32

/** A list to be filled at once, which takes a fraction of the time that one takes to grow. */
export function listOf<Entry = number>(length: number): Entry[] {
  // oxlint-disable-next-line unicorn/no-new-array
  return new Array<Entry>(length)
}

/** The shape of a tensor, read once and every entry checked; the rank is the caller's matter. */
export function shapeOf(tensor: unknown, argument: string): readonly number[] {
  const given = isObject(tensor) ? shapeIn(tensor, argument) : undefined
  if (!Array.isArray(given)) {
    if (!isRecord(tensor)) fail('DTYPE', argument, `must be { data, shape } or { data, dims }, got ${show(tensor)}`)
    const isPicture = given === undefined && 'width' in tensor && 'height' in tensor
    const picture = isPicture ? ' (the picture of a canvas? take one number of each of its RGBA pixels)' : ''
    const keys = given === undefined ? `; it is an object ${showKeys(tensor)}${picture}` : ''
    fail('SHAPE', argument, `needs a shape, an array of sizes, got ${show(given)}${keys}`)
  }
  const rank = lengthOf(given, argument)
  if (rank > MAX_RANK) fail('SHAPE', argument, `must have at most ${MAX_RANK} axes, got ${rank}`)
  const shape = listOf(rank)
  for (let i = 0; i < rank; i++) {
    const size: unknown = given[i]
    if (!(Number.isInteger(size) && (size as number) >= 0 && (size as number) <= MAX_SIZE)) {
      fail('SHAPE', argument, `sizes must be integers from 0 to ${MAX_SIZE}, got ${show(size)} at position ${i}`)
    }
    shape[i] = size as number
  }
  return shape
}

function shapeIn(tensor: Unchecked, argument: string): unknown {
  try {
    return tensor.shape ?? tensor.dims
  } catch (error) {
    throw toReadError(error, argument)
  }
}

/** The data of a tensor, read once. */
export function dataIn(tensor: object, argument: string): unknown {
  try {
    return (tensor as Unchecked).data
  } catch (error) {
    throw toReadError(error, argument, whereabouts(tensor))
  }
}

/** Where the data of a tensor of ONNX Runtime are, whose `data` throws where they are not in memory. */
function whereabouts(tensor: object): string | undefined {
  let location: unknown
  try {
    ;({ location } = tensor as { readonly location?: unknown })
  } catch {
    return undefined
  }
  if (location === 'none') return 'the tensor has been disposed, so that its data are gone'
  const isElsewhere = typeof location === 'string' && !location.startsWith('cpu')
  return isElsewhere ? `the data lie on the device (location ${show(location)}): await getData() first` : undefined
}

/**
 * The length of a list, read once: of a typed array its own, of any other what it says, as a proxy may say anything. It
 * must be an array of either sort.
 */
export function lengthOf(list: ArrayLike<unknown>, argument: string): number {
  if (ArrayBuffer.isView(list)) return lengthOfTyped(list)
  const length: unknown = list.length
  if (typeof length === 'number' && length >>> 0 === length) return length
  return fail('DTYPE', argument, `must have a length, got ${show(length)} for it`)
}

/** A shape as messages show it. */
export function showShape(shape: readonly number[]): string {
  return `[${shape.join(', ')}]`
}

/**
 * What is likely behind a wrong shape: the batch axis is missing, or two axes have changed places. Empty where nothing is.
 */
export function shapeHint(got: readonly number[], expected: readonly number[]): string {
  const is = (shape: readonly number[]): boolean =>
    shape.length === expected.length && shape.every((size, axis) => size === expected[axis])
  if (is([1, ...got])) return `; the batch axis is missing: a single image has the shape ${showShape(expected)}`
  const [images = 0, queries = 0, last = 0] = expected
  if (expected.length === 3 && got.length === 2 && got[0] === images * queries && got[1] === last) {
    return `; the axes of images and queries are one: give it the shape ${showShape(expected)}`
  }
  const swapped = (axis: number): boolean => {
    const shape = [...got]
    ;[shape[axis], shape[axis + 1]] = [got[axis + 1] as number, got[axis] as number]
    return got.length > axis + 1 && is(shape)
  }
  for (let axis = got.length - 2; axis >= 0; axis--) {
    if (swapped(axis)) return `; axes ${axis} and ${axis + 1} have changed places: transpose them`
  }
  return ''
}

/** The data of a tensor as float32: a Float32Array as it is, anything else converted. Its length fits the shape. */
export function float32(tensor: unknown, shape: readonly number[], argument: string): Float32Array {
  const data = dataIn(tensor as object, argument)
  const kind = kindOf(data)
  switch (kind) {
    case 'Float32Array':
      checkView(data as Float32Array, shape, argument)
      return data as Float32Array
    case 'Float64Array':
    case 'Float16Array':
      checkView(data as Float64Array, shape, argument)
      return new Float32Array(data as Float64Array)
    default:
      if (!Array.isArray(data)) {
        const hint = kind === 'Uint16Array' ? ` (${HALVES_HINT})` : ''
        return failType(data, 'a Float32Array, Float64Array, Float16Array or array of numbers', argument, tensor, hint)
      }
      return flatten(data, shape, Float32Array, argument)
  }
}

/** Values of a shape: a Float32Array or Float64Array as it is, all else converted to float64. `holder`: what has them. */
export function floats(
  data: unknown,
  shape: readonly number[],
  argument: string,
  holder?: unknown,
): Float32Array | Float64Array {
  const kind = kindOf(data)
  if (kind === 'Float32Array' || kind === 'Float64Array') {
    checkView(data as Float64Array, shape, argument)
    return data as Float32Array | Float64Array
  }
  if (kind === undefined) {
    if (!Array.isArray(data)) failType(data, 'a typed array or an array of numbers', argument, holder)
    return flatten(data as readonly unknown[], shape, Float64Array, argument)
  }
  if (!isNumeric(kind)) failType(data, 'numbers', argument)
  if (kind === 'Uint16Array') checkHalves(holder, argument)
  checkView(data as Int32Array, shape, argument)
  return new Float64Array(data as Int32Array)
}

/** Where there is no Float16Array, ONNX Runtime gives float16 as their bits. */
const HALVES_HINT = "type 'float16': cast the output to float32 in the model"

/** Refuses the bits of float16 numbers, which would be taken for integers. `holder`: the tensor whose data are Uint16Array. */
export function checkHalves(holder: unknown, argument: string): void {
  if (!isRecord(holder) || holder['type'] !== 'float16') return
  fail('DTYPE', argument, `data must be numbers, got the bits of float16 numbers as Uint16Array (${HALVES_HINT})`)
}

/** Number of values of a shape. Inexact only beyond 2^53, where no array has that length. */
export function sizeOf(shape: readonly number[]): number {
  let size = 1
  for (let i = 0; i < shape.length; i++) size *= shape[i] as number
  return size
}

/** Checks a typed array's memory and length. */
export function checkView(data: ArrayBufferView & Numbers, shape: readonly number[], argument: string): void {
  checkMemory(data, argument)
  const [expected, length] = [sizeOf(shape), lengthOfTyped(data)]
  if (length !== expected) failLength(expected, shape, length, argument)
}

/** Copies plain numbers, flat or in nested rows, to a new array of the shape's length. */
function flatten<Out extends Float32Array | Float64Array>(
  data: readonly unknown[],
  shape: readonly number[],
  Type: new (length: number) => Out,
  argument: string,
): Out {
  const size = sizeOf(shape)
  const first: unknown = data[0]
  if (typeof first === 'object' && first !== null) {
    checkFirst(data, shape, argument)
    const out = new Type(size)
    fill(data, shape, 0, out, 0, argument)
    return out
  }
  const length = lengthOf(data, argument)
  if (length !== size) failLength(size, shape, length, argument)
  const out = new Type(size)
  fill(data, [size], 0, out, 0, argument)
  return out
}

/** Compares the first rows' lengths with a shape, so that no more memory is taken than the rows may fill. */
function checkFirst(data: unknown, shape: readonly number[], argument: string): void {
  let row = data
  for (let axis = 0; axis < shape.length && shape[axis] !== 0; axis++) row = rowsOf(row, shape, axis, argument)[0]
}

/** The rows, or numbers, at an axis, as many as the shape says. */
function rowsOf(data: unknown, shape: readonly number[], axis: number, argument: string): ArrayLike<unknown> {
  const rows = numbersOf(data)
  if (rows === undefined) {
    return fail('DTYPE', argument, `expected ${shape[axis]} values at axis ${axis}, got ${show(data)}`)
  }
  if (ArrayBuffer.isView(rows) && !isUsable(rows)) checkMemory(rows, argument)
  const length = lengthOf(rows, argument)
  if (length === shape[axis]) return rows
  return fail(
    'SHAPE',
    argument,
    `expected ${shape[axis]} entries at axis ${axis} of ${showShape(shape)}, got ${length}`,
  )
}

/** Copies one level of nested rows to `out` from `start`; gives the place after the last value written. */
function fill(
  data: unknown,
  shape: readonly number[],
  axis: number,
  out: Float32Array | Float64Array,
  start: number,
  argument: string,
): number {
  const rows = rowsOf(data, shape, axis, argument)
  const length = shape[axis] as number
  let next = start
  for (let i = 0; i < length; i++) {
    const value = rows[i]
    if (axis + 1 < shape.length) next = fill(value, shape, axis + 1, out, next, argument)
    else if (typeof value === 'number') out[next++] = value
    else failNumber(value, argument, `at index ${next}`)
  }
  return next
}

/** The value itself where it is an array, typed or not, of what may be numbers. */
export function numbersOf(value: unknown): ArrayLike<unknown> | undefined {
  return Array.isArray(value) || isNumeric(kindOf(value)) ? (value as ArrayLike<unknown>) : undefined
}

/** Whether a typed array's class holds numbers rather than bigints. */
export function isNumeric(kind: string | undefined): boolean {
  return kind !== undefined && !kind.startsWith('Big')
}

function failLength(expected: number, shape: readonly number[], got: number, argument: string): never {
  fail('SHAPE', argument, `expected ${expected} values for ${showShape(shape)}, got ${got}`)
}

/** Refuses what is no number among numbers. `where`: at which place. `kinds`: what may stand there. */
export function failNumber(
  value: unknown,
  argument: string,
  where: string,
  place?: ErrorPlace,
  kinds = 'numbers only',
): never {
  const hint = value === null ? " (JSON's Infinity or NaN?)" : ''
  return fail('DTYPE', argument, `must hold ${kinds}, got ${show(value)}${hint} ${where}`, place)
}

/**
 * Refuses data of a wrong type, saying what would help. `holder`: the object that was to have them. `hint`: what else
 * there is to say.
 */
export function failType(
  data: unknown,
  expected: string,
  argument: string,
  holder?: unknown,
  hint = '',
  place?: ErrorPlace,
): never {
  const kind = kindOf(data)
  if (typeof data === 'function') {
    fail(
      'DTYPE',
      argument,
      `data must be ${expected}, got a function (for a TensorFlow.js tensor, use hungarian-loss/tfjs; to inspect a batch of them, give its criterion check: 'warn')`,
      place,
    )
  }
  const keys = data === undefined && isRecord(holder) ? `; what was given is an object ${showKeys(holder)}` : ''
  return fail('DTYPE', argument, `data must be ${expected}, got ${kind ?? show(data)}${keys}${hint}`, place)
}
