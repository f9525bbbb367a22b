import { layOut } from './gradients.ts'
import type { GradientArrays } from './gradients.ts'
import { PART_KEYS, tensorsOf } from './parts.ts'
import type { Part, PartKey } from './parts.ts'
import { TERMS } from './presets.ts'
import type { Predictions } from './predictions.ts'
import { isGiven } from './rules.ts'
import type { PackedRules } from './rules.ts'
import { float64s, int32s } from './slab.ts'
import type { PackedTargets } from './targets.ts'
import type {
  CostBlock,
  CostResult,
  Gradients,
  LayerResult,
  LossResult,
  Matches,
  MatchResult,
  Metrics,
  NonFiniteCounts,
  NormalizerCounts,
  Normalizers,
  PartResult,
  Terms,
} from './types.ts'
import { View } from './view.ts'

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
/** Terms that a result always has; the others only where they have a weight. */
const ALWAYS = 3

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

/** One layer of a part. */
class LayerView extends View implements LayerResult {
  readonly #filled: Filled
  readonly #place: Place
  readonly #layer: number
  #matches: readonly Matches[] | undefined
  #terms: Terms | undefined
  #metrics: Metrics | undefined

  constructor(filled: Filled, place: Place, layer: number) {
    super()
    this.#filled = filled
    this.#place = place
    this.#layer = layer
  }

