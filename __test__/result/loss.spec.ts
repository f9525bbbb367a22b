import { inspect } from 'node:util'
import { describe, expect, test } from 'vitest'
import { HungarianLoss } from '../../src/index.ts'
import { countsOf, randomLayer, randomTargets } from '../support/helpers.ts'

const criterion = HungarianLoss.detr({ numClasses: 4 })
const shape = { images: 3, queries: 4, targets: [2, 0, 6] }
const outputs = { ...randomLayer(1, shape), auxiliary: [randomLayer(2, shape)] }
const targets = randomTargets(1, shape)
const result = criterion.compute(outputs, targets)

test('compute: what is read twice is the same object', () => {
  for (const name of ['terms', 'layers', 'matches', 'metrics', 'normalizers', 'gradients', 'nonFinite'] as const) {
    expect(result[name]).toBe(result[name])
  }
})

test('compute: the last layer’s results are those at the top', () => {
  const final = result.layers[1]!
  expect(result.layers.length).toBe(2)
  expect(result.terms).toBe(final.terms)
  expect(result.matches).toBe(final.matches)
  expect(result.metrics).toBe(final.metrics)
  const classNormalizers = result.layers.map(({ classNormalizer }) => classNormalizer)
  const counts = { targets: 8, classNormalizers, leastClassNormalizers: [0, 0] }
  expect(result.normalizers).toEqual({ numBoxes: 8, classNormalizer: final.classNormalizer, counts })
})

test('compute: the loss is the weighted sum over the layers', () => {
  const total = result.layers.reduce((sum, { terms }) => sum + terms.class + 5 * terms.l1 + 2 * terms.giou, 0)
  expect(result.loss).toBeCloseTo(total, 12)
})

describe('matches', () => {
  test('are sorted by query, and every target is matched or listed', () => {
    for (const { matches } of result.layers) {
      expect(matches.length).toBe(3)
      matches.forEach(({ queryIndices, targetIndices, unmatchedTargets }, image) => {
        const count = targets[image]!.labels.length
        expect(queryIndices).toBeInstanceOf(Int32Array)
        expect(queryIndices.length).toBe(Math.min(4, count))
        expect([...queryIndices]).toEqual([...new Set(queryIndices)].toSorted())
        expect([...targetIndices, ...unmatchedTargets].toSorted()).toEqual([...Array(count).keys()])
        expect([...unmatchedTargets]).toEqual([...unmatchedTargets].toSorted())
      })
    }
  })

  test('are those of match', () => {
    const matching = criterion.match(outputs, targets)
    expect(matching.matches).toEqual(result.matches)
    expect(matching.layers.map(({ matches }) => matches)).toEqual(result.layers.map(({ matches }) => matches))
    expect(matching.normalizers).toEqual(result.normalizers)
    expect(matching.nonFinite).toEqual(countsOf())
  })

  test('are of the least total among the costs', () => {
    const { layers } = criterion.cost(outputs, targets)
    const { data, shape: sizes } = layers[0]!.images[2]!
    expect(sizes).toEqual([4, 6])
    const { queryIndices, targetIndices } = result.layers[0]!.matches[2]!
    const total = queryIndices.reduce((sum, query, k) => sum + data[query * 6 + targetIndices[k]!]!, 0)
    for (const query of queryIndices) {
      for (const other of queryIndices) {
        const swapped = queryIndices.map((q) => (q === query ? other : q === other ? query : q))
        expect(swapped.reduce((sum, q, k) => sum + data[q * 6 + targetIndices[k]!]!, 0)).toBeGreaterThanOrEqual(
          total - 1e-6,
        )
      }
    }
  })
})

test('cost: costs come in a block for each image', () => {
  const cost = criterion.cost(outputs, targets)
  expect(cost.layers.length).toBe(2)
  expect(cost.images).toBe(cost.layers[1]!.images)
  expect(cost.images.map((block) => [...block.shape, block.data.length])).toEqual([
    [4, 2, 8],
    [4, 0, 0],
    [4, 6, 24],
  ])
  expect(cost.nonFinite).toEqual(countsOf())
})

test('compute: a result prints, and turns into JSON, as what it stands for', () => {
  expect(inspect(result, { depth: 4 })).toMatch(/loss: \d.*terms: \{\s+class: .*queryIndices: Int32Array.*gradients: /s)
  const { loss, terms, layers } = JSON.parse(JSON.stringify(result))
  expect({ loss, terms }).toEqual({ loss: result.loss, terms: result.terms })
  expect(layers[0].metrics).toEqual(result.layers[0]!.metrics)
})
