/**
 * Masks as polygons, drawn exactly as pycocotools draws them: the boundary is followed in steps of a fifth of a pixel, and a pixel lies
 * within where an odd number of crossings of its column's centre lie above it.
 *
 * Source: cocodataset/cocoapi, `common/maskApi.c` (`rleFrPoly`, `rleMerge`).
 */
import { fail } from '../common/errors.ts'
import type { ErrorPlace } from '../common/errors.ts'
import { checkMemory } from '../common/memory.ts'
import { lengthOf, numbersOf } from '../common/tensors.ts'
import { show } from '../common/validate.ts'
import { paintRun } from './run-length.ts'
import type { ReadSize } from './size.ts'

/** Coordinates beyond are no pixels, and their boundary would take seconds to follow. */
const MAX_COORDINATE = 2 ** 24

const RULE = 'must be [x0, y0, x1, y1, …], at least three points'

/** Reads the polygons of a mask. */
export function readPolygons(value: unknown, argument: string, place?: ErrorPlace): ReadonlyArray<readonly number[]> {
  if (!Array.isArray(value)) {
    return fail('DTYPE', argument, `must be an array of polygons [x0, y0, x1, y1, …], got ${show(value)}`, place)
  }
  const length = lengthOf(value, argument)
  const polygons: Array<readonly number[]> = []
  for (let i = 0; i < length; i++) {
    const polygon: unknown = value[i]
    if (typeof polygon === 'number') {
      fail('DTYPE', argument, 'must be an array of polygons, got the numbers of one: put it in an array', place)
    }
    polygons.push(readPolygon(polygon, `${argument}[${i}]`, place))
  }
  return polygons
}

function readPolygon(value: unknown, argument: string, place?: ErrorPlace): readonly number[] {
  const list = numbersOf(value)
  if (list === undefined) return fail('DTYPE', argument, `${RULE}, got ${show(value)}`, place)
  if (ArrayBuffer.isView(list)) checkMemory(list, argument)
  const length = lengthOf(list, argument)
  if (typeof list[0] === 'object' && list[0] !== null) {
    fail(
      'DTYPE',
      argument,
      `${RULE}, got ${show(list[0])} at index 0 (a point? give x and y one after the other)`,
      place,
    )
  }
  if (length % 2 !== 0) fail('SHAPE', argument, `${RULE}, got an odd number of coordinates, ${length}`, place)
  if (length < 6) {
    const box = length === 4 ? ' (a box? give its corners)' : ''
    fail('SHAPE', argument, `${RULE}, got ${length / 2}${box}`, place)
  }
  const polygon: number[] = []
  for (let i = 0; i < length; i++) {
    const number = list[i]
    if (typeof number !== 'number')
      fail('DTYPE', argument, `must hold numbers, got ${show(number)} at index ${i}`, place)
    if (!Number.isFinite(number)) fail('NON_FINITE', argument, `must be finite, got ${number} at index ${i}`, place)
    if (Math.abs(number) > MAX_COORDINATE) {
      fail('RANGE', argument, `must lie within ±${MAX_COORDINATE} pixels, got ${number} at index ${i}`, place)
    }
    polygon.push(number)
  }
  return polygon
}

/** Sets the pixels of a mask to 1 that lie within a polygon; others stay. `pixels`: those of the mask, row-major. */
export function paintPolygon(polygon: readonly number[], size: ReadSize, pixels: Uint8Array): void {
  const crossings = crossingsOf(polygon, size)
  const last = size.height * size.width
  for (let i = 0; i < crossings.length; i += 2) {
    paintRun(crossings[i] as number, crossings[i + 1] ?? last, size, pixels)
  }
}

/** Steps of the boundary in a pixel. */
const SCALE = 5

/** Where a polygon begins or ends, as pixels counted down the columns, ascending. */
function crossingsOf(polygon: readonly number[], { height, width }: ReadSize): Uint32Array {
  const points = Array.from(polygon, (coordinate) => Math.trunc(SCALE * coordinate + 0.5))
  const crossings: number[] = []
  let [lastU, lastV, isFirst] = [0, 0, true]
  for (let i = 0; i < points.length; i += 2) {
    const next = (i + 2) % points.length
    followEdge(
      points[i] as number,
      points[i + 1] as number,
      points[next] as number,
      points[next + 1] as number,
      (u, v) => {
        if (!isFirst && u !== lastU) {
          const x = ((u < lastU ? u : u - 1) + 0.5) / SCALE - 0.5
          if (Number.isInteger(x) && x >= 0 && x <= width - 1) {
            const y = (Math.min(v, lastV) + 0.5) / SCALE - 0.5
            crossings.push(x * height + Math.ceil(Math.min(Math.max(y, 0), height)))
          }
        }
        ;[lastU, lastV, isFirst] = [u, v, false]
      },
    )
  }
  return Uint32Array.from(crossings).sort()
}

/** Visits the points of an edge, one for each step along the axis on which it is longer. */
function followEdge(x0: number, y0: number, x1: number, y1: number, visit: (u: number, v: number) => void): void {
  const [dx, dy] = [Math.abs(x1 - x0), Math.abs(y1 - y0)]
  const isFlat = dx >= dy
  const isFlipped = isFlat ? x0 > x1 : y0 > y1
  const [xs, ys, xe, ye] = isFlipped ? [x1, y1, x0, y0] : [x0, y0, x1, y1]
  const length = isFlat ? dx : dy
  const slope = length === 0 ? 0 : (isFlat ? ye - ys : xe - xs) / length
  for (let d = 0; d <= length; d++) {
    const t = isFlipped ? length - d : d
    if (isFlat) visit(xs + t, Math.trunc(ys + slope * t + 0.5))
    else visit(Math.trunc(xs + slope * t + 0.5), ys + t)
  }
}
