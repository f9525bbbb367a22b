import { isSharedArrayBuffer } from 'node:util/types'
import { fail } from './errors.ts'

const tag = Object.getOwnPropertyDescriptor(Object.getPrototypeOf(Uint8Array.prototype), Symbol.toStringTag)?.get as (
  this: unknown,
) => string | undefined

/** A typed array's class, as `'Float32Array'`, whatever realm it was made in; undefined for everything else. */
export function kindOf(value: unknown): string | undefined {
  return tag.call(value)
}

/** Whether an array, of which only the values' width is in doubt, holds float64. */
export function isDouble(data: Float32Array | Float64Array): data is Float64Array {
  return data.BYTES_PER_ELEMENT === 8
}

/** Whether memory is certainly none that {@link checkMemory} refuses, which is quickly found out. */
export function isUsable({ byteLength, buffer }: ArrayBufferView): boolean {
  return byteLength > 0 && buffer instanceof ArrayBuffer
}

/** Refuses memory that another thread could write to while it is read, and memory that has been taken away. */
export function checkMemory(data: ArrayBufferView, argument: string): void {
  const { buffer } = data
  if (!(buffer instanceof ArrayBuffer) && isSharedArrayBuffer(buffer)) {
    fail('DTYPE', argument, 'lies in a SharedArrayBuffer, which another thread could write to; pass a copy')
  }
  if (data.byteLength === 0 && isDetached(buffer)) {
    fail('SHAPE', argument, 'has no values left, since its buffer is detached (transferred to another thread?)')
  }
}

/** Whether a buffer's memory has been taken away. */
function isDetached(buffer: ArrayBufferLike): boolean {
  const { detached } = buffer as { readonly detached?: boolean }
  if (detached !== undefined) return detached
  try {
    buffer.slice(0, 0)
    return false
  } catch {
    return true
  }
}

/** Whether two arrays have bytes in common. */
export function overlap(a: ArrayBufferView, b: ArrayBufferView): boolean {
  return (
    a.buffer === b.buffer && a.byteOffset < b.byteOffset + b.byteLength && b.byteOffset < a.byteOffset + a.byteLength
  )
}
