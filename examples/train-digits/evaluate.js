/** Runs the model on held-out scenes and measures what it finds. */
import * as tf from '@tensorflow/tfjs-core'
import { CANVAS, CLASSES } from './data.js'
import { averagePrecision, boxIou, mean } from './metrics.js'

const CHUNK = 32
/** From this score on a query is taken at its word. */
export const SURE = 0.5

/**
 * @typedef {{ logits: { data: Float32Array, shape: number[] }, boxes: { data: Float32Array, shape: number[] } }} Outputs
 * @typedef {{ ap50: number, ap75: number, meanIou: number }} Scores
 *   meanIou: each true box with the surest-enough detection that overlaps it most, whatever its label; 0 where none is.
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
 * What each query says: its likeliest digit, how sure it is, and the box.
 * @param {Outputs} outputs
 * @returns {import('./metrics.js').Detection[]} in the order of images and queries
 */
export function detections({ logits, boxes }) {
  const [images, queries, columns] = logits.shape
  return Array.from({ length: images * queries }, (_, i) => {
    const row = logits.data.subarray(i * columns, (i + 1) * columns)
    const digits = row.subarray(0, CLASSES)
    const label = digits.indexOf(Math.max(...digits))
    const score = 1 / row.reduce((sum, value) => sum + Math.exp(value - row[label]), 0)
    return { image: Math.floor(i / queries), label, score, box: [...boxes.data.subarray(4 * i, 4 * i + 4)] }
  })
}

/** @param {import('./data.js').Target[]} targets @returns {import('./metrics.js').Truth[]} */
export function truths(targets) {
  return targets.flatMap(({ labels, boxes }, image) =>
    Array.from(labels, (label, i) => ({ image, label, box: [...boxes.subarray(4 * i, 4 * i + 4)] })),
  )
}

/** @param {import('./model.js').Detr} model @param {import('./data.js').Batch} batch @returns {Scores} */
export function evaluate(model, { images, targets }) {
  const found = detections(predict(model, images))
  const real = truths(targets)
  const sure = found.filter(({ score }) => score >= SURE)
  const overlaps = real.map(({ image, box }) =>
    Math.max(
      0,
      ...sure.filter((detection) => detection.image === image).map((detection) => boxIou(detection.box, box)),
    ),
  )
  return {
    ap50: averagePrecision(found, real, 0.5),
    ap75: averagePrecision(found, real, 0.75),
    meanIou: mean(overlaps),
  }
}
