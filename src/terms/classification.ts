/** The kinds of classification term and their options, whose defaults and ranges the core has. */
import { DESCRIPTION } from '../binding/description.ts'
import { fail } from '../common/errors.ts'
import { checkRecord, checkWord, showKnown } from '../common/validate.ts'
import type { ForeignNames } from '../common/words.ts'
import { keysOf, resolveOption } from './option.ts'

/** Softmax cross-entropy over the object classes and no-object (DETR). */
export interface SoftmaxOptions {
  /** This term. Default: the preset's. */
  readonly kind?: 'softmax' | undefined
  /** Weight of no-object in the cross-entropy, 0 to 1e12. Default: 0.1. */
  readonly noObjectWeight?: number | undefined
  /** Column of the logits that means no-object: `'last'` or 0 to `numClasses`. Default: `'last'`. */
  readonly noObjectIndex?: 'last' | number | undefined
  /** Weight of each object class, 0 to 1e12, in order of the class ids with no-object left out. Default: all 1. */
  readonly classWeights?: ArrayLike<number> | undefined
  /**
   * What the weighted sum is divided by: `'weighted-mean'`, the sum of the weights of all queries, as in DETR's published
   * code; `'num-boxes'`, the number of targets, as in its paper; `'num-queries'`, the number of all queries of the layer, as in
   * Moment-DETR; `'num-pairs'`, that of the layer's pairs; or `'per-image'`, each image by its own targets and then by the number
   * of images. Default: the preset's, `'weighted-mean'` for most.
   */
  readonly normalization?: SoftmaxNormalization | undefined
  /** The least number of queries of an image that `'num-queries'` counts, 0 to 1e12. Default: 0. */
  readonly minQueries?: number | undefined
  /** Whether a target may carry the no-object label, as the published code permits. Default: false. */
  readonly allowNoObjectLabels?: boolean | undefined
  /**
   * γ of softmax focal loss, 0 to 100: every query's −ln p is multiplied by (1 − p)^γ, with p the probability of its own label,
   * no-object among them. Default: 0, plain cross-entropy.
   */
  readonly gamma?: number | undefined
}

/** What softmax cross-entropy may be divided by. */
export type SoftmaxNormalization = 'weighted-mean' | 'num-boxes' | 'num-queries' | 'num-pairs' | 'per-image'

/** What a sigmoid kind may be divided by. */
export type SigmoidNormalization =
  | 'num-boxes'
  | 'num-pairs'
  | 'num-labels'
  | 'num-queries'
  | 'num-kept-queries'
  | 'per-image'

/** What the sum of a sigmoid kind is divided by. */
export interface SigmoidDivisor {
  /**
   * `'num-boxes'`: the number of targets in the batch, multiplied by a part's groups and repetitions, as most published code has
   * it; `'num-pairs'`: the pairs of the layer (the heads of mmdetection, Co-DINO, MM-Grounding-DINO); `'num-labels'`: the labels of
   * all targets, several of a target counted one by one, of `positives` their sum; `'num-queries'`: the queries of the layer in
   * all images (SAM 3);
   * `'num-kept-queries'`: of those all but the ones that are left out, and background of weight 0, as in images that are not
   * `exhaustive`, + 1e-6 (SAM 3 with `weak_loss`); `'per-image'`: each image by its own labels, and then by the number of images
   * (OWL-ViT). Each of the others is at least 1. Default: the preset's, `'num-boxes'` for most.
   */
  readonly normalization?: SigmoidNormalization | undefined
  /** The least number of queries of an image that `'num-queries'` counts, 0 to 1e12; 200 in SAM 3. Default: 0. */
  readonly minQueries?: number | undefined
}

/**
 * Sigmoid focal loss (Lin et al. 2017), as in Deformable DETR: a label of a matched query adds α·(1 − p)^γ·−ln p, every other
 * class (1 − α)·p^γ·−ln(1 − p), with p = σ(logit); the sum is divided by the number of targets.
 */
