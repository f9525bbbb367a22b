import { layOut } from './gradients.ts'
import type { GradientArrays } from './gradients.ts'
import type { Predictions } from './predictions.ts'
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
  Normalizers,
  ResolvedOptions,
  Terms,
} from './types.ts'

/** Places in `values`: the batch's numbers first, then as many for each layer. */
const LOSS = 0
const NUM_BOXES = 1
const NON_FINITE = 2
const HEADER = 5
const PER_LAYER = 9
/** Places within a layer's numbers. */
const TERMS = ['class', 'l1', 'giou', 'iou', 'diou', 'ciou'] as const
const METRICS = 6
const CLASS_WEIGHT = 8
/** Terms that a result always has; the others only where they have a weight. */
const ALWAYS = 3

/** The flat arrays that the core fills, and the sizes to read them by. */
export interface Filled {
  readonly layers: number
  readonly images: number
  readonly queries: number
  /** `[images + 1]`: where each image's targets lie. */
  readonly offsets: Uint32Array
  /** Targets of the batch. */
  readonly total: number
  /** `[layers, total]`: the query of each target, or −1. */
  readonly queryOfTarget: Int32Array
  /** The numbers of the batch and of each layer. */
  readonly values: Float64Array
  /** Weights of the terms. */
  readonly weights: Terms
}

/** Makes the arrays for the core to fill. */
export function makeFilled(
  { layers, images, queries }: Predictions,
  { offsets, total }: PackedTargets,
  { weights }: ResolvedOptions,
): Filled {
  const queryOfTarget = int32s(layers * total)
  const values = float64s(HEADER + PER_LAYER * layers)
  return { layers, images, queries, offsets, total, queryOfTarget, values, weights }
}

/** A class of lazy getters that prints, and turns into JSON, as the plain object that it stands for. */
class View {
  toJSON(): Record<string, unknown> {
    const prototype: object = Object.getPrototypeOf(this)
    const getters = Object.entries(Object.getOwnPropertyDescriptors(prototype)).filter(
      ([, { get }]) => get !== undefined,
    )
    return Object.fromEntries(getters.map(([name, { get }]) => [name, get?.call(this)]))
  }

  [Symbol.for('nodejs.util.inspect.custom')](): Record<string, unknown> {
    return this.toJSON()
  }
}

/** One layer of a `LossView`. */
class LayerView extends View implements LayerResult {
  readonly #filled: Filled
  readonly #layer: number
  #matches: readonly Matches[] | undefined
  #terms: Terms | undefined
  #metrics: Metrics | undefined

  constructor(filled: Filled, layer: number) {
    super()
    this.#filled = filled
    this.#layer = layer
  }

