import * as fc from 'fast-check'
import { describe, expect, expectTypeOf, test } from 'vitest'
import { HungarianLoss, padTargets, unpadTargets } from '../../src/index.ts'
import type { PaddedField, Target } from '../../src/index.ts'
import { errorOf, randomLayer, randomTargets, untyped } from '../support/helpers.ts'

const box = [0.5, 0.5, 0.1, 0.1]

describe('padTargets:', () => {
  test('ragged targets become arrays of one length, with no class where there is none', () => {
    const padded = padTargets([
      { labels: [3, 1], boxes: [[0.5, 0.5, 0.25, 0.25], [0.25, 0.5, 0.5, 1]] }, // prettier-ignore
      { labels: [], boxes: [] },
      { labels: [2], boxes: Float64Array.of(0.75, 0.5, 0.5, 0.25) },
    ])
    expect(padded).toEqual({
      valid: { data: Int32Array.of(2, 0, 1), shape: [3] },
      labels: { data: Int32Array.of(3, 1, -1, -1, 2, -1), shape: [3, 2] },
      boxes: {
        data: Float32Array.from([
          [0.5, 0.5, 0.25, 0.25, 0.25, 0.5, 0.5, 1],
          [0, 0, 0, 0, 0, 0, 0, 0],
          [0.75, 0.5, 0.5, 0.25, 0, 0, 0, 0],
        ].flat()),
        shape: [3, 2, 4],
      },
    }) // prettier-ignore
    expectTypeOf(padded.boxes).toEqualTypeOf<PaddedField<Float32Array>>()
  })

  test('room may be given, flags of crowds are kept, and what is not valid is left out', () => {
    const padded = padTargets(
      [
        { labels: [3, 1], boxes: new Float32Array(8), ignore: [true, false], valid: 1 },
        { labels: [2], boxes: [[1, 1, 1, 1]] },
      ],
      { maxTargets: 3 },
    )
    expect(padded.labels).toEqual({ data: Int32Array.of(3, -1, -1, 2, -1, -1), shape: [2, 3] })
    expect(padded.ignore).toEqual({ data: Uint8Array.of(1, 0, 0, 0, 0, 0), shape: [2, 3] })
    expect(padded.valid.data).toEqual(Int32Array.of(1, 1))
    expect(padded.boxes.shape).toEqual([2, 3, 4])
  })

  test('fields of every geometry and form', () => {
    const padded = padTargets([
      {
        labels: BigInt64Array.of(1n, 0n),
        spans: { data: Float32Array.of(1, 2, 3, 4), dims: [2, 2] },
        points: [[[1, 2], [3, 4]], [Float32Array.of(5, 6), [7, 8]]],
        visibility: [[true, false], [2, 1]],
      },
      { labels: Uint8Array.of(4), spans: [[5, 6]], points: [1, 2, 3, 4], visibility: [[0, 1]] },
    ]) // prettier-ignore
    expect(padded.spans).toEqual({ data: Float32Array.of(1, 2, 3, 4, 5, 6, 0, 0), shape: [2, 2, 2] })
    expect(padded.points?.data).toEqual(Float32Array.of(1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3, 4, 0, 0, 0, 0))
    expect(padded.visibility).toEqual({ data: Float32Array.of(1, 0, 2, 1, 0, 1, 0, 0), shape: [2, 2, 2] })
    expect(padded.boxes).toBeUndefined()
  })

  test('masks lie on one canvas, in any form', () => {
    const square = [0, 0, 2, 0, 2, 2, 0, 2]
    const padded = padTargets(
      [
        { labels: [3, 1], masks: [{ polygons: [square], size: [2, 3] }, { counts: [5, 1], size: [2, 3] }], hasMask: [1, 0] },
        { labels: [] },
        { labels: [2, 0], valid: 1, masks: { data: [1, 0, 0, 1, 1, 1, 0, 0], shape: [2, 4, 1] }, hasMask: [true, true], void: { data: [0, 0, 0, 1], shape: [4, 1] } },
      ],
      { maxTargets: 2 },
    )
    const [left, corner] = [[1, 1, 0, 1, 1, 0, 0, 0, 0, 0, 0, 0], [0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0]]
    const none = Array.from({ length: 24 }, () => 0)
    const column = [1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0]
    expect(padded.masks).toEqual({
      data: Uint8Array.from([...left, ...corner, ...none, ...column, ...none.slice(12)]),
      shape: [3, 2, 4, 3],
    })
    expect(padded.hasMask).toEqual({ data: Float32Array.of(1, 0, 0, 0, 1, 0), shape: [3, 2, 1] })
    expect(padded.void).toEqual({ data: new Uint8Array(36).with(33, 1), shape: [3, 4, 3] })
    expect(unpadTargets(padded)[2]).toEqual({
      labels: Int32Array.of(2),
      masks: { data: Uint8Array.from(column), shape: [1, 4, 3] },
      hasMask: Float32Array.of(1),
      void: { data: Uint8Array.from(none.slice(0, 12)).with(9, 1), shape: [4, 3] },
    })
  }) // prettier-ignore

  test('what few targets have, where any has it', () => {
    const padded = padTargets([
      { positives: [[1, 0, 0.5], [0, 1, 0]], boxes: [box, box], columns: [true, false, true], weights: [0.5, 2], hasBox: [true, false] },
      { positives: { data: Float32Array.of(0, 0, 1), shape: [1, 3] }, boxes: [box], exhaustive: false, hasBox: [1] },
    ])
    expect(padded.labels.data).toEqual(Int32Array.of(-1, -1, -1, -1))
    expect(padded.positives).toEqual({ data: Float32Array.of(1, 0, 0.5, 0, 1, 0, 0, 0, 1, 0, 0, 0), shape: [2, 2, 3] })
    expect(padded.columns).toEqual({ data: Uint8Array.of(1, 0, 1, 1, 1, 1), shape: [2, 3] })
    expect(padded.weights).toEqual({ data: Float32Array.of(0.5, 2, 1, 0), shape: [2, 2] })
    expect(padded.exhaustive).toEqual({ data: Uint8Array.of(1, 0), shape: [2] })
    expect(padded.hasBox?.data).toEqual(Float32Array.of(1, 0, 1, 0))
    const [first, second] = unpadTargets(padded)
    expectTypeOf(first!.positives).toEqualTypeOf<{ readonly data: Float32Array; readonly shape: number[] }>()
    expect(first).not.toHaveProperty('labels')
    expect(second).toMatchObject({ exhaustive: false, weights: Float32Array.of(1), columns: Uint8Array.of(1, 1, 1) })
  }) // prettier-ignore

  test('the loss of all of it is the same', () => {
    const outputs = randomLayer(5, { images: 2, queries: 4, classes: 3 })
    const masks = { data: Float32Array.from({ length: 96 }, (_, k) => Math.sin(k)), shape: [2, 4, 3, 4] }
    const hidden = { data: [0, 1, 0, 0, 0, 1], shape: [2, 3] }
    const pixels = { data: Uint8Array.of(1, 0, 0, 1, 1, 0, 0, 0, 0, 1, 1, 0), shape: [2, 2, 3] }
    const small = [{ counts: [1, 2, 1], size: [4, 1] }]
    const criterion = HungarianLoss.maskDino({ numClasses: 3, masks: { points: 30 } })
    const check = (targets: Target[]) => {
      const { loss, gradients } = criterion.compute({ ...outputs, masks }, targets)
      const again = criterion.compute({ ...outputs, masks }, unpadTargets(structuredClone(padTargets(targets, { maxTargets: 5 }))))
      expect(again.loss).toBe(loss)
      expect(again.gradients).toEqual(gradients)
    }
    check([
      { labels: [2, 1], boxes: [box, box], masks: pixels, void: hidden, weights: [1, 3], columns: [0, 1, 1], hasBox: [1, 0], hasMask: [0, 1] },
      { labels: [0], boxes: [box], masks: small, exhaustive: false, hasBox: [1], hasMask: [1] },
    ])
    check(untyped([
      { positives: [[0, 1, 0.25], [1, 0, 0]], boxes: [box, box], masks: pixels },
      { positives: [], boxes: [] },
    ]))
  }) // prettier-ignore

  test('batches without any target keep the fields that their images have', () => {
    const padded = padTargets([{ labels: [], boxes: [], points: [] }], { maxTargets: 2 })
    expect(padded.boxes).toEqual({ data: new Float32Array(8), shape: [1, 2, 4] })
    expect(padded.points).toEqual({ data: new Float32Array(0), shape: [1, 2, 0] })
    expect(padTargets([{ labels: [] }])).toEqual({
      valid: { data: Int32Array.of(0), shape: [1] },
      labels: { data: new Int32Array(0), shape: [1, 0] },
    })
    expect(padTargets([]).labels.shape).toEqual([0, 0])
  })

  test('masks and points that no image has, in any size, are taken again', () => {
    const tensor = (...shape: number[]) => ({
      data: new Float32Array(shape.reduce((size, length) => size * length)),
      shape,
    })
    const logits = tensor(1, 3, 3)
    const of = (fields: { masks: never[] } | { points: never[] }) => {
      const targets = untyped<Target[]>([{ labels: [], ...fields }])
      return [targets, unpadTargets(padTargets(targets, { maxTargets: 4 }))] as const
    }
    const [masks, sameMasks] = of({ masks: [] })
    expect(sameMasks[0]?.masks).toEqual({ data: new Uint8Array(0), shape: [0, 0, 0] })
    expect(padTargets(untyped<Target[]>(sameMasks), { maxTargets: 4 })).toEqual(padTargets(masks, { maxTargets: 4 }))
    const masked = { logits, boxes: tensor(1, 3, 4), masks: tensor(1, 3, 4, 4) }
    const ofMasks = HungarianLoss.detrMasks({ numClasses: 2 })
    expect(ofMasks.compute(masked, untyped(sameMasks)).loss).toBe(ofMasks.compute(masked, masks).loss)
    const [points, samePoints] = of({ points: [] })
    const pointed = { logits, boxes: tensor(1, 3, 4), points: tensor(1, 3, 5, 2) }
    const ofPoints = HungarianLoss.detr({ numClasses: 2, weights: { pointL1: 1 } })
    expect(ofPoints.compute(pointed, untyped(samePoints)).loss).toBe(ofPoints.compute(pointed, points).loss)
  })

  test('the loss of padded targets, unpadded, is that of the ragged ones', () => {
    const criterion = HungarianLoss.dino({ numClasses: 5 })
    const counts = fc.array(fc.nat(5), { minLength: 1, maxLength: 4 })
    fc.assert(
      fc.property(fc.nat(), counts, fc.nat(3), (seed, targets, more) => {
        const outputs = randomLayer(seed, { images: targets.length })
        const ragged: Target[] = randomTargets(seed, { targets }).map(({ labels, boxes }) => ({
          labels,
          boxes,
          ignore: labels.map((label) => label % 2),
        }))
        const padded = padTargets(ragged, { maxTargets: Math.max(...targets) + more })
        const { loss, gradients } = criterion.compute(outputs, ragged)
        const again = criterion.compute(outputs, unpadTargets(structuredClone(padded)))
        expect(again.loss).toBe(loss)
        expect(again.gradients).toEqual(gradients)
        // as they lie, too, with valid
        const { valid, labels, boxes, ignore } = padded
        const room = labels.shape[1] as number
        const views = Array.from(valid.data, (count, image) => ({
          valid: count,
          labels: labels.data.subarray(image * room, (image + 1) * room),
          boxes: boxes.data.subarray(4 * image * room, 4 * (image + 1) * room),
          ignore: ignore?.data.subarray(image * room, (image + 1) * room),
        }))
        expect(criterion.compute(outputs, views).loss).toBe(loss)
      }),
    )
  })
})

