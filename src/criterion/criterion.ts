/** A criterion: options that have been checked, and the loss, the matching and the cost that it computes with them. */
import { checkSignal, untilAborted } from '../binding/abort.ts'
import { compute, computeAsync, costMatrix, matchTargets } from '../binding/native.ts'
import type { Interrupt, Plan } from '../binding/native.ts'
import { Plans } from '../binding/plan.ts'
import { takeAway } from '../binding/transfer.ts'
import { fail, toHungarianLossError } from '../common/errors.ts'
import { toReadError } from '../common/reading.ts'
import { checkFlag } from '../common/validate.ts'
import { withoutBackground } from '../input/exhaustive.ts'
import { countTensors, extrasOf, listFields } from '../input/fields.ts'
import type { GradientArrays, GradientsOf } from '../input/gradients.ts'
import { packRules } from '../input/matching.ts'
import { readPredictions } from '../input/outputs.ts'
import type { ExactOutputs, Outputs, OutputsWithoutBoxes } from '../input/outputs.ts'
import { checkCopies } from '../input/parts.ts'
import { packRead } from '../input/packing.ts'
import { readTargets, targetShape } from '../input/targets.ts'
import type { Target, TargetsOf } from '../input/targets.ts'
import { resolveOptions } from '../options/options.ts'
import type { HungarianLossOptions, ResolvedOptions } from '../options/options.ts'
import type { PresetName } from '../options/presets.ts'
import { countCosts, readCostResult } from '../result/costs.ts'
import type { CostResult } from '../result/costs.ts'
import { readLoss } from '../result/loss.ts'
import type { LossResult } from '../result/loss.ts'
import { readMatching } from '../result/matching.ts'
import type { MatchResult } from '../result/matching.ts'
import { makeFilled } from '../result/source.ts'
import type { Filled } from '../result/source.ts'
import { DEFAULT_CALL, gradientsFor, normalizersFor, readAsyncCall, readCall, readMatchCall } from './call.ts'
import type { AsyncCallOptions, CallOptions, GivenNormalizers, MatchCall, MatchOptions } from './call.ts'
import { createHandle } from './handle.ts'
import { warnOfFindings } from './inspect/warn.ts'

const NO_SETTINGS: CallOptions = {}

/** A call, checked. */
interface Prepared {
  readonly plan: Plan
  /** As the binding takes it. */
  readonly inputs: Parameters<typeof matchTargets> extends [unknown, unknown, unknown, ...infer Inputs] ? Inputs : never
  readonly normalizers: GivenNormalizers
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
 * options and call, shapes, labels, fields of targets, matchings and costs that are given, predictions.
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
  readonly #options: ResolvedOptions
  readonly #plans: Plans
  /** Whether the first batch, which is yet to come, is to be inspected. */
  #awaitsInspection: boolean

