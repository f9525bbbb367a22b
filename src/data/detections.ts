/** From the outputs of a model to detections: scores, classes and boxes, the best first. */
import { convertBox, SAME_UNITS, TOO_LARGE, toPixels } from '../common/box-format.ts'
import type { Scale } from '../common/box-format.ts'
import { fail } from '../common/errors.ts'
import { constructorOf, WITH_JSON } from '../common/plain.ts'
import { toReadError } from '../common/reading.ts'
import { lengthOf } from '../common/tensors.ts'
import { checkInteger, checkRecord, MAX_SIZE, requireNumber, show } from '../common/validate.ts'
import type { ForeignNames } from '../common/words.ts'
import type { Outputs } from '../input/outputs.ts'
import { BOX_SIZE } from '../terms/boxes.ts'
import { readDetectionOutputs } from './detection-outputs.ts'
import type { DetectionTensors } from './detection-outputs.ts'
import { readDetector } from './detector.ts'
import type { Detector, DetectorOptions } from './detector.ts'
import { bestClasses, bestOfAll } from './select.ts'
import type { Chosen } from './select.ts'
import { readSize } from './sizes.ts'
import type { ImageSize } from './sizes.ts'

/** The detections of one image, the best first; of equal ones that of the lower query, then of the lower class, comes first. */
export interface Detections {
  /** `[n · 4]`: left, top, right, bottom; in pixels where sizes are given or the model predicts pixels, otherwise in [0, 1]. */
  readonly boxes: Float64Array
  /** `[n]`: probabilities, from 0 to 1. */
  readonly scores: Float64Array
  /** `[n]`: class ids, as those of targets are. */
  readonly labels: Int32Array
  /** `[n]`: the query of each, counted within its tensor. With a sigmoid kind a query may have several detections. */
  readonly queryIndices: Int32Array
  /** What the four numbers of a box are. */
  readonly boxFormat: 'xyxy'
}

/** Settings of {@link toDetections}. */
export interface DetectionOptions extends DetectorOptions {
  /**
   * At most so many detections of an image, at least 1. Default: with a sigmoid kind 100, as in Deformable DETR (DINO, RT-DETR and
   * D-FINE take 300); with softmax all queries, as in DETR.
   */
  readonly topK?: number | undefined
  /** Detections have scores above it, 0 to 1. Default: all are taken, as for evaluation by COCO. */
  readonly threshold?: number | undefined
  /**
   * The size of each image, `[width, height]` or `{ width, height }`, so that `images` of {@link cocoTargets} fit; boxes are then in
   * pixels of it. Must be absent where the model predicts pixels. Default: boxes stay in [0, 1].
   */
  readonly sizes?: readonly ImageSize[] | undefined
}

const OPTIONS = [
  'criterion',
  'kind',
  'noObjectIndex',
  'boxFormat',
  'normalizedBoxes',
  'topK',
  'threshold',
  'sizes',
] as const

/** What published post-processors call these options. */
const NAMES: ForeignNames = new Map([
  ['targetsizes', ['sizes']],
  ['origsizes', ['sizes']],
  ['imagesizes', ['sizes']],
  ['origtargetsizes', ['sizes']],
  ['numselect', ['topK']],
  ['numtopqueries', ['topK']],
  ['maxdetections', ['topK']],
  ['scorethreshold', ['threshold']],
  ['normalized', ['normalizedBoxes']],
])

/**
 * Detections from the last layer of a model's outputs, as the published post-processors make them: boxes as corners, and with
 *
 * - softmax (DETR): for each query its best class but no-object, and the probability of it among all classes and no-object;
 * - sigmoid kinds (Deformable DETR and its successors): of the probabilities of all queries and classes the `topK` best, so that a query
 *   may appear with several classes.
 *
 * Nothing is suppressed, since queries are trained to be different; and boxes are not clamped to the image.
 *
 * `outputs`: as for {@link HungarianLoss.compute}, `logits` of `[B, Q, C]` and `boxes` of `[B, Q, 4]`, or stacked layers, of which the
 * last counts. Queries for training alone have no detections: where `denoising` or `oneToMany` are ranges of queries, these are left
 * out, and of `groups` the first is taken, as the published code does in evaluation.
 *
 * Throws `SHAPE`, `DTYPE` and `OPTION` for what does not fit each other, `RANGE`, and `NON_FINITE` for NaN and infinities.
 *
 * Source: facebookresearch/detr, `PostProcess` of `models/detr.py`; fundamentalvision/Deformable-DETR, the same of
 * `models/deformable_detr.py`; both in float32, here in float64.
 *
 * @example
 * const [first] = toDetections(outputs, { criterion, threshold: 0.5, sizes: [[640, 480]] })
 * for (let i = 0; i < first.scores.length; i++) {
 *   console.log(first.labels[i], first.scores[i], first.boxes.slice(4 * i, 4 * i + 4))
 * }
 */
