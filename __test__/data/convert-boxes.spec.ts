import * as fc from 'fast-check'
import { describe, expect, expectTypeOf, test } from 'vitest'
import { convertBoxes } from '../../src/index.ts'
import type { BoxFormat, BoxLayout } from '../../src/index.ts'
import { errorOf, expectAllClose, untyped } from '../support/helpers.ts'

/** The same box in every format: 320 × 240 at (64, 48), in an image of 640 × 480. */
const SAME: { readonly [Format in BoxFormat]: number[] } = {
  xyxy: [64, 48, 384, 288],
  xywh: [64, 48, 320, 240],
  cxcywh: [224, 168, 320, 240],
}
const FORMATS = Object.keys(SAME) as BoxFormat[]
const PAIRS = FORMATS.flatMap((from) => FORMATS.map((to) => [from, to] as const))

describe('convertBoxes:', () => {
  test.each(PAIRS)('a box of %s is the same box of %s', (from, to) => {
    expect(convertBoxes([SAME[from]], from, to)).toEqual([SAME[to]])
  })

  test.each(PAIRS)('pixels of %s become parts of the image of %s, and pixels again', (from, to) => {
    const parts = SAME[to].map((value, i) => value / (i % 2 === 0 ? 640 : 480))
    const normalized = { format: to, normalized: true }
    expect(convertBoxes([SAME[from]], from, normalized, [640, 480])).toEqual([parts])
    expectAllClose(convertBoxes(parts, normalized, from, { width: 640, height: 480 }), SAME[from], 1e-15)
  })

  test('there and back is where it was, for any box, format and units', () => {
    const layout = fc.record({ format: fc.constantFrom(...FORMATS), normalized: fc.boolean() })
    const number = fc.double({ min: -1000, max: 1000, noNaN: true })
    const side = fc.integer({ min: 1, max: 4000 })
    fc.assert(
      fc.property(layout, layout, fc.array(number, { minLength: 8, maxLength: 8 }), side, side, (a, b, boxes, w, h) => {
        const size: [[number, number]?] = a.normalized === b.normalized ? [] : [[w, h]]
        const there = convertBoxes(Float64Array.from(boxes), a, b, ...size)
        expectAllClose(convertBoxes(there, b, a, ...size), boxes, 1e-12, 1000)
      }),
    )
  })

  test('boxes come back in the form they came in, in memory of their own', () => {
    const [box] = [SAME.xywh]
    const float32 = Float32Array.from(box)
    const [first, second] = [convertBoxes(float32, 'xywh', 'xyxy'), convertBoxes(float32, 'xywh', 'xywh')]
    expect(first).toEqual(Float32Array.from(SAME.xyxy))
    expect(second).toEqual(float32)
    expect(second.buffer).not.toBe(float32.buffer)
    expect(float32).toEqual(Float32Array.from(box))
    expectTypeOf(first).toEqualTypeOf<Float32Array>()

    expect(convertBoxes(Float64Array.from(box), 'xywh', 'xyxy')).toEqual(Float64Array.from(SAME.xyxy))
    const integers = convertBoxes(Int32Array.from(box), 'xywh', 'xyxy')
    expect(integers).toEqual(Float64Array.from(SAME.xyxy))
    expectTypeOf(integers).toEqualTypeOf<Float64Array>()
    expect(convertBoxes(box, 'xywh', 'xyxy')).toEqual(SAME.xyxy)
    const rows = convertBoxes([box, box], 'xywh', 'xyxy')
    expect(rows).toEqual([SAME.xyxy, SAME.xyxy])
    expectTypeOf(rows).toEqualTypeOf<number[][]>()
    expect(convertBoxes([Float32Array.from(box)], 'xywh', 'xyxy')).toEqual([Float32Array.from(SAME.xyxy)])
    expect(convertBoxes([[box], []], 'xywh', 'xyxy')).toEqual([[SAME.xyxy], []])
    expect(convertBoxes([], 'xywh', 'xyxy')).toEqual([])
    const tensor = convertBoxes({ data: Float32Array.from([...box, ...box]), dims: [1, 2, 4] }, 'xywh', 'xyxy')
    expect(tensor).toEqual({ data: Float32Array.from([...SAME.xyxy, ...SAME.xyxy]), shape: [1, 2, 4] })
    expectTypeOf(tensor).toEqualTypeOf<{ data: Float32Array; shape: number[] }>()
    expectTypeOf(convertBoxes(JSON.parse('[]'), 'xywh', 'xyxy')).toBeAny()
  })

  test('sides of 0 and less are converted like all others', () => {
    expect(convertBoxes([10, 20, 0, -4], 'xywh', 'xyxy')).toEqual([10, 20, 10, 16])
    expect(convertBoxes([10, 20, 10, 16], 'xyxy', 'cxcywh')).toEqual([10, 18, 0, -4])
  })
})