export interface FocalOptions extends SigmoidDivisor {
  /** This term. Default: the preset's. */
  readonly kind?: 'focal' | undefined
  /** α, 0 to 1. Default: 0.25. */
  readonly alpha?: number | undefined
  /** γ, 0 to 100. Default: 2. */
  readonly gamma?: number | undefined
  /** α of each class, 0 to 1, in place of `alpha`: its labelled cells are multiplied by it, its others by 1 − α. Default: none. */
  readonly classAlpha?: ArrayLike<number> | undefined
  /** Weight of each class, 0 to 1e12, by which all its cells are multiplied. Default: all 1. */
  readonly classWeights?: ArrayLike<number> | undefined
}

/**
 * Varifocal loss (Zhang et al. 2021), as in RT-DETR: with q the IoU of the matched boxes and BCE(t) = −t·ln p − (1 − t)·ln(1 −
 * p), a label of a matched query adds q·BCE(q), every other class α·p^γ·−ln(1 − p). No gradient flows through q.
 */
export interface VarifocalOptions extends SigmoidDivisor {
  /** This term. Default: the preset's. */
  readonly kind?: 'varifocal' | undefined
  /** α, 0 to 1e12. Default: 0.75. */
  readonly alpha?: number | undefined
  /** γ, 0 to 100. Default: 2. */
  readonly gamma?: number | undefined
  /** Whether p^γ is a mere weight, which passes no gradient, as in RT-DETR. Default: true. */
  readonly detachWeights?: boolean | undefined
  /** Weight of each class, 0 to 1e12, by which all its cells are multiplied. Default: all 1. */
  readonly classWeights?: ArrayLike<number> | undefined
}

/**
 * Matchability-aware loss of DEIM (Huang et al. 2025): a label of a matched query adds BCE(q^γ), every other class
 * α·p^γ·−ln(1 − p), with p, q and BCE as in {@link VarifocalOptions}.
 */
export interface MalOptions extends SigmoidDivisor {
  /** This term. Default: the preset's. */
  readonly kind?: 'mal' | undefined
  /** α, 0 to 1e12. Default: 1. */
  readonly alpha?: number | undefined
  /** γ, 0 to 100. Default: 1.5. */
  readonly gamma?: number | undefined
  /** Whether p^γ of the other classes is a mere weight, which passes no gradient, as in DEIM. Default: true. */
  readonly detachWeights?: boolean | undefined
  /** Weight of each class, 0 to 1e12, by which all its cells are multiplied. Default: all 1. */
  readonly classWeights?: ArrayLike<number> | undefined
}

/**
 * IoU-aware binary cross-entropy (Align-DETR, Cai et al. 2023), as in LW-DETR: a label of a matched query adds BCE(t) with
 * t = max(p^α·q^(1 − α), minQuality), which passes no gradient, every other class p^γ·−ln(1 − p), with p, q and BCE as in
 * {@link VarifocalOptions}. Finite at any logit, where the published code takes the logarithm of a rounded 0.
 */
export interface IaBceOptions extends SigmoidDivisor {
  /** This term. Default: the preset's. */
  readonly kind?: 'ia-bce' | undefined
  /** α, 0 to 1. Default: 0.25. */
  readonly alpha?: number | undefined
  /** γ, 0 to 100. Default: 2. */
  readonly gamma?: number | undefined
  /** The least t, 0 to 1. Default: 0.01. */
  readonly minQuality?: number | undefined
  /** Weight of each class, 0 to 1e12, by which all its cells are multiplied. Default: all 1. */
  readonly classWeights?: ArrayLike<number> | undefined
}

