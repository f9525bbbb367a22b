import * as fc from 'fast-check'
import { describe, expect, expectTypeOf, test } from 'vitest'
import { decodeMasks, encodeMask, maskFromPolygons } from '../../src/index.ts'
import type { DecodedMasks, EncodedMask, Masks } from '../../src/index.ts'
import { errorOf, untyped } from '../support/helpers.ts'
import { MASKS, pixelsOf } from '../support/masks.ts'

/** Random masks of one size. */
const anyMasks = fc
  .record({ count: fc.integer({ min: 1, max: 4 }), height: fc.integer({ min: 1, max: 9 }), width: fc.integer({ min: 1, max: 9 }) })
  .chain(({ count, height, width }) =>
    fc
      .array(fc.constantFrom(0, 1), { minLength: count * height * width, maxLength: count * height * width })
      .map((pixels) => ({ shape: [count, height, width] as [number, number, number], pixels })),
  ) // prettier-ignore

/** The run lengths of one mask, counted independently of the package. */
function countsOf(pixels: readonly number[], height: number, width: number): number[] {
  const columns = Array.from(
    { length: height * width },
    (_, i) => pixels[(i % height) * width + Math.floor(i / height)],
  )
  const counts = [0]
  columns.forEach((pixel, i) => {
    if (pixel !== (i === 0 ? 0 : columns[i - 1])) counts.push(0)
    counts.push((counts.pop() as number) + 1)
  })
  return counts
}

/** Masks in every form but polygons. */
function formsOf(pixels: readonly number[], shape: readonly [number, number, number]): { [form: string]: Masks } {
  const [count, height, width] = shape
  const size = [height, width] as const
  const bits = new Uint8Array(Math.ceil(pixels.length / 8))
  pixels.forEach((pixel, i) => (bits[i >> 3] = (bits[i >> 3] as number) | (pixel << (i % 8))))
  const masks = Array.from({ length: count }, (_, i) => pixels.slice(i * height * width, (i + 1) * height * width))
  const rows = masks.map((mask) => Array.from({ length: height }, (_, y) => mask.slice(y * width, (y + 1) * width)))
  return {
    bytes: { data: Uint8Array.from(pixels), shape },
    'a part of a larger buffer': { data: Uint8Array.from([7, 7, 7, ...pixels, 9]).subarray(3, -1), shape },
    'dims of ONNX Runtime': { type: 'bool', data: Uint8Array.from(pixels), dims: [...shape] },
    float32: { data: Float32Array.from(pixels), shape },
    int32: { data: Int32Array.from(pixels), shape },
    'a list': { data: [...pixels], shape },
    booleans: { data: pixels.map((pixel) => pixel === 1), shape },
    'nested rows': { data: rows, shape },
    'a typed array of each': { data: masks.map((mask) => Uint8Array.from(mask)), shape },
    bits: { bits, shape },
    'run lengths': masks.map((mask) => ({ counts: countsOf(mask, height, width), size })),
    'coded run lengths': masks.map((mask) => encodeMask(mask, size)),
  }
}

