/**
 * Masks as polygons, drawn exactly as pycocotools draws them: the boundary goes in steps of a fifth of a pixel, and a pixel lies within
 * where an odd number of crossings of its column's centre lie above it.
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

/** Coordinates beyond are no pixels. */
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

/** Steps of the boundary in a pixel, and the step before its centre. */
const SCALE = 5
const BEFORE_CENTRE = 2

/** Where a polygon begins or ends, as pixels counted down the columns, ascending. */
function crossingsOf(polygon: readonly number[], size: ReadSize): Uint32Array {
  const points = Array.from(polygon, (coordinate) => Math.trunc(SCALE * coordinate + 0.5))
  const crossings: number[] = []
  for (let i = 0; i < points.length; i += 2) {
    const next = (i + 2) % points.length
    crossColumns(
      points[i] as number,
      points[i + 1] as number,
      points[next] as number,
      points[next + 1] as number,
      size,
      crossings,
    )
  }
  return Uint32Array.from(crossings).sort()
}

/**
 * Where an edge crosses the centres of columns. It has a point for each step along the axis on which it is longer, of which those are
 * looked for that lie on either side of a centre: so it takes time by the columns, however far the edge goes.
 */
function crossColumns(
  x0: number,
  y0: number,
  x1: number,
  y1: number,
  { height, width }: ReadSize,
  crossings: number[],
): void {
  const [dx, dy] = [Math.abs(x1 - x0), Math.abs(y1 - y0)]
  const isFlat = dx >= dy
  const [xs, ys, xe, ye] = (isFlat ? x0 > x1 : y0 > y1) ? [x1, y1, x0, y0] : [x0, y0, x1, y1]
  const length = isFlat ? dx : dy
  const slope = length === 0 ? 0 : (isFlat ? ye - ys : xe - xs) / length
  const first = Math.max(0, Math.ceil((Math.min(xs, xe) - BEFORE_CENTRE) / SCALE))
  const last = Math.min(width - 1, Math.floor((Math.max(xs, xe) - BEFORE_CENTRE - 1) / SCALE))
  for (let x = first; x <= last; x++) {
    const before = SCALE * x + BEFORE_CENTRE
    const step = isFlat ? before + 1 - xs : stepBeyond(before, xs, slope, length)
    const [v, lastV] = isFlat ? [across(ys, slope, step), across(ys, slope, step - 1)] : [ys + step, ys + step - 1]
    const y = (Math.min(v, lastV) + 0.5) / SCALE - 0.5
    crossings.push(x * height + Math.ceil(Math.min(Math.max(y, 0), height)))
  }
}

/** Where an edge is across the axis on which it is longer, after so many steps. */
function across(start: number, slope: number, step: number): number {
  return Math.trunc(start + slope * step + 0.5)
}

/** The first step of a steep edge on the other side of a centre, by halving: its points never turn back. */
function stepBeyond(before: number, start: number, slope: number, length: number): number {
  let [near, beyond] = [0, length]
  while (beyond - near > 1) {
    const middle = Math.floor((near + beyond) / 2)
    if (across(start, slope, middle) > before === slope > 0) beyond = middle
    else near = middle
  }
  return beyond
}
