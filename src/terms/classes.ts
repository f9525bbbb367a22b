/** The class term, which is dense: every query has it, as an object or as background. */
import { DESCRIPTION } from '../binding/description.ts'
import { fail } from '../common/errors.ts'
import type { IntegerData, OnnxTensor, Shaped, TensorLike } from '../common/tensors.ts'
import { checkInteger } from '../common/validate.ts'
import type { ForeignNames } from '../common/words.ts'
import { CLASSIFICATION_NAMES, resolveClassification } from './classification.ts'
import type {
  ClassificationOptions,
  Kind,
  ResolvedClassification,
  SigmoidNormalization,
  SoftmaxNormalization,
} from './classification.ts'
import { USUAL_TERM } from './family.ts'
import type { Family, Unchecked } from './family.ts'
import { resolveOption } from './option.ts'

/** The class term, in loss and cost. */
export interface ClassTerms {
  /** Classification. */
  readonly class: number
}

/** What the class term reads of a layer. */
export interface ClassOutputs {
  /**
   * `[B, Q, C]`: images, queries, and columns of raw scores: with softmax classification `numClasses + 1`, one of which is
   * no-object, and with sigmoid classification `numClasses`. Of class-agnostic proposals they may be fewer.
   */
  readonly logits: TensorLike
}

/** Class ids: any integer array or plain numbers. A tensor must be of shape `[n]`. */
export type Labels = readonly number[] | IntegerData | Shaped<readonly number[] | IntegerData> | OnnxTensor

/** The class ids of each target where some have several, at least one and all different. */
export type LabelSets = ReadonlyArray<number | readonly number[] | IntegerData>

/** What the class term reads of an image's targets. */
export interface ClassTarget {
  /**
   * `[n]`: class ids from 0 to `numClasses`, without the no-object index; with sigmoid classification from 0 to
   * `numClasses - 1`, and an entry may be a list of several: `[[0, 2], [1]]`. Each is then a class that the matched query
   * should have, and the class' part of the cost is the sum over them.
   */
  readonly labels: Labels | LabelSets
}

/** The gradient of the class term. */
export interface ClassGradients {
  /** With respect to the logits, in their layout. */
  readonly logits: Float32Array
}

/** Values of the class term's fields that were not finite. */
export interface ClassCounts {
  /** Logits that were NaN or infinite. */
  readonly logits: number
}

/** The form of the class' part c of the cost. */
export interface ClassCostOptions {
  /**
   * With p the probability of the target's label:
   *
   * - `'probability'`: c = −p, of softmax (its only form) or sigmoid.
   * - `'focal'`: c = α·(1 − p)^γ·−ln(p + 1e-8) − (1 − α)·p^γ·−ln(1 − p + 1e-8), the form of Deformable DETR and its
   *   successors. Beyond logits of about ±18 it no longer changes.
   * - `'log-sigmoid'`: the same without 1e-8, computed from the logit: what a match changes in the focal loss. It never
   *   saturates. Logits beyond ±1e20 count as that.
   *
   * Default: `'probability'` for softmax, `'focal'` for sigmoid classification.
   */
  readonly classForm?: 'probability' | 'focal' | 'log-sigmoid' | undefined
  /** α, 0 to 1. Default: that of the focal loss, or 0.25. */
  readonly alpha?: number | undefined
  /** γ, 0 to 100. Default: that of the focal loss, or 2. */
  readonly gamma?: number | undefined
}

/** {@link ClassCostOptions} with every default filled in. */
export interface ResolvedClassCost {
  /** The form of the class' part. */
  readonly classForm: 'probability' | 'focal' | 'log-sigmoid'
  /** α; undefined for softmax. */
  readonly alpha: number | undefined
  /** γ; undefined for softmax. */
  readonly gamma: number | undefined
}

/** Options of the class term. */
export interface ClassOptions {
  /**
   * Number of object classes, at least 1. With softmax classification the logits have one column more, for no-object;
   * with sigmoid classification they have none more.
   */
  readonly numClasses: number
  /** The classification term. Default: the preset's. */
  readonly classification?: ClassificationOptions | undefined
  /**
   * Which queries {@link Metrics.cardinalityError} counts as objects in sigmoid classification, which has no no-object:
   * `'threshold'`, those with a probability above 0.5 for any class, so a logit above 0; or `'published'`, those whose
   * first largest logit is not that of the last class, as if that column still meant no-object. So do the published
   * criteria, in which the number means little, and nothing for one class. With softmax classification both are the
   * queries whose largest logit is not no-object. Default: `'threshold'`.
   */
  readonly cardinality?: 'threshold' | 'published' | undefined
}

