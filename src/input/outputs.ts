/** The outputs of a model: what there may be in a batch, read once and checked. */
import { DESCRIPTION } from '../binding/description.ts'
import { PART_KEYS } from '../binding/plan.ts'
import type { PartKey } from '../binding/plan.ts'
import { fail } from '../common/errors.ts'
import { toReadError } from '../common/reading.ts'
import { checkFlag } from '../common/validate.ts'
import { neededFields } from '../options/needed.ts'
import type { Needed } from '../options/needed.ts'
import { normalizationOf } from '../options/normalization.ts'
import type { Normalization } from '../options/normalization.ts'
import type { ResolvedOptions } from '../options/options.ts'
import type { InPlaceOfBoxes, OtherGeometry } from '../terms/geometry.ts'
import { checkCost, checkRecordAt, fieldIn, isOwn, MAX_JOBS, readFields, readLayers } from './layers.ts'
import type { GivenLayer, LayerOutputs, Layers, LayerTensors, PartOutputs, Reader } from './layers.ts'
import type { Part, QueryRange } from './part.ts'
import { makeParts } from './parts.ts'
import type {
  DenoisingOutputs,
  DenoisingSettings,
  EncoderOutputs,
  EncoderSettings,
  FurtherParts,
  OneToManyOutputs,
  OneToManySettings,
} from './parts.ts'

/**
 * Predictions of a batch: the decoder layers, and whatever else is trained beside them. Queries count within their own
 * tensors, here and in the result.
 */
export interface Outputs extends PartOutputs, FurtherParts {}

/** {@link Outputs} of which no term reads boxes, such as those of spans alone. */
export type OutputsWithoutBoxes = PartWithoutBoxes &
  Pick<FurtherParts, 'groups'> & {
    /** The proposals of an encoder. */
    readonly encoder?: (PartWithoutBoxes & EncoderSettings) | undefined
    /** Queries made from the targets with noise. */
    readonly denoising?:
      | (((PartWithoutBoxes & { readonly queries?: undefined }) | QueryRange) & DenoisingSettings)
      | undefined
    /** A branch whose targets are repeated. */
    readonly oneToMany?:
      | (((PartWithoutBoxes & { readonly queries?: undefined }) | QueryRange) & OneToManySettings)
      | undefined
  }

/** The layers of a part without boxes. */
type PartWithoutBoxes = InPlaceOfBoxes<PartOutputs, OtherGeometry>

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
  readonly parts: readonly Part[]
  /** The fields that every layer, and every image's targets, have. */
  readonly needed: Needed
  /** For each family in the core's order, what its terms are divided by. */
  readonly divisors: readonly Normalization[]
}

/** What the outputs were given, every property read once, and none of them checked. */
interface GivenOutputs extends GivenLayer {
  readonly auxiliary: unknown
  readonly queryWeights: unknown
  readonly layerWeights: unknown
  readonly groups: unknown
  /** In the order of {@link PART_KEYS}. */
  readonly parts: readonly unknown[]
}

/** Likewise a further part of them. */
interface GivenPart extends GivenLayer {
  readonly auxiliary: unknown
  readonly queryWeights: unknown
  readonly layerWeights: unknown
  readonly groups: unknown
  readonly classAgnostic: unknown
  readonly contrastive: unknown
  readonly padding: unknown
  readonly queries: unknown
  readonly repeat: unknown
  readonly adaptive: unknown
  readonly weight: unknown
  readonly weights: unknown
}

