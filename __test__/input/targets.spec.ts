import { describe, expect, test } from 'vitest'
import { HungarianLoss } from '../../src/index.ts'
import type { Target } from '../../src/index.ts'
import { bitsOf, errorOf, randomLayer, untyped } from '../support/helpers.ts'

const criterion = HungarianLoss.detr({ numClasses: 4 })
const outputs = randomLayer(1, { images: 1 })
const rows = [
  [0.5, 0.5, 0.25, 0.5],
  [0.25, 0.75, 0.125, 0.25],
]
const flat = rows.flat()
const labels = [2, 0]
const compute = (target: unknown) => criterion.compute(outputs, [untyped<Target>(target)])
const expected = compute({ labels, boxes: flat })

describe('targets: the same targets as', () => {
  const Float16 = (globalThis as { Float16Array?: { from(values: number[]): unknown } }).Float16Array
  const integers = [Int8Array, Uint8Array, Uint8ClampedArray, Int16Array, Uint16Array, Int32Array, Uint32Array]
  test.each<[string, object]>([
    ...integers.map((Type): [string, object] => [`labels in ${Type.name}`, { labels: Type.from(labels) }]),
    ['labels in BigInt64Array', { labels: BigInt64Array.of(2n, 0n) }],
    ['labels in BigUint64Array', { labels: BigUint64Array.of(2n, 0n) }],
    ['labels as a tensor', { labels: { data: BigInt64Array.of(2n, 0n), dims: [2] } }],
    ['labels as a tensor of numbers', { labels: { data: labels, shape: [2] } }],
    ['nested boxes', { boxes: rows }],
    ['nested boxes in typed rows', { boxes: rows.map((row) => Float64Array.from(row)) }],
    ['boxes in Float32Array', { boxes: Float32Array.from(flat) }],
    ['boxes in Float64Array', { boxes: Float64Array.from(flat) }],
    ...(Float16 === undefined ? [] : [['boxes in Float16Array', { boxes: Float16.from(flat) }] as [string, object]]),
    ['boxes as a tensor', { boxes: { data: Float32Array.from(flat), shape: [2, 4] } }],
    ['boxes as a tensor of rows', { boxes: { data: rows, dims: [2, 4] } }],
    ['all of them valid', { valid: 2 }],
    ['padded, flat', { labels: [...labels, 99, -1], boxes: [...flat, ...Array(8).fill(NaN)], valid: 2 }],
    ['padded with what is no box', { labels: [...labels, untyped(null)], boxes: [...rows, untyped('pad')], valid: 2 }],
    [
      'padded tensors',
      {
        labels: { data: Int32Array.of(...labels, 7), shape: [3] },
        boxes: { data: Float32Array.of(...flat, 9, 9, 9, 9), shape: [3, 4] },
        valid: 2,
      },
    ],
  ])('%s give the same bits', (_, change) => {
    const target = { labels, boxes: flat, ...change }
    const before = structuredClone(target)
    const result = compute(target)
    expect(result.loss).toBe(expected.loss)
    expect(bitsOf(result.gradients?.boxes)).toBe(bitsOf(expected.gradients?.boxes))
    expect(target).toEqual(before)
  })

  test('boxes in pixels may be integers', () => {
    const pixels = HungarianLoss.detr({ numClasses: 4, normalizedBoxes: false })
    const boxes = [32, 40, 16, 20]
    expect(pixels.compute(outputs, [{ labels: [1], boxes: Uint16Array.from(boxes) }]).loss).toBe(
      pixels.compute(outputs, [{ labels: [1], boxes }]).loss,
    )
  })

  test.each<[string, object]>([
    ['empty arrays', { labels: [], boxes: [] }],
    ['empty typed arrays', { labels: new Int32Array(0), boxes: new Float32Array(0) }],
    ['empty tensors', { labels: { data: [], shape: [0] }, boxes: { data: new Float32Array(0), shape: [0, 4] } }],
    ['padding alone', { labels: [9], boxes: [[9, 9, 9, 9]], valid: 0 }],
  ])('%s are no targets', (_, target) => {
    expect(compute(target).matches[0]!.targetIndices.length).toBe(0)
  })
})

