/**
 * Inputs for the benchmark of masks: the same numbers in each run, on each machine. Targets are ellipses in their boxes. One
 * query lies near each target, in its class, its box and its mask; all others lie anywhere.
 *
 * Points are given rather than drawn, so that all contenders look at the same ones. They are odd multiples of 2^-15: where
 * these lie in a plane is exact in float32, too, and no two pixels are equally near.
 */
import { makeBox } from '../inputs.js'
import { Random } from '../random.js'

/** Mean logit of classes that are decided one by one. */
const SIGMOID_BIAS = -4.6
const NO_OBJECT_LOGIT = 6
const CLASS_LOGIT = 8

/** Candidates for each point of a pair, and the share of its points that is chosen from them. */
const [OVERSAMPLING, IMPORTANCE] = [3, 0.75]

/** Of Mask2Former's cost. */
const COST_POINTS = 12_544

/**
 * What differs: whether the last class is no-object, whether there are boxes, whether masks are factors of a product, and how
 * many points cost and loss are over, of a plane of so many pixels.
 */
export const CRITERIA = {
  mask2Former: { hasNoObject: true, costPoints: () => COST_POINTS },
  detrMasks: { hasNoObject: true, hasBoxes: true },
  rfDetrSeg: {
    hasBoxes: true,
    hasFactors: true,
    costPoints: ([height, width]) => Math.floor((height * width) / 16),
    lossPoints: ([height, width]) => Math.max(height, Math.floor((height * width) / 16)),
  },
}

/**
 * @typedef {keyof typeof CRITERIA} Criterion
 * @typedef {{ data: Float32Array, shape: number[] }} Tensor
 * @typedef {{ labels: Int32Array, boxes: Float32Array, masks: { data: Uint8Array, shape: number[] } }} Target
 *
 * @typedef {object} Setting
 * @property {Criterion} criterion
 * @property {number} [layers] 1 unless given
 * @property {number} images
 * @property {number} queries
 * @property {number} classes columns of the logits
 * @property {number} targets of each image
 * @property {[number, number]} plane height and width of a prediction
 * @property {[number, number]} canvas height and width of the targets' masks
 * @property {number} [channels] of the factors
 * @property {number} [seed] of everything random
 *
 * @typedef {Setting & { layers: number, outputs: Record<string, Tensor>, targets: Target[], counts: Counts }} Inputs
 *   `outputs`: all with the axes of layers and images in front, but for `maskBias`, `[L, 1]`, and the points
 * @typedef {{ drawn: number, kept: number, fresh: number }} Counts of a pair's points: candidates, how many of them are
 *   chosen, and how many points are taken beside them
 */

/**
 * @param {Setting} setting
 * @returns {Inputs}
 */
export function makeMaskInputs({ layers = 1, seed = 8, ...setting }) {
  const random = new Random(seed)
  const { criterion, images, classes, canvas } = setting
  const { hasNoObject, hasBoxes, hasFactors, costPoints, lossPoints } = CRITERIA[criterion]
  const targets = Array.from({ length: images }, () =>
    makeTarget(random, setting.targets, hasNoObject ? classes - 1 : classes, canvas),
  )
  const sizes = { ...setting, layers, targets: undefined }
  const near = Array.from({ length: layers * images }, () => random.permutation(setting.queries))
  const outputs = { logits: makeLogits(random, sizes, targets, near, hasNoObject) }
  if (hasBoxes) outputs.boxes = makeBoxes(random, sizes, targets, near)
  if (hasFactors) Object.assign(outputs, makeFactors(random, sizes, targets, near))
  else outputs.masks = makePlanes(random, sizes, targets, near)
  const points = lossPoints?.(setting.plane) ?? 0
  const kept = Math.floor(points * IMPORTANCE)
  const counts = { drawn: Math.floor(points * OVERSAMPLING), kept, fresh: points - kept }
  if (costPoints !== undefined) {
    const sets = criterion === 'mask2Former' ? [layers, images] : [layers]
    outputs.maskCostPoints = makePoints(random, [...sets, costPoints(setting.plane)])
  }
  if (lossPoints !== undefined) {
    outputs.maskLossPoints = makePoints(random, [layers, images * setting.targets, counts.drawn + counts.fresh])
  }
  return { ...setting, layers, seed, outputs, targets, counts }
}

