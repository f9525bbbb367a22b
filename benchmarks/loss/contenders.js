/**
 * What competes for the loss. A contender has `result`, which is compared first, and `step`, which is timed; or, where it
 * runs in another process, `sample`.
 */
import { threadCount } from 'hungarian-loss'
import { focalTerm, softmaxTerm } from '../rivals/class-terms.js'
import { createPlainLoss } from '../rivals/plain-js-loss.js'
import { augmentingPathSolver, munkresSolver } from '../rivals/solvers.js'
import { createTensorFlowLoss } from '../rivals/tensorflow-loss.js'
import { gradientsLike, ours } from './ours.js'

/**
 * @typedef {import('../rivals/plain-js-loss.js').Gradients} Gradients
 *
 * @typedef {object} Answer
 * @property {number} [loss]
 * @property {Partial<import('../rivals/plain-js-loss.js').Terms>[]} layers terms of each, unweighted
 * @property {Int32Array[][]} [matches] for each layer and image the query of each target, or −1
 * @property {Partial<Gradients>} [gradients]
 * @property {Float32Array} [costs] of the matching, where that is all that is asked for
 *
 * @typedef {object} LossContender
 * @property {string} name
 * @property {boolean} isRival
 * @property {boolean} [isFloor] whether it does nothing but the one pass that no implementation can do without
 * @property {'float64' | 'float32'} precision in which it sums
 * @property {() => number} [step]
 * @property {(limits: object) => number[] | Promise<number[]>} [sample] seconds for one call, several times
 * @property {() => Answer | Promise<Answer>} result
 * @property {(answer: any) => string | undefined} [findFault] where its result is not an answer: what is wrong with it
 * @property {() => void} [close]
 */

const CLASS_TERMS = { softmax: softmaxTerm, focal: focalTerm }

/**
 * The contenders that run in this process, ours first.
 * @param {import('../inputs.js').Inputs} inputs
 * @returns {LossContender[]}
 */
export function lossContenders(inputs) {
  return [
    ours(inputs),
    ours(inputs, 'ours, new arrays', {}),
    ...(threadCount() > 1 ? [ours(inputs, `ours, ${threadCount()} threads`, undefined, threadCount())] : []),
    plainJs(inputs, 'JS + munkres', munkresSolver()),
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

/** What a training step reads. */
function readPlain({ loss, layers, gradients }) {
  return loss + layers.at(-1).class + gradients.logits[0] + gradients.boxes[0]
}
