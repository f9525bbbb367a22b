/**
 * The terms of masks, a plane of logits for each query: binary cross-entropy, focal loss and dice over samples of it.
 *
 * Source: Carion et al. 2020, "DETR" (facebookresearch/detr, `segmentation.py`); Cheng et al. 2021, "MaskFormer", and 2022,
 * "Mask2Former" (facebookresearch, `criterion.py` and `matcher.py` of both); Li et al. 2023, "Mask DINO" (IDEA-Research/MaskDINO);
 * Robinson et al. 2025, "RF-DETR" (roboflow/rf-detr, `criterion.py`).
 */
import { optionsOf } from '../binding/description.ts'
import type { TensorLike } from '../common/tensors.ts'
import { checkRecord } from '../common/validate.ts'
import type { ForeignNames } from '../common/words.ts'
import type { Masks } from '../masks/masks.ts'
import { USUAL_TERM } from './family.ts'
import type { Family, Unchecked } from './family.ts'
import { keysOf, resolveOption } from './option.ts'

/** The terms of masks, in loss and cost. */
export interface MaskTerms {
  /** Binary cross-entropy, the mean over the samples of a pair. */
  readonly maskBce?: number | undefined
  /** Focal loss with {@link MaskSettings.alpha} and {@link MaskSettings.gamma}, likewise. In the cost it is linear in the labels. */
  readonly maskFocal?: number | undefined
  /** Dice: 1 − (2 Σ p·y + 1) / (Σ p + Σ y + 1) over the samples of a pair. */
  readonly maskDice?: number | undefined
}

/**
 * What the terms of masks read of a layer: `masks`, or the factors of them, of which a logit is the product: features of its
 * pixel times the row of its query, and the bias. A layer may be without, such as all but the last in DETR.
 */
export interface MaskOutputs {
  /** `[B, Q, H, W]`: the logits of each query's mask. */
  readonly masks?: TensorLike | undefined
  /** `[B, K, H, W]`: features of the pixels of each image, in place of `masks`, beside `maskQueries`. */
  readonly maskFeatures?: TensorLike | undefined
  /** `[B, Q, K]`: a row of numbers for each query, by which the features are multiplied. */
  readonly maskQueries?: TensorLike | undefined
  /** `[1]`: what is added to all logits of the layer; of stacked layers `[L, 1]`. Default: 0. */
  readonly maskBias?: TensorLike | undefined
  /**
   * `[P, 2]` or `[B, P, 2]`: the points of the cost as x and y from 0 to 1, in place of those that are drawn from `maskSeed`. Must be
   * absent where the cost is not over points (`SHAPE`); other coordinates are refused (`RANGE`), and NaN whatever `nonFinite` says of
   * predictions (`NON_FINITE`).
   */
  readonly maskCostPoints?: TensorLike | undefined
  /**
   * `[pairs, P, 2]`: the points of each pair in the loss, likewise, a row for each pair of the layer; or `[pairs, D, 2]`: the
   * candidates, of which those with the least absolute logits are kept, and then the points beside these,
   * D = ⌊P · oversampling⌋ + P − ⌊P · importance⌋. Image by image, and in it in the order of the queries.
   */
  readonly maskLossPoints?: TensorLike | undefined
}

/** Pixels of an image: `[h, w]`, one byte for each. */
export interface TargetPixels {
  /** Row after row, or a list of rows. */
  readonly data:
    | Uint8Array
    | Uint8ClampedArray
    | ReadonlyArray<number | boolean>
    | ReadonlyArray<ArrayLike<number | boolean>>
  /** `[h, w]`. */
  readonly shape: readonly number[]
}

/** What the terms of masks read of an image's targets. */
export interface MaskTarget {
  /**
   * The masks of the n targets, all of one size, in any of their forms, of which a `Uint8Array` of shape `[n, h, w]` is read where it
   * lies. Images need not have their size in common: all lie at the upper left of a canvas with the greatest height and width of
   * the batch. An image without targets may say its own, as `[0, h, w]`.
   */
  readonly masks?: Masks | undefined
  /**
   * `[n]`: 0 or false for targets whose mask is not known: then the terms of masks are left out of their loss, and are 0 in their
   * cost; they count in N all the same. All images with targets have it, or none. Default: all are known.
   */
  readonly hasMask?: ArrayLike<number | boolean> | undefined
  /** The pixels of the image that are 1 here count as no sample, of a target or of anything else. Default: all count. */
  readonly void?: TargetPixels | undefined
}

