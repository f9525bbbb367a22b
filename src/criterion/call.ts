/** The settings of a call. */
import { fail } from '../common/errors.ts'
import { kindOf } from '../common/memory.ts'
import { toReadError } from '../common/reading.ts'
import { lengthOf } from '../common/tensors.ts'
import { checkDivisor, checkFlag, checkInteger, show } from '../common/validate.ts'
import type { compute } from '../binding/native.ts'
import type { Canvas } from '../input/canvas.ts'
import { makeGradients, NO_GRADIENTS } from '../input/gradients.ts'
import type { GradientArrays, Gradients, OutOf } from '../input/gradients.ts'
import { checkOut } from '../input/out.ts'
import type { Outputs, Predictions } from '../input/outputs.ts'
import type { ReadTarget } from '../input/read-target.ts'
import { readMaskSize } from '../masks/size.ts'
import type { MaskSize } from '../masks/masks.ts'
import { ASYNC_CALL, CALL, checkCall, INSPECT_CALL, MATCH_CALL } from '../options/settings.ts'

/** Settings of one call of {@link HungarianLoss.match} and {@link HungarianLoss.cost}. */
export interface MatchOptions {
  /**
   * What the points of masks are drawn from where these are sampled, an integer from 0 to 2^53 − 1: the same seed draws the same,
   * in any number of threads and by any method, so that {@link HungarianLoss.match} finds the pairs of {@link HungarianLoss.compute}.
   * Default: 0; pass the number of the step.
   */
  readonly maskSeed?: number | undefined
  /**
   * Height and width in pixels to which the masks of all images are padded with zeros, at the right and below: the size that the
   * network's input was padded to, at least as large as every mask and as what the `masks` of an image without targets, `[0, h, w]`, or
   * its `void` say. Predicted masks span all of it. Default: the greatest height and width of the batch.
   */
  readonly maskCanvas?: MaskSize | undefined
}

/** Settings of one call of {@link HungarianLoss.compute}. `O` is the type of the outputs. */
export interface CallOptions<O = Outputs> extends MatchOptions {
  /** Whether gradients are wanted. Default: true. */
  readonly gradients?: boolean | undefined
  /**
   * Arrays to write the gradients to, in the layout of the inputs and at least of their lengths: of a longer array, as
   * for a smaller last batch, the first part is written, and the result's array is a view of it, too short for a larger
   * batch that follows: keep the first batch's arrays, and hand in these. What is written must not
   * share memory with any input or with each other. Default: new arrays.
   */
  readonly out?: OutOf<O> | undefined
  /**
   * The number of targets to divide the geometric terms by, 1e-12 to 1e24, and the class term, too, where that has the same divisor
   * and `classNormalizer` is absent. Parts multiply it by their groups and repetitions. Default: this batch's count, at least 1.
   *
   * Where a batch is split over workers, this and the following numbers come from {@link combineNormalizers}; the mean of
   * the workers' gradients is then the gradient of the unsplit batch. Of these numbers, those that a criterion does not divide
   * by are checked and have no effect, so that a loop may pass all of them always.
   */
  readonly numBoxes?: number | undefined
  /**
   * With `normalization: 'num-pairs'`, the number of pairs to divide the geometric terms by, 1e-12 to 1e24: one for all layers,
   * or one for each, in the order of `layers`, `encoder.layers`, `denoising.layers` and `oneToMany.layers`. Default: the pairs
   * of each layer, at least 1.
   */
  readonly numPairs?: number | ArrayLike<number> | undefined
  /**
   * What stands for the number of images, 1e-12 to 1e24, where `normalization` is `'per-image'` or `'num-queries'`, and for the
   * class term, too, where `classification.normalization` is one of these and `classNormalizer` is absent. Default: the images of
   * this batch.
   */
  readonly numImages?: number | undefined
  /** The number of union pairs to divide by, likewise, with `boxMatching: 'union'`; 1e-12 to 1e24. */
  readonly unionBoxes?: number | undefined
  /**
   * What to divide the class term by, 1e-12 to 1e24: one number for all layers, or one for each, in the order of `layers`,
   * `encoder.layers`, `denoising.layers` and `oneToMany.layers`. Nothing multiplies it. Default: this batch's own, or where
   * N divides the class term, that of the part, which a given `numBoxes` enters.
   */
  readonly classNormalizer?: number | ArrayLike<number> | undefined
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
   * hardly longer for a large batch than for a small one. Masks of targets may lie in these buffers, too: they are read, and then gone as
   * well. Memory that cannot be taken, as that of WebAssembly, is copied all the same.
   */
  readonly transfer?: boolean | undefined
}

