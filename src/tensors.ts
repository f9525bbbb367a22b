import { fail } from './errors.ts'
import { checkMemory, kindOf } from './memory.ts'
import { isRecord, MAX_SIZE, show } from './validate.ts'

/** An object that holds data and shape, of which nothing has been checked yet. */
interface Unchecked {
  readonly data?: unknown
  readonly shape?: unknown
  readonly dims?: unknown
}

/** Arrays that hold plain numbers, typed or not. */
export type Numbers = ArrayLike<number>

/** The shape of a tensor, every entry checked; the rank is the caller's matter. */
export function shapeOf(tensor: unknown, argument: string): readonly number[] {
  if (!isRecord(tensor)) fail('DTYPE', argument, `must be { data, shape } or { data, dims }, got ${show(tensor)}`)
  const shape = (tensor as Unchecked).shape ?? (tensor as Unchecked).dims
  if (!Array.isArray(shape)) fail('SHAPE', argument, `needs a shape, an array of sizes, got ${show(shape)}`)
  for (let i = 0; i < shape.length; i++) {
    const size: unknown = shape[i]
    if (!(Number.isInteger(size) && (size as number) >= 0 && (size as number) <= MAX_SIZE)) {
      fail('SHAPE', argument, `sizes must be integers from 0 to ${MAX_SIZE}, got ${show(size)} at position ${i}`)
    }
  }
  return shape
}

/** A shape as messages show it. */
export function showShape(shape: readonly number[]): string {
  return `[${shape.join(', ')}]`
}

/** The data of a tensor as float32: a Float32Array as it is, anything else converted. Its length fits the shape. */
export function float32(tensor: unknown, shape: readonly number[], argument: string): Float32Array {
  const { data } = tensor as Unchecked
  switch (kindOf(data)) {
    case 'Float32Array':
      checkView(data as Float32Array, shape, argument)
      return data as Float32Array
    case 'Float64Array':
    case 'Float16Array':
      checkView(data as Float64Array, shape, argument)
      return new Float32Array(data as Float64Array)
    default:
      if (!Array.isArray(data)) {
        return failType(data, 'a Float32Array, Float64Array, Float16Array or array of numbers', argument)
      }
      return flatten(data, shape, new Float32Array(sizeOf(shape)), argument)
  }
}

/** Values of a shape: a Float32Array or Float64Array as it is, all else converted to float64. */
export function floats(data: unknown, shape: readonly number[], argument: string): Float32Array | Float64Array {
  const kind = kindOf(data)
  if (kind === undefined) {
    if (!Array.isArray(data)) failType(data, 'a typed array or an array of numbers', argument)
    return flatten(data as readonly unknown[], shape, new Float64Array(sizeOf(shape)), argument)
  }
  if (!isNumeric(kind)) failType(data, 'numbers', argument)
  checkView(data as Float64Array, shape, argument)
  if (kind === 'Float32Array' || kind === 'Float64Array') return data as Float32Array | Float64Array
  return new Float64Array(data as Int32Array)
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
  const expected = sizeOf(shape)
  if (data.length !== expected) failLength(expected, shape, data.length, argument)
}

/** Copies plain numbers, flat or in nested rows, to `out`, whose length is that of the shape. */
export function flatten<Out extends Float32Array | Float64Array>(
  data: readonly unknown[],
  shape: readonly number[],
  out: Out,
  argument: string,
): Out {
  if (typeof data[0] === 'object' && data[0] !== null) {
    fill(data, shape, 0, out, 0, argument)
  } else if (data.length === out.length) {
    fill(data, [out.length], 0, out, 0, argument)
  } else {
    failLength(out.length, shape, data.length, argument)
  }
  return out
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
  const rows = numbersOf(data)
  if (rows === undefined) {
    return fail('DTYPE', argument, `expected ${shape[axis]} values at axis ${axis}, got ${show(data)}`)
  }
  if (rows.length !== shape[axis]) {
    fail(
      'SHAPE',
      argument,
      `expected ${shape[axis]} entries at axis ${axis} of ${showShape(shape)}, got ${rows.length}`,
    )
  }
  let next = start
  for (let i = 0; i < rows.length; i++) {
    const value = rows[i]
    if (axis + 1 < shape.length) next = fill(value, shape, axis + 1, out, next, argument)
    else if (typeof value === 'number') out[next++] = value
    else fail('DTYPE', argument, `must hold numbers only, got ${show(value)} at index ${next}`)
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

/** Refuses data of a wrong type, saying what would help. */
export function failType(data: unknown, expected: string, argument: string): never {
  const kind = kindOf(data)
  if (typeof data === 'function') {
    fail(
      'DTYPE',
      argument,
      `data must be ${expected}, got a function (for a TensorFlow.js tensor, use hungarian-loss/tfjs)`,
    )
  }
  return fail('DTYPE', argument, `data must be ${expected}, got ${kind ?? show(data)}`)
}
