/** Detections and targets of one image as callers have them: every field read once, every value checked. */
import { readBoxFormat } from '../common/box-format.ts'
import type { BoxFormat } from '../common/box-format.ts'
import { fail } from '../common/errors.ts'
import type { ErrorPlace } from '../common/errors.ts'
import { checkMemory, kindOf } from '../common/memory.ts'
import { toReadError } from '../common/reading.ts'
import { failNumber, failType, isNumeric, lengthOf, numbersOf } from '../common/tensors.ts'
import { isRecord, shorten, show, showKnown } from '../common/validate.ts'
import { foreignName } from '../common/words.ts'
import type { ForeignNames } from '../common/words.ts'
import type { PackedDetections, PackedTargets } from './packed.ts'

/** Boxes of four numbers each: flat, or a row for each; typed or not. */
export type BoxRows = ArrayLike<number> | ReadonlyArray<ArrayLike<number>>

/** Classes, from 0. */
export type ClassLabels = ArrayLike<number> | ArrayLike<bigint>

/** What was detected in one image: `n` boxes, `n ≥ 0`, in any order. `toDetections` gives such. */
export interface ImageDetections {
  /** `n` boxes of four numbers, −1e9 to 1e9. */
  readonly boxes: BoxRows
  /** `[n]`: any finite numbers, the best largest. Of equal ones the first comes first. */
  readonly scores: ArrayLike<number>
  /** `[n]`: classes, from 0. */
  readonly labels: ClassLabels
  /**
   * How the boxes are written, in pixels. Default: as the evaluator's options say. Where it is said here, sides may be below 0, as untrained
   * models have them: such a box overlaps nothing.
   */
  readonly boxFormat?: BoxFormat | undefined
  /** Which queries they come from; not looked at. */
  readonly queryIndices?: ArrayLike<number> | undefined
}

/** What there is to be found in one image: `n` objects, `n ≥ 0`. `cocoTargets` gives such. */
export interface ImageGroundTruth {
  /**
   * Which image it is: an integer or a string of its own. Images count in the order of their ids, integers before strings, which
   * decides between equal scores. Default: the number of images before, where no image has an id.
   */
  readonly id?: number | string | undefined
  /** `n` boxes of four numbers, −1e9 to 1e9. */
  readonly boxes: BoxRows
  /** `[n]`: classes, from 0. */
  readonly labels: ClassLabels
  /**
   * `[n]`: which objects are to be ignored, as crowds are (`iscrowd`): true or 1, otherwise false or 0. None need be found, and
   * detections of their class that lie in one do not count. Default: none.
   */
  readonly ignore?: ArrayLike<boolean | number> | undefined
  /**
   * `[n]`: the areas that ranges are compared with, finite, as annotations have them, where an area is that of the object's mask.
   * One below 0 lies in no range, so that its object is ignored. Default: those of the boxes.
   */
  readonly areas?: ArrayLike<number> | undefined
  /** How the boxes are written, in pixels. Default: as the evaluator's options say. Where it is said here, sides may be below 0. */
  readonly boxFormat?: BoxFormat | undefined
}

const DETECTION_KEYS = ['boxes', 'scores', 'labels', 'boxFormat', 'queryIndices'] as const
const TARGET_KEYS = ['id', 'boxes', 'labels', 'ignore', 'areas', 'boxFormat'] as const

/** COCO's and others' names. */
const NAMES: ForeignNames = new Map([
  ['bbox', ['boxes']],
  ['bboxes', ['boxes']],
  ['score', ['scores']],
  ['conf', ['scores']],
  ['confidences', ['scores']],
  ['class', ['labels']],
  ['classes', ['labels']],
  ['category', ['labels']],
  ['categoryid', ['labels']],
  ['categoryids', ['labels']],
  ['classlabels', ['labels']],
  ['area', ['areas']],
  ['iscrowd', ['ignore']],
  ['crowd', ['ignore']],
  ['crowds', ['ignore']],
  ['imageid', ['id']],
  ['format', ['boxFormat']],
])

