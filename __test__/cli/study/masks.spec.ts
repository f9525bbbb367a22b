/** Masks in a report: images and queries by themselves have the canvas and the points that they have in the batch. */
import { describe, expect, test } from 'vitest'
import type { Batch } from '../../../src/cli/file/batch.ts'
import { drawPoints, philox } from '../../../src/cli/study/draws.ts'
import { studyBatch } from '../../../src/cli/study/study.ts'
import type { LossStudy } from '../../../src/cli/study/study.ts'
import { HungarianLoss } from '../../../src/criterion/criterion.ts'
import type { Outputs } from '../../../src/input/outputs.ts'
import { randomNumbers } from '../../support/helpers.ts'

const [B, Q, C, K] = [3, 7, 4, 3]
const sum = (values: Iterable<number>): number => Array.from(values).reduce((all, value) => all + value, 0)
const random = randomNumbers(21)
const tensor = (shape: readonly number[], spread = 4) => ({
  data: Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => spread * (random() - 0.5)),
  shape,
})
const boxes = (rows: readonly number[]) => {
  const { data, shape } = tensor([...rows, 4], 0.2)
  return { data: data.map((x) => 0.4 + x), shape }
}

const layer = (lead: readonly number[] = []) => ({
  logits: tensor([...lead, B, Q, C + 1]),
  boxes: boxes([...lead, B, Q]),
  masks: tensor([...lead, B, Q, 6, 8]),
})
const factored = () => ({
  logits: tensor([B, Q, C + 1]),
  maskFeatures: tensor([B, K, 6, 8]),
  maskQueries: tensor([B, Q, K]),
  maskBias: tensor([1]),
})

/** Images of different sizes, one without a target. */
const SIZES = [[2, 12, 16], [0, 8, 9], [3, 10, 14]] as const // prettier-ignore
const pixels = (length: number, isIn: (i: number) => boolean) => Uint8Array.from({ length }, (_, i) => Number(isIn(i)))
const targets = SIZES.map(([n, height, width], image) => ({
  labels: Array.from({ length: n }, (_, i) => (i + image) % C),
  boxes: boxes([n]),
  masks: { data: pixels(n * height * width, () => random() < 0.4), shape: [n, height, width] },
  hasMask: Array.from({ length: n }, (_, i) => i !== 1 || image !== 2),
  void: image === 0 ? { data: pixels(height * width, (i) => i % 7 === 0), shape: [height, width] } : undefined,
}))

const batchOf = (outputs: object): Batch => ({ outputs: outputs as Outputs, targets, sizes: [], leftOut: [] })
const unboxed = (): Batch => ({
  ...batchOf(factored()),
  targets: targets.map((target) => Object.assign({}, target, { boxes: undefined })) as unknown as Batch['targets'],
})

const CASES: ReadonlyArray<readonly [string, () => Batch, HungarianLoss]> = [
  [
    "DETR's, on a canvas",
    () => batchOf({ ...layer(), auxiliary: [layer()] }),
    HungarianLoss.detrMasks({ numClasses: C }),
  ],
  ['factors, on a canvas', unboxed, HungarianLoss.maskFormer({ numClasses: C })],
  [
    'an image without targets whose size its void pixels say, in rows',
    () => {
      const rows = Array.from({ length: 20 }, () => Array.from({ length: 9 }, () => 0))
      const [first, , third] = unboxed().targets
      const hidden = { labels: [], void: { data: rows, shape: [20, 9] } } as unknown as Batch['targets'][number]
      return { ...unboxed(), targets: [first, hidden, third] as Batch['targets'] }
    },
    HungarianLoss.maskFormer({ numClasses: C }),
  ],
  ['factors, at points', unboxed, HungarianLoss.mask2Former({ numClasses: C, masks: { points: 50 } })],
  [
    'stacked layers, at points',
    () => batchOf(layer([3])),
    HungarianLoss.maskDino({ numClasses: C + 1, masks: { points: 40 } }),
  ],
  [
    'further parts, at points',
    () => batchOf({ ...layer(), auxiliary: [layer()], encoder: layer(), denoising: undefined }),
    HungarianLoss.maskDino({ numClasses: C + 1, masks: { points: 40 } }),
  ],
  [
    'points that the batch brings',
    () => {
      const points = (shape: number[]) => ({ ...tensor(shape), data: tensor(shape, 1).data.map((x) => x + 0.5) })
      return batchOf({ ...layer(), maskCostPoints: points([30, 2]), maskLossPoints: points([5, 30, 2]) })
    },
    HungarianLoss.maskDino({ numClasses: C + 1, masks: { points: 30 } }),
  ],
]

