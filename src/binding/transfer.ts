/** Memory of the caller's that a call may keep. */

/**
 * Takes arrays away from the caller: the same values in arrays that nobody else has, without a copy; the buffers of the
 * given ones are detached. Undefined, and nothing is taken, where Node refuses to transfer one of them.
 */
export function takeAway(arrays: Float32Array[]): Float32Array[] | undefined {
  const buffers = new Set<ArrayBuffer>()
  for (const { buffer, length } of arrays) if (length > 0) buffers.add(buffer as ArrayBuffer)
  try {
    return structuredClone(arrays, { transfer: [...buffers] })
  } catch {
    return undefined
  }
}