/**
 * Sigmoid classification with all its numbers, of which the other sigmoid kinds are rows. With p = σ(logit), a label of a matched
 * query adds w⁺·|t − p|^γ⁺·BCE(t), every other class w⁻·p^γ⁻·−ln(1 − p), where BCE(t) = −t·ln p − (1 − t)·ln(1 − p) and
 * t = max(minQuality, p^a·q^b), then as `imageMaximum` and `rankDecay` say. t passes no gradient. At p = t the modulator's
 * gradient is 0.
 *
 * | criterion | what differs from the defaults |
 * | --- | --- |
 * | quality focal loss (Li et al. 2020; Co-DETR) | `positiveGamma: 2` |
 * | Stable-DINO | `positiveWeight: 0.25, positiveGamma: 2, qualityPower: 2, imageMaximum: 'raise', negativeWeight: 0.75` |
 * | Rank-DETR | `positiveWeight: 0.25, positiveGamma: 2, quality: 'giou', negativeWeight: 0.75` |
 * | Align-DETR | `probabilityPower: 0.25, qualityPower: 0.75, minQuality: 0.01, rankDecay: 1.5` |
 * | SAM 3's IA-BCE | `positiveWeight: 10, probabilityPower: 0.25, qualityPower: 0.75, minQuality: 0.01` |
 * | RF-DETR, position-supervised | `positiveWeight: 0.25, positiveGamma: 2, imageMaximum: 'divide', zeroIsNegative: true, negativeWeight: 0.75` |
 */
export interface SigmoidOptions extends SigmoidDivisor {
  /** This term. Default: the preset's. */
  readonly kind?: 'sigmoid' | undefined
  /** w⁺, 0 to 1e12. Default: 1. */
  readonly positiveWeight?: number | undefined
  /** γ⁺, 0 to 100. Default: 0. */
  readonly positiveGamma?: number | undefined
  /** Whether t multiplies w⁺, as in varifocal loss. Default: false. */
  readonly weighByTarget?: boolean | undefined
  /** w⁻, 0 to 1e12. Default: 1. */
  readonly negativeWeight?: number | undefined
  /** γ⁻, 0 to 100. Default: 2. */
  readonly negativeGamma?: number | undefined
  /** Whether |t − p|^γ⁺ and p^γ⁻ are mere weights, which pass no gradient. Default: false. */
  readonly detachWeights?: boolean | undefined
  /** a, 0 to 100. Default: 0. */
  readonly probabilityPower?: number | undefined
  /** b, 0 to 100. Default: 1. */
  readonly qualityPower?: number | undefined
  /** q: the IoU of the matched boxes or spans, or `'giou'`, their (GIoU + 1)/2; of points their similarity either way. Default: `'iou'`. */
  readonly quality?: 'iou' | 'giou' | undefined
  /** The least t, 0 to 1. Default: 0. */
  readonly minQuality?: number | undefined
  /**
   * What the greatest t among the image's matched labels makes of each: `'divide'`, t / (greatest + 1e-8), as in RF-DETR;
   * `'raise'`, t·max(1, 1 / (greatest + 1e-8)), as in Stable-DINO. Default: `'none'`.
   */
  readonly imageMaximum?: 'none' | 'divide' | 'raise' | undefined
  /** Whether a label whose t is 0 counts like any other class, as in RF-DETR. Default: false. */
  readonly zeroIsNegative?: boolean | undefined
  /**
   * τ, 0 to 1e12: t is multiplied by r = e^(−rank/τ), where rank counts the queries of the same target, in all groups, that have
   * a greater t, or as great a one and come before. Of several labels the greatest t counts. Pairs of denoising queries have no
   * ranks. 0 is no such factor. Default: 0.
   */
  readonly rankDecay?: number | undefined
  /**
   * Which terms of the pair r multiplies, too: `'all'` of boxes, spans and points, as in Align-DETR; `'overlap'`, the forms of
   * IoU alone, as in Mr. DETR; or `'none'`; those of masks never. With `boxMatching: 'union'` ranks of these terms are among the union's pairs.
   * Default: `'all'`.
   */
  readonly rankTerms?: 'all' | 'overlap' | 'none' | undefined
  /** α of each class, 0 to 1, in place of none at all: its labelled cells are multiplied by it, its others by 1 − α. Default: none. */
  readonly classAlpha?: ArrayLike<number> | undefined
  /** Weight of each class, 0 to 1e12, by which all its cells are multiplied. Default: all 1. */
  readonly classWeights?: ArrayLike<number> | undefined
}

/** The classification term. Without `kind`, that of the preset. */
export type ClassificationOptions =
  | SoftmaxOptions
  | FocalOptions
  | VarifocalOptions
  | MalOptions
  | IaBceOptions
  | SigmoidOptions

