/** Typed arrays and their memory, read past whatever properties an array has of its own. */
import { isSharedArrayBuffer } from '#host'
import { fail } from './errors.ts'

const typedArray: object = Object.getPrototypeOf(Uint8Array.prototype)

/** A getter that all typed arrays have, which reads the array itself, whatever properties of its own it has. */
function getterOf<Value>(name: string | symbol): (this: unknown) => Value {
  return Object.getOwnPropertyDescriptor(typedArray, name)?.get as (this: unknown) => Value
}

const tag = getterOf<string | undefined>(Symbol.toStringTag)
const length = getterOf<number>('length')
const buffer = getterOf<ArrayBufferLike>('buffer')
const byteLength = getterOf<number>('byteLength')
const byteOffset = getterOf<number>('byteOffset')
const { at } = typedArray as { readonly at: (this: unknown, index: number) => unknown }

/** A typed array's class, as `'Float32Array'`, whatever realm it was made in; undefined for everything else. */
export function kindOf(value: unknown): string | undefined {
  return tag.call(value)
}

/** A typed array's own length. */
export function lengthOfTyped(array: ArrayBufferView): number {
  return length.call(array)
}

/** A typed array's own buffer. */
export function bufferOf(array: ArrayBufferView): ArrayBufferLike {
  return buffer.call(array)
}

/** A typed array's memory, read once, since typed arrays take their time to give a buffer. */
export function bytesOf(array: ArrayBufferView): Bytes {
  return { buffer: buffer.call(array), byteOffset: byteOffset.call(array), byteLength: byteLength.call(array) }
}

/** Some bytes of a buffer. */
export type Bytes = Pick<ArrayBufferView, 'buffer' | 'byteOffset' | 'byteLength'>

/** Whether an array, of which only the values' width is in doubt, holds float64. */
export function isDouble(data: Float32Array | Float64Array): data is Float64Array {
  return tag.call(data) === 'Float64Array'
}

/** Whether memory is certainly none that {@link checkMemory} refuses, which is quickly found out. */
export function isUsable(array: ArrayBufferView): boolean {
  return byteLength.call(array) > 0 && buffer.call(array) instanceof ArrayBuffer
}

/** Refuses memory that another thread could write to while it is read, and memory that has been taken away. */
export function checkMemory(data: ArrayBufferView, argument: string): void {
  const memory = buffer.call(data)
  if (!(memory instanceof ArrayBuffer) && isSharedArrayBuffer(memory)) {
    fail('DTYPE', argument, 'lies in a SharedArrayBuffer, which another thread could write to; pass a copy')
  }
  if (byteLength.call(data) === 0 && isTakenAway(data)) {
    const rule =
      'has no values left, since its buffer is detached (transferred to another thread?) or shorter than it was'
    fail('SHAPE', argument, rule)
  }
}

/** Whether an array's memory has been taken away, or some of it, so that not even reading beyond its end is allowed. */
function isTakenAway(array: ArrayBufferView): boolean {
  try {
    at.call(array, 0)
    return false
  } catch {
    return true
  }
}

/** Whether two arrays, or what {@link bytesOf} gives of them, have bytes in common. */
export function overlap(a: Bytes, b: Bytes): boolean {
  return (
    a.buffer === b.buffer && a.byteOffset < b.byteOffset + b.byteLength && b.byteOffset < a.byteOffset + a.byteLength
  )
}