/** Reads the predictions of a batch. `targets`: what comes with them, unchecked, by which messages tell how many images there are. */
export function readPredictions(outputs: Outputs, options: ResolvedOptions, targets?: unknown): Predictions {
  const needed = neededFields(options)
  const reader: Reader = { options, needed, images: undefined, targets, tensors: [], layers: 0, widths: [] }
  const given = readOutputs(outputs, needed)
  const main = readLayers(reader, outputs, given, 'outputs')
  const own: { main: Layers } & { [Key in PartKey]?: Layers } = { main }
  const parts: { [Key in PartKey]?: GivenPart } = {}
  for (let i = 0; i < PART_KEYS.length; i++) {
    const value = given.parts[i]
    if (value === undefined) continue
    const key = PART_KEYS[i] as PartKey
    const name = `outputs.${key}`
    const part = readPart(value, key, name, needed)
    parts[key] = part
    if (key === 'encoder' || isOwn(part, needed)) {
      const agnostic = key === 'encoder' ? checkFlag(part.classAgnostic, false, `${name}.classAgnostic`) : undefined
      if (part.queries !== undefined) {
        fail('OPTION', `${name}.queries`, 'must be absent where the part has tensors of its own')
      }
      own[key] = readLayers(reader, value, part, name, agnostic)
    } else {
      const stray = part.auxiliary === undefined ? fieldIn(part) : 'auxiliary'
      if (stray !== undefined) fail('SHAPE', `${name}.${stray}`, 'must be absent where the part is a range of queries')
    }
  }
  const { tensors, layers } = reader
  const images = reader.images as number
  if (layers * images > MAX_JOBS) {
    fail('SHAPE', 'outputs', `may have at most ${MAX_JOBS} layers times images, got ${layers} times ${images}`)
  }
  const { encoder, denoising, oneToMany } = parts
  const { groups, queryWeights, layerWeights } = given
  const structure = { groups, queryWeights, layerWeights, encoder, denoising, oneToMany } as unknown as Outputs
  return {
    images,
    tensors,
    parts: makeParts(structure, own, options, images),
    needed,
    divisors: divisorsOf(options),
  }
}

/** What divides the terms of each family, by the options that these are of. */
const DIVISORS = new WeakMap<ResolvedOptions, readonly Normalization[]>()

function divisorsOf(options: ResolvedOptions): readonly Normalization[] {
  const known = DIVISORS.get(options)
  if (known !== undefined) return known
  const weighs = (term: string) => ((options.weights as { readonly [term: string]: number | undefined })[term] ?? 0) > 0
  const ofImages = (field: string) =>
    DESCRIPTION.queryFields.some(({ name, owner }) => name === field && owner === 'image')
  const divisors = DESCRIPTION.families.map(({ name, terms, queryFields }): Normalization => {
    // what images have as a whole is divided by their number, whatever the options say
    if (queryFields.every(ofImages) && terms.some(weighs)) return 'per-image'
    return normalizationOf(options.normalization, name)
  })
  DIVISORS.set(options, divisors)
  return divisors
}

/** Reads the properties of the outputs. */
function readOutputs(outputs: unknown, needed: Needed): GivenOutputs {
  try {
    checkRecordAt(outputs, 'outputs', 'outputs', needed)
    const { matching, cost, auxiliary, queryWeights, layerWeights, groups, encoder, denoising, oneToMany } = outputs
    checkCost(matching, cost, 'outputs')
    const parts = [encoder, denoising, oneToMany]
    return { fields: readFields(outputs), matching, cost, auxiliary, queryWeights, layerWeights, groups, parts }
  } catch (error) {
    throw toReadError(error, 'outputs')
  }
}

/** Reads the properties of a further part. */
function readPart(part: unknown, place: PartKey, argument: string, needed: Needed): GivenPart {
  try {
    checkRecordAt(part, place, argument, needed)
    const { matching, cost, auxiliary, queryWeights, layerWeights, groups, classAgnostic } = part
    const { contrastive, padding, queries, repeat, adaptive, weight, weights } = part
    checkCost(matching, cost, argument)
    return {
      fields: readFields(part),
      matching,
      cost,
      auxiliary,
      queryWeights,
      layerWeights,
      groups,
      classAgnostic,
      contrastive,
      padding,
      queries,
      repeat,
      adaptive,
      weight,
      weights,
    }
  } catch (error) {
    throw toReadError(error, argument)
  }
}
