/** The terms of boxes: L1 distance and the forms of IoU, of matched pairs. */
import { rowSize } from '../binding/description.ts'
import type { TargetRows, TensorLike } from '../common/tensors.ts'
import { checkWord } from '../common/validate.ts'
import type { ForeignNames } from '../common/words.ts'
import { USUAL_TERM } from './family.ts'
import type { Family, Unchecked } from './family.ts'
import { resolveGroup, resolveOption } from './option.ts'

/** Numbers of a box. */
export const BOX_SIZE = rowSize('boxes')

/** The terms of boxes, in loss and cost. */
export interface BoxTerms {
  /** L1 distance of the boxes. */
  readonly l1: number
  /** Generalised IoU of the boxes (Rezatofighi et al. 2019). */
  readonly giou: number
  /** Plain IoU of the boxes. */
  readonly iou?: number | undefined
  /** Distance IoU of the boxes (Zheng et al. 2020). */
  readonly diou?: number | undefined
  /** Complete IoU of the boxes (Zheng et al. 2020), whose factor α passes no gradient, as in torchvision. */
  readonly ciou?: number | undefined
}

/** What the terms of boxes read of a layer. */
export interface BoxOutputs {
  /**
   * `[B, Q, 4]`, in the criterion's `boxFormat`, as the model's sigmoid gives them. They may be absent where no term of boxes
   * has a weight, nor `classification` needs their IoU: see `WithoutBoxes`.
   */
  readonly boxes: TensorLike
}

/** Boxes, flat `n × 4` or one row for each box. A tensor must be of shape `[n, 4]`. */
export type Boxes = TargetRows

/** What the terms of boxes read of an image's targets. */
export interface BoxTarget {
  /**
   * `[n, 4]`, in the criterion's `boxFormat`; with `normalizedBoxes`, all components lie in [0, 1], where up to 1e-4 beyond
   * is taken for rounding and used as it is. Absent where the outputs have none.
   */
  readonly boxes: Boxes
  /**
   * `[n]`: which targets' boxes are known: true or 1, otherwise false or 0. A target whose box is not known is matched by its
   * class alone and has no terms of boxes, while what these are divided by counts it; to a class term that asks how well a pair
   * agrees, it agrees fully. Its `boxes` are any allowed ones, such as zeros. Where some images have it, all with targets do.
   * Default: all are.
   */
  readonly hasBox?: ArrayLike<boolean | number> | undefined
}

/** The gradient of the terms of boxes. */
export interface BoxGradients {
  /** With respect to the boxes, in their layout. */
  readonly boxes: Float32Array
}

/** Values of the boxes that were not finite. */
export interface BoxCounts {
  /** Box components that were NaN or infinite. */
  readonly boxes: number
}

/** The overlap of queries with ignored targets. */
export interface IgnoreOptions {
  /**
   * `'iof'`: intersection over the query's area, as COCO's evaluation measures crowds; `'iou'`: over the union. Default:
   * `'iof'`.
   */
  readonly overlap?: 'iof' | 'iou' | undefined
  /** 0 to 1. Default: 0.5. */
  readonly threshold?: number | undefined
}

/** {@link IgnoreOptions} with every default filled in. */
export interface ResolvedIgnore {
  /** What the intersection is divided by. */
  readonly overlap: 'iof' | 'iou'
  /** Above which a query lies on an ignored target. */
  readonly threshold: number
}

