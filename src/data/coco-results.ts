/** From detections to COCO's result files. */
import { convertBox, readBoxFormat, SAME_UNITS, TOO_LARGE, toPixels } from '../common/box-format.ts'
import type { BoxFormat, Scale } from '../common/box-format.ts'
import { fail } from '../common/errors.ts'
import { checkMemory } from '../common/memory.ts'
import { toReadError } from '../common/reading.ts'
import { failNumber, lengthOf, numbersOf } from '../common/tensors.ts'
import { checkFlag, checkInteger, checkRecord, isObject, show } from '../common/validate.ts'
import type { ForeignNames } from '../common/words.ts'
import type { EncodedMask, Masks } from '../masks/masks.ts'
import { readMasks } from '../masks/read.ts'
import { boxOf, encodePixels } from '../masks/run-length.ts'
import { checkMaskSize } from '../masks/size.ts'
import type { ReadSize } from '../masks/size.ts'
import { BOX_SIZE } from '../terms/boxes.ts'
import { readId } from './coco-dataset.ts'
import type { CocoId } from './coco-dataset.ts'
import { readSize } from './sizes.ts'

/** Detections of one image, such as {@link toDetections} gives; further fields are ignored. */
export interface DetectionsLike {
  /** `[n · 4]`, flat. It may be absent where there are masks, whose boxes are then the results'. */
  readonly boxes?: ArrayLike<number> | undefined
  /** `[n]`. */
  readonly scores: ArrayLike<number>
  /** `[n]`: classes. */
  readonly labels: ArrayLike<number>
  /** What the four numbers of a box are. It must be there where there are boxes. */
  readonly boxFormat?: BoxFormat | undefined
  /** Of each a mask, of the size of its image: pixels, bits, run lengths or polygons. */
  readonly masks?: Masks | undefined
}

/** Settings of {@link toCocoResults}. */
export interface CocoResultOptions {
  /** The image of each entry, as {@link cocoTargets} gives them: `{ id }`, with `width` and `height` for normalised boxes. */
  readonly images: ReadonlyArray<{
    readonly id: CocoId
    readonly width?: number | undefined
    readonly height?: number | undefined
  }>
  /** The category of each class, likewise. */
  readonly classes: ReadonlyArray<{ readonly id: CocoId }>
  /**
   * Whether boxes are parts of the image's width and height, which COCO's are not. Default: false, pixels; unless it is said, boxes that
   * all lie within [0, 1] are refused, since they were meant to be scaled.
   */
  readonly normalized?: boolean | undefined
  /** Decimals that boxes are rounded to, 0 to 15; COCO's own results have 2. Default: none are rounded. */
  readonly boxDigits?: number | undefined
  /** Decimals that scores are rounded to, 0 to 15. Scores that become equal are ordered otherwise. Default: none are rounded. */
  readonly scoreDigits?: number | undefined
}

/** An entry of COCO's result files. */
export interface CocoResult {
  /** The image. */
  readonly image_id: CocoId
  /** The category of the detection's class. */
  readonly category_id: CocoId
  /** Left, top, width and height in pixels. */
  readonly bbox: [number, number, number, number]
  /** The probability. */
  readonly score: number
  /** The mask, where the detections have any. */
  readonly segmentation?: EncodedMask
}

const OPTIONS = ['images', 'classes', 'normalized', 'boxDigits', 'scoreDigits'] as const

const NAMES: ForeignNames = new Map([
  ['digits', ['boxDigits']],
  ['categories', ['classes']],
  ['imageids', ['images']],
  ['categoryids', ['classes']],
  ['normalizedboxes', ['normalized']],
])

/**
 * Detections as entries of COCO's result files, which `JSON.stringify` makes such a file of: for evaluation by other tools, or COCO's
 * server.
 *
 * `detections`: of each image, in the order of `images`, with boxes in pixels of the original image, as {@link toDetections} gives them
 * with `sizes`; with masks, or with masks alone. Masks become run lengths in pycocotools' code.
 *
 * Throws `SHAPE` where lists differ in length, `RANGE` for a label without a class and for normalised boxes that are not said to be so,
 * `NON_FINITE`, `DTYPE` and `OPTION`.
 *
 * Source: cocodataset.org, "Results Format".
 *
 * @example
 * const results = toCocoResults(toDetections(outputs, { criterion, sizes: images }), { images, classes })
 * await writeFile('results.json', JSON.stringify(results))
 */
