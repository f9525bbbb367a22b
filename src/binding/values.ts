/** The numbers of a result as the core writes them: those of the batch, then those of each layer of every part. */
import { listOf } from '../common/tensors.ts'
import {
  CARDINALITY_ERROR,
  CLASS_ERROR,
  CLASS_NORMALIZER,
  CLASS_SUM,
  FILLED_COSTS,
  HEADER,
  LEAST_CLASS_SUM,
  LOSS,
  NON_FINITE,
  NORMALIZERS,
  NUM_BOXES,
  NUM_IMAGES,
  NUM_PAIRS,
  OTHER_QUERIES,
  PAIRED_QUERIES,
  PER_LAYER,
  TARGETS,
  TERM_PLACES,
  UNION_BOXES,
  UNION_PAIRS,
} from './layout.ts'
import { DESCRIPTION } from './description.ts'
import { float64s } from './slab.ts'

/** Room for the numbers of so many layers. */
export function makeValues(layers: number): Float64Array {
  return float64s(HEADER + PER_LAYER * layers)
}

/** The loss. */
export function lossIn(values: Float64Array): number {
  return values[LOSS] as number
}

/** What the batch's box terms were divided by, without and with the union matching, and what stood for the number of images. */
export function divisorsIn(values: Float64Array): {
  readonly numBoxes: number
  readonly unionBoxes: number
  readonly numImages: number
} {
  return {
    numBoxes: values[NUM_BOXES] as number,
    unionBoxes: values[UNION_BOXES] as number,
    numImages: values[NUM_IMAGES] as number,
  }
}

/** How many targets and union pairs the batch has. */
export function countsIn(values: Float64Array): { readonly targets: number; readonly unionPairs: number } {
  return { targets: values[TARGETS] as number, unionPairs: values[UNION_PAIRS] as number }
}

/** How many values of each field, and how many costs, were not finite, by name. */
export type NonFiniteNumbers = { [name: string]: number }

/** What nearly all batches have; a copy is made in a fraction of the time that the counts take to be listed. */
const ALL_FINITE: Readonly<NonFiniteNumbers> = Object.fromEntries(
  [...DESCRIPTION.queryFields.map(({ name }) => name), 'costs'].map((name) => [name, 0]),
)

/** How many values of each field, and how many costs, were not finite. */
export function nonFiniteIn(values: Float64Array): NonFiniteNumbers {
  const counts = { ...ALL_FINITE }
  for (let i = 0; i < NON_FINITE.length; i++) {
    const count = values[NON_FINITE[i] as number] as number
    if (count > 0) counts[(DESCRIPTION.queryFields[i] as { readonly name: string }).name] = count
  }
  counts['costs'] = values[FILLED_COSTS] as number
  return counts
}

/** The first of a layer's numbers. `layer`: among those of all parts. */
const startOf = (layer: number): number => HEADER + PER_LAYER * layer

/** A layer's value of a term. `place`: that of the term among all. */
export function termIn(values: Float64Array, layer: number, place: number): number {
  return values[startOf(layer) + (TERM_PLACES[place] as number)] as number
}

/** The numbers of a layer that only tell how it does. */
export function metricsIn(
  values: Float64Array,
  layer: number,
): { readonly classError: number; readonly cardinalityError: number } {
  const at = startOf(layer)
  return { classError: values[at + CLASS_ERROR] as number, cardinalityError: values[at + CARDINALITY_ERROR] as number }
}

/** What a layer's class term was divided by. */
export function classNormalizerIn(values: Float64Array, layer: number): number {
  return values[startOf(layer) + CLASS_NORMALIZER] as number
}

/** For each layer, what its class term is divided by before that is clamped, and the least that it is clamped to. */
export function classSumsIn(values: Float64Array): { readonly sums: number[]; readonly least: number[] } {
  return { sums: ofEachLayer(values, CLASS_SUM), least: ofEachLayer(values, LEAST_CLASS_SUM) }
}

/** What a layer's terms of a family were divided by. `family`: its place among all. */
export function normalizerIn(values: Float64Array, layer: number, family: number): number {
  return values[startOf(layer) + (NORMALIZERS[family] as number)] as number
}

/** For each layer, how many pairs its matching has. */
export function pairsIn(values: Float64Array): number[] {
  return ofEachLayer(values, NUM_PAIRS)
}

/** For each layer, how many queries distillation takes: those of pairs, and others. */
export function distilledIn(values: Float64Array): (readonly [paired: number, others: number])[] {
  const others = ofEachLayer(values, OTHER_QUERIES)
  return ofEachLayer(values, PAIRED_QUERIES).map((paired, i) => [paired, others[i] as number])
}

/** The number at a place within those of each layer. */
function ofEachLayer(values: Float64Array, place: number): number[] {
  const list = listOf((values.length - HEADER) / PER_LAYER)
  for (let layer = 0; layer < list.length; layer++) list[layer] = values[startOf(layer) + place] as number
  return list
}
