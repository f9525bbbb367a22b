/**
 * The families of terms, composed: what a layer, a target, the options and the results have is what the families have of it.
 * Nothing outside this folder and the presets knows a term by name.
 */
import { DESCRIPTION, inOrder } from '../binding/description.ts'
import { fail } from '../common/errors.ts'
import type { ForeignNames } from '../common/words.ts'
import { BOXES } from './boxes.ts'
import type { BoxTypes } from './boxes.ts'
import { CLASSES } from './classes.ts'
import type { ClassCostOptions, ClassTypes, ResolvedClassCost } from './classes.ts'
import { isSigmoid } from './classification.ts'
import type { ResolvedClassification } from './classification.ts'
import { EDGES } from './edges.ts'
import type { EdgeTypes } from './edges.ts'
import type { Family, FamilyTypes, FieldInfo, ForeignFields, TargetFieldInfo, TermInfo, Unchecked } from './family.ts'
import { MASKS } from './masks.ts'
import type { MaskTypes } from './masks.ts'
import { POINTS } from './points.ts'
import type { PointTypes } from './points.ts'
import { PRESENCE } from './presence.ts'
import type { PresenceTypes } from './presence.ts'
import { SPANS } from './spans.ts'
import type { SpanTypes } from './spans.ts'

/** The types of all families. */
interface Families {
  readonly classes: ClassTypes
  readonly boxes: BoxTypes
  readonly edges: EdgeTypes
  readonly spans: SpanTypes
  readonly points: PointTypes
  readonly masks: MaskTypes
  readonly presence: PresenceTypes
}

/** The families whose terms are of geometry: all but the classes. */
export type GeometricFamily = Exclude<keyof Families, 'classes'>

/** All families. */
const FAMILIES: { readonly [Name in keyof Families]: Family<Families[Name]> } = {
  classes: CLASSES,
  boxes: BOXES,
  edges: EDGES,
  spans: SPANS,
  points: POINTS,
  masks: MASKS,
  presence: PRESENCE,
}

/** What all families together have of one thing. */
type Every<Part extends keyof FamilyTypes> = {
  readonly [Name in keyof Families]: (of: Families[Name][Part]) => void
}[keyof Families] extends (of: infer All) => void
  ? All
  : never

/** One number for each term that the matching cost may have. */
export interface CostTerms extends Every<'costTerms'> {}

/**
 * One number for each term of the loss. As weights, absent terms have the preset's. Results have `class`, of boxes that layer
 * and targets have `l1` and `giou`, and of the others those with a weight, `fgl` and `ddf` where the layer has `corners`.
 */
export interface Terms extends Every<'terms'> {}

/** Weights of the matching cost, and the form of the class' part c. */
export interface CostWeights extends CostTerms, ClassCostOptions {}

/** {@link CostWeights} with every default filled in; α and γ are undefined for softmax. */
export interface ResolvedCost extends Required<CostTerms>, ResolvedClassCost {}

/** The tensors of a layer. */
export interface LayerFields extends Every<'outputs'> {}

/** None of the tensors of a layer. */
export type NoFields = { readonly [Field in keyof LayerFields]?: undefined }

/** What the terms read of an image's targets. */
export interface TargetFields extends Every<'target'> {}

/** Arrays of one layer's gradients, or of all layers where they are stacked. */
export interface LayerGradients extends Every<'gradients'> {}

/** How many values of each field were not finite. */
export interface FieldCounts extends Every<'counts'> {}

/** The options of all families. */
export interface FamilyOptions extends Every<'options'> {}

/** {@link FamilyOptions} with every default filled in. */
export interface ResolvedFamilyOptions extends Every<'resolved'> {}

/** What presets say of the families' options. */
export interface FamilyPreset extends Every<'preset'> {}

/** What every family is, as far as all have it in common. */
type AnyFamily = Omit<Family<{ readonly [Part in keyof FamilyTypes]: Every<Part> }>, 'resolve'> & {
  readonly resolve: (given: Unchecked<FamilyOptions>, preset: FamilyPreset) => object
}

const LIST: readonly AnyFamily[] = Object.values(FAMILIES)

type OwnTerm = TermInfo<keyof Terms, keyof LayerFields>
type OwnField = FieldInfo<keyof LayerFields, ResolvedFamilyOptions>
type OwnTargetField = TargetFieldInfo<Exclude<keyof TargetFields, 'labels'>, ResolvedFamilyOptions>

/** A term, with what the core says of it: whether the matching cost may have it, and whether it needs a sigmoid kind. */
export type Term = OwnTerm & Pick<(typeof DESCRIPTION.terms)[number], 'inCost' | 'needsSigmoid'>

// Properties are named one by one, so that V8 finds them at the same places in all terms and fields: loops over them run
// several times as fast.

/** All terms, in the core's order. */
export const TERMS: readonly Term[] = inOrder<OwnTerm>(
  LIST.flatMap(({ terms }) => terms),
  DESCRIPTION.terms,
).map(({ name, weight, isAlwaysGiven, field, comparesLayers }, i) => {
  const { inCost, needsSigmoid } = DESCRIPTION.terms[i] as (typeof DESCRIPTION.terms)[number]
  return { name, weight, isAlwaysGiven, field, comparesLayers, inCost, needsSigmoid }
})

type DescribedField = (typeof DESCRIPTION.queryFields)[number]

