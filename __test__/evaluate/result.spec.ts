import { describe, expect, test } from 'vitest'
import { DetectionEvaluator } from '../../src/evaluate.ts'
import { makeSet } from '../support/evaluations.ts'

const evaluate = (seed: number) => {
  const { options, detections, groundTruth } = makeSet(seed)
  return new DetectionEvaluator(options).add(detections, groundTruth).result()
}
const result = evaluate(49)

describe('result', () => {
  test('is plain data, and in JSON its arrays are plain ones', () => {
    expect(structuredClone(result)).toEqual(result)
    expect({ ...result }).toEqual(result)
    const json = JSON.parse(JSON.stringify(result)) as typeof result
    expect(json.precision.data).toEqual([...result.precision.data])
    expect(json.perClass).toEqual(result.perClass)
  })

  test('curves have the shapes that they say', () => {
    expect(result.precision.shape).toEqual([10, 101, 12, 4])
    expect(result.scores.shape).toEqual([10, 101, 12, 4])
    expect(result.recall.shape).toEqual([10, 12, 4, 3])
    for (const { data, shape } of [result.precision, result.scores, result.recall]) {
      expect(data).toHaveLength(shape.reduce((product, size) => product * size, 1))
    }
  })

  test('the numbers of all classes are the means of those of each', () => {
    const evaluated = result.perClass.filter(({ targets }) => targets > 0)
    expect(evaluated.length).toBeGreaterThan(5)
    const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length
    for (const name of ['ap', 'ap50', 'ap75', 'ar1', 'ar10', 'ar100'] as const) {
      expect(result[name]).toBeCloseTo(mean(evaluated.map((own) => own[name])), 12)
    }
    const small = evaluated.map(({ apSmall }) => apSmall).filter((ap) => ap > -1)
    expect(result.apSmall).toBeCloseTo(mean(small), 12)
  })

  test('a class without targets has -1, and its detections are counted', () => {
    const without = result.perClass.filter(({ targets }) => targets === 0)
    expect(without.length).toBeGreaterThan(0)
    expect(without.some(({ detections }) => detections > 0)).toBe(true)
    for (const { ap, ar100, apSmall } of without) expect([ap, ar100, apSmall]).toEqual([-1, -1, -1])
  })

  test('counts are those of the images', () => {
    const { detections, groundTruth } = makeSet(49)
    const sum = (lengths: number[]) => lengths.reduce((total, length) => total + length, 0)
    expect(result.images).toBe(40)
    expect(result.detections).toBe(sum(detections.map(({ scores }) => scores.length)))
    const ignored = groundTruth.map(({ ignore }) => Array.from(ignore ?? []).filter(Boolean).length)
    expect(result.targets).toBe(sum(groundTruth.map(({ labels }) => labels.length)) - sum(ignored))
    expect(result.targets).toBe(sum(result.perClass.map(({ targets }) => targets)))
  })

  test('each range of areas has its numbers, those of one’s own too', () => {
    const own = evaluate(3)
    expect(Object.keys(own.areas)).toEqual(['all', 'narrow', 'small'])
    expect(own.areas['small']).toMatchObject({ range: [0, 99.5], ap: own.apSmall })
    expect(own.areas['narrow']?.ar).toHaveLength(3)
    expect([own.apMedium, own.arLarge]).toEqual([-1, -1])
    expect(own.perClass[0]?.areas['small']?.ap).toBe(own.perClass[0]?.apSmall)
  })

  test('what was not evaluated is -1', () => {
    const single = evaluate(7)
    expect([single.ap50, single.ap75]).toEqual([-1, -1])
    const two = evaluate(4)
    expect([two.ar1, two.ar10, two.ar100]).toEqual([-1, -1, -1])
    expect(two.areas['all']?.ar).toHaveLength(1)
  })

  test('of one class for all there is one', () => {
    const { perClass, detections } = evaluate(6)
    expect(perClass).toHaveLength(1)
    expect(perClass[0]).toMatchObject({ class: 0, detections })
  })
})
