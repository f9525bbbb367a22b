/** The flat arrays that the core fills, and which of their numbers belong to which part. */
import { PART_KEYS } from '../binding/plan.ts'
import type { PartKey } from '../binding/plan.ts'
import { int32s } from '../binding/slab.ts'
import { makeValues } from '../binding/values.ts'
import type { Layers } from '../input/layers.ts'
import { isGiven, mostFurther } from '../input/matching.ts'
import type { PackedRules } from '../input/matching.ts'
import type { Predictions } from '../input/outputs.ts'
import type { Part } from '../input/part.ts'
import type { PackedTargets } from '../input/packing.ts'
import { givenTerms, optionalFields } from './terms.ts'
import type { GivenTerms, OptionalFields } from './terms.ts'

/** The flat arrays that the core fills, and what to read them by. */
export interface Filled {
  readonly predictions: Predictions
  readonly targets: PackedTargets
  readonly rules: PackedRules | undefined
  /**
   * `[B, Q]` for each layer of every part: the target of each query, or −1, or −2 where it is left out. Then the pairs beyond
   * the first of each query, query and target by turns, or −1.
   */
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
  const targetOfQuery = int32s(predictions.images * queries + furtherEntries(predictions, targets, rules))
  return { predictions, targets, rules, targetOfQuery, values: makeValues(layers) }
}

/** Entries of the pairs beyond the first of each query: two for each pair that a layer may have of a target. */
function furtherEntries({ parts }: Predictions, { offsets }: PackedTargets, rules: PackedRules | undefined): number {
  if (rules === undefined) return 0
  const total = offsets[offsets.length - 1] as number
  let most = 0
  for (const place of placesOf(parts)) {
    for (let i = 0; i < place.part.layers.layers; i++)
      most += mostFurther(rules, place.part, place.layer + i, place.layer)
  }
  return 2 * most * total
}

/** The parts with the first of their layers among those of all. */
function placesOf(parts: readonly Part[]): ReadonlyArray<{ readonly part: Part; readonly layer: number }> {
  let layer = 0
  return parts.map((part) => {
    const place = { part, layer }
    layer += part.layers.layers
    return place
  })
}

/** For each layer of a part where its pairs beyond the first of each query lie, if it may have some. */
function furtherOf(
  { predictions: { parts, images }, targets: { offsets }, rules }: Filled,
  { part }: PartPlace,
): readonly FurtherPlace[] | undefined {
  if (rules === undefined) return undefined
  const total = offsets[offsets.length - 1] as number
  let entry = 0
  for (const { layers, first, end } of parts) entry += layers.layers * images * (end - first)
  const found: FurtherPlace[] = []
  for (const place of placesOf(parts)) {
    for (let i = 0; i < place.part.layers.layers; i++) {
      const most = mostFurther(rules, place.part, place.layer + i, place.layer)
      if (place.part === part) found.push({ entry, most })
      entry += 2 * most * total
    }
  }
  return found.some(({ most }) => most > 0) ? found : undefined
}

/** Where a layer's pairs beyond the first of each query lie. */
export interface FurtherPlace {
  /** The first entry in `targetOfQuery`. */
  readonly entry: number
  /** Pairs that a target may have. */
  readonly most: number
}

/** A part and where its layers lie in the arrays of all. */
export interface PartPlace {
  readonly part: Part
  /** Its first layer among those of all parts. */
  readonly layer: number
  /** Its first entry in `targetOfQuery`. */
  readonly entry: number
}

/** Where a part lies, if there is such a part. */
function partPlaceOf({ predictions: { parts, images } }: Filled, key: PartKey | undefined): PartPlace | undefined {
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
export function eachPart<T>(filled: Filled, read: (place: PartPlace) => T): { [Key in PartKey]?: T } {
  const found: { [Key in PartKey]?: T } = {}
  for (const key of PART_KEYS) {
    const place = partPlaceOf(filled, key)
    if (place !== undefined) found[key] = read(place)
  }
  return found
}

/** Where the main part lies. */
export const mainPlace = (filled: Filled): PartPlace => partPlaceOf(filled, undefined) as PartPlace

/**
 * What the layers of a part are read from. Nothing in it is an input, so that results which are read later, or never,
 * keep none alive.
 */
export interface PartSource {
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
  /** Half of a group's queries, where no more may find a target, so that copies may be fewer. */
  readonly half: number | undefined
  readonly groups: number
  /** Whether no layer has pairs that were given, so that no target has more queries than it is meant to find. */
  readonly isOptimal: boolean
  /** The layers whose pairs were given, if any were: there each target is meant to find one, and may have several. */
  readonly given: readonly boolean[] | undefined
  /** Where the pairs of each layer beyond the first of each query lie, if any may have some. */
  readonly further: readonly FurtherPlace[] | undefined
  readonly terms: GivenTerms
  /** The fields of each layer, if any term asks for them. */
  readonly optional: OptionalFields | undefined
}

/** What the layers of one part are read from. */
export function sourceOf(filled: Filled, place: PartPlace): PartSource {
  const { predictions, targets, rules, targetOfQuery, values } = filled
  const { part, layer, entry } = place
  const { layers, first, end, denoising } = part
  const terms = givenTerms(part, predictions.needed.queries)
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
    groups: part.groups,
    half: part.adaptive ? Math.floor((end - first) / part.groups / 2) : undefined,
    isOptimal: rules === undefined,
    given: rules && denoising === undefined ? eachLayer(layers, (i) => isGiven(rules, layer + i)) : undefined,
    further: furtherOf(filled, place),
    terms,
    optional: terms.others.length > 0 ? optionalFields(layers, targets.has) : undefined,
  }
}

/** Something of each layer. */
function eachLayer<T>({ layers }: Layers, read: (layer: number) => T): readonly T[] {
  return Array.from({ length: layers }, (_, layer) => read(layer))
}

/** How many queries every target is meant to find. */
function copiesOf({ groups, repeat, denoising }: Part): number {
  if (denoising === undefined) return groups * repeat
  return denoising.matching === undefined ? denoising.groups : 1
}
