/** The tensors of the layers, as the binding takes them. */
export type Tensors = Record<'logits' | 'boxes' | 'corners' | 'references', Float32Array[]>

/**
 * Takes arrays away from the caller: the same values in arrays that nobody else has, without a copy; the buffers of the
 * given ones are detached. Undefined, and nothing is taken, where Node refuses to transfer one of them.
 */
export function takeAway(tensors: Tensors): Tensors | undefined {
  const buffers = new Set<ArrayBuffer>()
  for (const arrays of Object.values(tensors)) {
    for (const { buffer, length } of arrays) if (length > 0) buffers.add(buffer as ArrayBuffer)
  }
  try {
    return structuredClone(tensors, { transfer: [...buffers] })
  } catch {
    return undefined
  }
}
