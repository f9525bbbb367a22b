/** Evaluation of detections as COCO has it: batch by batch, on the event loop and off it. */
import { checkSignal, untilAborted } from '../binding/abort.ts'
import { evaluateDetections, evaluateDetectionsAsync } from '../binding/native.ts'
import type { Interrupt } from '../binding/native.ts'
import { fail, toHungarianLossError } from '../common/errors.ts'
import { compareIds } from '../common/ids.ts'
import { toReadError } from '../common/reading.ts'
import { lengthOf } from '../common/tensors.ts'
import { checkRecord, show } from '../common/validate.ts'
import { readId, readIds } from './ids.ts'
import { readDetections, readTargets } from './images.ts'
import type { ImageDetections, ImageGroundTruth } from './images.ts'
import { resolveOptions } from './options.ts'
import type { EvaluatorOptions, ResolvedEvaluatorOptions } from './options.ts'
import { PackedImages } from './packed.ts'
import { makeArrays, makeResult } from './result.ts'
import type { EvaluationResult, ResultArrays } from './result.ts'
import { readState, stateOf } from './state.ts'
import type { EvaluatorState } from './state.ts'

/** Settings of {@link DetectionEvaluator.add}. */
export interface AddOptions {
  /** The id of each image, integers or strings; in place of those that the ground truth has. */
  readonly ids?: ArrayLike<number> | ReadonlyArray<number | string> | undefined
}

/** Settings of {@link DetectionEvaluator.resultAsync}. */
export interface AsyncResultOptions {
  /** Stops the call; it then rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined
}

/** What messages call what is added. */
interface Names {
  readonly detections: string
  readonly groundTruth: string
  readonly ids: string
}

const ADDED: Names = { detections: 'detections', groundTruth: 'groundTruth', ids: 'options.ids' }
const MERGED: Names = { detections: 'other.detections', groundTruth: 'other.groundTruth', ids: 'other.ids' }

/** Whether a value is an evaluator, and does not only inherit from one. */
let isEvaluator: (value: unknown) => value is DetectionEvaluator

/**
 * Evaluates detections as COCO has it: average precision and recall at thresholds of IoU, by class and by area.
 *
 * Batches are added as they come, in any order and of any size; evaluators of several workers are merged. All numbers have the bits
 * that pycocotools 2.0 gives for the same images (`COCOeval` of `'bbox'`), whatever the order and the number of threads, where
 * the images have ids. Three things differ. An annotation with the id 0 counts like any other, where pycocotools takes a match
 * with it for none. Boxes so small that the product of their sides is 0, though neither side is, overlap nothing, where
 * pycocotools divides 0 by 0 and takes that for a match. And precision is always that with the largest of `maxDetections`, where
 * pycocotools gives -1 for `AP` unless there is 100.
 *
 * With {@link ImageGroundTruth.ignore} an object is a crowd: it need not be found, any number of detections may lie in it, and these
 * do not count. Boxes in another format than xywh are turned into it, as for a file of results.
 *
 * Source: Lin et al. 2014, "Microsoft COCO: Common Objects in Context", and its code, cocodataset/cocoapi.
 *
 * @example
 * const evaluator = new DetectionEvaluator({ numClasses: 80 })
 * for (const [detections, groundTruth] of batches) evaluator.add(detections, groundTruth)
 * const { ap, ap50, perClass } = evaluator.result()
 */
export class DetectionEvaluator {
  static {
    isEvaluator = (value): value is DetectionEvaluator =>
      typeof value === 'object' && value !== null && #packed in value
  }

  readonly #options: ResolvedEvaluatorOptions
  readonly #packed = new PackedImages()
  /** The ids of all images, by which images count. */
  readonly #ids: Array<number | string> = []
  readonly #known = new Set<number | string>()
  /** Whether ids are counted here; undefined before the first image. */
  #isCounted: boolean | undefined
  /** Whether a batch is being read, whose getters may call. */
  #isReading = false

  /** Throws `OPTION` for what the options may not be. */
  constructor(options: EvaluatorOptions) {
    this.#options = resolveOptions(options)
  }

  /** The options with all defaults filled in. */
  get options(): ResolvedEvaluatorOptions {
    return ownOf(this).#options
  }

  /** How many images have been added. */
  get images(): number {
    return ownOf(this).#packed.count
  }

