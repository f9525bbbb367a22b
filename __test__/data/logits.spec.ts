import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { HungarianLoss, inspectBatch, logitsFromProbabilities } from '../../src/index.ts'
import { errorOf, expectAllClose, randomLayer, randomTargets, untyped } from '../support/helpers.ts'

const softmax = (logits: readonly number[]): number[] => {
  const powers = logits.map((x) => Math.exp(x - Math.max(...logits)))
  return powers.map((power) => power / powers.reduce((a, b) => a + b))
}
const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x))

describe('logitsFromProbabilities:', () => {
  const number = fc.double({ min: -12, max: 12, noNaN: true })

  test('their softmax is what was given', () => {
    fc.assert(
      fc.property(fc.array(number, { minLength: 1, maxLength: 9 }), (logits) => {
        const [found] = logitsFromProbabilities([softmax(logits)], { kind: 'softmax', epsilon: 1e-300 })
        expectAllClose(softmax(found as number[]), softmax(logits), 1e-14)
      }),
    )
  })

  test('their sigmoid is what was given, and they are what they were', () => {
    fc.assert(
      fc.property(fc.array(number), (logits) => {
        const found = logitsFromProbabilities(logits.map(sigmoid), { kind: 'sigmoid', epsilon: 1e-12 })
        expectAllClose(found, logits, 1e-9)
        expectAllClose(found.map(sigmoid), logits.map(sigmoid), 1e-14)
      }),
    )
  })

  test('0 and 1 have finite logits, by the epsilon', () => {
    const [low, high] = logitsFromProbabilities([0, 1], { kind: 'sigmoid' })
    expect(low).toBeCloseTo(Math.log(1e-7 / (1 - 1e-7)), 12)
    expect(high).toBe(-(low as number))
    expect(logitsFromProbabilities([[0, 1]], { kind: 'softmax' })[0]).toEqual([Math.log(1e-7), 0])
    const extreme = logitsFromProbabilities([0, 1e-300, 1 - 2 ** -53, 1], { kind: 'sigmoid', epsilon: 1e-300 })
    expect(extreme.every(Number.isFinite)).toBe(true)
  })

  test('keep the form and the width of what was given', () => {
    const float32 = logitsFromProbabilities(Float32Array.of(0.5, 0.25), { kind: 'sigmoid' })
    expect(float32).toEqual(Float32Array.of(0, Math.log(1 / 3)))
    const tensor = { data: Float64Array.of(0.5, 0.5, 1, 0), dims: [2, 2] }
    const { data, shape } = logitsFromProbabilities(tensor, { kind: 'softmax', epsilon: 0.001 })
    expect(data).toEqual(Float64Array.of(Math.log(0.5), Math.log(0.5), 0, Math.log(0.001)))
    expect(shape).toEqual([2, 2])
    expect(tensor.data).toEqual(Float64Array.of(0.5, 0.5, 1, 0))
  })

  test('are what a criterion takes: the loss is that of the logits behind the probabilities', () => {
    const [layer, targets] = [randomLayer(1), randomTargets(2)]
    const rows = Array.from({ length: 12 }, (_, i) => Array.from(layer.logits.data.subarray(5 * i, 5 * i + 5)))
    const probabilities = { data: Float64Array.from(rows.flatMap(softmax)), shape: layer.logits.shape }
    const criterion = HungarianLoss.detr({ numClasses: 4 })
    const codes = (logits: { data: Float64Array; shape: number[] }) =>
      inspectBatch({ ...layer, logits }, targets, criterion).map(({ code }) => code)
    expect(codes(probabilities)).toContain('probabilities')
    const logits = logitsFromProbabilities(probabilities, { kind: criterion.options.classification.kind })
    expect(codes(logits)).not.toContain('probabilities')
    expect(criterion.compute({ ...layer, logits }, targets).loss).toBeCloseTo(criterion.compute(layer, targets).loss, 5)
  })
})

describe('logitsFromProbabilities: refuses', () => {
  test('what are no probabilities, with the place', () => {
    for (const [given, kind, code] of [
      [[0.5, 1.5], 'sigmoid', 'RANGE'],
      [[-1e-9, 0.5], 'sigmoid', 'RANGE'],
      [[NaN], 'sigmoid', 'NON_FINITE'],
      [[Infinity], 'softmax', 'NON_FINITE'],
      [['0.5'], 'sigmoid', 'DTYPE'],
    ] as const) {
      const error = errorOf(() => logitsFromProbabilities(untyped(given), { kind }))
      expect(error).toMatchObject({ code, argument: 'probabilities' })
    }
    expect(errorOf(() => logitsFromProbabilities([0.5, 3], { kind: 'sigmoid' })).message).toContain('3 at index 1')
  })

  test('rows of a softmax that do not sum to 1, where rows are known', () => {
    const error = errorOf(() => logitsFromProbabilities([[0.5, 0.5], [0.9, 0.8]], { kind: 'softmax' })) // prettier-ignore
    expect(error).toMatchObject({ code: 'RANGE', argument: 'probabilities[1]' })
    expect(error.message).toContain("kind: 'sigmoid'")
    const tensor = { data: [0.5, 0.5, 0.9, 0.8], shape: [2, 2] }
    const refused = errorOf(() => logitsFromProbabilities(tensor, { kind: 'softmax' }))
    expect(refused).toMatchObject({ code: 'RANGE', argument: 'probabilities' })
    expect(refused.message).toContain('from index 2 on')
    expect(logitsFromProbabilities([0.5, 0.5, 0.9, 0.1], { kind: 'softmax' })).toHaveLength(4)
  })

  test('options that there are not', () => {
    for (const [options, argument] of [
      [undefined, 'options.kind'],
      [{ kind: 'relu' }, 'options.kind'],
      [{ kind: 'sigmoid', epsilon: 0 }, 'options.epsilon'],
      [{ kind: 'sigmoid', eps: 1e-7 }, 'options.eps'],
    ] as const) {
      const error = errorOf(() => logitsFromProbabilities([0.5], untyped(options)))
      expect(error).toMatchObject({ code: 'OPTION', argument })
    }
  })
})
