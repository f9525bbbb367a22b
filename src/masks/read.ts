/** Masks in any of their forms as bytes. */
import { fail } from '../common/errors.ts'
import type { ErrorPlace } from '../common/errors.ts'
import { kindOf } from '../common/memory.ts'
import { toReadError } from '../common/reading.ts'
import { dataIn, lengthOf, shapeOf, showShape } from '../common/tensors.ts'
import { isObject, show, showKeys } from '../common/validate.ts'
import type { ByteMasks, Segmentation } from './masks.ts'
import { axisHint, readBits, readPixels } from './pixels.ts'
import { paintPolygon, readPolygons } from './polygons.ts'
import { paintCounts, readCounts } from './run-length.ts'
import { checkMaskSize, checkSameSize, readMaskSize } from './size.ts'
import type { ReadSize } from './size.ts'

/** A mask that has been read and not yet drawn. */
export interface ReadMask {
  readonly size: ReadSize
  /** The mask once more, in memory of its own. */
  readonly form: Segmentation
  /** Sets its pixels to 1, where all are 0. */
  readonly paint: (pixels: Uint8Array) => void
}

/** What is looked at of masks. */
export interface MaskScope {
  /** As {@link PixelScope} has it. */
  readonly coreChecks?: boolean
  /** How many masks count; those after them are padding, and may be anything. Default: all. */
  readonly counted?: number | undefined
  /** Whether it is a plane of the image, so that no target is to blame. Default: false. */
  readonly isSingle?: boolean
}

/**
 * The masks of an image, see {@link Masks}, as bytes: a `Uint8Array` of pixels as it is, all else in memory of its own. With `size` they must
 * be of that, and a list may have bare polygons, as COCO's `segmentation` does. An empty list without it is of size 0 by 0, as pixels
 * or bits of shape `[0, 0, 0]`.
 */
export function readMasks(
  value: unknown,
  argument: string,
  place?: ErrorPlace,
  size?: ReadSize,
  { coreChecks = false, counted = Infinity, isSingle = false }: MaskScope = {},
): ByteMasks {
  try {
    if (Array.isArray(value)) return readList(value, argument, place, size, counted)
    if (!isObject(value)) return failForm(value, argument, place)
    const { bits } = value
    const pixels = bits === undefined ? dataIn(value, argument) : undefined
    if (bits === undefined && pixels === undefined) return failForm(value, argument, place)
    if (bits !== undefined && value['data'] !== undefined) {
      fail('DTYPE', argument, 'must have either data or bits, got both', place)
    }
    const shape = shapeOf(value, argument)
    if (shape.length !== 3)
      fail('SHAPE', argument, `must be of shape [n, h, w], got ${showShape(shape)}${axisHint(shape, 3)}`, place)
    const [count, rows, columns] = shape as [number, number, number]
    // as an empty list, what has no mask may say no size
    const isUnsized = count === 0 && rows === 0 && columns === 0
    const own = isUnsized ? (size ?? NO_SIZE) : checkMaskSize(rows, columns, argument, place)
    checkSameSize(own, size, SIZE, argument, place)
    const { height, width } = own
    const pixelsOfMask = height * width
    const at = { argument, place, pixels: isSingle ? undefined : pixelsOfMask }
    const data =
      bits === undefined
        ? readPixels(pixels, shape, at, value, { coreChecks, counted: Math.min(counted, count) * pixelsOfMask })
        : readBits(bits, shape, { ...at, argument: `${argument}.bits` })
    return { data, count, height, width }
  } catch (error) {
    throw toReadError(error, argument)
  }
}

const NO_SIZE: ReadSize = { height: 0, width: 0 }

/** Whose size is given beforehand. */
const SIZE = 'the image'

const FORMS =
  'must be { data, shape: [n, h, w] }, { bits, shape } or an array of { counts, size } and { polygons, size }'

