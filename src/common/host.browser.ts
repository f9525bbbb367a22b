/** What browsers have in place of what Node.js has, with the names of `host.ts`. */
import type { Memory } from './host.ts'

export type { Memory } from './host.ts'

const tag = (value: unknown): string => Object.prototype.toString.call(value)

/** Whether a value is an error, whatever realm it was made in. */
export function isNativeError(value: unknown): value is Error {
  const { isError } = Error as { isError?: (value: unknown) => boolean }
  return isError === undefined ? value instanceof Error || tag(value) === '[object Error]' : isError(value)
}

/** Whether memory is shared between threads; where pages may share none, there is no such class. */
export function isSharedArrayBuffer(value: unknown): value is SharedArrayBuffer {
  return tag(value) === '[object SharedArrayBuffer]'
}

/** Memory; browsers have none but what is zeroed. */
export function allocate(bytes: number): Memory {
  return { buffer: new ArrayBuffer(bytes), byteOffset: 0 }
}

/** Warns in the console. */
export function warn(message: string, code: string): void {
  console.warn(`[${code}] HungarianLossWarning: ${message}`)
}

/** Nothing: a page that is left waits for no call. */
export function addExitListener(): void {}

/** Nothing, likewise. */
export function removeExitListener(): void {}
