/** The canvas that a call gives to the masks of a batch. */
// oxlint-disable-next-line import/no-unassigned-import -- registers itself
import '@tensorflow/tfjs-backend-cpu'
import * as tf from '@tensorflow/tfjs-core'
import { describe, expect, test } from 'vitest'
import { combineNormalizers, HungarianLoss } from '../../src/index.ts'
import type { MaskSize, Target } from '../../src/index.ts'
import { lossGradients } from '../../src/tfjs.ts'
import type { TensorOutputsWithoutBoxes } from '../../src/tfjs.ts'
import { bitsOf, errorOf, expectClose, randomNumbers, untyped } from '../support/helpers.ts'

const [IMAGES, QUERIES] = [3, 4]
const CANVAS = [12, 10] as const

const random = randomNumbers(5)
const tensor = (...shape: number[]) => ({
  data: Float32Array.from({ length: shape.reduce((a, b) => a * b) }, () => 6 * random() - 3),
  shape,
})
const outputs = { logits: tensor(IMAGES, QUERIES, 4), masks: tensor(IMAGES, QUERIES, 3, 5) }

const masksOf = (count: number, height: number, width: number) => ({
  data: Uint8Array.from({ length: count * height * width }, () => Number(random() < 0.4)),
  shape: [count, height, width],
})

/** Planes in the upper left of the canvas. */
function padded({ data, shape }: ReturnType<typeof masksOf>) {
  const [height, width] = shape.slice(-2) as [number, number]
  const count = data.length / (height * width)
  const all = new Uint8Array(count * CANVAS[0] * CANVAS[1])
  data.forEach((value, i) => {
    const [row, column] = [Math.floor(i / width), i % width]
    all[(Math.floor(row / height) * CANVAS[0] + (row % height)) * CANVAS[1] + column] = value
  })
  return { data: all, shape: [...shape.slice(0, -2), ...CANVAS] }
}

const two = masksOf(2, 6, 4)
const one = masksOf(1, 5, 7)
const three = masksOf(3, 4, 4)
const TARGETS = [
  { labels: [0, 2], masks: two },
  { labels: [1], masks: one },
  { labels: [0, 1, 2], masks: three },
]
const WHOLE = TARGETS.map(({ labels, masks }) => ({ labels, masks: padded(masks) }))

const criteria = {
  'whole masks': HungarianLoss.maskFormer({ numClasses: 3 }),
  points: HungarianLoss.mask2Former({ numClasses: 3, masks: { points: 30 } }),
}
const call = { maskSeed: 4, maskCanvas: CANVAS }

