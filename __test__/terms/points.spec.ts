// oxlint-disable-next-line import/no-unassigned-import -- registers itself
import '@tensorflow/tfjs-backend-cpu'
import * as tf from '@tensorflow/tfjs-core'
import { describe, expect, expectTypeOf, test } from 'vitest'
import { HungarianLoss } from '../../src/index.ts'
import type { TargetsOf } from '../../src/index.ts'
import { hungarianLoss, lossGradients } from '../../src/tfjs.ts'
import type { TensorOutputsWithoutBoxes } from '../../src/tfjs.ts'
import {
  bitsOf,
  countsOf,
  errorOf,
  expectAllClose,
  expectClose,
  randomLayer,
  randomNumbers,
  untyped,
} from '../support/helpers.ts'

const [IMAGES, QUERIES, POINTS] = [2, 5, 3]
const flat = { l1: 0, giou: 0, pointL1: 10 }

/** A criterion of points alone. */
const criterionOf = (options: object = {}) =>
  HungarianLoss.deformableDetr({ numClasses: 4, cost: flat, weights: flat, ...options })

/** Queries with points of `size` coordinates. */
function layerOf(seed: number, { queries = QUERIES, size = 2, classes = 4 } = {}) {
  const random = randomNumbers(seed)
  const logits = Float32Array.from({ length: classes * IMAGES * queries }, () => 4 * random() - 2)
  const points = Float32Array.from({ length: IMAGES * queries * POINTS * size }, random)
  return {
    logits: { data: logits, shape: [IMAGES, queries, classes] },
    points: { data: points, shape: [IMAGES, queries, POINTS, size] },
  }
}

/** Targets with points of two coordinates, of which some are not known. */
const TARGETS = [
  {
    labels: [0, 2],
    points: [[[0.25, 0.5], [0.5, 0.5], [0.75, 0.125]], [[0.5, 0.125], [0, 0], [1, 1]]], // prettier-ignore
    visibility: [[2, 1, 0], [1, 0, 2]], // prettier-ignore
  },
  { labels: [1], points: [[[0.5, 0.25], [0.125, 0.75], [0, 0]]], visibility: [[1, 2, 0]] }, // prettier-ignore
]
const WITHOUT = TARGETS.map(({ labels, points }) => ({ labels, points }))

const run = (change: object = {}, targets: readonly object[] = TARGETS, options: object = {}) =>
  criterionOf(options).compute(
    untyped<ReturnType<typeof layerOf>>({ ...layerOf(1), ...change }),
    targets as TargetsOf<ReturnType<typeof layerOf>>,
  )

/** The L1 of a query and a target, by hand. */
function l1(p: ArrayLike<number>, t: number[], size: number, visibility?: number[], weights?: number[]): number {
  let sum = 0
  for (let k = 0; k < t.length; k++) {
    const point = Math.floor(k / size)
    const weight = weights === undefined ? 1 : weights.length === t.length ? weights[k]! : weights[point]!
    if (visibility === undefined || visibility[point]! > 0) sum += weight * Math.abs(p[k]! - t[k]!)
  }
  return sum
}

