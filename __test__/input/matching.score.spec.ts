/** One-to-many by score: several queries for a target, and several targets for a query. */
import { describe, expect, test } from 'vitest'
import { HungarianLoss } from '../../src/index.ts'
import type { ScoreMatching } from '../../src/index.ts'
import { errorOf, expectAllClose, expectClose, randomLayer, randomTargets, untyped } from '../support/helpers.ts'

const options = { numClasses: 4, classification: { kind: 'ia-bce' } } as const
const criterion = new HungarianLoss(options)
const matching = { by: 'score', class: 0.3, overlap: 0.7, topK: 2, quantile: true, threshold: 0.1 } as const

/** Targets that share most of their area, so that queries suit both. */
const near = [{ labels: [1, 1], boxes: [0.5, 0.5, 0.4, 0.4, 0.52, 0.5, 0.4, 0.4] }]
const outputs = randomLayer(41, { images: 1, queries: 5, classes: 4 })
outputs.boxes.data.set([0.5, 0.5, 0.4, 0.38, 0.53, 0.5, 0.4, 0.4, 0.1, 0.1, 0.1, 0.1])

describe('matching: by score', () => {
  const result = criterion.compute({ ...outputs, matching }, near)
  const [match] = result.matches

  test('a query that has two targets is listed with both', () => {
    expect([...match!.queryIndices]).toEqual([0, 0, 1, 1])
    expect([...match!.targetIndices]).toEqual([0, 1, 0, 1])
    expect(match!.unmatchedTargets.length).toBe(0)
    expect(criterion.match({ ...outputs, matching }, near).matches).toEqual(result.matches)
  })

  test('both pairs count in the terms of boxes and in their gradients', () => {
    const single = (target: number) =>
      criterion.compute({ ...outputs, matching: [{ queryIndices: [0, 1], targetIndices: [target, target] }] }, near)
    const [first, second] = [single(0), single(1)]
    for (const term of ['l1', 'giou'] as const) {
      expectClose(result.terms[term], first.terms[term] + second.terms[term], 1e-12)
    }
    const sum = first.gradients.boxes.map((value, i) => value + second.gradients.boxes[i]!)
    expectAllClose(result.gradients.boxes, sum, 1e-6)
  })

  test('the class has the value of the pair that agrees best', () => {
    const best = criterion.compute({ ...outputs, matching: [{ queryIndices: [0, 1], targetIndices: [0, 1] }] }, near)
    expectClose(result.terms.class, best.terms.class, 1e-12)
    expectAllClose(result.gradients.logits, best.gradients.logits, 1e-12)
  })

  test('is the same in threads, by computeAsync, and where another layer takes it over', async () => {
    const threaded = new HungarianLoss({ ...options, threads: 2 })
    expect(threaded.compute({ ...outputs, matching }, near).loss).toBe(result.loss)
    const later = await criterion.computeAsync({ ...outputs, matching }, near)
    expect([later.loss, later.matches]).toEqual([result.loss, result.matches])
    const first = { ...randomLayer(42, { images: 1, queries: 5, classes: 4 }), matching: { from: 1 } }
    const both = criterion.compute({ ...outputs, matching, auxiliary: [first] }, near)
    expect(both.layers[0]!.matches).toEqual(result.matches)
  })

  test('goes with groups, images without targets, and a branch beside an optimal decoder', () => {
    const grouped = randomLayer(43, { images: 2, queries: 6, classes: 4 })
    const targets = [near[0]!, { labels: [], boxes: [] }]
    const own = { ...matching, atLeastOne: true }
    const { matches } = criterion.compute({ ...grouped, groups: 2, matching: own }, targets)
    expect(new Set(matches[0]!.targetIndices)).toEqual(new Set([0, 1]))
    expect([...matches[0]!.queryIndices].some((query) => query >= 3)).toBe(true)
    expect(matches[1]!.queryIndices.length).toBe(0)
    const branch = { ...randomLayer(44, { images: 2, queries: 4, classes: 4 }), repeat: 1, matching: own }
    const step = criterion.compute({ ...grouped, oneToMany: branch }, targets)
    expect(step.matches).toEqual(criterion.compute(grouped, targets).matches)
    expect([...step.oneToMany!.matches[0]!.queryIndices]).toEqual(
      [...step.oneToMany!.matches[0]!.queryIndices].toSorted((a, b) => a - b),
    )
    const tripled = criterion.compute({ ...grouped, oneToMany: { ...branch, repeat: 3 } }, targets)
    expectClose(tripled.oneToMany!.terms.l1 * 3, step.oneToMany!.terms.l1, 1e-12)
    expect(tripled.oneToMany!.matches).toEqual(step.oneToMany!.matches)
  })

  test('divides by all pairs with num-pairs, since they are known before the loss', () => {
    const byPairs = new HungarianLoss({ ...options, normalization: 'num-pairs' })
    const { terms, normalizers } = byPairs.compute({ ...outputs, matching }, near)
    expectClose(terms.l1, result.terms.l1 / 2, 1e-12)
    expect(normalizers).toMatchObject({ numPairs: 4, counts: { pairs: [4] } })
  })

  test('leaves out queries that are not finite', () => {
    const lenient = new HungarianLoss({ ...options, nonFinite: 'worst' })
    const broken = { logits: outputs.logits, boxes: { ...outputs.boxes, data: outputs.boxes.data.slice() } }
    broken.boxes.data[0] = Infinity
    const { matches, nonFinite, loss } = lenient.compute({ ...broken, matching }, near)
    expect(matches[0]!.queryIndices.includes(0)).toBe(false)
    expect([nonFinite.boxes, nonFinite.costs]).toEqual([1, 0])
    expect(Number.isFinite(loss)).toBe(true)
  })

  test('without the quantile queries take their best target, and each target its best', () => {
    const targets = randomTargets(45, { classes: 4, targets: [3, 2] })
    const layer = randomLayer(46, { images: 2, queries: 8, classes: 4 })
    const rule: ScoreMatching = { by: 'score', threshold: 10, atLeastOne: true }
    const { matches } = criterion.compute({ ...layer, matching: rule }, targets)
    expect(matches.map(({ targetIndices }) => [...targetIndices].toSorted())).toEqual([
      [0, 1, 2],
      [0, 1],
    ])
    const all = criterion.compute({ ...layer, matching: { by: 'score', threshold: 0 } }, targets)
    expect(all.matches.map(({ queryIndices }) => queryIndices.length)).toEqual([8, 8])
    const none = criterion.compute({ ...layer, matching: { by: 'score', threshold: 10 } }, targets)
    expect(none.matches.map(({ unmatchedTargets }) => unmatchedTargets.length)).toEqual([3, 2])
  })
})

