/** Float16Array where the runtime has it, described by its structure since older type libraries lack it. */
export interface Float16Data extends ArrayLike<number> {
  readonly BYTES_PER_ELEMENT: number
  readonly [Symbol.toStringTag]: 'Float16Array'
}

/** Plain numbers, flat or in nested rows. */
export type NestedNumbers = ReadonlyArray<number | NestedNumbers>

/**
 * The values of a tensor. A `Float32Array` is read where it lies and never copied; the others are converted to
 * float32.
 */
export type FloatData = Float32Array | Float64Array | Float16Data | NestedNumbers

/** Typed arrays of integers. */
export type IntegerData =
  | Int8Array
  | Uint8Array
  | Uint8ClampedArray
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array
  | BigInt64Array
  | BigUint64Array

/** Data with its shape, under either of the two customary names. Row-major. */
export type Shaped<Data> =
  | { readonly data: Data; readonly shape: readonly number[] }
  | { readonly data: Data; readonly dims: readonly number[] }

/**
 * A tensor of ONNX Runtime as `session.run()` gives it: its type does not say what it holds, which is looked at when it
 * is read. Throws `DTYPE` for what the place does not take.
 */
export interface OnnxTensor {
  readonly type: string
  readonly dims: readonly number[]
  readonly data: FloatData | IntegerData | readonly string[]
}

/**
 * A tensor of predictions; `{ data, dims }` fits one of ONNX Runtime as it is, once its data are in memory (`DTYPE` where
 * they are on the device, or disposed). The product of the shape must equal the length of the data. Further fields are
 * ignored.
 */
export type TensorLike = Shaped<FloatData> | OnnxTensor

/**
 * Predictions of one layer. Of these objects, of parts and of targets, every field is read once; own enumerable keys
 * that are unknown or belong elsewhere are refused (`OPTION`), unless their value is undefined.
 */
export interface LayerOutputs {
  /**
   * `[B, Q, C]`: images, queries, and columns of raw scores: with softmax classification `numClasses + 1`, one of which is
   * no-object, and with sigmoid classification `numClasses`. Of class-agnostic proposals they may be fewer.
   */
  readonly logits: TensorLike
  /** `[B, Q, 4]`, in the criterion's `boxFormat`, as the model's sigmoid gives them. */
  readonly boxes: TensorLike
  /**
   * `[B, Q, 4 · (regMax + 1)]`: raw scores of the bins of each box's left, top, right and bottom edge, where the edges
   * are distributions (Peng et al. 2025, D-FINE; see {@link DistributionOptions}). They add the terms `fgl` and `ddf`,
   * which layers without them, as D-FINE's first head and its encoder, lack. Where an earlier layer of a part has
   * corners the last one must, since it teaches the others.
   */
  readonly corners?: TensorLike | undefined
  /**
   * `[B, Q, 4]`, with `corners`: the boxes that the edges' distances start from, in the criterion's `boxFormat`. They
   * get no gradient. In D-FINE, the boxes of the first head, for all layers.
   */
  readonly references?: TensorLike | undefined
  /**
   * Where the layer's matching comes from; stacked layers share it. Default: `'optimal'`.
   */
  readonly matching?: LayerMatching | undefined
  /**
   * Added to the matching cost, and no part of the loss: for each image a block `[Q, n]` of numbers from −1e12 to 1e12,
   * with a column for every target of the image. So keypoints, text or anything else can join the matching. Stacked
   * layers share it. Must be absent where `matching` is anything but `'optimal'`, since nothing is solved then.
   */
  readonly cost?: readonly TensorLike[] | undefined
}

/**
 * `'optimal'`: the assignment with the least total cost. `{ from }`: that of another layer of the same part, which has
 * one of its own; layers count as in the result. Or pairs for each image, such as {@link Matches} of another result:
 * then a target may have several queries.
 */
export type LayerMatching = 'optimal' | { readonly from: number } | readonly Pairs[]

/** Pairs of one image. Queries that are not named are background. */
export interface Pairs {
  /** Queries, each at most once. */
  readonly queryIndices: ArrayLike<number>
  /** The target of each of them. */
  readonly targetIndices: ArrayLike<number>
  /** Queries without a part in the loss. Default: none. */
  readonly ignoredQueries?: ArrayLike<number> | undefined
}

/**
 * Predictions of several layers. They either lie stacked in tensors of rank 4, `[L, B, Q, C]` and `[L, B, Q, 4]`, the
 * last layer being the final one, or `auxiliary` lists the earlier ones. Both give the same bits. All parts together may
 * have up to 1,048,576 layers, and 4,194,304 layers times images.
 */
export interface PartOutputs extends LayerOutputs {
  /** Earlier layers, first to last, each of the final layer's shape. */
  readonly auxiliary?: readonly LayerOutputs[] | undefined
}

/** A range of the main outputs' queries, in every layer, in place of tensors of its own. */
export interface QueryRange {
  /** The range: from the first to before the end. */
  readonly queries: readonly [first: number, end: number]
  readonly logits?: undefined
  readonly boxes?: undefined
  readonly corners?: undefined
  readonly references?: undefined
  readonly auxiliary?: undefined
  readonly cost?: undefined
}

/** How much a part counts in the loss. Its matching cost has the criterion's weights either way. */
export interface PartWeights {
  /** Weight of the whole part, 0 to 1e12: λ in H-DETR, and of the encoder `interm_loss_coef` in DINO. Default: 1. */
  readonly weight?: number | undefined
  /**
   * Weights of the part's terms, 0 to 1e12, in place of the criterion's; `{ l1: 0, giou: 0 }` of the encoder is DINO's
   * `no_interm_box_loss`. Default, for each: the criterion's.
   */
  readonly weights?: Partial<Terms> | undefined
}