  get terms(): Terms {
    return (this.#terms ??= readTerms(this.#filled, this.#layer))
  }

  get matches(): readonly Matches[] {
    return (this.#matches ??= readMatches(this.#filled, this.#layer))
  }

  get metrics(): Metrics {
    return (this.#metrics ??= { classError: this.#value(METRICS), cardinalityError: this.#value(METRICS + 1) })
  }

  get classWeight(): number {
    return this.#value(CLASS_WEIGHT)
  }

  #value(place: number): number {
    return layerValue(this.#filled, this.#layer, place)
  }
}

/** The outcome of `compute`: views of what the core filled, made on first use. */
export class LossView extends View implements LossResult {
  readonly #filled: Filled
  readonly #arrays: GradientArrays
  #final: LayerView | undefined
  #layers: readonly LayerView[] | undefined
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
    return this.#last().terms
  }

  get layers(): readonly LayerResult[] {
    const { layers } = this.#filled
    return (this.#layers ??= Array.from({ length: layers }, (_, i) =>
      i === layers - 1 ? this.#last() : new LayerView(this.#filled, i),
    ))
  }

  get matches(): readonly Matches[] {
    return this.#last().matches
  }

  get metrics(): Metrics {
    return this.#last().metrics
  }

  get normalizers(): Normalizers {
    return (this.#normalizers ??= readNormalizers(this.#filled))
  }

  get gradients(): Gradients | undefined {
    return (this.#gradients ??= layOut(this.#arrays))
  }

  get nonFinite(): NonFiniteCounts {
    return (this.#nonFinite ??= readNonFinite(this.#filled))
  }

  #last(): LayerView {
    return (this.#final ??= new LayerView(this.#filled, this.#filled.layers - 1))
  }
}

function readTerms(filled: Filled, layer: number): Terms {
  const shown = TERMS.filter((term, i) => i < ALWAYS || (filled.weights[term] as number) > 0)
  return Object.fromEntries(
    shown.map((term) => [term, layerValue(filled, layer, TERMS.indexOf(term))]),
  ) as unknown as Terms
}

/** The outcome of `match`. */
export function readMatching(filled: Filled): MatchResult {
  const layers = Array.from({ length: filled.layers }, (_, layer) => ({ matches: readMatches(filled, layer) }))
  const { matches } = layers[layers.length - 1] as (typeof layers)[number]
  return { matches, layers, normalizers: readNormalizers(filled), nonFinite: readNonFinite(filled) }
}

/** The outcome of `cost`: `costs` holds layer after layer, image after image. */
export function readCosts(filled: Filled, costs: Float32Array): CostResult {
  const { layers, images, queries, offsets, total } = filled
  const block = (layer: number, image: number): CostBlock => {
    const [start, end] = [offsets[image] as number, offsets[image + 1] as number]
    const first = layer * total * queries
    return { data: costs.subarray(first + start * queries, first + end * queries), shape: [queries, end - start] }
  }
  const blocks = (layer: number) => ({ images: Array.from({ length: images }, (_, image) => block(layer, image)) })
  const all = Array.from({ length: layers }, (_, layer) => blocks(layer))
  const final = all[layers - 1] as (typeof all)[number]
  return { images: final.images, layers: all, nonFinite: readNonFinite(filled) }
}

/** The matchings of one layer, as views of three arrays. */
function readMatches({ images, queries, offsets, total, queryOfTarget }: Filled, layer: number): readonly Matches[] {
  const queryIndices = new Int32Array(total)
  const targetIndices = new Int32Array(total)
  const unmatched = new Int32Array(total)
  const targetOfQuery = new Int32Array(queries)
  const matches: Matches[] = []
  for (let image = 0; image < images; image++) {
    const start = offsets[image] as number
    const end = offsets[image + 1] as number
    let left = start
    targetOfQuery.fill(-1)
    for (let target = start; target < end; target++) {
      const query = queryOfTarget[layer * total + target] as number
      if (query < 0) unmatched[left++] = target - start
      else targetOfQuery[query] = target - start
    }
    let matched = start
    for (let query = 0; query < queries && matched < end; query++) {
      const target = targetOfQuery[query] as number
      if (target < 0) continue
      queryIndices[matched] = query
      targetIndices[matched++] = target
    }
    matches.push({
      queryIndices: queryIndices.subarray(start, matched),
      targetIndices: targetIndices.subarray(start, matched),
      unmatchedTargets: unmatched.subarray(start, left),
    })
  }
  return matches
}

function readNormalizers(filled: Filled): Normalizers {
  return {
    numBoxes: filled.values[NUM_BOXES] as number,
    classWeight: layerValue(filled, filled.layers - 1, CLASS_WEIGHT),
  }
}

function readNonFinite({ values }: Filled): NonFiniteCounts {
  const [logits, boxes, costs] = values.subarray(NON_FINITE, NON_FINITE + 3) as unknown as [number, number, number]
  return { logits, boxes, costs }
}

function layerValue({ values }: Filled, layer: number, place: number): number {
  return values[HEADER + PER_LAYER * layer + place] as number
}