  /**
   * A criterion of one's own composition: `preset` names the published one whose values stand in for absent options. Throws
   * `OPTION` for an option that is unknown or out of range.
   *
   * The static methods are these published criteria by name; any value may be overridden. Their numbers are the weights of
   * class, L1 and GIoU. What a step has in structure (groups, denoising parts, …) comes with
   * the outputs of each call; of it, only `boxMatching` is part of a preset.
   */
  constructor(options: HungarianLossOptions, preset: PresetName = 'detr') {
    this.#options = readOptions(options, preset)
    this.options = this.#options
    this.#plans = new Plans(createHandle(this.#options))
    this.#awaitsInspection = this.#options.check === 'warn'
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

  /** LW-DETR (Chen et al. 2024; Atten4Vis/LW-DETR, `scripts/`): IA-BCE; cost 2, 5, 2, weights 1, 5, 2; with `clampSizes`. */
  static lwDetr(options: HungarianLossOptions): HungarianLoss {
    return new HungarianLoss(options, 'lwDetr')
  }

  /** RT-DETR (Zhao et al. 2024; lyuwenyu/RT-DETR, `rtdetr_r50vd.yml`): varifocal; cost 2, 5, 2, weights 1, 5, 2. */
  static rtDetr(options: HungarianLossOptions): HungarianLoss {
    return new HungarianLoss(options, 'rtDetr')
  }

  /**
   * D-FINE (Peng et al. 2025; Peterande/D-FINE, `dfine_hgnetv2.yml`): the class and box terms of RT-DETR, the latter over
   * the union matching, with `clampSizes`, and for layers with `corners` the terms of the edges, `fgl` 0.15 and `ddf` 1.5.
   */
  static dFine(options: HungarianLossOptions): HungarianLoss {
    return new HungarianLoss(options, 'dFine')
  }

  /**
   * DEIM (Huang et al. 2025; Intellindust-AI-Lab/DEIM, `configs/base/deim.yml`): MAL; cost 2, 5, 2, weights 1, 5, 2; box
   * terms over the union matching, as `DEIMCriterion` has by default (`use_uni_set`), with `clampSizes`; for `corners` as in D-FINE.
   */
  static deim(options: HungarianLossOptions): HungarianLoss {
    return new HungarianLoss(options, 'deim')
  }

  /**
   * DEIMv2 (Huang et al. 2025; Intellindust-AI-Lab/DEIMv2, `engine/deim/`): the terms of DEIM. From the epoch
   * `matcher_change_epoch` on its matching cost is `{ classForm: 'product', l1: 0, giou: 0 }`: a second criterion.
   */
  static deimV2(options: HungarianLossOptions): HungarianLoss {
    return new HungarianLoss(options, 'deimV2')
  }

  /**
   * RF-DETR's detection (Robinson et al. 2025; roboflow/rf-detr 1.11, `rfdetr/models/criterion.py` and `matcher.py`): the terms of
   * LW-DETR, with unions and hulls of at least 1e-7, and in the cost the log-sigmoid form, which has no 1e-8. Its 13
   * groups are `outputs.groups`.
   */
  static rfDetr(options: HungarianLossOptions): HungarianLoss {
    return new HungarianLoss(options, 'rfDetr')
  }

  /**
   * Co-DINO (Zong et al. 2023; Sense-X/Co-DETR, `projects/configs/co_dino`): quality focal loss (Li et al. 2020), whose soft label is
   * the IoU of the pair; cost 2, 5, 2, its ε 1e-12, weights 1, 5, 2; box terms divided by the number of pairs. Its auxiliary heads
   * are further calls, with matchings that are given.
   */
  static coDino(options: HungarianLossOptions): HungarianLoss {
    return new HungarianLoss(options, 'coDino')
  }

  /**
   * Rank-DETR (Pu et al. 2023; LeapLabTHU/Rank-DETR, `projects/rank_detr`): focal loss whose soft label is (GIoU + 1)/2 of the
   * pair; cost 2, 5, 2, weights 2, 5, 2; ε 1e-6. From iteration 67,500 on its matching cost is `{ classForm: 'product', l1: 0,
   * giou: 0 }`. Its encoder has plain focal loss, class-agnostic: the criterion `dabDetr` with a weight of 2 for classes.
   */
  static rankDetr(options: HungarianLossOptions): HungarianLoss {
    return new HungarianLoss(options, 'rankDetr')
  }

  /**
   * Align-DETR (Cai et al. 2023; IDEA-Research/detrex, `projects/align_detr`): IA-BCE whose soft labels, and the box terms of their
   * pairs, decay with the rank of a query among those of its target, τ 1.5; cost 2, 5, 2, weights 1, 5, 2; ε 1e-6. The last
   * layer is matched one to one; the others, and the encoder, as `oneToMany` with `repeat` and `adaptive: true`.
   */
  static alignDetr(options: HungarianLossOptions): HungarianLoss {
    return new HungarianLoss(options, 'alignDetr')
  }

  /**
   * Stable-DINO (Liu et al. 2023; IDEA-Research/Stable-DINO, `projects/stabledino/modeling`): position-supervised loss, whose soft
   * label is the squared IoU of the pair, raised until the image's greatest is 1; position-modulated cost, β 0.5; cost 2, 5, 2,
   * weights 6, 5, 2; ε 1e-6. Its code keeps the modulation by class and takes its greatest over the batch, so targets of one
   * class overwrite each other's; here each pair has its own, and each image its greatest.
   */
  static stableDino(options: HungarianLossOptions): HungarianLoss {
    return new HungarianLoss(options, 'stableDino')
  }

  /**
   * SAM 3's (Carion et al. 2025; facebookresearch/sam3, `sam3/train/loss/loss_fns.py`, `matcher.py`): an image is one
   * of an image and a phrase, and classification is of one class. Positives weigh 10; the class term is divided by
   * B · max(Q, 200), and an image without a visible target adds nothing to it. `presence`, which layers may lack, weighs 20. The
   * last layer has masks, of which focal loss weighs 200 and dice 10, neither in the cost; without any, `weights: { maskFocal:
   * 0, maskDice: 0 }`. The branch of many queries has neither presence nor masks; what it is matched by is {@link ScoreMatching}.
   * With `weak_loss`, `classification: { normalization: 'num-kept-queries' }`, and targets' `exhaustive`.
   */
  static sam3(options: HungarianLossOptions): HungarianLoss {
    return new HungarianLoss(options, 'sam3')
  }

  /**
   * Grounding DINO (Liu et al. 2023; longzw1997/Open-GroundingDino, huggingface/transformers, `loss_grounding_dino.py`): focal over
   * the tokens of the caption, which are the columns of the logits (`numClasses` of them, 256 there); targets have `positives`,
   * the tokens of their phrase, and `columns` those of the image's caption. The class' part of the cost is the mean over a target's
   * tokens; cost 1, 5, 2, weights 2, 5, 2. Proposals of the encoder have the same targets.
   */
  static groundingDino(options: HungarianLossOptions): HungarianLoss {
    return new HungarianLoss(options, 'groundingDino')
  }

  /**
   * MM-Grounding-DINO (Zhao et al. 2024; open-mmlab/mmdetection, `grounding_dino_head.py`, `match_cost.py`): as
   * {@link groundingDino}, with a class' part of the cost that is summed over all columns of the image; cost 2, 5, 2, weights 1,
   * 5, 2, all divided by the pairs of the layer.
   */
  static mmGroundingDino(options: HungarianLossOptions): HungarianLoss {
    return new HungarianLoss(options, 'mmGroundingDino')
  }

  /**
   * MDETR (Kamath et al. 2021; ashkamath/mdetr, `models/mdetr.py`): softmax over the tokens and no-object, the last column;
   * targets have `positives`, rows over the tokens that sum to 1; cost and weights 1, 5, 2. The class term is divided by the
   * number of targets.
   */
  static mdetr(options: HungarianLossOptions): HungarianLoss {
    return new HungarianLoss(options, 'mdetr')
  }

  /**
   * OWL-ViT and OWLv2 (Minderer et al. 2022, 2023; google-research/scenic, `projects/owl_vit`): focal with α 0.3, targets of one
   * class or several; cost and weights 1, 1, 1; each image is divided by its own number of labels, or of targets, then the mean
   * over the images. `l1` compares corners in the loss, centre and size in the cost; ε 1e-6.
   */
  static owlViT(options: HungarianLossOptions): HungarianLoss {
    return new HungarianLoss(options, 'owlViT')
  }

  /**
   * Moment-DETR (Lei et al. 2021, QVHighlights; jayleicn/moment_detr, `moment_detr/model.py`) and its successors, such as
   * QD-DETR: `spans` in place of boxes; softmax over one class, whose column comes before that of no-object; cost 4, 10, 1,
   * weights 4, 5, 1, where the L1 is a sum over a span's two numbers (theirs is the mean, with weight 10). The class term
   * is divided by the number of queries, those of spans by that of pairs.
   */
  static momentDetr(options: HungarianLossOptions): HungarianLoss {
    return new HungarianLoss(options, 'momentDetr')
  }

  /**
   * DETR's head for panoptic segmentation (Carion et al. 2020, section 4.3; facebookresearch/detr, `models/segmentation.py`): DETR
   * with `masks` in the last layer, focal 1 and dice 1 on the canvas of the batch's targets, without a part in the cost.
   */
  static detrMasks(options: HungarianLossOptions): HungarianLoss {
    return new HungarianLoss(options, 'detrMasks')
  }

  /**
   * MaskFormer (Cheng et al. 2021; facebookresearch/MaskFormer, `mask_former_model.py`): `masks` in place of boxes; softmax; cost
   * and weights 1 of the class, 20 of the masks' focal loss, 1 of dice.
   */
  static maskFormer(options: HungarianLossOptions): HungarianLoss {
    return new HungarianLoss(options, 'maskFormer')
  }

  /**
   * Mask2Former (Cheng et al. 2022; facebookresearch/Mask2Former, `maskformer_model.py`) and its successors, such as OneFormer:
   * softmax; cost and weights 2 of the class, 5 of binary cross-entropy and 5 of dice, at 12544 points of each image or pair.
   */
  static mask2Former(options: HungarianLossOptions): HungarianLoss {
    return new HungarianLoss(options, 'mask2Former')
  }

  /**
   * EoMT (Kerssies et al. 2025; tue-mps/eomt, `mask_classification_loss.py`): Mask2Former, whose masks are divided by the number
   * of pairs.
   */
  static eoMT(options: HungarianLossOptions): HungarianLoss {
    return new HungarianLoss(options, 'eoMT')
  }

  /**
   * Mask DINO (Li et al. 2023; IDEA-Research/MaskDINO, `maskdino.py`): focal; cost and weights 4 of the class, 5 and 2 of the
   * boxes, ε 1e-6, and 5 each of the masks' cross-entropy and dice, as in Mask2Former. Its panoptic option `PANO_BOX_LOSS` leaves
   * the boxes of stuff out: give targets `hasBox`, false for stuff.
   */
  static maskDino(options: HungarianLossOptions): HungarianLoss {
    return new HungarianLoss(options, 'maskDino')
  }

  /**
   * RF-DETR's segmentation (Robinson et al. 2025; roboflow/rf-detr, `config.py` and `criterion.py`): the terms of its
   * detection, {@link rfDetr}; and of masks cross-entropy 5 and dice 5 at a sixteenth as many points as a prediction has pixels,
   * which all images share in the cost.
   */
  static rfDetrSeg(options: HungarianLossOptions): HungarianLoss {
    return new HungarianLoss(options, 'rfDetrSeg')
  }

  /**
   * ECSeg (Liu et al. 2026, EdgeCrafter; Intellindust-AI-Lab/EdgeCrafter, `ecseg.yml`): MAL 2, L1 1 and GIoU 1 over the union
   * matching, with `clampSizes`, `fgl` 0.15 and `ddf` 1.5 where layers have `corners`; masks' cross-entropy 5 and dice 5 over
   * each layer's own pairs.
   */
  static ecSeg(options: HungarianLossOptions): HungarianLoss {
    return new HungarianLoss(options, 'ecSeg')
  }

  /**
   * Loss, terms, matches, metrics and gradients of a batch.
   *
   * Throws `SHAPE`, `DTYPE` and `OPTION` for arguments that do not fit each other; `RANGE` for labels and boxes out of
   * range and for `out` arrays that share memory; `NON_FINITE` for NaN and infinities (see `nonFinite`);
   * `MEMORY` where the system refuses the memory that it takes.
   */
  compute<O extends Outputs | OutputsWithoutBoxes>(
    outputs: ExactOutputs<O>,
    targets: TargetsOf<O>,
    call?: CallOptions<O> & { readonly gradients?: true | undefined },
  ): LossResult<O, GradientsOf<O>>
  /** As above, without gradients. */
  compute<O extends Outputs | OutputsWithoutBoxes>(
    outputs: ExactOutputs<O>,
    targets: TargetsOf<O>,
    call: CallOptions<O> & { readonly gradients: false },
  ): LossResult<O, undefined>
  /** As above, where only the call knows whether gradients are wanted. */
  compute<O extends Outputs | OutputsWithoutBoxes>(
    outputs: ExactOutputs<O>,
    targets: TargetsOf<O>,
    call?: CallOptions<O>,
  ): LossResult<O>
  compute(
    outputs: Outputs,
    targets: readonly Target[],
    call: CallOptions<Outputs | OutputsWithoutBoxes> = NO_SETTINGS,
  ): LossResult<Outputs, unknown> {
    try {
      HungarianLoss.#check(this)
      const { plan, inputs, normalizers, gradients, filled } = this.#prepare(outputs, targets, call)
      const { targetOfQuery, values } = filled
      // by name, since spreading them would take a quarter of a microsecond
      const [fields, labels, labelOffsets, offsets, ignores, given, costs, extras] = inputs
      compute(
        plan,
        normalizers,
        gradients,
        targetOfQuery,
        values,
        fields,
        labels,
        labelOffsets,
        offsets,
        ignores,
        given,
        costs,
        extras,
      )
      return readLoss(filled, gradients)
    } catch (error) {
      throw toHungarianLossError(error, 'outputs')
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
   * One signal may serve many calls. A process that exits stops its calls, as for `linearSumAssignmentAsync`.
   */
  computeAsync<O extends Outputs | OutputsWithoutBoxes>(
    outputs: ExactOutputs<O>,
    targets: TargetsOf<O>,
    call?: AsyncCallOptions & { readonly gradients?: true | undefined },
  ): Promise<LossResult<O, GradientsOf<O>>>
  /** As above, without gradients. */
  computeAsync<O extends Outputs | OutputsWithoutBoxes>(
    outputs: ExactOutputs<O>,
    targets: TargetsOf<O>,
    call: AsyncCallOptions & { readonly gradients: false },
  ): Promise<LossResult<O, undefined>>
  /** As above, where only the call knows whether gradients are wanted. */
  computeAsync<O extends Outputs | OutputsWithoutBoxes>(
    outputs: ExactOutputs<O>,
    targets: TargetsOf<O>,
    call?: AsyncCallOptions,
  ): Promise<LossResult<O>>
  async computeAsync(
    outputs: Outputs,
    targets: readonly Target[],
    call: AsyncCallOptions = NO_SETTINGS,
  ): Promise<LossResult<Outputs, unknown>> {
    HungarianLoss.#check(this)
    const { signal, transfer, ...settings } = readAsyncCall(call)
    const mayTake = checkFlag(transfer, false, 'call.transfer')
    const start = async (interrupt: Interrupt): Promise<LossResult> => {
      const { plan, inputs, normalizers, gradients, filled } = this.#prepare(outputs, targets, settings)
      const [fields, labels, labelOffsets, offsets, ignores, given, costs, extras] = inputs
      const others = [labels, labelOffsets, offsets, ignores, given, costs] as const
      const count = countTensors(filled.predictions)
      const taken = mayTake ? takeAway(fields.slice(0, count), extras?.planes) : undefined
      const tensors = taken === undefined ? fields : [...taken.arrays, ...fields.slice(count)]
      const rest = taken === undefined || extras === undefined ? extras : { ...extras, planes: taken.beside }
      const written = [normalizers, gradients, filled.targetOfQuery, filled.values] as const
      await computeAsync(plan, taken !== undefined, interrupt, ...written, tensors, ...others, rest)
      return readLoss(filled, gradients)
    }
    return untilAborted(start, checkSignal(signal, 'call.signal'), 'outputs')
  }

  /** Refuses to run without a criterion, as a method does that was taken from it. */
  static #check(criterion: unknown): void {
    if (typeof criterion === 'object' && criterion !== null && #plans in criterion) return
    fail(
      'DTYPE',
      'this',
      'must be a HungarianLoss: call a method on its criterion, as in criterion.compute(outputs, targets)',
    )
  }

  /** Checks and packs the arguments of a call, and makes what it fills. */
  #prepare(outputs: Outputs, targets: readonly Target[], given: object): Prepared {
    const call = given === NO_SETTINGS ? DEFAULT_CALL : readCall(given)
    const { predictions, read, plan, inputs, filled } = this.#read(outputs, targets, call)
    try {
      const gradients = gradientsFor(call, predictions, read)
      return { plan, inputs, normalizers: normalizersFor(call, predictions), gradients, filled }
    } catch (error) {
      throw toReadError(error, 'call')
    }
  }

  /** Checks and packs what every call is given, in the order of the binding. */
  #read(outputs: Outputs, targets: readonly Target[], { maskSeed, maskCanvas }: MatchCall) {
    if (this.#awaitsInspection) {
      this.#awaitsInspection = false
      warnOfFindings(outputs, targets, this, { maskCanvas })
    }
    let argument = 'outputs'
    try {
      const given = readPredictions(outputs, this.#options, targets)
      argument = 'targets'
      const shape = targetShape(given, this.#options)
      const read = readTargets(targets, shape, true)
      const predictions = withoutBackground(given, read)
      const packed = packRead(read, shape, maskCanvas)
      argument = 'outputs'
      checkCopies(predictions.parts, packed.total)
      const rules = packRules(predictions, packed)
      const { images, tensors, parts } = predictions
      const plan = this.#plans.get({ images, stacks: tensors, parts, rules: rules?.rules, targets: packed.has })
      const inputs: Prepared['inputs'] = [
        listFields(predictions, packed),
        packed.labels,
        packed.labelOffsets,
        packed.offsets,
        packed.ignores,
        rules?.given,
        rules?.added,
        extrasOf(predictions, packed, maskSeed),
      ]
      return { predictions, read, packed, plan, inputs, filled: makeFilled(predictions, packed, rules) }
    } catch (error) {
      throw toReadError(error, argument)
    }
  }

  /**
   * The matching alone, that of {@link compute} where both have the same `maskSeed`. Where two matchings differ in the last digit of
   * their float32 costs alone, {@link compute} may find the other one. Throws as {@link compute}.
   */
  match<O extends Outputs | OutputsWithoutBoxes>(
    outputs: ExactOutputs<O>,
    targets: TargetsOf<O>,
    call?: MatchOptions,
  ): MatchResult<O>
  match(outputs: Outputs, targets: readonly Target[], call: MatchOptions = NO_SETTINGS): MatchResult {
    try {
      HungarianLoss.#check(this)
      const { plan, inputs, filled } = this.#read(outputs, targets, readMatchCall(call))
      matchTargets(plan, filled.targetOfQuery, filled.values, ...inputs)
      return readMatching(filled)
    } catch (error) {
      throw toHungarianLossError(error, 'outputs')
    }
  }

  /**
   * The matching cost alone: a block `[Q, n]` for each image, with ignored targets among the others, whose labels must be class ids here,
   * too. At the points of masks that {@link compute} draws with the same `maskSeed`. Throws as {@link compute}.
   */
  cost<O extends Outputs | OutputsWithoutBoxes>(
    outputs: ExactOutputs<O>,
    targets: TargetsOf<O>,
    call?: MatchOptions,
  ): CostResult<O>
  cost(outputs: Outputs, targets: readonly Target[], call: MatchOptions = NO_SETTINGS): CostResult {
    try {
      HungarianLoss.#check(this)
      const { predictions, packed, plan, inputs, filled } = this.#read(outputs, targets, readMatchCall(call))
      const costs = new Float32Array(countCosts(predictions, packed))
      costMatrix(plan, costs, filled.values, ...inputs)
      return readCostResult(filled, costs)
    } catch (error) {
      throw toHungarianLossError(error, 'outputs')
    }
  }
}

/** The options of a criterion. */
function readOptions(options: HungarianLossOptions, preset: PresetName): ResolvedOptions {
  try {
    return resolveOptions(options, preset)
  } catch (error) {
    throw toReadError(error, 'options')
  }
}
