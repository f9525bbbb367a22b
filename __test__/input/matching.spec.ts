/** Where matchings come from, and who takes no part in them. */
import { describe, expect, test } from 'vitest'
import { HungarianLoss } from '../../src/index.ts'
import type { HungarianLossOptions, Outputs } from '../../src/index.ts'
import {
  bitsOf,
  errorOf,
  expectAllClose,
  expectClose,
  randomLayer,
  randomTargets,
  untyped,
} from '../support/helpers.ts'
import { gradientsOf, rows } from '../support/layers.ts'

const criterion = HungarianLoss.detr({ numClasses: 4 })
const targets = randomTargets(1)
const counts = targets.map(({ labels }) => labels.length)

describe('matching: the matching of a layer', () => {
  const [first, last] = [randomLayer(15), randomLayer(16)]

  test('may be that of another layer', () => {
    const { layers } = criterion.compute({ ...last, auxiliary: [{ ...first, matching: { from: 1 } }] }, targets)
    expect(layers[0]!.matches).toEqual(layers[1]!.matches)
    expect(layers[1]!.matches).toEqual(criterion.compute(last, targets).matches)
    expect(layers[0]!.matches).not.toEqual(criterion.compute(first, targets).matches)
  })

  test('may be given, and then what came of it is the same', () => {
    const own = criterion.compute(last, targets)
    const given = criterion.compute({ ...last, matching: own.matches }, targets)
    expect(given.matches).toEqual(own.matches)
    expect(given.loss).toBe(own.loss)
    expect(gradientsOf(given.gradients!)).toEqual(gradientsOf(own.gradients!))
    const empty = targets.map(() => ({ queryIndices: [], targetIndices: [] }))
    const background = criterion.compute({ ...last, matching: empty }, targets)
    expect(background.terms).toMatchObject({ l1: 0, giou: 0 })
    expect([...background.matches[1]!.unmatchedTargets]).toEqual([0, 1, 2])
  })

  test('follows a cost that is added, which is no part of the loss', () => {
    const block = (queries: number, count: number, wanted: number) => ({
      data: Array.from({ length: queries * count }, (_, i) =>
        Math.floor(i / count) === wanted + (i % count) ? -100 : 0,
      ),
      shape: [queries, count],
    })
    const cost = counts.map((count) => block(6, count, 2))
    const result = criterion.compute({ ...last, cost }, targets)
    result.matches.forEach(({ queryIndices, targetIndices }, image) => {
      expect([...queryIndices]).toEqual(Array.from({ length: counts[image]! }, (_, k) => k + 2))
      expect([...targetIndices]).toEqual(Array.from({ length: counts[image]! }, (_, k) => k))
    })
    const given = criterion.compute({ ...last, matching: result.matches }, targets)
    expect(result.loss).toBe(given.loss)
    const [plain, added] = [criterion.cost(last, targets), criterion.cost({ ...last, cost }, targets)]
    expectAllClose(
      added.images[1]!.data,
      plain.images[1]!.data.map((value, i) => value + cost[1]!.data[i]!),
      1e-5,
    )
  })
})

