/** Fixed pairs, with the rest matched optimally. */
import { describe, expect, test } from 'vitest'
import { HungarianLoss, linearSumAssignment } from '../../src/index.ts'
import { bitsOf, errorOf, expectClose, randomLayer, randomNumbers, randomTargets, untyped } from '../support/helpers.ts'
import { gradientsOf } from '../support/layers.ts'

const criterion = HungarianLoss.detr({ numClasses: 4 })
const targets = randomTargets(1)
const layer = randomLayer(31)
const none = { queryIndices: [], targetIndices: [] }

describe('matching: fixed pairs', () => {
  test.each(Array.from({ length: 40 }, (_, seed) => seed))(
    'are the full problem with infinite cells, seed %i',
    (seed) => {
      const random = randomNumbers(1000 + seed)
      const below = (count: number) => Math.floor(random() * count)
      const [queries, count] = [3 + below(6), 1 + below(5)]
      const outputs = randomLayer(seed, { images: 1, queries })
      const [target] = randomTargets(seed + 500, { targets: [count] })
      const order = Array.from({ length: queries }, (_, q) => q).toSorted(() => random() - 0.5)
      const pairs = order.slice(0, below(Math.min(queries, count) + 1)).map((q, t) => [q, t] as const)
      const free = order.slice(pairs.length)
      const excluded = free.slice(0, below(Math.max(queries - Math.max(count, pairs.length), 0) + 1))
      const matching = {
        fixed: [{ queryIndices: pairs.map(([q]) => q), targetIndices: pairs.map(([, t]) => t) }],
        excluded: [excluded],
      }
      const { images } = criterion.cost(outputs, [target!])
      const cost = Array.from(images[0]!.data)
      for (let q = 0; q < queries; q++) {
        for (let t = 0; t < count; t++) {
          const own = pairs.find((pair) => pair[0] === q || pair[1] === t)
          if (excluded.includes(q)) cost[q * count + t] = Infinity
          else if (own !== undefined) cost[q * count + t] = own[0] === q && own[1] === t ? -1 : Infinity
        }
      }
      const solved = linearSumAssignment({ data: cost, shape: [queries, count] })
      const [match] = criterion.match({ ...outputs, matching }, [target!]).matches
      const found = Array.from(match!.queryIndices, (q, i) => cost[q * count + match!.targetIndices[i]!]!)
      expect(found.length).toBe(solved.rowIndices.length)
      expectClose(
        found.reduce((sum, value) => sum + value, 0),
        solved.total,
        1e-6,
      )
      // what is matched decides the loss, wherever it comes from
      const result = criterion.compute({ ...outputs, matching }, [target!])
      const given = criterion.compute({ ...outputs, matching: result.matches }, [target!])
      expectClose(result.loss, given.loss, 1e-12)
      expect(gradientsOf(result.gradients)).toEqual(gradientsOf(given.gradients))
    },
  )

  test('of which there are none leave the optimal matching', () => {
    const own = criterion.compute(layer, targets)
    const result = criterion.compute({ ...layer, matching: { fixed: targets.map(() => none) } }, targets)
    expect(result.matches).toEqual(own.matches)
    expect(result.loss).toBe(own.loss)
    expect(gradientsOf(result.gradients)).toEqual(gradientsOf(own.gradients))
  })

  test('are kept by all layers, each with a rest of its own, to which an added cost belongs', () => {
    const matching = { fixed: [{ queryIndices: [4], targetIndices: [0] }, none] } as const
    const [first, last] = [randomLayer(32), randomLayer(33)]
    const wanted = targets.map(({ labels: { length } }) => ({
      data: Array.from({ length: 6 * length }, (_, i) => (Math.floor(i / length) === 5 ? -100 : 0)),
      shape: [6, length],
    }))
    const outputs = { ...last, matching, auxiliary: [{ ...first, matching, cost: wanted }] }
    const { layers } = criterion.compute(outputs, targets)
    for (const { matches } of layers) {
      expect([...matches[0]!.queryIndices, ...matches[0]!.targetIndices].length).toBe(4)
      expect(matches[0]!.targetIndices[[...matches[0]!.queryIndices].indexOf(4)]).toBe(0)
    }
    expect(layers[0]!.matches.every(({ queryIndices }) => queryIndices.includes(5))).toBe(true)
    const stacked = (name: 'logits' | 'boxes') => ({
      data: Float32Array.from([...first[name].data, ...last[name].data]),
      shape: [2, ...last[name].shape],
    })
    const both = criterion.compute({ logits: stacked('logits'), boxes: stacked('boxes'), matching }, targets)
    expect(both.layers.every(({ matches }) => matches[0]!.queryIndices.includes(4))).toBe(true)
    const others = criterion.compute({ ...last, matching, auxiliary: [{ ...first, matching: { from: 1 } }] }, targets)
    expect(others.layers[0]!.matches).toEqual(others.layers[1]!.matches)
  })

  test('hold in each group, as often as targets are repeated', () => {
    const matching = { fixed: [{ queryIndices: [1, 3], targetIndices: [0, 0] }, none] } as const
    const { matches } = criterion.compute({ ...layer, groups: 2, matching }, targets)
    expect([...matches[0]!.queryIndices].flatMap((q, i) => (matches[0]!.targetIndices[i] === 0 ? [q] : []))).toEqual([
      1, 3,
    ])
    const oneToMany = {
      ...randomLayer(34),
      repeat: 2,
      matching: { fixed: [{ queryIndices: [1, 3], targetIndices: [0, 0] }, none] },
    }
    const branch = criterion.compute({ ...layer, oneToMany }, targets).oneToMany!.matches[0]!
    expect([...branch.targetIndices].filter((target) => target === 0).length).toBe(2)
    expect(branch.queryIndices.includes(1) && branch.queryIndices.includes(3)).toBe(true)
  })

  test('may leave queries out: as background, or as if they were not there', () => {
    const fixed = targets.map(() => none)
    const excluded = [[0, 5], [2]]
    const background = criterion.compute({ ...layer, matching: { fixed, excluded } }, targets)
    expect(background.matches.map(({ ignoredQueries }) => ignoredQueries.length)).toEqual([0, 0])
    const ignored = criterion.compute({ ...layer, matching: { fixed, excluded, excludedAs: 'ignore' } }, targets)
    expect(ignored.matches.map(({ ignoredQueries }) => [...ignoredQueries])).toEqual(excluded)
    const named = excluded.map((ignoredQueries) => ({ ...none, ignoredQueries }))
    expect(criterion.compute({ ...layer, matching: { fixed: named } }, targets).loss).toBe(ignored.loss)
    for (const { matches } of [background, ignored]) {
      expect(matches.some(({ queryIndices }, b) => excluded[b]!.some((query) => queryIndices.includes(query)))).toBe(
        false,
      )
      expect(matches.map(({ queryIndices }) => queryIndices.length)).toEqual([2, 3])
    }
    expectClose(background.normalizers.classNormalizer - ignored.normalizers.classNormalizer, 0.3, 1e-12)
    expect(bitsOf(ignored.gradients.logits.slice(0, 5))).toBe(bitsOf(new Float32Array(5)))
    expect(background.gradients.logits.slice(0, 5).some((value) => value !== 0)).toBe(true)
  })

  test('leave targets without a query where those that are ignored would be needed', () => {
    const matching = { fixed: [none, none], excluded: [[], [0, 1, 2, 3]], excludedAs: 'ignore' } as const
    const { matches } = criterion.compute({ ...layer, matching }, targets)
    expect([matches[1]!.queryIndices.length, matches[1]!.unmatchedTargets.length]).toEqual([2, 1])
  })

  test('go with queries that are not finite, threads and computeAsync', async () => {
    const lenient = HungarianLoss.detr({ numClasses: 4, nonFinite: 'worst', threads: 2 })
    const broken = randomLayer(35)
    broken.boxes.data[4] = NaN
    const matching = { fixed: [{ queryIndices: [1], targetIndices: [1] }, none], excluded: [[0], []] }
    const result = lenient.compute({ ...broken, matching }, targets)
    expect(result.nonFinite.boxes).toBe(1)
    expect(Number.isFinite(result.loss)).toBe(true)
    expect(bitsOf(result.gradients.boxes.slice(4, 8))).toBe(bitsOf(new Float32Array(4)))
    expect((await lenient.computeAsync({ ...broken, matching }, targets)).loss).toBe(result.loss)
  })

  test('with an ignored target a query has no part in the loss', () => {
    const [first, second] = targets
    const crowd = [{ ...first!, ignore: [false, true] }, second!]
    const matching = { fixed: [{ queryIndices: [2], targetIndices: [1] }, none] }
    const { matches } = criterion.compute({ ...layer, matching }, crowd)
    expect([...matches[0]!.ignoredQueries]).toContain(2)
    expect([...matches[0]!.targetIndices]).toEqual([0])
  })
})

