/** Runs the model on held-out scenes and measures what it finds. */
import * as tf from '@tensorflow/tfjs-core'
import { convertBoxes, toDetections } from 'hungarian-loss'
import { DetectionEvaluator } from 'hungarian-loss/evaluate'
import { CANVAS, CLASSES } from './data.js'
import { meanIou } from './metrics.js'

const CHUNK = 32
/** From this score on a query is taken at its word. */
export const SURE = 0.5

/**
 * @typedef {{ logits: { data: Float32Array, shape: number[] }, boxes: { data: Float32Array, shape: number[] } }} Outputs
 * @typedef {{ labels: Int32Array, boxes: Float32Array, boxFormat: 'xyxy' }} Truth
 *   what one scene shows, boxes `[n, 4]` as left, top, right and bottom, in pixels
 * @typedef {{ ap: number, ap50: number, ap75: number, meanIou: number }} Scores
 *   meanIou: each true box with the sure detection that overlaps it most, whatever its label; 0 where none is
 * @typedef {{
 *   truths: Truth[],
 *   detections: import('hungarian-loss').Detections[],
 *   matches: { queryIndices: Int32Array, targetIndices: Int32Array }[],
 *   result: import('hungarian-loss/evaluate').EvaluationResult,
 *   scores: Scores,
 * }} Evaluation truths, detections and matches: of each scene, boxes in pixels; all queries have a detection
 */

/**
 * The final predictions for many images, without gradients.
 * @param {import('./model.js').Detr} model
 * @param {Float32Array} images `[count, CANVAS, CANVAS, 1]`
 * @returns {Outputs}
 */
export function predict(model, images) {
  const size = CANVAS * CANVAS
  const count = images.length / size
  const logits = {
    data: new Float32Array(count * model.queries * (CLASSES + 1)),
    shape: [count, model.queries, CLASSES + 1],
  }
  const boxes = { data: new Float32Array(count * model.queries * 4), shape: [count, model.queries, 4] }
  for (let start = 0; start < count; start += CHUNK) {
    const chunk = images.subarray(start * size, (start + CHUNK) * size)
    tf.tidy(() => {
      const final = model.forward(tf.tensor(chunk, [chunk.length / size, CANVAS, CANVAS, 1])).layers.at(-1)
      logits.data.set(final.logits.dataSync(), start * model.queries * (CLASSES + 1))
      boxes.data.set(final.boxes.dataSync(), start * model.queries * 4)
    })
  }
  return { logits, boxes }
}

/**
 * @param {Outputs} outputs
 * @param {import('./data.js').Target[]} targets of the same images
 * @param {import('hungarian-loss').HungarianLoss} criterion that the model was trained with
 * @returns {Evaluation}
 */
export function evaluate(outputs, targets, criterion) {
  const size = [CANVAS, CANVAS]
  const truths = targets.map(({ labels, boxes }) => ({
    labels,
    boxes: convertBoxes(boxes, { format: 'cxcywh', normalized: true }, 'xyxy', size),
    boxFormat: 'xyxy',
  }))
  const detections = toDetections(outputs, { criterion, sizes: targets.map(() => size) })
  const result = new DetectionEvaluator({ numClasses: CLASSES }).add(detections, truths).result()
  const { matches } = criterion.match(outputs, targets)
  const { ap, ap50, ap75 } = result
  return { truths, detections, matches, result, scores: { ap, ap50, ap75, meanIou: meanIou(detections, truths, SURE) } }
}