describe('targets are refused:', () => {
  const detached = new Int32Array(2)
  const detachedBoxes = new Float32Array(8)
  structuredClone([detached.buffer, detachedBoxes.buffer], { transfer: [detached.buffer, detachedBoxes.buffer] })

  test.each<[string, unknown, object, RegExp]>([
    ['undefined', undefined, { code: 'DTYPE', argument: 'targets' }, /one entry for each image, got undefined/],
    ['an object', { labels, boxes: flat }, { code: 'DTYPE', argument: 'targets' }, /got an object/],
    ['too few', [], { code: 'SHAPE', argument: 'targets' }, /each of 1 images, got 0/],
    [
      'too many',
      [
        { labels, boxes: flat },
        { labels, boxes: flat },
      ],
      { code: 'SHAPE', argument: 'targets' },
      /got 2/,
    ],
    ['a hole', Array(1), { code: 'DTYPE', argument: 'targets[0]', image: 0 }, /undefined/],
    ['null', [null], { code: 'DTYPE', argument: 'targets[0]' }, /null/],
    ['an array of pairs', [[1, 2]], { code: 'DTYPE', argument: 'targets[0]' }, /array/],
  ])('%s', (_, targets, details, message) => {
    const error = errorOf(() => criterion.compute(outputs, untyped(targets)))
    expect(error).toMatchObject(details)
    expect(error.message).toMatch(message)
  })

  test.each<[string, object, object, RegExp]>([
    ['no labels', { labels: undefined }, { code: 'DTYPE', argument: 'targets[0].labels' }, /got undefined/],
    ['a label for all', { labels: 1 }, { code: 'DTYPE', argument: 'targets[0].labels' }, /got 1/],
    ['labels in a string', { labels: '20' }, { code: 'DTYPE', argument: 'targets[0].labels' }, /"20"/],
    [
      'labels in Float32Array',
      { labels: Float32Array.from(labels) },
      { code: 'DTYPE', argument: 'targets[0].labels' },
      /Float32Array/,
    ],
    ['labels in an object', { labels: { 0: 1 } }, { code: 'DTYPE', argument: 'targets[0].labels' }, /undefined/],
    [
      'a string label',
      { labels: [2, '0'] },
      { code: 'DTYPE', argument: 'targets[0].labels', image: 0, target: 1 },
      /"0" at target 1/,
    ],
    [
      'a label that is null',
      { labels: [null, 0] },
      { code: 'DTYPE', argument: 'targets[0].labels', image: 0, target: 0 },
      /null/,
    ],
    [
      'a fractional label',
      { labels: [2, 0.5] },
      { code: 'RANGE', argument: 'targets[0].labels', image: 0, target: 1 },
      /0.5 at target 1/,
    ],
    ['a NaN label', { labels: [NaN, 0] }, { code: 'RANGE', argument: 'targets[0].labels', image: 0, target: 0 }, /NaN/],
    [
      'a label beyond 32 bits',
      { labels: [2, 2 ** 31] },
      { code: 'RANGE', argument: 'targets[0].labels', target: 1 },
      /32-bit.*2147483648/,
    ],
    [
      'a BigInt beyond 32 bits',
      { labels: BigInt64Array.of(2n, 1n << 40n) },
      { code: 'RANGE', argument: 'targets[0].labels', target: 1 },
      /1099511627776n/,
    ],
    [
      'a label that would wrap to 0',
      { labels: Uint32Array.of(2, 2 ** 32 - 1) },
      { code: 'RANGE', argument: 'targets[0].labels', target: 1 },
      /4294967295/,
    ],
    [
      'a label of no class',
      { labels: [2, 5] },
      { code: 'RANGE', argument: 'targets[0].labels', image: 0, target: 1 },
      /5/,
    ],
    [
      'a negative label',
      { labels: [-1, 0] },
      { code: 'RANGE', argument: 'targets[0].labels', image: 0, target: 0 },
      /-1/,
    ],
    [
      'labels of rank 2',
      { labels: { data: labels, shape: [1, 2] } },
      { code: 'SHAPE', argument: 'targets[0].labels' },
      /expected \[n\] class ids, got \[1, 2\] \(one-hot\? take argMax; a batch axis\? drop it\)/,
    ],
    [
      'labels of another shape',
      { labels: { data: labels, shape: [3] } },
      { code: 'SHAPE', argument: 'targets[0].labels' },
      /got \[3\]/,
    ],
    [
      'a label tensor without a shape',
      { labels: { data: labels } },
      { code: 'SHAPE', argument: 'targets[0].labels' },
      /needs a shape/,
    ],
    [
      'detached labels and boxes',
      { labels: detached, boxes: detachedBoxes },
      { code: 'SHAPE', argument: 'targets[0].labels' },
      /detached/,
    ],
    [
      'detached boxes',
      { labels: [], boxes: detachedBoxes },
      { code: 'SHAPE', argument: 'targets[0].boxes' },
      /detached/,
    ],
    [
      'shared labels',
      { labels: new Int32Array(new SharedArrayBuffer(8)) },
      { code: 'DTYPE', argument: 'targets[0].labels' },
      /SharedArrayBuffer/,
    ],
    [
      'shared boxes',
      { boxes: new Float32Array(new SharedArrayBuffer(32)) },
      { code: 'DTYPE', argument: 'targets[0].boxes' },
      /SharedArrayBuffer/,
    ],
    ['no boxes', { boxes: undefined }, { code: 'DTYPE', argument: 'targets[0].boxes' }, /undefined/],
    ['BigInt boxes', { boxes: new BigInt64Array(8) }, { code: 'DTYPE', argument: 'targets[0].boxes' }, /BigInt64Array/],
    [
      'too few numbers',
      { boxes: flat.slice(1) },
      { code: 'SHAPE', argument: 'targets[0].boxes', image: 0 },
      /2 boxes of 4 numbers.*got 7 numbers/,
    ],
    ['too few rows', { boxes: rows.slice(1) }, { code: 'SHAPE', argument: 'targets[0].boxes', image: 0 }, /got 1 rows/],
    [
      'more boxes than labels',
      { labels: [2] },
      { code: 'SHAPE', argument: 'targets[0].boxes', image: 0 },
      /1 boxes of 4/,
    ],
    [
      'a row of 3',
      { boxes: [rows[0], [1, 2, 3]] },
      { code: 'SHAPE', argument: 'targets[0].boxes', image: 0, target: 1 },
      /target 1, got 3/,
    ],
    [
      'a row that is null',
      { boxes: [rows[0], null] },
      { code: 'SHAPE', argument: 'targets[0].boxes', image: 0, target: 1 },
      /null/,
    ],
    [
      'a string in a row',
      { boxes: [rows[0], [0, 0, 1, '1']] },
      { code: 'DTYPE', argument: 'targets[0].boxes', image: 0, target: 1 },
      /"1" at target 1/,
    ],
    [
      'a string among numbers',
      { boxes: [...flat.slice(0, 7), '1'] },
      { code: 'DTYPE', argument: 'targets[0].boxes', image: 0, target: 1 },
      /"1"/,
    ],
    [
      'boxes of another shape',
      { boxes: { data: flat, shape: [4, 2] } },
      { code: 'SHAPE', argument: 'targets[0].boxes' },
      /\[2, 4\], got \[4, 2\]/,
    ],
    [
      'a NaN box',
      { boxes: [...flat.slice(0, 7), NaN] },
      { code: 'NON_FINITE', argument: 'targets[0].boxes', image: 0, target: 1 },
      /NaN/,
    ],
    [
      'an infinite box',
      { boxes: [Infinity, ...flat.slice(1)] },
      { code: 'NON_FINITE', argument: 'targets[0].boxes', image: 0, target: 0 },
      /inf/i,
    ],
    [
      'a box beyond float32',
      { boxes: [1e300, ...flat.slice(1)] },
      { code: 'NON_FINITE', argument: 'targets[0].boxes', target: 0 },
      /inf/i,
    ],
    [
      'a negative width',
      { boxes: [0.5, 0.5, -0.1, 0.1, ...flat.slice(4)] },
      { code: 'RANGE', argument: 'targets[0].boxes', image: 0, target: 0 },
      /-0.1/,
    ],
    ['more valid than there are', { valid: 3 }, { code: 'RANGE', argument: 'targets[0].valid' }, /0 to 2, got 3/],
    ['fewer valid than none', { valid: -1 }, { code: 'RANGE', argument: 'targets[0].valid' }, /got -1/],
    ['a fraction valid', { valid: 0.5 }, { code: 'RANGE', argument: 'targets[0].valid' }, /got 0.5/],
    ['a mask for valid', { valid: [true, false] }, { code: 'RANGE', argument: 'targets[0].valid' }, /an array of 2/],
    ['too few masks', { masks: [] }, { code: 'SHAPE', argument: 'targets[0].masks', image: 0 }, /expected 2 masks/],
  ])('%s', (_, change, details, message) => {
    const error = errorOf(() => compute({ labels, boxes: flat, ...change }))
    expect(error).toMatchObject(details)
    expect(error.message).toMatch(message)
  })

  test('with corners, a second corner before the first', () => {
    const corners = HungarianLoss.detr({ numClasses: 4, boxFormat: 'xyxy' })
    const layer = randomLayer(2, { images: 1 })
    for (let i = 0; i < layer.boxes.data.length; i += 4) layer.boxes.data.set([0.1, 0.1, 0.6, 0.7], i)
    const error = errorOf(() => corners.compute(layer, [{ labels: [0], boxes: [0.5, 0.1, 0.4, 0.2] }]))
    expect(error).toMatchObject({ code: 'RANGE', argument: 'targets[0].boxes', image: 0, target: 0 })
  })
})