/** {@link ClassOptions} with every default filled in. */
export interface ResolvedClassOptions {
  /** Number of object classes. */
  readonly numClasses: number
  /** The classification term. */
  readonly classification: ResolvedClassification
  /** Which queries count as objects in sigmoid classification. */
  readonly cardinality: 'threshold' | 'published'
}

/** What presets differ in. */
export interface ClassPreset {
  readonly classification: Kind
  /** What divides the class term; what is usual for the kind where it is absent. */
  readonly classNormalization?: SoftmaxNormalization | SigmoidNormalization | undefined
}

const NAMES: ForeignNames = new Map<string, readonly string[]>([
  ...CLASSIFICATION_NAMES,
  ['numlabels', ['numClasses']],
  ['ce', ['class']],
  ['bce', ['class']],
  ['cls', ['class']],
  ['label', ['class']],
  ['labels', ['class']],
  ['vfl', ['class']],
  ['mal', ['class']],
  ['lossce', ['class']],
  ['lossvfl', ['class']],
  ['lossmal', ['class']],
  ['losslabel', ['class']],
  ['clslosscoef', ['class', 'weights.class']],
  ['clslosscoefficient', ['class', 'weights.class']],
  ['classlosscoefficient', ['class', 'weights.class']],
  ['weightlossvfl', ['class', 'weights.class']],
  ['costclass', ['class', 'cost.class']],
  ['setcostclass', ['class', 'cost.class']],
  ['classcost', ['class', 'cost.class']],
  ['matcherclasscost', ['class', 'cost.class']],
  ['matcheralpha', ['alpha', 'cost.alpha']],
  ['matchergamma', ['gamma', 'cost.gamma']],
  ['matcher', ['cost']],
  ['weightdict', ['weights']],
])

/** What classes have of everything that families compose. */
export interface ClassTypes {
  readonly terms: ClassTerms
  readonly costTerms: ClassTerms
  readonly outputs: ClassOutputs
  readonly target: ClassTarget
  readonly gradients: ClassGradients
  readonly counts: ClassCounts
  readonly options: ClassOptions
  readonly resolved: ResolvedClassOptions
  readonly preset: ClassPreset
}

export const CLASSES: Family<ClassTypes> = {
  terms: [{ ...USUAL_TERM, name: 'class', isAlwaysGiven: true }],
  fields: [{ name: 'logits', of: ({ logits }) => logits, owner: undefined, columns: (_, given) => given }],
  targets: [],
  options: ['numClasses', 'classification', 'cardinality'],
  resolve: resolveClassOptions,
  foreign: NAMES,
  foreignFields: {
    queries: { predlogits: 'logits', classlogits: 'logits', scores: 'logits' },
    targets: {
      class: 'labels',
      classes: 'labels',
      classid: 'labels',
      classids: 'labels',
      classlabels: 'labels',
      category: 'labels',
      categories: 'labels',
      categoryid: 'labels',
      categoryids: 'labels',
    },
  },
}

/** The settings of the cost's class part. */
export const CLASS_COST = ['classForm', 'alpha', 'gamma'] as const

/** The largest number of classes: a column's number must be exact in float32. */
export const MAX_CLASSES = DESCRIPTION.maxClasses

/** Checks the options of the class term and fills in defaults. */
export function resolveClassOptions(given: Unchecked<ClassOptions>, preset: ClassPreset): ResolvedClassOptions {
  const numClasses = checkInteger(given.numClasses, 1, MAX_CLASSES, 'options.numClasses')
  return {
    numClasses,
    classification: resolveClassification(given.classification, preset, numClasses),
    cardinality: resolveOption('cardinality', given.cardinality),
  }
}

/** Checks the form of the class' part of the cost: by default that of the loss, with its α and γ where it is focal. */
export function resolveClassCost(
  given: { readonly [K in keyof ClassCostOptions]?: unknown },
  classification: ResolvedClassification,
): ResolvedClassCost {
  const { kind } = classification
  const classForm: ResolvedClassCost['classForm'] = resolveOption('cost.classForm', given.classForm, { kind })
  const { alpha, gamma } = given
  if (kind === 'softmax') {
    for (const [key, value] of Object.entries({ alpha, gamma })) {
      if (value !== undefined) fail('OPTION', `options.cost.${key}`, 'has no meaning for softmax classification')
    }
    return { classForm, alpha: undefined, gamma: undefined }
  }
  const usual = kind === 'focal' ? classification : undefined
  return {
    classForm,
    alpha: resolveOption('cost.alpha', alpha, { kind, usual: usual?.alpha }),
    gamma: resolveOption('cost.gamma', gamma, { kind, usual: usual?.gamma }),
  }
}