describe('matching: by score, what cannot be is refused', () => {
  test.each<[object, object]>([
    [{ by: 'iou' }, { code: 'OPTION', argument: 'outputs.matching.by' }],
    [
      { by: 'score', threshold: NaN },
      { code: 'OPTION', argument: 'outputs.matching.threshold' },
    ],
    [
      { by: 'score', class: -1 },
      { code: 'OPTION', argument: 'outputs.matching.class' },
    ],
    [{ by: 'score', overlap: '0.7' }, { argument: 'outputs.matching.overlap' }],
    [
      { by: 'score', topK: 0 },
      { code: 'OPTION', argument: 'outputs.matching.topK' },
    ],
    [
      { by: 'score', topK: 1.5 },
      { code: 'OPTION', argument: 'outputs.matching.topK' },
    ],
    [{ by: 'score', quantile: 1 }, { argument: 'outputs.matching.quantile' }],
    [
      { by: 'score', top: 4 },
      { code: 'OPTION', argument: 'outputs.matching.top' },
    ],
  ])('%j', (rule, expected) => {
    expect(errorOf(() => criterion.compute({ ...outputs, matching: untyped(rule) }, near))).toMatchObject(expected)
  })

  test('softmax classification, the union matching, and an added cost', () => {
    const layer = randomLayer(47, { images: 1, queries: 5 })
    const softmax = errorOf(() => HungarianLoss.detr({ numClasses: 4 }).compute({ ...layer, matching }, near))
    expect(softmax).toMatchObject({ code: 'OPTION', argument: 'outputs.matching.by' })
    expect(softmax.message).toMatch(/must be absent with softmax classification, .*, got 'score'$/)
    const union = new HungarianLoss({ ...options, boxMatching: 'union' })
    const united = errorOf(() => union.compute({ ...outputs, matching }, near))
    expect(united).toMatchObject({ code: 'OPTION', argument: 'outputs.matching.by' })
    expect(united.message).toMatch(/must be absent where geometric terms use the union matching, .*, got 'score'$/)
    const cost = [{ data: new Float32Array(10), shape: [5, 2] }]
    const added = errorOf(() => criterion.compute({ ...outputs, matching, cost }, near))
    expect(added).toMatchObject({ code: 'OPTION', argument: 'outputs.cost' })
  })
})
