/** The labels of the training example's pictures: none covers another one, and each stands where it is clear what it is of. */
import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { placeLabels } from '../../../examples/train-digits/report/labels.js'

interface Rect {
  x: number
  y: number
  width: number
  height: number
}
const CANVAS = { width: 64, height: 64 }
const SIZE = { width: 14, height: 5 }

const place = (boxes: Rect[], canvas: { width: number; height: number; lines?: number[][] } = CANVAS, size = SIZE) =>
  placeLabels(
    boxes.map((box) => ({ box, ...size })),
    canvas as Parameters<typeof placeLabels>[1],
  )
/** The labels themselves, of which all must have a place. */
const labelsOf = (...of: Parameters<typeof place>): Rect[] => place(...of).map((at) => Object.assign({ ...SIZE }, at!))
const gap = (a: Rect, b: Rect) => {
  const along = (a: number, aLength: number, b: number, bLength: number) =>
    Math.max(a, b) - Math.min(a + aLength, b + bLength)
  return Math.max(along(a.x, a.width, b.x, b.width), along(a.y, a.height, b.y, b.height))
}
const EXACT = 1e-9

const box = fc
  .tuple(fc.double({ min: 4, max: 30, noNaN: true }), fc.double({ min: 4, max: 30, noNaN: true }))
  .chain(([width, height]) =>
    fc.record({
      x: fc.double({ min: -2, max: 66 - width, noNaN: true }),
      y: fc.double({ min: -2, max: 66 - height, noNaN: true }),
      width: fc.constant(width),
      height: fc.constant(height),
    }),
  )

test('labels: of up to sixteen boxes anywhere, all have a place on the canvas and none covers another one', () => {
  fc.assert(
    fc.property(fc.array(box, { maxLength: 16 }), (boxes) => {
      const placed = labelsOf(boxes)
      placed.forEach((label, i) => {
        expect(label.x).toBeGreaterThanOrEqual(0)
        expect(label.y).toBeGreaterThanOrEqual(0)
        expect(label.x + label.width).toBeLessThanOrEqual(CANVAS.width + EXACT)
        expect(label.y + label.height).toBeLessThanOrEqual(CANVAS.height + EXACT)
        for (const other of placed.slice(0, i)) expect(gap(label, other)).toBeGreaterThanOrEqual(-EXACT)
      })
    }),
    { numRuns: 100 },
  )
})

test('labels: one by itself stands above the left of its box, and below where there is no room above', () => {
  const [above] = place([{ x: 20, y: 30, width: 18, height: 20 }])
  expect(above).toEqual({ x: 20, y: 30 - 0.6 - SIZE.height })
  const [below] = place([{ x: 20, y: 3, width: 18, height: 20 }])
  expect(below).toEqual({ x: 20, y: 23.6 })
})

test('labels: two boxes at one place have both labels at their edges', () => {
  const same = { x: 22, y: 22, width: 20, height: 20 }
  const [first, second] = labelsOf([{ ...same }, { ...same }])
  for (const label of [first!, second!]) {
    expect(gap(label, same)).toBeGreaterThanOrEqual(-EXACT)
    expect(gap(label, same)).toBeLessThan(1)
    expect(label).not.toHaveProperty('leader')
  }
  expect(gap(first!, second!)).toBeGreaterThanOrEqual(-EXACT)
})

test('labels: one keeps off other boxes and off lines', () => {
  const own = { x: 20, y: 30, width: 16, height: 16 }
  const above = { x: 15, y: 10, width: 30, height: 19 }
  const [label] = labelsOf([own, above])
  expect(gap(label!, above)).toBeGreaterThanOrEqual(-EXACT)
  const [level] = place([own], { ...CANVAS, lines: [[0, 27, 64, 27]] })
  expect(level!.y).toBeGreaterThan(30)
})

test('labels: one that fits between two boxes, but nearer to the other, stands elsewhere', () => {
  const own = { x: 20, y: 30, width: 16, height: 16 }
  const between = (distance: number) => place([own, { x: 20, y: 10, width: 16, height: 20 - distance }])[0]!.y
  expect(between(7)).toBeCloseTo(24.4)
  expect(between(5.8)).toBeGreaterThan(46)
})

test('labels: one would rather be crossed by a line than hide its own box', () => {
  const own = { x: 0, y: 5.6, width: 64, height: 58.4 }
  expect(place([own], { ...CANVAS, lines: [[0, 2.5, 64, 2.5]] })[0]!.y).toBeCloseTo(0)
})

test('labels: one makes way for another that has nowhere else to stand', () => {
  // the first likes to stand below its box, where alone the second touches its own; it can as well stand at its right
  const canvas = { width: 40, height: 20 }
  const boxes = [
    { x: 0, y: 0, width: 14, height: 10 },
    { x: 0, y: 16, width: 14, height: 4 },
    { x: 14.5, y: 11, width: 25.5, height: 9 },
  ]
  const [first, second] = labelsOf(boxes, canvas)
  expect(place(boxes.slice(0, 1), canvas)).toEqual([{ x: 0, y: 10.6 }])
  expect(first!.x).toBeGreaterThan(14)
  expect(second).toMatchObject({ x: 0 })
  expect(gap(second!, boxes[1]!)).toBeLessThan(1)
})

test('labels: one that finds no room near its box has a line to it', () => {
  const same = { x: 26, y: 26, width: 12, height: 12 }
  const boxes = Array.from({ length: 16 }, () => ({ ...same }))
  const placed = place(boxes)
  const far = placed.filter((at) => gap({ ...at!, ...SIZE }, same) > 3)
  expect(far.length).toBeGreaterThan(0)
  for (const { x, y, leader } of far as { x: number; y: number; leader: number[] }[]) {
    const point = (x: number, y: number) => ({ x, y, width: 0, height: 0 })
    expect(Math.abs(gap(point(leader[0]!, leader[1]!), { x, y, ...SIZE }))).toBeLessThan(EXACT)
    expect(Math.abs(gap(point(leader[2]!, leader[3]!), same))).toBeLessThan(EXACT)
  }
})

test('labels: those for which there is no room are left out, and no others', () => {
  const boxes = Array.from({ length: 5 }, (_, i) => ({ x: 4 * i, y: 1, width: 3, height: 3 }))
  const placed = place(boxes, { width: 28, height: 10 })
  expect(placed.filter(Boolean)).toHaveLength(4)
  expect(place(boxes, { width: 10, height: 10 })).toEqual(Array(5).fill(undefined))
  expect(place([])).toEqual([])
})
