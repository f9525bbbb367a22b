/**
 * What competes for the loss. A contender has `result`, which is compared first, and `step`, which is timed; or, where it
 * runs in another process, `sample`.
 */
import { HungarianLoss, threadCount } from 'hungarian-loss'
import { focalTerm, softmaxTerm } from '../rivals/class-terms.js'
import { createPlainLoss } from '../rivals/plain-js-loss.js'
import { augmentingPathSolver, linearSumAssignmentSolver, munkresSolver } from '../rivals/solvers.js'
import { createTensorFlowLoss } from '../rivals/tensorflow-loss.js'

/**
 * @typedef {import('../rivals/plain-js-loss.js').Gradients} Gradients
 *
 * @typedef {object} Answer
 * @property {number} [loss]
 * @property {Partial<import('../rivals/plain-js-loss.js').Terms>[]} layers terms of each, unweighted
 * @property {Int32Array[][]} [matches] for each layer and image the query of each target, or −1
 * @property {Partial<Gradients>} [gradients]
 *
 * @typedef {object} LossContender
 * @property {string} name
 * @property {boolean} isRival
 * @property {boolean} [isFloor] whether it does nothing but the one pass that no implementation can do without
 * @property {'float64' | 'float32'} precision in which it sums
 * @property {() => number} [step]
 * @property {(limits: object) => number[] | Promise<number[]>} [sample] seconds for one call, several times
 * @property {() => Answer | Promise<Answer>} result
 * @property {() => void} [close]
 */

/** The contender that does less than the others. */
export const NO_GRADIENTS = 'ours, no gradients'

const CLASS_TERMS = { softmax: softmaxTerm, focal: focalTerm }

/**
 * Our criterion for inputs.
 * @param {{ classification: 'softmax' | 'focal', classes: number }} inputs
 * @param {number} threads
 */
function criterionFor({ classification, classes }, threads) {
  return classification === 'softmax'
    ? HungarianLoss.detr({ numClasses: classes - 1, threads })
    : HungarianLoss.deformableDetr({ numClasses: classes, threads })
}

/**
 * The contenders that run in this process, ours first. What each `step` reads of a result is what a training step needs.
 * @param {import('../inputs.js').Inputs} inputs
 * @returns {LossContender[]}
 */
export function lossContenders(inputs) {
  return [
    ours(inputs),
    ours(inputs, 'ours, new arrays', {}),
    ours(inputs, NO_GRADIENTS, { gradients: false }),
    ...(threadCount() > 1 ? [ours(inputs, `ours, ${threadCount()} threads`, undefined, threadCount())] : []),
    plainJs(inputs, 'JS + munkres', munkresSolver()),
    plainJs(inputs, 'JS + linear-sum-assignment', linearSumAssignmentSolver()),
    plainJs(inputs),
    tensorFlow(inputs),
  ]
}

/**
 * What answers are compared with: the plain loss, which sums in float64 and shares nothing with ours.
 * @param {import('../inputs.js').Inputs} inputs
 * @returns {import('../rivals/plain-js-loss.js').Result}
 */
export function yardstick({ classification, outputs, targets }) {
  return createPlainLoss(augmentingPathSolver(), CLASS_TERMS[classification]())(outputs, targets)
}

/**
 * Ours; unless it is told otherwise, with gradient arrays that are reused and in one thread.
 * @param {import('../inputs.js').Inputs} inputs
 * @param {string} [name]
 * @param {import('hungarian-loss').CallOptions} [call]
 * @param {number} [threads]
 * @returns {LossContender}
 */
export function ours(inputs, name = 'ours', call = { out: gradientsLike(inputs.outputs) }, threads = 1) {
  const { outputs, targets } = inputs
  const criterion = criterionFor(inputs, threads)
  const compute = () => criterion.compute(outputs, targets, call)
  const result = () => {
    const { loss, layers, gradients } = compute()
    const matches = layers.map((layer) => layer.matches.map((match, i) => queryOfTarget(match, targets[i])))
    const terms = layers.map(({ terms }) => ({ class: terms.class, l1: terms.l1, giou: terms.giou }))
    return { loss, layers: terms, matches, gradients }
  }
  return { name, isRival: false, precision: 'float64', step: () => readOurs(compute()), result }
}

/**
 * Plain JavaScript.
 * @param {import('../inputs.js').Inputs} inputs
 * @param {string} [name]
 * @param {import('../rivals/solvers.js').Solver} [solver]
 * @returns {LossContender}
 */
export function plainJs(inputs, name = 'JS + augmenting paths', solver = augmentingPathSolver()) {
  const { classification, outputs, targets } = inputs
  const compute = createPlainLoss(solver, CLASS_TERMS[classification]())
  const out = gradientsLike(outputs)
  const result = () => compute(outputs, targets, out)
  return { name, isRival: true, precision: 'float64', step: () => readPlain(result()), result }
}

/** @returns {LossContender} */
function tensorFlow(inputs) {
  const rival = createTensorFlowLoss(inputs, munkresSolver())
  return { name: 'TensorFlow.js', isRival: true, precision: 'float32', ...rival }
}

function gradientsLike({ logits, boxes }) {
  return { logits: new Float32Array(logits.data.length), boxes: new Float32Array(boxes.data.length) }
}

/** What a training step reads. */
function readOurs({ loss, terms, gradients }) {
  return loss + terms.class + (gradients === undefined ? 0 : gradients.logits[0] + gradients.boxes[0])
}

function readPlain({ loss, layers, gradients }) {
  return loss + layers.at(-1).class + gradients.logits[0] + gradients.boxes[0]
}

function queryOfTarget({ queryIndices, targetIndices }, { labels }) {
  const queries = new Int32Array(labels.length).fill(-1)
  targetIndices.forEach((target, i) => (queries[target] = queryIndices[i]))
  return queries
}