/** Options of boxes. */
export interface BoxOptions {
  /** What a box's four numbers are: centre and size, or two corners. Default: `'cxcywh'`. */
  readonly boxFormat?: 'cxcywh' | 'xyxy' | undefined
  /**
   * Added to the areas and squared lengths that the forms of IoU divide by, in cost and loss, 0 to 1. DAB-DETR and DINO
   * have 1e-6. With 0, a quotient whose divisor is 0 counts as 0. The derivative of these forms by a side grows as 1 / side;
   * beyond the range of float32, for sides below about 1e-39, gradients are its largest number. Default: the
   * preset's, 0 for most.
   */
  readonly boxEpsilon?: number | undefined
  /**
   * What `boxEpsilon` does: `'add'`, or `'clamp'`, where it is the least that divides, as in RF-DETR: a smaller divisor counts as
   * this, and passes no gradient by the division. Default: the preset's, `'clamp'` for `rfDetr` and `rfDetrSeg`
   * alone.
   */
  readonly boxEpsilonForm?: 'add' | 'clamp' | undefined
  /**
   * Whether predicted widths and heights below 0 count as 0 in the forms of IoU (corners: a second corner before the first
   * counts as the first), rather than being refused. Those of 0 or below then pass no gradient, as with PyTorch's clamp from 2.15 on:
   * that of the size is 0, and that of a second corner goes to the first. L1 takes them as they are, in cost and loss, and so trains
   * them to be sides again. Default: the preset's, true for `lwDetr`, `dFine`, `deim`, `deimV2`, `rfDetr`, `rfDetrSeg` and `ecSeg`.
   */
  readonly clampSizes?: boolean | undefined
  /** Whether target boxes must lie in [0, 1]. Set to false for pixels. Default: true. */
  readonly normalizedBoxes?: boolean | undefined
  /**
   * What `l1` compares in the loss: centre and size, or two corners. The cost compares the boxes as they are given. Default: the
   * preset's, which is `'xyxy'` for OWL-ViT alone; otherwise `boxFormat`.
   */
  readonly l1Format?: 'cxcywh' | 'xyxy' | undefined
  /**
   * What a target whose box is not known costs in the terms of boxes: `'zero'`, or `'mean'`, what the queries of the image cost on
   * average with the targets whose boxes are known, and 0 where there are none; queries that are excluded count among them. Either is
   * the same for all queries, so that it decides something only where targets outnumber queries, or where each query takes its
   * nearest target. Default: the preset's, `'mean'` for `maskDino` alone.
   */
  readonly unknownBoxCost?: 'zero' | 'mean' | undefined
  /** When an unmatched query lies on an ignored target: where their overlap exceeds the threshold. */
  readonly ignore?: IgnoreOptions | undefined
  /**
   * Which pairs the box terms use. `'layer'`: those of the layer's own matching. `'union'`, as in D-FINE: one set of pairs
   * for all decoder and encoder layers, which must then have the same number of queries. It is chosen from the pairs of all
   * these layers, the most frequent first, with at most one target for each query, and their number divides the box terms.
   * The class term follows the layer's own matching either way. Default: the preset's, which is `'union'` for D-FINE and
   * DEIM alone.
   */
  readonly boxMatching?: 'layer' | 'union' | undefined
}

/** {@link BoxOptions} with every default filled in. */
export interface ResolvedBoxOptions {
  /** What a box's four numbers are. */
  readonly boxFormat: 'cxcywh' | 'xyxy'
  /** Added to what the forms of IoU divide by, or the least that divides. */
  readonly boxEpsilon: number
  /** Which of the two it is. */
  readonly boxEpsilonForm: 'add' | 'clamp'
  /** Whether predicted sides below 0 count as 0 in the forms of IoU. */
  readonly clampSizes: boolean
  /** Whether target boxes must lie in [0, 1]. */
  readonly normalizedBoxes: boolean
  /** What `l1` compares in the loss. */
  readonly l1Format: 'cxcywh' | 'xyxy'
  /** What a target whose box is not known costs in the terms of boxes. */
  readonly unknownBoxCost: 'zero' | 'mean'
  /** When an unmatched query lies on an ignored target. */
  readonly ignore: ResolvedIgnore
  /** Which pairs the box terms use. */
  readonly boxMatching: 'layer' | 'union'
}

/** What presets differ in. */
export interface BoxPreset {
  /** That of the boxes where it is absent. */
  readonly l1Format?: 'cxcywh' | 'xyxy' | undefined
  readonly boxEpsilon: number
  readonly boxMatching: 'layer' | 'union'
  /** `'add'` where it is absent. */
  readonly boxEpsilonForm?: 'add' | 'clamp' | undefined
  /** False where it is absent. */
  readonly clampSizes?: boolean | undefined
  /** `'zero'` where it is absent. */
  readonly unknownBoxCost?: 'zero' | 'mean' | undefined
}

