import { fail, toHungarianLossError } from './errors.ts'
import { checkOut, makeGradients, NO_GRADIENTS } from './gradients.ts'
import type { GradientArrays } from './gradients.ts'
import { compute, costMatrix, createCriterion, matchTargets } from './native.ts'
import type { Criterion } from './native.ts'
import { packParts } from './parts.ts'
import { readPredictions } from './predictions.ts'
import type { Predictions } from './predictions.ts'
import { resolveOptions } from './presets.ts'
import { countCosts, LossView, makeFilled, readCosts, readMatching } from './result.ts'
import { packRules } from './rules.ts'
import { packTargets } from './targets.ts'
import type {
  CallOptions,
  CostResult,
  HungarianLossOptions,
  LossResult,
  MatchResult,
  Outputs,
  ResolvedOptions,
  Target,
} from './types.ts'
import { checkDivisor, checkFlag, checkRecord, show } from './validate.ts'

const CALL = ['gradients', 'out', 'numBoxes', 'unionBoxes', 'classWeight'] as const
const DEFAULT_CALL: CallOptions = {}

/** Tells the core to use a batch's own normalisers. */
const OWN_COUNT = NaN
const OWN_WEIGHT = new Float64Array(0)

/**
 * The Hungarian loss of DETR: predictions are matched one to one with the targets at the least total cost, exactly,
 * image by image and layer by layer; the loss of those pairs follows, with its gradients.
 *
 * With N = max(1, number of targets in the batch):
 * - cost of query q and target t: `cost.class · −softmax(logits_q)[label_t] + cost.l1 · Σ|b_q − b_t| − cost.giou ·
 *   GIoU`;
 * - loss of a layer: `weights.class ·` weighted cross-entropy (unmatched queries aim at no-object) `+ weights.l1 ·
 *   Σ|b_q − b_t| / N + weights.giou · Σ(1 − GIoU) / N`, the sums over matched pairs; the total adds all layers.
 *
 * GIoU of two boxes that are the same point is taken as 0: a quotient whose divisor is 0 counts as 0.
 *
 * All methods throw a {@link HungarianLossError} for bad input and never write to it. Checks come in this order:
 * options and call, shapes, labels, target boxes, predictions.
 *
 * Source: Carion et al. 2020, section 3.1; facebookresearch/detr, `models/matcher.py` and `models/detr.py`.
 *
 * @example
 * const criterion = HungarianLoss.detr({ numClasses: 91 })
 * const { loss, gradients } = criterion.compute(
 *   { logits: { data: logits, shape: [2, 100, 92] }, boxes: { data: boxes, shape: [2, 100, 4] } },
 *   [{ labels: [17, 3], boxes: [[0.5, 0.5, 0.2, 0.3], [0.1, 0.2, 0.1, 0.1]] }, { labels: [], boxes: [] }],
 * )
 */
export class HungarianLoss {
  /** The options in force, defaults filled in; frozen. */
  readonly options: ResolvedOptions
  readonly #handle: Criterion

  /** A criterion of one's own composition. Throws `OPTION` for an option that is unknown or out of range. */
  constructor(options: HungarianLossOptions) {
    this.options = resolveOptions(options)
    this.#handle = createHandle(this.options)
  }

  /** DETR with its published values, any of which may be overridden. */
  static detr(options: HungarianLossOptions): HungarianLoss {
    return new HungarianLoss(options)
  }

  /**
   * Loss, terms, matches, metrics and gradients of a batch.
   *
   * Throws `SHAPE`, `DTYPE` and `OPTION` for arguments that do not fit each other; `RANGE` for labels and boxes out of
   * range and for `out` arrays that share memory; `NON_FINITE` for NaN and infinities (see `nonFinite`).
   */
  compute(outputs: Outputs, targets: readonly Target[], call: CallOptions = DEFAULT_CALL): LossResult {
    try {
      if (call !== DEFAULT_CALL) checkCall(call)
      const predictions = readPredictions(outputs, this.options)
      const packed = packTargets(targets, predictions.images)
      const { rules, given, added } = packRules(predictions, packed)
      const gradients = gradientsFor(call, predictions, targets)
      const classWeight = classWeightFor(call, predictions)
      const filled = makeFilled(predictions, packed)
      compute(
        this.#handle,
        predictions.images,
        predictions.classes,
        predictions.layers,
        predictions.logits,
        predictions.boxes,
        packParts(predictions.parts),
        rules,
        given,
        added,
        packed.labels,
        packed.boxes,
        packed.offsets,
        packed.ignores,
        call.numBoxes ?? OWN_COUNT,
        call.unionBoxes ?? OWN_COUNT,
        classWeight,
        gradients.logits,
        gradients.boxes,
        filled.targetOfQuery,
        filled.values,
      )
      return new LossView(filled, gradients)
    } catch (error) {
      throw toHungarianLossError(error)
    }
  }