/** The settings of a call, each read once; what depends on the inputs is unchecked. */
export interface Call {
  readonly gradients: boolean
  readonly out: unknown
  readonly numBoxes: number | undefined
  readonly numPairs: unknown
  readonly numImages: number | undefined
  readonly unionBoxes: number | undefined
  readonly classNormalizer: unknown
  readonly distilledQueries: unknown
  readonly maskSeed: number
  readonly maskCanvas: Canvas | undefined
}

/** What the masks of every call are read by. */
export type MatchCall = Pick<Call, 'maskSeed' | 'maskCanvas'>

/** What a call without settings is. */
export const DEFAULT_CALL: Call = {
  gradients: true,
  out: undefined,
  numBoxes: undefined,
  numPairs: undefined,
  numImages: undefined,
  unionBoxes: undefined,
  classNormalizer: undefined,
  distilledQueries: undefined,
  maskSeed: 0,
  maskCanvas: undefined,
}

/** The numbers that the core divides by in place of the batch's own. */
export type GivenNormalizers = Parameters<typeof compute>[1]

/** The settings of a call off the event loop. */
export function readAsyncCall(call: unknown) {
  try {
    return { ...checkCall(call, ASYNC_CALL) }
  } catch (error) {
    throw toReadError(error, 'call')
  }
}

/** Reads a call, and checks what can be checked of it without its inputs. */
export function readCall(call: unknown): Call {
  try {
    const settings = checkCall(call, CALL)
    const { gradients, out, numBoxes, numPairs, numImages, unionBoxes, classNormalizer, distilledQueries } = settings
    const { maskSeed, maskCanvas } = settings
    const wanted = checkFlag(gradients, true, 'call.gradients')
    if (out !== undefined && !wanted) fail('OPTION', 'call.out', 'must be absent where call.gradients is false')
    return {
      gradients: wanted,
      out,
      numBoxes: numBoxes === undefined ? undefined : checkDivisor(numBoxes, 'call.numBoxes'),
      numPairs: typeof numPairs === 'number' ? checkDivisor(numPairs, 'call.numPairs') : numPairs,
      numImages: numImages === undefined ? undefined : checkDivisor(numImages, 'call.numImages'),
      unionBoxes: unionBoxes === undefined ? undefined : checkDivisor(unionBoxes, 'call.unionBoxes'),
      classNormalizer:
        typeof classNormalizer === 'number' ? checkDivisor(classNormalizer, 'call.classNormalizer') : classNormalizer,
      distilledQueries,
      maskSeed: readSeed(maskSeed),
      maskCanvas: readCanvas(maskCanvas),
    }
  } catch (error) {
    throw toReadError(error, 'call')
  }
}

/** Reads the call of a matching or of its cost. */
export function readMatchCall(call: unknown): MatchCall {
  try {
    const { maskSeed, maskCanvas } = checkCall(call, MATCH_CALL)
    return { maskSeed: readSeed(maskSeed), maskCanvas: readCanvas(maskCanvas) }
  } catch (error) {
    throw toReadError(error, 'call')
  }
}

/** Reads the call of an inspection. */
export function readInspectCall(call: unknown): Pick<Call, 'maskCanvas'> {
  try {
    return { maskCanvas: readCanvas(checkCall(call, INSPECT_CALL).maskCanvas) }
  } catch (error) {
    throw toReadError(error, 'call')
  }
}

