/** What only Node.js has; `host.browser.ts` stands in its place in browsers, by the condition of that name in package.json. */
import { Buffer } from 'node:buffer'
import { emitWarning } from 'node:process'
export { isNativeError, isSharedArrayBuffer } from 'node:util/types'

/** Bytes of a buffer from some place on. */
export interface Memory {
  readonly buffer: ArrayBuffer
  readonly byteOffset: number
}

/** Memory that holds whatever it held; to zero it would take time. */
export function allocate(bytes: number): Memory {
  return Buffer.allocUnsafeSlow(bytes)
}

/** Warns as the surroundings do, under the name `HungarianLossWarning` and a code. */
export function warn(message: string, code: string): void {
  emitWarning(message, { type: 'HungarianLossWarning', code })
}

/** Has a function called when the process, or worker, exits. */
export function addExitListener(listener: () => void): void {
  process.on('exit', listener)
}

/** Undoes {@link addExitListener}. */
export function removeExitListener(listener: () => void): void {
  process.off('exit', listener)
}
