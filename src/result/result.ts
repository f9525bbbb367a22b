import { layOut } from '../input/gradients.ts'
import type { GradientArrays } from '../input/gradients.ts'
import { PART_KEYS, tensorsOf } from '../input/parts.ts'
import type { Part, PartKey, Predictions } from '../input/parts.ts'
import { TERMS } from '../options/presets.ts'
import { isGiven } from '../input/rules.ts'
import type { PackedRules } from '../input/rules.ts'
import { addPrint, constructorOf, ownInt32s, putOff, WITH_JSON } from '../common/plain.ts'
import type { Unfinished } from '../common/plain.ts'
import { float64s, int32s } from '../binding/slab.ts'
import type { PackedTargets } from '../input/targets.ts'
import { listOf } from '../common/tensors.ts'
import type {
  CostBlock,
  CostResult,
  LayerResult,
  LossResult,
  Matches,
  MatchResult,
  Metrics,
  NonFiniteCounts,
  NormalizerCounts,
  Normalizers,
  PartCost,
  PartMatching,
  PartResult,
  Terms,
} from '../types.ts'

/** Places in `values`: the batch's numbers first, then as many for each layer of every part. */
const LOSS = 0
const NUM_BOXES = 1
const UNION_BOXES = 2
const NON_FINITE = 3
const TARGETS = 8
const UNION_PAIRS = 9
const HEADER = 10
const PER_LAYER = 15
/** Places within a layer's numbers, after those of the terms. */
const METRICS = 8
const CLASS_WEIGHT = 10
const CLASS_WEIGHT_SUM = 11
const LEAST_CLASS_WEIGHT = 12
const DISTILLED = 13
/** Terms that a result has only where they have a weight; the others it always has. */
const FURTHER = TERMS.slice(3)

/** What marks a query without a part in the loss. */
const LEFT_OUT = -2

/** The flat arrays that the core fills, and what to read them by. */
export interface Filled {
  readonly predictions: Predictions
  readonly targets: PackedTargets
  readonly rules: PackedRules | undefined
  /** `[B, Q]` for each layer of every part: the target of each query, or −1, or −2 where it is left out. */
  readonly targetOfQuery: Int32Array
  /** The numbers of the batch and of each layer. */
  readonly values: Float64Array
}

/** Makes the arrays for the core to fill. */
export function makeFilled(predictions: Predictions, targets: PackedTargets, rules: PackedRules | undefined): Filled {
  let layers = 0
  let queries = 0
  for (const part of predictions.parts) {
    layers += part.layers.layers
    queries += part.layers.layers * (part.end - part.first)
  }
  const targetOfQuery = int32s(predictions.images * queries)
  return { predictions, targets, rules, targetOfQuery, values: float64s(HEADER + PER_LAYER * layers) }
}

/** A part and where its layers lie in the arrays of all. */
interface Place {
  readonly part: Part
  /** Its first layer among those of all parts. */
  readonly layer: number
  /** Its first entry in `targetOfQuery`. */
  readonly entry: number
}

/** Where a part lies, if there is such a part. */
function placeOf({ predictions: { parts, images } }: Filled, key: PartKey | undefined): Place | undefined {
  let layer = 0
  let entry = 0
  for (const part of parts) {
    if (part.key === key) return { part, layer, entry }
    layer += part.layers.layers
    entry += part.layers.layers * images * (part.end - part.first)
  }
  return undefined
}

/** One value for each of the further parts that there are, by name. */
function eachPart<T>(filled: Filled, read: (place: Place) => T): { [Key in PartKey]?: T } {
  const found: { [Key in PartKey]?: T } = {}
  for (const key of PART_KEYS) {
    const place = placeOf(filled, key)
    if (place !== undefined) found[key] = read(place)
  }
  return found
}

const mainPlace = (filled: Filled): Place => placeOf(filled, undefined) as Place

/**
 * What the layers of a part are read from. Nothing in it is an input, so that results which are read later, or never,
 * keep none alive.
 */
interface Source {
  readonly values: Float64Array
  readonly targetOfQuery: Int32Array
  readonly images: number
  /** As in {@link PackedTargets}. */
  readonly offsets: Uint32Array
  readonly ignores: Uint8Array | undefined
  /** Number of layers, and the place of the first among those of all parts. */
  readonly layers: number
  readonly firstLayer: number
  /** The part's first entry in `targetOfQuery`. */
  readonly entry: number
  readonly first: number
  readonly queries: number
  /** How many queries every target is meant to find. */
  readonly copies: number
  /** Whether no layer has pairs that were given, so that no target has more queries than it is meant to find. */
  readonly isOptimal: boolean
  /** The layers whose pairs were given, if any were: there each target is meant to find one, and may have several. */
  readonly given: readonly boolean[] | undefined
  /** Further terms that have a weight, and the layers that have edges, if any does. */
  readonly terms: readonly (keyof Terms)[]
  readonly edges: readonly boolean[] | undefined
}

