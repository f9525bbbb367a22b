/** What the training example draws of an evaluation, compared with the numbers of that. */
import { HungarianLoss } from 'hungarian-loss'
import { DetectionEvaluator } from 'hungarian-loss/evaluate'
import { expect, test } from 'vitest'
import { evaluate } from '../../../examples/train-digits/evaluate.js'
import { precisionByDigit, precisionByRecall } from '../../../examples/train-digits/report/precision.js'

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

test('precisionByRecall: the mean of the digits that there are, at each recall, with its average precision', () => {
  const html = precisionByRecall(result())
  const [half, threeQuarters] = Array.from(html.matchAll(/<path d="M([\d. L]+)"/g), ([, path]) =>
    path!.split('L').map((point) => point.split(' ').map(Number)),
  )
  const heightAt = (line: number[][], recall: number) => line.find(([x]) => x === recall)![1]
  expect([half!.length, threeQuarters!.length]).toEqual([101, 101])
  expect([0, 50, 51, 75, 76, 100].map((recall) => heightAt(half!, recall))).toEqual([0, 0, 12.5, 12.5, 50, 50])
  expect([0, 50, 51, 100].map((recall) => heightAt(threeQuarters!, recall))).toEqual([0, 0, 50, 50])
  expect(Array.from(html.matchAll(/<b>([\d.]+)<\/b>/g), ([, value]) => value)).toEqual(['0.845', '0.752'])
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