function makeTarget(random, count, classes, [height, width]) {
  const labels = Int32Array.from({ length: count }, () => random.integer(classes))
  const boxes = Float32Array.from(Array.from({ length: count }, () => makeBox(random)).flat())
  const data = new Uint8Array(count * height * width)
  for (let t = 0, at = 0; t < count; t++) {
    const shape = ellipse(boxes, 4 * t)
    for (let row = 0; row < height; row++) {
      for (let column = 0; column < width; column++, at++) {
        data[at] = Number(shape((column + 0.5) / width, (row + 0.5) / height) > 0)
      }
    }
  }
  return { labels, boxes, masks: { data, shape: [count, height, width] } }
}

/** 1 in the middle of a box, 0 on the ellipse in it, and less than that outside. */
function ellipse(boxes, at) {
  const [cx, cy, a, b] = [boxes[at], boxes[at + 1], boxes[at + 2] / 2, boxes[at + 3] / 2]
  return (x, y) => 1 - ((x - cx) / a) ** 2 - ((y - cy) / b) ** 2
}

/** Fills a plane with the logits of an ellipse, with some noise. */
function fillPlane(random, plane, [height, width], shape) {
  for (let row = 0, at = 0; row < height; row++) {
    for (let column = 0; column < width; column++, at++) {
      const inside = shape((column + 0.5) / width, (row + 0.5) / height)
      plane[at] = Math.max(4 * inside, -6) + random.uniform() - 0.5
    }
  }
}

function makeLogits(random, { layers, images, queries, classes }, targets, near, hasNoObject) {
  const data = new Float32Array(layers * images * queries * classes)
  for (let i = 0; i < data.length; i++) data[i] = random.normal() + (hasNoObject ? 0 : SIGMOID_BIAS)
  near.forEach((order, block) => {
    const { labels } = targets[block % images]
    const first = block * queries * classes
    if (hasNoObject) for (let q = 0; q < queries; q++) data[first + (q + 1) * classes - 1] += NO_OBJECT_LOGIT
    labels.forEach((label, t) => (data[first + order[t] * classes + label] += CLASS_LOGIT))
  })
  return { data, shape: [layers, images, queries, classes] }
}

function makeBoxes(random, { layers, images, queries }, targets, near) {
  const data = new Float32Array(layers * images * queries * 4)
  for (let box = 0; box < data.length; box += 4) data.set(makeBox(random), box)
  near.forEach((order, block) => {
    const { boxes } = targets[block % images]
    for (let i = 0; i < boxes.length; i++) {
      const at = 4 * (block * queries + order[i >> 2]) + (i & 3)
      data[at] = Math.min(Math.max(boxes[i] + 0.01 * random.normal(), 0.01), 0.99)
    }
  })
  return { data, shape: [layers, images, queries, 4] }
}

function makePlanes(random, { layers, images, queries, plane }, targets, near) {
  const area = plane[0] * plane[1]
  const data = new Float32Array(layers * images * queries * area)
  near.forEach((order, block) => {
    const { boxes } = targets[block % images]
    order.forEach((query, rank) => {
      const shape = 4 * rank < boxes.length ? ellipse(boxes, 4 * rank) : ellipse(makeBox(random), 0)
      fillPlane(
        random,
        data.subarray((block * queries + query) * area, (block * queries + query + 1) * area),
        plane,
        shape,
      )
    })
  })
  return { data, shape: [layers, images, queries, ...plane] }
}

/** The first channels of an image are the planes of its targets; the rest is noise. */
function makeFactors(random, { layers, images, queries, plane, channels }, targets, near) {
  const area = plane[0] * plane[1]
  const features = new Float32Array(layers * images * channels * area)
  const rows = new Float32Array(layers * images * queries * channels)
  const noise = 2 / Math.sqrt(channels)
  for (let i = 0; i < rows.length; i++) rows[i] = noise * random.normal()
  near.forEach((order, block) => {
    const { boxes, labels } = targets[block % images]
    for (let k = 0; k < channels; k++) {
      const own = features.subarray((block * channels + k) * area, (block * channels + k + 1) * area)
      if (k < labels.length) fillPlane(random, own, plane, ellipse(boxes, 4 * k))
      else for (let i = 0; i < area; i++) own[i] = random.normal()
    }
    for (let t = 0; t < Math.min(labels.length, channels); t++) rows[(block * queries + order[t]) * channels + t] += 1
  })
  return {
    maskFeatures: { data: features, shape: [layers, images, channels, ...plane] },
    maskQueries: { data: rows, shape: [layers, images, queries, channels] },
    maskBias: { data: new Float32Array(layers).fill(-0.25), shape: [layers, 1] },
  }
}

function makePoints(random, sets) {
  const data = new Float32Array(2 * sets.reduce((product, size) => product * size))
  for (let i = 0; i < data.length; i++) data[i] = (2 * random.integer(2 ** 14) + 1) / 2 ** 15
  return { data, shape: [...sets, 2] }
}
