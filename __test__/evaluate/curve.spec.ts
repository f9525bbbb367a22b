import { describe, expect, test } from 'vitest'
import { DetectionEvaluator, precisionRecall } from '../../src/evaluate.ts'
import { makeSet } from '../support/evaluations.ts'
import { errorOf, untyped } from '../support/helpers.ts'

const { options, detections, groundTruth } = makeSet(49)
const result = new DetectionEvaluator(options).add(detections, groundTruth).result()
const mean = (values: Float64Array): number => values.reduce((sum, value) => sum + value, 0) / values.length

describe('precisionRecall', () => {
  test('the mean of a class’ curve is its average precision at that threshold', () => {
    const evaluated = result.perClass.filter(({ targets }) => targets > 0)
    expect(evaluated.length).toBeGreaterThan(2)
    for (const { class: index, ap50, ap75 } of evaluated) {
      expect(mean(precisionRecall(result, { class: index }).precision)).toBeCloseTo(ap50, 12)
      expect(mean(precisionRecall(result, { class: index, iouThreshold: 0.75 }).precision)).toBeCloseTo(ap75, 12)
    }
  })

  test('without a class it is the mean of all that have targets', () => {
    const curve = precisionRecall(result)
    expect(mean(curve.precision)).toBeCloseTo(result.ap50, 12)
    expect([...curve.recall]).toEqual(result.recallThresholds)
    expect(curve.scores).toBeUndefined()
    const { precision } = precisionRecall(result, { area: 'medium', iouThreshold: 0.5 })
    expect(mean(precision)).toBeCloseTo(result.areas['medium']?.ap50 as number, 12)
  })

  test('precision falls as recall rises, and the scores fall with it', () => {
    const { precision, scores } = precisionRecall(result, { class: 0 })
    for (let i = 1; i < precision.length; i++) {
      expect(precision[i]).toBeLessThanOrEqual(precision[i - 1] as number)
      expect(scores?.[i]).toBeLessThanOrEqual(scores?.[i - 1] as number)
    }
    expect(precision[0]).toBeGreaterThan(0)
  })

  test('a class without targets has an empty curve', () => {
    const without = result.perClass.find(({ targets }) => targets === 0)
    const curve = precisionRecall(result, { class: without?.class })
    expect(curve).toEqual({ recall: new Float64Array(0), precision: new Float64Array(0), scores: undefined })
  })

  test('it takes a clone, and what JSON makes of a result', () => {
    const curve = precisionRecall(result, { class: 0 })
    expect(precisionRecall(structuredClone(result), { class: 0 })).toEqual(curve)
    expect(precisionRecall(JSON.parse(JSON.stringify(result)), { class: 0 })).toEqual(curve)
  })

  test('a threshold is found by its decimals, though numpy’s has other last digits', () => {
    expect(result.iouThresholds).toContain(0.8999999999999999)
    expect(result.iouThresholds).not.toContain(0.9)
    const exact = precisionRecall(result, { iouThreshold: 0.8999999999999999 })
    expect(precisionRecall(result, { iouThreshold: 0.9 })).toEqual(exact)
    expect(exact).not.toEqual(precisionRecall(result, { iouThreshold: 0.85 }))
  })

  test.each([
    [{ class: 99 }, 'OPTION', 'options.class'],
    [{ iouThreshold: 0.51 }, 'OPTION', 'options.iouThreshold'],
    [{ iouThreshold: NaN }, 'OPTION', 'options.iouThreshold'],
    [{ iouThreshold: '0.5' }, 'OPTION', 'options.iouThreshold'],
    [{ area: 'smal' }, 'OPTION', 'options.area'],
    [{ areas: 'small' }, 'OPTION', 'options.areas'],
  ])('refuses %j', (chosen, code, argument) => {
    const error = errorOf(() => precisionRecall(result, untyped(chosen)))
    expect(error).toMatchObject({ code, argument })
    if (argument !== 'options.class' && argument !== 'options.iouThreshold')
      expect(error.message).toMatch('did you mean')
  })

  test('refuses what is no result', () => {
    expect(errorOf(() => precisionRecall(untyped([])))).toMatchObject({ code: 'DTYPE', argument: 'result' })
    const { precision } = result
    const short = { ...result, precision: { data: precision.data.subarray(1), shape: precision.shape } }
    expect(errorOf(() => precisionRecall(short))).toMatchObject({ code: 'SHAPE', argument: 'result.precision' })
    expect(errorOf(() => precisionRecall({ ...result, iouThresholds: [0.5] }))).toMatchObject({ code: 'SHAPE' })
    for (const key of ['precision', 'scores'] as const) {
      const data = Array.from(result[key].data, (value, i) => (i % 3 === 0 ? String(value) : value))
      const wrong: any = { ...result, [key]: { data, shape: result[key].shape } }
      expect(errorOf(() => precisionRecall(wrong, { class: 0 }))).toMatchObject({
        code: 'DTYPE',
        argument: `result.${key}`,
      })
    }
  })
})