/** The largest magnitude of a number of a box. */
const LARGEST = 1e9

/** Where something stands: what messages call its image's entry, and the place. */
export interface Where {
  readonly name: string
  readonly image: number
  /** What one of it is called in a place. */
  readonly noun: 'detection' | 'target'
}

function placeOf({ image, noun }: Where, index: number): ErrorPlace {
  return { image, [noun]: index }
}

/** Reads the detections of an image, and writes them behind the others; gives their number. */
export function readDetections(
  entry: unknown,
  where: Where,
  numClasses: number,
  format: BoxFormat | undefined,
  out: PackedDetections,
): number {
  try {
    const given = checkEntry(entry, DETECTION_KEYS, where, '{ boxes, scores, labels }')
    const { boxes, scores, labels, boxFormat } = given
    const labelList = labelsOf(labels, where, entry)
    const count = lengthOf(labelList, `${where.name}.labels`)
    const its = readBoxFormat(boxFormat, format, count, where.name, where.image)
    const scoreList = valuesOf(scores, 'scores', count, where, entry)
    const boxList = boxesOf(boxes, count, where, entry)
    out.reserve(count)
    const { count: start } = out
    writeLabels(labelList, count, numClasses, out.labels, start, where)
    writeNumbers(scoreList, count, out.scores, start, 'scores', where)
    for (let i = 0; i < count; i++) {
      const score = out.scores[start + i] as number
      if (!Number.isFinite(score)) {
        fail('NON_FINITE', `${where.name}.scores`, `must be finite, got ${score} at index ${i}`, placeOf(where, i))
      }
    }
    writeBoxes(boxList, count, its, boxFormat !== undefined, out.boxes, start, where)
    return count
  } catch (error) {
    throw toReadError(error, where.name)
  }
}

/** Reads the targets of an image, and writes them behind the others; gives their number and the image's id. */
export function readTargets(
  entry: unknown,
  where: Where,
  numClasses: number,
  format: BoxFormat | undefined,
  out: PackedTargets,
): { readonly count: number; readonly id: unknown } {
  try {
    const given = checkEntry(entry, TARGET_KEYS, where, '{ boxes, labels }')
    const { id, boxes, labels, ignore, areas, boxFormat } = given
    const labelList = labelsOf(labels, where, entry)
    const count = lengthOf(labelList, `${where.name}.labels`)
    const its = readBoxFormat(boxFormat, format, count, where.name, where.image)
    const boxList = boxesOf(boxes, count, where, entry)
    const ignoreList = ignore === undefined ? undefined : valuesOf(ignore, 'ignore', count, where, entry)
    const areaList = areas === undefined ? undefined : valuesOf(areas, 'areas', count, where, entry)
    out.reserve(count)
    const { count: start } = out
    writeLabels(labelList, count, numClasses, out.labels, start, where)
    writeBoxes(boxList, count, its, boxFormat !== undefined, out.boxes, start, where)
    writeFlags(ignoreList, count, out.crowds, start, where)
    if (areaList === undefined) writeOwnAreas(count, out, start)
    else writeAreas(areaList, count, out.areas, start, where)
    return { count, id }
  } catch (error) {
    throw toReadError(error, where.name)
  }
}

/** An object of named fields, all of which are known. */
function checkEntry<Key extends string>(
  entry: unknown,
  known: readonly Key[],
  { name, image }: Where,
  expected: string,
): { readonly [K in Key]?: unknown } {
  if (!isRecord(entry)) fail('DTYPE', name, `must be ${expected}, got ${show(entry)}`, { image })
  for (const key in entry) {
    if ((known as readonly string[]).includes(key) || !Object.hasOwn(entry, key) || entry[key] === undefined) continue
    const rule = `there is no such key; ${showKnown(key, known, foreignName(key, known, NAMES))}`
    fail('OPTION', `${name}.${shorten(key)}`, rule, { image })
  }
  return entry as { readonly [K in Key]?: unknown }
}

