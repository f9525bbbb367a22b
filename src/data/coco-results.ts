/** From detections to COCO's result files. */
import { fail } from '../common/errors.ts'
import { checkMemory, kindOf } from '../common/memory.ts'
import { toReadError } from '../common/reading.ts'
import { isNumeric, lengthOf, numbersOf } from '../common/tensors.ts'
import { checkFlag, checkInteger, checkRecord, checkWord, isObject, show } from '../common/validate.ts'
import type { ForeignNames } from '../common/words.ts'
import { BOX_SIZE } from '../terms/boxes.ts'
import { BOX_FORMATS, convertBox, SAME_UNITS, toPixels } from './box-format.ts'
import type { BoxFormat, Scale } from './box-format.ts'
import { readId } from './coco-dataset.ts'
import type { CocoId } from './coco-dataset.ts'
import { readSize } from './sizes.ts'

/** Detections of one image, such as {@link toDetections} gives; further fields are ignored. */
export interface DetectionsLike {
  /** `[n · 4]`, flat. */
  readonly boxes: ArrayLike<number>
  /** `[n]`. */
  readonly scores: ArrayLike<number>
  /** `[n]`: classes. */
  readonly labels: ArrayLike<number>
  /** What the four numbers of a box are. Default: `'xyxy'`. */
  readonly boxFormat?: BoxFormat | undefined
}

/** Settings of {@link toCocoResults}. */
export interface CocoResultOptions {
  /** The image of each entry, as {@link cocoTargets} gives them: `{ id }`, with `width` and `height` for normalised boxes. */
  readonly images: ReadonlyArray<{ readonly id: CocoId; readonly width?: number; readonly height?: number }>
  /** The category of each class, likewise. */
  readonly classes: ReadonlyArray<{ readonly id: CocoId }>
  /** Whether boxes are parts of the image's width and height, which COCO's are not. Default: false, pixels. */
  readonly normalized?: boolean | undefined
  /** Decimals that boxes are rounded to, 0 to 15; COCO's own results have 2. Default: none are rounded. */
  readonly boxDigits?: number | undefined
  /** Decimals that scores are rounded to, 0 to 15. Scores that become equal are ordered otherwise. Default: none are rounded. */
  readonly scoreDigits?: number | undefined
}

/** An entry of COCO's result files. */
export interface CocoResult {
  readonly image_id: CocoId
  readonly category_id: CocoId
  /** Left, top, width and height in pixels. */
  readonly bbox: [number, number, number, number]
  readonly score: number
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
 * with `sizes`.
 *
 * Throws `SHAPE` where lists differ in length, `RANGE` for a label without a class, `NON_FINITE`, `DTYPE` and `OPTION`.
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
    const imageList = readEntries(images, 'options.images', (image, name) => {
      const id = readId(image['id'], `${name}.id`)
      return { id, scale: isNormalized ? toPixels(readSize(image, name)) : SAME_UNITS }
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
    return imageList.flatMap((image, i) => resultsOf(detections[i], i, image, categories, round))
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

function resultsOf(
  entry: unknown,
  image: number,
  { id, scale }: { readonly id: CocoId; readonly scale: Scale },
  categories: readonly CocoId[],
  round: { readonly box: (value: number) => number; readonly score: (value: number) => number },
): CocoResult[] {
  const name = `detections[${image}]`
  if (!isObject(entry)) return fail('DTYPE', name, `must be { boxes, scores, labels }, got ${show(entry)}`, { image })
  const { boxes, scores, labels, boxFormat } = entry
  const format = checkWord(boxFormat, BOX_FORMATS, 'xyxy', `${name}.boxFormat`)
  const scoreList = readNumbers(scores, `${name}.scores`, image)
  const count = scoreList.length
  const labelList = readNumbers(labels, `${name}.labels`, image, count)
  const boxList = readNumbers(boxes, `${name}.boxes`, image, BOX_SIZE * count)
  return scoreList.map((score, i) => {
    const category = categories[labelList[i] as number]
    if (category === undefined) {
      const rule = `must hold classes from 0 to ${categories.length - 1}, got ${labelList[i]} at index ${i}`
      fail('RANGE', `${name}.labels`, rule, { image })
    }
    const bbox = boxList.slice(BOX_SIZE * i, BOX_SIZE * i + BOX_SIZE) as [number, number, number, number]
    convertBox(bbox, 0, format, 'xywh', scale)
    return {
      image_id: id,
      category_id: category,
      bbox: bbox.map(round.box) as [number, number, number, number],
      score: round.score(score),
    }
  })
}

/** The most numbers of an image. */
const MAX_NUMBERS = 2 ** 26

/** A flat list of finite numbers. `expected`: how many there must be. */
function readNumbers(value: unknown, argument: string, image: number, expected?: number): number[] {
  const list = numbersOf(value)
  if (list === undefined || (ArrayBuffer.isView(list) && !isNumeric(kindOf(list)))) {
    return fail('DTYPE', argument, `must be an array of numbers, got ${show(value)}`, { image })
  }
  if (ArrayBuffer.isView(list)) checkMemory(list, argument)
  const length = lengthOf(list, argument)
  if (length > MAX_NUMBERS) fail('SHAPE', argument, `may have at most ${MAX_NUMBERS} numbers, got ${length}`, { image })
  if (expected !== undefined && length !== expected) {
    fail('SHAPE', argument, `expected ${expected} numbers, as many as go with the scores, got ${length}`, { image })
  }
  const numbers: number[] = []
  for (let i = 0; i < length; i++) {
    const number = list[i]
    if (typeof number !== 'number')
      fail('DTYPE', argument, `must hold numbers, got ${show(number)} at index ${i}`, { image })
    if (!Number.isFinite(number)) fail('NON_FINITE', argument, `must be finite, got ${number} at index ${i}`, { image })
    numbers.push(number)
  }
  return numbers
}