describe('ignore: ignored targets', () => {
  const outputs = randomLayer(17, { images: 1, queries: 4 })
  /** Two queries within the crowd, two outside. */
  outputs.boxes.data.set([0.2, 0.2, 0.1, 0.1, 0.25, 0.25, 0.2, 0.2, 0.8, 0.8, 0.2, 0.2, 0.7, 0.3, 0.2, 0.2])
  const object = { labels: [1], boxes: [[0.8, 0.8, 0.2, 0.2]] }
  const withCrowd = { labels: [-7, 1], boxes: [[0.25, 0.25, 0.4, 0.4], ...object.boxes], ignore: [true, false] }

  test('are not matched, and unmatched queries on them have no loss (open-mmlab/mmdetection #10019)', () => {
    const result = criterion.compute(outputs, [withCrowd])
    const [match] = result.matches
    expect([...match!.queryIndices, ...match!.targetIndices]).toEqual([2, 1])
    expect([...match!.ignoredQueries]).toEqual([0, 1])
    expect(match!.unmatchedTargets.length).toBe(0)
    expect(result.normalizers.numBoxes).toBe(1)
    // the same as if there were only the other two queries
    const alone = criterion.compute(rows(outputs, 2, 4), [object])
    expectClose(result.loss, alone.loss, 1e-12)
    expectClose(result.normalizers.classNormalizer, 1.1, 1e-12)
    expect(bitsOf(result.gradients!.logits.slice(0, 10))).toBe(bitsOf(new Float32Array(10)))
    expectAllClose(result.gradients!.logits.subarray(10), alone.gradients!.logits, 1e-6)
    expectAllClose(result.gradients!.boxes.subarray(8), alone.gradients!.boxes, 1e-6)
  })

  test('have a cost, for which they need a label, which they need for nothing else', () => {
    const error = errorOf(() => criterion.cost(outputs, [withCrowd]))
    expect(error).toMatchObject({ code: 'RANGE', argument: 'targets[0].labels', image: 0, target: 0 })
    const { images } = criterion.cost(outputs, [{ ...withCrowd, labels: [0, 1] }])
    expect(images[0]!.shape).toEqual([4, 2])
    expect(images[0]!.data.every(Number.isFinite)).toBe(true)
  })

  test.each<[HungarianLossOptions['ignore'], number[]]>([
    [{ overlap: 'iou', threshold: 0.5 }, []],
    [{ overlap: 'iou', threshold: 0.2 }, [1]],
    [{ threshold: 1 }, []],
    [{ threshold: 0 }, [0, 1]],
  ])('with %j, the queries left out are %j', (ignore, expected) => {
    const { matches } = HungarianLoss.detr({ numClasses: 4, ignore }).compute(outputs, [withCrowd])
    expect([...matches[0]!.ignoredQueries]).toEqual(expected)
  })

  test('spare a matched query that lies on them', () => {
    const inside = {
      labels: [1, 0],
      boxes: [
        [0.25, 0.25, 0.2, 0.2],
        [0.25, 0.25, 0.4, 0.4],
      ],
      ignore: [0, 1],
    }
    const [match] = criterion.compute(outputs, [inside]).matches
    expect([...match!.queryIndices]).toEqual([1])
    expect([...match!.ignoredQueries]).toEqual([0])
  })

  test('leave out the denoising query that was made from them', () => {
    const noisy = randomLayer(18, { images: 1, queries: 4 })
    const { denoising } = criterion.compute({ ...outputs, denoising: noisy }, [withCrowd])
    expect([...denoising!.matches[0]!.queryIndices, ...denoising!.matches[0]!.targetIndices]).toEqual([1, 1])
    expect(denoising!.matches[0]!.ignoredQueries[0]).toBe(0)
  })
})

describe('boxMatching: the union matching', () => {
  const [first, last, proposals] = [randomLayer(19), randomLayer(20), randomLayer(21)]
  const union = HungarianLoss.detr({ numClasses: 4, boxMatching: 'union' })
  const outputs = { ...last, auxiliary: [first], encoder: proposals }

  test('changes the box terms alone', () => {
    const [result, own] = [union.compute(outputs, targets), criterion.compute(outputs, targets)]
    expect(result.layers.map(({ matches }) => matches)).toEqual(own.layers.map(({ matches }) => matches))
    expect(result.encoder!.terms.class).toBe(own.encoder!.terms.class)
    expect(result.terms.l1).not.toBe(own.terms.l1)
    expect(union.match(outputs, targets).normalizers).toEqual(result.normalizers)
    expect(own.normalizers.unionBoxes).toBeUndefined()
  })

  test('of a single layer is its own, divided by its pairs', () => {
    const crowd = randomTargets(22, { targets: [9, 1] })
    const [result, own] = [union.compute(last, crowd), criterion.compute(last, crowd)]
    expect(result.normalizers.unionBoxes).toBe(7)
    expectClose(result.terms.l1, (own.terms.l1 * 10) / 7, 1e-12)
    expectClose(union.compute(last, crowd, { unionBoxes: 14 }).terms.l1, result.terms.l1 / 2, 1e-12)
  })

  test('needs as many queries in every part', () => {
    const more = { ...outputs, encoder: randomLayer(23, { queries: 7 }) }
    expect(errorOf(() => union.compute(more, targets)).code).toBe('SHAPE')
  })
})

test('matching: a result does not change with a given matching that is taken away later', () => {
  const pairs = [
    { queryIndices: [0], targetIndices: [0] },
    { queryIndices: [], targetIndices: [] },
  ]
  const oneToMany: { matching?: object } = { ...randomLayer(12), repeat: 2, matching: pairs } as object
  const outputs = untyped<Outputs>({ ...randomLayer(11), oneToMany })
  const expected = criterion.compute(outputs, targets).oneToMany?.matches
  const result = criterion.compute(outputs, targets)
  expect(expected?.length).toBe(2)
  delete oneToMany.matching
  expect(result.oneToMany?.matches).toEqual(expected)
})

test('boxMatching: parts of the union matching with other queries are compared by name', () => {
  const union = HungarianLoss.dFine({ numClasses: 5 })
  const given = { ...randomLayer(1), encoder: randomLayer(2, { queries: 9 }) }
  expect(errorOf(() => union.compute(given, randomTargets(1)))).toMatchObject({
    code: 'SHAPE',
    argument: 'outputs.encoder',
    message: expect.stringMatching(/outputs\.encoder: has 9 queries where outputs has 6; .*boxMatching: 'layer'/),
  })
})