function sourceOf(
  { predictions, targets, rules, targetOfQuery, values }: Filled,
  { part, layer, entry }: Place,
): Source {
  const { layers, first, end, denoising } = part
  return {
    values,
    targetOfQuery,
    images: predictions.images,
    offsets: targets.offsets,
    ignores: targets.ignores,
    layers: layers.layers,
    firstLayer: layer,
    entry,
    first,
    queries: end - first,
    copies: copiesOf(part),
    isOptimal: rules === undefined,
    given: rules && denoising === undefined ? eachLayer(layers, (i) => isGiven(rules, layer + i)) : undefined,
    terms: furtherTerms(part),
    edges: predictions.hasCorners ? eachLayer(layers, (i) => tensorsOf(layers, i).corners !== undefined) : undefined,
  }
}

function eachLayer<T>({ layers }: Part['layers'], read: (layer: number) => T): readonly T[] {
  return Array.from({ length: layers }, (_, layer) => read(layer))
}

/** The weights of the latest part, and its further terms: they are the criterion's for most parts. */
let latest: (Pick<Part, 'weight' | 'weights'> & { readonly terms: readonly (keyof Terms)[] }) | undefined

/** The further terms that have a weight. */
function furtherTerms({ weight, weights }: Part): readonly (keyof Terms)[] {
  if (latest?.weights === weights && latest.weight === weight) return latest.terms
  const terms = FURTHER.filter((term) => weight * (weights[term] as number) > 0)
  latest = { weight, weights, terms }
  return terms
}

const LAYER_LATER = ['matches'] as const
const PART_LATER = ['layers', 'matches'] as const

/** So many queries of all images and layers are listed in less time than it takes to put that off. */
const QUICK = 64

const isQuick = ({ layers, images, queries }: Source): boolean => layers * images * queries <= QUICK

/**
 * Adds what is known of a part. Where there is much to list, layers and matchings, which most calls have no use for, are
 * made when first read.
 */
function addPart(part: Unfinished<PartResult>, source: Source): void {
  const last = source.layers - 1
  part.terms = readTerms(source, last)
  if (isQuick(source)) {
    const matches = readMatches(source, last)
    const metrics = readMetrics(source, last)
    part.layers = readLayers(source, part.terms, metrics, () => matches)
    part.matches = matches
    part.metrics = metrics
    return
  }
  putOff(part, PART_LATER, {
    layers: () => readLayers(source, part.terms, part.metrics, () => part.matches),
    matches: () => readMatches(source, last),
  })
  part.metrics = readMetrics(source, last)
}

/** All layers of a part. The last has what the part itself has, which is handed in. */
function readLayers(
  source: Source,
  terms: Terms,
  metrics: Metrics,
  matches: () => readonly Matches[],
): readonly LayerResult[] {
  const last = source.layers - 1
  const layers: LayerResult[] = []
  for (let layer = 0; layer < last; layer++) {
    const read = () => readMatches(source, layer)
    layers.push(new PlainLayer(source, layer, readTerms(source, layer), readMetrics(source, layer), read))
  }
  layers.push(new PlainLayer(source, last, terms, metrics, matches))
  return layers
}

const PlainLayer = constructorOf<LayerResult, [Source, number, Terms, Metrics, () => readonly Matches[]]>(
  function (source, layer, terms, metrics, matches) {
    const quick = isQuick(source)
    if (!quick) addPrint(this)
    this.terms = terms
    if (quick) this.matches = matches()
    else putOff(this, LAYER_LATER, { matches })
    this.metrics = metrics
    this.classWeight = source.values[HEADER + PER_LAYER * (source.firstLayer + layer) + CLASS_WEIGHT] as number
  },
)

const PlainPart = constructorOf<PartResult, [Source]>(function (source) {
  if (!isQuick(source)) addPrint(this)
  addPart(this, source)
})

const PlainLoss = constructorOf<LossResult, [Filled, GradientArrays]>(function (filled, gradients) {
  const { predictions, values } = filled
  const source = sourceOf(filled, mainPlace(filled))
  if (!isQuick(source)) addPrint(this)
  this.loss = values[LOSS] as number
  addPart(this, source)
  if (predictions.parts.length > 1) {
    Object.assign(
      this,
      eachPart(filled, (place) => new PlainPart(sourceOf(filled, place))),
    )
  }
  this.normalizers = readNormalizers(filled)
  if (gradients.length > 0) this.gradients = layOut(gradients, predictions)
  this.nonFinite = readNonFinite(filled)
})