describe('matching: fixed pairs that cannot be are refused', () => {
  const of = (matching: unknown, rest: object = {}) =>
    errorOf(() => criterion.compute({ ...layer, ...rest, matching: untyped(matching) }, targets))
  const pairs = (queryIndices: number[], targetIndices: number[]) => [{ queryIndices, targetIndices }, none]

  test.each<[object, object]>([
    [{ fixed: pairs([1, 1], [0, 1]) }, { code: 'RANGE', argument: 'outputs.matching.fixed[0].queryIndices', query: 1 }],
    [{ fixed: pairs([1, 2], [0, 0]) }, { code: 'RANGE', argument: 'outputs.matching', image: 0, query: 2, target: 0 }],
    [{ fixed: pairs([6], [0]) }, { code: 'RANGE', argument: 'outputs.matching.fixed[0].queryIndices' }],
    [{ fixed: pairs([1.5], [0]) }, { code: 'RANGE', argument: 'outputs.matching.fixed[0].queryIndices' }],
    [{ fixed: pairs([1], [2]) }, { code: 'RANGE', argument: 'outputs.matching.fixed[0].targetIndices' }],
    [{ fixed: pairs([1], [0, 1]) }, { code: 'SHAPE', argument: 'outputs.matching.fixed[0]' }],
    [{ fixed: [none] }, { code: 'SHAPE', argument: 'outputs.matching.fixed' }],
    [{ fixed: none }, { code: 'DTYPE', argument: 'outputs.matching.fixed' }],
    [
      { fixed: pairs([1], [0]), excluded: [[1], []] },
      { code: 'RANGE', argument: 'outputs.matching.excluded[0]', query: 1 },
    ],
    [
      { fixed: pairs([], []), excluded: [[], [3, 3]] },
      { code: 'RANGE', argument: 'outputs.matching.excluded[1]', query: 3 },
    ],
    [
      { fixed: pairs([], []), excluded: [[NaN], []] },
      { code: 'RANGE', argument: 'outputs.matching.excluded[0]' },
    ],
    [
      { fixed: pairs([], []), excluded: [[6], []] },
      { code: 'RANGE', argument: 'outputs.matching.excluded[0]' },
    ],
    [
      { fixed: pairs([], []), excluded: [[]] },
      { code: 'SHAPE', argument: 'outputs.matching.excluded' },
    ],
    [
      { fixed: pairs([], []), excluded: 3 },
      { code: 'DTYPE', argument: 'outputs.matching.excluded' },
    ],
    [
      { fixed: pairs([], []), excluded: [3, 4] },
      { code: 'DTYPE', argument: 'outputs.matching.excluded[0]' },
    ],
    [
      { fixed: pairs([], []), rest: 'given' },
      { code: 'OPTION', argument: 'outputs.matching.rest' },
    ],
    [
      { fixed: pairs([], []), excludedAs: 'positive' },
      { code: 'OPTION', argument: 'outputs.matching.excludedAs' },
    ],
    [
      { fixed: pairs([], []), exclude: [] },
      { code: 'OPTION', argument: 'outputs.matching.exclude' },
    ],
    [
      { fixed: pairs([], []), excluded: [[], [0, 1, 2, 3]] },
      { code: 'INFEASIBLE', argument: 'outputs.matching', image: 1 },
    ],
  ])('%j', (matching, expected) => {
    expect(of(matching)).toMatchObject(expected)
  })
})
