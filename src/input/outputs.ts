/** The outputs of a model: what there may be in a batch, read once and checked. */
import { PART_KEYS } from '../binding/plan.ts'
import type { PartKey } from '../binding/plan.ts'
import { fail } from '../common/errors.ts'
import { toReadError } from '../common/reading.ts'
import { checkFlag } from '../common/validate.ts'
import type { ResolvedOptions } from '../options/options.ts'
import { checkCost, checkRecordAt, MAX_JOBS, readLayers } from './layers.ts'
import type { GivenLayer, LayerOutputs, Layers, LayerTensors, PartOutputs, Reader } from './layers.ts'
import type { Part } from './part.ts'
import { makeParts } from './parts.ts'
import { FIELDS } from '../terms/index.ts'
import type { DenoisingOutputs, EncoderOutputs, FurtherParts, OneToManyOutputs } from './parts.ts'

/**
 * Predictions of a batch: the decoder layers, and whatever else is trained beside them. Queries count within their own
 * tensors, here and in the result.
 */
export interface Outputs extends PartOutputs, FurtherParts {}

/** The keys of every member of a union. */
type KeysOf<T> = T extends unknown ? keyof T : never

/** What no value is: a message of the compiler's that names the key which is not known at its place. */
type Unknown<Place extends string, Key, Value> = 0 extends 1 & Value
  ? never
  : { readonly [K in `unknown key of ${Place}`]: Key }

/** `T` without keys that `Shape` does not know. */
type OnlyKeysOf<Shape, T, Place extends string> = {
  readonly [Key in keyof T]: string extends Key
    ? T[Key]
    : Key extends KeysOf<Shape>
      ? T[Key]
      : Unknown<Place, Key, T[Key]>
}

/** A part without unknown keys, also of its layers. */
type Exact<Shape, T, Place extends string> = T &
  OnlyKeysOf<Shape, T, Place> &
  (T extends { readonly auxiliary: ReadonlyArray<infer Layer> }
    ? { readonly auxiliary: ReadonlyArray<OnlyKeysOf<LayerOutputs, Layer, 'an auxiliary layer'>> }
    : unknown)

/**
 * Outputs without keys that are unknown at their place, which are refused, too, when a call reads them. Their type says
 * which parts the result has.
 */
export type ExactOutputs<O> = Exact<Outputs, O, 'outputs'> &
  (O extends { readonly encoder: infer Part extends object }
    ? { readonly encoder: Exact<EncoderOutputs, Part, 'outputs.encoder'> }
    : unknown) &
  (O extends { readonly denoising: infer Part extends object }
    ? { readonly denoising: Exact<DenoisingOutputs, Part, 'outputs.denoising'> }
    : unknown) &
  (O extends { readonly oneToMany: infer Part extends object }
    ? { readonly oneToMany: Exact<OneToManyOutputs, Part, 'outputs.oneToMany'> }
    : unknown)

/** A value that is certain where the type of the outputs says that they have this key. */
export type IfGiven<O, Key extends PropertyKey, Value> = O extends { readonly [K in Key]: object }
  ? Value
  : Value | undefined

/** The predictions of all layers, every shape checked. */
export interface Predictions {
  readonly images: number
  /** Those of the main part first; of each part the final layer last. */
  readonly tensors: readonly LayerTensors[]
  /** Whether any layer has corners. */
  readonly hasCorners: boolean
  readonly parts: readonly Part[]
}

/** Stands for the corners and references of a layer that has none, where another has some, and for their gradient. */
export const ABSENT = new Float32Array(0)

/** The tensors as the core takes them: of each stack those of its fields. */
export function listTensors({ tensors }: Predictions): Float32Array[] {
  const list: Float32Array[] = []
  for (let i = 0; i < tensors.length; i++) {
    const layer = tensors[i] as LayerTensors
    for (let k = 0; k < FIELDS.length; k++) {
      const values = layer[(FIELDS[k] as (typeof FIELDS)[number]).name]
      if (values !== undefined) list.push(values)
    }
  }
  return list
}