describe('points', () => {
  test('have the L1 of their visible coordinates, with weights, in loss and cost', () => {
    const { points } = layerOf(1)
    const row = (query: number) => points.data.subarray(2 * POINTS * query, 2 * POINTS * (query + 1))
    for (const pointWeights of [undefined, [1, 0.5, 2], [1, 2, 3, 4, 5, 6]]) {
      for (const targets of [TARGETS, WITHOUT]) {
        const { terms, layers } = run({}, targets, { pointWeights })
        let sum = 0
        const visibilityOf = (image: number, i: number) => untyped<typeof TARGETS>(targets)[image]!.visibility?.[i]
        layers[0]!.matches.forEach(({ queryIndices, targetIndices }, image) =>
          queryIndices.forEach((query, k) => {
            const i = targetIndices[k]!
            const t = TARGETS[image]!.points[i]!.flat()
            sum += l1(row(QUERIES * image + query), t, 2, visibilityOf(image, i), pointWeights)
          }),
        )
        expectClose(terms.pointL1!, sum / 3, 1e-7)
        const costs = criterionOf({ pointWeights, cost: { ...flat, class: 0 } }).cost(
          layerOf(1),
          targets as TargetsOf<ReturnType<typeof layerOf>>,
        )
        costs.images.forEach(({ data, shape }, image) =>
          data.forEach((cost, at) => {
            const [query, i] = [Math.floor(at / shape[1]), at % shape[1]]
            const t = TARGETS[image]!.points[i]!.flat()
            expectClose(cost, 10 * l1(row(QUERIES * image + query), t, 2, visibilityOf(image, i), pointWeights), 1e-6)
          }),
        )
      }
    }
  })

  test('may have three coordinates', () => {
    const [p, t] = [[0.5, 0.25, -3, 1, 2, 3], [0.25, 0.75, -1, 1, 2.5, 8]] // prettier-ignore
    const { terms, gradients } = HungarianLoss.detr({
      numClasses: 1,
      cost: flat,
      weights: flat,
      pointFormat: 'xyz',
      normalizedPoints: false,
    }).compute({ logits: { data: [0, 0], shape: [1, 1, 2] }, points: { data: p, shape: [1, 1, 2, 3] } }, [
      { labels: [0], points: [t] },
    ])
    expectClose(terms.pointL1!, 8.25, 1e-12)
    expect([...gradients.points]).toEqual([10, -10, -10, 0, -10, -10])
  })

  test('have gradients that are central differences, and none where nothing is matched or visible', () => {
    const { points } = layerOf(1)
    const { gradients, layers } = run()
    const found = gradients.points
    const step = 2 ** -14
    points.data.forEach((value, at) => {
      const lossAt = (moved: number) => run({ points: { ...points, data: points.data.with(at, moved) } }).loss
      expectClose(found[at]!, (lossAt(value + step) - lossAt(value - step)) / (2 * step), 2e-4)
    })
    layers[0]!.matches.forEach(({ queryIndices, targetIndices }, image) => {
      for (let query = 0; query < QUERIES; query++) {
        const pair = queryIndices.indexOf(query)
        const visibility = pair < 0 ? [0, 0, 0] : TARGETS[image]!.visibility[targetIndices[pair]!]!
        visibility.forEach((visible, point) => {
          const at = 2 * ((QUERIES * image + query) * POINTS + point)
          for (const slope of found.subarray(at, at + 2)) expect(slope !== 0).toBe(visible > 0)
        })
      }
    })
  })

  test('of a target that is hidden cost nothing and count in the divisor', () => {
    const hidden = TARGETS.map((target) => ({
      ...target,
      visibility: target.visibility.map((row) => row.map(() => 0)),
    }))
    const { terms, gradients, normalizers } = run({}, hidden)
    expect(terms.pointL1).toBe(0)
    expect(gradients.points.every((slope) => slope === 0)).toBe(true)
    expect(normalizers.numBoxes).toBe(3)
  })

  test('are the same whichever way their axes are given, nested or flat', () => {
    const { points } = layerOf(1)
    const expected = run()
    expect(run({ points: { ...points, shape: [IMAGES, QUERIES, 2 * POINTS] } })).toEqual(expected)
    const nested = Array.from({ length: IMAGES }, (_, b) =>
      Array.from({ length: QUERIES }, (_, q) =>
        Array.from({ length: POINTS }, (_, k) => {
          const at = 2 * ((b * QUERIES + q) * POINTS + k)
          return [...points.data.subarray(at, at + 2)]
        }),
      ),
    )
    expect(run({ points: { ...points, data: nested } })).toEqual(expected)
    const forms: ((rows: number[][][]) => unknown)[] = [
      (rows) => rows.map((row) => row.flat()),
      (rows) => rows.map((row) => Float32Array.from(row.flat())),
      (rows) => rows.map((row) => row.map((point) => Float64Array.from(point))),
      (rows) => Float64Array.from(rows.flat(2)),
      (rows) => ({ data: Float32Array.from(rows.flat(2)), shape: [rows.length, POINTS, 2] }),
      (rows) => ({ data: Float32Array.from(rows.flat(2)), dims: [rows.length, 2 * POINTS] }),
    ]
    for (const form of forms) {
      expect(
        run(
          {},
          TARGETS.map((target) => ({ ...target, points: form(target.points) })),
        ),
      ).toEqual(expected)
    }
    const bytes = TARGETS.map((target) => ({ ...target, visibility: Uint8Array.from(target.visibility.flat()) }))
    expect(run({}, bytes)).toEqual(expected)
    const known = TARGETS.map(({ visibility }) => visibility.map((row) => row.map((value) => value > 0)))
    const flags = [known, known.map((rows) => rows.flat()), known.map((rows) => rows.map(([first, ...rest]) => [Number(first), ...rest]))] // prettier-ignore
    for (const each of flags) {
      const targets = TARGETS.map(({ labels, points }, image) => ({ labels, points, visibility: each[image]! }))
      expect(criterionOf().compute(layerOf(1), targets)).toEqual(expected)
    }
  })

  test('may stand beside boxes: the loss is the sum of both', () => {
    const { points } = layerOf(1)
    const { logits, boxes } = randomLayer(3, { images: IMAGES, queries: QUERIES, classes: 4 })
    const beside = (weights: object) =>
      HungarianLoss.deformableDetr({ numClasses: 4, cost: { pointL1: 10 }, weights }).compute(
        { logits, boxes, points },
        TARGETS.map((target) => ({ ...target, boxes: target.labels.map(() => [0.5, 0.5, 0.25, 0.25]) })),
      )
    const none = { class: 0, l1: 0, giou: 0 }
    const [all, ofBoxes, ofPoints] = [
      beside({ class: 0, pointL1: 10 }),
      beside({ class: 0 }),
      beside({ ...none, pointL1: 10 }),
    ]
    expectClose(all.loss, ofBoxes.loss + ofPoints.loss, 1e-12)
    expect(all.gradients.boxes).toEqual(ofBoxes.gradients.boxes)
    expect(all.gradients.points).toEqual(ofPoints.gradients.points)
  })

  test.each(['softmax', 'focal', 'varifocal', 'mal', 'ia-bce'] as const)('go with %s classification', (kind) => {
    const classes = kind === 'softmax' ? 5 : 4
    const { points } = layerOf(1)
    const { logits, boxes } = randomLayer(3, { images: IMAGES, queries: QUERIES, classes })
    const targets = TARGETS.map((target) => ({ ...target, boxes: target.labels.map(() => [0.5, 0.5, 0.25, 0.25]) }))
    const criterion = criterionOf({ classification: { kind } })
    const withBoxes = criterion.compute({ logits, boxes, points }, targets)
    expect(withBoxes.terms.pointL1).toBeGreaterThan(0)
    expectClose(
      withBoxes.loss,
      criterion.options.weights.class * withBoxes.terms.class + 10 * withBoxes.terms.pointL1!,
      1e-12,
    )
    const alone = criterion.compute({ logits, points }, TARGETS)
    // some kinds ask how well pairs agree, which the points say where there are no boxes
    const asks = kind !== 'softmax' && kind !== 'focal'
    const own = asks ? { class: alone.terms.class } : {}
    expect(alone.terms).toEqual({ ...withBoxes.terms, l1: undefined, giou: undefined, ...own })
    expect(alone.terms.class === withBoxes.terms.class).toBe(!asks)
  })

  test('of auxiliary layers and of all parts have their own terms and gradients', () => {
    const [first, last, proposals] = [layerOf(2), layerOf(1), layerOf(3)]
    const criterion = criterionOf()
    const [noisy, many] = [layerOf(4, { queries: 8 }), layerOf(5, { queries: 7 })]
    const all = criterion.compute(
      {
        ...last,
        auxiliary: [first],
        encoder: proposals,
        denoising: { ...noisy, groups: 2, contrastive: true },
        oneToMany: { ...many, repeat: 2 },
      },
      TARGETS,
    )
    const [one, two, three] = [first, last, proposals].map((layer) => criterion.compute(layer, TARGETS))
    expect(all.layers.map(({ terms }) => terms)).toEqual([one!.terms, two!.terms])
    expect(all.gradients.points).toEqual(two!.gradients.points)
    expect(all.gradients.auxiliary![0]!.points).toEqual(one!.gradients.points)
    expect(all.encoder.terms).toEqual(three!.terms)
    expect(all.gradients.encoder.points).toEqual(three!.gradients.points)
    for (const part of [all.denoising, all.oneToMany]) expect(part.terms.pointL1).toBeGreaterThan(0)
    const parts = [all, all.encoder, all.denoising, all.oneToMany]
    const losses = parts.flatMap(({ layers }) => layers.map(({ terms }) => 2 * terms.class + 10 * terms.pointL1!))
    expectClose(
      all.loss,
      losses.reduce((sum, loss) => sum + loss, 0),
      1e-12,
    )
    expect(all.denoising.matches[0]!.queryIndices.length).toBe(4)
    expect(all.oneToMany.matches[0]!.queryIndices.length).toBe(4)
  })

  test('of groups of queries, and stacked, are matched group by group', () => {
    const { logits, points } = layerOf(6, { queries: 6 })
    const result = criterionOf().compute({ logits, points, groups: 2 }, TARGETS)
    const pairs = result.layers[0]!.matches.map(({ targetIndices }) => [...targetIndices].toSorted())
    expect(pairs).toEqual([
      [0, 0, 1, 1],
      [0, 0],
    ])
    const stack = ({ data, shape }: typeof points) => ({
      data: Float32Array.of(...data, ...data),
      shape: [2, ...shape],
    })
    const stacked = criterionOf().compute({ logits: stack(logits), points: stack(points), groups: 2 }, TARGETS)
    expect(stacked.layers.map(({ terms }) => terms)).toEqual([result.terms, result.terms])
  })

  test('leave ignored targets out, on which no query lies', () => {
    const ignored = TARGETS.map((target, image) => ({
      ...target,
      ignore: target.labels.map((_, i) => image + i === 0),
    }))
    const { layers, normalizers, terms } = run({}, ignored)
    expect(normalizers.numBoxes).toBe(2)
    expect(layers[0]!.matches.map(({ targetIndices }) => Array.from(targetIndices))).toEqual([[1], [0]])
    expect(layers[0]!.matches.every(({ ignoredQueries }) => ignoredQueries.length === 0)).toBe(true)
    expect(terms.pointL1).toBeGreaterThan(0)
  })

  test('are written to the arrays that a call gives, of all layers, unless these overlap the targets', () => {
    const criterion = criterionOf()
    const outputs = { ...layerOf(1), auxiliary: [layerOf(2)] }
    const { gradients } = criterion.compute(outputs, TARGETS)
    const blank = ({ logits, points }: { logits: Float32Array; points: Float32Array }) => ({
      logits: new Float32Array(logits.length).fill(7),
      points: new Float32Array(points.length).fill(7),
    })
    const out = { ...blank(gradients), auxiliary: gradients.auxiliary!.map(blank) }
    const written = criterion.compute(outputs, TARGETS, { out })
    expectAllClose(out.points, gradients.points, 0)
    expect(written.gradients).toEqual(gradients)
    const overlapping = TARGETS.map(({ points, ...target }, image) => ({
      ...target,
      points: points.map((row, i) => row.map((point, k) => (image + i + k === 0 ? out.points.subarray(0, 2) : point))),
    }))
    const error = errorOf(() => criterion.compute(outputs, overlapping, { out }))
    expect(error).toMatchObject({ code: 'RANGE', argument: 'call.out.points' })
    expect(error.message).toMatch(/overlaps targets\[0\]\.points in memory/)
  })

  test('have gradients that are certain by the type of the outputs, also off the event loop', async () => {
    const criterion = criterionOf()
    const result = criterion.compute(layerOf(1), TARGETS)
    expectTypeOf(result.gradients.points).toEqualTypeOf<Float32Array>()
    expect(result.gradients.points.length).toBe(2 * IMAGES * QUERIES * POINTS)
    expect(result.gradients).not.toHaveProperty('boxes')
    const later = await criterion.computeAsync(layerOf(1), TARGETS)
    expectTypeOf(later.gradients.points).toEqualTypeOf<Float32Array>()
    expect(later).toEqual(result)
    const { gradients, terms } = criterion.compute({ logits: layerOf(1).logits, points: layerOf(1).points }, TARGETS)
    expect({ gradients, terms }).toEqual({ gradients: result.gradients, terms: result.terms })
  })

  test('are tensors of TensorFlow.js, in outputs and targets', async () => {
    await tf.setBackend('cpu')
    const criterion = criterionOf()
    const { logits, points } = layerOf(1)
    const expected = criterion.compute({ logits, points }, TARGETS)
    const [logitTensor, pointTensor] = [logits, points].map(({ data, shape }) => tf.tensor(data.slice(), shape))
    const targets = TARGETS.map((target) => ({
      labels: tf.tensor(target.labels, undefined, 'int32'),
      points: tf.tensor(target.points),
      visibility: tf.tensor(target.visibility, undefined, 'int32'),
    }))
    const known = targets.map((target) => Object.assign({}, target, { visibility: tf.cast(target.visibility, 'bool') }))
    const byFlags = await lossGradients(criterion, { logits: logitTensor!, points: pointTensor! }, known)
    expect(byFlags.gradients).toEqual(expected.gradients)
    const loss = hungarianLoss<TensorOutputsWithoutBoxes>(tf, criterion)
    const gradient = tf.grad((variable) => loss({ logits: logitTensor!, points: variable }, targets))(pointTensor!)
    expect(gradient.shape).toEqual([IMAGES, QUERIES, POINTS, 2])
    expect(bitsOf(gradient.dataSync())).toBe(bitsOf(expected.gradients.points))
    const result = await lossGradients(criterion, { logits: logitTensor!, points: pointTensor! }, targets)
    expect(result.loss).toBe(expected.loss)
    expect(bitsOf(result.gradients.points)).toBe(bitsOf(expected.gradients.points))
  })

  test('that are not finite are left out and counted on demand', () => {
    const { points } = layerOf(1)
    const data = points.data.with(7, NaN).with(8, Infinity)
    const { nonFinite, loss, gradients } = run({ points: { ...points, data } }, TARGETS, { nonFinite: 'worst' })
    expect(nonFinite).toEqual(countsOf({ points: 2, costs: 2 }))
    expect(loss).toBeGreaterThan(0)
    expect(gradients.points.subarray(6, 12).every((slope) => slope === 0)).toBe(true)
  })

  const spoilt = (field: string, value: unknown) => () => run({}, [{ ...TARGETS[0]!, [field]: value }, TARGETS[1]!])
  const [row] = TARGETS[0]!.visibility
  test.each<[string, () => unknown, object, RegExp]>([
    ['no points', () => run({ points: undefined }), { code: 'DTYPE', argument: 'outputs.points' }, /undefined/],
    [
      'none in a layer',
      () => run({ auxiliary: [{ logits: layerOf(1).logits }] }),
      { code: 'DTYPE', argument: 'outputs.auxiliary[0].points' },
      /undefined/,
    ],
    ['none of a target', spoilt('points', undefined), { code: 'DTYPE', argument: 'targets[0].points' }, /keys labels/],
    [
      'points of four coordinates',
      () => run({ points: { data: new Float32Array(120), shape: [2, 5, 3, 4] } }),
      { code: 'SHAPE', argument: 'outputs.points' },
      /expected shape \[2, 5, 6, 2\], got \[2, 5, 3, 4\]$/,
    ],
    [
      'points of three coordinates without their format, as many as they have coordinates',
      () => run({ points: { data: new Float32Array(90), shape: [2, 5, 3, 3] } }),
      { code: 'SHAPE', argument: 'outputs.points' },
      /got \[2, 5, 3, 3\]; points of 3 coordinates need pointFormat: 'xyz'$/,
    ],
    [
      'half a point',
      () => run({ points: { data: new Float32Array(50), shape: [2, 5, 5] } }),
      { code: 'SHAPE', argument: 'outputs.points' },
      /expected shape \[2, 5, 6\], got \[2, 5, 5\]; a row has 2 numbers for each point/,
    ],
    [
      'no points at all',
      () => run({ points: { data: new Float32Array(0), shape: [2, 5, 0] } }),
      { code: 'SHAPE', argument: 'outputs.points' },
      /expected shape \[2, 5, 2\], got \[2, 5, 0\]; there must be at least one point/,
    ],
    [
      'weights of other points',
      () => run({}, TARGETS, { pointWeights: [1, 1] }),
      { code: 'SHAPE', argument: 'outputs.points' },
      /expected shape \[2, 5, 2, 2\], got \[2, 5, 3, 2\]; options.pointWeights has 2 weights/,
    ],
    [
      'fewer points in an auxiliary layer',
      () => run({ auxiliary: [{ ...layerOf(2), points: { data: new Float32Array(40), shape: [2, 5, 2, 2] } }] }),
      { code: 'SHAPE', argument: 'outputs.auxiliary[0].points' },
      /expected shape \[2, 5, 3, 2\], got \[2, 5, 2, 2\]/,
    ],
    [
      'fewer points of a target',
      spoilt(
        'points',
        TARGETS[0]!.points.map((points) => points.slice(1)),
      ),
      { code: 'SHAPE', argument: 'targets[0].points', image: 0, target: 0 },
      /expected 3 rows of 2 numbers for target 0, got 2 rows/,
    ],
    [
      'points of a target with visibility among them',
      spoilt(
        'points',
        TARGETS[0]!.points.map((points) => points.map((point) => [...point, 1])),
      ),
      { code: 'SHAPE', argument: 'targets[0].points', image: 0, target: 0 },
      /expected 3 rows of 2 numbers for target 0, got 3 numbers at row 0/,
    ],
    [
      'a target without all its rows',
      spoilt('points', TARGETS[0]!.points.slice(1)),
      { code: 'SHAPE', argument: 'targets[0].points', image: 0 },
      /expected 2 sets of points of 6 numbers, one for each label, got 1 rows/,
    ],
    [
      'text',
      spoilt('points', [[[0, 0], [0, '1'], [0, 0]], TARGETS[0]!.points[1]]), // prettier-ignore
      { code: 'DTYPE', argument: 'targets[0].points', image: 0, target: 0 },
      /"1"/,
    ],
    [
      'a tensor of another shape',
      spoilt('points', { data: new Float32Array(12), shape: [2, 2, 3] }),
      { code: 'SHAPE', argument: 'targets[0].points' },
      /expected shape \[2, 3, 2\], got \[2, 2, 3\]/,
    ],
    [
      'pixels',
      spoilt('points', [[[20, 40], [0, 0], [0, 0]], TARGETS[0]!.points[1]]), // prettier-ignore
      { code: 'RANGE', argument: 'targets[0].points', image: 0, target: 0 },
      /target 0 has 20 at component 0; .*normalizedPoints/,
    ],
    [
      'an unknown coordinate that is NaN',
      spoilt('points', [[[0, 0], [0, 0], [0, NaN]], TARGETS[0]!.points[1]]), // prettier-ignore
      { code: 'NON_FINITE', argument: 'targets[0].points', image: 0, target: 0 },
      /target 0 has NaN at component 5/,
    ],
    [
      'true and false',
      spoilt('points', [[true, 0, 0, 0, 0, false], TARGETS[0]!.points[1]]),
      { code: 'DTYPE', argument: 'targets[0].points', image: 0, target: 0 },
      /must hold numbers only, got true/,
    ],
    [
      'a visibility in words',
      spoilt('visibility', [row, [1, 'true', 0]]),
      { code: 'DTYPE', argument: 'targets[0].visibility', image: 0, target: 1 },
      /must hold numbers, or true and false, only, got "true"/,
    ],
    ...[-1, 0.5, 3].map((value): [string, () => unknown, object, RegExp] => [
      `a visibility of ${value}`,
      spoilt('visibility', [row, [1, value, 0]]),
      { code: 'RANGE', argument: 'targets[0].visibility', image: 0, target: 1 },
      new RegExp(`target 1 has ${value} at point 1; visibility must be 0, 1 or 2`),
    ]),
    [
      'a visibility that is not finite',
      spoilt('visibility', [row, [1, 0, Infinity]]),
      { code: 'NON_FINITE', argument: 'targets[0].visibility', image: 0, target: 1 },
      /target 1 has Infinity at point 2/,
    ],
    [
      'a visibility for each coordinate',
      spoilt('visibility', [[1, 1, 1, 1, 1, 1], row]),
      { code: 'SHAPE', argument: 'targets[0].visibility', image: 0, target: 0 },
      /expected 3 numbers for target 0, got 6/,
    ],
    [
      'the visibility of some images alone',
      () => run({}, [TARGETS[0]!, WITHOUT[1]!]),
      { code: 'SHAPE', argument: 'targets[1].visibility', image: 1 },
      /as other images' targets have visibility/,
    ],
    [
      'visibility without points',
      () =>
        HungarianLoss.detr({ numClasses: 3 }).compute(randomLayer(1, { images: 1, classes: 4 }), [
          { labels: [0], boxes: [[0.5, 0.5, 0.25, 0.25]], visibility: [[1]] },
        ]),
      { code: 'SHAPE', argument: 'targets[0].visibility' },
      /must be absent, since the outputs have none/,
    ],
    [
      'points of COCO',
      () => run({}, [{ ...TARGETS[0]!, keypoints: [] }, TARGETS[1]!]),
      { code: 'OPTION', argument: 'targets[0].keypoints' },
      /did you mean points/,
    ],
    [
      'NaN',
      () => run({ points: { ...layerOf(1).points, data: layerOf(1).points.data.with(20, NaN) } }),
      { code: 'NON_FINITE', argument: 'outputs.points', layer: 0, image: 0, query: 3 },
      /NaN at layer 0, image 0, query 3, component 2/,
    ],
    [
      'a huge coordinate',
      () => run({ points: { ...layerOf(1).points, data: layerOf(1).points.data.with(20, -2e9) } }),
      { code: 'RANGE', argument: 'outputs.points', layer: 0, image: 0, query: 3 },
      /-2000000000 at layer 0, image 0, query 3, component 2; .*must not exceed 1e9/,
    ],
    [
      'another format',
      () => run({}, TARGETS, { pointFormat: 'xyv' }),
      { code: 'OPTION', argument: 'options.pointFormat' },
      /'xy' or 'xyz'/,
    ],
    [
      'no weights',
      () => run({}, TARGETS, { pointWeights: [] }),
      { code: 'OPTION', argument: 'options.pointWeights' },
      /must have one number or more/,
    ],
    [
      'a number for weights',
      () => run({}, TARGETS, { pointWeights: 2 }),
      { code: 'OPTION', argument: 'options.pointWeights' },
      /must be an array, got 2/,
    ],
    [
      'a negative weight',
      () => run({}, TARGETS, { pointWeights: [1, -1, 1] }),
      { code: 'OPTION', argument: 'options.pointWeights[1]' },
      /a number from 0 to 1e12, got -1/,
    ],
    [
      'no flag',
      () => run({}, TARGETS, { normalizedPoints: 1 }),
      { code: 'OPTION', argument: 'options.normalizedPoints' },
      /true or false|boolean/,
    ],
  ])('are refused: %s', (_, call, details, message) => {
    const error = errorOf(call)
    expect(error).toMatchObject(details)
    expect(error.message).toMatch(message)
  })

  test('of pixels or metres are taken on demand', () => {
    const metres = [{ labels: [0], points: [[20, 40, 1, 2, -3, 4]] }, WITHOUT[1]!]
    expect(run({}, metres, { normalizedPoints: false }).loss).toBeGreaterThan(10)
  })

  test('have weights that are frozen and independent of what was handed in', () => {
    const pointWeights = Float32Array.of(1, 2, 3)
    const { options } = criterionOf({ pointWeights })
    pointWeights[0] = 9
    expect(options.pointWeights).toEqual([1, 2, 3])
    expect(Object.isFrozen(options.pointWeights)).toBe(true)
  })

  test('have sigmas of their number, and areas that are not below 0', () => {
    const fewer = errorOf(() => run({}, TARGETS, { pointSigmas: [0.1, 0.2] }))
    expect(fewer).toMatchObject({ code: 'SHAPE', argument: 'outputs.points' })
    expect(fewer.message).toMatch(
      /expected shape \[2, 5, 2, 2\], got \[2, 5, 3, 2\]; options.pointSigmas has 2 numbers/,
    )
    const both = errorOf(() => run({}, TARGETS, { pointSigmas: [1, 1, 1], pointWeights: [1, 1] }))
    expect(both).toMatchObject({ code: 'OPTION', argument: 'options.pointSigmas' })
    expect(both.message).toMatch(/one number for each point, of which pointWeights has 2, got 3/)
    const withAreas = (...pointAreas: unknown[]) => [
      { ...TARGETS[0]!, pointAreas: pointAreas.slice(0, 2) },
      { ...TARGETS[1]!, pointAreas: pointAreas.slice(2) },
    ]
    expect(run({}, withAreas(0, 0.25, 1)).loss).toBe(run().loss)
    const negative = errorOf(() => run({}, withAreas(0.5, -0.5, 1)))
    expect(negative).toMatchObject({ code: 'RANGE', argument: 'targets[0].pointAreas', image: 0, target: 1 })
    expect(negative.message).toMatch(/target 1 has -0.5 at area 0; an area must be from 0 to 1, the image's/)
    const pixels = errorOf(() => run({}, withAreas(0.5, 0.5, 5000)))
    expect(pixels.message).toMatch(/pixels\? divide by its width times its height/)
    expect(run({}, withAreas(0.5, 0.5, 5000), { normalizedPoints: false }).loss).toBe(run().loss)
    expect(errorOf(() => run({}, withAreas(0.5, 0.5, NaN)))).toMatchObject({ code: 'NON_FINITE', image: 1, target: 0 })
    expect(errorOf(() => run({}, withAreas(0.5, 0.5)))).toMatchObject({ argument: 'targets[1].pointAreas' })
  })
})

describe('similarity of points:', () => {
  const areas = [[0.2, 0.05], [0.1]]
  const [targets, plain] = [TARGETS.map((target, image) => ({ ...target, pointAreas: areas[image]! })), TARGETS]
  const quality = { kind: 'varifocal' as const }

  /** By hand. */
  function similarity(p: ArrayLike<number>, t: number[], visibility: number[], area: number, sigmas: number[]): number {
    const known = visibility.flatMap((v, k) => (v > 0 ? [k] : []))
    const of = (k: number) => {
      const squared = (p[2 * k]! - t[2 * k]!) ** 2 + (p[2 * k + 1]! - t[2 * k + 1]!) ** 2
      return Math.exp(-squared / (2 * (2 * sigmas[k]!) ** 2 * area))
    }
    return known.reduce((sum, k) => sum + of(k), 0) / known.length
  }

  /** What a class term of varifocal loss would be. */
  function classOf(
    matches: ReadonlyArray<{ queryIndices: ArrayLike<number>; targetIndices: ArrayLike<number> }>,
    sigmas: number[],
    areaOf: (image: number, target: number) => number,
  ): number {
    const { logits, points } = layerOf(1)
    let sum = 0
    for (let row = 0; row < IMAGES * QUERIES; row++) {
      const image = Math.floor(row / QUERIES)
      const { queryIndices, targetIndices } = matches[image]!
      const place = Array.from(queryIndices).indexOf(row % QUERIES)
      const target = place < 0 ? undefined : targetIndices[place]!
      for (let column = 0; column < 4; column++) {
        const x = logits.data[4 * row + column]!
        const p = 1 / (1 + Math.exp(-x))
        if (target !== undefined && TARGETS[image]!.labels[target] === column) {
          const own = points.data.subarray(6 * row, 6 * row + 6)
          const { points: all, visibility } = TARGETS[image]!
          const q = similarity(own, all[target]!.flat(), visibility[target]!, areaOf(image, target), sigmas)
          sum -= q * (q * Math.log(p) + (1 - q) * Math.log(1 - p))
        } else {
          sum -= 0.75 * p ** 2 * Math.log(1 - p)
        }
      }
    }
    return sum / 3
  }

  test('is the quality of a pair, by sigmas and areas', () => {
    for (const sigmas of [undefined, [0.1, 0.3, 0.7]]) {
      const options = { classification: quality, pointSigmas: sigmas }
      const { terms, matches } = run({}, targets, options)
      expectClose(
        terms.class,
        classOf(matches, sigmas ?? [1 / 3, 1 / 3, 1 / 3], (image, i) => areas[image]![i]!),
        1e-6,
      )
      const { gradients } = run({}, targets, { ...options, weights: { class: 1, l1: 0, giou: 0, pointL1: 0 } })
      expect(gradients.points.every((slope) => slope === 0)).toBe(true)
    }
  })

  test('is measured by a share of the box around the known points without areas', () => {
    const { terms, matches } = run({}, plain, { classification: quality })
    const area = (image: number, target: number) => {
      const known = TARGETS[image]!.points[target]!.filter((_, k) => TARGETS[image]!.visibility[target]![k]! > 0)
      const side = (axis: number) => {
        const values = known.map((point) => point[axis]!)
        return Math.max(...values) - Math.min(...values)
      }
      return 0.53 * side(0) * side(1) + Number.EPSILON
    }
    expectClose(terms.class, classOf(matches, [1 / 3, 1 / 3, 1 / 3], area), 1e-6)
  })

  test('is COCO’s where there are 17 points', () => {
    const sigmas = [26, 25, 25, 35, 35, 79, 79, 72, 72, 62, 62, 107, 107, 87, 87, 89, 89].map((sigma) => sigma / 1000)
    const random = randomNumbers(17)
    const points = { data: Float32Array.from({ length: 4 * 34 }, random), shape: [1, 4, 17, 2] }
    const layer = { logits: { data: new Float32Array(16).fill(-1), shape: [1, 4, 4] }, points }
    const target = [
      { labels: [1], points: [Array.from(points.data.subarray(0, 34), (x) => 0.9 * x)], pointAreas: [0.3] },
    ]
    const of = (options: object) => criterionOf({ classification: quality, ...options }).compute(layer, target)
    expect(of({}).terms.class).toBe(of({ pointSigmas: sigmas }).terms.class)
    expect(of({}).terms.class).not.toBe(of({ pointSigmas: sigmas.map(() => 1 / 17) }).terms.class)
  })

  test('takes part in costs that ask how well pairs agree, and in pairs by score', () => {
    const product = criterionOf({
      classification: quality,
      cost: { classForm: 'product', power: 1, ...flat, pointL1: 0 },
    })
    const { data } = product.cost(layerOf(1), targets).images[1]!
    const { logits, points } = layerOf(1)
    for (let query = 0; query < QUERIES; query++) {
      const row = QUERIES + query
      const own = points.data.subarray(6 * row, 6 * row + 6)
      const { points: all, visibility } = TARGETS[1]!
      const q = similarity(own, all[0]!.flat(), visibility[0]!, 0.1, [1 / 3, 1 / 3, 1 / 3])
      expectClose(data[query]!, (-2 * q) / (1 + Math.exp(-logits.data[4 * row + 1]!)), 1e-5)
    }
    const matching = { by: 'score', class: 0, overlap: 1, topK: 1, threshold: 0 }
    const { matches } = run({ matching }, targets, { classification: quality })
    const near = Array.from({ length: QUERIES }, (_, query) => {
      const own = points.data.subarray(6 * (QUERIES + query), 6 * (QUERIES + query) + 6)
      return similarity(own, TARGETS[1]!.points[0]!.flat(), TARGETS[1]!.visibility[0]!, 0.1, [1 / 3, 1 / 3, 1 / 3])
    })
    expect([...matches[1]!.queryIndices]).toEqual([near.indexOf(Math.max(...near))])
  })

  test("decides which of a query's targets of one class counts, in kinds that do not ask for it, too", () => {
    const criterion = criterionOf({ classification: { kind: 'focal' } })
    const layer = {
      logits: { data: Float32Array.of(0.5, -1, -2, -3), shape: [1, 1, 4] },
      points: { data: Float32Array.of(0.4, 0.4, 0.6, 0.5, 0.5, 0.7), shape: [1, 1, 6] },
    }
    const [near, far] = [[0.4, 0.4, 0.6, 0.5, 0.5, 0.7], [0.1, 0.9, 0.2, 0.8, 0.9, 0.9]] // prettier-ignore
    const matching = {
      by: 'score',
      class: 1,
      overlap: 0,
      topK: 2,
      quantile: false,
      threshold: 0,
      atLeastOne: true,
    } as const
    const classLoss = (points: readonly number[][], weights: number[]): number => {
      const target = { labels: [0, 0], points, weights, pointAreas: [0.1, 0.1] }
      const { terms, matches } = criterion.compute({ ...layer, matching }, [target])
      expect([...matches[0]!.targetIndices]).toEqual([0, 1])
      return terms.class
    }
    const first = classLoss([near!, far!], [1, 3])
    expect(classLoss([far!, near!], [3, 1])).toBe(first)
    expect(classLoss([near!, far!], [3, 1])).not.toBe(first)
  })

  test('leaves the agreement to boxes where there are any', () => {
    const weights = { l1: 5, giou: 2, pointL1: 10 }
    const { boxes } = randomLayer(5, { images: IMAGES, queries: QUERIES, classes: 4 })
    const boxed = targets.map((target) => ({ ...target, boxes: target.labels.map(() => [0.5, 0.5, 0.2, 0.2]) }))
    const of = (options: object) =>
      criterionOf({ classification: quality, cost: weights, weights, ...options }).compute(
        { ...layerOf(1), boxes },
        boxed,
      )
    expect(of({}).loss).toBe(of({ pointSigmas: [9, 9, 9] }).loss)
  })

  test('goes with computeAsync and TensorFlow.js', async () => {
    const criterion = criterionOf({ classification: quality, pointSigmas: [0.1, 0.2, 0.3] })
    const expected = criterion.compute(layerOf(1), targets)
    expect((await criterion.computeAsync(layerOf(1), targets)).loss).toBe(expected.loss)
    await tf.setBackend('cpu')
    const { logits, points } = layerOf(1)
    const [logitTensor, pointTensor] = [logits, points].map(({ data, shape }) => tf.tensor(data.slice(), shape))
    const tensors = targets.map((target) => ({
      labels: tf.tensor(target.labels, undefined, 'int32'),
      points: tf.tensor(target.points),
      visibility: tf.tensor(target.visibility, undefined, 'int32'),
      pointAreas: tf.tensor(target.pointAreas),
    }))
    const result = await lossGradients(criterion, { logits: logitTensor!, points: pointTensor! }, tensors)
    expect(result.gradients).toEqual(expected.gradients)
  })
})
