import { expect, test } from 'vitest'
import { DetectionEvaluator } from '../../src/evaluate.ts'
import { cocoTargets, convertBoxes } from '../../src/index.ts'
import type { Detections } from '../../src/index.ts'

test.each([
  ['integers', [9, 2]],
  ['strings', ['nine', 'two']],
])('ground truth is what the evaluation takes, and so are detections: ids of %s', (_, [nine, two]) => {
  const { classes, groundTruth } = cocoTargets({
    images: [
      { id: nine!, width: 640, height: 480 },
      { id: two!, width: 100, height: 200 },
    ],
    categories: [{ id: 18 }, { id: 3 }],
    annotations: [
      { image_id: nine!, category_id: 18, bbox: [64, 48, 320, 240], area: 900 },
      { image_id: nine!, category_id: 3, bbox: [10, 10, 50, 50], iscrowd: 1 },
      { image_id: two!, category_id: 3, bbox: [-10, 20, 30, 40] },
    ],
  })
  const detections = groundTruth.map(({ boxes, labels }): Detections => {
    const corners = convertBoxes(boxes, 'xywh', 'xyxy')
    const queryIndices = Int32Array.from(labels.keys())
    return {
      boxes: corners,
      labels,
      scores: new Float64Array(labels.length).fill(0.5),
      queryIndices,
      boxFormat: 'xyxy',
    }
  })
  const evaluator = new DetectionEvaluator({ numClasses: classes.length }).add(detections, groundTruth)
  const { ap, areas, targets, detections: count } = evaluator.result()
  expect(ap).toBeCloseTo(1, 12)
  expect([targets, areas['small']?.targets, areas['medium']?.targets, count]).toEqual([2, 1, 1, 3])
})
