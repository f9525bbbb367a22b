/** The arrays that gradients are written to, and how the caller sees them. */
import { Buffer } from 'node:buffer'
import { constructorOf, WITH_JSON } from '../common/plain.ts'
import type { Unfinished } from '../common/plain.ts'
import type { LayerGradients, LayerGradientsOf } from '../terms/index.ts'
import type { Layers } from './layers.ts'
import { ABSENT } from './outputs.ts'
import type { Predictions } from './outputs.ts'
import type { Part } from './part.ts'

/** Gradients of one part. */
export interface PartGradients extends LayerGradients {
  /** Those of the earlier layers, first to last, where the outputs list them. */
  readonly auxiliary?: readonly LayerGradients[] | undefined
}

/** Gradients in the layout of the inputs: what the outputs have tensors for, these have arrays for. */
export interface Gradients extends PartGradients {
  /** Those of the encoder's proposals. */
  readonly encoder?: PartGradients | undefined
  /** Those of denoising queries that have tensors of their own. */
  readonly denoising?: PartGradients | undefined
  /** Those of a one-to-many branch that has tensors of its own. */
  readonly oneToMany?: PartGradients | undefined
}

/** {@link Gradients}, certain where the type of the outputs says that they have tensors. */
export type GradientsOf<O> = Gradients &
  LayerGradientsOf<O> &
  (O extends { readonly encoder: object } ? { readonly encoder: PartGradients } : unknown) &
  (O extends { readonly denoising: { readonly logits: object } } ? { readonly denoising: PartGradients } : unknown) &
  (O extends { readonly oneToMany: { readonly logits: object } } ? { readonly oneToMany: PartGradients } : unknown)

/**
 * Arrays for the gradients, in the layout of the inputs: for each of the predictions' tensors those of logits, boxes and,
 * where any layer has them, corners, without any values for layers without. None where no gradients are wanted.
 */
export type GradientArrays = Float32Array[]

/** No gradients wanted. */
export const NO_GRADIENTS: GradientArrays = []

/** How many arrays a layer has. */
export const perLayer = ({ hasCorners }: Predictions): number => (hasCorners ? 3 : 2)

/**
 * New arrays, all in one buffer, which hold whatever that memory held: the core writes every element. Zeroing them, or
 * making a buffer for each, would cost as much as the loss of a small batch.
 */
export function makeGradients({ tensors, hasCorners }: Predictions): GradientArrays {
  let length = 0
  for (const { logits, boxes, corners = ABSENT } of tensors) length += logits.length + boxes.length + corners.length
  const { buffer, byteOffset } = Buffer.allocUnsafeSlow(4 * length)
  let start = byteOffset
  const next = (like: Float32Array): Float32Array => {
    const array = new Float32Array(buffer, start, like.length)
    start += array.byteLength
    return array
  }
  const gradients: Float32Array[] = []
  for (const { logits, boxes, corners } of tensors) {
    gradients.push(next(logits), next(boxes))
    if (hasCorners) gradients.push(corners === undefined ? ABSENT : next(corners))
  }
  return gradients
}

/** The arrays as the caller sees them: of each part the final layer at the top, earlier ones in `auxiliary`. */
export function layOut(gradients: GradientArrays, predictions: Predictions): Gradients {
  const { parts } = predictions
  const width = perLayer(predictions)
  const result: Unfinished<Gradients> = ofPart(gradients, width, (parts[0] as Part).layers)
  for (let i = 1; i < parts.length; i++) {
    const { key, tensors, layers } = parts[i] as Part
    if (key !== undefined && key === tensors) result[key] = ofPart(gradients, width, layers)
  }
  return result
}

/** The arrays of one part. */
function ofPart(gradients: GradientArrays, width: number, { firstTensors, tensors }: Layers): PartGradients {
  const final = tensors.length - 1
  const result = ofLayer(gradients, width, firstTensors + final)
  if (final === 0) return result
  return Object.assign(result, {
    auxiliary: tensors.slice(0, final).map((_, i) => ofLayer(gradients, width, firstTensors + i)),
  })
}

type Layer = [logits: Float32Array, boxes: Float32Array, corners: Float32Array | undefined]

const PlainGradients = constructorOf<LayerGradients, Layer>(function (logits, boxes, corners) {
  this.logits = logits
  this.boxes = boxes
  if (corners !== undefined) this.corners = corners
}, WITH_JSON)

/** The arrays of one layer. */
function ofLayer(gradients: GradientArrays, width: number, layer: number): LayerGradients {
  const logits = gradients[width * layer] as Float32Array
  const boxes = gradients[width * layer + 1] as Float32Array
  const corners = width > 2 ? (gradients[width * layer + 2] as Float32Array) : ABSENT
  return new PlainGradients(logits, boxes, corners === ABSENT ? undefined : corners)
}
