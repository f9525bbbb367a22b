/** What an inspection finds of points, and of fields that nothing trains. */
import { describe, expect, test } from 'vitest'
import { HungarianLoss, inspectBatch } from '../../../src/index.ts'
import type { Finding, HungarianLossOptions } from '../../../src/index.ts'
import { errorOf, randomNumbers, untyped } from '../../support/helpers.ts'

const random = randomNumbers(11)
const tensor = (...shape: number[]) => ({
  data: Float32Array.from({ length: shape.reduce((a, b) => a * b) }, random),
  shape,
})
const moved = ({ data, shape }: ReturnType<typeof tensor>, change: (value: number) => number) => ({
  data: data.map(change),
  shape,
})
const logits = moved(tensor(2, 6, 2), (value) => 4 * value - 2)
const none = { l1: 0, giou: 0 }
const weights = { ...none, pointL1: 5 }
const pose = (options: Partial<HungarianLossOptions> = {}) =>
  HungarianLoss.deformableDetr({ numClasses: 2, cost: weights, weights, ...options })
const points = tensor(2, 6, 3, 2)

const RIGHT = [[[0.2, 0.25], [0.5, 0.5], [0.75, 0.125]], [[0.5, 0.125], [0.25, 0.5], [1, 1]]] // prettier-ignore

/** What is found but notes of the classes; two targets in the first image, none in the second. */
function found(
  rows: readonly unknown[],
  more: object = {},
  criterion = pose(),
  outputs: object = { logits, points },
): Partial<Record<Finding['code'], Finding>> {
  const targets = [{ labels: [0, 1], points: rows, ...more }, { labels: [] }]
  const findings = inspectBatch(untyped(outputs), untyped(targets), criterion)
  return Object.fromEntries(findings.map((finding) => [finding.code, finding]))
}

describe('inspectBatch: of points', () => {
  test('nothing is found where they are right, whatever is known of them', () => {
    for (const visibility of [
      undefined,
      [
        [2, 1, 2],
        [1, 0, 2],
      ],
      [
        [true, true, true],
        [false, true, true],
      ],
    ])
      // prettier-ignore
      expect(found(RIGHT, { visibility })).toEqual({})
  })

  test.each([NaN, -Infinity])('those that are not finite are found with their place: %d', (value) => {
    const all = found([RIGHT[0], [[0.5, 0.125], [value, 0.5], [1, 1]]], { visibility: [[1, 1, 1], [1, 0, 1]] }) // prettier-ignore
    expect(all['non-finite']).toMatchObject({ severity: 'error', count: 1, total: 2, place: { image: 0, target: 1 } })
    expect(all['non-finite']?.message).toMatch(/^Target points must be finite/)
    expect(Object.keys(all)).toEqual(['non-finite'])
  })

  test('pixels are found, which are refused', () => {
    const pixels = [RIGHT[0]!.map((point) => point.map((value) => 640 * value)), RIGHT[1]]
    const all = found(pixels)
    expect(Object.values(all)).toMatchObject([
      { code: 'pixel-targets', severity: 'error', argument: 'targets[0].points', count: 1, total: 2 },
    ])
    expect(all['pixel-targets']?.message).toMatch(/normalizedPoints: false/)
    const targets = untyped([{ labels: [0, 1], points: pixels }, { labels: [] }])
    expect(errorOf(() => pose().compute({ logits, points }, untyped(targets))).code).toBe('RANGE')
    expect(found(pixels, {}, pose({ normalizedPoints: false }))).not.toHaveProperty('pixel-targets')
  })

  test.each([-0.01, 1.2])('those that leave [0, 1] by a little are found, and refused: %d', (value) => {
    const all = found([RIGHT[0], [[0.5, 0.125], [0.25, value], [1, 1]]]) // prettier-ignore
    expect(Object.values(all)).toMatchObject([
      { code: 'point-outside-range', severity: 'error', count: 1, total: 2, place: { image: 0, target: 1 } },
    ])
    expect(found([RIGHT[0], [[0.5, 0.125], [0.25, 1 + 5e-5], [1, 1]]])).toEqual({}) // prettier-ignore
  })

  test('targets whose known points are all the same one', () => {
    const rows = [[[0.5, 0.5], [0.5, 0.5], [0.1, 0.2]], RIGHT[1]] // prettier-ignore
    expect(found(rows)).toEqual({})
    const [alike, single] = [[[1, 1, 0], [1, 1, 1]], [[1, 0, 0], [1, 1, 1]]] // prettier-ignore
    expect(found(rows, { visibility: alike })).toMatchObject({
      'degenerate-points': {
        severity: 'warning',
        count: 1,
        total: 2,
        example: [0.5, 0.5, 0.5, 0.5, 0.1, 0.2].map(Math.fround),
      },
    })
    expect(found(rows, { visibility: single })).toEqual({})
    expect(found(rows, { visibility: alike, ignore: [1, 0] })).not.toHaveProperty('degenerate-points')
  })

  test('areas of 0, by which nothing is alike', () => {
    expect(found(RIGHT, { pointAreas: [0.1, 0] })).toMatchObject({
      'no-area': { severity: 'warning', argument: 'targets[0].pointAreas', count: 1, total: 2, place: { target: 1 } },
    })
    expect(found(RIGHT, { pointAreas: [0.1, 0.2] })).toEqual({})
    expect(found(RIGHT, { pointAreas: [0, 0.2], ignore: [1, 0] })).not.toHaveProperty('no-area')
  })

  test('targets without a known point: a note of some, a warning of all', () => {
    expect(
      found(RIGHT, {
        visibility: [
          [0, 0, 0],
          [0, 0, 1],
        ],
      }),
    ).toMatchObject({
      // prettier-ignore
      'no-known-point': { severity: 'note', argument: 'targets[0].visibility', count: 1, total: 2, example: [0, 0, 0] },
    })
    const all = { visibility: [[0, 0, 0], [0, 0, 0]] } // prettier-ignore
    expect(found(RIGHT, all)['no-known-point']).toMatchObject({ severity: 'warning', count: 2, total: 2 })
    expect(found(RIGHT, { ...all, ignore: [true, true] })).not.toHaveProperty('no-known-point')
  })

  test('points at the origin, unless visibility says what they are', () => {
    const rows = [[[0.2, 0.25], [0, 0], [0.75, 0.125]], [[0.5, 0], [0, 0.5], [1, 1]]] // prettier-ignore
    expect(found(rows)).toMatchObject({
      'unlabelled-points': { severity: 'warning', count: 1, total: 2, place: { image: 0, target: 0 } },
    })
    expect(found(rows, { visibility: [[1, 0, 1], [1, 1, 1]] })).toEqual({}) // prettier-ignore
    expect(found(rows, { visibility: [[1, 1, 1], [1, 1, 1]] })).toEqual({}) // prettier-ignore
  })

  test('predictions in pixels beside normalised targets, and the other way about', () => {
    const far = found(RIGHT, {}, pose(), { logits, points: moved(points, (value) => 640 * value + 3) })
    expect(far['pixel-predictions']).toMatchObject({
      severity: 'warning',
      argument: 'outputs.points',
      count: 12,
      total: 12,
      place: { image: 0, query: 0 },
    })
    expect(far['pixel-predictions']?.message).toMatch(/^Predicted points lie far outside/)
    const pixels = RIGHT.map((row) => row.map((point) => point.map((value) => 640 * value)))
    const near = found(pixels, {}, pose({ normalizedPoints: false }))
    expect(near['normalized-predictions']?.message).toMatch(/^All predicted points lie within/)
    expect(found(RIGHT, {}, pose({ normalizedPoints: false }))).toEqual({})
  })
})

