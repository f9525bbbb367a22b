import { checkSignal, untilAborted } from './abort.ts'
import { fail, toHungarianLossError } from './errors.ts'
import { checkOut, makeGradients, NO_GRADIENTS } from './gradients.ts'
import type { GradientArrays } from './gradients.ts'
import { compute, computeAsync, costMatrix, createCriterion, matchTargets } from './native.ts'
import type { Criterion, Interrupt } from './native.ts'
import { packParts } from './parts.ts'
import { listTensors, readPredictions } from './predictions.ts'
import type { Predictions } from './predictions.ts'
import { resolveOptions } from './options.ts'
import type { PresetName } from './presets.ts'
import { countCosts, makeFilled, readCosts, readLoss, readMatching } from './result.ts'
import type { Filled } from './result.ts'
import { packRules } from './rules.ts'
import { packTargets } from './targets.ts'
import { takeAway } from './transfer.ts'
import type {
  AsyncCallOptions,
  CallOptions,
  CostResult,
  ExactOutputs,
  GradientsOf,
  HungarianLossOptions,
  LossResult,
  MatchResult,
  Outputs,
  ResolvedOptions,
  Target,
} from './types.ts'
import { checkDivisor, checkFlag, checkRecord, show } from './validate.ts'

const CALL = ['gradients', 'out', 'numBoxes', 'unionBoxes', 'classWeight'] as const
const ASYNC_CALL = ['gradients', 'numBoxes', 'unionBoxes', 'classWeight', 'signal', 'transfer'] as const
const DEFAULT_CALL: CallOptions = {}

/** A call, checked. */
interface Prepared {
  /** As the binding takes it. */
  readonly inputs: Parameters<typeof matchTargets> extends [unknown, unknown, unknown, ...infer Inputs] ? Inputs : never
  readonly normalizers: Parameters<typeof compute>[1]
  readonly gradients: GradientArrays
  readonly filled: Filled
}