/** Height and width of a canvas, if they are given. */
function readCanvas(given: unknown): Canvas | undefined {
  if (given === undefined) return undefined
  const { height, width } = readMaskSize(given, 'call.maskCanvas')
  return [height, width]
}

function readSeed(seed: unknown): number {
  return seed === undefined ? DEFAULT_CALL.maskSeed : checkInteger(seed, 0, Number.MAX_SAFE_INTEGER, 'call.maskSeed')
}

/** The arrays to write gradients to: none, the caller's, or new ones. */
export function gradientsFor(
  { gradients, out }: Call,
  predictions: Predictions,
  targets: readonly ReadTarget[],
): GradientArrays {
  if (!gradients) return NO_GRADIENTS
  return out === undefined ? makeGradients(predictions) : checkOut(out as Gradients, predictions, targets)
}

/** What the caller gave in place of the batch's own numbers, if anything. */
export function normalizersFor(call: Call, predictions: Predictions): GivenNormalizers {
  const { numBoxes, numImages, unionBoxes } = call
  const pairs = divisorsFor('numPairs', call.numPairs, predictions)
  const classNormalizers = divisorsFor('classNormalizer', call.classNormalizer, predictions)
  const distilled = distilledFor(call, predictions)
  if ((numBoxes ?? pairs ?? numImages ?? unionBoxes ?? classNormalizers ?? distilled) === undefined) return undefined
  return { numBoxes, pairs, images: numImages, unionBoxes, class: classNormalizers, distilled }
}

/** How many layers all parts have. */
function countLayers({ parts }: Predictions): number {
  return parts.reduce((sum, part) => sum + part.layers.layers, 0)
}

/** Divisors, one for each layer, or none for the batch's own. */
function divisorsFor(
  name: 'numPairs' | 'classNormalizer',
  given: unknown,
  predictions: Predictions,
): Float64Array | undefined {
  if (given === undefined) return undefined
  const layers = countLayers(predictions)
  if (typeof given === 'number') return new Float64Array(layers).fill(given)
  if (!Array.isArray(given) && kindOf(given) === undefined) {
    fail('OPTION', `call.${name}`, `must be a number or an array of numbers, got ${show(given)}`)
  }
  const list = given as ArrayLike<unknown>
  const length = lengthOf(list, `call.${name}`)
  if (length !== layers) {
    fail('SHAPE', `call.${name}`, `expected one number for each of ${layers} layers, got ${length}`)
  }
  const divisors = new Float64Array(layers)
  for (let i = 0; i < layers; i++) divisors[i] = checkDivisor(list[i], `call.${name}[${i}]`)
  return divisors
}

/** Two numbers of queries for each layer, flat, or none for the batch's own. */
function distilledFor({ distilledQueries }: Call, predictions: Predictions): Float64Array | undefined {
  if (distilledQueries === undefined) return undefined
  const name = 'call.distilledQueries'
  if (!Array.isArray(distilledQueries)) {
    fail('OPTION', name, `must be an array of pairs of numbers, got ${show(distilledQueries)}`)
  }
  const layers = countLayers(predictions)
  const length = lengthOf(distilledQueries, name)
  if (length !== layers) fail('SHAPE', name, `expected one pair for each of ${layers} layers, got ${length}`)
  const numbers = new Float64Array(2 * layers)
  for (let i = 0; i < layers; i++) {
    const pair: unknown = distilledQueries[i]
    if (!(Array.isArray(pair) || kindOf(pair) !== undefined) || (pair as ArrayLike<unknown>).length !== 2) {
      fail('OPTION', `${name}[${i}]`, `must be a pair of numbers, got ${show(pair)}`)
    }
    for (let k = 0; k < 2; k++) {
      const number: unknown = (pair as ArrayLike<unknown>)[k]
      if (!(typeof number === 'number' && number >= 0 && number < Infinity)) {
        fail('OPTION', `${name}[${i}][${k}]`, `must be a finite number from 0 on, got ${show(number)}`)
      }
      numbers[2 * i + k] = number
    }
  }
  return numbers
}
