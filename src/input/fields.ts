/** The fields of a batch as the core takes them: one list of arrays. */
import type { LayerTensors } from './layers.ts'
import type { Predictions } from './outputs.ts'
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

function addGiven(fields: ReadonlyArray<Float32Array | undefined>, list: Float32Array[]): void {
  for (let i = 0; i < fields.length; i++) {
    const values = fields[i]
    if (values !== undefined) list.push(values)
  }
}