/**
 * The Hungarian loss of DETR and its family: predictions are matched one to one with the targets at the least total cost,
 * exactly, image by image and layer by layer; the loss of those pairs follows, with its gradients.
 *
 * With N = max(1, number of targets in the batch):
 * - cost of query q and target t: `cost.class · c + cost.l1 · Σ|b_q − b_t| − cost.giou · GIoU`, where c depends on
 *   `cost.classForm`: for DETR −softmax(logits_q)[label_t];
 * - loss of a layer: `weights.class ·` the class term `+ weights.l1 · Σ|b_q − b_t| / N + weights.giou · Σ(1 − GIoU) / N`,
 *   the sums over matched pairs; the total adds all layers. IoU, DIoU and CIoU may take part as GIoU does, and D-FINE's
 *   terms where a layer has `corners`.
 * - class term: for DETR the weighted cross-entropy, where unmatched queries aim at no-object; for the sigmoid kinds a
 *   binary loss for every query and class, divided by N.
 *
 * A quotient whose divisor is 0 counts as 0, so all forms of IoU of two boxes that are the same point are 0.
 *
 * All methods throw a {@link HungarianLossError} for bad input and never write to it. Checks come in this order:
 * options and call, shapes, labels, target boxes, matchings and costs that are given, predictions.
 *
 * Source: Carion et al. 2020, section 3.1; facebookresearch/detr, `models/matcher.py` and `models/detr.py`; each preset
 * names its own.
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

  /**
   * A criterion of one's own composition: `preset` names the published one whose values stand in for absent options. Throws
   * `OPTION` for an option that is unknown or out of range.
   *
   * The static methods are these published criteria by name; any value may be overridden. Their numbers are the weights of
   * class, L1 and GIoU. What a step has in structure (groups, denoising parts, …) comes with
   * the outputs of each call; of it, only `boxMatching` is part of a preset.
   */
  constructor(options: HungarianLossOptions, preset: PresetName = 'detr') {
    this.options = resolveOptions(options, preset)
    this.#handle = createHandle(this.options)
  }

  /** DETR (Carion et al. 2020; facebookresearch/detr, `main.py`): softmax; cost and weights 1, 5, 2. */
  static detr(options: HungarianLossOptions): HungarianLoss {
    return new HungarianLoss(options, 'detr')
  }

  /** Conditional DETR (Meng et al. 2021; Atten4Vis/ConditionalDETR, `main.py`): focal; cost and weights 2, 5, 2. */
  static conditionalDetr(options: HungarianLossOptions): HungarianLoss {
    return new HungarianLoss(options, 'conditionalDetr')
  }

  /**
   * Deformable DETR (Zhu et al. 2021; fundamentalvision/Deformable-DETR, `main.py`): focal; cost and weights 2, 5, 2. Its
   * two-stage proposals are `classAgnostic`.
   */
  static deformableDetr(options: HungarianLossOptions): HungarianLoss {
    return new HungarianLoss(options, 'deformableDetr')
  }

  /** DAB-DETR (Liu et al. 2022; IDEA-Research/DAB-DETR, `main.py`): focal; cost 2, 5, 2, weights 1, 5, 2; ε 1e-6. */
  static dabDetr(options: HungarianLossOptions): HungarianLoss {
    return new HungarianLoss(options, 'dabDetr')
  }

  /**
   * DINO (Zhang et al. 2023; IDEA-Research/DINO, `config/DINO/DINO_4scale.py`): the terms of DAB-DETR. Its
   * `no_interm_box_loss` and `interm_loss_coef` are `weights` and `weight` of the encoder's outputs.
   */
  static dino(options: HungarianLossOptions): HungarianLoss {
    return new HungarianLoss(options, 'dino')
  }

  /** H-DETR (Jia et al. 2023; HDETR/H-Deformable-DETR, `main.py`): the terms of Deformable DETR. */
  static hDetr(options: HungarianLossOptions): HungarianLoss {
    return new HungarianLoss(options, 'hDetr')
  }

  /** Group DETR (Chen et al. 2023), which has no published code: the terms of Conditional DETR, its first basis. */
  static groupDetr(options: HungarianLossOptions): HungarianLoss {
    return new HungarianLoss(options, 'groupDetr')
  }

  /** LW-DETR (Chen et al. 2024; Atten4Vis/LW-DETR, `scripts/`): IA-BCE; cost 2, 5, 2, weights 1, 5, 2. */
  static lwDetr(options: HungarianLossOptions): HungarianLoss {
    return new HungarianLoss(options, 'lwDetr')
  }

  /** RT-DETR (Zhao et al. 2024; lyuwenyu/RT-DETR, `rtdetr_r50vd.yml`): varifocal; cost 2, 5, 2, weights 1, 5, 2. */
  static rtDetr(options: HungarianLossOptions): HungarianLoss {
    return new HungarianLoss(options, 'rtDetr')
  }

  /**
   * D-FINE (Peng et al. 2025; Peterande/D-FINE, `dfine_hgnetv2.yml`): the class and box terms of RT-DETR, the latter over
   * the union matching, and for layers with `corners` the terms of the edges, `fgl` 0.15 and `ddf` 1.5.
   */
  static dFine(options: HungarianLossOptions): HungarianLoss {
    return new HungarianLoss(options, 'dFine')
  }

  /**
   * DEIM (Huang et al. 2025; Intellindust-AI-Lab/DEIM, `configs/base/deim.yml`): MAL; cost 2, 5, 2, weights 1, 5, 2; box
   * terms over the union matching, as `DEIMCriterion` has by default (`use_uni_set`); for `corners` as in D-FINE.
   */
  static deim(options: HungarianLossOptions): HungarianLoss {
    return new HungarianLoss(options, 'deim')
  }

  /**
   * Loss, terms, matches, metrics and gradients of a batch.
   *
   * Throws `SHAPE`, `DTYPE` and `OPTION` for arguments that do not fit each other; `RANGE` for labels and boxes out of
   * range and for `out` arrays that share memory; `NON_FINITE` for NaN and infinities (see `nonFinite`).
   */
  compute<O extends Outputs>(
    outputs: ExactOutputs<O>,
    targets: readonly Target[],
    call?: CallOptions & { readonly gradients?: true | undefined },
  ): LossResult<O, GradientsOf<O>>
  /** As above, without gradients. */
  compute<O extends Outputs>(
    outputs: ExactOutputs<O>,
    targets: readonly Target[],
    call: CallOptions & { readonly gradients: false },
  ): LossResult<O, undefined>
  /** As above, where only the call knows whether gradients are wanted. */
  compute<O extends Outputs>(outputs: ExactOutputs<O>, targets: readonly Target[], call?: CallOptions): LossResult<O>
  compute(outputs: Outputs, targets: readonly Target[], call: CallOptions = DEFAULT_CALL): LossResult {
    try {
      const { inputs, normalizers, gradients, filled } = this.#prepare(outputs, targets, call)
      const { targetOfQuery, values } = filled
      // by name, since spreading them would take a quarter of a microsecond
      const [images, tensors, parts, rules, labels, labelOffsets, boxes, offsets, ignores] = inputs
      compute(
        this.#handle,
        normalizers,
        gradients,
        targetOfQuery,
        values,
        images,
        tensors,
        parts,
        rules,
        labels,
        labelOffsets,
        boxes,
        offsets,
        ignores,
      )
      return readLoss(filled, gradients)
    } catch (error) {
      throw toHungarianLossError(error)
    }
  }

  /**
   * {@link compute} off the event loop, on a copy of the inputs, so that they may be changed at once; or, with `transfer`, on
   * the predictions' own memory, which the caller then loses. The event loop is held up by no more than checking and
   * copying; to change threads takes about a quarter of a millisecond. All calls in flight share the process' threads (see
   * {@link threadCount}), and wait their turn.
   *
   * The gradients always come in new arrays, hence no `out`. Rejects as {@link compute} throws; where `signal` is aborted,
   * before or during the call, with the signal's reason, while the work ends with the images that are being computed.
   * One signal may serve many calls.
   */
  computeAsync<O extends Outputs>(
    outputs: ExactOutputs<O>,
    targets: readonly Target[],
    call?: AsyncCallOptions & { readonly gradients?: true | undefined },
  ): Promise<LossResult<O, GradientsOf<O>>>
  /** As above, without gradients. */
  computeAsync<O extends Outputs>(
    outputs: ExactOutputs<O>,
    targets: readonly Target[],
    call: AsyncCallOptions & { readonly gradients: false },
  ): Promise<LossResult<O, undefined>>
  /** As above, where only the call knows whether gradients are wanted. */
  computeAsync<O extends Outputs>(
    outputs: ExactOutputs<O>,
    targets: readonly Target[],
    call?: AsyncCallOptions,
  ): Promise<LossResult<O>>
  async computeAsync(
    outputs: Outputs,
    targets: readonly Target[],
    call: AsyncCallOptions = DEFAULT_CALL,
  ): Promise<LossResult> {
    const { signal, transfer, ...rest } = checkRecord(call, ASYNC_CALL, 'call')
    const mayTake = checkFlag(transfer, false, 'call.transfer')
    const start = async (interrupt: Interrupt): Promise<LossResult> => {
      const { inputs, normalizers, gradients, filled } = this.#prepare(outputs, targets, rest as CallOptions)
      const [images, given, ...others] = inputs
      const taken = mayTake ? takeAway(given) : undefined
      const written = [normalizers, gradients, filled.targetOfQuery, filled.values] as const
      await computeAsync(this.#handle, taken !== undefined, interrupt, ...written, images, taken ?? given, ...others)
      return readLoss(filled, gradients)
    }
    return untilAborted(start, checkSignal(signal, 'call.signal'))
  }

  /** Checks and packs the arguments of a call, and makes what it fills. */
  #prepare(outputs: Outputs, targets: readonly Target[], call: CallOptions): Prepared {
    if (call !== DEFAULT_CALL) checkCall(call)
    const { predictions, inputs, filled } = this.#read(outputs, targets)
    const gradients = gradientsFor(call, predictions, targets)
    return { inputs, normalizers: normalizersFor(call, predictions), gradients, filled }
  }

  /** Checks and packs what every call is given, in the order of the binding. */
  #read(outputs: Outputs, targets: readonly Target[]) {
    const predictions = readPredictions(outputs, this.options)
    const packed = packTargets(targets, predictions.images)
    const rules = packRules(predictions, packed)
    const inputs: Prepared['inputs'] = [
      predictions.images,
      listTensors(predictions),
      packParts(predictions),
      rules,
      packed.labels,
      packed.labelOffsets,
      packed.boxes,
      packed.offsets,
      packed.ignores,
    ]
    return { predictions, packed, inputs, filled: makeFilled(predictions, packed, rules) }
  }

  /** The matching alone. Throws as {@link compute}. */
  match<O extends Outputs>(outputs: ExactOutputs<O>, targets: readonly Target[]): MatchResult<O>
  match(outputs: Outputs, targets: readonly Target[]): MatchResult {
    try {
      const { inputs, filled } = this.#read(outputs, targets)
      matchTargets(this.#handle, filled.targetOfQuery, filled.values, ...inputs)
      return readMatching(filled)
    } catch (error) {
      throw toHungarianLossError(error)
    }
  }

  /** The matching cost alone: a block `[Q, n]` for each image. Throws as {@link compute}. */
  cost<O extends Outputs>(outputs: ExactOutputs<O>, targets: readonly Target[]): CostResult<O>
  cost(outputs: Outputs, targets: readonly Target[]): CostResult {
    try {
      const { predictions, packed, inputs, filled } = this.#read(outputs, targets)
      const costs = new Float32Array(countCosts(predictions, packed))
      costMatrix(this.#handle, costs, filled.values, ...inputs)
      return readCosts(filled, costs)
    } catch (error) {
      throw toHungarianLossError(error)
    }
  }
}

/** Hands the options to the core. */
function createHandle({ classification, cost, weights, distribution, ...options }: ResolvedOptions): Criterion {
  const { classForm, alpha = 0, gamma = 0, ...costWeights } = cost
  const { fgl, ddf, ...lossWeights } = weights
  const { classWeights, ...kind } = { classWeights: undefined, ...classification }
  try {
    return createCriterion({
      ...options,
      classification: { ...kind, ...(classWeights && { classWeights: [...classWeights] }) },
      cost: costWeights,
      weights: lossWeights,
      distribution: { ...distribution, fgl, ddf },
      classCost: { form: classForm, alpha, gamma },
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

/** What the caller gave in place of the batch's own numbers, if anything. */
function normalizersFor(call: CallOptions, predictions: Predictions): Prepared['normalizers'] {
  const { numBoxes, unionBoxes } = call
  const classWeight = classWeightFor(call, predictions)
  if (numBoxes === undefined && unionBoxes === undefined && classWeight === undefined) return undefined
  return { numBoxes, unionBoxes, classWeight }
}

/** One class weight for each layer, or none for the batch's own. */
function classWeightFor({ classWeight }: CallOptions, { parts }: Predictions): Float64Array | undefined {
  if (classWeight === undefined) return undefined
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