/** A field of queries, likewise: whether the loss has a gradient with respect to it. */
export type Field = OwnField &
  Pick<DescribedField, 'hasGradient'> & {
    /** What has a row of it. */
    readonly heldBy: 'query' | 'image' | 'layer' | 'pair'
    /** The sizes of a row's axes, undefined for any, where layers may differ in them or others than queries have rows. */
    readonly sizes: ReadonlyArray<number | undefined> | undefined
    /** Whether several axes may have any size, so that the structure of a step tells them. */
    readonly hasAxes: boolean
    /** Whether layers may lack it that have its owner. */
    readonly isOptional: boolean
  }

const openAxes = ({ axes }: DescribedField): number => axes.filter(({ size }) => size === undefined).length

/** Whether rows are read by the sizes of their axes. */
const isFree = (field: DescribedField): boolean =>
  field.owner !== 'query' || field.set === undefined || openAxes(field) > 1

/** All fields of queries, likewise; the logits come first. */
export const FIELDS: readonly Field[] = inOrder<OwnField>(
  LIST.flatMap(({ fields }) => fields),
  DESCRIPTION.queryFields,
).map(({ name, of, owner, hint, columns, axes, inPlaceOf, mayBeShared, shownAs }, i) => {
  const described = DESCRIPTION.queryFields[i] as DescribedField
  const { hasGradient } = described
  const heldBy = described.owner as Field['heldBy']
  const sizes = isFree(described) ? described.axes.map(({ size }) => size) : undefined
  const hasAxes = openAxes(described) > 1
  const isOptional = described.set === undefined
  return {
    name,
    of,
    owner,
    hint,
    columns,
    axes,
    inPlaceOf,
    mayBeShared,
    shownAs,
    hasGradient,
    heldBy,
    sizes,
    hasAxes,
    isOptional,
  }
})

/** A field of targets, likewise: whether targets may lack it that have the family's others, and what it is made of. */
export type TargetField = OwnTargetField &
  Pick<(typeof DESCRIPTION.targetFields)[number], 'isOptional'> & {
    /** Rows of numbers; planes of bytes, one for each target; or one plane for the image. */
    readonly form: 'row' | 'planes' | 'plane'
  }

/** All fields of targets but the labels, likewise. */
export const TARGET_FIELDS: readonly TargetField[] = inOrder<OwnTargetField>(
  LIST.flatMap(({ targets }) => targets),
  DESCRIPTION.targetFields,
).map(({ name, of, columns, axes, noun, takesFlags }, i) => {
  const { isOptional, form } = DESCRIPTION.targetFields[i] as (typeof DESCRIPTION.targetFields)[number]
  return { name, of, columns, axes, noun, takesFlags, isOptional, form: form as TargetField['form'] }
})

/** The names of all families' options. */
export const FAMILY_OPTIONS: readonly (keyof FamilyOptions)[] = LIST.flatMap(({ options }) => options)

/**
 * What other code calls the families' terms and options: facebookresearch/detr, `main.py`; huggingface/transformers,
 * `configuration_detr.py`; lyuwenyu/RT-DETR, `rtdetrv2_criterion.py`.
 */
export const FOREIGN_NAMES: ForeignNames = new Map(LIST.flatMap(({ foreign }) => [...foreign]))

/** What other code and data sets call the families' fields. */
export const FOREIGN_FIELDS: ForeignFields = {
  queries: Object.assign({}, ...LIST.map(({ foreignFields }) => foreignFields.queries)),
  targets: Object.assign({}, ...LIST.map(({ foreignFields }) => foreignFields.targets)),
}

/** Checks the options of all families and fills in defaults. */
export function resolveFamilyOptions(given: Unchecked<FamilyOptions>, preset: FamilyPreset): ResolvedFamilyOptions {
  return Object.assign({}, ...LIST.map(({ resolve }) => resolve(given, preset)))
}

/** What decides which fields a criterion needs. */
interface NeedingOptions {
  readonly cost: { readonly [K in keyof CostTerms]?: unknown } & Partial<ResolvedClassCost>
  readonly weights: Terms
  readonly classification: { readonly kind: string }
}

/**
 * The families, by number in the core's order, whose fields every layer, and with `ofTargets` every image's targets, of a
 * criterion must have: those of terms that have a weight, and where the class term asks how well pairs agree, one that says so.
 */
export function neededFamilies(
  { cost, weights, classification }: NeedingOptions,
  ofTargets: boolean,
): readonly boolean[] {
  const weighs = (name: string) => [cost, weights].some((list) => ((list as Weights)[name] ?? 0) > 0)
  const { families, kinds } = DESCRIPTION
  const isAsked = (demand: string) => demand === 'everywhere' || (ofTargets && demand === 'finally')
  const needed = families.map(({ terms, demand }) => isAsked(demand) && terms.some(weighs))
  const isPairwise = cost.classForm === 'product' || ((cost as Weights)['modulation'] ?? 0) > 0
  const asks = isPairwise || kinds.find(({ name }) => name === classification.kind)?.needsQuality === true
  const says = families.map(({ hasQuality }) => hasQuality)
  if (asks && !needed.some((isNeeded, i) => isNeeded && says[i])) needed[says.indexOf(true)] = true
  return needed
}

type Weights = { readonly [term: string]: number | undefined }

/** Refuses weights of a part that have no meaning for the criterion's classification. */
export function checkPartWeights(weights: Required<Terms>, { kind }: ResolvedClassification, argument: string): void {
  if (isSigmoid(kind)) return
  for (const { name, needsSigmoid } of TERMS) {
    if (!needsSigmoid || weights[name] === 0) continue
    fail('OPTION', `${argument}.${name}`, `must be 0 for ${kind} classification, got ${weights[name]}`)
  }
}
