/** The fields of a batch as the core takes them: one list of arrays. */
import type { LayerTensors } from './layers.ts'
import type { Predictions } from './outputs.ts'
import type { Part } from './part.ts'
import type { PackedTargets } from './packing.ts'

/** Of each stack the tensors of its fields, then the fields that the targets have, each in the core's order. */
export function listFields({ tensors }: Predictions, { fields }: PackedTargets): Float32Array[] {
  const list: Float32Array[] = []
  for (let i = 0; i < tensors.length; i++) addGiven((tensors[i] as LayerTensors).values, list)
  addGiven(fields, list)
  return list
}

/** How many of them are tensors. */
export function countTensors({ tensors }: Predictions): number {
  const list: Float32Array[] = []
  for (const { values } of tensors) addGiven(values, list)
  return list.length
}

/** What few batches have; absent where this one has nothing of it. */
export function extrasOf({ parts, images }: Predictions, { values, weights, columns }: PackedTargets) {
  const isWeighed = parts.some(({ queryWeights }) => queryWeights !== undefined)
  if (!isWeighed && (values ?? weights ?? columns) === undefined) return undefined
  return { values, weights, columns, queryWeights: isWeighed ? packQueryWeights(parts, images) : undefined }
}

/** For each part whose queries have weights, `[images, queries]`, one part after the other. */
function packQueryWeights(parts: readonly Part[], images: number): Float32Array {
  const list: Float32Array[] = []
  for (const { queryWeights, layers, first, end } of parts) {
    if (queryWeights === undefined) continue
    for (let image = 0; image < images; image++) {
      list.push(queryWeights.subarray(image * layers.rows + first, image * layers.rows + end))
    }
  }
  const packed = new Float32Array(list.reduce((sum, { length }) => sum + length, 0))
  let next = 0
  for (const weights of list) {
    packed.set(weights, next)
    next += weights.length
  }
  return packed
}

function addGiven(fields: ReadonlyArray<Float32Array | undefined>, list: Float32Array[]): void {
  for (let i = 0; i < fields.length; i++) {
    const values = fields[i]
    if (values !== undefined) list.push(values)
  }
}
