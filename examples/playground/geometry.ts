/** Boxes in coordinates of the image, 0 to 1: how they move, keep their size, and stay within it. */

/** Centre x and y, width and height. */
export type Box = readonly [cx: number, cy: number, width: number, height: number]

/** A point in the same coordinates. */
export interface Point {
  readonly x: number
  readonly y: number
}

/** The corners of a box, by their side of the centre. */
export interface Corner {
  readonly right: boolean
  readonly bottom: boolean
}

export const CORNERS: readonly Corner[] = [
  { right: false, bottom: false },
  { right: true, bottom: false },
  { right: true, bottom: true },
  { right: false, bottom: true },
]

/** The least side, so that a box can still be taken hold of. */
export const LEAST_SIDE = 0.02

const clamp = (value: number, least: number, most: number): number => Math.min(Math.max(value, least), most)

/** The nearest box that lies within the image: its size first, then its place. */
export function fit([cx, cy, width, height]: Box): Box {
  const [w, h] = [clamp(width, LEAST_SIDE, 1), clamp(height, LEAST_SIDE, 1)]
  return [clamp(cx, w / 2, 1 - w / 2), clamp(cy, h / 2, 1 - h / 2), w, h]
}

/** A box moved by a distance. */
export const moved = ([cx, cy, w, h]: Box, { x, y }: Point): Box => fit([cx + x, cy + y, w, h])

/** A box with both sides changed about its centre. */
export const grown = ([cx, cy, w, h]: Box, { x, y }: Point): Box => {
  // no more than there is room for, so that the centre stays
  const [most, tallest] = [2 * Math.min(cx, 1 - cx), 2 * Math.min(cy, 1 - cy)]
  return fit([cx, cy, Math.min(w + x, most), Math.min(h + y, tallest)])
}

/** Where a corner lies. */
export const cornerOf = ([cx, cy, w, h]: Box, { right, bottom }: Corner): Point => ({
  x: cx + (right ? w : -w) / 2,
  y: cy + (bottom ? h : -h) / 2,
})

/** A box with one corner drawn to a point; the opposite one stays, and is not passed. */
export function stretched(box: Box, corner: Corner, { x, y }: Point): Box {
  const fixed = cornerOf(box, { right: !corner.right, bottom: !corner.bottom })
  const [left, right] = extent(fixed.x, x, corner.right)
  const [top, bottom] = extent(fixed.y, y, corner.bottom)
  return [(left + right) / 2, (top + bottom) / 2, right - left, bottom - top]
}

/** From one end that stays to one that is drawn up or down. */
function extent(fixed: number, drawn: number, isUp: boolean): readonly [number, number] {
  return isUp ? [fixed, clamp(drawn, fixed + LEAST_SIDE, 1)] : [clamp(drawn, 0, fixed - LEAST_SIDE), fixed]
}

/** Whether a point lies in a box. */
export const contains = ([cx, cy, w, h]: Box, { x, y }: Point): boolean =>
  Math.abs(x - cx) <= w / 2 && Math.abs(y - cy) <= h / 2

/** Whether two boxes have a part in common. */
export const overlaps = (a: Box, b: Box): boolean =>
  Math.abs(a[0] - b[0]) < (a[2] + b[2]) / 2 && Math.abs(a[1] - b[1]) < (a[3] + b[3]) / 2