/** Settings of {@link EncoderOutputs}. */
export interface EncoderSettings extends PartWeights {
  /**
   * Whether all targets count as of the first class, so that proposals learn objects alone. The logits then have all
   * columns, of which only the first learns objects, as in Deformable DETR; or those of the first class alone: one, as in
   * RT-DETRv2 and D-FINE with `query_select_method: agnostic`, and with softmax classification one more, for no-object,
   * which comes first where `noObjectIndex` is 0, otherwise last. Default: false.
   */
  readonly classAgnostic?: boolean | undefined
  /** As {@link Outputs.groups}. Default: 1. */
  readonly groups?: number | undefined
}

/** The proposals of a two-stage encoder (Zhu et al. 2021, Deformable DETR), matched by themselves. */
export type EncoderOutputs = PartOutputs & EncoderSettings

/**
 * Queries made from the targets with noise (Li et al. 2022, DN-DETR; Zhang et al. 2023, DINO). They are not matched: in
 * each of the groups, which lie one after the other, the k-th query belongs to the image's k-th target. The terms are
 * divided by N · `groups`, N as for the main part.
 *
 * Source: IDEA-Research/DINO, `models/dino/dn_components.py`; lyuwenyu/RT-DETR, `get_cdn_matched_indices`.
 */
export type DenoisingOutputs = ((PartOutputs & { readonly queries?: undefined }) | QueryRange) & DenoisingSettings

/** Settings of {@link DenoisingOutputs}. */
export interface DenoisingSettings extends PartWeights {
  /** Equal groups of queries, each with all targets. Default: 1. */
  readonly groups?: number | undefined
  /** Whether the second half of every group are negatives, which are background. Default: true, as in DINO. */
  readonly contrastive?: boolean | undefined
  /**
   * What the positives are that have no target, where other images have more: `'background'`, as in DINO and RT-DETR,
   * or `'ignore'`, without a part in the loss, as in DN-DETR. Default: `'background'`.
   */
  readonly padding?: 'background' | 'ignore' | undefined
  /** Pairs for each image, for another arrangement of the queries. `groups` is then a mere divisor. */
  readonly matching?: readonly Pairs[] | undefined
}

/**
 * A branch whose targets are repeated, so that several queries learn each (Jia et al. 2023, H-DETR;
 * HDETR/H-Deformable-DETR, `train_hybrid`). Its N is that of the repeated targets.
 */
export type OneToManyOutputs = ((PartOutputs & { readonly queries?: undefined }) | QueryRange) & OneToManySettings

/** Settings of {@link OneToManyOutputs}. */
export interface OneToManySettings extends PartWeights {
  /**
   * How often every target is repeated, at least 1; 6 in H-DETR. At most 16,777,216 times divided by the number of
   * targets in the batch. What exceeds the number of queries is reported as unmatched, and takes no memory.
   */
  readonly repeat: number
}

/**
 * Predictions of a batch: the decoder layers, and whatever else is trained beside them. Queries count within their own
 * tensors, here and in the result.
 */
export interface Outputs extends PartOutputs {
  /**
   * Equal groups that the queries are split in, one after the other; each is matched by itself with all targets, and the
   * terms are divided by N · `groups` (Chen et al. 2023, Group DETR; Atten4Vis/LW-DETR). At most 16,777,216 divided by
   * the number of targets in the batch. Default: 1.
   */
  readonly groups?: number | undefined
  readonly encoder?: EncoderOutputs | undefined
  readonly denoising?: DenoisingOutputs | undefined
  readonly oneToMany?: OneToManyOutputs | undefined
}

/** The keys of every member of a union. */
type KeysOf<T> = T extends unknown ? keyof T : never

/** What no value is: a message of the compiler's that names the key which is not known at its place. */
type Unknown<Place extends string, Key, Value> = 0 extends 1 & Value
  ? never
  : { readonly [K in `unknown key of ${Place}`]: Key }

/** `T` without keys that `Shape` does not know. */
type OnlyKeysOf<Shape, T, Place extends string> = {
  readonly [Key in keyof T]: string extends Key
    ? T[Key]
    : Key extends KeysOf<Shape>
      ? T[Key]
      : Unknown<Place, Key, T[Key]>
}

/** A part without unknown keys, also of its layers. */
type Exact<Shape, T, Place extends string> = T &
  OnlyKeysOf<Shape, T, Place> &
  (T extends { readonly auxiliary: ReadonlyArray<infer Layer> }
    ? { readonly auxiliary: ReadonlyArray<OnlyKeysOf<LayerOutputs, Layer, 'an auxiliary layer'>> }
    : unknown)

/**
 * Outputs without keys that are unknown at their place, which are refused, too, when a call reads them. Their type says
 * which parts the result has.
 */
export type ExactOutputs<O> = Exact<Outputs, O, 'outputs'> &
  (O extends { readonly encoder: infer Part extends object }
    ? { readonly encoder: Exact<EncoderOutputs, Part, 'outputs.encoder'> }
    : unknown) &
  (O extends { readonly denoising: infer Part extends object }
    ? { readonly denoising: Exact<DenoisingOutputs, Part, 'outputs.denoising'> }
    : unknown) &
  (O extends { readonly oneToMany: infer Part extends object }
    ? { readonly oneToMany: Exact<OneToManyOutputs, Part, 'outputs.oneToMany'> }
    : unknown)

