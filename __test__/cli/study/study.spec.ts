/** The numbers of a report against the library's own, and against those of the published code. */
import { describe, expect, test } from 'vitest'
import type { Batch } from '../../../src/cli/file/batch.ts'
import { readBatch } from '../../../src/cli/file/read.ts'
import { studyBatch } from '../../../src/cli/study/study.ts'
import type { ImageStudy, LossStudy } from '../../../src/cli/study/study.ts'
import { HungarianLoss } from '../../../src/criterion/criterion.ts'
import type { HungarianLossOptions } from '../../../src/options/options.ts'
import type { PresetName } from '../../../src/options/presets.ts'
import type { CostBlock } from '../../../src/result/costs.ts'
import { BATCH_CASE, batchPath } from '../../support/batches.ts'
import { TOLERANCE } from '../../support/golden.ts'

const ALL = { images: [], layer: undefined }
const sum = (values: Iterable<number>): number => Array.from(values).reduce((all, value) => all + value, 0)
const blockOf = ({ costs: [whole] }: ImageStudy): CostBlock => (whole as ImageStudy['costs'][number]).block

function study(batch: Batch, criterion: HungarianLoss, settings: Parameters<typeof studyBatch>[2] = ALL): LossStudy {
  return studyBatch(batch, criterion, settings).loss as LossStudy
}

/** Random predictions near random targets: `layers` are stacked. */
function random(layers: number, images: number, queries: number, columns: number, counts: readonly number[]): Batch {
  let state = 7
  const next = () => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647
  const values = (length: number, low: number, high: number) =>
    Float32Array.from({ length }, () => low + (high - low) * next())
  return {
    outputs: {
      logits: { data: values(layers * images * queries * columns, -3, 2), shape: [layers, images, queries, columns] },
      boxes: { data: values(layers * images * queries * 4, 0.2, 0.6), shape: [layers, images, queries, 4] },
    },
    targets: counts.map((count) => ({
      labels: Array.from(values(count, 0, 2), Math.floor),
      boxes: { data: values(count * 4, 0.2, 0.6), shape: [count, 4] },
    })),
    sizes: [],
    leftOut: [],
  }
}

describe('a case of the published code', async () => {
  const batch = await readBatch(batchPath('pytorch.npz'))
  const criterion = HungarianLoss.detr({ numClasses: 4 })
  const loss = study(batch, criterion)

  test('the total, and what each term would take away', () => {
    expect(Math.abs(loss.total / BATCH_CASE.weighted_total - 1)).toBeLessThan(TOLERANCE)
    const { losses } = BATCH_CASE
    const share = (name: string, weight: number) =>
      weight * sum(['', '_0', '_1'].map((suffix) => losses[`${name}${suffix}`] as number))
    const expected = [share('loss_ce', 1), share('loss_bbox', 5), share('loss_giou', 2)]
    expect(loss.shares.map(({ name }) => name)).toEqual(['class', 'l1', 'giou'])
    for (const [i, { loss: own }] of loss.shares.entries()) expect(own).toBeCloseTo(expected[i] as number, 5)
    expect(sum(loss.shares.map(({ loss: own }) => own))).toBeCloseTo(loss.total, 9)
  })

  test('each layer has its terms', () => {
    const { losses } = BATCH_CASE
    expect(loss.layers.map(({ terms }) => terms.giou)).toEqual(
      ['_0', '_1', ''].map((suffix) => expect.closeTo(losses[`loss_giou${suffix}`] as number, 6)),
    )
    expect(sum(loss.layers.map(({ loss: own }) => own))).toBeCloseTo(loss.total, 9)
  })

  test('costs, pairs, and by how much the next best matching is dearer', () => {
    const { images } = BATCH_CASE.layers[2] as (typeof BATCH_CASE.layers)[number]
    expect(loss.drawn).toHaveLength(images.length)
    for (const [i, golden] of images.entries()) {
      const shown = loss.drawn[i] as ImageStudy
      expect(Array.from(blockOf(shown).data)).toEqual(golden.cost.map((cost) => expect.closeTo(cost, 4)))
      expect(shown.pairs.map(({ query }) => query)).toEqual(golden.pred)
      expect(shown.pairs.map(({ target }) => target)).toEqual(golden.tgt)
      expect(Math.min(...shown.pairs.map(({ margin }) => margin as number))).toBeCloseTo(golden.gap, 4)
    }
  })

  test("the norms of queries' gradients", () => {
    const { grad_logits: logits, grad_boxes: boxes, shape } = BATCH_CASE.layers[2] as (typeof BATCH_CASE.layers)[number]
    const norm = (values: readonly number[], width: number, row: number) =>
      Math.hypot(...values.slice(row * width, (row + 1) * width))
    for (const [i, { queries }] of loss.drawn.entries()) {
      expect(queries).toHaveLength(shape[1])
      for (const { query, norms } of queries) {
        const row = i * shape[1] + query
        expect(norms['logits']).toBeCloseTo(norm(logits, shape[2], row), 5)
        expect(norms['boxes']).toBeCloseTo(norm(boxes, 4, row), 5)
      }
    }
  })
})

