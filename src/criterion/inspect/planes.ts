/** The planes of bytes that targets have, such as masks, image by image. */
import type { PackedTargets } from '../../input/packing.ts'
import { TARGET_FIELDS } from '../../terms/index.ts'
import type { TargetEntry } from './entries.ts'

/** The planes of one image. */
export interface ImagePlanes {
  /** One after the other, row-major. */
  readonly data: Uint8Array
  readonly height: number
  readonly width: number
}

/** The planes of a field, one entry for each image; empty where the batch lacks it. */
export function planesOf({ planes, has }: PackedTargets, field: string): readonly ImagePlanes[] {
  if (planes === undefined) return []
  const { arrays, sizes } = planes
  const names = TARGET_FIELDS.flatMap(({ name, form }, i) => (form !== 'row' && has[i] === true ? [name] : []))
  const images = arrays.length / names.length
  const first = names.findIndex((name) => name === field) * images
  if (first < 0) return []
  return arrays.slice(first, first + images).map((data, i) => {
    return { data, height: sizes[2 * (first + i)] as number, width: sizes[2 * (first + i) + 1] as number }
  })
}

/** What one mask covers. */
export interface Extent {
  /** Pixels within it. */
  readonly area: number
  /** Left, top, right and bottom in pixels, the last ones not within; all 0 of an empty one. */
  readonly corners: readonly [number, number, number, number]
  /** The same number for the same pixels, and most likely for no others. */
  readonly hash: number
}

/** What a target's mask covers, pixels of `hidden` left out. */
export function extentOf({ data, height, width }: ImagePlanes, { target }: TargetEntry, hidden?: Uint8Array): Extent {
  const start = target * height * width
  let [left, top, right, bottom, area, hash] = [width, height, 0, 0, 0, 0]
  for (let y = 0, pixel = 0; y < height; y++) {
    for (let x = 0; x < width; x++, pixel++) {
      if (data[start + pixel] !== 1 || hidden?.[pixel] === 1) continue
      area++
      hash = (Math.imul(hash ^ pixel, 0x01000193) + pixel) | 0
      if (x < left) left = x
      if (x >= right) right = x + 1
      if (y < top) top = y
      bottom = y + 1
    }
  }
  return { area, corners: area === 0 ? [0, 0, 0, 0] : [left, top, right, bottom], hash }
}