/** The outcome of `compute`. */
export function readLoss(filled: Filled, gradients: GradientArrays): LossResult {
  return new PlainLoss(filled, gradients)
}

function readMetrics({ values, firstLayer }: Source, layer: number): Metrics {
  const at = HEADER + PER_LAYER * (firstLayer + layer) + METRICS
  return { classError: values[at] as number, cardinalityError: values[at + 1] as number }
}

function readTerms({ values, firstLayer, layers, terms: further, edges }: Source, layer: number): Terms {
  const at = HEADER + PER_LAYER * (firstLayer + layer)
  const terms: { -readonly [Term in keyof Terms]: Terms[Term] } = {
    class: values[at] as number,
    l1: values[at + 1] as number,
    giou: values[at + 2] as number,
  }
  const hasEdges = edges?.[layer] === true
  for (const term of further) {
    if (term === 'fgl' ? !hasEdges : term === 'ddf' && !(hasEdges && layer < layers - 1)) continue
    terms[term] = values[at + TERMS.indexOf(term)] as number
  }
  return terms
}

/** The outcome of `match`. */
export function readMatching(filled: Filled): MatchResult {
  const read = (place: Place): PartMatching => {
    const source = sourceOf(filled, place)
    const layers: Array<PartMatching['layers'][number]> = []
    for (let layer = 0; layer < source.layers; layer++) {
      layers.push({
        matches: readMatches(source, layer),
        classWeight: layerValue(filled, place, layer, CLASS_WEIGHT),
      })
    }
    return { matches: (layers[layers.length - 1] as (typeof layers)[number]).matches, layers }
  }
  const result = read(mainPlace(filled)) as Unfinished<MatchResult>
  if (filled.predictions.parts.length > 1) Object.assign(result, eachPart(filled, read))
  result.normalizers = readNormalizers(filled)
  result.nonFinite = readNonFinite(filled)
  return result
}

/** How many values the costs of all parts have. */
export function countCosts({ parts }: Predictions, { total }: PackedTargets): number {
  return parts.reduce((sum, { layers, first, end }) => sum + layers.layers * (end - first) * total, 0)
}

/** The outcome of `cost`: `costs` holds part after part, layer after layer, image after image. */
export function readCosts(filled: Filled, costs: Float32Array): CostResult {
  const { predictions, targets } = filled
  const { offsets, total } = targets
  const read = ({ part, entry }: Place) => {
    const queries = part.end - part.first
    const start = (entry / Math.max(predictions.images, 1)) * total
    const block = (layer: number, image: number): CostBlock => {
      const [from, to] = [offsets[image] as number, offsets[image + 1] as number]
      const first = start + layer * total * queries
      return new PlainBlock(costs.subarray(first + from * queries, first + to * queries), [queries, to - from])
    }
    const blocks = (_: unknown, layer: number) => ({
      images: Array.from({ length: predictions.images }, (_image, image) => block(layer, image)),
    })
    const layers = Array.from({ length: part.layers.layers }, blocks)
    return { images: (layers[layers.length - 1] as (typeof layers)[number]).images, layers }
  }
  const result = read(mainPlace(filled)) as Unfinished<PartCost> as Unfinished<CostResult>
  if (predictions.parts.length > 1) Object.assign(result, eachPart(filled, read))
  result.nonFinite = readNonFinite(filled)
  return result
}

const PlainBlock = constructorOf<CostBlock, [Float32Array, CostBlock['shape']]>(function (data, shape) {
  this.data = data
  this.shape = shape
}, WITH_JSON)

/** The matchings of one layer. Every list has memory of its own, so that it can be posted and transferred by itself. */
function readMatches(source: Source, layer: number): readonly Matches[] {
  const copies = source.given?.[layer] === true ? 1 : source.copies
  const start = source.entry + layer * source.images * source.queries
  const matches: Matches[] = []
  for (let image = 0; image < source.images; image++) {
    matches.push(readImage(source, image, start + image * source.queries, copies))
  }
  return matches
}

const PlainMatches = constructorOf<Matches, [Int32Array, Int32Array, Int32Array, Int32Array]>(function (
  queryIndices,
  targetIndices,
  unmatchedTargets,
  ignoredQueries,
) {
  this.queryIndices = queryIndices
  this.targetIndices = targetIndices
  this.unmatchedTargets = unmatchedTargets
  this.ignoredQueries = ignoredQueries
}, WITH_JSON)

