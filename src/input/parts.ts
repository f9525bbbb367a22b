import { fail } from '../common/errors.ts'
import { resolveWeights } from '../options/options.ts'
import { float64s } from '../binding/slab.ts'
import { lengthOf } from '../common/tensors.ts'
import type {
  DenoisingOutputs,
  EncoderOutputs,
  LayerOutputs,
  OneToManyOutputs,
  Outputs,
  Pairs,
  PartWeights,
  ResolvedOptions,
  Terms,
} from '../types.ts'
import { checkFlag, checkInteger, checkWeight, checkWord, MAX_SIZE, show } from '../common/validate.ts'

/** Parts beside the main one, in the order in which all are reported. */
export const PART_KEYS = ['encoder', 'denoising', 'oneToMany'] as const
export type PartKey = (typeof PART_KEYS)[number]

/** The most targets of a batch, each counted for every group and repetition: those without a query are all reported. */
const MAX_COPIES = 2 ** 24

/** The tensors of one layer, or of several that are stacked. */
export interface LayerTensors {
  /** Where they were given, for messages: `outputs`, `outputs.auxiliary[0]`. */
  readonly name: string
  /** What was given there. */
  readonly given: LayerOutputs
  /** How many layers they hold. */
  readonly layers: number
  readonly logits: Float32Array
  readonly boxes: Float32Array
  /** Both absent where the layer has none. */
  readonly corners: Float32Array | undefined
  readonly references: Float32Array | undefined
}

/** Layers that lie together: those of one part, or of the parts that share its queries. */
export interface Layers {
  /** The tensors of each layer, or of all where they are stacked, and the place of the first among those of all parts. */
  readonly tensors: readonly LayerTensors[]
  readonly firstTensors: number
  /** Place of the first layer among those of all parts, and how many there are. */
  readonly firstLayer: number
  readonly layers: number
  /** Queries of each. */
  readonly rows: number
  /** Columns of their logits. */
  readonly classes: number
}

/** The tensors that hold a layer. */
export function tensorsOf({ tensors }: Layers, layer: number): LayerTensors {
  return tensors[Math.min(layer, tensors.length - 1)] as LayerTensors
}

/** How denoising queries are paired with the targets. */
export interface Denoising {
  readonly groups: number
  /** Leading queries of each group that are positive. */
  readonly positives: number
  /** Whether positives without a target have no part in the loss. */
  readonly leavesOut: boolean
  /** Pairs that the caller gives instead. */
  readonly matching: readonly Pairs[] | undefined
}

/** Some queries of some layers, which are matched alike. */
export interface Part {
  /** Absent for the main part. */
  readonly key: PartKey | undefined
  /** Where its tensors lie: a key, or absent for those of the main part. */
  readonly tensors: PartKey | undefined
  readonly layers: Layers
  /** Its own queries: from `first` to before `end`. */
  readonly first: number
  readonly end: number
  readonly groups: number
  readonly repeat: number
  readonly classAgnostic: boolean
  readonly union: boolean
  readonly divisor: number
  readonly weight: number
  /** Of its terms. */
  readonly weights: Required<Terms>
  readonly denoising: Denoising | undefined
  /** Whether layers may say how they are matched. */
  readonly hasRules: boolean
}

/** The predictions of all layers, every shape checked. */
export interface Predictions {
  readonly images: number
  /** Those of the main part first; of each part the final layer last. */
  readonly tensors: readonly LayerTensors[]
  /** Whether any layer has corners. */
  readonly hasCorners: boolean
  readonly parts: readonly Part[]
}

/** Everything but the layers and the queries of a part that is matched one to one. */
const PLAIN = {
  groups: 1,
  repeat: 1,
  classAgnostic: false,
  union: false,
  divisor: 1,
  denoising: undefined,
} as const

/** What the parts are made of: the layers that were given under each name. */
export type GivenLayers = { readonly main: Layers } & { readonly [Key in PartKey]?: Layers | undefined }

/** The parts of a step, the main one first. */
export function makeParts(outputs: Outputs, given: GivenLayers, options: ResolvedOptions): readonly Part[] {
  const { encoder, denoising, oneToMany } = outputs
  const main = given.main
  if (encoder === undefined && denoising === undefined && oneToMany === undefined) {
    return [mainPart(outputs, main, 0, main.rows, options)]
  }
  const ranges = [
    rangeOf(denoising, given.denoising, main.rows, 'denoising'),
    rangeOf(oneToMany, given.oneToMany, main.rows, 'oneToMany'),
  ]
  const [first, end] = rest(ranges, main.rows)
  const parts = [mainPart(outputs, main, first, end, options)]
  if (given.encoder !== undefined) parts.push(encoderPart(encoder as EncoderOutputs, given.encoder, options))
  if (denoising !== undefined) parts.push(denoisingPart(denoising, given.denoising, main, ranges[0], options))
  if (oneToMany !== undefined) parts.push(oneToManyPart(oneToMany, given.oneToMany, main, ranges[1], options))
  return parts
}

