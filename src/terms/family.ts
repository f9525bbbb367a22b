/**
 * What a family of terms says of itself, so that everything else may loop over terms and fields and know none by name. What the
 * core says of them is added where the families are composed.
 */
import type { ForeignNames } from '../common/words.ts'

/** One term of the loss. */
export interface TermInfo<Name extends string, Field extends string> {
  readonly name: Name
  /** Its weight, in loss and cost, where neither the caller nor the preset has one. */
  readonly weight: number
  /** Whether results have it whatever its weight; otherwise only where that is above 0. */
  readonly isAlwaysGiven: boolean
  /** The field that a layer must have for it; undefined where every layer has the term. */
  readonly field: Field | undefined
  /** Whether it compares layers with the last one of their part, which therefore lacks it. */
  readonly comparesLayers: boolean
}

/** A named tensor of the queries of a layer. */
export interface FieldInfo<Name extends string, Options> {
  readonly name: Name
  /** Reads it. Written out for each, since V8 takes ten times as long for a property whose name varies. */
  readonly of: (layer: { readonly [Field in Name]?: unknown }) => unknown
  /**
   * The field without which a layer has no use for it: its own name for those that layers may have by themselves; undefined
   * for one that every layer has.
   */
  readonly owner: Name | undefined
  /** For messages: what may be behind a row of these sizes that does not fit; undefined for what is usual. */
  readonly hint?: ((options: Options, row: readonly number[]) => string | undefined) | undefined
  /** Columns of a row, `given` of which there are; of the logits, which have a rule of their own, any. */
  readonly columns: (options: Options, given: number) => number
  /** The axes of a row of so many columns, where tensors may also have them one by one. */
  readonly axes?: ((options: Options, columns: number) => readonly number[]) | undefined
  /** The field whose place it takes: a layer with this one has the terms of that. */
  readonly inPlaceOf?: Name | undefined
  /** Whether one row may stand for those of all images. */
  readonly mayBeShared?: boolean | undefined
  /** The axes of a row as messages say them, where these may have any sizes. */
  readonly shownAs?: readonly string[] | undefined
}

/** A named array of the targets of an image. */
export interface TargetFieldInfo<Name extends string, Options> {
  readonly name: Name
  /** Reads it, likewise. */
  readonly of: (target: { readonly [Field in Name]?: unknown }) => unknown
  /** Numbers of a row. `widthOf`: columns of a field of the queries, by name; 0 where they do not have it. */
  readonly columns: (options: Options, widthOf: (field: string) => number) => number
  /** The two axes of a row of so many numbers, where targets may also have them one by one. */
  readonly axes?: ((options: Options, columns: number) => readonly [number, number]) | undefined
  /** What a row is, in the plural: `boxes`. */
  readonly noun: string
  /** Whether true and false may stand for 1 and 0. */
  readonly takesFlags?: boolean | undefined
}

/** What most terms are like. */
export const USUAL_TERM = {
  weight: 0,
  isAlwaysGiven: false,
  field: undefined,
  comparesLayers: false,
} as const

/** What a family has of everything that families compose; `object` where it has nothing of it. */
export interface FamilyTypes {
  /** Its terms, and those of them that the matching cost may have. */
  readonly terms: object
  readonly costTerms: object
  /** What it reads of a layer, and of an image's targets. */
  readonly outputs: object
  readonly target: object
  /** What the loss has a gradient by. */
  readonly gradients: object
  /** Values of its fields that were not finite. */
  readonly counts: object
  /** Its options, given and with every default filled in, and what presets say of them. */
  readonly options: object
  readonly resolved: object
  readonly preset: object
}

/** Names of a part. */
export type NamesOf<Part> = keyof Part & string

/** The terms of one family, their fields and options. */
export interface Family<Types extends FamilyTypes> {
  readonly terms: readonly TermInfo<NamesOf<Types['terms']>, NamesOf<Types['outputs']>>[]
  /** Of queries. */
  readonly fields: readonly FieldInfo<NamesOf<Types['outputs']>, Types['resolved']>[]
  /** Of targets, but the labels. */
  readonly targets: readonly TargetFieldInfo<Exclude<NamesOf<Types['target']>, 'labels'>, Types['resolved']>[]
  /** The names of its options. */
  readonly options: readonly NamesOf<Types['options']>[]
  /** Checks its options and fills in defaults. */
  readonly resolve: (given: Unchecked<Types['options']>, preset: Types['preset']) => Types['resolved']
  /** What other code calls its terms and options. */
  readonly foreign: ForeignNames
  /** What other code and data sets call its fields. */
  readonly foreignFields: ForeignFields
}

/** Options of which nothing has been checked. */
export type Unchecked<Options> = { readonly [Name in keyof Options]?: unknown }

/** Fields by the names that other code and data sets have for them, without case and underscores. */
export interface ForeignFields {
  /** In outputs. */
  readonly queries: { readonly [name: string]: string }
  /** In targets. */
  readonly targets: { readonly [name: string]: string }
}
