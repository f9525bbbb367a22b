/** What competes for masks in this process. */
import { threadCount } from 'hungarian-loss'
import { createPlainMasks } from '../rivals/plain-js-masks.js'
import { augmentingPathSolver } from '../rivals/solvers.js'
import { ours } from './ours.js'

/** @typedef {import('../loss/contenders.js').LossContender} LossContender */

/**
 * The contenders that run in this process, ours first.
 * @param {import('./inputs.js').Inputs} inputs
 * @returns {LossContender[]}
 */
export function maskContenders(inputs) {
  const threads = threadCount()
  return [ours(inputs), ...(threads > 1 ? [ours(inputs, `ours, ${threads} threads`, threads)] : []), plainJs(inputs)]
}

/**
 * What answers are compared with: plain JavaScript, which sums in float64 and shares nothing with ours.
 * @param {import('./inputs.js').Inputs} inputs
 * @param {import('../rivals/plain-js-masks.js').Observer} [observer]
 * @returns {import('../loss/contenders.js').Answer}
 */
export function yardstick(inputs, observer) {
  return answerOf(inputs, createPlainMasks(inputs, augmentingPathSolver()), observer)
}

/** @returns {LossContender} */
function plainJs(inputs) {
  const rival = createPlainMasks(inputs, augmentingPathSolver())
  const step = inputs.criterion === 'mask2Former' ? () => rival.match().matches[0][0][0] : () => read(rival.compute())
  return { name: 'JS', isRival: true, precision: 'float64', step, result: () => answerOf(inputs, rival) }
}

function answerOf({ criterion }, rival, observer) {
  return criterion === 'mask2Former' ? { layers: [], ...rival.match(observer) } : rival.compute(observer)
}

/** What a training step reads. */
function read({ loss, layers, gradients }) {
  return loss + layers.at(-1).class + gradients.logits[0] + gradients.boxes[0]
}