/** Written out, since it is all that most calls have. */
function mainPart(
  { groups }: Outputs,
  layers: Layers,
  first: number,
  end: number,
  { boxMatching, weights }: ResolvedOptions,
): Part {
  return {
    key: undefined,
    tensors: undefined,
    layers,
    first,
    end,
    groups: groups === undefined ? 1 : checkGroups(groups, end - first, 'outputs.groups'),
    repeat: 1,
    classAgnostic: false,
    union: boxMatching === 'union',
    divisor: 1,
    weight: 1,
    weights,
    denoising: undefined,
    hasRules: hasRules(layers),
  }
}

type Range = readonly [first: number, end: number]

function encoderPart(given: EncoderOutputs, layers: Layers, options: ResolvedOptions): Part {
  return {
    ...PLAIN,
    ...place('encoder', layers, layers, undefined),
    classAgnostic: given.classAgnostic === true, // checked with the shape of the logits
    groups: checkGroups(given.groups, layers.rows, 'outputs.encoder.groups'),
    union: options.boxMatching === 'union',
    ...weightsOf(given, options, 'outputs.encoder'),
  }
}

function denoisingPart(
  given: DenoisingOutputs,
  own: Layers | undefined,
  main: Layers,
  range: Range | undefined,
  options: ResolvedOptions,
): Part {
  const name = 'outputs.denoising'
  const where = place('denoising', own, main, range)
  const queries = where.end - where.first
  const groups = checkGroups(given.groups, queries, `${name}.groups`)
  const contrastive = checkFlag(given.contrastive, true, `${name}.contrastive`)
  const padding = checkWord(given.padding, ['background', 'ignore'], 'background', `${name}.padding`)
  const size = queries / groups
  if (given.matching === undefined && contrastive && size % 2 !== 0) {
    const rule = 'a contrastive group is half positive, half negative: expected an even number of queries'
    fail('SHAPE', name, `${rule}, got ${size}`)
  }
  if (given.matching !== undefined && !Array.isArray(given.matching)) {
    fail('DTYPE', `${name}.matching`, `must be pairs for each image, got ${show(given.matching)}`)
  }
  if (own !== undefined) checkNoRules(own, name)
  const positives = contrastive ? size / 2 : size
  return {
    ...PLAIN,
    ...where,
    divisor: groups,
    ...weightsOf(given, options, name),
    denoising: { groups, positives, leavesOut: padding === 'ignore', matching: given.matching },
    hasRules: true,
  }
}

function oneToManyPart(
  given: OneToManyOutputs,
  own: Layers | undefined,
  main: Layers,
  range: Range | undefined,
  options: ResolvedOptions,
): Part {
  return {
    ...PLAIN,
    ...place('oneToMany', own, main, range),
    repeat: checkInteger(given.repeat, 1, MAX_SIZE, 'outputs.oneToMany.repeat'),
    ...weightsOf(given, options, 'outputs.oneToMany'),
  }
}

/** What a part and its terms weigh. */
function weightsOf(given: PartWeights, options: ResolvedOptions, name: string) {
  const weight = checkWeight(given.weight, 1, `${name}.weight`)
  const weights = resolveWeights(given.weights, options.weights, `${name}.weights`)
  if (options.classification.kind === 'softmax' && (weights.ddf as number) > 0) {
    fail('OPTION', `${name}.weights.ddf`, `must be 0 for softmax classification, got ${weights.ddf}`)
  }
  return { weight, weights }
}

/** Refuses what would be dropped, since all layers of a denoising part have the same pairs. */
function checkNoRules({ tensors }: Layers, part: string): void {
  for (const { name, given } of tensors) {
    if (given.cost !== undefined) fail('OPTION', `${name}.cost`, 'denoising queries are not matched by cost')
    if (given.matching !== undefined && name !== part) {
      fail('OPTION', `${name}.matching`, `belongs to all layers, as ${part}.matching`)
    }
  }
}

/** Layers and queries of a part that has tensors of its own, or a range of the main part's. */
function place(key: PartKey, own: Layers | undefined, main: Layers, range: Range | undefined) {
  const layers = own ?? main
  const [first, end] = range ?? [0, layers.rows]
  return { key, tensors: own && key, layers, first, end, hasRules: own !== undefined && hasRules(own) }
}

