import { describe, expect, test } from 'vitest'
import { cocoTargets, encodeMask, HungarianLoss } from '../../src/index.ts'
import type { CocoDataset, Masks } from '../../src/index.ts'
import { readMasks } from '../../src/masks/read.ts'
import { errorOf, randomNumbers, untyped } from '../support/helpers.ts'

const [HEIGHT, WIDTH] = [6, 7]
const random = randomNumbers(4)
const floats = (shape: number[]) => {
  const size = shape.reduce((product, side) => product * side, 1)
  return { data: Float32Array.from({ length: size }, () => 4 * random() - 2), shape }
}
const outputs = { logits: floats([2, 5, 4]), masks: floats([2, 5, 3, 4]) }
const labels = [[0, 2], [1]]
/** The pixels of the masks of each image, one list for each mask. */
const pixels = labels.map((list) =>
  list.map(() => Array.from({ length: HEIGHT * WIDTH }, () => Number(random() < 0.4))),
)
const criterion = HungarianLoss.maskFormer({ numClasses: 3 })

/** The lengths of the runs of a mask, down the columns. */
function countsOf(mask: readonly number[]): number[] {
  const counts = [0]
  for (let [i, last] = [0, 0]; i < mask.length; i++) {
    const pixel = mask[(i % HEIGHT) * WIDTH + Math.floor(i / HEIGHT)]!
    if (pixel !== last) counts.push(0)
    counts[counts.length - 1]!++
    last = pixel
  }
  return counts
}

const size = [HEIGHT, WIDTH] as const
const shapeOf = (masks: readonly unknown[]) => [masks.length, HEIGHT, WIDTH]

/** The masks of an image in each form. */
const FORMS: { [form: string]: (masks: number[][]) => Masks } = {
  bytes: (masks) => ({ data: Uint8Array.from(masks.flat()), shape: shapeOf(masks) }),
  floats: (masks) => ({ data: Float32Array.from(masks.flat()), shape: shapeOf(masks) }),
  booleans: (masks) => ({ data: masks.map((mask) => mask.map(Boolean)), shape: shapeOf(masks) }),
  bits: (masks) => {
    const bits = new Uint8Array(Math.ceil((masks.length * HEIGHT * WIDTH) / 8))
    masks.flat().forEach((pixel, i) => (bits[i >> 3]! |= pixel << (i % 8)))
    return { bits, shape: shapeOf(masks) }
  },
  'run lengths': (masks) => masks.map((mask) => ({ counts: countsOf(mask), size })),
  'coded run lengths': (masks) => masks.map((mask) => encodeMask(mask, size)),
  // a square around the middle of each pixel
  polygons: (masks) =>
    masks.map((mask) => ({
      polygons: mask.flatMap((pixel, i) => {
        const [x, y] = [i % WIDTH, Math.floor(i / WIDTH)]
        return pixel === 1 ? [[x, y, x + 1, y, x + 1, y + 1, x, y + 1]] : []
      }),
      size,
    })),
}

describe('masks of targets:', () => {
  test.each(Object.keys(FORMS))('%s give the same loss and gradients as bytes, bit for bit', (form) => {
    const compute = (of: string) =>
      criterion.compute(
        outputs,
        labels.map((list, image) => ({ labels: list, masks: FORMS[of]!(pixels[image]!) })),
      )
    const [expected, got] = [compute('bytes'), compute(form)]
    expect(expected.loss).toBeGreaterThan(0)
    expect(got.loss).toBe(expected.loss)
    expect(got.gradients).toEqual(expected.gradients)
    expect(got.terms).toEqual(expected.terms)
  })

  test('of cocoTargets go straight into a criterion, which leaves out what has no mask', () => {
    const dataset = (second: unknown): CocoDataset => ({
      images: [
        { id: 1, width: WIDTH, height: HEIGHT },
        { id: 2, width: WIDTH, height: HEIGHT },
      ],
      categories: [{ id: 4 }, { id: 9 }, { id: 11 }],
      annotations: [
        { image_id: 1, category_id: 4, bbox: [1, 1, 3, 3], segmentation: [[1, 1, 4, 1, 4, 4, 1, 4]] },
        { image_id: 1, category_id: 9, bbox: [0, 0, 7, 6], segmentation: second },
      ],
    })
    const compute = (second: unknown) => {
      const { targets } = cocoTargets(dataset(second), { masks: true })
      return criterion.compute(
        outputs,
        targets.map(({ labels, masks, hasMask, ignore }) => ({ labels, masks, hasMask, ignore })),
      )
    }
    const known = compute({ counts: [30, 12], size: [HEIGHT, WIDTH] })
    const unknown = compute(undefined)
    expect(unknown.terms.maskDice).toBeLessThan(known.terms.maskDice!)
    expect(unknown.normalizers.numBoxes).toBe(known.normalizers.numBoxes)
  })

  test('are refused with the image and the target', () => {
    const second = { counts: [41, 2], size }
    const masks = [encodeMask(pixels[0]![0]!, size), second]
    const error = errorOf(() => criterion.compute(outputs, [{ labels: [0, 2], masks }, { labels: [] }]))
    expect(error).toMatchObject({ code: 'SHAPE', argument: 'targets[0].masks[1].counts', image: 0, target: 1 })
    const grey = { data: new Uint8Array(2 * HEIGHT * WIDTH).fill(255, 50), shape: [2, HEIGHT, WIDTH] }
    const other = errorOf(() => criterion.compute(outputs, [{ labels: [0, 2], masks: grey }, { labels: [] }]))
    expect(other).toMatchObject({ code: 'RANGE', argument: 'targets[0].masks', image: 0, target: 1 })
  })
})

test('readMasks: bytes are borrowed, and only values of 0 and 1 pass, wherever they lie in memory', () => {
  const memory = new Uint8Array(64)
  for (let start = 0; start < 8; start++) {
    for (let count = 1; count < 12; count++) {
      const data = memory.subarray(start, start + count)
      expect(readMasks({ data, shape: [1, 1, count] }, 'masks').data).toBe(data)
      for (let wrong = 0; wrong < count; wrong++) {
        data[wrong] = 2 + wrong
        const error = errorOf(() => readMasks({ data, shape: [count, 1, 1] }, 'masks', { image: 3 }))
        expect(error).toMatchObject({ code: 'RANGE', argument: 'masks', image: 3, target: wrong })
        data[wrong] = 1
      }
      memory.fill(0)
      memory[start + count] = 255 // beyond the end
      expect(readMasks({ data, shape: [1, 1, count] }, 'masks').count).toBe(1)
      memory.fill(0)
    }
  }
  const both = { bits: Uint8Array.of(1), data: [1], shape: [1, 1, 1] }
  expect(errorOf(() => readMasks(both, 'masks'))).toMatchObject({ code: 'DTYPE', argument: 'masks' })
  expect(errorOf(() => readMasks(untyped(new Map()), 'masks'))).toMatchObject({ code: 'DTYPE', argument: 'masks' })
})