describe('decodeMasks:', () => {
  test('bytes, bits and run lengths of the same masks are the same, bit for bit', () => {
    fc.assert(
      fc.property(anyMasks, ({ pixels, shape }) => {
        for (const [form, masks] of Object.entries(formsOf(pixels, shape))) {
          expect(decodeMasks(masks), form).toEqual({ data: Uint8Array.from(pixels), shape })
        }
      }),
      { numRuns: 50 },
    )
  })

  test('are what pycocotools decodes, and encodes', () => {
    for (const mask of MASKS) {
      const { name, size, code, counts, bits } = mask
      const expected = { data: pixelsOf(mask), shape: [1, ...size] }
      expect(decodeMasks([{ counts: code, size }]), name).toEqual(expected)
      expect(decodeMasks([{ counts, size }]), name).toEqual(expected)
      expect(decodeMasks({ bits, shape: [1, ...size] }), name).toEqual(expected)
      expect(encodeMask(expected.data, size), name).toEqual({ counts: code, size })
    }
  })

  test('polygons are drawn pixel by pixel as pycocotools draws them', () => {
    const drawn = MASKS.filter(({ polygons }) => polygons !== undefined)
    expect(drawn.length).toBeGreaterThan(140)
    for (const mask of drawn) {
      const { name, size, polygons = [] } = mask
      expect(maskFromPolygons(polygons, size), name).toEqual(pixelsOf(mask))
      expect(decodeMasks([{ polygons, size }]).data, name).toEqual(pixelsOf(mask))
      expect(decodeMasks([polygons], size).data, name).toEqual(pixelsOf(mask))
    }
  })

  test('forms of one list may differ; a size that is given stands for those that say none', () => {
    const list = [
      { counts: [4, 1, 1], size: [2, 3] },
      [[0, 0, 2, 0, 2, 2, 0, 2]],
      { polygons: [], size: { height: 2, width: 3 } as unknown as number[] },
    ]
    const { data, shape } = decodeMasks(list, { height: 2, width: 3 })
    expect(shape).toEqual([3, 2, 3])
    expect(Array.from(data)).toEqual([0, 0, 1, 0, 0, 0, 1, 1, 0, 1, 1, 0, 0, 0, 0, 0, 0, 0])
  })

  test('runs of no pixels change nothing', () => {
    expect(decodeMasks([{ counts: [0, 0, 1, 2, 0, 0, 1, 0], size: [2, 2] }]).data).toEqual(Uint8Array.of(0, 1, 1, 0))
  })

  test('no masks at all are of the size that is given, or of none', () => {
    expect(decodeMasks([])).toEqual({ data: new Uint8Array(0), shape: [0, 0, 0] })
    expect(decodeMasks({ data: [], shape: [0, 0, 0] })).toEqual(decodeMasks([]))
    expect(decodeMasks({ data: [], shape: [0, 0, 0] }, [4, 5])).toEqual(decodeMasks([], [4, 5]))
    expect(errorOf(() => decodeMasks({ data: [], shape: [0, 0, 5] })).code).toBe('SHAPE')
    expect(decodeMasks([], [4, 5])).toEqual({ data: new Uint8Array(0), shape: [0, 4, 5] })
    expect(decodeMasks({ data: [], shape: [0, 4, 5] })).toEqual({ data: new Uint8Array(0), shape: [0, 4, 5] })
    expect(decodeMasks({ bits: new Uint8Array(0), shape: [0, 4, 5] }).shape).toEqual([0, 4, 5])
  })

  test('bytes of 0 and 1 are given back as they are; the result is plain data, whose JSON can be read', () => {
    const data = Uint8Array.of(0, 1, 1, 0)
    const masks = decodeMasks({ data, shape: [1, 2, 2] })
    expect(masks.data).toBe(data)
    expect(structuredClone(masks)).toEqual(masks)
    expect(decodeMasks(JSON.parse(JSON.stringify(masks)) as Masks)).toEqual(masks)
    expectTypeOf(masks).toEqualTypeOf<DecodedMasks>()
    expectTypeOf(encodeMask(data, [2, 2])).toEqualTypeOf<EncodedMask>()
  })

  test('refuses what does not fit, with its place', () => {
    const [bytes, size] = [new Uint8Array(8), [2, 2]]
    const one = { counts: [4], size }
    const square = [0, 0, 2, 0, 2, 2]
    const of = (values: ArrayLike<unknown>) => ({ data: values, shape: [2, 2, 2] })
    const second = { target: 1 }
    for (const [masks, code, argument, text, place] of [
      [5, 'DTYPE', 'masks', 'got 5', {}],
      [bytes, 'DTYPE', 'masks', 'say their shape', {}],
      [{ shape: [1, 2, 2] }, 'DTYPE', 'masks', 'must be { data, shape', {}],
      [{ data: bytes }, 'SHAPE', 'masks', 'needs a shape', {}],
      [{ data: bytes, shape: [2, 4] }, 'SHAPE', 'masks', '[n, h, w], got [2, 4]', {}],
      [{ data: bytes, shape: [8, 0, 1] }, 'SHAPE', 'masks', 'from 1 to', {}],
      [{ data: bytes, shape: [1, 2, 2] }, 'SHAPE', 'masks', 'expected 4 values for [1, 2, 2], got 8', {}],
      [of('01010101'), 'DTYPE', 'masks', 'typed array', {}],
      [of(new BigInt64Array(8)), 'DTYPE', 'masks', 'BigInt64Array', {}],
      [of(new Uint8Array(new SharedArrayBuffer(8))), 'DTYPE', 'masks', 'SharedArrayBuffer', {}],
      [of(Uint8Array.of(0, 1, 0, 1, 0, 255, 0, 0)), 'RANGE', 'masks', '255 at index 5 (divide by 255)', second],
      [of(Uint8Array.of(0, 1, 0, 1, 0, 0, 0, 2)), 'RANGE', 'masks', '2 at index 7', second],
      [of(Float32Array.of(0, 1, 0, 1, 0.5, 0, 0, 0)), 'RANGE', 'masks', 'threshold', second],
      [of(Float64Array.of(0, 1, 0, 1, 0, NaN, 0, 0)), 'NON_FINITE', 'masks', 'NaN at index 5', second],
      [of([0, 1, 0, 1, 0, 0, '1', 0]), 'DTYPE', 'masks', '"1" at index 6', second],
      [of([0, 1, 0, 1, 0, 0, -1, 0]), 'RANGE', 'masks', '-1 at index 6', second],
      [of([0, 1, 0]), 'SHAPE', 'masks', 'expected 8 values at axis 0', {}],
      [of([[[0, 1], [0, 1]]]), 'SHAPE', 'masks', 'expected 2 rows at axis 0', {}],
      [of([[[0, 1], [0, 1]], [[0, 1], [0]]]), 'SHAPE', 'masks', 'expected 2 values at axis 2', {}],
      [of([[[0, 1], [0, 1]], 1]), 'DTYPE', 'masks', 'expected rows at axis 0, got 1', {}],
      [{ bits: [1], shape: [1, 2, 2] }, 'DTYPE', 'masks.bits', 'Uint8Array', {}],
      [{ bits: bytes, shape: [1, 2, 2] }, 'SHAPE', 'masks.bits', 'expected 1 bytes', {}],
      [{ bits: Uint8Array.of(16), shape: [1, 2, 2] }, 'RANGE', 'masks.bits', 'last 4 bits', {}],
      [[one, 5], 'DTYPE', 'masks[1]', 'got 5', second],
      [[one, [square]], 'DTYPE', 'masks[1]', 'bare polygons need a size', second],
      [[one, {}], 'DTYPE', 'masks[1]', '{ counts, size }', second],
      [[one, { ...one, polygons: [square] }], 'DTYPE', 'masks[1]', 'counts, size, polygons', second],
      [[one, { counts: [4] }], 'DTYPE', 'masks[1].size', 'undefined', second],
      [[one, { counts: [4], size: [2] }], 'SHAPE', 'masks[1].size', 'got 1 numbers', second],
      [[one, { counts: [4], size: [2, 2.5] }], 'SHAPE', 'masks[1].size', '2.5', second],
      [[one, { counts: [4], size: [2, '2'] }], 'DTYPE', 'masks[1].size', '"2"', second],
      [[one, { counts: [4], size: [2 ** 20, 2 ** 20] }], 'SHAPE', 'masks[1].size', 'at most', second],
      [[{ counts: [6], size: [2, 3] }, { counts: [6], size: [3, 2] }], 'SHAPE', 'masks[1].size', 'expected [2, 3], the size of mask 0, got [3, 2]; height comes first', second],
      [[one, { counts: [1, 2], size }], 'SHAPE', 'masks[1].counts', 'must add up to 4, the pixels of [2, 2], got 3 from 2 runs', second],
      [[one, { counts: [1, 4, -1], size }], 'RANGE', 'masks[1].counts', '-1 at index 2', second],
      [[one, { counts: [1.5, 2.5], size }], 'RANGE', 'masks[1].counts', '1.5 at index 0', second],
      [[one, { counts: [1, NaN], size }], 'NON_FINITE', 'masks[1].counts', 'NaN at index 1', second],
      [[one, { counts: [1, null], size }], 'DTYPE', 'masks[1].counts', 'null at index 1', second],
      [[one, { counts: 4, size }], 'DTYPE', 'masks[1].counts', 'got 4', second],
      [[one, { counts: '4 ', size }], 'RANGE', 'masks[1].counts', '" " at character 1', second],
      [[one, { counts: '4T', size }], 'SHAPE', 'masks[1].counts', 'ends within a number', second],
      [[one, { counts: 'oooooooooo0', size }], 'RANGE', 'masks[1].counts', 'too long, at character 0', second],
      [[one, { counts: '3', size }], 'SHAPE', 'masks[1].counts', 'got 3', second],
      [[one, { counts: 'O5', size }], 'RANGE', 'masks[1].counts', '-1 at index 0', second],
      [[one, { polygons: square, size }], 'DTYPE', 'masks[1].polygons', 'put it in an array', second],
      [[one, { polygons: 'x', size }], 'DTYPE', 'masks[1].polygons', '"x"', second],
      [[one, { polygons: [square, [0, 0, 1, 1, 2]], size }], 'SHAPE', 'masks[1].polygons[1]', 'odd number of coordinates, 5', second],
      [[one, { polygons: [[0, 0, 1, 1]], size }], 'SHAPE', 'masks[1].polygons[0]', 'at least three points, got 2 (a box?', second],
      [[one, { polygons: [[0, 0, 1, 1, 2, Infinity]], size }], 'NON_FINITE', 'masks[1].polygons[0]', 'Infinity at index 5', second],
      [[one, { polygons: [[0, 0, 1, 1, 2, '2']], size }], 'DTYPE', 'masks[1].polygons[0]', '"2" at index 5', second],
      [[one, { polygons: [[0, 0, 1, 1, 2, 1e9]], size }], 'RANGE', 'masks[1].polygons[0]', '1000000000 at index 5', second],
    ] as const) {
      const error = errorOf(() => decodeMasks(untyped(masks)))
      expect(error, text).toMatchObject({ code, argument, ...place })
      expect(error.message).toContain(text)
    }
  }) // prettier-ignore

  test('refuses another size than the one that is given', () => {
    for (const [masks, argument] of [
      [{ data: new Uint8Array(6), shape: [1, 3, 2] }, 'masks'],
      [{ bits: new Uint8Array(1), shape: [1, 3, 2] }, 'masks'],
      [[{ counts: [6], size: [3, 2] }], 'masks[0].size'],
      [[{ polygons: [], size: [3, 2] }], 'masks[0].size'],
    ] as const) {
      const error = errorOf(() => decodeMasks(masks as Masks, [2, 3]))
      expect(error).toMatchObject({ code: 'SHAPE', argument })
      expect(error.message).toContain('expected [2, 3], the size of the image')
    }
    for (const size of [[2, 3, 4], [0, 1], { height: 2 }, 'x'])
      expect(errorOf(() => decodeMasks([], untyped(size)))).toMatchObject({ argument: 'size' })
  })

  test('what getters and proxies throw is the fault of the masks', () => {
    const fault = new Error('not today')
    const throwing = (key: string) => Object.defineProperty({}, key, { get: () => { throw fault } })
    for (const [masks, argument] of [
      [throwing('bits'), 'masks'],
      [[throwing('counts')], 'masks'],
    ] as const) {
      const error = errorOf(() => decodeMasks(untyped(masks)))
      expect(error).toMatchObject({ code: 'DTYPE', argument, original: fault })
    }
  }) // prettier-ignore
})

