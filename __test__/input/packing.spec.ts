/** Packed targets, and images without any that count: of these nothing but the labels is needed. */
import { describe, expect, test } from 'vitest'
import { HungarianLoss } from '../../src/index.ts'
import { errorOf, randomLayer, randomNumbers, untyped } from '../support/helpers.ts'

const random = randomNumbers(5)
const tensor = (...shape: number[]) => ({
  data: Float32Array.from({ length: shape.reduce((a, b) => a * b) }, random),
  shape,
})
const none = { l1: 0, giou: 0 }
const { logits, boxes } = randomLayer(1, { images: 3, classes: 2 })

/** Criteria, outputs, what a target has beside its label, and what an empty image may have, which adds nothing. */
const CRITERIA: ReadonlyArray<[string, HungarianLoss, object, object, object]> = [
  [
    'boxes',
    HungarianLoss.deformableDetr({ numClasses: 2 }),
    { logits, boxes },
    { boxes: [[0.5, 0.5, 0.2, 0.2]] },
    { boxes: [] },
  ],
  [
    'spans',
    HungarianLoss.momentDetr({ numClasses: 1 }),
    { logits, spans: tensor(3, 6, 2) },
    { spans: [[0.5, 0.2]] },
    { spans: [] },
  ],
  [
    'points with visibility',
    HungarianLoss.deformableDetr({ numClasses: 2, cost: { ...none, pointL1: 1 }, weights: { ...none, pointL1: 5 } }),
    { logits, points: tensor(3, 6, 2, 2) },
    { points: [[0.2, 0.2, 0.5, 0.5]], visibility: [[2, 0]] },
    { points: [], visibility: [] },
  ],
  [
    'boxes, and points that nothing weighs',
    HungarianLoss.deformableDetr({ numClasses: 2 }),
    { logits, boxes, points: tensor(3, 6, 2, 2) },
    { boxes: [[0.5, 0.5, 0.2, 0.2]], points: [[0.2, 0.2, 0.5, 0.5]] },
    { boxes: [], points: [] },
  ],
]

describe.each(CRITERIA)('targets: of %s,', (_, criterion, outputs, target, nothing) => {
  const run = (...targets: object[]) => criterion.compute(untyped(outputs), untyped(targets))
  const full = { labels: [0], ...target }
  const empty = { labels: [] }

  test('an empty image needs labels alone, wherever it stands', () => {
    for (const at of [0, 1, 2]) {
      const batch = (image: object) => [full, full, full].map((each, i) => (i === at ? image : each))
      expect(run(...batch(empty))).toEqual(run(...batch({ ...empty, ...nothing })))
    }
    expect(run(empty, empty, full)).toEqual(run({ ...empty, ...nothing }, { ...empty, ...nothing }, full))
    const named = { ...empty, ...nothing }
    const [without, given] = [run(empty, empty, empty), run(named, named, named)]
    expect([without.loss, without.gradients]).toEqual([given.loss, given.gradients])
  })

  test('padding that does not count needs no more', () => {
    const padded = { labels: [1, 1], valid: 0 }
    expect(run(full, padded, full)).toEqual(run(full, { ...empty, ...nothing }, full))
  })

  test('an image with a target needs them, and what an empty one has must be right', () => {
    for (const field of Object.keys(target)) {
      const error = errorOf(() => run(empty, full, { ...full, [field]: undefined }))
      expect(error).toMatchObject({ argument: `targets[2].${field}` })
      expect(errorOf(() => run({ ...empty, [field]: 5 }, full, full))).toMatchObject({
        code: 'DTYPE',
        argument: `targets[0].${field}`,
      })
      expect(errorOf(() => run({ ...empty, [field]: [1] }, full, full)).code).toBe('SHAPE')
    }
  })
})