/** The range of the main part's queries that a part without tensors of its own takes. */
function rangeOf(
  part: { queries?: unknown; cost?: unknown; matching?: unknown } | undefined,
  own: Layers | undefined,
  rows: number,
  key: PartKey,
): Range | undefined {
  if (part === undefined || own !== undefined) return undefined
  const name = `outputs.${key}.queries`
  const { queries } = part
  if (part.cost !== undefined || (key === 'oneToMany' && part.matching !== undefined)) {
    fail('OPTION', `outputs.${key}`, 'a range of queries has neither cost nor matching of its own')
  }
  if (!Array.isArray(queries) || lengthOf(queries, name) !== 2) {
    fail('DTYPE', name, `must be [first, end], or logits and boxes must be given, got ${show(queries)}`)
  }
  const first = checkInteger(queries[0], 0, rows, `${name}[0]`, 'RANGE')
  return [first, checkInteger(queries[1], first, rows, `${name}[1]`, 'RANGE')]
}

/** The main part's own queries: what the ranges at either end leave. */
function rest(ranges: ReadonlyArray<Range | undefined>, rows: number): Range {
  const taken = ranges.filter((range) => range !== undefined && range[0] < range[1]) as Range[]
  taken.sort((a, b) => a[0] - b[0])
  let [first, end] = [0, rows]
  for (const range of taken) if (range[0] === first) first = range[1]
  for (const range of taken.toReversed()) if (range[1] === end && range[0] >= first) end = range[0]
  const free = rows - taken.reduce((sum, range) => sum + range[1] - range[0], 0)
  if (end - first !== free) {
    const shown = taken.map(([from, to]) => `[${from}, ${to}]`)
    const rule = `the queries of its parts must not overlap, and leave one range of ${rows}`
    fail('RANGE', 'outputs', `${rule}, got ${shown.join(' and ')}`)
  }
  return [first, end]
}

function checkGroups(value: unknown, queries: number, argument: string): number {
  const groups = value === undefined ? 1 : checkInteger(value, 1, MAX_SIZE, argument)
  if (queries % groups === 0) return groups
  return fail('SHAPE', argument, `must divide the number of queries, ${queries}, got ${groups}`)
}

/** Refuses groups and repetitions that would make more of a batch's targets than can be reported. */
export function checkCopies(parts: readonly Part[], targets: number): void {
  for (const { key, groups, repeat } of parts) {
    if (groups * repeat * targets <= MAX_COPIES) continue
    const [name, what] = repeat > 1 ? ['repeat', 'repetitions'] : ['groups', 'groups']
    const rule = `must make at most ${MAX_COPIES} of all targets, got ${groups * repeat} ${what} of ${targets}`
    fail('RANGE', `outputs${key === undefined ? '' : `.${key}`}.${name}`, rule)
  }
}

function hasRules({ tensors }: Layers): boolean {
  return tensors.some(({ given }) => given.matching !== undefined || given.cost !== undefined)
}

const PER_PART = 21

/** The parts as the binding takes them, after the number of tensors and how many layers each of these hold. */
export function packParts({ tensors, parts }: Predictions): Float64Array {
  const first = 1 + tensors.length
  const numbers = float64s(first + PER_PART * parts.length)
  numbers[0] = tensors.length
  for (let i = 0; i < tensors.length; i++) numbers[1 + i] = (tensors[i] as LayerTensors).layers
  for (let i = 0; i < parts.length; i++) packPart(parts[i] as Part, numbers, first + PER_PART * i)
  return numbers
}

function packPart(part: Part, numbers: Float64Array, at: number): void {
  const { layers, weights } = part
  numbers[at] = part.tensors === undefined ? 0 : 1 + PART_KEYS.indexOf(part.tensors)
  numbers[at + 1] = layers.firstLayer
  numbers[at + 2] = layers.layers
  numbers[at + 3] = layers.rows
  numbers[at + 4] = part.first
  numbers[at + 5] = part.end
  numbers[at + 6] = layers.classes
  numbers[at + 7] = part.groups
  numbers[at + 8] = part.repeat
  numbers[at + 9] = Number(part.classAgnostic)
  numbers[at + 10] = Number(part.union)
  numbers[at + 11] = part.divisor
  numbers[at + 12] = part.weight
  numbers[at + 13] = weights.class
  numbers[at + 14] = weights.l1
  numbers[at + 15] = weights.giou
  numbers[at + 16] = weights.iou
  numbers[at + 17] = weights.diou
  numbers[at + 18] = weights.ciou
  numbers[at + 19] = weights.fgl
  numbers[at + 20] = weights.ddf
}
