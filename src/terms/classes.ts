/** The class term, which is dense: every query has it, as an object or as background. */
import { DESCRIPTION } from '../binding/description.ts'
import { fail } from '../common/errors.ts'
import type { IntegerData, OnnxTensor, Shaped, TensorLike } from '../common/tensors.ts'
import { checkInteger } from '../common/validate.ts'
import type { ForeignNames } from '../common/words.ts'
import { CLASSIFICATION_NAMES, resolveClassification } from './classification.ts'
import type {
  ClassificationOptions,
  ClassNumbers,
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
   * should have, and the class' part of the cost is combined from theirs as `cost.labels` says.
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
   * - `'focal'`: c = α·(1 − p)^γ·−ln(p + ε) − (1 − α)·p^γ·−ln(1 − p + ε), the form of Deformable DETR and its successors. With an
   *   ε of 1e-8 it no longer changes beyond logits of about ±18.
   * - `'log-sigmoid'`: the same without ε, computed from the logit: what a match changes in the focal loss. It never
   *   saturates. Logits beyond ±1e20 count as that.
   * - `'product'`: c = −p·IoU^power, which is meant to be the whole cost, with 0 for the weights of boxes (the high-order
   *   matching cost of Rank-DETR, Pu et al. 2023, and of DEIMv2, both in the later part of training). Sigmoid only.
   *
   * Default: `'probability'` for softmax, for sigmoid classification the preset's, `'focal'` unless said.
   */
  readonly classForm?: 'probability' | 'focal' | 'log-sigmoid' | 'product' | undefined
  /** α, 0 to 1. Default: that of the focal loss, or 0.25. */
  readonly alpha?: number | undefined
  /** γ, 0 to 100. Default: that of the focal loss, or 2. */
  readonly gamma?: number | undefined
  /** The exponent of the IoU in `'product'`, 0 to 100. Default: 4. */
  readonly power?: number | undefined
  /**
   * β, 0 to 100: the focal forms take p·u^β for p, with u = (GIoU + 1)/2 of query and target (the position-modulated cost of
   * Stable-DINO, Liu et al. 2023; SAM 3 with `stable`, β 1). 0 leaves p as it is. Default: the preset's, 0 for all but
   * `stableDino`.
   */
  readonly modulation?: number | undefined
  /**
   * What the greatest u among all queries and targets of the image makes of each first: `'raise'`, u·max(1, 1 / (greatest +
   * 1e-8)), as in Stable-DINO, whose code takes the greatest over the targets of the whole batch; `'divide'`, u / (greatest +
   * 1e-8); no u is above 1. Default: the preset's, `'none'` for all but `stableDino`.
   */
  readonly modulationMaximum?: 'none' | 'divide' | 'raise' | undefined
  /** ε of the form `'focal'`, 1e-12 to 1e-3. Default: the preset's, 1e-12 for `coDino` and `mmGroundingDino`, otherwise 1e-8. */
  readonly epsilon?: number | undefined
  /**
   * How the costs of a target's labels are combined, each with its value where targets have positives: `'sum'`, Σ value·c, as in
   * MDETR and OWL-ViT; `'mean'`, that divided by Σ value, as in Grounding DINO; or `'all-columns'`, over all columns that the
   * image has, Σ y·positive + (1 − y)·negative, with y the value, 0 without a label, and positive and negative the two parts of the
   * focal forms, as in MM-Grounding-DINO. With softmax classification `'sum'` alone. Default: the preset's, `'sum'` for most.
   */
  readonly labels?: 'sum' | 'mean' | 'all-columns' | undefined
}

/** {@link ClassCostOptions} with every default filled in. */
export interface ResolvedClassCost {
  /** The form of the class' part. */
  readonly classForm: 'probability' | 'focal' | 'log-sigmoid' | 'product'
  /** α; undefined for softmax. */
  readonly alpha: number | undefined
  /** γ; undefined for softmax. */
  readonly gamma: number | undefined
  /** The exponent of the IoU in `'product'`; undefined for softmax. */
  readonly power: number | undefined
  /** β of the focal forms; undefined for softmax. */
  readonly modulation: number | undefined
  /** What the greatest u of the image does; undefined for softmax. */
  readonly modulationMaximum: 'none' | 'divide' | 'raise' | undefined
  /** ε of the form `'focal'`; undefined for softmax. */
  readonly epsilon: number | undefined
  /** How the costs of a target's labels are combined. */
  readonly labels: 'sum' | 'mean' | 'all-columns'
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
  /**
   * Whether an image without a visible target, of boxes one with both sides above 0, adds nothing to the class term, though
   * what divides it counts the image as any other: whether there is anything is then learned otherwise, as by SAM 3's
   * presence. Default: the preset's, which is true for SAM 3 alone.
   */
  readonly imageGate?: boolean | undefined
}