export function toCocoResults(detections: readonly DetectionsLike[], options: CocoResultOptions): CocoResult[]
export function toCocoResults(detections: unknown, options: unknown): CocoResult[] {
  let argument = 'options'
  try {
    const { images, classes, normalized, boxDigits, scoreDigits } = checkRecord(options, OPTIONS, argument, NAMES)
    const round = {
      box: rounding(boxDigits, 'options.boxDigits'),
      score: rounding(scoreDigits, 'options.scoreDigits'),
    }
    const isNormalized = checkFlag(normalized, false, 'options.normalized')
    const imageList = readEntries(images, 'options.images', (image, name): ReadImage => {
      const id = readId(image['id'], `${name}.id`)
      if (!isNormalized) return { id, name, scale: SAME_UNITS, sides: [image['width'], image['height']] }
      const sides = readSize(image, name)
      return { id, name, scale: toPixels(sides), sides }
    })
    const categories = readEntries(classes, 'options.classes', ({ id }, name) => readId(id, `${name}.id`))
    argument = 'detections'
    if (!Array.isArray(detections)) {
      fail('DTYPE', argument, `must be an array with one entry for each image, got ${show(detections)}`)
    }
    const count = lengthOf(detections, argument)
    if (count !== imageList.length) {
      fail('SHAPE', argument, `expected one entry for each of ${imageList.length} images, got ${count}`)
    }
    const read = imageList.map((entry, image) => readEntry(detections[image], image, categories, entry))
    if (normalized === undefined) checkPixels(read)
    return imageList.flatMap((entry, image) => resultsOf(read[image] as ReadDetections, entry, image, round))
  } catch (error) {
    throw toReadError(error, argument)
  }
}

/** Rounds to decimals, or not at all. */
function rounding(digits: unknown, argument: string): (value: number) => number {
  if (digits === undefined) return (value) => value
  const decimals = checkInteger(digits, 0, 15, argument)
  return (value) => Number(value.toFixed(decimals))
}

/** The entries of a list of objects, each read. */
function readEntries<Read>(
  list: unknown,
  argument: string,
  read: (entry: Record<string, unknown>, name: string) => Read,
): readonly Read[] {
  if (!Array.isArray(list)) fail('OPTION', argument, `must be an array of { id }, as of cocoTargets, got ${show(list)}`)
  const length = lengthOf(list, argument)
  const entries: Read[] = []
  for (let i = 0; i < length; i++) {
    const entry: unknown = list[i]
    const name = `${argument}[${i}]`
    if (!isObject(entry)) fail('DTYPE', name, `must be { id }, got ${show(entry)}`)
    entries.push(read(entry, name))
  }
  return entries
}

/** An image of the detections, read. */
interface ReadImage {
  readonly id: CocoId
  /** What messages call it. */
  readonly name: string
  readonly scale: Scale
  /** Width and height as they were given, which masks alone need unless boxes are normalised. */
  readonly sides: readonly [width: unknown, height: unknown]
}

/** Detections of an image, read. */
interface ReadDetections {
  /** Undefined where they are those of the masks. */
  readonly boxes: readonly number[] | undefined
  readonly boxFormat: BoxFormat
  readonly scores: readonly number[]
  /** The category of each. */
  readonly categories: readonly CocoId[]
  readonly masks: ReadonlyArray<{ readonly segmentation: EncodedMask; readonly box: Box }> | undefined
}

/** Left, top, width and height. */
type Box = CocoResult['bbox']

function readEntry(entry: unknown, image: number, known: readonly CocoId[], of: ReadImage): ReadDetections {
  const name = `detections[${image}]`
  if (!isObject(entry)) return fail('DTYPE', name, `must be { boxes, scores, labels }, got ${show(entry)}`, { image })
  const { boxes, scores, labels, boxFormat, masks } = entry
  const scoreList = readNumbers(scores, `${name}.scores`, image)
  const count = scoreList.length
  const categories = readNumbers(labels, `${name}.labels`, image, count).map((label, i) => {
    const category = known[label]
    if (category !== undefined) return category
    const rule = `must hold classes from 0 to ${known.length - 1}, got ${label} at index ${i}`
    return fail('RANGE', `${name}.labels`, rule, { image, detection: i })
  })
  const maskList = masks === undefined ? undefined : readDetected(masks, `${name}.masks`, image, count, sizeIn(of))
  const read = { scores: scoreList, categories, masks: maskList }
  if (boxes === undefined && maskList !== undefined) return { ...read, boxes: undefined, boxFormat: 'xywh' }
  const boxList = readNumbers(boxes, `${name}.boxes`, image, count, BOX_SIZE)
  return { ...read, boxes: boxList, boxFormat: readBoxFormat(boxFormat, undefined, count, name, image) }
}