/** The gradients of the terms of masks. */
export interface MaskGradients {
  /** With respect to the logits of masks, in their layout; absent where there are none. */
  readonly masks?: Float32Array | undefined
  /** With respect to the features of the pixels; absent where there are none. */
  readonly maskFeatures?: Float32Array | undefined
  /** With respect to the queries' rows; absent where there are none. */
  readonly maskQueries?: Float32Array | undefined
  /** With respect to the bias; absent where there is none. */
  readonly maskBias?: Float32Array | undefined
}

/** Values of masks that were not finite. */
export interface MaskCounts {
  /** Logits of masks that were NaN or infinite. */
  readonly masks: number
  /** Features that were, without which no query of the image counts. */
  readonly maskFeatures: number
  /** Numbers of the queries' rows that were. */
  readonly maskQueries: number
  /** Biases that were, counted for each image. */
  readonly maskBias: number
  /** 0: points are given, as targets are, and refused where they are not finite. */
  readonly maskCostPoints: number
  /** Likewise of the pairs' points. */
  readonly maskLossPoints: number
}

/** How samples of masks are taken. */
export interface MaskSettings {
  /**
   * Over which samples the cost is: `'grid'`, every pixel of the prediction, where the target is read at its nearest pixel, as
   * in MaskFormer; or `'points'`, as in Mask2Former. Default: the preset's, otherwise `'grid'`.
   */
  readonly costSampling?: 'grid' | 'points' | undefined
  /**
   * Over which samples the loss is: `'canvas'`, every pixel of the canvas of the batch's targets, to which predictions are enlarged
   * bilinearly, as in DETR and MaskFormer; or `'points'`, chosen for each pair. Default: the preset's, otherwise `'canvas'`.
   */
  readonly lossSampling?: 'canvas' | 'points' | undefined
  /**
   * How many points there are: `'fixed'`, as many as `points` says; or `'sixteenth'` of the pixels of the prediction, rounded down,
   * at least 1, and in the loss at least its height, as in RF-DETR. Default: the preset's, otherwise `'fixed'`.
   */
  readonly pointCount?: 'fixed' | 'sixteenth' | undefined
  /** That number, 1 to 16,777,216; a fraction is cut off. Default: 12544, as in Mask2Former. */
  readonly points?: number | undefined
  /** Whether each `'image'` has points of its own in the cost, or all of a `'batch'` the same. Default: the preset's, otherwise `'image'`. */
  readonly pointSets?: 'image' | 'batch' | undefined
  /**
   * What lies beyond the border of a prediction, of factors as of the planes that they make: `'zeros'`, or as at the `'border'`. So it
   * is with targets that are read at their nearest pixel. Default: the preset's, otherwise `'zeros'`.
   */
  readonly outside?: 'zeros' | 'border' | undefined
  /** How targets are read at points: `'bilinear'`, or at their `'nearest'` pixel. Default: the preset's, otherwise `'bilinear'`. */
  readonly targetSampling?: 'bilinear' | 'nearest' | undefined
  /** Candidates that are drawn for each point of a pair, 1 to 100. Default: 3. */
  readonly oversampling?: number | undefined
  /** The share of a pair's points that are chosen from the candidates, 0 to 1; the rest is drawn anew. Default: 0.75. */
  readonly importance?: number | undefined
  /** α of `maskFocal`, 0 to 1. Default: 0.25. */
  readonly alpha?: number | undefined
  /** γ of `maskFocal`, 0 to 10. Default: 2. */
  readonly gamma?: number | undefined
}

/** {@link MaskSettings} with every default filled in. */
export interface ResolvedMaskSettings {
  /** Over which samples the cost is. */
  readonly costSampling: 'grid' | 'points'
  /** Over which samples the loss is. */
  readonly lossSampling: 'canvas' | 'points'
  /** How many points there are. */
  readonly pointCount: 'fixed' | 'sixteenth'
  /** That number. */
  readonly points: number
  /** Whose points those of the cost are. */
  readonly pointSets: 'image' | 'batch'
  /** What lies beyond the border of a prediction. */
  readonly outside: 'zeros' | 'border'
  /** How targets are read at points. */
  readonly targetSampling: 'bilinear' | 'nearest'
  /** Candidates for each point of a pair. */
  readonly oversampling: number
  /** The share of points that are chosen from them. */
  readonly importance: number
  /** α of the focal loss. */
  readonly alpha: number
  /** γ of the focal loss. */
  readonly gamma: number
}

/** Options of masks. */
export interface MaskOptions {
  /** How samples of masks are taken. */
  readonly masks?: MaskSettings | undefined
}

/** {@link MaskOptions} with every default filled in. */
export interface ResolvedMaskOptions {
  /** How samples of masks are taken. */
  readonly masks: ResolvedMaskSettings
}

/** What presets differ in. */
export interface MaskPreset {
  /** In place of the core's defaults. */
  readonly masks?: Partial<ResolvedMaskSettings> | undefined
}

