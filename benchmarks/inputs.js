/**
 * Inputs for the benchmarks: the same numbers in each run, on each machine.
 *
 * `random` predictions are what a model gives before training, noise everywhere. `trained` ones are what it gives after:
 * near each target lies a query that favours its class, two more come close, and all others say no-object; where classes
 * are decided one by one, as in focal loss, they say no to every class.
 */
import { Random } from './random.js'

/** Queries near each target in `trained` predictions: the winner first. */
const NEAR = [
  { distance: 0.01, classLogit: 8, noObjectLogit: 0 },
  { distance: 0.05, classLogit: 3, noObjectLogit: 4 },
  { distance: 0.08, classLogit: 2, noObjectLogit: 4 },
]
const FAR_NO_OBJECT_LOGIT = 6

/** Mean logit where classes are decided one by one: Deformable DETR's initial probability of 0.01. */
const FOCAL_BIAS = -4.6

/**
 * @typedef {{ labels: Int32Array, boxes: Float32Array }} Target the objects of one image; boxes cxcywh, `[n, 4]`
 * @typedef {{ data: Float32Array, shape: number[] }} Tensor
 * @typedef {{ logits: Tensor, boxes: Tensor }} Outputs `[B, Q, C]` and `[B, Q, 4]`, with a layer axis in front if L > 1
 * @typedef {object} Setting
 * @property {'random' | 'trained'} kind
 * @property {'softmax' | 'focal'} [classification] softmax unless given
 * @property {number} [layers] decoder layers, 1 unless given
 * @property {number} images
 * @property {number} queries
 * @property {number} classes columns of the logits, with softmax no-object being the last
 * @property {number} [targets] of each image
 * @property {number} [meanTargets] unless `targets` is given: 0 to twice as many, 7 unless given; pairs of images share
 *   twice as many
 * @property {number} [seed] of everything random
 *
 * @typedef {Setting & { name: string, layers: number, outputs: Outputs, targets: Target[] }} Inputs
 */

/**
 * Makes the inputs of one setting.
 * @param {Setting} setting
 * @returns {Inputs}
 */
export function makeInputs({ kind, classification = 'softmax', layers = 1, images, queries, classes, ...setting }) {
  const { targets: count, meanTargets = 7, seed = 8 } = setting
  const random = new Random(seed)
  const labels = classification === 'softmax' ? classes - 1 : classes
  const counts = count === undefined ? targetCounts(random, images, meanTargets) : Array(images).fill(count)
  const targets = counts.map((n) => makeTarget(random, n, labels))
  const bias = classification === 'focal' ? FOCAL_BIAS : 0
  const logits = new Float32Array(layers * images * queries * classes)
  for (let i = 0; i < logits.length; i++) logits[i] = random.normal() + bias
  const boxes = new Float32Array(layers * images * queries * 4)
  for (let box = 0; box < boxes.length; box += 4) boxes.set(makeBox(random), box)

  const sizes = { queries, classes, classification }
  if (kind === 'trained') {
    for (let block = 0; block < layers * images; block++) {
      const blockLogits = logits.subarray(block * queries * classes, (block + 1) * queries * classes)
      const blockBoxes = boxes.subarray(block * queries * 4, (block + 1) * queries * 4)
      train(random, blockLogits, blockBoxes, targets[block % images], sizes)
    }
  }

  const axes = layers > 1 ? [layers, images, queries] : [images, queries]
  const outputs = {
    logits: { data: logits, shape: [...axes, classes] },
    boxes: { data: boxes, shape: [...axes, 4] },
  }
  const shape = `${images}×${queries}×${classes}${layers > 1 ? `, ${layers} layers` : ''}`
  return { name: `${shape}, ${kind}`, kind, layers, images, ...sizes, outputs, targets }
}

/** Numbers of targets: pairs of images share twice the mean between them. */
function targetCounts(random, images, mean) {
  const counts = []
  while (counts.length < images) {
    const first = random.integer(2 * mean + 1)
    counts.push(first, 2 * mean - first)
  }
  return counts.slice(0, images)
}

function makeTarget(random, n, classes) {
  const labels = Int32Array.from({ length: n }, () => random.integer(classes))
  const boxes = Float32Array.from(Array.from({ length: n }, () => makeBox(random)).flat())
  return { labels, boxes }
}

/** Centre and size of a box that lies within the image. */
export function makeBox(random) {
  const [width, height] = [0.05 + 0.45 * random.uniform(), 0.05 + 0.45 * random.uniform()]
  return [width / 2 + (1 - width) * random.uniform(), height / 2 + (1 - height) * random.uniform(), width, height]
}

/** Turns the random predictions of one image into those of a trained model, in place. */
function train(random, logits, boxes, { labels, boxes: targetBoxes }, { queries, classes, classification }) {
  const noObject = classification === 'softmax' ? classes - 1 : undefined
  if (noObject !== undefined) {
    for (let query = 0; query < queries; query++) logits[query * classes + noObject] += FAR_NO_OBJECT_LOGIT
  }
  const order = random.permutation(queries)
  let next = 0
  for (const { distance, classLogit, noObjectLogit } of NEAR) {
    for (let target = 0; target < labels.length && next < queries; target++) {
      const query = order[next++]
      logits[query * classes + labels[target]] += classLogit
      if (noObject !== undefined) logits[query * classes + noObject] += noObjectLogit - FAR_NO_OBJECT_LOGIT
      for (let k = 0; k < 4; k++) {
        const value = targetBoxes[4 * target + k] + distance * random.normal()
        boxes[4 * query + k] = Math.min(Math.max(value, 0.01), 0.99)
      }
    }
  }
}