  /**
   * Adds images: what was detected in each, and what there is to be found, image by image. What is wrong in any of them adds
   * none.
   *
   * Throws `SHAPE` where lengths do not fit, `DTYPE` for what is no number, `RANGE` for labels that are no class, sizes below
   * 0 of boxes that do not say their format, magnitudes beyond 1e9 and ids that are there already, `NON_FINITE` for NaN and
   * infinities, and `OPTION` for unknown keys, each with its place: `image`, and `detection` or `target`; `MEMORY`.
   */
  add(detections: readonly ImageDetections[], groundTruth: readonly ImageGroundTruth[], options?: AddOptions): this {
    const own = ownOf(this)
    try {
      own.#add(detections, groundTruth, readSetting(options, 'ids'), ADDED)
      return this
    } catch (error) {
      throw toHungarianLossError(error, 'detections')
    }
  }

  /**
   * Adds all images of another evaluator, or of its {@link state}, as another thread has posted it. The number of classes must be the
   * same, all other options may differ: those here count. Images that are counted are counted on.
   *
   * Throws as {@link add}, and `OPTION` for another number of classes.
   */
  merge(other: DetectionEvaluator | EvaluatorState): this {
    const own = ownOf(this)
    try {
      const state = readState(isEvaluator(other) ? other.state() : other)
      const { numClasses } = own.#options
      if (state.numClasses !== numClasses) {
        fail('OPTION', 'other.numClasses', `must be ${numClasses}, as here, got ${state.numClasses}`)
      }
      own.#add(state.detections, state.groundTruth, state.ids, MERGED)
      return this
    } catch (error) {
      throw toHungarianLossError(error, 'other')
    }
  }

