import { describe, expect, test } from 'vitest'
import { HungarianLoss } from '../../src/index.ts'
import { bitsOf, countsOf, errorOf, expectClose, randomLayer, randomTargets } from '../support/helpers.ts'

const shape = { queries: 6, classes: 4, targets: [2, 3] }
const outputs = randomLayer(11, shape)
const targets = randomTargets(11, shape)

test('iou, giou, diou and ciou: two boxes that are the same point have IoU 0 in all its forms (pytorch/vision #7746)', () => {
  const point = [0.5, 0.5, 0, 0]
  const one = {
    logits: randomLayer(1, { images: 1, queries: 1, classes: 4 }).logits,
    boxes: { data: point, shape: [1, 1, 4] },
  }
  const weights = { iou: 1, giou: 1, diou: 1, ciou: 1 }
  const criterion = HungarianLoss.rtDetr({ numClasses: 4, weights, cost: weights })
  const { terms, gradients } = criterion.compute(one, [{ labels: [0], boxes: [point] }])
  expect(terms).toMatchObject({ l1: 0, iou: 1, giou: 1, diou: 1, ciou: 1 })
  expect([...gradients!.boxes]).toEqual([0, 0, 0, 0])
})

describe('clampSizes: sides below 0', () => {
  const boxes = structuredClone(outputs.boxes)
  boxes.data[2] = -0.1
  const bad = { logits: outputs.logits, boxes }
  const clampSizes = true

  test('are refused, or count as 0 on demand', () => {
    expect(errorOf(() => HungarianLoss.rtDetr({ numClasses: 4 }).compute(bad, targets))).toMatchObject({
      code: 'RANGE',
      argument: 'outputs.boxes',
      image: 0,
      query: 0,
    })
    const clamped = structuredClone(bad)
    clamped.boxes.data[2] = 0
    const criterion = HungarianLoss.rtDetr({ numClasses: 4, clampSizes })
    const { matches: matching } = criterion.compute(bad, targets)
    const [found, expected] = [bad, clamped].map((own) => criterion.compute({ ...own, matching }, targets))
    expect(found!.terms).toEqual({ ...expected!.terms, l1: found!.terms.l1 })
    expect(found!.nonFinite).toEqual(countsOf())
    expect(bitsOf(found!.gradients!.logits)).toBe(bitsOf(expected!.gradients!.logits))
  })

  // D-FINE 4a1f73a8 src/zoo/dfine/box_ops.py, DEIM 09d35d53 engine/deim/box_ops.py, LW-DETR d5e6e6c4 util/box_ops.py
  test('are what the published code of some criteria clamps', () => {
    for (const name of ['lwDetr', 'dFine', 'deim', 'deimV2', 'rfDetr'] as const) {
      const { loss } = HungarianLoss[name]({ numClasses: 4 }).compute(bad, targets)
      expect(loss, name).toBe(HungarianLoss[name]({ numClasses: 4, clampSizes }).compute(bad, targets).loss)
    }
  })

  // roboflow/rf-detr 1.11, rfdetr/utilities/box_ops.py, with torch 2.15
  test('pass no gradient at 0 either, where PyTorch clamps them', () => {
    const { gradients } = HungarianLoss.rfDetr({ numClasses: 1 }).compute(
      { logits: { data: [0], shape: [1, 1, 1] }, boxes: { data: [0.5, 0.5, 0.25, 0], shape: [1, 1, 4] } },
      [{ labels: [0], boxes: [0.5, 0.5, 0.5, 0.5] }],
    )
    expect([...gradients.boxes].map((slope) => Math.round(slope * 1e4) / 1e4 + 0)).toEqual([0, 0, -5, -5])
  })

  const logits = { data: [1], shape: [1, 1, 1] }
  const target = [{ labels: [0], boxes: [0.4, 0.5, 0.2, 0.2] }]
  const corners = [{ labels: [0], boxes: [0.3, 0.4, 0.5, 0.6] }]
  const one = (box: number[]) => ({ logits, boxes: { data: box, shape: [1, 1, 4] } })

  test('pass no gradient of the forms of IoU; of corners, the second one’s goes to the first', () => {
    const weights = { l1: 0 }
    const { gradients } = HungarianLoss.rtDetr({ numClasses: 1, clampSizes, weights }).compute(
      one([0.55, 0.5, -0.1, 0.2]),
      target,
    )
    expect(gradients!.boxes[2]).toBe(0)
    expect(gradients!.boxes[0]).toBeGreaterThan(0)
    const byCorners = HungarianLoss.rtDetr({ numClasses: 1, clampSizes, weights, boxFormat: 'xyxy' })
    const [found, there] = [
      [0.55, 0.4, 0.4, 0.6],
      [0.55, 0.4, 0.55, 0.6],
    ].map((box) => byCorners.compute(one(box), corners).gradients!.boxes)
    expect(found![2]).toBe(0)
    expectClose(found![0]!, there![0]! + there![2]!, 1e-6)
  })

  test('are taken by L1 as they are, in cost and loss, and trained to be sides', () => {
    const only = { class: 0, l1: 1, giou: 0 }
    const criterion = HungarianLoss.rtDetr({ numClasses: 1, clampSizes, weights: only, cost: only })
    const outputs = one([0.4, 0.5, -0.1, 0.2])
    const { terms, gradients } = criterion.compute(outputs, target)
    expectClose(terms.l1, 0.3, 1e-6)
    expect([...gradients!.boxes]).toEqual([0, 0, -1, 0])
    expectClose(criterion.cost(outputs, target).images[0]!.data[0]!, 0.3, 1e-6)
  })
})