/** Every preset of boxes, by its classes' columns. */
const PRESETS: readonly (readonly [PresetName, columns: number])[] = [
  ['detr', 4],
  ['deformableDetr', 3],
  ['dabDetr', 3],
  ['rtDetr', 3],
  ['lwDetr', 3],
  ['deim', 3],
]

describe('what adds up', () => {
  test.for(PRESETS)(
    '%s: images to the total, queries to the layer, terms of the cost to the whole',
    ([preset, columns]) => {
      const batch = random(2, 3, 6, columns, [2, 0, 8])
      const criterion = new HungarianLoss({ numClasses: 3 }, preset)
      for (const layer of [0, 1]) {
        const loss = study(batch, criterion, { images: [], layer })
        expect(loss.total).toBe(criterion.compute(batch.outputs, batch.targets).loss)
        expect(sum(loss.images.map(({ loss: own }) => own))).toBeCloseTo(loss.total, 5)
        expect(loss.isPartial).toBe(preset === 'deim')
        if (!loss.isPartial) {
          const queries = sum(loss.drawn.flatMap((image) => image.queries.map(({ loss: own }) => own)))
          expect(queries).toBeCloseTo(loss.layers[layer]?.loss as number, 5)
        }
        for (const { costs } of loss.drawn) {
          const [whole, ...terms] = costs
          expect(terms).toHaveLength(3)
          const data = (whole as (typeof costs)[number]).block.data
          for (const [cell, cost] of data.entries()) {
            expect(sum(terms.map(({ block }) => block.data[cell] as number))).toBeCloseTo(cost, 4)
          }
        }
      }
    },
  )

  test.for([
    ['groups', { outputs: { groups: 2 } }],
    ['a branch of queries, denoising, and an encoder with weights', { encoder: true, oneToMany: true }],
    ['ignored targets', { ignore: true }],
  ] as const)('with %s', ([, given]) => {
    const plain = random(1, 2, 8, 3, [2, 3])
    const extra = 'outputs' in given ? given.outputs : {}
    const parts = 'encoder' in given && {
      encoder: { ...random(1, 2, 5, 3, [0, 0]).outputs, weight: 0.5, weights: { l1: 0 } },
      oneToMany: { queries: [0, 3] as const, repeat: 2, weight: 0.25 },
      denoising: { ...random(1, 2, 12, 3, [0, 0]).outputs, matching: undefined, groups: 2, padding: 'ignore' as const },
    }
    const targets =
      'ignore' in given ? plain.targets.map((t, i) => (i === 1 ? { ...t, ignore: [0, 1, 0] } : t)) : plain.targets
    const batch: Batch = { ...plain, outputs: { ...plain.outputs, ...extra, ...parts }, targets }
    const criterion = HungarianLoss.deformableDetr({ numClasses: 3, ignore: { threshold: 0.05 } })
    const loss = study(batch, criterion)
    expect(sum(loss.layers.map(({ loss: own }) => own))).toBeCloseTo(loss.total, 5)
    expect(sum(loss.images.map(({ loss: own }) => own))).toBeCloseTo(loss.total, 5)
    const queries = loss.drawn.flatMap((image) => image.queries)
    expect(sum(queries.map(({ loss: own }) => own))).toBeCloseTo(loss.layers[0]?.loss as number, 5)
    expect(queries.some(({ role }) => role === 'ignored')).toBe('ignore' in given)
    expect(queries[0]?.query).toBe('encoder' in given ? 3 : 0)
    for (const { pairs, costs, first } of loss.drawn) {
      const { data, shape } = (costs[0] as (typeof costs)[number]).block
      for (const { query, target, cost } of pairs) expect(cost).toBe(data[(query - first) * shape[1] + target])
    }
  })

  test('spans whose terms are divided by pairs', () => {
    const { logits } = random(1, 2, 4, 2, [0, 0]).outputs
    const spans = { data: Float32Array.from({ length: 16 }, (_, i) => 0.3 + 0.02 * i), shape: [1, 2, 4, 2] }
    const targets = [
      {
        labels: [0, 0],
        spans: [
          [0.5, 0.2],
          [0.3, 0.1],
        ],
      },
      { labels: [0, 0, 0, 0, 0], spans: Array.from({ length: 5 }, () => [0.4, 0.2]) },
    ]
    const batch = { outputs: { logits, spans }, targets, sizes: [], leftOut: [] } as unknown as Batch
    const loss = study(batch, HungarianLoss.momentDetr({ numClasses: 1 }))
    expect(sum(loss.images.map(({ loss: own }) => own))).toBeCloseTo(loss.total, 5)
    expect(sum(loss.drawn.flatMap(({ queries }) => queries.map(({ loss: own }) => own)))).toBeCloseTo(loss.total, 5)
    expect(loss.drawn[1]?.unmatched).toHaveLength(1)
  })
})

