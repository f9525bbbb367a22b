/** What the four numbers of a box are, and how they become others. */

import { fail } from './errors.ts'
import { checkWord } from './validate.ts'

/**
 * What a box's four numbers are: `'xyxy'`, two corners (left, top, right, bottom); `'xywh'`, the first corner and the size, as
 * COCO annotates; `'cxcywh'`, the centre and the size, as DETR predicts.
 */
export type BoxFormat = 'xyxy' | 'xywh' | 'cxcywh'

/** All of them. */
export const BOX_FORMATS: readonly BoxFormat[] = ['xyxy', 'xywh', 'cxcywh']

/**
 * How the `count` boxes of an image are written, which nobody can guess, so that it must be said where there are any. `fallback`: what
 * is said for all images. `entry`: what messages call the image's.
 */
export function readBoxFormat(
  value: unknown,
  fallback: BoxFormat | undefined,
  count: number,
  entry: string,
  image: number,
): BoxFormat {
  const argument = `${entry}.boxFormat`
  const format = checkWord(value, BOX_FORMATS, fallback, argument)
  if (format !== undefined || count === 0) return format ?? 'xyxy'
  const words = BOX_FORMATS.map((word) => `'${word}'`).join(' or ')
  return fail('OPTION', argument, `must be given where there are boxes: ${words}`, { image })
}

/** The two numbers of a box along one axis, in another format: start and end, start and size, or centre and size. */
export function convertAxis(from: BoxFormat, to: BoxFormat, first: number, second: number): [number, number] {
  if (from === to) return [first, second]
  switch (from) {
    case 'xyxy':
      return [to === 'xywh' ? first : (first + second) / 2, second - first]
    case 'xywh':
      return to === 'xyxy' ? [first, first + second] : [first + second / 2, second]
    case 'cxcywh':
      return [first - second / 2, to === 'xyxy' ? first + second / 2 : second]
  }
}

/** How lengths become others, along x and y: multiplied or divided. */
export interface Scale {
  readonly factors: readonly [x: number, y: number]
  readonly divisors: readonly [x: number, y: number]
}

/** The units stay as they are. */
export const SAME_UNITS: Scale = { factors: [1, 1], divisors: [1, 1] }

/** Parts of an image of a size become pixels. */
export const toPixels = (size: readonly [number, number]): Scale => ({ factors: size, divisors: [1, 1] })

/** Pixels become parts of an image of a size. */
export const toParts = (size: readonly [number, number]): Scale => ({ factors: [1, 1], divisors: size })

/**
 * Converts a box in place, whose four numbers begin at `at`: the sums are made in pixels, where they are mostly exact. Gives whether the
 * numbers, which must be finite, have stayed so.
 */
export function convertBox(
  box: Float32Array | Float64Array | number[],
  at: number,
  from: BoxFormat,
  to: BoxFormat,
  { factors, divisors }: Scale,
): boolean {
  for (const axis of [0, 1] as const) {
    const factor = factors[axis]
    const [given, next] = [factor * (box[at + axis] as number), factor * (box[at + axis + 2] as number)]
    const [first, second] = convertAxis(from, to, given, next)
    box[at + axis] = first / divisors[axis]
    box[at + axis + 2] = second / divisors[axis]
  }
  for (let k = 0; k < 4; k++) {
    if (!Number.isFinite(box[at + k])) return false
  }
  return true
}

/** What to say of a box that {@link convertBox} has made infinite. */
export const TOO_LARGE = 'is too large to be converted: its numbers do not stay finite'