/** {@link SoftmaxOptions} with every default filled in. */
export interface ResolvedSoftmax {
  /** Which term it is. */
  readonly kind: 'softmax'
  /** Weight of no-object. */
  readonly noObjectWeight: number
  /** Column of no-object as a number, also where `'last'` was given. */
  readonly noObjectIndex: number
  /** Weight of each object class; absent where all are 1. */
  readonly classWeights: readonly number[] | undefined
  /** What the weighted sum is divided by. */
  readonly normalization: SoftmaxNormalization
  /** The least number of queries of an image that counts. */
  readonly minQueries: number
  /** Whether a target may carry the no-object label. */
  readonly allowNoObjectLabels: boolean
  /** γ of softmax focal loss; 0 for plain cross-entropy. */
  readonly gamma: number
}

/** {@link SigmoidDivisor} with every default filled in. */
export interface ResolvedSigmoidDivisor {
  /** What the sum is divided by. */
  readonly normalization: SigmoidNormalization
  /** The least number of queries of an image that counts. */
  readonly minQueries: number
}

/** {@link FocalOptions} with every default filled in. */
export interface ResolvedFocal extends ResolvedSigmoidDivisor {
  /** Which term it is. */
  readonly kind: 'focal'
  /** α. */
  readonly alpha: number
  /** γ. */
  readonly gamma: number
  /** α of each class; absent where classes have none of their own. */
  readonly classAlpha: readonly number[] | undefined
  /** Weight of each class; absent where all are 1. */
  readonly classWeights: readonly number[] | undefined
}

/** {@link VarifocalOptions} or {@link MalOptions} with every default filled in. */
export interface ResolvedVarifocal extends ResolvedSigmoidDivisor {
  /** Which term it is. */
  readonly kind: 'varifocal' | 'mal'
  /** α. */
  readonly alpha: number
  /** γ. */
  readonly gamma: number
  /** Whether p^γ passes no gradient. */
  readonly detachWeights: boolean
  /** Weight of each class; absent where all are 1. */
  readonly classWeights: readonly number[] | undefined
}

/** {@link IaBceOptions} with every default filled in. */
export interface ResolvedIaBce extends ResolvedSigmoidDivisor {
  /** Which term it is. */
  readonly kind: 'ia-bce'
  /** α. */
  readonly alpha: number
  /** γ. */
  readonly gamma: number
  /** The least t. */
  readonly minQuality: number
  /** Weight of each class; absent where all are 1. */
  readonly classWeights: readonly number[] | undefined
}

/** {@link SigmoidOptions} with every default filled in. */
export interface ResolvedSigmoid extends ResolvedSigmoidDivisor {
  /** Which term it is. */
  readonly kind: 'sigmoid'
  /** w⁺. */
  readonly positiveWeight: number
  /** γ⁺. */
  readonly positiveGamma: number
  /** Whether t multiplies w⁺. */
  readonly weighByTarget: boolean
  /** w⁻. */
  readonly negativeWeight: number
  /** γ⁻. */
  readonly negativeGamma: number
  /** Whether the modulators pass no gradient. */
  readonly detachWeights: boolean
  /** a. */
  readonly probabilityPower: number
  /** b. */
  readonly qualityPower: number
  /** What q is. */
  readonly quality: 'iou' | 'giou'
  /** The least t. */
  readonly minQuality: number
  /** What the greatest t of the image does. */
  readonly imageMaximum: 'none' | 'divide' | 'raise'
  /** Whether a label whose t is 0 counts like any other class. */
  readonly zeroIsNegative: boolean
  /** τ; 0 for no factor by rank. */
  readonly rankDecay: number
  /** Which terms of a pair its rank counts for. */
  readonly rankTerms: 'all' | 'overlap' | 'none'
  /** α of each class; absent where classes have none of their own. */
  readonly classAlpha: readonly number[] | undefined
  /** Weight of each class; absent where all are 1. */
  readonly classWeights: readonly number[] | undefined
}