describe('maskCanvas', () => {
  test.each(Object.entries(criteria))('%s: is as if all masks had been padded to it', async (_, criterion) => {
    const expected = criterion.compute(outputs, WHOLE, { maskSeed: 4 })
    expect(criterion.compute(outputs, TARGETS, call)).toEqual(expected)
    expect(criterion.compute(outputs, TARGETS, { ...call, maskCanvas: { height: 12, width: 10 } })).toEqual(expected)
    expect(await criterion.computeAsync(outputs, TARGETS, call)).toEqual(expected)
    expect(criterion.match(outputs, TARGETS, call)).toEqual(criterion.match(outputs, WHOLE, { maskSeed: 4 }))
    const costs = [criterion.cost(outputs, TARGETS, call), criterion.cost(outputs, WHOLE, { maskSeed: 4 })]
    expect(bitsOf(costs[0]!.images[2]!.data)).toBe(bitsOf(costs[1]!.images[2]!.data))
    expect(criterion.compute(outputs, TARGETS, { maskSeed: 4 }).loss).not.toBe(expected.loss)
    const tensors = untyped<TensorOutputsWithoutBoxes>({
      logits: tf.tensor(outputs.logits.data, [IMAGES, QUERIES, 4]),
      masks: tf.tensor(outputs.masks.data, [IMAGES, QUERIES, 3, 5]),
    })
    expect((await lossGradients(criterion, tensors, TARGETS, call)).loss).toBe(expected.loss)
  })

  test('leaves the inputs as they are, and counts where it is all that an image needs', () => {
    const criterion = criteria['whole masks']
    const copy = structuredClone(TARGETS)
    criterion.compute(outputs, TARGETS, call)
    expect(TARGETS).toEqual(copy)
    expect(criterion.compute(outputs, WHOLE, call)).toEqual(criterion.compute(outputs, WHOLE))
    // without targets no memory is taken, and the others are padded all the same
    const [first, second] = [TARGETS[0]!, TARGETS[1]!]
    const [some, whole] = [[first, { labels: [] }, second], [WHOLE[0]!, { labels: [] }, WHOLE[1]!]] // prettier-ignore
    expect(criterion.compute(outputs, untyped(some), call)).toEqual(criterion.compute(outputs, untyped(whole)))
    const hidden = { data: masksOf(1, 5, 7).data, shape: [5, 7] }
    const [own, all] = [
      { ...second, void: hidden },
      { ...WHOLE[1]!, void: padded(hidden) },
    ]
    expect(criterion.compute(outputs, [first, own, TARGETS[2]!], call)).toEqual(
      criterion.compute(outputs, [WHOLE[0]!, all, WHOLE[2]!]),
    )
  })

  test('the size of an image without targets counts: that of its empty masks, or of its void pixels', () => {
    const criterion = criteria['whole masks']
    const expected = criterion.compute(outputs, untyped([WHOLE[0], WHOLE[1], { labels: [] }]))
    const empty: Record<string, object> = {
      masks: { masks: { data: new Uint8Array(0), shape: [0, ...CANVAS] } },
      list: { masks: { data: [], shape: [0, ...CANVAS] } },
      void: { void: { data: new Uint8Array(120), shape: CANVAS } },
      both: { masks: [], void: { data: new Uint8Array(120), shape: CANVAS } },
    }
    for (const [name, more] of Object.entries(empty)) {
      const targets = untyped<Target[]>([TARGETS[0], TARGETS[1], { labels: [], ...more }])
      expect(criterion.compute(untyped(outputs), targets), name).toEqual(expected)
      expect(criterion.compute(untyped(outputs), targets, call), name).toEqual(expected)
    }
  })

  test('makes the parts of a batch add up to the whole', () => {
    const criterion = criteria['whole masks']
    const whole = criterion.compute(outputs, TARGETS, call)
    const part = (from: number, to: number) => {
      const cut = ({ data, shape }: typeof outputs.logits) => {
        const size = data.length / IMAGES
        return { data: data.slice(from * size, to * size), shape: [to - from, ...shape.slice(1)] }
      }
      return [{ logits: cut(outputs.logits), masks: cut(outputs.masks) }, TARGETS.slice(from, to)] as const
    }
    const parts = [part(0, 1), part(1, 3)]
    const normalizers = combineNormalizers(
      parts.map(([own, targets]) => criterion.match(own, targets, call).normalizers),
    )
    const losses = parts.map(([own, targets]) => criterion.compute(own, targets, { ...call, ...normalizers }).loss)
    expectClose(losses.reduce((sum, loss) => sum + loss, 0) / parts.length, whole.loss, 1e-12)
  })

  test.each<[unknown, string, RegExp]>([
    [[12, 5], 'SHAPE', /must be at least \[5, 7\], as targets\[1\]\.masks is, got \[12, 5\]; height comes first$/],
    [[5, 10], 'SHAPE', /must be at least \[6, 4\], as targets\[0\]\.masks is, got \[5, 10\]; height comes first$/],
    [[5, 5], 'SHAPE', /must be at least \[6, 4\], as targets\[0\]\.masks is, got \[5, 5\]$/],
    [[4, 7], 'SHAPE', /must be at least \[6, 4\], as targets\[0\]\.masks is, got \[4, 7\]; height comes first$/],
    [[12], 'SHAPE', /must be \[height, width\] or/],
    [[12, 10.5], 'SHAPE', /integers from 1/],
    ['12x10', 'DTYPE', /must be \[height, width\] or/],
    [[2 ** 20, 2 ** 20], 'SHAPE', /at most 2147483647 pixels/],
  ])('refuses %j', (maskCanvas, code, message) => {
    for (const criterion of Object.values(criteria)) {
      const given = { maskCanvas: untyped<MaskSize>(maskCanvas) }
      for (const method of ['compute', 'match', 'cost'] as const) {
        const error = errorOf(() => criterion[method](outputs, TARGETS, given))
        expect(error).toMatchObject({ code, argument: 'call.maskCanvas', message: expect.stringMatching(message) })
      }
    }
  })

  test('has no meaning, but is checked, where nothing has masks', () => {
    const criterion = HungarianLoss.detr({ numClasses: 3 })
    const boxes = { data: new Float32Array(IMAGES * QUERIES * 4).fill(0.25), shape: [IMAGES, QUERIES, 4] }
    const targets = [{ labels: [0], boxes: [[0.5, 0.5, 0.2, 0.2]] }, { labels: [] }, { labels: [] }]
    const plain = { logits: outputs.logits, boxes }
    expect(criterion.compute(plain, untyped(targets), call)).toEqual(criterion.compute(plain, untyped(targets)))
    expect(errorOf(() => criterion.compute(plain, untyped(targets), { maskCanvas: untyped(3) })).argument).toBe(
      'call.maskCanvas',
    )
  })
})