const NAMES: ForeignNames = new Map<string, readonly string[]>([
  ['mask', ['maskBce', 'maskFocal']],
  ['dice', ['maskDice']],
  ['lossmask', ['maskBce', 'maskFocal']],
  ['lossdice', ['maskDice']],
  ['masklosscoef', ['maskFocal', 'weights.maskFocal']],
  ['dicelosscoef', ['maskDice', 'weights.maskDice']],
  ['masklosscoefficient', ['maskFocal', 'weights.maskFocal']],
  ['dicelosscoefficient', ['maskDice', 'weights.maskDice']],
  ['maskweight', ['maskBce', 'weights.maskBce']],
  ['diceweight', ['maskDice', 'weights.maskDice']],
  ['costmask', ['maskBce', 'cost.maskBce']],
  ['costdice', ['maskDice', 'cost.maskDice']],
  ['points', ['masks.points']],
  ['numpoints', ['masks.points']],
  ['trainnumpoints', ['masks.points']],
  ['oversampleratio', ['masks.oversampling']],
  ['importancesampleratio', ['masks.importance']],
])

/** What masks have of everything that families compose. */
export interface MaskTypes {
  readonly terms: MaskTerms
  readonly costTerms: MaskTerms
  readonly outputs: MaskOutputs
  readonly target: MaskTarget
  readonly gradients: MaskGradients
  readonly counts: MaskCounts
  readonly options: MaskOptions
  readonly resolved: ResolvedMaskOptions
  readonly preset: MaskPreset
}

const ROWS = { columns: (_: unknown, given: number) => given } as const

export const MASKS: Family<MaskTypes> = {
  terms: [
    { ...USUAL_TERM, name: 'maskBce', field: 'masks' },
    { ...USUAL_TERM, name: 'maskFocal', field: 'masks' },
    { ...USUAL_TERM, name: 'maskDice', field: 'masks' },
  ],
  fields: [
    { ...ROWS, name: 'masks', of: ({ masks }) => masks, owner: 'masks', shownAs: ['height', 'width'] },
    {
      ...ROWS,
      name: 'maskFeatures',
      of: ({ maskFeatures }) => maskFeatures,
      owner: 'maskFeatures',
      inPlaceOf: 'masks',
      shownAs: ['K', 'height', 'width'],
    },
    { ...ROWS, name: 'maskQueries', of: ({ maskQueries }) => maskQueries, owner: 'maskFeatures' },
    { ...ROWS, name: 'maskBias', of: ({ maskBias }) => maskBias, owner: 'maskFeatures', columns: () => 1 },
    {
      ...ROWS,
      name: 'maskCostPoints',
      of: ({ maskCostPoints }) => maskCostPoints,
      owner: 'maskCostPoints',
      mayBeShared: true,
      shownAs: ['points', '2'],
    },
    {
      ...ROWS,
      name: 'maskLossPoints',
      of: ({ maskLossPoints }) => maskLossPoints,
      owner: 'maskLossPoints',
      shownAs: ['pairs', 'points', '2'],
    },
  ],
  targets: [
    { name: 'masks', of: ({ masks }) => masks, columns: () => 0, noun: 'masks' },
    { name: 'hasMask', of: ({ hasMask }) => hasMask, columns: () => 1, noun: 'flags', takesFlags: true },
    { name: 'void', of: (target) => target.void, columns: () => 0, noun: 'pixels' },
  ],
  options: ['masks'],
  resolve: resolveMaskOptions,
  foreign: NAMES,
  foreignFields: {
    queries: {
      predmasks: 'masks',
      masklogits: 'masks',
      masksquerieslogits: 'masks',
      maskembed: 'maskQueries',
      maskembeds: 'maskQueries',
      queryfeatures: 'maskQueries',
      pixelembedding: 'maskFeatures',
      pixelembeddings: 'maskFeatures',
      spatialfeatures: 'maskFeatures',
    },
    targets: { mask: 'masks', masklabels: 'masks', segmentationmasks: 'masks', isvalidmask: 'hasMask' },
  },
}

/** Checks the options of masks and fills in defaults. */
export function resolveMaskOptions(options: Unchecked<MaskOptions>, preset: MaskPreset): ResolvedMaskOptions {
  const keys = keysOf('masks', optionsOf()) as readonly (keyof ResolvedMaskSettings)[]
  const given = checkRecord(options.masks, keys, 'options.masks', NAMES)
  const resolve = (key: keyof ResolvedMaskSettings) =>
    resolveOption(`masks.${key}`, given[key], { usual: preset.masks?.[key] })
  const masks = Object.fromEntries(keys.map((key) => [key, resolve(key)])) as unknown as ResolvedMaskSettings
  return { masks: Object.freeze(masks) }
}