/** A list of numbers or flags, typed or not, of which there is one for each label. */
function valuesOf(value: unknown, field: string, count: number, { name, image }: Where, entry: unknown) {
  const argument = `${name}.${field}`
  const list = numbersOf(value)
  if (list === undefined) failType(value, 'an array of numbers', argument, entry, '', { image })
  if (ArrayBuffer.isView(list)) checkMemory(list, argument)
  const length = lengthOf(list, argument)
  if (length !== count)
    fail('SHAPE', argument, `expected ${count} values, one for each label, got ${length}`, { image })
  return list
}

/** A list of labels. */
function labelsOf(value: unknown, { name, image }: Where, entry: unknown): ArrayLike<unknown> {
  const kind = kindOf(value)
  if (kind === undefined && !Array.isArray(value))
    failType(value, 'an array of integers', `${name}.labels`, entry, '', { image })
  if (kind !== undefined) checkMemory(value as Int32Array, `${name}.labels`)
  return value as ArrayLike<unknown>
}

/** Boxes, flat or in rows, four numbers for each label. */
interface BoxList {
  readonly list: ArrayLike<unknown>
  readonly isFlat: boolean
}

function boxesOf(value: unknown, count: number, { name, image }: Where, entry: unknown): BoxList {
  const argument = `${name}.boxes`
  const kind = kindOf(value)
  if (kind === undefined ? !Array.isArray(value) : !isNumeric(kind)) {
    failType(value, 'an array of numbers or of rows of 4', argument, entry, '', { image })
  }
  const list = value as ArrayLike<unknown>
  if (kind !== undefined) checkMemory(value as Float64Array, argument)
  const length = lengthOf(list, argument)
  const first = kind === undefined && length > 0 ? list[0] : undefined
  const isFlat = typeof first !== 'object' || first === null
  if (length === (isFlat ? 4 * count : count)) return { list, isFlat }
  return fail('SHAPE', argument, `expected ${count} boxes of 4 numbers, one for each label, got ${length} entries`, {
    image,
  })
}

function writeLabels(
  list: ArrayLike<unknown>,
  count: number,
  numClasses: number,
  out: Int32Array,
  start: number,
  where: Where,
): void {
  for (let i = 0; i < count; i++) {
    const value = list[i]
    const label = typeof value === 'bigint' ? Number(value) : value
    if (!(Number.isInteger(label) && (label as number) >= 0 && (label as number) < numClasses)) {
      const rule = `must be an integer from 0 to ${numClasses - 1}, got ${show(value)} at index ${i}`
      fail(typeof label === 'number' ? 'RANGE' : 'DTYPE', `${where.name}.labels`, rule, placeOf(where, i))
    }
    out[start + i] = label as number
  }
}

function writeNumbers(
  list: ArrayLike<unknown>,
  count: number,
  out: Float64Array,
  start: number,
  field: string,
  where: Where,
): void {
  for (let i = 0; i < count; i++) {
    const value = list[i]
    if (typeof value !== 'number') {
      failNumber(value, `${where.name}.${field}`, `at index ${i}`, placeOf(where, i))
    }
    out[start + i] = value
  }
}

/**
 * Writes boxes as left, top, width and height. `isCertain`: whether they are certainly of this format; of others a side below 0 is taken
 * for a sign that they are not.
 */