/** {@link ClassOptions} with every default filled in. */
export interface ResolvedClassOptions {
  /** Number of object classes. */
  readonly numClasses: number
  /** The classification term. */
  readonly classification: ResolvedClassification
  /** Which queries count as objects in sigmoid classification. */
  readonly cardinality: 'threshold' | 'published'
  /** Whether images without a visible target add nothing to the class term. */
  readonly imageGate: boolean
}

/** What presets differ in. */
export interface ClassPreset {
  readonly classification: Kind
  /** What divides the class term; what is usual for the kind where it is absent. */
  readonly classNormalization?: SoftmaxNormalization | SigmoidNormalization | undefined
  /** Options of its kind, where they differ from the kind's own defaults. */
  readonly classNumbers?: ClassNumbers | undefined
  /** The class' part of its cost, likewise. */
  readonly classCost?: ClassCostPreset | undefined
  /** Whether images without a visible target add nothing to the class term. */
  readonly imageGate?: boolean | undefined
}

/** What a preset says of the class' part of the cost. */
export type ClassCostPreset = Partial<
  Pick<ResolvedClassCost, 'classForm' | 'modulation' | 'modulationMaximum' | 'epsilon' | 'labels'>
>

const NAMES: ForeignNames = new Map<string, readonly string[]>([
  ...CLASSIFICATION_NAMES,
  ['numlabels', ['numClasses']],
  ['iouorderalpha', ['power', 'cost.power']],
  ['cecbeta', ['modulation', 'cost.modulation']],
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
  options: ['numClasses', 'classification', 'cardinality', 'imageGate'],
  resolve: resolveClassOptions,
  foreign: NAMES,
  foreignFields: {
    queries: { predlogits: 'logits', classlogits: 'logits', classquerieslogits: 'logits', scores: 'logits' },
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
export const CLASS_COST = [
  'classForm',
  'alpha',
  'gamma',
  'power',
  'modulation',
  'modulationMaximum',
  'epsilon',
  'labels',
] as const

/** The largest number of classes: a column's number must be exact in float32. */
export const MAX_CLASSES = DESCRIPTION.maxClasses

/** Checks the options of the class term and fills in defaults. */
export function resolveClassOptions(given: Unchecked<ClassOptions>, preset: ClassPreset): ResolvedClassOptions {
  const numClasses = checkInteger(given.numClasses, 1, MAX_CLASSES, 'options.numClasses')
  return {
    numClasses,
    classification: resolveClassification(given.classification, preset, numClasses),
    cardinality: resolveOption('cardinality', given.cardinality),
    imageGate: resolveOption('imageGate', given.imageGate, { usual: preset.imageGate }),
  }
}

/**
 * Checks the form of the class' part of the cost: by default the preset's, with the α and γ of the loss where that is focal.
 */
export function resolveClassCost(
  given: { readonly [K in keyof ClassCostOptions]?: unknown },
  classification: ResolvedClassification,
  preset: ClassCostPreset = {},
): ResolvedClassCost {
  const { kind } = classification
  const { alpha, gamma, power, modulation, modulationMaximum, epsilon } = given
  if (kind === 'softmax') {
    for (const [key, value] of Object.entries({ alpha, gamma, power, modulation, modulationMaximum, epsilon })) {
      if (value !== undefined) fail('OPTION', `options.cost.${key}`, 'has no meaning for softmax classification')
    }
    const none = { alpha: undefined, gamma: undefined, power: undefined }
    const classForm: 'probability' = resolveOption('cost.classForm', given.classForm, { kind })
    const labels: 'sum' = resolveOption('cost.labels', given.labels, { kind })
    return { classForm, ...none, modulation: undefined, modulationMaximum: undefined, epsilon: undefined, labels }
  }
  const classForm = resolveOption('cost.classForm', given.classForm, { kind, usual: preset.classForm })
  const usual = kind === 'focal' ? classification : undefined
  return {
    classForm,
    alpha: resolveOption('cost.alpha', alpha, { kind, usual: usual?.alpha }),
    gamma: resolveOption('cost.gamma', gamma, { kind, usual: usual?.gamma }),
    power: resolveOption('cost.power', power, { kind }),
    modulation: resolveOption('cost.modulation', modulation, { kind, usual: preset.modulation }),
    modulationMaximum: resolveOption('cost.modulationMaximum', modulationMaximum, {
      kind,
      usual: preset.modulationMaximum,
    }),
    epsilon: resolveOption('cost.epsilon', epsilon, { kind, usual: preset.epsilon }),
    labels: resolveOption('cost.labels', given.labels, { kind, usual: preset.labels }),
  }
}
