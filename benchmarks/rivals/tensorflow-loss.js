/**
 * The loss with its gradients in operations of TensorFlow.js (WebAssembly backend), as a careful author would write it:
 * the costs of all layers and images in one go, downloaded and matched, then the loss and its gradients by `tf.grads`. No
 * operation whose gradient the backend lacks is used: labels are picked by one-hot products, and box terms are taken for
 * all queries and masked. Definitions are those of `plain-js-loss.js`. Predictions are tensors already, as in training.
 */
import { tf } from './tensorflow.js'

const NO_OBJECT_WEIGHT = 0.1
const ALPHA = 0.25
const [L1, GIOU] = [5, 2]

/**
 * The class terms. `cost`: `[N, Q, T]`, weighted, from logits `[N, Q, C]` and labels `[N, T]`. `loss`: the unweighted term
 * of each layer, `[L]`, from logits `[L, B, Q, C]` and the label of each query, −1 for background, `[L, B, Q]`.
 */
const CLASS_TERMS = {
  softmax: {
    weight: 1,
    cost: (logits, labels) => tf.neg(pick(tf.softmax(logits), labels)),
    loss(logits, labelOfQuery) {
      const classes = logits.shape[3]
      const isObject = tf.cast(tf.greaterEqual(labelOfQuery, 0), 'float32')
      const weights = tf.add(tf.mul(isObject, 1 - NO_OBJECT_WEIGHT), NO_OBJECT_WEIGHT)
      const noObject = tf.fill(labelOfQuery.shape, classes - 1, 'int32')
      const labels = tf.where(tf.greaterEqual(labelOfQuery, 0), labelOfQuery, noObject)
      const picks = tf.mul(tf.oneHot(labels, classes), tf.expandDims(weights, 3))
      const sums = total(tf.mul(picks, tf.logSoftmax(logits)))
      return tf.neg(tf.div(sums, total(tf.expandDims(weights, 3))))
    },
  },
  focal: {
    weight: 2,
    cost(logits, labels) {
      const p = tf.sigmoid(pick(logits, labels))
      const q = tf.sub(1, p)
      const positive = tf.mul(tf.mul(ALPHA, tf.square(q)), tf.log(tf.add(p, 1e-8)))
      const negative = tf.mul(tf.mul(1 - ALPHA, tf.square(p)), tf.log(tf.add(q, 1e-8)))
      return tf.mul(2, tf.sub(negative, positive))
    },
    loss(logits, labelOfQuery, numBoxes) {
      const labels = tf.cast(tf.oneHot(labelOfQuery, logits.shape[3]), 'float32')
      const signs = tf.sub(1, tf.mul(2, labels)) // what is not labelled x counts as 1 − σ(x) = σ(−x)
      const miss = tf.mul(signs, logits)
      const weights = tf.sub(1 - ALPHA, tf.mul(1 - 2 * ALPHA, labels))
      const terms = tf.mul(tf.mul(weights, tf.square(tf.sigmoid(miss))), tf.softplus(miss))
      return tf.div(total(terms), numBoxes)
    },
  },
}

/**
 * The loss for given predictions.
 * @param {import('../inputs.js').Inputs} inputs
 * @param {import('./solvers.js').Solver} solve
 */
