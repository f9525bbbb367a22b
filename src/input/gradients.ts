/** The arrays that gradients are written to, and how the caller sees them. */
import { allocate } from '#host'
import { constructorOf, WITH_JSON } from '../common/plain.ts'
import type { Unfinished } from '../common/plain.ts'
import type { CertainGradients, InPlaceOfBoxes, OtherGradients, WithoutBoxes } from '../terms/geometry.ts'
import { FIELDS } from '../terms/index.ts'
import type { Field, LayerGradients } from '../terms/index.ts'
import type { Layers, LayerTensors } from './layers.ts'
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

/** Those of the further parts of outputs without boxes. */
type FurtherWithoutBoxes = {
  readonly [Part in 'encoder' | 'denoising' | 'oneToMany']?: InPlaceOfBoxes<PartGradients, OtherGradients> | undefined
}

/** {@link Gradients} of outputs without boxes. */
export type GradientsWithoutBoxes = InPlaceOfBoxes<PartGradients, OtherGradients> & FurtherWithoutBoxes

/** Those of a layer, certain where its type says that it has tensors. */
type LayerGradientsOf<Layer> = Layer extends unknown
  ? (Layer extends { readonly boxes: object } ? LayerGradients : WithoutBoxes<LayerGradients>) & CertainGradients<Layer>
  : never

/** The earlier layers' gradients, where the type of a part lists such layers. There are none if the list is empty. */
type CertainLayers<P> = P extends { readonly auxiliary: ReadonlyArray<infer Layer> }
  ? { readonly auxiliary?: ReadonlyArray<LayerGradientsOf<Layer>> | undefined }
  : unknown

/** `Certain`, and what `All` has beside that. */
type Certainly<All, Certain> = [keyof Certain] extends [never] ? All : Omit<All, keyof Certain> & Certain

/** Those of a part with tensors of its own. */
type PartGradientsOf<P> = Certainly<
  P extends { readonly boxes: object } ? PartGradients : InPlaceOfBoxes<PartGradients, OtherGradients, unknown>,
  CertainGradients<P> & CertainLayers<P>
>

/** Those of the further parts that have tensors of their own. */
type CertainParts<O> = (O extends { readonly encoder: infer P extends object }
  ? { readonly encoder: PartGradientsOf<P> }
  : unknown) &
  (O extends { readonly denoising: infer P extends { readonly logits: object } }
    ? { readonly denoising: PartGradientsOf<P> }
    : unknown) &
  (O extends { readonly oneToMany: infer P extends { readonly logits: object } }
    ? { readonly oneToMany: PartGradientsOf<P> }
    : unknown)

/** {@link Gradients}, certain where the type of the outputs says that they have tensors. */
export type GradientsOf<O> = O extends unknown
  ? Certainly<
      O extends { readonly boxes: object }
        ? Gradients
        : InPlaceOfBoxes<PartGradients, OtherGradients, unknown> & FurtherWithoutBoxes,
      CertainGradients<O> & CertainLayers<O> & CertainParts<O>
    >
  : never

/** The arrays that gradients of such outputs may be written to. */
export type OutOf<O> = O extends { readonly boxes: object } ? Gradients : GradientsWithoutBoxes

/** A field that the loss has a gradient by. */
export interface WrittenField {
  readonly name: keyof LayerGradients
  /** As the field's own. */
  readonly of: Field['of']
  /** Its place among all fields. */
  readonly place: number
}

/** All of them, in the core's order. */
export const WRITTEN: readonly WrittenField[] = FIELDS.flatMap(({ name, of, hasGradient }, place) =>
  hasGradient ? [{ name: name as keyof LayerGradients, of, place }] : [],
)

/** The values of such a field. `index`: its place among those with a gradient. */
export function valuesOf({ values }: LayerTensors, index: number): Float32Array | undefined {
  return values[(WRITTEN[index] as WrittenField).place]
}

/**
 * Arrays for the gradients, in the layout of the inputs: of each of the predictions' stacks those of {@link WRITTEN} that it
 * has. None where no gradients are wanted.
 */
export type GradientArrays = Float32Array[]

/** No gradients wanted. */
export const NO_GRADIENTS: GradientArrays = []

/**
 * New arrays, all in one buffer, which hold whatever that memory held: the core writes every element. Zeroing them, or
 * making a buffer for each, would cost as much as the loss of a small batch.
 */
export function makeGradients({ tensors }: Predictions): GradientArrays {
  const fields: Float32Array[] = []
  let length = 0
  for (let i = 0; i < tensors.length; i++) {
    const layer = tensors[i] as LayerTensors
    for (let k = 0; k < WRITTEN.length; k++) {
      const values = valuesOf(layer, k)
      if (values === undefined) continue
      fields.push(values)
      length += values.length
    }
  }
  const { buffer, byteOffset } = allocate(4 * length)
  let start = byteOffset
  for (let i = 0; i < fields.length; i++) {
    const array = new Float32Array(buffer, start, (fields[i] as Float32Array).length)
    start += array.byteLength
    fields[i] = array
  }
  return fields
}

/** The arrays as the caller sees them: of each part the final layer at the top, earlier ones in `auxiliary`. */
export function layOut(gradients: GradientArrays, { tensors, parts }: Predictions): Gradients {
  let next = 0
  const layers: LayerGradients[] = []
  for (let i = 0; i < tensors.length; i++) {
    const layer = new PlainGradients(tensors[i] as LayerTensors, gradients, next)
    next += countWritten(tensors[i] as LayerTensors)
    layers.push(layer)
  }
  const result: Unfinished<Gradients> = ofPart(layers, (parts[0] as Part).layers)
  for (let i = 1; i < parts.length; i++) {
    const { key, tensors: own, layers: range } = parts[i] as Part
    if (key !== undefined && key === own) result[key] = ofPart(layers, range)
  }
  return result
}

/** How many arrays a stack has. */
export function countWritten(layer: LayerTensors): number {
  let count = 0
  for (let k = 0; k < WRITTEN.length; k++) if (valuesOf(layer, k) !== undefined) count += 1
  return count
}

/** The arrays of one part. */
function ofPart(layers: readonly LayerGradients[], { firstTensors, tensors }: Layers): PartGradients {
  const final = tensors.length - 1
  const result = layers[firstTensors + final] as LayerGradients
  if (final === 0) return result
  return Object.assign(result, { auxiliary: layers.slice(firstTensors, firstTensors + final) })
}

/** The arrays of one layer, the first of which is the `next` of all. */
const PlainGradients = constructorOf<LayerGradients, [LayerTensors, GradientArrays, number]>(function (
  layer,
  gradients,
  next,
) {
  let at = next
  for (let k = 0; k < WRITTEN.length; k++) {
    if (valuesOf(layer, k) === undefined) continue
    this[(WRITTEN[k] as WrittenField).name] = gradients[at] as Float32Array
    at += 1
  }
}, WITH_JSON)
