import { describe, expect, expectTypeOf, test } from 'vitest'
import { padTargets, unpadTargets } from '../../src/index.ts'
import { errorOf, untyped } from '../support/helpers.ts'

const targets = [
  { labels: [3, 1], boxes: [[0.5, 0.5, 0.25, 0.25], [0.25, 0.5, 0.5, 1]], ignore: [false, true] }, // prettier-ignore
  { labels: [], boxes: [] },
]

describe('unpadTargets:', () => {
  test('gives ragged targets again, each with memory of its own', () => {
    const padded = padTargets(targets, { maxTargets: 4 })
    const unpadded = unpadTargets(padded)
    expectTypeOf(unpadded[0]!.boxes).toEqualTypeOf<Float32Array>()
    expect(unpadded).toEqual([
      {
        labels: Int32Array.of(3, 1),
        boxes: Float32Array.from((targets[0]?.boxes ?? []).flat()),
        ignore: Uint8Array.of(0, 1),
      },
      { labels: new Int32Array(0), boxes: new Float32Array(0), ignore: new Uint8Array(0) },
    ])
    expect(unpadded[0]?.boxes.buffer).not.toBe(padded.boxes.data.buffer)
    expect(JSON.parse(JSON.stringify(unpadded[0])).labels).toEqual([3, 1])
  })

  test('takes other arrays of the same numbers, as tensors give them back', () => {
    const { valid, labels, boxes } = padTargets(targets)
    const again = unpadTargets({
      valid: untyped({ data: Array.from(valid.data), dims: valid.shape }),
      labels: untyped({ data: Float32Array.from(labels.data), shape: labels.shape }),
      boxes: untyped({ data: Float64Array.from(boxes.data), shape: boxes.shape }),
    })
    expect(again).toEqual(unpadTargets({ valid, labels, boxes }))
  })

  test('refuses what is not padded so', () => {
    const padded = padTargets(targets)
    for (const [change, code, argument] of [
      [{ valid: undefined }, 'DTYPE', 'padded.valid'],
      [{ valid: { data: [2], shape: [1] } }, 'SHAPE', 'padded.valid'],
      [{ valid: { data: [2, 3], shape: [2] } }, 'RANGE', 'padded.valid'],
      [{ valid: { data: [2, 0.5], shape: [2] } }, 'RANGE', 'padded.valid'],
      [{ labels: { data: [1, 2, 3, 4], shape: [4] } }, 'SHAPE', 'padded.labels'],
      [{ labels: { data: [], shape: [2 ** 30, 0] } }, 'SHAPE', 'padded.labels'],
      [{ boxes: { data: new Float32Array(8), shape: [2, 4] } }, 'SHAPE', 'padded.boxes'],
      [{ boxes: { data: new Float32Array(8), shape: [2, 2, 4] } }, 'SHAPE', 'padded.boxes'],
      [{ ignore: { data: new Uint8Array(2), shape: [2, 1] } }, 'SHAPE', 'padded.ignore'],
      [{ ignore: { data: [0, 256, 0, 0], shape: [2, 2] } }, 'RANGE', 'padded.ignore'],
      [{ box: padded.boxes }, 'OPTION', 'padded.box'],
    ] as const) {
      expect(errorOf(() => unpadTargets(untyped<any>({ ...padded, ...change })))).toMatchObject({ code, argument })
    }
    expect(errorOf(() => unpadTargets(untyped<any>([])))).toMatchObject({ code: 'DTYPE', argument: 'padded' })
  })
})