export function createTensorFlowLoss({ classification, layers, images, queries, classes, outputs, targets }, solve) {
  const classTerm = CLASS_TERMS[classification]
  const logits = tf.tensor(outputs.logits.data, [layers, images, queries, classes])
  const boxes = tf.tensor(outputs.boxes.data, [layers, images, queries, 4])
  const most = targets.reduce((count, { labels }) => Math.max(count, labels.length), 0)
  const numBoxes = Math.max(
    1,
    targets.reduce((sum, { labels }) => sum + labels.length, 0),
  )

  return {
    step() {
      const { loss, layers, gradients } = compute()
      tf.dispose(gradients)
      return loss + layers.at(-1).class
    },
    result() {
      const { gradients, ...rest } = compute()
      const [byLogits, byBoxes] = gradients.map((gradient) => gradient.dataSync().slice())
      tf.dispose(gradients)
      return { ...rest, gradients: { logits: byLogits, boxes: byBoxes } }
    },
    close: () => tf.dispose([logits, boxes]),
  }

  function compute() {
    const matches = match()
    const wanted = queriesWanted(matches)
    let termValues
    const gradients = tf.tidy(() => {
      const labelOfQuery = tf.tensor(wanted.labels, [layers, images, queries], 'int32')
      const boxOfQuery = tf.tensor(wanted.boxes, [layers, images, queries, 4])
      const mask = tf.tensor(wanted.mask, [layers, images, queries, 1])
      const weightedSum = (logits, boxes) => {
        const terms = [
          classTerm.loss(logits, labelOfQuery, numBoxes),
          maskedSum(tf.abs(tf.sub(boxes, boxOfQuery)), mask),
          maskedSum(tf.sub(1, giou(tf.split(boxes, 4, 3), tf.split(boxOfQuery, 4, 3))), mask),
        ]
        termValues = terms.map((term) => term.dataSync().slice())
        const weighted = terms.map((term, i) => tf.mul([classTerm.weight, L1, GIOU][i], tf.sum(term)))
        return tf.add(tf.add(weighted[0], weighted[1]), weighted[2])
      }
      return tf.grads(weightedSum)([logits, boxes])
    })
    const [byClass, byL1, byGiou] = termValues
    const terms = Array.from(byClass, (value, i) => ({ class: value, l1: byL1[i], giou: byGiou[i] }))
    const loss = terms.reduce((sum, own) => sum + classTerm.weight * own.class + L1 * own.l1 + GIOU * own.giou, 0)
    return { loss, layers: terms, matches, gradients }
  }

  /** Sum over the masked queries of each layer, per target. */
  function maskedSum(values, mask) {
    return tf.div(total(tf.mul(values, mask)), numBoxes)
  }

  /** For each layer and image the query of each target. */
  function match() {
    const costs = most === 0 ? undefined : tf.tidy(() => cost().dataSync())
    return Array.from({ length: layers }, (_, layer) =>
      targets.map(({ labels }, image) => {
        if (labels.length === 0) return new Int32Array(0)
        const start = (layer * images + image) * most * queries
        return solve(costs.subarray(start, start + labels.length * queries), labels.length, queries)
      }),
    )
  }

  /** `[layers · images, most targets, queries]`; images with fewer targets are padded. */
  function cost() {
    const blocks = layers * images
    const labels = new Int32Array(blocks * most)
    const targetBoxes = new Float32Array(blocks * most * 4)
    for (let block = 0; block < blocks; block++) {
      labels.set(targets[block % images].labels, block * most)
      targetBoxes.set(targets[block % images].boxes, block * most * 4)
    }
    const boxesAsRows = tf.reshape(boxes, [blocks, queries, 1, 4])
    const targetsAsColumns = tf.tensor(targetBoxes, [blocks, 1, most, 4])
    const byClass = classTerm.cost(
      tf.reshape(logits, [blocks, queries, classes]),
      tf.tensor(labels, [blocks, most], 'int32'),
    )
    const distance = tf.sum(tf.abs(tf.sub(boxesAsRows, targetsAsColumns)), 3)
    const overlap = tf.squeeze(giou(tf.split(boxesAsRows, 4, 3), tf.split(targetsAsColumns, 4, 3)), [3])
    const sum = tf.add(byClass, tf.sub(tf.mul(L1, distance), tf.mul(GIOU, overlap)))
    return tf.transpose(sum, [0, 2, 1])
  }

  /** For each query its label or −1, the box that it should have, and whether it should have one. */
  function queriesWanted(matches) {
    const labels = new Int32Array(layers * images * queries).fill(-1)
    const boxes = new Float32Array(4 * labels.length).fill(0.5)
    const mask = new Float32Array(labels.length)
    matches.forEach((ofImages, layer) =>
      ofImages.forEach((queryOfTarget, image) =>
        queryOfTarget.forEach((query, t) => {
          if (query < 0) return
          const at = (layer * images + image) * queries + query
          labels[at] = targets[image].labels[t]
          boxes.set(targets[image].boxes.subarray(4 * t, 4 * t + 4), 4 * at)
          mask[at] = 1
        }),
      ),
    )
    return { labels, boxes, mask }
  }
}

/** The sum of each layer's values `[L, B, Q, K]`, step by step, since the backend sums one by one in float32. */
function total(values) {
  return tf.sum(tf.sum(tf.sum(values, 3), 2), 1)
}

/** `[N, Q, T]`: the values `[N, Q, C]` at the labels `[N, T]`, by a product that is exact. The backend's gather is not. */
function pick(values, labels) {
  return tf.matMul(values, tf.cast(tf.oneHot(labels, values.shape[2]), 'float32'), false, true)
}

/** Generalised IoU of boxes given by columns of centres and sizes, each with a last axis of 1. */
function giou([x, y, w, h], [tx, ty, tw, th]) {
  const [left, right] = edges(x, w)
  const [top, bottom] = edges(y, h)
  const [targetLeft, targetRight] = edges(tx, tw)
  const [targetTop, targetBottom] = edges(ty, th)
  const overlapX = tf.relu(tf.sub(tf.minimum(right, targetRight), tf.maximum(left, targetLeft)))
  const overlapY = tf.relu(tf.sub(tf.minimum(bottom, targetBottom), tf.maximum(top, targetTop)))
  const overlap = tf.mul(overlapX, overlapY)
  const union = tf.sub(tf.add(tf.mul(w, h), tf.mul(tw, th)), overlap)
  const hullX = tf.sub(tf.maximum(right, targetRight), tf.minimum(left, targetLeft))
  const hullY = tf.sub(tf.maximum(bottom, targetBottom), tf.minimum(top, targetTop))
  const hull = tf.mul(hullX, hullY)
  return tf.sub(tf.div(overlap, union), tf.div(tf.sub(hull, union), hull))
}

function edges(centre, size) {
  const half = tf.div(size, 2)
  return [tf.sub(centre, half), tf.add(centre, half)]
}
