/** Ours, as it competes for the loss. */
import { HungarianLoss } from 'hungarian-loss'

/**
 * Ours; unless it is told otherwise, with gradient arrays that are reused and in one thread. What `step` reads of a
 * result is what a training step needs.
 * @param {import('../inputs.js').Inputs} inputs
 * @param {string} [name]
 * @param {import('hungarian-loss').CallOptions} [call]
 * @param {number} [threads]
 * @returns {import('./contenders.js').LossContender}
 */
export function ours(inputs, name = 'ours', call = { out: gradientsLike(inputs.outputs) }, threads = 1) {
  const { outputs, targets } = inputs
  const criterion = criterionFor(inputs, threads)
  const compute = () => criterion.compute(outputs, targets, call)
  const result = () => answerOf(compute(), targets)
  return { name, isRival: false, precision: 'float64', step: () => read(compute()), result }
}

/**
 * Our criterion for inputs.
 * @param {{ classification: 'softmax' | 'focal', classes: number }} inputs
 * @param {number} threads
 */
export function criterionFor({ classification, classes }, threads) {
  return classification === 'softmax'
    ? HungarianLoss.detr({ numClasses: classes - 1, threads })
    : HungarianLoss.deformableDetr({ numClasses: classes, threads })
}

/**
 * A result of ours in the form that all answers have.
 * @param {import('hungarian-loss').LossResult} result
 * @param {import('../inputs.js').Target[]} targets
 * @returns {import('./contenders.js').Answer}
 */
export function answerOf({ loss, layers, gradients }, targets) {
  const matches = layers.map((layer) => layer.matches.map((match, i) => queryOfTarget(match, targets[i])))
  const terms = layers.map(({ terms }) => ({ class: terms.class, l1: terms.l1, giou: terms.giou }))
  return { loss, layers: terms, matches, gradients }
}

/** Arrays for the gradients of predictions. */
export function gradientsLike({ logits, boxes }) {
  return { logits: new Float32Array(logits.data.length), boxes: new Float32Array(boxes.data.length) }
}

function read({ loss, terms, gradients }) {
  return loss + terms.class + gradients.logits[0] + gradients.boxes[0]
}

function queryOfTarget({ queryIndices, targetIndices }, { labels }) {
  const queries = new Int32Array(labels.length).fill(-1)
  targetIndices.forEach((target, i) => (queries[target] = queryIndices[i]))
  return queries
}
