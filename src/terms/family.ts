/** What a family of terms says of itself, so that everything else may loop over terms and fields and know none by name. */
import { MAX_WEIGHT } from '../common/validate.ts'
import type { ForeignNames } from '../common/words.ts'

/** One term of the loss. */
export interface TermInfo<Name extends string, Field extends string> {
  readonly name: Name
  /** Whether the matching cost may have it, too. */
  readonly inCost: boolean
  /** Its weight, in loss and cost, where neither the caller nor the preset has one. */
  readonly weight: number
  /** The largest weight. The least is 0. */
  readonly maxWeight: number
  /** Whether results have it whatever its weight; otherwise only where that is above 0. */
  readonly isAlwaysGiven: boolean
  /** The optional field that a layer must have for it; undefined where every layer has the term. */
  readonly field: Field | undefined
  /** Whether it compares layers with the last one of their part, which therefore lacks it. */
  readonly comparesLayers: boolean
}

/** A named tensor of the queries of a layer. */
export interface FieldInfo<Name extends string> {
  readonly name: Name
  /** Whether layers may lack it. */
  readonly isOptional: boolean
  /** Whether the loss has a gradient with respect to it. */
  readonly hasGradient: boolean
}

/** What most terms are like. */
export const USUAL_TERM = {
  inCost: true,
  weight: 0,
  maxWeight: MAX_WEIGHT,
  isAlwaysGiven: false,
  field: undefined,
  comparesLayers: false,
} as const

/** The terms of one family, their fields and options. */
export interface Family<Term extends string, Field extends string, Option extends string> {
  readonly terms: readonly TermInfo<Term, Field>[]
  /** Of queries, in the order of the binding. */
  readonly fields: readonly FieldInfo<Field>[]
  /** The names of its options. */
  readonly options: readonly Option[]
  /** What other code calls its terms and options. */
  readonly foreign: ForeignNames
}
