import { describe, expect, test } from 'vitest'
import { HungarianLoss } from '../../src/index.ts'
import type { CallOptions, Target } from '../../src/index.ts'
import { errorOf, expectClose, randomLayer, randomTargets, tiny, untyped } from '../support/helpers.ts'

const criterion = HungarianLoss.detr({ numClasses: 4 })

describe('numBoxes and classNormalizer: a call’s normalisers', () => {
  const outputs = { ...randomLayer(7), auxiliary: [randomLayer(8)] }
  const targets = randomTargets(7)
  const usual = criterion.compute(outputs, targets)

  test('divide the terms', () => {
    const { terms, normalizers } = criterion.compute(outputs, targets, { numBoxes: 10, classNormalizer: 2 })
    expect(normalizers).toEqual({ numBoxes: 10, classNormalizer: 2, counts: usual.normalizers.counts })
    expectClose(terms.l1, usual.terms.l1 / 2, 1e-12)
    expectClose(terms.giou, usual.terms.giou / 2, 1e-12)
    expectClose(terms.class, (usual.terms.class * usual.normalizers.classNormalizer) / 2, 1e-12)
  })

  test('may differ from layer to layer', () => {
    for (const classNormalizer of [[2, 3], Float64Array.of(2, 3)]) {
      const { layers } = criterion.compute(outputs, targets, { classNormalizer })
      expect(layers.map((layer) => layer.classNormalizer)).toEqual([2, 3])
    }
  })
})

describe('call: a call is refused:', () => {
  const { outputs, targets } = tiny()
  const one = HungarianLoss.detr({ numClasses: 1 })
  test.each<[string, unknown, object, RegExp]>([
    ['null', null, { code: 'OPTION', argument: 'call' }, /an object, got null/],
    ['a flag', true, { code: 'OPTION', argument: 'call' }, /got true/],
    [
      'an unknown key',
      { gradient: false },
      { code: 'OPTION', argument: 'call.gradient' },
      /known are gradients, out, numBoxes, numPairs, unionBoxes, classNormalizer, distilledQueries, numImages/,
    ],
    [
      'the former name of classNormalizer',
      { classWeight: 1 },
      { code: 'OPTION', argument: 'call.classWeight' },
      /did you mean classNormalizer\?/,
    ],
    ['gradients of 0', { gradients: 0 }, { code: 'OPTION', argument: 'call.gradients' }, /true or false, got 0/],
    ['numBoxes of 0', { numBoxes: 0 }, { code: 'OPTION', argument: 'call.numBoxes' }, /above 0, got 0/],
    ['numBoxes of NaN', { numBoxes: NaN }, { code: 'OPTION', argument: 'call.numBoxes' }, /NaN/],
    ['infinite numBoxes', { numBoxes: Infinity }, { code: 'OPTION', argument: 'call.numBoxes' }, /Infinity/],
    ['numBoxes as a string', { numBoxes: '2' }, { code: 'OPTION', argument: 'call.numBoxes' }, /"2"/],
    ['numBoxes of null', { numBoxes: null }, { code: 'OPTION', argument: 'call.numBoxes' }, /null/],
    ['a negative classNormalizer', { classNormalizer: -1 }, { code: 'OPTION', argument: 'call.classNormalizer' }, /-1/],
    [
      'classNormalizer of null',
      { classNormalizer: null },
      { code: 'OPTION', argument: 'call.classNormalizer' },
      /null/,
    ],
    [
      'classNormalizer as a string',
      { classNormalizer: '1' },
      { code: 'OPTION', argument: 'call.classNormalizer' },
      /"1"/,
    ],
    [
      'too many classNormalizers',
      { classNormalizer: [1, 2] },
      { code: 'SHAPE', argument: 'call.classNormalizer' },
      /1 layers, got 2/,
    ],
    [
      'a bad classNormalizer',
      { classNormalizer: [0] },
      { code: 'OPTION', argument: 'call.classNormalizer[0]' },
      /got 0/,
    ],
    [
      'a classNormalizer that is a string',
      { classNormalizer: ['1'] },
      { code: 'OPTION', argument: 'call.classNormalizer[0]' },
      /"1"/,
    ],
  ])('%s', (_, call, details, message) => {
    const error = errorOf(() => one.compute(outputs, targets as Target[], untyped<CallOptions>(call)))
    expect(error).toMatchObject(details)
    expect(error.message).toMatch(message)
  })

  describe('divisors that the criterion does not divide by are checked, and have no effect:', () => {
    const layer = randomLayer(2)
    const given = randomTargets(2)
    const pairs = HungarianLoss.detr({ numClasses: 4, normalization: 'num-pairs' })
    const boxes = HungarianLoss.detr({ numClasses: 4 })
    test.each<[string, HungarianLoss, CallOptions, CallOptions]>([
      ['numPairs, by targets', boxes, { numPairs: 7 }, { numPairs: [0] }],
      ['numPairs of each layer, likewise', boxes, { numPairs: [7] }, { numPairs: [1, 2] }],
      ['unionBoxes, without a union', boxes, { unionBoxes: 7 }, { unionBoxes: 0 }],
      ['distilledQueries, without a ddf', boxes, { distilledQueries: [[3, 4]] }, { distilledQueries: [[3, -1]] }],
      ['numBoxes, by pairs', pairs, { numBoxes: 7 }, { numBoxes: 0 }],
    ])('%s', (_, criterion, call, bad) => {
      const [expected, found] = [criterion.compute(layer, given), criterion.compute(layer, given, call)]
      for (const key of ['loss', 'terms', 'gradients', 'layers'] as const) expect(found[key]).toEqual(expected[key])
      expect(Object.keys(found.normalizers)).toEqual(Object.keys(expected.normalizers))
      expect(found.normalizers.counts).toEqual(expected.normalizers.counts)
      const [name] = Object.keys(bad)
      expect(errorOf(() => criterion.compute(layer, given, bad)).argument).toMatch(`call.${name}`)
    })
  })

  test('absent values are defaults', () => {
    const call = { gradients: undefined, out: undefined, numBoxes: undefined, classNormalizer: undefined }
    const expected = one.compute(outputs, targets as Target[])
    expect(one.compute(outputs, targets as Target[], call)).toEqual(expected)
    // which would not be so if a result kept its numbers to itself
    expect(one.compute(outputs, targets as Target[], { numBoxes: 2 })).not.toEqual(expected)
  })
})
