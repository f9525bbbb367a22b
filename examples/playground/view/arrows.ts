/** Arrows of a gradient: where a step would move the centre of a box, and which sides it would make longer or shorter. */
import type { Box, Point } from '../geometry.ts'

/** Of the picture's width, an arrow that is as long as any; and the gradient that has two thirds of it. */
const [LONGEST, USUAL] = [0.11, 2.2]
/** Shorter ones are not drawn. */
const SHORTEST = 2
const HEAD = 6

/** In pixels: longer for larger gradients, but never endless. */
const lengthOf = (gradient: number, size: Point): number =>
  LONGEST * size.x * (1 - Math.exp(-Math.abs(gradient) / USUAL))

/** The path of an arrow in pixels, or an empty one where it is too short to be seen. */
export function arrow(from: Point, way: Point): string {
  const length = Math.hypot(way.x, way.y)
  if (length < SHORTEST) return ''
  const [ux, uy] = [way.x / length, way.y / length]
  const [x, y] = [from.x + way.x, from.y + way.y]
  const head = Math.min(HEAD, length)
  const wing = (side: number): string =>
    `${show(x - head * ux + side * head * 0.6 * uy)} ${show(y - head * uy - side * head * 0.6 * ux)}`
  return `M${show(from.x)} ${show(from.y)}L${show(x)} ${show(y)}M${wing(1)}L${show(x)} ${show(y)}L${wing(-1)}`
}

/** The path of the centre's arrow: along minus the gradient. `size`: of the picture in pixels. */
export function centreArrow([cx, cy]: Box, [gx, gy]: Box, size: Point): string {
  const gradient = Math.hypot(gx, gy)
  if (gradient === 0) return ''
  const length = lengthOf(gradient, size)
  return arrow({ x: cx * size.x, y: cy * size.y }, { x: (-gx / gradient) * length, y: (-gy / gradient) * length })
}

/** The paths of the sides' arrows: outwards where a step would make the box larger. */
export function sizeArrows([cx, cy, w, h]: Box, [, , gw, gh]: Box, size: Point): string {
  const at = (x: number, y: number): Point => ({ x: x * size.x, y: y * size.y })
  const [across, down] = [(-Math.sign(gw) * lengthOf(gw, size)) / 2, (-Math.sign(gh) * lengthOf(gh, size)) / 2]
  return [
    arrow(at(cx + w / 2, cy), { x: across, y: 0 }),
    arrow(at(cx - w / 2, cy), { x: -across, y: 0 }),
    arrow(at(cx, cy + h / 2), { x: 0, y: down }),
    arrow(at(cx, cy - h / 2), { x: 0, y: -down }),
  ].join('')
}

const show = (value: number): string => value.toFixed(1)
