import { describe, expect, test } from 'vitest'
import { DetectionEvaluator } from '../../src/evaluate.ts'
import type { EvaluatorOptions } from '../../src/evaluate.ts'
import { threadCount } from '../../src/index.ts'
import { errorOf, untyped } from '../support/helpers.ts'

const resolve = (options: object) =>
  new DetectionEvaluator(untyped<EvaluatorOptions>({ numClasses: 3, ...options })).options

describe('options', () => {
  test('defaults are COCO’s, frozen throughout', () => {
    const options = resolve({})
    expect(options).toMatchObject({
      numClasses: 3,
      areas: [
        { name: 'all', range: [0, 1e10] },
        { name: 'small', range: [0, 1024] },
        { name: 'medium', range: [1024, 9216] },
        { name: 'large', range: [9216, 1e10] },
      ],
      maxDetections: [1, 10, 100],
      classAgnostic: false,
      boxFormat: 'xywh',
      threads: threadCount(),
    })
    const { iouThresholds, recallThresholds } = options
    expect([iouThresholds.length, iouThresholds[0], iouThresholds[5], iouThresholds[9]]).toEqual([10, 0.5, 0.75, 0.95])
    expect([recallThresholds.length, recallThresholds[0], recallThresholds[100]]).toEqual([101, 0, 1])
    for (const value of [options, iouThresholds, options.areas, ...options.areas.map(({ range }) => range)]) {
      expect(Object.isFrozen(value)).toBe(true)
    }
  })

  test('lists may be typed, and are copied', () => {
    const iouThresholds = Float64Array.of(0.25, 1)
    const options = resolve({ iouThresholds, maxDetections: Uint8Array.of(3, 5) })
    iouThresholds.fill(0.1)
    expect(options).toMatchObject({ iouThresholds: [0.25, 1], maxDetections: [3, 5] })
  })

  test('all comes first where it is not given, and where it stands where it is', () => {
    const namesOf = (areas: object) => resolve({ areas }).areas.map(({ name }) => name)
    expect(namesOf({ tiny: [0, 9] })).toEqual(['all', 'tiny'])
    expect(namesOf({ tiny: [0, 9], all: [0, 99] })).toEqual(['tiny', 'all'])
    expect(namesOf({ tiny: [0, 9], 7: [0, 99] })).toEqual(['7', 'all', 'tiny'])
    expect(namesOf({})).toEqual(['all'])
  })

  test('a result has ranges in this order', () => {
    const areas = { tiny: [0, 9], 7: [0, 99] }
    const { areas: ofAreas } = new DetectionEvaluator({ numClasses: 1, areas }).result()
    expect(Object.keys(ofAreas)).toEqual(['7', 'all', 'tiny'])
  })

  test.each<[string, object, string]>([
    ['no classes', { numClasses: 0 }, 'numClasses'],
    ['half a class', { numClasses: 1.5 }, 'numClasses'],
    ['too many classes', { numClasses: 2 ** 24 }, 'numClasses'],
    ['no thresholds', { iouThresholds: [] }, 'iouThresholds'],
    ['a threshold of 0', { iouThresholds: [0, 0.5] }, 'iouThresholds[0]'],
    ['a threshold above 1', { iouThresholds: [0.5, 1.5] }, 'iouThresholds[1]'],
    ['a threshold of NaN', { iouThresholds: [NaN] }, 'iouThresholds[0]'],
    ['thresholds that fall', { iouThresholds: [0.75, 0.5] }, 'iouThresholds[1]'],
    ['a threshold twice', { recallThresholds: [0, 0] }, 'recallThresholds[1]'],
    ['a number in place of a list', { iouThresholds: 0.5 }, 'iouThresholds'],
    ['too many thresholds', { iouThresholds: Array.from({ length: 1001 }, (_, i) => (i + 1) / 1001) }, 'iouThresholds'],
    ['no detections', { maxDetections: [0, 1] }, 'maxDetections[0]'],
    ['half a detection', { maxDetections: [1.5] }, 'maxDetections[0]'],
    ['a list of areas', { areas: [[0, 1]] }, 'areas'],
    ['a range without an end', { areas: { tiny: [0] } }, 'areas.tiny'],
    ['a range that ends before it begins', { areas: { tiny: [9, 0] } }, 'areas.tiny'],
    ['a range without limits', { areas: { tiny: [0, Infinity] } }, 'areas.tiny'],
    [
      'too many ranges',
      { areas: Object.fromEntries(Array.from({ length: 64 }, (_, i) => [`r${i}`, [0, i]])) },
      'areas',
    ],
    ['a word for a flag', { classAgnostic: 'yes' }, 'classAgnostic'],
    ['an unknown format', { boxFormat: 'yxyx' }, 'boxFormat'],
    ['no threads', { threads: 0 }, 'threads'],
    ['pycocotools’ name', { iouThrs: [0.5] }, 'iouThrs'],
  ])('%s are refused', (_, options, argument) => {
    expect(errorOf(() => resolve(options))).toMatchObject({ code: 'OPTION', argument: `options.${argument}` })
  })

  test('the name that is meant by another one is said', () => {
    for (const [name, meant] of [
      ['iouThrs', 'iouThresholds'],
      ['maxDets', 'maxDetections'],
      ['area_rng', 'areas'],
      ['useCats', 'classAgnostic'],
      ['num_classes', 'numClasses'],
    ]) {
      expect(errorOf(() => resolve({ [name!]: 1 })).message).toContain(`did you mean ${meant}?`)
    }
  })
})
