/** What people reported about implementations of this loss; each test cites the report. */
import { describe, expect, test } from 'vitest'
import { combineNormalizers, HungarianLoss } from '../../src/index.ts'
import type { Target } from '../../src/index.ts'
import { bitsOf, errorOf, expectClose, imageOf, randomLayer, randomTargets } from '../support/helpers.ts'

const detr = (numClasses = 4) => HungarianLoss.detr({ numClasses })
const box = [0.5, 0.5, 0.2, 0.2]

describe('labels', () => {
  test('ids 1 to 3 with 3 classes: the allowed range is named, with a hint at 1-based ids (facebookresearch/detr #190)', () => {
    const outputs = randomLayer(1, { images: 1, classes: 4 })
    const error = errorOf(() => detr(3).compute(outputs, [{ labels: [1, 2, 3], boxes: [box, box, box] }]))
    expect(error).toMatchObject({ code: 'RANGE', argument: 'targets[0].labels', image: 0, target: 2 })
    expect(error.message).toMatch(/0 to 2/)
    expect(error.message).toMatch(/1-based/)
  })

  test('an id in the millions is reported before the boxes, which are bad too (facebookresearch/detr #28)', () => {
    const outputs = randomLayer(2)
    outputs.boxes.data.fill(NaN)
    const targets = [
      { labels: [0], boxes: [[NaN, -1, 7, 7]] },
      { labels: [5_000_000], boxes: [box] },
    ]
    expect(errorOf(() => detr().compute(outputs, targets))).toMatchObject({
      code: 'RANGE',
      argument: 'targets[1].labels',
      image: 1,
      target: 0,
    })
  })

  test('the no-object index may be 0, with ids from 1 (facebookresearch/detr #356)', () => {
    const last = randomLayer(3)
    const targets = randomTargets(3)
    const first = structuredClone(last)
    for (let row = 0; row < first.logits.data.length; row += 5) {
      first.logits.data.set(last.logits.data.subarray(row, row + 4), row + 1)
      first.logits.data[row] = last.logits.data[row + 4]!
    }
    const shifted = targets.map(({ labels, boxes }) => ({ labels: labels.map((label) => label + 1), boxes }))
    const criterion = HungarianLoss.detr({ numClasses: 4, classification: { noObjectIndex: 0 } })
    const result = criterion.compute(first, shifted)
    const expected = detr().compute(last, targets)
    expectClose(result.loss, expected.loss, 1e-6)
    expect(result.matches).toEqual(expected.matches)
    expect(result.metrics).toEqual(expected.metrics)
    expect(
      errorOf(() =>
        criterion.compute(
          first,
          targets.map(() => ({ labels: [0], boxes: [box] })),
        ),
      ),
    ).toMatchObject({ code: 'RANGE' })
  })
})

describe('nonFinite: predictions that are not finite', () => {
  test('boxes that are all NaN are NON_FINITE with image and query, not degenerate (facebookresearch/detr #101)', () => {
    const outputs = randomLayer(4)
    outputs.boxes.data.fill(NaN)
    const error = errorOf(() => detr().compute(outputs, randomTargets(4)))
    expect(error).toMatchObject({ code: 'NON_FINITE', argument: 'outputs.boxes', layer: 0, image: 0, query: 0 })
    expect(error.message).not.toMatch(/degenerate/)
  })

  test.each([
    ['a NaN logit (roboflow/rf-detr #784)', 'logits', NaN, { logits: 1, boxes: 0, costs: 3 }],
    ['an infinite logit (roboflow/rf-detr #784)', 'logits', Infinity, { logits: 1, boxes: 0, costs: 3 }],
    ['a NaN box (facebookresearch/sam3 #440)', 'boxes', NaN, { logits: 0, boxes: 1, costs: 3 }],
    ['an infinite box (facebookresearch/sam3 #440)', 'boxes', -Infinity, { logits: 0, boxes: 1, costs: 3 }],
  ] as const)('%s gets a finite cost above all others, and is counted', (_, name, value, counts) => {
    const shape = { images: 1, queries: 6, targets: [3] }
    const outputs = randomLayer(5, shape)
    const targets = randomTargets(5, shape)
    const query = 2
    const { data } = outputs[name]
    data[query * (data.length / 6)] = value
    const criterion = HungarianLoss.detr({ numClasses: 4, nonFinite: 'worst' })
    const cost = criterion.cost(outputs, targets)
    const cells = cost.images[0]!.data
    const others = cells.filter((_cost, cell) => Math.floor(cell / 3) !== query)
    const [filled] = cells.subarray(3 * query)
    expect([...cells.subarray(3 * query, 3 * query + 3)]).toEqual([filled, filled, filled])
    expect(filled).toBeGreaterThan(Math.max(...others))
    expect(filled).toBeLessThan(100)
    expect(cost.nonFinite).toMatchObject(counts)

    const result = criterion.compute(outputs, targets)
    expect(result.nonFinite).toMatchObject(counts)
    expect([...result.matches[0]!.queryIndices]).not.toContain(query)
    expect(Number.isFinite(result.loss)).toBe(true)
    expect(result.gradients!.logits.every(Number.isFinite)).toBe(true)
    expect(result.gradients!.boxes.every(Number.isFinite)).toBe(true)
    expect([...result.gradients!.logits.subarray(5 * query, 5 * query + 5)]).toEqual([0, 0, 0, 0, 0])
  })
})