const NAMES: ForeignNames = new Map<string, readonly string[]>([
  ['bbox', ['l1']],
  ['box', ['l1']],
  ['boxes', ['l1']],
  ['lossbbox', ['l1']],
  ['bboxlosscoef', ['l1', 'weights.l1']],
  ['bboxlosscoefficient', ['l1', 'weights.l1']],
  ['costbbox', ['l1', 'cost.l1']],
  ['setcostbbox', ['l1', 'cost.l1']],
  ['bboxcost', ['l1', 'cost.l1']],
  ['matcherbboxcost', ['l1', 'cost.l1']],
  ['weightlossbbox', ['l1', 'weights.l1']],
  ['lossgiou', ['giou']],
  ['giouloss', ['giou']],
  ['costgiou', ['giou', 'cost.giou']],
  ['setcostgiou', ['giou', 'cost.giou']],
  ['gioucost', ['giou', 'cost.giou']],
  ['matchergioucost', ['giou', 'cost.giou']],
  ['weightlossgiou', ['giou', 'weights.giou']],
  ['gioulosscoef', ['giou', 'weights.giou']],
  ['gioulosscoefficient', ['giou', 'weights.giou']],
])

/** What boxes have of everything that families compose. */
export interface BoxTypes {
  readonly terms: BoxTerms
  readonly costTerms: BoxTerms
  readonly outputs: BoxOutputs
  readonly target: BoxTarget
  readonly gradients: BoxGradients
  readonly counts: BoxCounts
  readonly options: BoxOptions
  readonly resolved: ResolvedBoxOptions
  readonly preset: BoxPreset
}

export const BOXES: Family<BoxTypes> = {
  terms: [
    { ...USUAL_TERM, name: 'l1', field: 'boxes', isAlwaysGiven: true },
    { ...USUAL_TERM, name: 'giou', field: 'boxes', isAlwaysGiven: true },
    { ...USUAL_TERM, name: 'iou', field: 'boxes' },
    { ...USUAL_TERM, name: 'diou', field: 'boxes' },
    { ...USUAL_TERM, name: 'ciou', field: 'boxes' },
  ],
  fields: [{ name: 'boxes', of: ({ boxes }) => boxes, owner: 'boxes', columns: () => BOX_SIZE }],
  targets: [
    { name: 'boxes', of: ({ boxes }) => boxes, columns: () => BOX_SIZE, noun: 'boxes' },
    {
      name: 'hasBox',
      of: ({ hasBox }) => hasBox,
      columns: (_, widthOf) => (widthOf('boxes') > 0 ? 1 : 0),
      noun: 'flags',
      takesFlags: true,
    },
  ],
  options: [
    'boxFormat',
    'boxEpsilon',
    'boxEpsilonForm',
    'clampSizes',
    'normalizedBoxes',
    'l1Format',
    'unknownBoxCost',
    'ignore',
    'boxMatching',
  ],
  resolve: resolveBoxOptions,
  foreign: NAMES,
  foreignFields: {
    queries: { predboxes: 'boxes', bbox: 'boxes', bboxes: 'boxes', box: 'boxes' },
    targets: { bbox: 'boxes', bboxes: 'boxes' },
  },
}

/** Checks the options of boxes and fills in defaults. */
export function resolveBoxOptions(given: Unchecked<BoxOptions>, preset: BoxPreset): ResolvedBoxOptions {
  const boxFormat: ResolvedBoxOptions['boxFormat'] = resolveOption('boxFormat', given.boxFormat)
  return {
    boxFormat,
    boxEpsilon: resolveOption('boxEpsilon', given.boxEpsilon, { usual: preset.boxEpsilon }),
    boxEpsilonForm: resolveOption('boxEpsilonForm', given.boxEpsilonForm, { usual: preset.boxEpsilonForm }),
    clampSizes: resolveOption('clampSizes', given.clampSizes, { usual: preset.clampSizes }),
    normalizedBoxes: resolveOption('normalizedBoxes', given.normalizedBoxes),
    l1Format: resolveOption('l1Format', given.l1Format, { usual: preset.l1Format ?? boxFormat }),
    unknownBoxCost: resolveOption('unknownBoxCost', given.unknownBoxCost, { usual: preset.unknownBoxCost }),
    ignore: resolveGroup('ignore', given.ignore),
    boxMatching: checkWord(given.boxMatching, ['layer', 'union'], preset.boxMatching, 'options.boxMatching'),
  }
}
