/** What the training example draws of an evaluation, compared with the numbers of that. */
import { HungarianLoss } from 'hungarian-loss'
import { DetectionEvaluator } from 'hungarian-loss/evaluate'
import { expect, test } from 'vitest'
import { evaluate } from '../../../examples/train-digits/evaluate.js'
import { curve, precisionByDigit } from '../../../examples/train-digits/report/precision.js'

/** Three of four ones are found, the last one at an IoU of 0.6, after a false one; there are no other digits but a two. */
function result() {
  const box = (left: number, width = 10) => [left, 0, left + width, 10]
  const groundTruth = { boxes: [box(0), box(20), box(40), box(60), [0, 20, 10, 30]], labels: [1, 1, 1, 1, 2] }
  const detections = {
    boxes: [box(0), box(20), box(80), box(40, 6), [0, 20, 10, 30]],
    scores: [0.9, 0.8, 0.7, 0.6, 0.5],
    labels: [1, 1, 1, 1, 2],
  }
  return new DetectionEvaluator({ numClasses: 10, boxFormat: 'xyxy' }).add([detections], [groundTruth]).result()
}

test('curve: at each recall the mean precision of the digits that there are, whose mean is the average precision', () => {
  const found = result()
  const at = (iou: number, recall: number) => curve(found, iou).find(([x]) => Math.abs(x - recall) < 1e-9)![1]
  expect([at(0.5, 0), at(0.5, 0.5), at(0.5, 0.75), at(0.5, 0.76)].map((value) => value.toFixed(9))).toEqual(
    [1, 1, (0.75 + 1) / 2, 0.5].map((value) => value.toFixed(9)),
  )
  expect(at(0.75, 0.75)).toBeCloseTo(0.5, 9)
  for (const [iou, expected] of [
    [0.5, found.ap50],
    [0.75, found.ap75],
  ] as const) {
    const points = curve(found, iou)
    expect(points.map(([recall]) => recall)).toEqual(found.recallThresholds)
    expect(points.reduce((sum, [, precision]) => sum + precision, 0) / points.length).toBeCloseTo(expected, 12)
  }
})

test('precisionByDigit: each digit with its number of true boxes and its two precisions', () => {
  const rows = Array.from(precisionByDigit(result()).matchAll(/<tr><th scope="row">(\d).*?<\/tr>/gs), ([row]) =>
    Array.from(row.matchAll(/>([\d.–]+)</g), ([, text]) => text),
  )
  expect(rows).toHaveLength(10)
  expect(rows.slice(0, 3)).toEqual([
    ['0', '0', '–', '–'],
    ['1', '4', '0.691', '0.505'],
    ['2', '1', '1.000', '1.000'],
  ])
})

test('evaluate: outputs that say the truth have all scores at 1', () => {
  const targets = [
    { labels: Int32Array.of(3, 8), boxes: Float32Array.of(0.25, 0.25, 0.25, 0.25, 0.75, 0.75, 0.25, 0.5) },
    { labels: new Int32Array(0), boxes: new Float32Array(0) },
  ]
  const logits = new Float32Array(2 * 2 * 11)
  ;[3, 8, 10, 10].forEach((label, query) => (logits[11 * query + label] = 12 - query))
  const boxes = new Float32Array(16).fill(0.5)
  boxes.set(targets[0]!.boxes)
  const outputs = { logits: { data: logits, shape: [2, 2, 11] }, boxes: { data: boxes, shape: [2, 2, 4] } }
  const { scores, truths, detections } = evaluate(outputs, targets, HungarianLoss.detr({ numClasses: 10 }))
  for (const key of ['ap', 'ap50', 'ap75', 'meanIou'] as const) expect(scores[key], key).toBeCloseTo(1, 12)
  expect(Array.from(truths[0]!.boxes)).toEqual([8, 8, 24, 24, 40, 32, 56, 64])
  expect(Array.from(detections[0]!.boxes)).toEqual([8, 8, 24, 24, 40, 32, 56, 64])
})