/** A value that is certain where the type of the outputs says that they have this key. */
export type IfGiven<O, Key extends PropertyKey, Value> = O extends { readonly [K in Key]: object }
  ? Value
  : Value | undefined

/** Class ids: any integer array or plain numbers. A tensor must be of shape `[n]`. */
export type Labels = readonly number[] | IntegerData | Shaped<readonly number[] | IntegerData> | OnnxTensor

/** The class ids of each target where some have several, at least one and all different. */
export type LabelSets = ReadonlyArray<number | readonly number[] | IntegerData>

/** Boxes, flat `n × 4` or one row for each box. A tensor must be of shape `[n, 4]`. */
export type Boxes =
  | FloatData
  | Exclude<IntegerData, BigInt64Array | BigUint64Array>
  | ReadonlyArray<ArrayLike<number>>
  | Shaped<FloatData | Exclude<IntegerData, BigInt64Array | BigUint64Array>>
  | OnnxTensor

/** The ground truth of one image: `n` objects, `n ≥ 0`. */
export interface Target {
  /**
   * `[n]`: class ids from 0 to `numClasses`, without the no-object index; with sigmoid classification from 0 to
   * `numClasses - 1`, and an entry may be a list of several: `[[0, 2], [1]]`. Each is then a class that the matched query
   * should have, and the class' part of the cost is the sum over them.
   */
  readonly labels: Labels | LabelSets
  /**
   * `[n, 4]`, in the criterion's `boxFormat`; with `normalizedBoxes`, all components lie in [0, 1], where up to 1e-4 beyond
   * is taken for rounding and used as it is.
   */
  readonly boxes: Boxes
  /** How many leading entries count, 0 to n; the rest is padding and never looked at. Default: all. */
  readonly valid?: number | undefined
  /**
   * `[n]`: which targets are to be ignored, as crowds are: true or 1, otherwise false or 0. An ignored target is not
   * matched and not counted, and its label has no meaning; unmatched queries that lie on it have no part in the loss (see
   * {@link HungarianLossOptions.ignore}). Default: none.
   */
  readonly ignore?: ArrayLike<boolean | number> | undefined
}