describe('targets: numbers of targets', () => {
  test('5 targets for 3 queries make 3 pairs, and the 2 others are listed (Visual-Behavior/detr-tensorflow #28)', () => {
    const shape = { images: 1, queries: 3, targets: [5] }
    const [matches] = detr().compute(randomLayer(6, shape), randomTargets(6, shape)).matches
    expect([...matches!.queryIndices]).toEqual([0, 1, 2])
    expect(new Set(matches!.targetIndices).size).toBe(3)
    expect([...matches!.targetIndices, ...matches!.unmatchedTargets].toSorted()).toEqual([0, 1, 2, 3, 4])
    expect(matches!.unmatchedTargets.length).toBe(2)
  })

  test('of padded targets only the valid ones count (ZrrSkywalker/MonoDETR #10)', () => {
    const outputs = randomLayer(7)
    const targets = randomTargets(7)
    const padded = targets.map(({ labels, boxes }): Target => ({
      labels: [...labels, -1, 99],
      boxes: [...boxes, [NaN, NaN, NaN, NaN], [0, 0, -1, -1]],
      valid: labels.length,
    }))
    const result = detr().compute(outputs, padded)
    const expected = detr().compute(outputs, targets)
    expect(result.loss).toBe(expected.loss)
    expect(result.matches).toEqual(expected.matches)
    expect(bitsOf(result.gradients?.logits)).toBe(bitsOf(expected.gradients?.logits))
  })

  test('a batch without targets is divided by 1 (facebookresearch/3detr #46)', () => {
    const result = detr().compute(randomLayer(8), randomTargets(8, { targets: [0, 0] }))
    expect(result.normalizers.numBoxes).toBe(1)
    expect(result.terms).toMatchObject({ l1: 0, giou: 0 })
    expect(result.loss).toBeGreaterThan(0)
    expect(result.gradients!.boxes.every((value) => value === 0)).toBe(true)
  })

  test('workers with 1 and 3 targets divide by 2 and give the gradients of the unsplit batch (facebookresearch/detr #267, #354)', () => {
    const outputs = randomLayer(9)
    const targets = randomTargets(9, { targets: [1, 3] })
    const criterion = detr()
    const whole = criterion.compute(outputs, targets)
    const alone = targets.map((target, image) => criterion.match(imageOf(outputs, image), [target]))
    const call = combineNormalizers(alone)
    expect(call.numBoxes).toBe(2)
    targets.forEach((target, image) => {
      const worker = criterion.compute(imageOf(outputs, image), [target], call)
      expect(worker.normalizers).toMatchObject({ numBoxes: 2, classNormalizer: call.classNormalizer![0] })
      for (const name of ['logits', 'boxes'] as const) {
        const gradient = worker.gradients![name]
        const { length } = gradient
        // the mean over the two workers, each of which has zeros for the other's image
        gradient.forEach((value, i) => expectClose(value / 2, whole.gradients![name][image * length + i]!, 1e-6, 0.01))
      }
    })
  })
})

