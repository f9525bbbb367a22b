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
  { readonly data: Data; readonly shape: readonly number[] } | { readonly data: Data; readonly dims: readonly number[] }

/**
 * A tensor of predictions. `{ data, dims }` fits a tensor of ONNX Runtime as it is. The product of the shape must equal
 * the length of the data.
 */
export type TensorLike = Shaped<FloatData>

/** Predictions of one decoder layer. */
export interface LayerOutputs {
  /** `[B, Q, C]`: images, queries, and `numClasses + 1` columns of raw scores, one of which is no-object. */
  readonly logits: TensorLike
  /** `[B, Q, 4]`, in the criterion's `boxFormat`, as the model's sigmoid gives them. */
  readonly boxes: TensorLike
}

/**
 * Predictions of a batch. Several decoder layers either lie stacked in tensors of rank 4, `[L, B, Q, C]` and
 * `[L, B, Q, 4]`, the last layer being the final one, or `auxiliary` lists the earlier ones. Both give the same bits.
 */
export interface Outputs extends LayerOutputs {
  /** Earlier decoder layers, first to last, each of the final layer's shape. */
  readonly auxiliary?: readonly LayerOutputs[] | undefined
}

/** Class ids: any integer array or plain numbers. A tensor must be of shape `[n]`. */
export type Labels = readonly number[] | IntegerData | Shaped<readonly number[] | IntegerData>

/** Boxes, flat `n × 4` or one row for each box. A tensor must be of shape `[n, 4]`. */
export type Boxes =
  | FloatData
  | Exclude<IntegerData, BigInt64Array | BigUint64Array>
  | ReadonlyArray<ArrayLike<number>>
  | Shaped<FloatData | Exclude<IntegerData, BigInt64Array | BigUint64Array>>

/** The ground truth of one image: `n` objects, `n ≥ 0`. */
export interface Target {
  /** `[n]`: class ids from 0 to `numClasses`, without the no-object index. */
  readonly labels: Labels
  /** `[n, 4]`, in the criterion's `boxFormat`; with `normalizedBoxes`, all components lie in [0, 1]. */
  readonly boxes: Boxes
  /** How many leading entries count, 0 to n; the rest is padding and never looked at. Default: all. */
  readonly valid?: number | undefined
}

/** One number for each term. */
export interface Terms {
  /** Classification. */
  readonly class: number
  /** L1 distance of the boxes. */
  readonly l1: number
  /** Generalised IoU of the boxes. */
  readonly giou: number
}

/** The classification term. */
export interface ClassificationOptions {
  /** Softmax cross-entropy over the object classes and no-object. Default: `'softmax'`. */
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

/** What to compute. Everything but `numClasses` defaults to the values that DETR was published with. */
export interface HungarianLossOptions {
  /** Number of object classes, at least 1. The logits have one column more, for no-object. */
  readonly numClasses: number
  /** The classification term. */
  readonly classification?: ClassificationOptions | undefined
  /** Weights of the matching cost's terms, 0 to 1e12. Default: class 1, l1 5, giou 2. */
  readonly cost?: Partial<Terms> | undefined
  /** Weights of the loss terms in the total, 0 to 1e12. Default: class 1, l1 5, giou 2. */
  readonly weights?: Partial<Terms> | undefined
  /** What a box's four numbers are: centre and size, or two corners. Default: `'cxcywh'`. */
  readonly boxFormat?: 'cxcywh' | 'xyxy' | undefined
  /** Whether target boxes must lie in [0, 1]. Set to false for pixels. Default: true. */
  readonly normalizedBoxes?: boolean | undefined
  /**
   * What to do with NaN and infinities in the predictions: `'throw'` names the first; `'worst'` gives such a query a cost
   * above every other of its image, so that it is matched last, leaves it out of the loss, and counts it. Default:
   * `'throw'`.
   */
  readonly nonFinite?: 'throw' | 'worst' | undefined
}

/** Options with every default filled in. */
export interface ResolvedOptions {
  readonly numClasses: number
  readonly classification: {
    readonly kind: 'softmax'
    readonly noObjectWeight: number
    /** As a number, also where `'last'` was given. */
    readonly noObjectIndex: number
    /** Absent where all are 1. */
    readonly classWeights: readonly number[] | undefined
    readonly normalization: 'weighted-mean' | 'num-boxes'
    readonly allowNoObjectLabels: boolean
  }
  readonly cost: Terms
  readonly weights: Terms
  readonly boxFormat: 'cxcywh' | 'xyxy'
  readonly normalizedBoxes: boolean
  readonly nonFinite: 'throw' | 'worst'
}

/** Arrays of one layer's gradients, or of all layers where they are stacked. */
export interface LayerGradients {
  /** With respect to the logits, in their layout. */
  readonly logits: Float32Array
  /** With respect to the boxes, in their layout. */
  readonly boxes: Float32Array
}

/** Gradients in the layout of the inputs: where the outputs have `auxiliary`, so have these. */
export interface Gradients extends LayerGradients {
  readonly auxiliary?: readonly LayerGradients[] | undefined
}

/** What a batch's sums are divided by. */
export interface Normalizers {
  /** Number of targets, at least 1; divides the box terms. */
  readonly numBoxes: number
  /**
   * Divides the class term (last layer): the sum of the class weights of all queries, or with `normalization:
   * 'num-boxes'` the number of targets.
   */
  readonly classWeight: number
}

/** Settings of one call of {@link HungarianLoss.compute}. */
export interface CallOptions {
  /** Whether gradients are wanted. Default: true. */
  readonly gradients?: boolean | undefined
  /**
   * Arrays to write the gradients to, in the layout of the inputs and of their exact lengths. They must not share
   * memory with any input or with each other. Default: new arrays.
   */
  readonly out?: Gradients | undefined
  /**
   * The number of targets to divide the box terms by, above 0. Where a batch is split over workers, give each the mean
   * of all workers' counts (the published code takes at least 1), and average the gradients: the result is the gradient
   * of the unsplit batch. Default: this batch's count, at least 1.
   */
  readonly numBoxes?: number | undefined
  /**
   * What to divide the class term by, above 0: one number for all layers or one for each. Where a batch is split over
   * workers, the mean of all workers' own, as `match` gives them. Default: this batch's own.
   */
  readonly classWeight?: number | ArrayLike<number> | undefined
}

/** The matching of one image. */
export interface Matches {
  /** `[min(Q, n)]`: matched queries, ascending. */
  readonly queryIndices: Int32Array
  /** `[min(Q, n)]`: the target of each of them. */
  readonly targetIndices: Int32Array
  /** Targets that found no query, ascending; empty unless there are more targets than queries. */
  readonly unmatchedTargets: Int32Array
}

/** Numbers to watch; they carry no gradient. */
export interface Metrics {
  /** Percentage of matched queries whose largest logit is not the target's class; NaN where nothing was matched. */
  readonly classError: number
  /** Mean over images of |queries whose largest logit is not no-object − targets|. */
  readonly cardinalityError: number
}

/** The outcome of one decoder layer. */
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
  /** Cells of the matching cost that were filled, for queries that are not finite. */
  readonly costs: number
}

