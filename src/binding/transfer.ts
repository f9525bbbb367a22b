/** Memory of the caller's that a call may keep. */
import { bufferOf } from '../common/memory.ts'

/** What {@link takeAway} took, and what was beside it. */
interface Taken {
  readonly arrays: Float32Array[]
  readonly beside: Uint8Array[]
}

/**
 * Takes arrays away from the caller: the same values in arrays that nobody else has, without a copy; the buffers of the
 * given ones are detached. Of arrays `beside` them, those that lie in these buffers come along; the others stay as they are. Undefined, and
 * nothing is taken, where Node refuses to transfer one of them.
 */
export function takeAway(arrays: Float32Array[], beside: readonly Uint8Array[] = []): Taken | undefined {
  const buffers = new Set<ArrayBufferLike>()
  for (const array of arrays) if (array.length > 0) buffers.add(bufferOf(array))
  const along = beside.map((array) => (buffers.has(bufferOf(array)) ? array : undefined))
  try {
    const taken = structuredClone({ arrays, along }, { transfer: [...buffers] as ArrayBuffer[] })
    return { arrays: taken.arrays, beside: beside.map((array, i) => taken.along[i] ?? array) }
  } catch {
    return undefined
  }
}
