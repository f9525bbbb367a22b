/** The benchmark of growth: what is swept, and what counts as a cliff. */
import { expect, test } from 'vitest'
import { fittedExponent, isCliff, localExponents } from '../growth/exponents.js'
import { inputsAt, sweeps } from '../growth/sweeps.js'

test('exponents are those of the powers that points follow, and a steeper step is a cliff', () => {
  const square = [1, 2, 5, 10].map((x) => [x, 3 * x * x] as [number, number])
  const [first, ...others] = localExponents(square)
  expect(first).toBeUndefined()
  others.forEach((exponent) => expect(exponent).toBeCloseTo(2, 12))
  expect(fittedExponent([[0, 1], ...square])).toBeCloseTo(2, 12)
  expect(
    localExponents([
      [0, 1],
      [1, 2],
    ]),
  ).toEqual([undefined, undefined])
  expect([isCliff(1.2, 1), isCliff(1.6, 1), isCliff(undefined, 1)]).toEqual([false, true, false])
})

test('each axis is swept alone over its whole range', () => {
  const ranges = sweeps({ quick: false }).map(({ axis, values }) => [axis, values[0], values.at(-1)])
  expect(ranges).toEqual([
    ['queries', 100, 10_000],
    ['classes', 2, 10_000],
    ['targets', 0, 1000],
    ['layers', 1, 12],
    ['images', 1, 256],
  ])
  const { outputs, targets } = inputsAt('layers', 3, 'focal', 8)
  expect(outputs.logits.shape).toEqual([3, 4, 300, 92])
  expect(targets.map(({ labels }) => labels.length)).toEqual([10, 10, 10, 10])
})
