/** Which terms a result has, and what they come to. */
import { DESCRIPTION } from '../binding/description.ts'
import { termIn } from '../binding/values.ts'
import { placeOf, tensorsOf } from '../input/layers.ts'
import type { Layers } from '../input/layers.ts'
import type { Predictions } from '../input/outputs.ts'
import type { Part } from '../input/part.ts'
import { FIELDS, TARGET_FIELDS, TERMS } from '../terms/index.ts'
import type { TargetField, Terms } from '../terms/index.ts'

type ListedTerm = (typeof TERMS)[number]

/** A term, and its place among all. */
interface GivenTerm {
  readonly term: ListedTerm
  readonly place: number
}

/** The terms of a part that have a weight, and those that results have whatever their weight. */
export interface GivenTerms {
  /** Those that every layer has. */
  readonly everywhere: readonly GivenTerm[]
  /** An object with them: a copy is made in a fraction of the time that they take to be listed. */
  readonly template: Terms
  /** Those that a layer may lack. */
  readonly others: readonly GivenTerm[]
  /** The families that have any of these. */
  readonly families: readonly GivenFamily[]
}

/** A family whose terms results have, and its place among all. */
export interface GivenFamily {
  readonly name: string
  readonly place: number
  /** Whether every layer has a term of it. */
  readonly isEverywhere: boolean
  readonly terms: readonly string[]
}

/** The terms of the latest part: most parts have the criterion's weights. */
let latest:
  | (Pick<Part, 'weight' | 'weights'> & { readonly needed: readonly boolean[]; readonly given: GivenTerms })
  | undefined

/** The terms of a part that results have. `needed`: which fields every layer has. */
export function givenTerms({ weight, weights }: Part, needed: readonly boolean[]): GivenTerms {
  if (latest?.weights === weights && latest.weight === weight && latest.needed === needed) return latest.given
  const all = TERMS.map((term, place) => ({ term, place }))
  const listed = all.filter(({ term }) => term.isAlwaysGiven || weight * (weights[term.name] as number) > 0)
  const everywhere = listed.filter(({ term }) => isEverywhere(term, needed))
  // a fraction, so that the numbers which replace it are stored as it is
  const template = Object.fromEntries(everywhere.map(({ term }) => [term.name, 0.5])) as unknown as Terms
  const others = listed.filter(({ term }) => !isEverywhere(term, needed))
  const given = { everywhere, template, others, families: givenFamilies(template, listed) }
  latest = { weight, weights, needed, given }
  return given
}

/** The families that have any of the listed terms. `template`: of those that every layer has. */
function givenFamilies(template: Terms, listed: readonly GivenTerm[]): readonly GivenFamily[] {
  return DESCRIPTION.families.flatMap(({ name, terms }, place) => {
    if (!listed.some(({ term }) => terms.includes(term.name))) return []
    return [{ name, place, isEverywhere: terms.some((term) => term in template), terms }]
  })
}

/** Whether every layer has a term, since every layer has what it needs. */
function isEverywhere({ field, comparesLayers }: ListedTerm, needed: readonly boolean[]): boolean {
  return !comparesLayers && (field === undefined || needed[placeOf(field)] === true)
}

/** For each layer, whether it and the targets have what the terms of each field need, in the core's order. */
export type OptionalFields = ReadonlyArray<readonly boolean[]>

/** For each field, the places of the targets' fields without which its family's terms are not computed. */
const OF_TARGETS = FIELDS.map(({ name }) => {
  const family = DESCRIPTION.families.find(({ queryFields }) => queryFields.includes(name))
  const isNeeded = ({ name: field, isOptional }: TargetField): boolean =>
    !isOptional && family?.targetFields.includes(field) === true
  return TARGET_FIELDS.flatMap((field, place) => (isNeeded(field) ? [place] : []))
})

/** Fields that take the place of another, with that. */
const IN_PLACE = FIELDS.flatMap(({ inPlaceOf }, field) => {
  return inPlaceOf === undefined ? [] : [[field, placeOf(inPlaceOf)] as const]
})

/** Which layers have which fields, of those that the targets have their part of. `has`: as in `PackedTargets`. */
export function optionalFields(layers: Layers, has: readonly boolean[]): OptionalFields {
  const isMet = OF_TARGETS.map((places) => places.every((place) => has[place] === true))
  const fieldsOf = (_: unknown, layer: number) => {
    const { values } = tensorsOf(layers, layer)
    const has = values.map((own, field) => own !== undefined && isMet[field] === true)
    for (const [field, place] of IN_PLACE) if (has[field] === true) has[place] = true
    return has
  }
  return Array.from({ length: layers.layers }, fieldsOf)
}

/** What terms are read from; see `PartSource`. */
interface TermSource {
  readonly values: Float64Array
  readonly layers: number
  readonly firstLayer: number
  readonly terms: GivenTerms
  readonly optional: OptionalFields | undefined
}

/** A layer's terms, unweighted. */
export function readTerms(source: TermSource, layer: number): Terms {
  const { values, firstLayer } = source
  const { everywhere, template, others } = source.terms
  const terms: { -readonly [Name in keyof Terms]: Terms[Name] } = { ...template }
  for (let i = 0; i < everywhere.length; i++) {
    const { term, place } = everywhere[i] as GivenTerm
    terms[term.name] = termIn(values, firstLayer + layer, place)
  }
  for (const { term, place } of others) {
    if (hasTerm(source, term, layer)) terms[term.name] = termIn(values, firstLayer + layer, place)
  }
  return terms
}

/** Whether a layer has what a term needs. */
function hasTerm({ optional, layers }: TermSource, { field, comparesLayers }: ListedTerm, layer: number): boolean {
  return (
    (field === undefined || optional?.[layer]?.[placeOf(field)] === true) && !(comparesLayers && layer === layers - 1)
  )
}

const COMPARING = TERMS.filter((term) => term.comparesLayers)

/** Whether any term that has a weight compares layers which have what it needs. */
export function comparesLayers({ parts }: Predictions): boolean {
  for (const { name, field } of COMPARING) {
    if (
      parts.some(({ weights }) => (weights[name] as number) > 0) &&
      parts.some(({ layers }) => hasEarlier(layers, field))
    ) {
      return true
    }
  }
  return false
}

/** Whether any layer but the last has a field. */
function hasEarlier(layers: Layers, field: ListedTerm['field']): boolean {
  for (let layer = 0; layer < layers.layers - 1; layer++) {
    if (field === undefined || tensorsOf(layers, layer).values[placeOf(field)] !== undefined) return true
  }
  return false
}