describe('encodeMask:', () => {
  test('takes pixels flat, in rows and as flags, and refuses those that do not fit', () => {
    const encoded = { size: [2, 2], counts: '13' }
    for (const pixels of [[0, 1, 1, 1], [[0, 1], [1, 1]], [false, true, true, true], Float32Array.of(0, 1, 1, 1)]) {
      expect(encodeMask(pixels, { height: 2, width: 2 })).toEqual(encoded)
    }
    for (const [pixels, size, code, argument] of [
      [[0, 1], [2, 2], 'SHAPE', 'pixels'],
      [[0, 1, 2, 1], [2, 2], 'RANGE', 'pixels'],
      ['0111', [2, 2], 'DTYPE', 'pixels'],
      [[0, 1, 1, 1], [2], 'SHAPE', 'size'],
    ] as const) {
      const error = errorOf(() => encodeMask(untyped(pixels), untyped(size)))
      expect(error).toMatchObject({ code, argument })
      expect(error.target).toBeUndefined()
    }
  }) // prettier-ignore
})

describe('maskFromPolygons:', () => {
  test('refuses what is no list of polygons', () => {
    expect(errorOf(() => maskFromPolygons([[0, 0, 1, 1]], [4, 4]))).toMatchObject({ argument: 'polygons[0]' })
    expect(errorOf(() => maskFromPolygons([], untyped(4)))).toMatchObject({ code: 'DTYPE', argument: 'size' })
  })
})
