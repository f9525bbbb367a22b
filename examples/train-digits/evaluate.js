/** Runs the model on held-out scenes and measures what it finds. */
import * as tf from '@tensorflow/tfjs-core'
import { convertBoxes, toDetections } from 'hungarian-loss'
import { CANVAS, CLASSES } from './data.js'
import { averagePrecision, meanIou } from './metrics.js'

const CHUNK = 32
/** From this score on a query is taken at its word. */
export const SURE = 0.5

/**
 * @typedef {{ logits: { data: Float32Array, shape: number[] }, boxes: { data: Float32Array, shape: number[] } }} Outputs
 * @typedef {{ ap50: number, ap75: number, meanIou: number }} Scores
 *   meanIou: each true box with the sure detection that overlaps it most, whatever its label; 0 where none is.
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
 * @returns {Scores}
 */
export function evaluate(outputs, targets, criterion) {
  const found = toDetections(outputs, { criterion })
  const real = targets.map(({ labels, boxes }) => ({ labels, boxes: convertBoxes(boxes, 'cxcywh', 'xyxy') }))
  return {
    ap50: averagePrecision(found, real, 0.5),
    ap75: averagePrecision(found, real, 0.75),
    meanIou: meanIou(toDetections(outputs, { criterion, threshold: SURE }), real),
  }
}