/** The size of an image's masks, where the image says its own. */
function sizeIn({ sides: [width, height], name }: ReadImage): ReadSize | undefined {
  return width === undefined && height === undefined ? undefined : checkMaskSize(height, width, name)
}

/** The masks of an image's detections, encoded, and the boxes around them. */
function readDetected(value: unknown, argument: string, image: number, expected: number, size: ReadSize | undefined) {
  const { data, count, ...sides } = readMasks(value, argument, { image }, size)
  if (count !== expected) {
    fail('SHAPE', argument, `expected ${expected} masks, as many as go with the scores, got ${count}`, { image })
  }
  const pixels = sides.height * sides.width
  return Array.from({ length: count }, (_, i) => {
    const mask = data.subarray(i * pixels, (i + 1) * pixels)
    return { segmentation: encodePixels(mask, sides), box: boxOf(mask, sides) }
  })
}

/** No rounding brings a normalised coordinate beyond. */
const PIXELS = 1.5

/** Refuses boxes that are all within [0, 1], for which no detector's pixels are taken. */
function checkPixels(detections: readonly ReadDetections[]): void {
  const first = detections.findIndex(({ boxes }) => boxes?.some((value) => value > 0))
  if (first < 0 || detections.some(({ boxes }) => boxes?.some((value) => value > PIXELS))) return
  const cure = 'give toDetections the sizes of the images, or say normalized: true (or false, if they are pixels)'
  fail('RANGE', `detections[${first}].boxes`, `all boxes lie within [0, 1], where COCO has pixels: ${cure}`, {
    image: first,
  })
}

function resultsOf(
  { boxes, boxFormat, scores, categories, masks }: ReadDetections,
  { id, scale }: ReadImage,
  image: number,
  round: { readonly box: (value: number) => number; readonly score: (value: number) => number },
): CocoResult[] {
  return scores.map((score, i) => {
    const mask = masks?.[i]
    const bbox = (boxes?.slice(BOX_SIZE * i, BOX_SIZE * i + BOX_SIZE) ?? mask?.box) as Box
    if (boxes !== undefined && !convertBox(bbox, 0, boxFormat, 'xywh', scale)) {
      fail('NON_FINITE', `detections[${image}].boxes`, `box ${i} ${TOO_LARGE}`, { image, detection: i })
    }
    return {
      image_id: id,
      category_id: categories[i] as CocoId,
      bbox: bbox.map(round.box) as Box,
      score: round.score(score),
      ...(mask && { segmentation: mask.segmentation }),
    }
  })
}

/** The most numbers of an image. */
const MAX_NUMBERS = 2 ** 26

/** A flat list of finite numbers. `count`: how many detections there are, where that is known; `width`: the numbers of each. */
function readNumbers(value: unknown, argument: string, image: number, count?: number, width = 1): number[] {
  const list = numbersOf(value)
  if (list === undefined) return fail('DTYPE', argument, `must be an array of numbers, got ${show(value)}`, { image })
  if (ArrayBuffer.isView(list)) checkMemory(list, argument)
  const length = lengthOf(list, argument)
  if (length > MAX_NUMBERS) fail('SHAPE', argument, `may have at most ${MAX_NUMBERS} numbers, got ${length}`, { image })
  if (count !== undefined && length !== width * count) {
    fail('SHAPE', argument, `expected ${width * count} numbers, as many as go with the scores, got ${length}`, {
      image,
    })
  }
  const numbers: number[] = []
  for (let i = 0; i < length; i++) {
    const number = list[i]
    if (typeof number !== 'number' || !Number.isFinite(number)) failNumberAt(number, argument, i, width, image)
    numbers.push(number)
  }
  return numbers
}

function failNumberAt(value: unknown, argument: string, index: number, width: number, image: number): never {
  const place = { image, detection: Math.floor(index / width) }
  if (typeof value !== 'number') return failNumber(value, argument, `at index ${index}`, place)
  return fail('NON_FINITE', argument, `must be finite, got ${value} at index ${index}`, place)
}