describe('convertBoxes: refuses', () => {
  const box = [1, 2, 3, 4]
  const normalized: BoxLayout = { format: 'cxcywh', normalized: true }

  test('a size that would not be used, since no side says that it is normalised', () => {
    const error = errorOf(() => convertBoxes(box, 'xywh', 'cxcywh', [640, 480]))
    expect(error).toMatchObject({ code: 'OPTION', argument: 'size' })
    expect(error.message).toContain("{ format: 'cxcywh', normalized: true }")
    expect(errorOf(() => convertBoxes(box, normalized, normalized, [640, 480]))).toMatchObject({ argument: 'size' })
  })

  test('units that change without a size, and sizes that are none', () => {
    expect(errorOf(() => convertBoxes(box, 'xywh', normalized))).toMatchObject({ code: 'OPTION', argument: 'size' })
    for (const [size, code, argument] of [
      [[640], 'SHAPE', 'size'],
      [640, 'DTYPE', 'size'],
      [{ width: 640 }, 'DTYPE', 'size'],
      [[640, '480'], 'DTYPE', 'size[1]'],
      [[0, 480], 'RANGE', 'size[0]'],
      [{ width: 640, height: NaN }, 'NON_FINITE', 'size.height'],
    ]) {
      expect(errorOf(() => convertBoxes(box, 'xywh', normalized, untyped(size)))).toMatchObject({ code, argument })
    }
  })

  test('formats that there are not', () => {
    for (const [from, argument] of [
      ['yxyx', 'from'],
      [undefined, 'from'],
      [{ normalized: true }, 'from.format'],
      [{ format: 'xyxy', normalised: true }, 'from.normalised'],
      [{ format: 'xyxy', normalized: 1 }, 'from.normalized'],
    ]) {
      const error = errorOf(() => convertBoxes(box, untyped(from), 'xyxy'))
      expect(error).toMatchObject({ code: 'OPTION', argument })
    }
    expect(errorOf(() => convertBoxes(box, 'xyxy', untyped(undefined)))).toMatchObject({ argument: 'to' })
  })

  test('numbers that make no boxes', () => {
    for (const [boxes, code, argument] of [
      [[1, 2, 3], 'SHAPE', 'boxes'],
      [[[1, 2, 3]], 'SHAPE', 'boxes[0]'],
      [{ data: box, shape: [2, 2] }, 'SHAPE', 'boxes'],
      [{ data: box, shape: [5] }, 'SHAPE', 'boxes'],
      [[1, 2, 3, '4'], 'DTYPE', 'boxes'],
      [[[1, 2, 3, 4], 5], 'DTYPE', 'boxes[1]'],
      [{ boxes: box }, 'DTYPE', 'boxes'],
      [BigInt64Array.of(1n, 2n, 3n, 4n), 'DTYPE', 'boxes'],
      [Float32Array.of(1, 2, NaN, 4), 'NON_FINITE', 'boxes'],
      ['1, 2, 3, 4', 'DTYPE', 'boxes'],
    ]) {
      expect(errorOf(() => convertBoxes(untyped(boxes), 'xyxy', 'xywh'))).toMatchObject({ code, argument })
    }
    const { message } = errorOf(() => convertBoxes([1, 2, 3, 4, 5, Infinity, 7, 8], 'xyxy', 'xywh'))
    expect(message).toContain('got Infinity in box 1')
  })

  test('boxes whose numbers would not stay finite', () => {
    const large = [0, 0, 1, 1, 1e308, 0, 1e308, 1]
    for (const [boxes, from, to, size] of [
      [large, 'xyxy', 'cxcywh'],
      [large, 'xywh', { format: 'xyxy' }],
      [Float32Array.from(large, (value) => Math.min(value, 3e38)), 'xywh', 'xyxy'],
      [large, { format: 'xyxy', normalized: true }, 'xyxy', [10, 1]],
      [[0, 0, 0, 0, 1, 1, 1, 1], 'xyxy', { format: 'xyxy', normalized: true }, [5e-324, 1]],
    ] as const) {
      const error = errorOf(() => convertBoxes(boxes, from, to, size))
      expect(error).toMatchObject({ code: 'NON_FINITE', argument: 'boxes' })
      expect(error.message).toContain('box 1 is too large')
    }
  })
})