describe.each(CASES)('%s', (_, make, criterion) => {
  const batch = make()
  const loss = studyBatch(batch, criterion, { images: [0, 1, 2], layer: undefined }).loss as LossStudy
  const result = criterion.compute(batch.outputs, batch.targets)

  test('images add up to the total, and so do queries to what their layer adds', () => {
    expect(loss.total).toBe(result.loss)
    expect(sum(loss.images.map(({ loss: own }) => own))).toBeCloseTo(loss.total, 5)
    const last = loss.layers.find(({ part, layer: at }) => part === undefined && at === loss.layer)
    const queries = loss.drawn.flatMap((image) => image.queries.map(({ loss: own }) => own))
    expect(sum(queries)).toBeCloseTo(last?.loss as number, 5)
    const names = new Set(
      loss.drawn.flatMap(({ queries: all }) => all.flatMap(({ shares }) => shares.map(({ name }) => name))),
    )
    expect([...names]).toEqual(expect.arrayContaining(['maskDice']))
  })

  test('pairs and costs are those of the batch', () => {
    const { matches } = criterion.match(batch.outputs, batch.targets)
    const { images } = criterion.cost(batch.outputs, batch.targets)
    for (const { image, pairs, costs } of loss.drawn) {
      expect(pairs.map(({ query }) => query)).toEqual(Array.from(matches[image]?.queryIndices as Int32Array))
      expect(Array.from(costs[0]?.block.data as Float32Array)).toEqual(Array.from(images[image]?.data as Float32Array))
    }
  })

  test('gradients of masks are those of the batch', () => {
    const own = result.gradients as { readonly masks?: Float32Array; readonly maskQueries?: Float32Array }
    const [name, width] = own.masks === undefined ? (['maskQueries', K] as const) : (['masks', 48] as const)
    const values = own[name] as Float32Array
    const final = values.subarray(values.length - B * Q * width)
    for (const { image, queries } of loss.drawn) {
      for (const [q, { norms }] of queries.entries()) {
        const row = final.subarray((image * Q + q) * width, (image * Q + q + 1) * width)
        expect(norms[name]).toBeCloseTo(Math.hypot(...row), 6)
      }
    }
  })

  test('pairs have both masks', () => {
    for (const { image, pairs, queries, targets: shown } of loss.drawn) {
      for (const { query, target } of pairs) {
        expect(queries[query]?.mask).toMatchObject({ height: 6, width: 8 })
        expect(shown[target]?.mask === undefined).toBe(image === 2 && target === 1)
      }
    }
  })
})

test('an earlier layer without masks has its other terms', () => {
  const { masks: _, ...plain } = layer()
  const criterion = HungarianLoss.detrMasks({ numClasses: C })
  const batch = batchOf({ ...layer(), auxiliary: [plain] })
  const loss = studyBatch(batch, criterion, { images: [0, 1, 2], layer: 0 }).loss as LossStudy
  const [first] = loss.layers
  expect(first?.shares.map(({ name }) => name)).toEqual(['class', 'l1', 'giou'])
  const queries = loss.drawn.flatMap((image) => image.queries.map(({ loss: own }) => own))
  expect(sum(queries)).toBeCloseTo(first?.loss as number, 5)
  expect(loss.drawn.flatMap((image) => image.queries.map(({ mask }) => mask))).not.toContainEqual(expect.anything())
})

test('points are drawn anew where a part is a range of the queries, which is told', () => {
  const criterion = HungarianLoss.maskDino({ numClasses: C + 1, masks: { points: 40 } })
  const batch = batchOf({ ...layer(), oneToMany: { queries: [5, 7], repeat: 1 } })
  const { isRedrawn } = studyBatch(batch, criterion, { images: [], layer: undefined }).loss as LossStudy
  expect(isRedrawn).toBe(true)
  const own = studyBatch(batchOf(layer()), criterion, { images: [], layer: undefined }).loss as LossStudy
  expect(own.isRedrawn).toBe(false)
})

test('masks of factors are their product', () => {
  const batch = unboxed()
  const criterion = HungarianLoss.maskFormer({ numClasses: C })
  const { drawn } = studyBatch(batch, criterion, { images: [], layer: undefined }).loss as LossStudy
  const { maskFeatures, maskQueries, maskBias } = batch.outputs as unknown as ReturnType<typeof factored>
  for (const { image, queries } of drawn) {
    for (const { query, mask } of queries) {
      for (const [pixel, logit] of mask?.data.entries() ?? []) {
        const feature = (k: number) => maskFeatures.data[(image * K + k) * 48 + pixel] as number
        const expected = sum(
          [0, 1, 2].map((k) => feature(k) * (maskQueries.data[(image * Q + query) * K + k] as number)),
        )
        expect(logit).toBeCloseTo(expected + (maskBias.data[0] as number), 4)
      }
    }
  }
})

test("the generator is Salmon's", () => {
  const ones = 0xffffffff
  // kat_vectors of the authors' Random123
  expect(philox([0, 0, 0, 0], [0, 0])).toEqual([0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8])
  expect(philox([ones, ones, ones, ones], [ones, ones])).toEqual([0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd])
  expect(philox([0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344], [0xa4093822, 0x299f31d0])).toEqual([
    0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1,
  ])
  const points = drawPoints({ seed: 3, purpose: 'fresh', part: 1, layer: 2, image: 3, row: 4 }, 5)
  expect(points).toHaveLength(10)
  expect(points.every((x) => x >= 0 && x < 1)).toBe(true)
})