/** {@link ClassificationOptions} with every default filled in. */
export type ResolvedClassification =
  | ResolvedSoftmax
  | ResolvedFocal
  | ResolvedVarifocal
  | ResolvedIaBce
  | ResolvedSigmoid

/** The name of a kind of classification term. */
export type Kind = ResolvedClassification['kind']

const KINDS = DESCRIPTION.kinds.map(({ name }) => name as Kind)

const SIGMOID: ReadonlySet<string> = new Set(
  DESCRIPTION.kinds.flatMap(({ name, isSigmoid }) => (isSigmoid ? [name] : [])),
)

/** Whether each class has a probability of its own, so that the logits have no column for no-object. */
export const isSigmoid = (kind: Kind): boolean => SIGMOID.has(kind)

/** The options that each kind has. */
const OF_KIND = Object.fromEntries(
  DESCRIPTION.kinds.map(({ name, options }) => [name, keysOf('classification', options)]),
) as { readonly [K in Kind]: readonly string[] }

/** Those that any kind has. */
const OF_ANY = ['kind', ...new Set(KINDS.flatMap((kind) => OF_KIND[kind]))]

/** What other code calls these options. */
export const CLASSIFICATION_NAMES: ForeignNames = new Map<string, readonly string[]>([
  ['eoscoef', ['noObjectWeight', 'classification.noObjectWeight']],
  ['eoscoefficient', ['noObjectWeight', 'classification.noObjectWeight']],
  ['focalalpha', ['alpha', 'classification.alpha']],
  ['focalgamma', ['gamma', 'classification.gamma']],
  ['focallossalpha', ['alpha', 'classification.alpha']],
  ['focallossgamma', ['gamma', 'classification.gamma']],
  ['alpha', ['classification.alpha']],
  ['gamma', ['classification.gamma']],
  ['emptyweight', ['classWeights', 'classification.classWeights']],
  ['qflbeta', ['positiveGamma', 'classification.positiveGamma']],
  ['tau', ['rankDecay', 'classification.rankDecay']],
  ['usefocalloss', ['kind', 'classification.kind']],
])

const ARGUMENT = 'options.classification'

/** Options of any kind, unchecked. */
type Given = { readonly [key: string]: unknown }

/** What presets differ in. */
interface Usual {
  readonly classification: Kind
  readonly classNormalization?: SoftmaxNormalization | SigmoidNormalization | undefined
  readonly classNumbers?: ClassNumbers | undefined
}

/** What a preset says of the options of its kind. */
export type ClassNumbers = { readonly [Key in Exclude<keyof ResolvedSigmoid, 'kind'>]?: ResolvedSigmoid[Key] } & {
  readonly alpha?: number
}

/** Checks the options of the classification term and fills in defaults: what the preset says, then the kind's own. */
export function resolveClassification(value: unknown, usual: Usual, numClasses: number): ResolvedClassification {
  const given: Given = checkRecord(value, OF_ANY, ARGUMENT, CLASSIFICATION_NAMES)
  const kind = checkWord(given.kind, KINDS, usual.classification, `${ARGUMENT}.kind`)
  checkOfKind(given, kind)
  // what a preset says of its own kind means nothing to another
  const ofPreset: Given =
    kind === usual.classification ? { normalization: usual.classNormalization, ...usual.classNumbers } : {}
  const values = OF_KIND[kind].map((key) => {
    return [key, resolveOption(`classification.${key}`, given[key], { usual: ofPreset[key], kind, numClasses })]
  })
  return Object.freeze({ kind, ...Object.fromEntries(values) }) as ResolvedClassification
}

/** Refuses what is known of other kinds of classification alone. */
function checkOfKind(given: Given, kind: Kind): void {
  const known = ['kind', ...OF_KIND[kind]]
  for (const key in given) {
    const owners = KINDS.filter((other) => OF_KIND[other].includes(key)).map((other) => `'${other}'`)
    if (known.includes(key) || owners.length === 0) continue
    const rule = `there is no such option of kind '${kind}'; ${key} belongs to ${owners.join(', ')}`
    fail('OPTION', `${ARGUMENT}.${key}`, `${rule}; ${showKnown(key, known)}`)
  }
}
