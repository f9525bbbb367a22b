import { describe, expect, test } from 'vitest'
import {
  assignAsyncF64,
  assignBatchF64,
  assignF32,
  assignF64,
  assignSparseAsyncF64,
  assignSparseF64,
  createInterrupt,
  verifyF64,
  verifySparseF64,
} from '../../src/binding/native.ts'

/** The binding's own calls, since the package makes the arrays that are written to itself. */
describe('the binding: an assignment is not written to memory that is read, or written to twice:', () => {
  const buffer = new ArrayBuffer(64)
  const cost = new Float64Array(buffer, 0, 4)
  const own = new Int32Array(2)
  const duals = new Float64Array(4)
  const aliased = new Int32Array(buffer, 8, 2)
  const lists = [Int32Array.of(0, 1), Int32Array.of(0, 1, 2)] as const
  const two = new Float64Array(buffer, 0, 2)

  test.each<[string, () => unknown]>([
    ['dense', () => assignF64(cost, 2, 2, false, false, NaN, aliased)],
    ['float32', () => assignF32(new Float32Array(buffer, 0, 4), 2, 2, false, false, NaN, aliased)],
    ['duals', () => assignF64(cost, 2, 2, false, false, NaN, own, new Float64Array(buffer, 24, 4))],
    [
      'a batch',
      () => assignBatchF64(cost, Uint32Array.of(2, 2), false, false, NaN, aliased, duals, new Float64Array(1)),
    ],
    [
      'totals in duals',
      () => assignBatchF64(cost.slice(), Uint32Array.of(2, 2), false, false, NaN, own, duals, duals.subarray(0, 1)),
    ],
    ['sparse', () => assignSparseF64(two, ...lists, false, 2, 2, false, false, NaN, aliased)],
    ['sparse, in the lists', () => assignSparseF64(two, ...lists, false, 2, 2, false, false, NaN, lists[0])],
    [
      'in another thread',
      () => assignAsyncF64(cost, 2, 2, false, false, NaN, aliased, new Float64Array(buffer, 8, 4), createInterrupt()),
    ],
    [
      'sparse, in another thread',
      () =>
        assignSparseAsyncF64(
          two,
          ...lists,
          false,
          2,
          2,
          false,
          false,
          NaN,
          aliased,
          cost.subarray(1),
          createInterrupt(),
        ),
    ],
    ['a report', () => verifyF64(cost, 2, 2, false, NaN, own, duals, cost)],
    ['a report on a sparse one', () => verifySparseF64(two, ...lists, false, 2, 2, false, NaN, own, duals, duals)],
  ])('%s', async (_, call) => {
    await expect((async () => call())()).rejects.toThrow(/shares memory with another/)
  })
})