/** The matching of one image, whose entries begin at `start`. */
function readImage(source: Source, image: number, start: number, copies: number): Matches {
  const { targetOfQuery, first, queries } = source
  let pairs = 0
  let leftOut = 0
  for (let i = start; i < start + queries; i++) {
    const target = targetOfQuery[i] as number
    if (target >= 0) pairs++
    else if (target === LEFT_OUT) leftOut++
  }
  const queryIndices = ownInt32s(pairs)
  const targetIndices = ownInt32s(pairs)
  const ignoredQueries = ownInt32s(leftOut)
  for (let i = start, pair = 0, ignored = 0; pair < pairs || ignored < leftOut; i++) {
    const target = targetOfQuery[i] as number
    if (target >= 0) {
      queryIndices[pair] = first + i - start
      targetIndices[pair++] = target
    } else if (target === LEFT_OUT) {
      ignoredQueries[ignored++] = first + i - start
    }
  }
  const unmatchedTargets = unmatchedIn(source, image, targetIndices, copies)
  return new PlainMatches(queryIndices, targetIndices, unmatchedTargets, ignoredQueries)
}

/** The targets of an image as often as they lack a query. `matched`: the target of each query that has one. */
function unmatchedIn(source: Source, image: number, matched: Int32Array, copies: number): Int32Array {
  const { offsets, ignores, isOptimal } = source
  const first = offsets[image] as number
  const count = (offsets[image + 1] as number) - first
  if (isOptimal && ignores === undefined && matched.length === copies * count) return ownInt32s(0)
  const found = int32s(count)
  for (let pair = 0; pair < matched.length; pair++) {
    const target = matched[pair] as number
    found[target] = (found[target] as number) + 1
  }
  const isCounted = (target: number): boolean => ignores?.[first + target] !== 1
  const lacking = (target: number): number => Math.max(copies - (found[target] as number), 0)
  let length = 0
  for (let target = 0; target < count; target++) if (isCounted(target)) length += lacking(target)
  const unmatched = ownInt32s(length)
  for (let target = 0, next = 0; next < length; target++) {
    if (isCounted(target)) unmatched.fill(target, next, (next += lacking(target)))
  }
  return unmatched
}

/** How many queries every target is meant to find. */
function copiesOf({ groups, repeat, denoising }: Part): number {
  if (denoising === undefined) return groups * repeat
  return denoising.matching === undefined ? denoising.groups : 1
}

function readNormalizers(filled: Filled): Normalizers {
  const { values } = filled
  const { part, layer } = mainPlace(filled)
  const normalizers: Unfinished<Normalizers> = {
    numBoxes: values[NUM_BOXES] as number,
    classWeight: values[HEADER + PER_LAYER * (layer + part.layers.layers - 1) + CLASS_WEIGHT] as number,
    counts: readCounts(filled, part.union),
  }
  if (part.union) normalizers.unionBoxes = values[UNION_BOXES] as number
  return normalizers
}

function readCounts({ values, predictions }: Filled, hasUnion: boolean): NormalizerCounts {
  const counts: Unfinished<NormalizerCounts> = {
    targets: values[TARGETS] as number,
    classWeights: eachOf(values, CLASS_WEIGHT_SUM),
    leastClassWeights: eachOf(values, LEAST_CLASS_WEIGHT),
  }
  if (hasUnion) counts.unionPairs = values[UNION_PAIRS] as number
  if (distills(predictions)) {
    const others = eachOf(values, DISTILLED + 1)
    counts.distilledQueries = eachOf(values, DISTILLED).map((paired, i) => [paired, others[i] as number])
  }
  return counts
}

/** The number at a place within those of each layer. */
function eachOf(values: Float64Array, place: number): number[] {
  const list = listOf((values.length - HEADER) / PER_LAYER)
  for (let i = 0; i < list.length; i++) list[i] = values[HEADER + PER_LAYER * i + place] as number
  return list
}

/** Whether any layer is taught by the last one of its part, as in the core. */
function distills({ parts }: Predictions): boolean {
  const isTaught = ({ layers }: Part): boolean => {
    for (let i = 0; i < layers.layers - 1; i++) if (tensorsOf(layers, i).corners !== undefined) return true
    return false
  }
  return parts.some(({ weights }) => weights.ddf > 0) && parts.some(isTaught)
}

function readNonFinite({ values }: Filled): NonFiniteCounts {
  const count = (place: number): number => values[NON_FINITE + place] as number
  return { logits: count(0), boxes: count(1), corners: count(2), references: count(3), costs: count(4) }
}

function layerValue({ values }: Filled, place: Place, layer: number, at: number): number {
  return values[HEADER + PER_LAYER * (place.layer + layer) + at] as number
}
