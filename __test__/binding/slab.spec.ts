import { expect, test } from 'vitest'
import { float32s, float64s, int32s, uint32s } from '../../src/binding/slab.ts'

test('int32s, float64s and the like: arrays have their length, zeros, and no memory in common', () => {
  const make = [int32s, uint32s, float32s, float64s]
  const arrays = Array.from({ length: 4000 }, (_, i) => make[i % 4]!((i * 7) % 97))
  arrays.push(float64s(100_000), int32s(0))
  arrays.forEach((array, i) => {
    expect(array.every((value) => value === 0)).toBe(true)
    array.fill(i + 1)
  })
  arrays.forEach((array, i) => {
    expect(array.length).toBe(i < 4000 ? (i * 7) % 97 : i === 4000 ? 100_000 : 0)
    if (!array.every((value) => value === i + 1)) expect.fail(`array ${i} was overwritten`)
  })
})
