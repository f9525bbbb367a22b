/** Polygons against a boundary that is followed step by step, as pycocotools does it. */
import { describe, expect, test } from 'vitest'
import { maskFromPolygons } from '../../src/index.ts'
import { randomNumbers } from '../support/helpers.ts'

const SCALE = 5

/** Points of an edge, one for each fifth of a pixel along the axis on which it is longer. */
function edge([x0, y0]: Point, [x1, y1]: Point): Point[] {
  const [dx, dy] = [Math.abs(x1 - x0), Math.abs(y1 - y0)]
  const isFlat = dx >= dy
  const isFlipped = isFlat ? x0 > x1 : y0 > y1
  const [xs, ys, xe, ye] = isFlipped ? [x1, y1, x0, y0] : [x0, y0, x1, y1]
  const length = Math.max(dx, dy)
  const slope = length === 0 ? 0 : (isFlat ? ye - ys : xe - xs) / length
  const points = Array.from({ length: length + 1 }, (_, t): Point => {
    const [along, across] = [(isFlat ? xs : ys) + t, Math.trunc((isFlat ? ys : xs) + slope * t + 0.5)]
    return isFlat ? [along, across] : [across, along]
  })
  return isFlipped ? points.toReversed() : points
}

type Point = readonly [x: number, y: number]

/** The mask of a polygon by all points of its boundary, row-major. */
function followed(polygon: readonly number[], [height, width]: readonly [number, number]): Uint8Array {
  const scaled = polygon.map((coordinate) => Math.trunc(SCALE * coordinate + 0.5))
  const corners = Array.from({ length: scaled.length / 2 }, (_, i): Point => [scaled[2 * i]!, scaled[2 * i + 1]!])
  const points = corners.flatMap((corner, i) => edge(corner, corners[(i + 1) % corners.length]!))
  const flips = new Uint8Array(height * width + 1)
  for (let i = 1; i < points.length; i++) {
    const [[lastU, lastV], [u, v]] = [points[i - 1]!, points[i]!]
    const x = (Math.min(u, lastU) + 0.5) / SCALE - 0.5
    if (u === lastU || !Number.isInteger(x) || x < 0 || x >= width) continue
    const y = (Math.min(v, lastV) + 0.5) / SCALE - 0.5
    flips[x * height + Math.ceil(Math.min(Math.max(y, 0), height))]! ^= 1
  }
  const pixels = new Uint8Array(height * width)
  let isWithin = 0
  for (let i = 0; i < height * width; i++) {
    isWithin ^= flips[i]!
    pixels[(i % height) * width + Math.floor(i / height)] = isWithin
  }
  return pixels
}

describe('maskFromPolygons:', () => {
  test.each([1, 10, 100, 2000])('what is %i pixels wide is drawn as by following its boundary', (spread) => {
    const random = randomNumbers(spread)
    const upTo = (count: number) => Math.floor(count * random())
    for (let round = 0; round < 500; round++) {
      const size = [1 + upTo(20), 1 + upTo(20)] as const
      const unit = [1, 0.5, 1e-9][round % 3]!
      const coordinate = () => Math.round((10 + (random() - 0.5) * spread) / unit) * unit
      const polygon = Array.from({ length: 2 * (3 + upTo(6)) }, coordinate)
      expect(maskFromPolygons([polygon], size), JSON.stringify({ size, polygon })).toEqual(followed(polygon, size))
    }
  })

  test('what goes far beyond the image takes no longer for it', () => {
    const far = 1.6e7
    const around = [-far, -far, far, 3 - far, far, far, 3 - far, far]
    const pixels = maskFromPolygons(
      Array.from({ length: 50 }, () => around),
      [48, 64],
    )
    expect(pixels.every((pixel) => pixel === 1)).toBe(true)
    expect(maskFromPolygons([[-far, -far, 2, 2, far, far, far, -far]], [4, 4])).toEqual(
      Uint8Array.of(0, 1, 1, 1, 0, 0, 1, 1, 0, 0, 0, 1, 0, 0, 0, 0),
    )
  })
})