  /** The matching alone. Throws as {@link compute}. */
  match(outputs: Outputs, targets: readonly Target[]): MatchResult {
    try {
      const predictions = readPredictions(outputs, this.options)
      const packed = packTargets(targets, predictions.images)
      const { rules, given, added } = packRules(predictions, packed)
      const filled = makeFilled(predictions, packed)
      matchTargets(
        this.#handle,
        predictions.images,
        predictions.classes,
        predictions.layers,
        predictions.logits,
        predictions.boxes,
        packParts(predictions.parts),
        rules,
        given,
        added,
        packed.labels,
        packed.boxes,
        packed.offsets,
        packed.ignores,
        filled.targetOfQuery,
        filled.values,
      )
      return readMatching(filled)
    } catch (error) {
      throw toHungarianLossError(error)
    }
  }

  /** The matching cost alone: a block `[Q, n]` for each image. Throws as {@link compute}. */
  cost(outputs: Outputs, targets: readonly Target[]): CostResult {
    try {
      const predictions = readPredictions(outputs, this.options)
      const packed = packTargets(targets, predictions.images)
      const { rules, given, added } = packRules(predictions, packed)
      const filled = makeFilled(predictions, packed)
      const costs = new Float32Array(countCosts(predictions, packed))
      costMatrix(
        this.#handle,
        predictions.images,
        predictions.classes,
        predictions.layers,
        predictions.logits,
        predictions.boxes,
        packParts(predictions.parts),
        rules,
        given,
        added,
        packed.labels,
        packed.boxes,
        packed.offsets,
        packed.ignores,
        costs,
        filled.values,
      )
      return readCosts(filled, costs)
    } catch (error) {
      throw toHungarianLossError(error)
    }
  }
}

/** Hands the options to the core. */
function createHandle(options: ResolvedOptions): Criterion {
  const { classification, cost, weights } = options
  try {
    return createCriterion({
      numClasses: options.numClasses,
      noObjectIndex: classification.noObjectIndex,
      noObjectWeight: classification.noObjectWeight,
      ...(classification.classWeights && { classWeights: [...classification.classWeights] }),
      normalization: classification.normalization,
      allowNoObjectLabels: classification.allowNoObjectLabels,
      costClass: cost.class,
      costL1: cost.l1,
      costGiou: cost.giou,
      weightClass: weights.class,
      weightL1: weights.l1,
      weightGiou: weights.giou,
      boxFormat: options.boxFormat,
      normalizedBoxes: options.normalizedBoxes,
      nonFinite: options.nonFinite,
      ignoreOverlap: options.ignore.overlap,
      ignoreThreshold: options.ignore.threshold,
    })
  } catch (error) {
    throw toHungarianLossError(error)
  }
}

/** Checks what can be checked of a call without its inputs. */
function checkCall(call: unknown): void {
  const { gradients, out, numBoxes, unionBoxes, classWeight } = checkRecord(call, CALL, 'call')
  const wanted = checkFlag(gradients, true, 'call.gradients')
  if (out !== undefined && !wanted) fail('OPTION', 'call.out', 'must be absent where call.gradients is false')
  if (numBoxes !== undefined) checkDivisor(numBoxes, 'call.numBoxes')
  if (unionBoxes !== undefined) checkDivisor(unionBoxes, 'call.unionBoxes')
  if (typeof classWeight === 'number') checkDivisor(classWeight, 'call.classWeight')
}

/** The arrays to write gradients to: none, the caller's, or new ones. */
function gradientsFor(
  call: CallOptions,
  predictions: Predictions,
  targets: readonly Target[],
): GradientArrays {
  if (call.gradients === false) return NO_GRADIENTS
  return call.out === undefined ? makeGradients(predictions) : checkOut(call.out, predictions, targets)
}

/** One class weight for each layer, or none for the batch's own. */
function classWeightFor({ classWeight }: CallOptions, { parts }: Predictions): Float64Array {
  if (classWeight === undefined) return OWN_WEIGHT
  const layers = parts.reduce((sum, part) => sum + part.layers.layers, 0)
  if (typeof classWeight === 'number') return new Float64Array(layers).fill(classWeight)
  if (!Array.isArray(classWeight) && !ArrayBuffer.isView(classWeight)) {
    fail('OPTION', 'call.classWeight', `must be a number or an array of numbers, got ${show(classWeight)}`)
  }
  if (classWeight.length !== layers) {
    fail('SHAPE', 'call.classWeight', `expected one number for each of ${layers} layers, got ${classWeight.length}`)
  }
  return Float64Array.from(classWeight, (weight, i) => checkDivisor(weight, `call.classWeight[${i}]`))
}
