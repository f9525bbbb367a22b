/** Masks from one form to another, for callers: to pixels, and to run lengths. */
import { constructorOf, WITH_JSON } from '../common/plain.ts'
import { toReadError } from '../common/reading.ts'
import type { FloatData, IntegerData } from '../common/tensors.ts'
import type { EncodedMask, Masks, MaskSize, NestedFlags, Polygons, Segmentation } from './masks.ts'
import { readPixels } from './pixels.ts'
import { paintPolygon, readPolygons } from './polygons.ts'
import { readMasks } from './read.ts'
import { encodePixels } from './run-length.ts'
import { readMaskSize } from './size.ts'

/** Masks as pixels, as targets may have them. */
export interface DecodedMasks {
  /** `n · h · w` bytes, row-major: 1 within a mask, 0 outside. */
  readonly data: Uint8Array
  /** `[n, h, w]`. */
  readonly shape: [number, number, number]
}

const PlainMasks = constructorOf<DecodedMasks, [Uint8Array, [number, number, number]]>(function (data, shape) {
  this.data = data
  this.shape = shape
}, WITH_JSON)

/**
 * The masks of an image's targets as pixels, from any of their forms: pixels, bits, COCO's run lengths, polygons. A
 * `Uint8Array` of pixels is given back as it is, and is no copy.
 *
 * `size`: what they must be of, `[height, width]` or an image's `{ height, width }`. With it an entry of a list may also be as COCO's
 * `segmentation` is, polygons without a size; without it an empty list, which has none, is of shape `[0, 0, 0]`.
 *
 * Throws, with argument and target: `SHAPE` for lengths that do not fit, sizes that differ, run lengths that do not add up to the pixels, a
 * polygon of fewer than three points or an odd number of coordinates; `RANGE` for values other than 0 and 1 and code that is none; `NON_FINITE`,
 * `DTYPE`, `MEMORY`.
 *
 * @example
 * const triangle = [[0, 0, 4, 0, 4, 4]]
 * const { data, shape } = decodeMasks([triangle, { counts: [12, 4], size: [4, 4] }], [4, 4])
 */
export function decodeMasks(
  masks: Masks | ReadonlyArray<Segmentation | Polygons['polygons']>,
  size?: MaskSize,
): DecodedMasks
export function decodeMasks(masks: unknown, size?: unknown): DecodedMasks {
  let argument = 'size'
  try {
    const expected = size === undefined ? undefined : readMaskSize(size, argument)
    argument = 'masks'
    const { data, count, height, width } = readMasks(masks, argument, undefined, expected)
    return new PlainMasks(data, [count, height, width])
  } catch (error) {
    throw toReadError(error, argument)
  }
}

/**
 * One mask as run lengths in pycocotools' code, as COCO's result files have it.
 *
 * `pixels`: `h · w` of 0 and 1, or false and true, row-major, flat or in rows. `size`: `[height, width]` or `{ height, width }`.
 *
 * Throws `SHAPE`, `RANGE`, `NON_FINITE`, `DTYPE` and `MEMORY`, as {@link decodeMasks}.
 *
 * @example
 * encodeMask([0, 1, 1, 1], [2, 2]) // { size: [2, 2], counts: '13' }
 */
export function encodeMask(
  pixels: FloatData | Exclude<IntegerData, BigInt64Array | BigUint64Array> | NestedFlags,
  size: MaskSize,
): EncodedMask
export function encodeMask(pixels: unknown, size: unknown): EncodedMask {
  let argument = 'size'
  try {
    const read = readMaskSize(size, argument)
    argument = 'pixels'
    const shape = [read.height, read.width]
    const bytes = readPixels(pixels, shape, { argument, place: undefined, pixels: undefined })
    return encodePixels(bytes, read)
  } catch (error) {
    throw toReadError(error, argument)
  }
}

/**
 * The pixels within some polygons, `h · w` bytes of 0 and 1, row-major, exactly as pycocotools draws them.
 *
 * `polygons`: each `[x0, y0, x1, y1, …]` in pixels, as COCO's `segmentation` has them; the mask is their union. `size`: `[height, width]` or
 * `{ height, width }`.
 *
 * Throws `SHAPE`, `RANGE`, `NON_FINITE`, `DTYPE` and `MEMORY`, as {@link decodeMasks}.
 *
 * @example
 * maskFromPolygons([[0, 0, 2, 0, 2, 2, 0, 2]], [2, 3]) // 1 1 0, 1 1 0
 */
export function maskFromPolygons(polygons: Polygons['polygons'], size: MaskSize): Uint8Array
export function maskFromPolygons(polygons: unknown, size: unknown): Uint8Array {
  let argument = 'size'
  try {
    const read = readMaskSize(size, argument)
    argument = 'polygons'
    const list = readPolygons(polygons, argument)
    const pixels = new Uint8Array(read.height * read.width)
    for (const polygon of list) paintPolygon(polygon, read, pixels)
    return pixels
  } catch (error) {
    throw toReadError(error, argument)
  }
}