export function toDetections(outputs: Outputs, options: DetectionOptions): readonly Detections[]
export function toDetections(outputs: unknown, options: unknown): readonly Detections[] {
  let argument = 'options'
  try {
    const { topK, threshold, sizes, criterion, kind, noObjectIndex, boxFormat, normalizedBoxes } = checkRecord(
      options,
      OPTIONS,
      argument,
      NAMES,
    )
    const detector = readDetector({ criterion, kind, noObjectIndex, boxFormat, normalizedBoxes })
    const usual = detector.noObjectIndex === undefined ? USUAL_TOP_K : MAX_SIZE
    const most = topK === undefined ? usual : checkInteger(topK, 1, MAX_SIZE, 'options.topK')
    const least = threshold === undefined ? -1 : requireNumber(threshold, 0, 1, 'options.threshold')
    argument = 'outputs'
    const tensors = readDetectionOutputs(outputs, detector)
    argument = 'options.sizes'
    const scales = readScales(sizes, tensors.images, detector)
    argument = 'outputs'
    const detections: Detections[] = []
    for (let image = 0; image < tensors.images; image++) {
      checkFinite(tensors.logits, tensors.columns, 'outputs.logits', tensors, image)
      checkFinite(tensors.boxes, BOX_SIZE, 'outputs.boxes', tensors, image)
      const chosen = choose(tensors, image, least, most)
      detections.push(detectionsOf(chosen, tensors, image, detector, scales?.[image] ?? SAME_UNITS))
    }
    return detections
  } catch (error) {
    throw toReadError(error, argument)
  }
}

/** Deformable DETR's number of detections of an image. */
const USUAL_TOP_K = 100

/** How boxes become pixels, for each image; undefined where they stay as they are. */
function readScales(sizes: unknown, images: number, { normalizedBoxes }: Detector): readonly Scale[] | undefined {
  if (sizes === undefined) return undefined
  const name = 'options.sizes'
  if (!normalizedBoxes)
    fail('OPTION', name, 'must be absent where boxes are in pixels already (normalizedBoxes: false)')
  if (!Array.isArray(sizes)) fail('DTYPE', name, `must be an array of [width, height], got ${show(sizes)}`)
  const length = lengthOf(sizes, name)
  if (length !== images) {
    const hint =
      images === 1 && length === 2 && typeof sizes[0] === 'number' ? '; of a single image, [[width, height]]' : ''
    fail('SHAPE', name, `expected one size for each of ${images} images, got ${length}${hint}`)
  }
  const scales: Scale[] = []
  for (let image = 0; image < images; image++) scales.push(toPixels(readSize(sizes[image], `${name}[${image}]`)))
  return scales
}

/** Refuses values of the queries that detect. `width`: the numbers of a query. */
function checkFinite(
  values: Float32Array | Float64Array,
  width: number,
  name: string,
  { before, queries, range: [first, end] }: DetectionTensors,
  image: number,
): void {
  const start = (before + image) * queries * width
  for (let i = start + first * width; i < start + end * width; i++) {
    if (Number.isFinite(values[i])) continue
    const query = Math.floor((i - start) / width)
    fail('NON_FINITE', name, `must be finite, got ${values[i]} for query ${query} of image ${image}`, { image, query })
  }
}

function choose(tensors: DetectionTensors, image: number, threshold: number, most: number): Chosen {
  const { logits, columns, queries, before, noObject } = tensors
  const [first, end] = tensors.range
  const rows = { logits, start: (before + image) * queries * columns, columns, first, end }
  return noObject === undefined ? bestOfAll(rows, threshold, most) : bestClasses(rows, noObject, threshold, most)
}

const PlainDetections = constructorOf<Detections, [Float64Array, Float64Array, Int32Array, Int32Array]>(function (
  boxes,
  scores,
  labels,
  queryIndices,
) {
  this.boxes = boxes
  this.scores = scores
  this.labels = labels
  this.queryIndices = queryIndices
  this.boxFormat = 'xyxy'
}, WITH_JSON)

function detectionsOf(
  { queries: chosen, labels, scores }: Chosen,
  { boxes: all, before, queries }: DetectionTensors,
  image: number,
  { boxFormat }: Detector,
  scale: Scale,
): Detections {
  const boxes = new Float64Array(BOX_SIZE * chosen.length)
  for (const [i, query] of chosen.entries()) {
    const from = ((before + image) * queries + query) * BOX_SIZE
    for (let k = 0; k < BOX_SIZE; k++) boxes[BOX_SIZE * i + k] = all[from + k] as number
    if (convertBox(boxes, BOX_SIZE * i, boxFormat, 'xyxy', scale)) continue
    fail('NON_FINITE', 'outputs.boxes', `the box of query ${query} of image ${image} ${TOO_LARGE}`, { image, query })
  }
  return new PlainDetections(boxes, Float64Array.from(scores), Int32Array.from(labels), Int32Array.from(chosen))
}
