/** The outputs of a model: what there may be in a batch, read once and checked. */
import { PART_KEYS } from '../binding/plan.ts'
import type { PartKey } from '../binding/plan.ts'
import { fail } from '../common/errors.ts'
import { fieldReader, toReadError } from '../common/reading.ts'
import { checkFlag } from '../common/validate.ts'
import { neededFields } from '../options/needed.ts'
import type { ResolvedOptions } from '../options/options.ts'
import { checkCost, checkRecordAt, fieldIn, isOwn, MAX_JOBS, LAYER_KEYS, readLayers } from './layers.ts'
import type { GivenLayer, LayerOutputs, Layers, LayerTensors, PartOutputs, Reader } from './layers.ts'
import type { Part, QueryRange } from './part.ts'
import { makeParts } from './parts.ts'
import { FIELDS } from '../terms/index.ts'
import type { WithoutBoxes } from '../terms/boxes.ts'
import type { OtherGeometry } from '../terms/index.ts'
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
export type OutputsWithoutBoxes = WithoutBoxes<PartOutputs> &
  OtherGeometry &
  Pick<FurtherParts, 'groups'> & {
    /** The proposals of an encoder. */
    readonly encoder?: (WithoutBoxes<PartOutputs> & EncoderSettings) | undefined
    /** Queries made from the targets with noise. */
    readonly denoising?:
      | (((WithoutBoxes<PartOutputs> & { readonly queries?: undefined }) | QueryRange) & DenoisingSettings)
      | undefined
    /** A branch whose targets are repeated. */
    readonly oneToMany?:
      | (((WithoutBoxes<PartOutputs> & { readonly queries?: undefined }) | QueryRange) & OneToManySettings)
      | undefined
  }

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
  /** The fields that every layer has, in the core's order. */
  readonly needed: readonly boolean[]
  /** Whether the geometric terms of a layer are divided by its pairs. */
  readonly dividesByPairs: boolean
}

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
  const reader: Reader = { options, images: undefined, targets, tensors: [], layers: 0, widths: [] }
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
    if (key === 'encoder' || isOwn(part, options)) {
      const agnostic = key === 'encoder' ? checkFlag(part.classAgnostic, false, `${name}.classAgnostic`) : undefined
      if (part.queries !== undefined) {
        fail('OPTION', `${name}.queries`, 'must be absent where the part has logits and boxes of its own')
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
  const structure = { groups: given.groups, encoder, denoising, oneToMany } as unknown as Outputs
  return {
    images,
    tensors,
    parts: makeParts(structure, own, options),
    needed: neededFields(options).queries,
    dividesByPairs: options.normalization === 'num-pairs',
  }
}

const readAllOfOutputs = fieldReader<GivenOutputs>([...LAYER_KEYS, 'groups', ...PART_KEYS])

/** Reads the fields of the outputs. */
function readOutputs(outputs: unknown): GivenOutputs {
  try {
    checkRecordAt(outputs, 'outputs', 'outputs')
    const given = readAllOfOutputs(outputs)
    checkCost(given.matching, given.cost, 'outputs')
    return given
  } catch (error) {
    throw toReadError(error, 'outputs')
  }
}

const readAllOfPart = fieldReader<GivenPart>([
  ...LAYER_KEYS,
  'groups',
  'classAgnostic',
  'contrastive',
  'padding',
  'queries',
  'repeat',
  'weight',
  'weights',
])

/** Reads the fields of a further part. */
function readPart(part: unknown, place: PartKey, argument: string): GivenPart {
  try {
    checkRecordAt(part, place, argument)
    const given = readAllOfPart(part)
    checkCost(given.matching, given.cost, argument)
    return given
  } catch (error) {
    throw toReadError(error, argument)
  }
}