  /** All that has been added, as plain data: for {@link merge} in another thread. Throws `MEMORY`. */
  state(): EvaluatorState {
    const own = ownOf(this)
    try {
      own.#checkSettled()
      return stateOf(own.#options.numClasses, own.#packed, own.#isCounted === true ? undefined : own.#ids)
    } catch (error) {
      throw toHungarianLossError(error, 'detections')
    }
  }

  /** Evaluates all images that have been added; more may be added afterwards. Throws `MEMORY`. */
  result(): EvaluationResult {
    const own = ownOf(this)
    try {
      own.#checkSettled()
      const arrays = makeArrays(own.#options)
      evaluateDetections(...own.#inputs(), ...outputsOf(arrays))
      return own.#makeResult(arrays, own.#countDetections(), own.#packed.count)
    } catch (error) {
      throw toHungarianLossError(error, 'detections')
    }
  }

  /**
   * {@link result} off the event loop, of the images that there are by now: it works on a copy. Rejects where `signal` is
   * aborted, before or during the call, with the signal's reason, while the call ends within milliseconds. A process that exits
   * has it stopped likewise.
   */
  async resultAsync(options?: AsyncResultOptions): Promise<EvaluationResult> {
    const own = ownOf(this)
    own.#checkSettled()
    const signal = readSetting(options, 'signal')
    const run = async (interrupt: Interrupt): Promise<EvaluationResult> => {
      const arrays = makeArrays(own.#options)
      const [detections, images] = [own.#countDetections(), own.#packed.count]
      await evaluateDetectionsAsync(...own.#inputs(), ...outputsOf(arrays), interrupt)
      return own.#makeResult(arrays, detections, images)
    }
    return untilAborted(run, checkSignal(signal, 'options.signal'), 'detections')
  }

  /** Refuses a call from a getter of what is being read, of which a part would count. */
  #checkSettled(): void {
    if (this.#isReading) fail('DTYPE', 'this', 'is called while it reads what it was given')
  }

  /** `ids`: of all images, in place of their own; undefined where these count. */
  #add(detections: unknown, groundTruth: unknown, ids: unknown, names: Names): void {
    this.#checkSettled()
    this.#isReading = true
    const before = this.#packed.count
    try {
      this.#read(detections, groundTruth, ids, names)
    } catch (error) {
      this.#packed.cutTo(before)
      for (const id of this.#ids.splice(before)) this.#known.delete(id)
      if (before === 0) this.#isCounted = undefined
      throw toReadError(error, names.detections)
    } finally {
      this.#isReading = false
    }
  }

  #read(detections: unknown, groundTruth: unknown, given: unknown, names: Names): void {
    if (!Array.isArray(detections)) {
      fail('DTYPE', 'detections', `must be an array with an entry for each image, got ${show(detections)}`)
    }
    if (!Array.isArray(groundTruth)) {
      fail('DTYPE', 'groundTruth', `must be an array with an entry for each image, got ${show(groundTruth)}`)
    }
    const images = lengthOf(detections, 'detections')
    const others = lengthOf(groundTruth, 'groundTruth')
    if (others !== images) {
      fail('SHAPE', 'groundTruth', `expected ${images} entries, one for each image of the detections, got ${others}`)
    }
    const ids = given === undefined ? undefined : readIds(given, images, names.ids)
    const { numClasses, boxFormat } = this.#options
    const packed = this.#packed
    for (let image = 0; image < images; image++) {
      const found = { name: `${names.detections}[${image}]`, image, noun: 'detection' } as const
      const count = readDetections(detections[image], found, numClasses, boxFormat, packed.detections)
      const there = { name: `${names.groundTruth}[${image}]`, image, noun: 'target' } as const
      const target = readTargets(groundTruth[image], there, numClasses, boxFormat, packed.targets)
      const argument = ids === undefined ? `${there.name}.id` : `${names.ids}[${image}]`
      this.#takeId(ids === undefined ? target.id : ids[image], argument, image)
      packed.takeIn(count, target.count)
    }
  }

  /** The id of an image, which must be its own, or else its number. */
  #takeId(given: unknown, argument: string, image: number): void {
    const isCounted = given === undefined
    this.#isCounted ??= isCounted
    if (this.#isCounted !== isCounted) {
      const rule = isCounted ? 'must be given, as other images have one' : 'must be absent, as other images have none'
      fail('SHAPE', argument, rule, { image })
    }
    const id = isCounted ? this.#ids.length : readId(given, argument, image)
    if (this.#known.has(id)) fail('RANGE', argument, `${show(id)} has been added already`, { image })
    this.#known.add(id)
    this.#ids.push(id)
  }

  /** How many detections of each class there are. */
  #countDetections(): Uint32Array {
    const { classAgnostic, numClasses } = this.#options
    const { labels, count } = this.#packed.detections
    if (classAgnostic) return Uint32Array.of(count)
    const counts = new Uint32Array(numClasses)
    for (let i = 0; i < count; i++) counts[labels[i] as number] = (counts[labels[i] as number] as number) + 1
    return counts
  }

  /** What the core reads. */
  #inputs() {
    const { numClasses, iouThresholds, recallThresholds, areas, maxDetections, classAgnostic, threads } = this.#options
    const settings = {
      numClasses,
      iouThresholds: [...iouThresholds],
      recallThresholds: [...recallThresholds],
      areas: areas.flatMap(({ range }) => range),
      maxDetections: [...maxDetections],
      isClassAgnostic: classAgnostic,
      threads,
    }
    const { count, detections, targets, detectionOffsets, targetOffsets } = this.#packed
    return [
      settings,
      orderOf(this.#ids),
      detections.boxes.subarray(0, 4 * detections.count),
      detections.scores.subarray(0, detections.count),
      detections.labels.subarray(0, detections.count),
      detectionOffsets.subarray(0, count + 1),
      targets.boxes.subarray(0, 4 * targets.count),
      targets.areas.subarray(0, targets.count),
      targets.labels.subarray(0, targets.count),
      targets.crowds.subarray(0, targets.count),
      targetOffsets.subarray(0, count + 1),
    ] as const
  }

  #makeResult(arrays: ResultArrays, detections: Uint32Array, images: number): EvaluationResult {
    return makeResult(this.#options, arrays, { images, detections })
  }
}

/** The evaluator that a method was called on; refuses a call without one. */
function ownOf(value: unknown): DetectionEvaluator {
  if (isEvaluator(value)) return value
  return fail('DTYPE', 'this', `must be a DetectionEvaluator, got ${show(value)}`)
}

function outputsOf({ precision, scores, recall, averagePrecision, averageRecall, targets }: ResultArrays) {
  return [precision, scores, recall, averagePrecision, averageRecall, targets] as const
}

/** The images in the order of their ids. */
function orderOf(ids: ReadonlyArray<number | string>): Uint32Array {
  const order = Uint32Array.from(ids.keys())
  const compare = (a: number, b: number): number => compareIds(ids[a] as number | string, ids[b] as number | string)
  const rises = order.every((_, i) => i === 0 || compare(i - 1, i) < 0)
  return rises ? order : order.sort(compare)
}

/** The one setting that a call has. */
function readSetting(options: unknown, key: 'ids' | 'signal'): unknown {
  try {
    return checkRecord(options, [key], 'options')[key]
  } catch (error) {
    throw toReadError(error, 'options')
  }
}