describe('targets that are laid out otherwise are said to be:', () => {
  test.each<[string, object, RegExp]>([
    ['boxes [4, n]', { boxes: [[0.5, 0.5], [0.5, 0.5], [0.25, 0.25], [0.5, 0.5]] }, /\[4, n\]: transpose them to \[n, 4\]/], // prettier-ignore
    ['a tensor [4, n]', { boxes: { data: flat, shape: [4, 2] } }, /got \[4, 2\]; axes 0 and 1 have changed places/],
    ['a tensor [4] of one', { labels: [0], boxes: { data: flat.slice(0, 4), shape: [4] } }, /got \[4\]; a row for each target: give it the shape \[1, 4\]$/], // prettier-ignore
  ])('%s', (_, change, message) => {
    const error = errorOf(() => compute({ labels, boxes: flat, ...change }))
    expect(error).toMatchObject({ code: 'SHAPE', argument: 'targets[0].boxes' })
    expect(error.message).toMatch(message)
  })
})

test('targets: what changes between reads is read once', () => {
  let reads = 0
  const target = {
    get labels() {
      return reads++ === 0 ? labels : [4, 4, 4]
    },
    boxes: flat,
  }
  expect(compute(target).loss).toBe(expected.loss)
  expect(reads).toBe(1)
})

test('normalizedBoxes: rounding beyond the image by up to 1e-4 is accepted, and no more', () => {
  const at = (x: number) => compute({ labels: [1], boxes: [x, 0.5, 0.2, 0.2] })
  expect(at(-0.00009).loss).toBeGreaterThan(0)
  expect(at(1.00009).loss).toBeGreaterThan(0)
  expect(errorOf(() => at(1.0002))).toMatchObject({ code: 'RANGE', argument: 'targets[0].boxes' })
})

test('clampSizes: a negative side of a prediction names clampSizes, which a target’s does not', () => {
  const boxes = { data: outputs.boxes.data.slice(), shape: outputs.boxes.shape }
  boxes.data[2] = -0.1
  expect(errorOf(() => criterion.compute({ ...outputs, boxes }, [{ labels, boxes: flat }])).message).toMatch(
    /clampSizes: true/,
  )
  expect(errorOf(() => compute({ labels: [1], boxes: [0.5, 0.5, -0.1, 0.2] })).message).not.toMatch(/clampSizes/)
})