function failForm(value: unknown, argument: string, place?: ErrorPlace): never {
  return fail('DTYPE', argument, `${FORMS}, got ${show(value)}${formHint(value)}`, place)
}

/** What may be meant by masks of no form. */
function formHint(value: unknown): string {
  if (value === null) return ' (no mask is known? give empty ones, and 0 in hasMask)'
  if (kindOf(value) !== undefined) return ' (pixels? say their shape)'
  return isObject(value) && (value['counts'] ?? value['polygons']) !== undefined
    ? ' (a single mask? put it in an array)'
    : ''
}

/** Likewise by an entry of a list. */
function entryHint(value: unknown): string {
  if (value === null || value === undefined) return ' (a mask that is not known? give an empty one, and 0 in hasMask)'
  if (typeof value === 'string') return ' (the code of run lengths? { counts, size } has it as counts)'
  const isPixels = kindOf(value) !== undefined || (isObject(value) && value['data'] !== undefined)
  return isPixels ? ' (pixels? those of all targets go in one { data, shape: [n, h, w] })' : ''
}

/** The masks of a list, an entry for each. All are read before memory is taken for any. */
function readList(
  list: readonly unknown[],
  argument: string,
  place: ErrorPlace | undefined,
  size: ReadSize | undefined,
  counted: number,
): ByteMasks {
  const count = lengthOf(list, argument)
  const masks: ReadMask[] = []
  for (let target = 0; target < Math.min(count, counted); target++) {
    const [name, where] = [`${argument}[${target}]`, { ...place, target }]
    const mask = readSegmentation(list[target], name, where, size)
    checkSameSize(mask.size, masks[0]?.size, `mask 0`, `${name}.size`, where)
    masks.push(mask)
  }
  const { height, width } = masks[0]?.size ?? size ?? { height: 0, width: 0 }
  const pixels = height * width
  const data = new Uint8Array(count * pixels)
  for (const [i, { paint }] of masks.entries()) paint(data.subarray(i * pixels, (i + 1) * pixels))
  return { data, count, height, width }
}

/** Reads one mask of a list. `expected`: the size that it must have, where that is known. */
export function readSegmentation(value: unknown, argument: string, place?: ErrorPlace, expected?: ReadSize): ReadMask {
  if (Array.isArray(value)) {
    if (expected === undefined) {
      const rule =
        'bare polygons need a size: { polygons, size: [h, w] } (or rows of pixels? { data, shape: [n, h, w] })'
      fail('DTYPE', argument, rule, place)
    }
    return polygonMask(value, expected, argument, place)
  }
  if (!isObject(value)) {
    const rule = `must be { counts, size } or { polygons, size }, got ${show(value)}${entryHint(value)}`
    return fail('DTYPE', argument, rule, place)
  }
  const { counts, polygons, size: given } = value
  if ((counts === undefined) === (polygons === undefined)) {
    const rule = `must be { counts, size } or { polygons, size }, got an object ${showKeys(value)}${entryHint(value)}`
    fail('DTYPE', argument, rule, place)
  }
  const size = given === undefined && expected !== undefined ? expected : readMaskSize(given, `${argument}.size`, place)
  checkSameSize(size, expected, SIZE, `${argument}.size`, place)
  if (counts === undefined) return polygonMask(polygons, size, `${argument}.polygons`, place)
  const runs = readCounts(counts, size, `${argument}.counts`, place)
  const form = { counts: typeof counts === 'string' ? counts : runs, size: [size.height, size.width] }
  return { size, form, paint: (pixels) => paintCounts(runs, size, pixels) }
}

function polygonMask(value: unknown, size: ReadSize, argument: string, place?: ErrorPlace): ReadMask {
  const polygons = readPolygons(value, argument, place)
  const paint = (pixels: Uint8Array): void => {
    for (const polygon of polygons) paintPolygon(polygon, size, pixels)
  }
  return { size, form: { polygons, size: [size.height, size.width] }, paint }
}
