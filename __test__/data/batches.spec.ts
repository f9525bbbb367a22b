import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { batchIndices } from '../../src/index.ts'
import { errorOf, untyped } from '../support/helpers.ts'

describe('batchIndices:', () => {
  test('in order without a seed, the last batch shorter or left out', () => {
    expect([...batchIndices(5, 2)]).toEqual([[0, 1], [2, 3], [4]])
    expect([...batchIndices(5, 2, { dropLast: true })]).toEqual([
      [0, 1],
      [2, 3],
    ])
    expect([...batchIndices(4, 2, { dropLast: true })]).toHaveLength(2)
    expect([...batchIndices(0, 2)]).toEqual([])
    expect([...batchIndices(3, 100)]).toEqual([[0, 1, 2]])
  })

  test('each image once, whatever the seed and the sizes', () => {
    const seed = fc.option(fc.integer({ min: 0, max: 2 ** 32 - 1 }), { nil: undefined })
    fc.assert(
      fc.property(fc.nat(200), fc.integer({ min: 1, max: 50 }), seed, (count, size, seed) => {
        const batches = [...batchIndices(count, size, { seed })]
        expect(batches).toHaveLength(Math.ceil(count / size))
        expect(batches.slice(0, -1).every(({ length }) => length === size)).toBe(true)
        expect(batches.flat().toSorted((a, b) => a - b)).toEqual(Array.from({ length: count }, (_, i) => i))
      }),
    )
  })

  test('the order is that of the seed, on every machine', () => {
    expect([...batchIndices(8, 8, { seed: 1 })][0]).toEqual([...batchIndices(8, 3, { seed: 1 })].flat())
    expect([...batchIndices(8, 8, { seed: 1 })]).not.toEqual([...batchIndices(8, 8, { seed: 2 })])
    expect([...batchIndices(8, 8, { seed: 1 })][0]).toEqual(RECORDED)
  })

  test('every image is as likely in every place', () => {
    const [count, rounds] = [6, 6000]
    const found = Array.from({ length: count }, () => new Float64Array(count))
    for (let seed = 0; seed < rounds; seed++) {
      const [order] = [...batchIndices(count, count, { seed })] as [number[]]
      order.forEach((image, place) => ((found[image] as Float64Array)[place]! += 1))
    }
    // five standard deviations
    const expected = rounds / count
    const slack = 5 * Math.sqrt(expected * (1 - 1 / count))
    for (const row of found) for (const times of row) expect(Math.abs(times - expected)).toBeLessThan(slack)
  })

  test('refuses numbers that are none, at once and not when it is asked for a batch', () => {
    for (const [args, argument] of [
      [[-1, 2], 'count'],
      [[1.5, 2], 'count'],
      [['5', 2], 'count'],
      [[2 ** 27, 2], 'count'],
      [[5, 0], 'size'],
      [[5], 'size'],
      [[5, 2, { seed: -1 }], 'options.seed'],
      [[5, 2, { seed: true }], 'options.seed'],
      [[5, 2, { shuffle: true }], 'options.shuffle'],
      [[5, 2, { dropLast: 1 }], 'options.dropLast'],
    ] as const) {
      expect(errorOf(() => batchIndices(...untyped<[number, number]>(args)))).toMatchObject({
        code: 'OPTION',
        argument,
      })
    }
    expect(errorOf(() => batchIndices(5, 2, untyped({ shuffle: true }))).message).toContain('did you mean seed?')
  })
})

/** The order of 8 images with seed 1. */
const RECORDED = [2, 1, 6, 7, 4, 3, 0, 5]
