import { runInNewContext } from 'node:vm'
import { describe, expect, test } from 'vitest'
import { checkMemory, isUsable, kindOf, overlap } from '../../src/common/memory.ts'
import { linearSumAssignment } from '../../src/index.ts'
import { errorOf } from '../support/helpers.ts'

test('kindOf: the kind of a typed array is known, from whatever realm it comes', () => {
  expect(kindOf(new Float32Array(1))).toBe('Float32Array')
  expect(kindOf(runInNewContext('new Float32Array(1)'))).toBe('Float32Array')
  expect(kindOf(new (class Mine extends Float64Array {})(1))).toBe('Float64Array')
  for (const other of [
    [1],
    null,
    undefined,
    1,
    'a',
    new DataView(new ArrayBuffer(4)),
    { [Symbol.toStringTag]: 'Float32Array' },
  ]) {
    expect(kindOf(other)).toBeUndefined()
  }
})

describe('overlap: two arrays overlap', () => {
  const buffer = new ArrayBuffer(32)
  const view = (start: number, length: number) => new Float32Array(buffer, 4 * start, length)
  test.each<[string, ArrayBufferView, ArrayBufferView, boolean]>([
    ['the same bytes', view(0, 4), view(0, 4), true],
    ['one byte in common', view(0, 4), new Uint8Array(buffer, 15, 1), true],
    ['one inside the other', view(0, 8), view(2, 2), true],
    ['side by side', view(0, 4), view(4, 4), false],
    ['one of them empty', view(0, 4), view(4, 0), false],
    ['other buffers', view(0, 4), new Float32Array(4), false],
  ])('%s', (_, a, b, expected) => {
    expect(overlap(a, b)).toBe(expected)
    expect(overlap(b, a)).toBe(expected)
  })
})

test('checkMemory: shared and detached memory is refused, other memory is not', () => {
  checkMemory(new Float32Array(2), 'x')
  checkMemory(new Float32Array(0), 'x')
  checkMemory(runInNewContext('new Float32Array(2)'), 'x')
  expect(errorOf(() => checkMemory(new Float32Array(new SharedArrayBuffer(8)), 'x'))).toMatchObject({
    code: 'DTYPE',
    argument: 'x',
  })
  const detached = new Float32Array(2)
  structuredClone(detached.buffer, { transfer: [detached.buffer] })
  expect(errorOf(() => checkMemory(detached, 'x'))).toMatchObject({ code: 'SHAPE', argument: 'x' })
})

test('isUsable: what is found usable at a glance would not be refused', () => {
  expect(isUsable(new Float32Array(2))).toBe(true)
  const detached = new Float32Array(2)
  structuredClone(detached.buffer, { transfer: [detached.buffer] })
  expect(isUsable(detached)).toBe(false)
  expect(isUsable(new Float32Array(new SharedArrayBuffer(8)))).toBe(false)
})

test('checkMemory: a view that ends beyond its buffer, which has shrunk, is refused, and one of no values is not', () => {
  const Resizable = ArrayBuffer as unknown as new (
    length: number,
    options: { maxByteLength: number },
  ) => ArrayBuffer & { resize(length: number): void }
  const buffer = new Resizable(16, { maxByteLength: 16 })
  const [view, empty] = [new Float32Array(buffer, 8, 2), new Float32Array(buffer, 4, 0)]
  buffer.resize(8)
  expect(errorOf(() => checkMemory(view, 'x'))).toMatchObject({ code: 'SHAPE', argument: 'x' })
  checkMemory(empty, 'x')
  const columns = errorOf(() => linearSumAssignment([view]))
  expect(columns).toMatchObject({ code: 'SHAPE', argument: 'cost[0]' })
})