/** The outcome of {@link HungarianLoss.compute}. Views are made when first read, and kept. */
export interface LossResult {
  /** Sum over all layers of weight × term. */
  readonly loss: number
  /** Terms of the last layer, unweighted. */
  readonly terms: Terms
  /** All decoder layers, the final one last. */
  readonly layers: readonly LayerResult[]
  /** Matchings of the last layer, one for each image. */
  readonly matches: readonly Matches[]
  /** Metrics of the last layer. */
  readonly metrics: Metrics
  readonly normalizers: Normalizers
  /**
   * Gradients of `loss`; absent where `gradients: false` was given. Unless given as `out`, all of a result's lie in one
   * buffer of their own: a transfer to another thread moves them together.
   */
  readonly gradients: Gradients | undefined
  readonly nonFinite: NonFiniteCounts
}

/** The outcome of {@link HungarianLoss.match}. */
export interface MatchResult {
  /** Matchings of the last layer, one for each image. */
  readonly matches: readonly Matches[]
  /** All decoder layers, the final one last. */
  readonly layers: ReadonlyArray<{ readonly matches: readonly Matches[] }>
  readonly normalizers: Normalizers
  readonly nonFinite: NonFiniteCounts
}

/** The matching cost of one image: `data` is row-major, `shape` is `[Q, n]`. */
export interface CostBlock {
  readonly data: Float32Array
  readonly shape: readonly [queries: number, targets: number]
}

/** The outcome of {@link HungarianLoss.cost}. */
export interface CostResult {
  /** Blocks of the last layer, one for each image. */
  readonly images: readonly CostBlock[]
  /** All decoder layers, the final one last. */
  readonly layers: ReadonlyArray<{ readonly images: readonly CostBlock[] }>
  readonly nonFinite: NonFiniteCounts
}

/** Values of a cost matrix. Float32Array and Float64Array are never copied. */
export type CostData = FloatData | Exclude<IntegerData, BigInt64Array | BigUint64Array>

/**
 * A cost matrix: a tensor of shape `[rows, columns]`, or rows of equal length (`[]` is 0 × 0). `Infinity` forbids a
 * pair, also when maximising; NaN and `-Infinity` are errors.
 */
export type CostMatrix = Shaped<CostData> | ReadonlyArray<ArrayLike<number>>

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
  readonly shape: readonly [rows: number, columns: number]
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
  readonly shape: readonly [rows: number, columns: number]
}

/** A cost matrix of which only the allowed cells are listed. */
export type SparseCostMatrix = CompressedCostMatrix | ListedCostMatrix

/**
 * Cost matrices of different shapes, row-major, one after the other in `data`; each entry of `shapes` is
 * `[rows, columns]`. A Float32Array or Float64Array is never copied.
 */
export interface CostMatrices {
  readonly data: CostData
  readonly shapes: ReadonlyArray<readonly [rows: number, columns: number]>
}

/** Settings of {@link linearSumAssignment}. */
export interface AssignmentOptions {
  /** Look for the largest total rather than the least. Default: false. */
  readonly maximize?: boolean | undefined
  /**
   * Where forbidden pairs leave no complete assignment, give the best of most pairs rather than an error. Default:
   * false.
   */
  readonly partial?: boolean | undefined
  /**
   * Leave pairs dearer than this (when maximising: cheaper) unassigned, as trackers do: of all sets of pairs, the one
   * with the least sum of cost − limit, with as many pairs as that permits. `partial` has then no meaning. Any finite
   * number. Default: no limit.
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

/** An assignment of rows to columns. */
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

/** What {@link verifyAssignment} needs of an assignment: what {@link linearSumAssignment} gives with `duals: true`. */
export interface AssignmentProof {
  readonly rowIndices: ArrayLike<number>
  readonly columnIndices: ArrayLike<number>
  readonly rowDuals?: Float64Array | undefined
  readonly columnDuals?: Float64Array | undefined
}

/** The outcome of {@link verifyAssignment}. */
export interface Verification {
  /** Whether the duals prove the assignment optimal, up to rounding. */
  readonly optimal: boolean
  /** Sum of the assigned cells. */
  readonly total: number
  /** What the duals prove: no assignment costs less (when maximising: none yields more). */
  readonly bound: number
  /** By how much a cell breaks the duals' rule at most; 0 or rounding for a valid proof. */
  readonly violation: number
}