test('edges that are distributions, taught by the last layer: images add up, and queries are told not to', () => {
  const layer = () => {
    const { logits, boxes } = random(1, 2, 4, 3, [0, 0]).outputs
    const flat = (tensor: object, width: number) => ({ ...tensor, shape: [2, 4, width] })
    const corners = { data: Float32Array.from({ length: 8 * 4 * 33 }, (_, i) => Math.sin(i)), shape: [2, 4, 4 * 33] }
    return { logits: flat(logits, 3), boxes: flat(boxes, 4), corners, references: flat(boxes, 4) }
  }
  const { targets } = random(1, 2, 4, 3, [2, 1])
  const outputs = { ...layer(), auxiliary: [layer()] } as unknown as Batch['outputs']
  const loss = study({ outputs, targets, sizes: [], leftOut: [] }, HungarianLoss.dFine({ numClasses: 3 }))
  expect(loss.shares.map(({ name }) => name)).toEqual(['class', 'l1', 'giou', 'fgl', 'ddf'])
  expect(sum(loss.images.map(({ loss: own }) => own))).toBeCloseTo(loss.total, 5)
  expect(loss.isPartial).toBe(true)
  const names = loss.drawn.flatMap(({ queries }) => queries.flatMap(({ shares }) => shares.map(({ name }) => name)))
  expect(new Set(names)).toEqual(new Set(['class', 'l1', 'giou', 'fgl']))
})

test('margins: none where the only pair is lost, or nothing was solved', () => {
  const criterion = HungarianLoss.detr({ numClasses: 3 })
  const single = random(1, 1, 1, 4, [1])
  expect(study(single, criterion).drawn[0]?.pairs).toEqual([expect.objectContaining({ margin: undefined })])
  const { outputs, ...others } = random(1, 1, 3, 4, [1])
  const given = { ...others, outputs: { ...outputs, matching: [{ queryIndices: [2], targetIndices: [0] }] } }
  const [image] = study(given, criterion).drawn
  expect(image?.isSolved).toBe(false)
  expect(image?.pairs).toEqual([expect.objectContaining({ query: 2, target: 0, margin: undefined })])
})

test('what the caller adds to the cost is part of the whole, and of no term', () => {
  const { outputs, ...others } = random(1, 1, 3, 4, [1])
  const cost = [{ data: Float32Array.of(10, 20, 30), shape: [3, 1] }]
  const criterion = HungarianLoss.detr({ numClasses: 3 })
  const [added, plain] = [
    study({ ...others, outputs: { ...outputs, cost } }, criterion),
    study({ ...others, outputs }, criterion),
  ].map(({ drawn }) => drawn[0] as ImageStudy) as [ImageStudy, ImageStudy]
  for (const [i, value] of blockOf(plain).data.entries()) {
    expect(blockOf(added).data[i]).toBeCloseTo(value + 10 * (i + 1), 4)
  }
  expect(added.costs.slice(1)).toEqual(plain.costs.slice(1))
})

test('images: those that lose most, or those that are asked for', () => {
  const batch = random(1, 9, 4, 4, [0, 3, 0, 3, 1, 2, 3, 3, 2])
  const criterion = HungarianLoss.detr({ numClasses: 3 })
  const { images, drawn } = study(batch, criterion)
  const worst = images.toSorted((a, b) => b.loss - a.loss).slice(0, 6)
  expect(drawn.map(({ image }) => image)).toEqual(worst.map(({ image }) => image).sort())
  expect(study(batch, criterion, { images: [8, 2, 8], layer: 0 }).drawn.map(({ image }) => image)).toEqual([8, 2])
  expect(() => study(batch, criterion, { images: [9], layer: 0 })).toThrow(
    '--image: the batch has 9 images, from 0 to 8',
  )
  expect(() => study(batch, criterion, { images: [], layer: 1 })).toThrow(
    '--layer: the decoder has 1 layer, from 0 to 0',
  )
})

test('a batch that is refused has findings and no loss', () => {
  const batch = random(1, 1, 3, 4, [1])
  const { findings, loss } = studyBatch(batch, HungarianLoss.detr({ numClasses: 9 }), ALL)
  expect(findings[0]?.severity).toBe('error')
  expect(loss).toBeUndefined()
})

test('the best class leaves no-object out, wherever its column is', () => {
  const logits = { data: Float32Array.of(1, 9, 3), shape: [1, 1, 3] }
  const boxes = { data: Float32Array.of(0.5, 0.5, 0.1, 0.1), shape: [1, 1, 4] }
  const batch: Batch = { outputs: { logits, boxes }, targets: [{ labels: [], boxes: [] }], sizes: [], leftOut: [] }
  const options: HungarianLossOptions = { numClasses: 2, classification: { kind: 'softmax', noObjectIndex: 1 } }
  const [query] = study(batch, HungarianLoss.detr(options)).drawn[0]?.queries ?? []
  expect(query?.label).toBe(2)
  expect(query?.probability).toBeCloseTo(Math.exp(3) / (Math.exp(1) + Math.exp(9) + Math.exp(3)), 9)
})