function writeBoxes(
  { list, isFlat }: BoxList,
  count: number,
  format: BoxFormat | undefined,
  isCertain: boolean,
  out: Float64Array,
  start: number,
  where: Where,
): void {
  const argument = `${where.name}.boxes`
  const four = [0, 0, 0, 0] as [number, number, number, number]
  for (let i = 0; i < count; i++) {
    const row = isFlat ? list : rowOf(list[i], i, where)
    const from = isFlat ? 4 * i : 0
    for (let k = 0; k < 4; k++) {
      const value = row[from + k]
      if (typeof value !== 'number') failNumber(value, argument, `in box ${i}`, placeOf(where, i))
      if (!(Math.abs(value) <= LARGEST)) failComponent(value, i, where)
      four[k] = value
    }
    const [a, b, c, d] = four
    const [width, height] = format === 'xyxy' ? [c - a, d - b] : [c, d]
    const least = isCertain ? -LARGEST : 0
    if (!(Math.min(width, height) >= least && Math.max(width, height) <= LARGEST)) {
      failSize(width, height, least, i, where)
    }
    const isCentered = format === 'cxcywh'
    const at = 4 * (start + i)
    out[at] = isCentered ? a - width / 2 : a
    out[at + 1] = isCentered ? b - height / 2 : b
    out[at + 2] = width
    out[at + 3] = height
    if (isCentered && !(Math.abs(out[at] as number) <= LARGEST && Math.abs(out[at + 1] as number) <= LARGEST)) {
      failComponent(out[at] as number, i, where)
    }
  }
}

function rowOf(value: unknown, i: number, where: Where): ArrayLike<unknown> {
  const argument = `${where.name}.boxes`
  const row = numbersOf(value)
  if (row === undefined)
    fail('DTYPE', argument, `must have 4 numbers in box ${i}, got ${show(value)}`, placeOf(where, i))
  if (ArrayBuffer.isView(row)) checkMemory(row, argument)
  const length = lengthOf(row, argument)
  if (length !== 4) fail('SHAPE', argument, `must have 4 numbers in box ${i}, got ${length}`, placeOf(where, i))
  return row
}

function failComponent(value: number, i: number, where: Where): never {
  const code = Number.isFinite(value) ? 'RANGE' : 'NON_FINITE'
  return fail(code, `${where.name}.boxes`, `must be from -1e9 to 1e9, got ${value} in box ${i}`, placeOf(where, i))
}

function failSize(width: number, height: number, least: number, i: number, where: Where): never {
  const isWide = width >= least && width <= LARGEST
  const [side, value] = isWide ? ['height', height] : ['width', width]
  const hint = value < least && least === 0 ? '; is its boxFormat another? If not, say it beside the boxes' : ''
  return fail(
    'RANGE',
    `${where.name}.boxes`,
    `must have a ${side} from ${least === 0 ? 0 : '-1e9'} to 1e9, got ${value} in box ${i}${hint}`,
    placeOf(where, i),
  )
}

function writeFlags(
  list: ArrayLike<unknown> | undefined,
  count: number,
  out: Uint8Array,
  start: number,
  where: Where,
): void {
  if (list === undefined) {
    out.fill(0, start, start + count)
    return
  }
  for (let i = 0; i < count; i++) {
    const flag = list[i]
    if (flag !== true && flag !== false && flag !== 0 && flag !== 1) {
      const rule = `must be true, false, 0 or 1, got ${show(flag)} at index ${i}`
      fail('DTYPE', `${where.name}.ignore`, rule, placeOf(where, i))
    }
    out[start + i] = Number(flag)
  }
}

function writeOwnAreas(count: number, { boxes, areas }: PackedTargets, start: number): void {
  for (let i = start; i < start + count; i++) {
    areas[i] = (boxes[4 * i + 2] as number) * (boxes[4 * i + 3] as number)
  }
}

function writeAreas(list: ArrayLike<unknown>, count: number, out: Float64Array, start: number, where: Where): void {
  writeNumbers(list, count, out, start, 'areas', where)
  for (let i = 0; i < count; i++) {
    const area = out[start + i] as number
    if (Number.isFinite(area)) continue
    fail('NON_FINITE', `${where.name}.areas`, `must be finite, got ${area} at index ${i}`, placeOf(where, i))
  }
}
