/** The layers of a batch's predictions one by one, and what findings say of them. */
import { placeOf } from '../../input/layers.ts'
import type { LayerTensors } from '../../input/layers.ts'
import type { Predictions } from '../../input/outputs.ts'
import type { Field, LayerFields } from '../../terms/index.ts'
import type { Finding } from './finding.ts'

const NONE = new Float32Array(0)

/** One layer's tensors, or several layers', and what their numbers are. */
export interface Block {
  readonly tensors: LayerTensors
  /** Queries and columns of each image. */
  readonly rows: number
  readonly classes: number
  readonly images: number
}

/** The layers of all parts that have tensors of their own. */
export function listBlocks({ parts, images }: Predictions): Block[] {
  const own = parts.filter(({ key, tensors }) => key === tensors)
  return own.flatMap(({ layers: { tensors, rows, classes } }) =>
    tensors.map((layer) => ({ tensors: layer, rows, classes, images })),
  )
}

/** The values of a field; none where the layer lacks it. */
export function valuesOf({ tensors }: Block, field: keyof LayerFields): Float32Array {
  return tensors.values[placeOf(field)] ?? NONE
}

/** An example that a value of a field gives, of the query, image or layer that has it. */
export function atHolder(block: Block, field: string, heldBy: Field['heldBy'], i: number, example: number) {
  const { tensors, images, rows } = block
  const layers = Math.max(tensors.layers, 1)
  const total = valuesOf(block, field as keyof LayerFields).length
  if (heldBy === 'query') return atQuery(block, field, Math.floor(i / (total / (layers * images * rows))), example)
  const layer = tensors.layers > 1 ? { layer: Math.floor(i / (total / layers)) } : {}
  const image = heldBy === 'image' ? { image: Math.floor(i / (total / (layers * images))) % images } : {}
  return { argument: `${tensors.name}.${field}`, place: { ...layer, ...image }, example }
}

/** An example that a tensor gives, of a query counted over all layers and images. */
export function atQuery(
  { tensors: { name, layers }, images, rows }: Block,
  field: string,
  at: number,
  example: Finding['example'],
) {
  const image = Math.floor(at / rows) % Math.max(images, 1)
  const place = { image, query: at % rows }
  const layer = Math.floor(at / (rows * Math.max(images, 1)))
  return { argument: `${name}.${field}`, place: layers > 1 ? { layer, ...place } : place, example }
}