/** What the outputs were given, every field read once, and none of them checked. */
interface GivenOutputs extends GivenLayer {
  readonly groups: unknown
  readonly encoder: unknown
  readonly denoising: unknown
  readonly oneToMany: unknown
}

/** Likewise a further part of them. */
interface GivenPart extends GivenLayer {
  readonly groups: unknown
  readonly classAgnostic: unknown
  readonly contrastive: unknown
  readonly padding: unknown
  readonly queries: unknown
  readonly repeat: unknown
  readonly weight: unknown
  readonly weights: unknown
}

/** Reads the predictions of a batch. `targets`: what comes with them, unchecked, by which messages tell how many images there are. */
export function readPredictions(outputs: Outputs, options: ResolvedOptions, targets?: unknown): Predictions {
  const reader: Reader = { options, images: undefined, targets, tensors: [], layers: 0 }
  const given = readOutputs(outputs)
  const main = readLayers(reader, outputs, given, 'outputs')
  const own: { main: Layers } & { [Key in PartKey]?: Layers } = { main }
  const parts: { [Key in PartKey]?: GivenPart } = {}
  for (const key of PART_KEYS) {
    const value = given[key]
    if (value === undefined) continue
    const name = `outputs.${key}`
    const part = readPart(value, key, name)
    parts[key] = part
    if (key === 'encoder' || part.logits !== undefined || part.boxes !== undefined) {
      const agnostic = key === 'encoder' ? checkFlag(part.classAgnostic, false, `${name}.classAgnostic`) : undefined
      if (part.queries !== undefined) {
        fail('OPTION', `${name}.queries`, 'must be absent where the part has logits and boxes of its own')
      }
      own[key] = readLayers(reader, value, part, name, agnostic)
    } else {
      for (const field of ['auxiliary', 'corners', 'references'] as const) {
        if (part[field] === undefined) continue
        fail('SHAPE', `${name}.${field}`, 'must be absent where the part is a range of queries')
      }
    }
  }
  const { tensors, layers } = reader
  const images = reader.images as number
  if (layers * images > MAX_JOBS) {
    fail('SHAPE', 'outputs', `may have at most ${MAX_JOBS} layers times images, got ${layers} times ${images}`)
  }
  const hasCorners = tensors.some(({ corners }) => corners !== undefined)
  const { encoder, denoising, oneToMany } = parts
  const structure = { groups: given.groups, encoder, denoising, oneToMany } as unknown as Outputs
  return { images, tensors, hasCorners, parts: makeParts(structure, own, options) }
}

/** Reads the fields of the outputs. Written out like the others, since it is a part of every call. */
function readOutputs(outputs: unknown): GivenOutputs {
  try {
    checkRecordAt(outputs, 'outputs', 'outputs')
    const { logits, boxes, corners, references, matching, cost, auxiliary } = outputs as unknown as GivenLayer
    const { groups, encoder, denoising, oneToMany } = outputs as unknown as GivenOutputs
    checkCost(matching, cost, 'outputs')
    return {
      logits,
      boxes,
      corners,
      references,
      matching,
      cost,
      auxiliary,
      groups,
      encoder,
      denoising,
      oneToMany,
    }
  } catch (error) {
    throw toReadError(error, 'outputs')
  }
}

/** Reads the fields of a further part. */
function readPart(part: unknown, place: PartKey, argument: string): GivenPart {
  try {
    checkRecordAt(part, place, argument)
    const { logits, boxes, corners, references, matching, cost, auxiliary } = part as unknown as GivenLayer
    const { groups, classAgnostic, contrastive, padding, queries, repeat, weight, weights } =
      part as unknown as GivenPart
    checkCost(matching, cost, argument)
    const fields = { logits, boxes, corners, references, matching, cost, auxiliary }
    return { ...fields, groups, classAgnostic, contrastive, padding, queries, repeat, weight, weights }
  } catch (error) {
    throw toReadError(error, argument)
  }
}