describe('padTargets: refuses', () => {
  test.each<[string, unknown, string, string]>([
    ['no list', { labels: [] }, 'DTYPE', 'targets'],
    ['no target', [5], 'DTYPE', 'targets[0]'],
    ['no labels', [{ boxes: [] }], 'DTYPE', 'targets[0].labels'],
    ['several labels of a target', [{ labels: [[0, 1]], boxes: [box] }], 'DTYPE', 'targets[0].labels'],
    ['a label that is no integer', [{ labels: [0.5], boxes: [box] }], 'RANGE', 'targets[0].labels'],
    ['a label of another type', [{ labels: ['dog'], boxes: [box] }], 'DTYPE', 'targets[0].labels'],
    ['labels that are one-hot', [{ labels: { data: [0, 1], shape: [1, 2] }, boxes: [box] }], 'SHAPE', 'targets[0].labels'],
    ['other keys', [{ labels: [0], boxes: [box], iscrowd: [0] }], 'OPTION', 'targets[0].iscrowd'],
    ['too few boxes', [{ labels: [0, 1], boxes: [box] }], 'SHAPE', 'targets[0].boxes'],
    ['boxes that are none', [{ labels: [0], boxes: [[1, 2]] }], 'SHAPE', 'targets[0].boxes'],
    ['numbers that make no boxes', [{ labels: [0, 1], boxes: [1, 2, 3, 4, 5] }], 'SHAPE', 'targets[0].boxes'],
    ['a shape of other rows', [{ labels: [0], boxes: { data: box, shape: [4, 1] } }], 'SHAPE', 'targets[0].boxes'],
    ['boxes without numbers', [{ labels: [0], boxes: [[1, 2, 3, null]] }], 'DTYPE', 'targets[0].boxes[0]'],
    ['a row that is none', [{ labels: [0, 1], boxes: [box, 5] }], 'SHAPE', 'targets[0].boxes[1]'],
    ['fields that some lack', [{ labels: [0], boxes: [box] }, { labels: [1] }], 'SHAPE', 'targets[1].boxes'],
    ['points that differ in number', [{ labels: [0], points: [[1, 2]] }, { labels: [1], points: [[1, 2, 3, 4]] }], 'SHAPE', 'targets[1].points'],
    ['flags that are none', [{ labels: [0], boxes: [box], ignore: [2] }], 'DTYPE', 'targets[0].ignore'],
    ['too few flags', [{ labels: [0], boxes: [box], ignore: [] }], 'SHAPE', 'targets[0].ignore'],
    ['too few weights', [{ labels: [0], boxes: [box], weights: [] }], 'SHAPE', 'targets[0].weights'],
    ['columns that differ in number', [{ labels: [0], columns: [1, 0] }, { labels: [0], columns: [1] }], 'SHAPE', 'targets[1].columns'],
    ['columns that are no flags', [{ labels: [0], columns: [0.5, 0] }], 'DTYPE', 'targets[0].columns'],
    ['positives beside labels', [{ labels: [0], positives: [[1]] }], 'OPTION', 'targets[0].labels'],
    ['positives that some lack', [{ positives: [[1]] }, { labels: [0] }], 'SHAPE', 'targets[1].positives'],
    ['positives that are no rows', [{ positives: [1, 0] }], 'DTYPE', 'targets[0].positives'],
    ['positives of a shape that has no rows', [{ positives: { data: [1], shape: [1] } }], 'SHAPE', 'targets[0].positives'],
    ['an image that may be exhaustive', [{ labels: [0], exhaustive: 2 }], 'DTYPE', 'targets[0].exhaustive'],
    ['masks of other numbers', [{ labels: [0], masks: { data: [1, 1], shape: [2, 1, 1] } }], 'SHAPE', 'targets[0].masks'],
    ['masks that some lack', [{ labels: [0], masks: { data: [1], shape: [1, 1, 1] } }, { labels: [0] }], 'SHAPE', 'targets[1].masks'],
    ['void pixels of another size', [{ labels: [0], masks: { data: [1], shape: [1, 1, 1] }, void: { data: [1, 1], shape: [1, 2] } }], 'SHAPE', 'targets[0].void'],
    ['more valid ones than there are', [{ labels: [0], boxes: [box], valid: 2 }], 'RANGE', 'targets[0].valid'],
  ])('%s', (_, targets, code, argument) => {
    expect(errorOf(() => padTargets(untyped(targets)))).toMatchObject({ code, argument })
  }) // prettier-ignore

  test('and says in which target of which image', () => {
    for (const targets of [
      [{ labels: [] }, { labels: [0, 0.5] }],
      [{ labels: [] }, { labels: [0, 1], boxes: [box, 5] }],
      [{ labels: [] }, { labels: [0, 1], boxes: [box, [1, 2, 3, '4']] }],
      [{ labels: [] }, { labels: [0, 1], boxes: [1, 2, 3, 4, 5, '6', 7, 8] }],
      [{ labels: [] }, { labels: [0, 1], boxes: [box, box], ignore: [0, 2] }],
    ]) {
      expect(errorOf(() => padTargets(untyped(targets)))).toMatchObject({ image: 1, target: 1 })
    }
  })

  test('more targets than there is room for, since none is dropped', () => {
    const error = errorOf(() => padTargets(randomTargets(1), { maxTargets: 2 }))
    expect(error).toMatchObject({ code: 'RANGE', argument: 'targets[1]', image: 1 })
    expect(error.message).toContain('has 3 targets, more than options.maxTargets, 2')
    expect(errorOf(() => padTargets([{ labels: [] }], { maxTargets: 2 ** 30 }))).toMatchObject({ code: 'RANGE' })
    expect(errorOf(() => padTargets([], untyped({ max_targets: 2 }))).message).toContain('did you mean maxTargets?')
  })
})