describe('cardinalityError: the cardinality error of sigmoid classification', () => {
  const outputs = (logits: number[], classes = 1) => ({
    logits: { data: logits, shape: [1, 3, classes] },
    boxes: { data: [...box, 0.2, 0.2, 0.1, 0.1, 0.8, 0.8, 0.1, 0.1], shape: [1, 3, 4] },
  })
  const errorFor = (logits: number[], classes: number, cardinality?: 'threshold' | 'published') =>
    HungarianLoss.deformableDetr({ numClasses: classes, cardinality }).compute(outputs(logits, classes), [
      { labels: [0], boxes: [box] },
    ]).metrics.cardinalityError

  test('of one class is 0 for perfect predictions (IDEA-Research/DINO #201, fundamentalvision/Deformable-DETR #24)', () => {
    expect(errorFor([4, -4, -4], 1)).toBe(0)
    expect(errorFor([4, -4, 4], 1)).toBe(1)
    // the published code takes the only class for no-object
    expect(errorFor([4, -4, -4], 1, 'published')).toBe(1)
    expect(errorFor([4, -4, 4], 1, 'published')).toBe(1)
  })

  test('counts probabilities above 0.5, of any class and also the last', () => {
    expect(errorFor([-4, 4, -4, -4, -4, -4], 2)).toBe(0)
    expect(errorFor([-4, 4, -4, -4, -4, -4], 2, 'published')).toBe(1) // two rows of equal logits: their first is not the last
    expect(errorFor([0, 0, 1e-40, -1, 3, 3], 2)).toBe(1)
  })

  test('of softmax classification counts what is not no-object, under either name', () => {
    for (const cardinality of ['threshold', 'published'] as const) {
      const criterion = HungarianLoss.detr({ numClasses: 1, cardinality })
      const { metrics } = criterion.compute(outputs([-4, -5, 3, 4, 1, 2], 2), [{ labels: [0], boxes: [box] }])
      expect(metrics.cardinalityError).toBe(0)
    }
  })
})

describe('boxes', () => {
  test.each(['cxcywh', 'xyxy'] as const)('of the smallest sides have bounded gradients (%s)', (boxFormat) => {
    const criterion = HungarianLoss.detr({ numClasses: 1, boxFormat, weights: { iou: 1, diou: 1, ciou: 1 } })
    for (const side of [1e-45, 1e-40, 5e-39, 1e-38, 1e-20]) {
      const boxes = Float32Array.of(0, 0, side, side)
      const outputs = { logits: { data: [0, 0], shape: [1, 1, 2] }, boxes: { data: boxes, shape: [1, 1, 4] } }
      const { loss, gradients } = criterion.compute(outputs, [
        { labels: [0], boxes: Float32Array.of(0, 0, 2 * side, side) },
      ])
      expect(Number.isFinite(loss)).toBe(true)
      expect(gradients!.boxes.every(Number.isFinite)).toBe(true)
    }
  })

  test('a target that equals another image’s prediction is not matched with it (facebookresearch/detr #330)', () => {
    const outputs = randomLayer(10)
    const theirs = outputs.boxes.data.slice(4 * 3, 4 * 4)
    const result = detr().compute(outputs, [
      { labels: [], boxes: [] },
      { labels: [1], boxes: theirs },
    ])
    expect(result.matches[0]!.queryIndices.length).toBe(0)
    expect(result.matches[1]!.queryIndices.length).toBe(1)
    expect(result.gradients!.boxes.subarray(0, 24).every((value) => value === 0)).toBe(true)
    expect(result.gradients!.boxes.subarray(24).some((value) => value !== 0)).toBe(true)
  })

  test('boxes in pixels are refused with a hint where they should be normalised (open-mmlab/mmdetection #5691)', () => {
    const shape = { images: 1, targets: [1] }
    const outputs = randomLayer(11, shape)
    const targets = [{ labels: [0], boxes: [[320, 240, 100, 80]] }]
    const error = errorOf(() => detr().compute(outputs, targets))
    expect(error).toMatchObject({ code: 'RANGE', argument: 'targets[0].boxes', image: 0, target: 0 })
    expect(error.message).toMatch(/pixels/)
    expect(error.message).toMatch(/normalizedBoxes/)
    const pixels = HungarianLoss.detr({ numClasses: 4, normalizedBoxes: false })
    expect(Number.isFinite(pixels.compute(outputs, targets).loss)).toBe(true)
  })

  test.each([
    ['cxcywh', 0.35 / 0.49],
    ['xyxy', 0.12 / 0.16],
  ] as const)(
    '[.2, .3, .6, .7] is another box in each format; as %s it gives the right overlap (facebookresearch/detr #207)',
    (boxFormat, giou) => {
      const { terms } = HungarianLoss.detr({ numClasses: 1, boxFormat }).compute(
        {
          logits: { data: [0, 0], shape: [1, 1, 2] },
          boxes: { data: [0.3, 0.3, 0.6, 0.7], shape: [1, 1, 4] },
        },
        [{ labels: [0], boxes: [0.2, 0.3, 0.6, 0.7] }],
      )
      expectClose(terms.giou, 1 - giou, 1e-6)
      expectClose(terms.l1, 0.1, 1e-6)
    },
  )
})