  get terms(): Terms {
    return (this.#terms ??= readTerms(this.#filled, this.#place, this.#layer))
  }

  get matches(): readonly Matches[] {
    return (this.#matches ??= readMatches(this.#filled, this.#place, this.#layer))
  }

  get metrics(): Metrics {
    return (this.#metrics ??= { classError: this.#value(METRICS), cardinalityError: this.#value(METRICS + 1) })
  }

  get classWeight(): number {
    return this.#value(CLASS_WEIGHT)
  }

  #value(place: number): number {
    return layerValue(this.#filled, this.#place, this.#layer, place)
  }
}

/** One part of a step: views of what the core filled, made on first use. */
class PartView extends View implements PartResult {
  readonly #filled: Filled
  readonly #place: Place
  #final: LayerView | undefined
  #layers: readonly LayerView[] | undefined

  constructor(filled: Filled, place: Place) {
    super()
    this.#filled = filled
    this.#place = place
  }

  get terms(): Terms {
    return this.#last().terms
  }

  get layers(): readonly LayerResult[] {
    const { layers } = this.#place.part.layers
    return (this.#layers ??= Array.from({ length: layers }, (_, i) =>
      i === layers - 1 ? this.#last() : new LayerView(this.#filled, this.#place, i),
    ))
  }

  get matches(): readonly Matches[] {
    return this.#last().matches
  }

  get metrics(): Metrics {
    return this.#last().metrics
  }

  #last(): LayerView {
    return (this.#final ??= new LayerView(this.#filled, this.#place, this.#place.part.layers.layers - 1))
  }
}

/** The outcome of `compute`. */
export class LossView extends View implements LossResult {
  readonly #filled: Filled
  readonly #arrays: GradientArrays
  #main: PartView | undefined
  #others: { readonly [Key in PartKey]?: PartView } | undefined
  #normalizers: Normalizers | undefined
  #gradients: Gradients | undefined
  #nonFinite: NonFiniteCounts | undefined

  constructor(filled: Filled, gradients: GradientArrays) {
    super()
    this.#filled = filled
    this.#arrays = gradients
  }

  get loss(): number {
    return this.#filled.values[LOSS] as number
  }

  get terms(): Terms {
    return this.#decoder().terms
  }

  get layers(): readonly LayerResult[] {
    return this.#decoder().layers
  }

  get matches(): readonly Matches[] {
    return this.#decoder().matches
  }

  get metrics(): Metrics {
    return this.#decoder().metrics
  }

  get encoder(): PartResult | undefined {
    return this.#part('encoder')
  }

  get denoising(): PartResult | undefined {
    return this.#part('denoising')
  }

  get oneToMany(): PartResult | undefined {
    return this.#part('oneToMany')
  }

  get normalizers(): Normalizers {
    return (this.#normalizers ??= readNormalizers(this.#filled))
  }

  get gradients(): Gradients | undefined {
    return (this.#gradients ??= layOut(this.#arrays, this.#filled.predictions))
  }

  get nonFinite(): NonFiniteCounts {
    return (this.#nonFinite ??= readNonFinite(this.#filled))
  }

  #decoder(): PartView {
    return (this.#main ??= new PartView(this.#filled, mainPlace(this.#filled)))
  }

  #part(key: PartKey): PartView | undefined {
    this.#others ??= eachPart(this.#filled, (place) => new PartView(this.#filled, place))
    return this.#others[key]
  }
}

function readTerms(filled: Filled, place: Place, layer: number): Terms {
  const { layers, weight, weights } = place.part
  const value = (at: number): number => layerValue(filled, place, layer, at)
  const terms: Partial<Record<keyof Terms, number>> = { class: value(0), l1: value(1), giou: value(2) }
  const edges = tensorsOf(layers, layer).corners !== undefined
  const isThere: { [Term in keyof Terms]?: boolean } = { fgl: edges, ddf: edges && layer < layers.layers - 1 }
  for (let i = ALWAYS; i < TERMS.length; i++) {
    const term = TERMS[i] as keyof Terms
    if (weight * (weights[term] as number) > 0 && (isThere[term] ?? true)) terms[term] = value(i)
  }
  return terms as Terms
}

/** The outcome of `match`. */
export function readMatching(filled: Filled): MatchResult {
  const read = (place: Place) => {
    const layers = Array.from({ length: place.part.layers.layers }, (_, layer) => ({
      matches: readMatches(filled, place, layer),
      classWeight: layerValue(filled, place, layer, CLASS_WEIGHT),
    }))
    return { matches: (layers[layers.length - 1] as (typeof layers)[number]).matches, layers }
  }
  return {
    ...read(mainPlace(filled)),
    ...eachPart(filled, read),
    normalizers: readNormalizers(filled),
    nonFinite: readNonFinite(filled),
  }
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
      return { data: costs.subarray(first + from * queries, first + to * queries), shape: [queries, to - from] }
    }
    const blocks = (_: unknown, layer: number) => ({
      images: Array.from({ length: predictions.images }, (_image, image) => block(layer, image)),
    })
    const layers = Array.from({ length: part.layers.layers }, blocks)
    return { images: (layers[layers.length - 1] as (typeof layers)[number]).images, layers }
  }
  return { ...read(mainPlace(filled)), ...eachPart(filled, read), nonFinite: readNonFinite(filled) }
}

/** The matchings of one layer, as views of two arrays; the other lists are rarely of any length. */
function readMatches(filled: Filled, { part, entry, layer: first }: Place, layer: number): readonly Matches[] {
  const { predictions, targets, rules, targetOfQuery } = filled
  const queries = part.end - part.first
  const start = entry + layer * predictions.images * queries
  let pairs = 0
  for (let i = start; i < start + predictions.images * queries; i++) pairs += Number((targetOfQuery[i] as number) >= 0)
  const queryIndices = new Int32Array(pairs)
  const targetIndices = new Int32Array(pairs)
  const found = new Int32Array(targets.total)
  const areGiven = part.denoising === undefined && isGiven(rules, first + layer)
  const copies = areGiven ? 1 : copiesOf(part)
  const matches: Matches[] = []
  let matched = 0
  for (let image = 0; image < predictions.images; image++) {
    const first = matched
    const firstTarget = targets.offsets[image] as number
    const ignored: number[] = []
    for (let query = 0; query < queries; query++) {
      const target = targetOfQuery[start + image * queries + query] as number
      if (target === LEFT_OUT) ignored.push(part.first + query)
      if (target < 0) continue
      queryIndices[matched] = part.first + query
      targetIndices[matched++] = target
      found[firstTarget + target] = (found[firstTarget + target] as number) + 1
    }
    matches.push({
      queryIndices: queryIndices.subarray(first, matched),
      targetIndices: targetIndices.subarray(first, matched),
      unmatchedTargets: toInt32s(unmatchedIn(targets, image, found, copies)),
      ignoredQueries: toInt32s(ignored),
    })
  }
  return matches
}

/** The targets of an image as often as they lack a query. `found`: how many each target of the batch has. */
function unmatchedIn({ offsets, ignores }: PackedTargets, image: number, found: Int32Array, copies: number): number[] {
  const first = offsets[image] as number
  const unmatched: number[] = []
  for (let target = first; target < (offsets[image + 1] as number); target++) {
    if (ignores?.[target] === 1) continue
    for (let copy = found[target] as number; copy < copies; copy++) unmatched.push(target - first)
  }
  return unmatched
}

const EMPTY = new Int32Array(0)

const toInt32s = (values: number[]): Int32Array => (values.length === 0 ? EMPTY : Int32Array.from(values))

/** How many queries every target is meant to find. */
function copiesOf({ groups, repeat, denoising }: Part): number {
  if (denoising === undefined) return groups * repeat
  return denoising.matching === undefined ? denoising.groups : 1
}

function readNormalizers(filled: Filled): Normalizers {
  const place = mainPlace(filled)
  const normalizers = {
    numBoxes: filled.values[NUM_BOXES] as number,
    classWeight: layerValue(filled, place, place.part.layers.layers - 1, CLASS_WEIGHT),
    counts: readCounts(filled, place.part.union),
  }
  return place.part.union ? { ...normalizers, unionBoxes: filled.values[UNION_BOXES] as number } : normalizers
}

function readCounts({ values, predictions }: Filled, hasUnion: boolean): NormalizerCounts {
  const classWeights: number[] = []
  const leastClassWeights: number[] = []
  const distilledQueries: [number, number][] = []
  for (let at = HEADER; at < values.length; at += PER_LAYER) {
    classWeights.push(values[at + CLASS_WEIGHT_SUM] as number)
    leastClassWeights.push(values[at + LEAST_CLASS_WEIGHT] as number)
    distilledQueries.push([values[at + DISTILLED] as number, values[at + DISTILLED + 1] as number])
  }
  return {
    targets: values[TARGETS] as number,
    ...(hasUnion && { unionPairs: values[UNION_PAIRS] as number }),
    classWeights,
    leastClassWeights,
    ...(distills(predictions) && { distilledQueries }),
  }
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
  const [logits, boxes, corners, references, costs] = values.subarray(NON_FINITE, HEADER) as unknown as number[]
  return { logits, boxes, corners, references, costs } as NonFiniteCounts
}

function layerValue({ values }: Filled, place: Place, layer: number, at: number): number {
  return values[HEADER + PER_LAYER * (place.layer + layer) + at] as number
}