/** One number for each term that the matching cost may have. */
export interface CostTerms {
  /** Classification. */
  readonly class: number
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

/**
 * One number for each term of the loss. As weights, absent terms have the preset's; in results, those without a weight
 * are absent, and `fgl` and `ddf` also where the layer has no `corners`.
 */
export interface Terms extends CostTerms {
  /**
   * Fine-grained localisation of edges (D-FINE): for each edge of the pairs of the box terms, the cross-entropy with
   * the two bins that the target's edge lies between, times the IoU of the boxes; divided as the box terms are.
   */
  readonly fgl?: number | undefined
  /**
   * Distillation of edges (D-FINE): T² · KL(last layer ‖ this one), times the IoU where the query is paired and the
   * last layer's best class probability elsewhere. The means over these two kinds of edges are mixed by the square
   * roots of their numbers; in further parts, of the decoder's numbers. Absent for the last layer. Sigmoid kinds only.
   */
  readonly ddf?: number | undefined
}

/** Weights of the matching cost, and the form of the class' part c. With p the probability of the target's label: */
export interface CostWeights extends CostTerms {
  /**
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

/** Softmax cross-entropy over the object classes and no-object (DETR). */
export interface SoftmaxOptions {
  readonly kind?: 'softmax' | undefined
  /** Weight of no-object in the cross-entropy, 0 to 1e12. Default: 0.1. */
  readonly noObjectWeight?: number | undefined
  /** Column of the logits that means no-object: `'last'` or 0 to `numClasses`. Default: `'last'`. */
  readonly noObjectIndex?: 'last' | number | undefined
  /** Weight of each object class, 0 to 1e12, in order of the class ids with no-object left out. Default: all 1. */
  readonly classWeights?: ArrayLike<number> | undefined
  /**
   * What the weighted sum is divided by: `'weighted-mean'`, the sum of the weights of all queries, as in the published
   * code; or `'num-boxes'`, the number of targets, as in the paper. Default: `'weighted-mean'`.
   */
  readonly normalization?: 'weighted-mean' | 'num-boxes' | undefined
  /** Whether a target may carry the no-object label, as the published code permits. Default: false. */
  readonly allowNoObjectLabels?: boolean | undefined
}

/**
 * Sigmoid focal loss (Lin et al. 2017), as in Deformable DETR: a label of a matched query adds α·(1 − p)^γ·−ln p, every other
 * class (1 − α)·p^γ·−ln(1 − p), with p = σ(logit); the sum is divided by the number of targets.
 */
export interface FocalOptions {
  readonly kind?: 'focal' | undefined
  /** α, 0 to 1. Default: 0.25. */
  readonly alpha?: number | undefined
  /** γ, 0 to 100. Default: 2. */
  readonly gamma?: number | undefined
}

/**
 * Varifocal loss (Zhang et al. 2021), as in RT-DETR: with q the IoU of the matched boxes and BCE(t) = −t·ln p − (1 − t)·ln(1 −
 * p), a label of a matched query adds q·BCE(q), every other class α·p^γ·−ln(1 − p). No gradient flows through q.
 */
export interface VarifocalOptions {
  readonly kind?: 'varifocal' | undefined
  /** α, 0 to 1e12. Default: 0.75. */
  readonly alpha?: number | undefined
  /** γ, 0 to 100. Default: 2. */
  readonly gamma?: number | undefined
  /** Whether p^γ is a mere weight, which passes no gradient, as in RT-DETR. Default: true. */
  readonly detachWeights?: boolean | undefined
}

/**
 * Matchability-aware loss of DEIM (Huang et al. 2025): a label of a matched query adds BCE(q^γ), every other class
 * α·p^γ·−ln(1 − p), with p, q and BCE as in {@link VarifocalOptions}.
 */
export interface MalOptions {
  readonly kind?: 'mal' | undefined
  /** α, 0 to 1e12. Default: 1. */
  readonly alpha?: number | undefined
  /** γ, 0 to 100. Default: 1.5. */
  readonly gamma?: number | undefined
  /** Whether p^γ of the other classes is a mere weight, which passes no gradient, as in DEIM. Default: true. */
  readonly detachWeights?: boolean | undefined
}

/**
 * IoU-aware binary cross-entropy (Align-DETR, Cai et al. 2023), as in LW-DETR: a label of a matched query adds BCE(t) with
 * t = max(p^α·q^(1 − α), minQuality), which passes no gradient, every other class p^γ·−ln(1 − p), with p, q and BCE as in
 * {@link VarifocalOptions}. Finite at any logit, where the published code takes the logarithm of a rounded 0.
 */
export interface IaBceOptions {
  readonly kind?: 'ia-bce' | undefined
  /** α, 0 to 1. Default: 0.25. */
  readonly alpha?: number | undefined
  /** γ, 0 to 100. Default: 2. */
  readonly gamma?: number | undefined
  /** The least t, 0 to 1. Default: 0.01. */
  readonly minQuality?: number | undefined
}

/** The classification term. Without `kind`, that of the preset. */
export type ClassificationOptions = SoftmaxOptions | FocalOptions | VarifocalOptions | MalOptions | IaBceOptions

/** What to compute. Everything but `numClasses` defaults to the values of a published criterion, DETR unless said. */
export interface HungarianLossOptions {
  /**
   * Number of object classes, at least 1. With softmax classification the logits have one column more, for no-object;
   * with sigmoid classification they have none more.
   */
  readonly numClasses: number
  /** The classification term. */
  readonly classification?: ClassificationOptions | undefined
  /** Weights of the matching cost's terms, 0 to 1e12, and its form. Default: class 1, l1 5, giou 2, others 0. */
  readonly cost?: Partial<CostWeights> | undefined
  /**
   * Weights of the loss terms in the total, 0 to 1e12; a part may have its own (see {@link PartWeights}). Default: class 1,
   * l1 5, giou 2, others 0.
   */
  readonly weights?: Partial<Terms> | undefined
  /** The bins of edges that are distributions, see {@link LayerOutputs.corners}. */
  readonly distribution?: DistributionOptions | undefined
  /** What a box's four numbers are: centre and size, or two corners. Default: `'cxcywh'`. */
  readonly boxFormat?: 'cxcywh' | 'xyxy' | undefined
  /**
   * Added to the areas and squared lengths that the forms of IoU divide by, in cost and loss, 0 to 1. DAB-DETR and DINO
   * have 1e-6. With 0, a quotient whose divisor is 0 counts as 0. The derivative of these forms by a side grows as 1 / side;
   * beyond the range of float32, for sides below about 1e-39, gradients are its largest number. Default: 0.
   */
  readonly boxEpsilon?: number | undefined
  /**
   * Whether predicted widths and heights below 0 count as 0 (corners: a second corner before the first counts as the
   * first), rather than being refused. As with any clamp they pass no gradient: that of the size is 0, and that of a second
   * corner goes to the first. Default: false.
   */
  readonly clampSizes?: boolean | undefined
  /** Whether target boxes must lie in [0, 1]. Set to false for pixels. Default: true. */
  readonly normalizedBoxes?: boolean | undefined
  /**
   * What to do with NaN and infinities in the predictions: `'throw'` names the first; `'worst'` gives such a query a cost
   * above every other of its image, so that it is matched last, leaves it out of the loss, and counts it. Left out, here and
   * for `ignore`, means out of the class term's divisor too, and of the union matching: the loss is that of the batch
   * without these queries. N stays the number of targets, whether or not they find a query. Default: `'throw'`.
   */
  readonly nonFinite?: 'throw' | 'worst' | undefined
  /**
   * Which queries {@link Metrics.cardinalityError} counts as objects in sigmoid classification, which has no no-object:
   * `'threshold'`, those with a probability above 0.5 for any class, so a logit above 0; or `'published'`, those whose
   * first largest logit is not that of the last class, as if that column still meant no-object. So do the published
   * criteria, in which the number means little, and nothing for one class. With softmax classification both are the
   * queries whose largest logit is not no-object. Default: `'threshold'`.
   */
  readonly cardinality?: 'threshold' | 'published' | undefined
  /** When an unmatched query lies on an ignored target: where their overlap exceeds the threshold. */
  readonly ignore?: IgnoreOptions | undefined
  /**
   * Which pairs the box terms use: `'layer'`, those of the layer's own matching; or `'union'`, as in D-FINE, for all
   * decoder and encoder layers, which then have the same number of queries, the same: of all their pairs the most frequent first, one target for each query, divided
   * by the number of these pairs. The class term follows the layer's own matching either way. Default: the preset's,
   * which is `'union'` for D-FINE and DEIM alone.
   */
  readonly boxMatching?: 'layer' | 'union' | undefined
  /**
   * In how many threads images may be computed at once, where there is enough work; at least 1, and no more than
   * {@link threadCount}. The results have the same bits with any number. Default: {@link threadCount}.
   */
  readonly threads?: number | undefined
  /**
   * `'warn'`: the first batch is looked through as by {@link inspectBatch}, and one warning of the process tells what was
   * found, but for mere notes. Later batches take no longer for it. Default: `'off'`.
   */
  readonly check?: 'off' | 'warn' | undefined
}

/**
 * Edges as distributions over regMax + 1 offsets, in units of a reference box's side / regScale. An edge of the
 * reference itself has the offset 0. The offsets are ∓2u, 0, and between them ∓(s^i − 1), where u = up · regScale and
 * s = (u + 1)^(2 / (regMax − 2)).
 *
 * Source: Peng et al. 2025, "D-FINE"; Peterande/D-FINE, `dfine_utils.py`.
 */
export interface DistributionOptions {
  /** One less than the number of bins: an even number from 4 to 1024. Default: 32. */
  readonly regMax?: number | undefined
  /** Range of the offsets, 0.001 to 1000. Default: 0.5. */
  readonly up?: number | undefined
  /** Units of a reference's side, 0.001 to 1000. Default: 4. */
  readonly regScale?: number | undefined
  /** T of the distillation, 0.001 to 1000. Default: 5. */
  readonly temperature?: number | undefined
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

/** {@link SoftmaxOptions} with every default filled in. */
export interface ResolvedSoftmax {
  readonly kind: 'softmax'
  readonly noObjectWeight: number
  /** As a number, also where `'last'` was given. */
  readonly noObjectIndex: number
  /** Absent where all are 1. */
  readonly classWeights: readonly number[] | undefined
  readonly normalization: 'weighted-mean' | 'num-boxes'
  readonly allowNoObjectLabels: boolean
}

/** {@link ClassificationOptions} with every default filled in. */
export type ResolvedClassification =
  | ResolvedSoftmax
  | { readonly kind: 'focal'; readonly alpha: number; readonly gamma: number }
  | {
      readonly kind: 'varifocal' | 'mal'
      readonly alpha: number
      readonly gamma: number
      readonly detachWeights: boolean
    }
  | { readonly kind: 'ia-bce'; readonly alpha: number; readonly gamma: number; readonly minQuality: number }

/** {@link CostWeights} with every default filled in; α and γ are absent for softmax. */
export interface ResolvedCost extends Required<CostTerms> {
  readonly classForm: 'probability' | 'focal' | 'log-sigmoid'
  readonly alpha: number | undefined
  readonly gamma: number | undefined
}

/** Options with every default filled in. */
export interface ResolvedOptions {
  readonly numClasses: number
  readonly classification: ResolvedClassification
  readonly cost: ResolvedCost
  readonly weights: Required<Terms>
  readonly boxFormat: 'cxcywh' | 'xyxy'
  readonly boxEpsilon: number
  readonly clampSizes: boolean
  readonly normalizedBoxes: boolean
  readonly nonFinite: 'throw' | 'worst'
  readonly cardinality: 'threshold' | 'published'
  readonly ignore: { readonly overlap: 'iof' | 'iou'; readonly threshold: number }
  readonly boxMatching: 'layer' | 'union'
  readonly distribution: {
    readonly regMax: number
    readonly up: number
    readonly regScale: number
    readonly temperature: number
  }
  readonly threads: number
  readonly check: 'off' | 'warn'
}

/** Arrays of one layer's gradients, or of all layers where they are stacked. */
export interface LayerGradients {
  /** With respect to the logits, in their layout. */
  readonly logits: Float32Array
  /** With respect to the boxes, in their layout. */
  readonly boxes: Float32Array
  /** With respect to the corners, in their layout, where there are any. */
  readonly corners?: Float32Array | undefined
}

/** Gradients of one part. */
export interface PartGradients extends LayerGradients {
  readonly auxiliary?: readonly LayerGradients[] | undefined
}

/** Gradients in the layout of the inputs: what the outputs have tensors for, these have arrays for. */
export interface Gradients extends PartGradients {
  readonly encoder?: PartGradients | undefined
  readonly denoising?: PartGradients | undefined
  readonly oneToMany?: PartGradients | undefined
}

/** {@link Gradients}, certain where the type of the outputs says that they have tensors. */
export type GradientsOf<O> = Gradients &
  (O extends { readonly corners: object } ? { readonly corners: Float32Array } : unknown) &
  (O extends { readonly encoder: object } ? { readonly encoder: PartGradients } : unknown) &
  (O extends { readonly denoising: { readonly logits: object } } ? { readonly denoising: PartGradients } : unknown) &
  (O extends { readonly oneToMany: { readonly logits: object } } ? { readonly oneToMany: PartGradients } : unknown)

/** What a batch's sums are divided by. */
export interface Normalizers {
  /**
   * N, the number of targets that are not ignored, at least 1; divides the box terms. Parts multiply it: by their
   * groups and by their repetitions.
   */
  readonly numBoxes: number
  /** With `boxMatching: 'union'`: the number of pairs, at least 1; divides the box terms of decoder and encoder. */
  readonly unionBoxes?: number | undefined
  /**
   * Divides the class term (last layer): the sum of the class weights of all queries that are not left out, or with
   * `normalization: 'num-boxes'` and sigmoid classification the number of targets.
   */
  readonly classWeight: number
  /** What these numbers come from, for {@link combineNormalizers}. */
  readonly counts: NormalizerCounts
}

/**
 * What a batch's divisors come from: its own numbers before anything is clamped, also where the call was given others, so
 * that they add up over the workers or micro-batches that a batch is split into. Plain numbers and arrays, which survive
 * `postMessage` and JSON. Layers come in the order of `layers`, `encoder.layers`, `denoising.layers` and
 * `oneToMany.layers`.
 */
export interface NormalizerCounts {
  /** Targets that are not ignored. */
  readonly targets: number
  /** With `boxMatching: 'union'`: pairs of the union matching. */
  readonly unionPairs?: number | undefined
  /**
   * For each layer, the sum of the class weights of its queries; or where the number of targets divides the class term, that
   * number, multiplied by the part's groups and repetitions.
   */
  readonly classWeights: readonly number[]
  /**
   * For each layer, the least that the class term is divided by, where that sum is smaller: 0 for a sum of class weights,
   * otherwise 1, and for `denoising` its groups.
   */
  readonly leastClassWeights: readonly number[]
  /**
   * For each layer, how many queries `ddf` takes: those of the box terms' pairs, and others; both 0 for a layer that is not
   * taught. Absent where there is no term `ddf`.
   */
  readonly distilledQueries?: ReadonlyArray<readonly [paired: number, others: number]> | undefined
}

/** What {@link combineNormalizers} takes of each worker: a result of `compute` or `match`, or its `normalizers` alone. */
export type NormalizerSource = Normalizers | { readonly normalizers: Normalizers }

/** Settings of {@link combineNormalizers}. */
export interface CombineOptions {
  /**
   * What becomes of the workers' losses and gradients: their `'mean'`, as data-parallel training makes it, or their `'sum'`,
   * as gradients are accumulated over micro-batches. Default: `'mean'`.
   */
  readonly reduce?: 'mean' | 'sum' | undefined
}

/** What {@link combineNormalizers} gives: to be spread into the `call` of each worker. */
export interface CombinedNormalizers {
  readonly numBoxes: number
  /** One for each layer. Absent where the workers' denoising groups are different in number. */
  readonly classWeight?: readonly number[] | undefined
  /** With `boxMatching: 'union'`. */
  readonly unionBoxes?: number | undefined
  /** Where there is a term `ddf`. */
  readonly distilledQueries?: ReadonlyArray<readonly [paired: number, others: number]> | undefined
}

/** Settings of one call of {@link HungarianLoss.compute}. */
export interface CallOptions {
  /** Whether gradients are wanted. Default: true. */
  readonly gradients?: boolean | undefined
  /**
   * Arrays to write the gradients to, in the layout of the inputs and at least of their lengths: of a longer array, as
   * for a smaller last batch, the first part is written, and the result's array is a view of it, too short for a larger
   * batch that follows: keep the first batch's arrays, and hand in these. What is written must not
   * share memory with any input or with each other. Default: new arrays.
   */
  readonly out?: Gradients | undefined
  /**
   * The number of targets to divide the box terms by, 1e-12 to 1e24, and the class term, too, where that has the same divisor
   * and `classWeight` is absent. Parts multiply it by their groups and repetitions. Default: this batch's count, at least 1.
   *
   * Where a batch is split over workers, this and the following numbers come from {@link combineNormalizers}; the mean of
   * the workers' gradients is then the gradient of the unsplit batch.
   */
  readonly numBoxes?: number | undefined
  /** The number of union pairs to divide by, likewise, with `boxMatching: 'union'`; 1e-12 to 1e24. */
  readonly unionBoxes?: number | undefined
  /**
   * What to divide the class term by, 1e-12 to 1e24: one number for all layers, or one for each, in the order of `layers`,
   * `encoder.layers`, `denoising.layers` and `oneToMany.layers`. Nothing multiplies it. Default: this batch's own, or where
   * N divides the class term, that of the part, which a given `numBoxes` enters.
   */
  readonly classWeight?: number | ArrayLike<number> | undefined
  /**
   * How many queries `ddf` takes, for each layer in the same order: those of the box terms' pairs, and others, from 0 on.
   * Default: this batch's own.
   */
  readonly distilledQueries?: ReadonlyArray<ArrayLike<number>> | undefined
}

/** Settings of one call of {@link HungarianLoss.computeAsync}. */
export interface AsyncCallOptions extends Omit<CallOptions, 'out'> {
  /** Stops the call; it then rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined
  /**
   * Takes the predictions' arrays instead of copying them (default false): their buffers, with all that lies in them, are
   * detached once shapes and types have been found right, whatever becomes of the call. The event loop is then held up
   * hardly longer for a large batch than for a small one. Memory that cannot be taken, as that of WebAssembly, is copied all the same.
   */
  readonly transfer?: boolean | undefined
}

/**
 * The matching of one image. Queries count within their tensors, targets within the image. Every array has a buffer of
 * its own.
 */
export interface Matches {
  /** Matched queries, ascending; one to one, `[min(Q, n)]`. */
  readonly queryIndices: Int32Array
  /** The target of each of them. */
  readonly targetIndices: Int32Array
  /**
   * Targets that found no query, ascending, each once for every group and repetition in which it found none. Ignored ones
   * are not among them.
   */
  readonly unmatchedTargets: Int32Array
  /** Queries without a part in the loss, since they lie on an ignored target or were given as such; ascending. */
  readonly ignoredQueries: Int32Array
}

/** Numbers to watch; they carry no gradient. */
export interface Metrics {
  /** Percentage of matched queries whose largest logit is not a label of the target; NaN where nothing was matched. */
  readonly classError: number
  /**
   * Mean over images of |queries that count as objects − targets|, ignored queries among the former, those that are not
   * finite not, and ignored targets not among the latter. With softmax classification the queries whose largest logit is not
   * no-object count, of the sigmoid kinds those with a probability above 0.5 (see {@link HungarianLossOptions.cardinality}).
   */
  readonly cardinalityError: number
}

/** The outcome of one layer. */
export interface LayerResult {
  /** Terms, unweighted. */
  readonly terms: Terms
  /** One matching for each image. */
  readonly matches: readonly Matches[]
  readonly metrics: Metrics
  /** What divided the class term. */
  readonly classWeight: number
}

/** How many values were not finite. All 0 unless `nonFinite` is `'worst'`. */
export interface NonFiniteCounts {
  /** Logits that were NaN or infinite. */
  readonly logits: number
  /** Box components that were NaN or infinite. */
  readonly boxes: number
  /** Scores of edges' bins that were; such a query has no `fgl` and no `ddf`. */
  readonly corners: number
  /** Components of references that were, likewise. */
  readonly references: number
  /** Cells of the matching cost that were filled, for queries that are not finite. */
  readonly costs: number
}

/** The outcome of one part of a step. */
export interface PartResult {
  /** Terms of the last layer, unweighted. */
  readonly terms: Terms
  /** All layers, the final one last. */
  readonly layers: readonly LayerResult[]
  /** Matchings of the last layer, one for each image. */
  readonly matches: readonly Matches[]
  /** Metrics of the last layer. */
  readonly metrics: Metrics
}

/**
 * The outcome of {@link HungarianLoss.compute}: of the decoder layers, and of each further part of the outputs.
 *
 * As all results, it is plain data: every property is its own and enumerable, so that `structuredClone`, `postMessage`,
 * spread and deep comparison see all of it, and a clone equals it. In JSON typed arrays are plain arrays, which a spread
 * result's own ones are not. It holds none of the inputs. Of large batches layers and matchings are made when first read.
 *
 * `O` is the type of the outputs, `G` that of the gradients.
 */
export interface LossResult<O = Outputs, G = GradientsOf<O> | undefined> extends PartResult {
  /** Sum over all layers of weight × term, times the weight of their part. */
  readonly loss: number
  /** Absent where the outputs have no such part, as the next two. */
  readonly encoder: IfGiven<O, 'encoder', PartResult>
  readonly denoising: IfGiven<O, 'denoising', PartResult>
  readonly oneToMany: IfGiven<O, 'oneToMany', PartResult>
  readonly normalizers: Normalizers
  /**
   * Gradients of `loss`; absent where `gradients: false` was given. Unless given as `out`, all of a result's lie in one
   * buffer of their own, since making one for each takes as long as the loss of a small batch: a transfer to another
   * thread moves them together, and a clone of one array takes the others' memory along.
   */
  readonly gradients: G
  readonly nonFinite: NonFiniteCounts
}

/** The matching of one part of a step. */
export interface PartMatching {
  /** Matchings of the last layer, one for each image. */
  readonly matches: readonly Matches[]
  /** All layers, the final one last. */
  readonly layers: ReadonlyArray<{ readonly matches: readonly Matches[]; readonly classWeight: number }>
}

/** The outcome of {@link HungarianLoss.match}, plain data as {@link LossResult}. `O` is the type of the outputs. */
export interface MatchResult<O = Outputs> extends PartMatching {
  /** Absent where the outputs have no such part, as the next two. */
  readonly encoder: IfGiven<O, 'encoder', PartMatching>
  readonly denoising: IfGiven<O, 'denoising', PartMatching>
  readonly oneToMany: IfGiven<O, 'oneToMany', PartMatching>
  readonly normalizers: Normalizers
  readonly nonFinite: NonFiniteCounts
}

/** The matching cost of one image: `data` is row-major, `shape` is `[Q, n]`, with the part's own queries. */
export interface CostBlock {
  readonly data: Float32Array
  readonly shape: readonly [queries: number, targets: number]
}

/** The matching cost of one part of a step. */
export interface PartCost {
  /** Blocks of the last layer, one for each image. */
  readonly images: readonly CostBlock[]
  /** All layers, the final one last. */
  readonly layers: ReadonlyArray<{ readonly images: readonly CostBlock[] }>
}

/** The outcome of {@link HungarianLoss.cost}, plain data as {@link LossResult}. `O` is the type of the outputs. */
export interface CostResult<O = Outputs> extends PartCost {
  /** Absent where the outputs have no such part, as the next two. */
  readonly encoder: IfGiven<O, 'encoder', PartCost>
  readonly denoising: IfGiven<O, 'denoising', PartCost>
  readonly oneToMany: IfGiven<O, 'oneToMany', PartCost>
  readonly nonFinite: NonFiniteCounts
}

/** Values of a cost matrix. Float32Array and Float64Array are never copied. */
export type CostData = FloatData | Exclude<IntegerData, BigInt64Array | BigUint64Array>

/**
 * A cost matrix: a tensor of shape `[rows, columns]`, or rows of equal length (`[]` is 0 × 0). `Infinity` forbids a
 * pair, also when maximising; NaN and `-Infinity` are errors.
 */
export type CostMatrix = Shaped<CostData> | OnnxTensor | ReadonlyArray<ArrayLike<number>>

/** Indices of rows or columns; an Int32Array is never copied. */
export type IndexData = readonly number[] | Exclude<IntegerData, BigInt64Array | BigUint64Array>

/**
 * A cost matrix in compressed rows (CSR): row i lists the cells from `rowStarts[i]` up to `rowStarts[i + 1]`. Cells that
 * are not listed are forbidden, as is a listed `Infinity`; NaN and `-Infinity` are errors.
 */
export interface CompressedCostMatrix {
  /** The cost of each listed cell. */
  readonly values: CostData
  /** The column of each, in any order within a row, but none twice. */
  readonly columnIndices: IndexData
  /** `[rows + 1]`, rising from 0 to the number of cells. */
  readonly rowStarts: IndexData
  readonly rowIndices?: undefined
  /** `[rows, columns]`. */
  readonly shape: readonly number[]
}

/** A cost matrix as a list of cells in any order (COO), none listed twice. The rest is as in the other form. */
export interface ListedCostMatrix {
  /** The cost of each listed cell. */
  readonly values: CostData
  /** The row of each. */
  readonly rowIndices: IndexData
  /** The column of each. */
  readonly columnIndices: IndexData
  readonly rowStarts?: undefined
  /** `[rows, columns]`. */
  readonly shape: readonly number[]
}

/** A cost matrix of which only the allowed cells are listed. */
export type SparseCostMatrix = CompressedCostMatrix | ListedCostMatrix

/**
 * Cost matrices of different shapes, row-major, one after the other in `data`; each entry of `shapes` is
 * `[rows, columns]`. A Float32Array or Float64Array is never copied.
 */
export interface CostMatrices {
  readonly data: CostData
  readonly shapes: ReadonlyArray<readonly number[]>
}

/** Settings of {@link linearSumAssignment}. */
export interface AssignmentOptions {
  /** Look for the largest total rather than the least. Default: false. */
  readonly maximize?: boolean | undefined
  /**
   * Where forbidden pairs leave no complete assignment, give the most pairs that can be, and of those sets of pairs the
   * one with the least total, rather than an error. However large and small costs may be: one pair more comes first, and
   * no number is added for it. Default: false.
   */
  readonly partial?: boolean | undefined
  /**
   * Leave pairs dearer than this (when maximising: cheaper) unassigned, as trackers do: of all sets of pairs, the one
   * with the least sum of cost − limit, with as many pairs as that permits. `partial` has then no meaning. Any finite
   * number; of costs in a Float32Array, or in rows that are all Float32Arrays, the nearest float32, so that a cell of 0.3
   * keeps to a limit of 0.3. Default: no limit.
   */
  readonly costLimit?: number | undefined
  /** Give the dual variables, which prove that the total is optimal. Default: false. */
  readonly duals?: boolean | undefined
}

/** Settings of {@link linearSumAssignmentAsync}. */
export interface AsyncAssignmentOptions extends AssignmentOptions {
  /** Stops the solve; it then rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined
}

/**
 * An assignment of rows to columns. It is plain data, as {@link LossResult}, and in JSON its arrays are plain ones. Every
 * array has a buffer of its own, but for the duals, of which rows and columns may share one.
 */
export interface Assignment {
  /** Assigned rows, ascending. */
  readonly rowIndices: Int32Array
  /** The column of each of them. */
  readonly columnIndices: Int32Array
  /** Sum of the assigned cells, in float64. */
  readonly total: number
  /** Rows without a column, ascending. */
  readonly unassignedRows: Int32Array
  /** Columns without a row, ascending. */
  readonly unassignedColumns: Int32Array
  /**
   * `[rows]`, with `duals: true`: no cell costs less (when maximising: more) than the sum of its row's and its column's
   * dual. With `costLimit`, no cell's cost less the limit does, and no dual is above (below) 0.
   */
  readonly rowDuals: Float64Array | undefined
  /** `[columns]`, with `duals: true`. */
  readonly columnDuals: Float64Array | undefined
}

/** An assignment with its dual variables, as `duals: true` gives it. */
export interface AssignmentWithDuals extends Assignment {
  readonly rowDuals: Float64Array
  readonly columnDuals: Float64Array
}

/**
 * What {@link verifyAssignment} needs of an assignment: what {@link linearSumAssignment} gives with `duals: true`, or what
 * its JSON is parsed to.
 */
export interface AssignmentProof {
  readonly rowIndices: ArrayLike<number>
  readonly columnIndices: ArrayLike<number>
  readonly rowDuals?: ArrayLike<number> | undefined
  readonly columnDuals?: ArrayLike<number> | undefined
}

/** The outcome of {@link verifyAssignment}. */
export interface Verification {
  /**
   * Whether the duals prove the assignment optimal: no pair is forbidden, no assignment has more pairs (without
   * `costLimit`), and neither total and bound nor a cell and its duals are farther apart than rounding accounts for:
   * 2^-36, about 1.5e-11, of the sum, over the assigned cells, of |cost| and of how far the cost is above the least one
   * of its row and above the least one of its column (when maximising: below the largest). With `costLimit`: of |cost|
   * and |limit|.
   */
  readonly optimal: boolean
  /** Sum of the assigned cells, in float64. */
  readonly total: number
  /**
   * What the duals prove, whatever they are, rounded to the safe side: no assignment of as many pairs costs less (when
   * maximising: none yields more). With `costLimit`, no set of pairs has a smaller (larger) sum of cost − limit than that
   * of as many pairs with this total. Where duals break their rule, those of the rows are moved until they do not.
   * Infinite where they prove nothing.
   */
  readonly bound: number
  /** By how much a cell breaks the duals' rule at most: 0, or rounding, for a valid proof; Infinity if a dual is not finite. */
  readonly violation: number
}
