import { describe, expect, test } from 'vitest'
import { DetectionEvaluator } from '../../src/evaluate.ts'
import { threadCount } from '../../src/index.ts'
import { errorOf, untyped } from '../support/helpers.ts'

describe('new DetectionEvaluator', () => {
  test('fills in COCO’s options, with the digits of numpy', () => {
    const { options } = new DetectionEvaluator({ numClasses: 80 })
    expect(options.iouThresholds).toHaveLength(10)
    expect(options.iouThresholds.slice(0, 4)).toEqual([0.5, 0.55, 0.6, 0.65])
    expect(options.iouThresholds.at(-1)).toBe(0.95)
    expect(options.iouThresholds).toContain(0.75)
    expect(options.recallThresholds).toHaveLength(101)
    expect([options.recallThresholds[0], options.recallThresholds[29], options.recallThresholds[100]]).toEqual([
      0,
      29 * 0.01,
      1,
    ])
    expect(options).toMatchObject({
      numClasses: 80,
      areas: [
        { name: 'all', range: [0, 1e10] },
        { name: 'small', range: [0, 1024] },
        { name: 'medium', range: [1024, 9216] },
        { name: 'large', range: [9216, 1e10] },
      ],
      maxDetections: [1, 10, 100],
      classAgnostic: false,
      boxFormat: undefined,
      threads: threadCount(),
    })
    for (const value of [options, options.areas, options.areas[0], options.areas[0]?.range, options.iouThresholds]) {
      expect(Object.isFrozen(value)).toBe(true)
    }
  })

  test('the range of all is always there, and ranges stand in the order of results', () => {
    const names = (areas: Record<string, [number, number]>) =>
      new DetectionEvaluator({ numClasses: 1, areas }).options.areas.map(({ name }) => name)
    expect(names({ tiny: [0, 10] })).toEqual(['all', 'tiny'])
    expect(names({ tiny: [0, 10], all: [0, 100] })).toEqual(['tiny', 'all'])
    expect(names({ 7: [0, 10] })).toEqual(['7', 'all'])
    const result = new DetectionEvaluator({ numClasses: 1, boxFormat: 'xywh', areas: { 7: [0, 10], last: [0, 1] } })
      .add([{ boxes: [], scores: [], labels: [] }], [{ boxes: [[0, 0, 2, 2]], labels: [0] }])
      .result()
    expect(Object.entries(result.areas).map(([name, { targets }]) => [name, targets])).toEqual([
      ['7', 1],
      ['all', 1],
      ['last', 0],
    ])
  })

  test('takes typed arrays, and what is given is copied', () => {
    const iouThresholds = Float64Array.of(0.25, 0.5)
    const evaluator = new DetectionEvaluator({ numClasses: 1, iouThresholds })
    iouThresholds.fill(7)
    expect(evaluator.options.iouThresholds).toEqual([0.25, 0.5])
  })

  test.each([
    [{}, 'numClasses'],
    [{ numClasses: 0 }, 'numClasses'],
    [{ numClasses: 2 ** 24 }, 'numClasses'],
    [{ iouThresholds: 0.5 }, 'iouThresholds'],
    [{ iouThresholds: [] }, 'iouThresholds'],
    [{ iouThresholds: [0] }, 'iouThresholds[0]'],
    [{ iouThresholds: [0.5, 1.1] }, 'iouThresholds[1]'],
    [{ iouThresholds: [0.5, 0.5] }, 'iouThresholds[1]'],
    [{ iouThresholds: ['0.5'] }, 'iouThresholds[0]'],
    [{ recallThresholds: [0, NaN] }, 'recallThresholds[1]'],
    [{ recallThresholds: [1, 0] }, 'recallThresholds[1]'],
    [{ maxDetections: [0] }, 'maxDetections[0]'],
    [{ maxDetections: [1.5] }, 'maxDetections[0]'],
    [{ maxDetections: [10, 1] }, 'maxDetections[1]'],
    [{ maxDetections: Array.from({ length: 65 }, (_, i) => i + 1) }, 'maxDetections'],
    [{ areas: [[0, 1]] }, 'areas'],
    [{ areas: { small: [1, 0] } }, 'areas.small'],
    [{ areas: { small: [0] } }, 'areas.small'],
    [{ areas: { small: [0, Infinity] } }, 'areas.small'],
    [{ areas: Object.fromEntries(Array.from({ length: 64 }, (_, i) => [`a${i}`, [0, i]])) }, 'areas'],
    [{ classAgnostic: 1 }, 'classAgnostic'],
    [{ boxFormat: 'yxyx' }, 'boxFormat'],
    [{ threads: 0 }, 'threads'],
    [{ maxDets: [1] }, 'maxDets'],
  ])('refuses %j', (change, name) => {
    const options = 'numClasses' in change || name === 'numClasses' ? change : { numClasses: 1, ...change }
    const error = errorOf(() => new DetectionEvaluator(untyped(options)))
    expect(error).toMatchObject({ code: 'OPTION', argument: `options.${name}` })
  })

  test.each([
    ['iouThrs', 'iouThresholds'],
    ['recThrs', 'recallThresholds'],
    ['maxDets', 'maxDetections'],
    ['areaRng', 'areas'],
    ['useCats', 'classAgnostic'],
  ])('of pycocotools’ %s it says that %s is meant', (given, meant) => {
    const error = errorOf(() => new DetectionEvaluator(untyped({ numClasses: 1, [given]: [] })))
    expect(error.message).toMatch(`did you mean ${meant}?`)
  })
})