describe('inspectBatch: fields that nothing trains are found:', () => {
  const boxes = moved(tensor(2, 6, 4), (value) => 0.25 + 0.25 * value)
  const rows = [[0.5, 0.5, 0.2, 0.2], [0.25, 0.5, 0.2, 0.1]] // prettier-ignore
  const untrained = (criterion: HungarianLoss, outputs: object, target: object) =>
    inspectBatch(untyped(outputs), untyped([{ labels: [0, 1], ...target }, { labels: [] }]), criterion).filter(
      ({ code }) => code === 'untrained-field',
    )
  const detr = (options: object = {}) => HungarianLoss.deformableDetr({ numClasses: 2, ...options })

  test('points beside boxes, in all layers that have them', () => {
    const layer = { logits, boxes, points }
    const [finding, ...others] = untrained(detr(), { ...layer, auxiliary: [layer] }, { boxes: rows, points: RIGHT })
    expect(others).toEqual([])
    expect(finding).toMatchObject({ severity: 'warning', argument: 'outputs.auxiliary[0].points', count: 2, total: 2 })
    expect(finding?.example).toBe(0)
    expect(finding?.message).toMatch(/^Nothing trains the points.*weights\.pointL1 a value above 0, or leave them out/)
    const { gradients } = detr().compute(layer, [{ labels: [0], boxes: [rows[0]!] }, { labels: [] }])
    expect(gradients.points.every((slope) => slope === 0)).toBe(true)
  })

  test('spans, corners, and boxes beside points', () => {
    const spans = moved(tensor(2, 6, 2), (value) => value / 2)
    expect(untrained(detr(), { logits, boxes, spans }, { boxes: rows })).toMatchObject([
      { severity: 'warning', message: expect.stringMatching(/weights\.spanL1, weights\.spanGiou/) },
    ])
    const edges = { corners: tensor(2, 6, 132), references: boxes }
    expect(untrained(detr(), { logits, boxes, ...edges }, { boxes: rows })).toMatchObject([
      { argument: 'outputs.corners', message: expect.stringMatching(/weights\.fgl, weights\.ddf/) },
    ])
    expect(untrained(pose(), { logits, boxes, points }, { boxes: rows, points: RIGHT })).toMatchObject([
      { severity: 'warning', argument: 'outputs.boxes' },
    ])
  })

  test('a note of those that help to match alone', () => {
    const outputs = { logits, boxes, points }
    const target = { boxes: rows, points: RIGHT }
    expect(untrained(detr({ cost: { pointL1: 1 } }), outputs, target)).toMatchObject([{ severity: 'note' }])
    const quality = HungarianLoss.deim({ numClasses: 2, weights: none })
    expect(untrained(quality, { logits, boxes }, { boxes: rows })).toMatchObject([{ severity: 'note' }])
  })

  test('not those that a part trains by weights of its own', () => {
    const outputs = { logits, boxes, points }
    const encoder = { ...outputs, weights: { pointL1: 1 } }
    expect(untrained(detr(), { ...outputs, encoder }, { boxes: rows, points: RIGHT })).toEqual([])
    expect(
      untrained(detr(), { ...outputs, encoder: { ...encoder, weight: 0 } }, { boxes: rows, points: RIGHT }),
    ).toHaveLength(1)
    expect(untrained(detr({ weights: { pointL1: 1 } }), outputs, { boxes: rows, points: RIGHT })).toEqual([])
  })
})
