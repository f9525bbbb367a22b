/** Runs the model on held-out scenes, cuts them into segments, and measures these. */
import * as tf from '@tensorflow/tfjs-core'
import { CANVAS, CLASSES } from '../train-digits/data.js'
import { mean } from '../train-digits/metrics.js'
import { MASK_SIDE, masksOf } from './model.js'
import { enlarge } from './ops.js'

const CHUNK = 32
/** From this certainty on a query is taken at its word, and a pixel is within its mask. */
export const SURE = 0.5

/**
 * @typedef {{ query: number, label: number, score: number, pixels: Uint8Array }} Segment
 *   what a query says: a digit, how certain it is, and its pixels, `[CANVAS · CANVAS]`
 * @typedef {{ pq: number, sq: number, rq: number }} Quality panoptic quality and its factors, of segmentation and of recognition
 * @typedef {Quality & { meanIou: number, perClass: (Quality & { targets: number })[] }} Scores
 *   means of the digits, and of each digit, −1 where there are none. meanIou: each true mask with the segment that overlaps it most,
 *   whatever its label; 0 where none does
 */

/**
 * The segments of many images. Each pixel goes to the query that is most certain of it, as in MaskFormer's panoptic inference.
 * @param {import('./model.js').MaskFormer} model
 * @param {Float32Array} images `[count, CANVAS, CANVAS, 1]`
 * @returns {Segment[][]}
 */
export function segment(model, images) {
  const size = CANVAS ** 2
  return Array.from({ length: Math.ceil(images.length / size / CHUNK) }, (_, i) => {
    const chunk = images.subarray(i * CHUNK * size, (i + 1) * CHUNK * size)
    const count = chunk.length / size
    const tensors = tf.tidy(() => {
      const prediction = model.forward(tf.tensor(chunk, [count, CANVAS, CANVAS, 1])).layers.at(-1)
      const large = enlarge(tf.reshape(masksOf(prediction), [count * model.queries, MASK_SIDE, MASK_SIDE, 1]))
      return [tf.softmax(prediction.logits), tf.sigmoid(large)]
    })
    const [logits, masks] = tensors.map((tensor) => tensor.dataSync())
    tf.dispose(tensors)
    return Array.from({ length: count }, (_, image) => segmentsOf(logits, masks, model.queries, image))
  }).flat()
}

/** The segments of one image, from the probabilities of all. */
function segmentsOf(classes, masks, queries, image) {
  const size = CANVAS ** 2
  const sure = Array.from({ length: queries }, (_, query) => {
    const row = classes.subarray(
      (image * queries + query) * (CLASSES + 1),
      (image * queries + query + 1) * (CLASSES + 1),
    )
    const score = Math.max(...row)
    const start = (image * queries + query) * size
    return { query, label: row.indexOf(score), score, mask: masks.subarray(start, start + size) }
  }).filter(({ label, score }) => label < CLASSES && score >= SURE)

  const segments = sure.map(({ query, label, score }) => ({ query, label, score, pixels: new Uint8Array(size) }))
  for (let i = 0; i < size; i++) {
    let best = -1
    for (let k = 0; k < sure.length; k++) {
      if (best < 0 || sure[k].score * sure[k].mask[i] > sure[best].score * sure[best].mask[i]) best = k
    }
    if (best >= 0 && sure[best].mask[i] >= SURE) segments[best].pixels[i] = 1
  }
  return segments.filter(({ pixels }) => pixels.includes(1))
}

/**
 * How well segments agree with the truth. Panoptic quality (Kirillov et al. 2019): a segment is right where it has the label of a
 * true mask and more than half of their union in common; then the sum of those parts, over the right ones, half of the wrong and half
 * of the missed.
 * @param {Segment[][]} segments of each scene
 * @param {import('./data.js').Target[]} targets of the same scenes
 * @returns {Scores}
 */
export function evaluate(segments, targets) {
  const classes = Array.from({ length: CLASSES }, () => ({ overlap: 0, right: 0, found: 0, targets: 0 }))
  const best = []
  for (const [image, { labels, masks }] of targets.entries()) {
    for (const { label } of segments[image]) classes[label].found++
    labels.forEach((label, i) => {
      const mask = masks.data.subarray(i * CANVAS ** 2, (i + 1) * CANVAS ** 2)
      const overlaps = segments[image].map(({ pixels }) => maskIou(mask, pixels))
      best.push(Math.max(0, ...overlaps))
      classes[label].targets++
      const right = segments[image].findIndex((segment, k) => segment.label === label && overlaps[k] > 0.5)
      if (right < 0) return
      classes[label].right++
      classes[label].overlap += overlaps[right]
    })
  }
  const perClass = classes.map(({ overlap, right, found, targets }) => ({
    targets,
    sq: right > 0 ? overlap / right : found + targets > 0 ? 0 : -1,
    rq: found + targets > 0 ? (2 * right) / (found + targets) : -1,
    pq: found + targets > 0 ? (2 * overlap) / (found + targets) : -1,
  }))
  const there = perClass.filter(({ pq }) => pq >= 0)
  const [pq, sq, rq] = ['pq', 'sq', 'rq'].map((key) => mean(there.map((scores) => scores[key])))
  return { pq, sq, rq, meanIou: mean(best), perClass }
}

/** Intersection over union of two masks. */
function maskIou(a, b) {
  let [intersection, union] = [0, 0]
  for (let i = 0; i < a.length; i++) {
    intersection += a[i] & b[i]
    union += a[i] | b[i]
  }
  return union > 0 ? intersection / union : 0
}
