/**
 * What competes for the loss. A contender has `step`, which is timed, and `result`, which is compared with the others'
 * before that.
 */
import { HungarianLoss } from 'hungarian-loss'
import { createPlainLoss } from './rivals/plain-js-loss.js'
import { augmentingPathSolver, munkresSolver } from './rivals/solvers.js'

/**
 * @typedef {import('./rivals/plain-js-loss.js').Gradients} Gradients
 * @typedef {import('./rivals/plain-js-loss.js').Terms} Terms
 *
 * @typedef {object} Outcome
 * @property {number} loss
 * @property {Terms} terms
 * @property {Int32Array[][]} matches for each layer and image the query of each target, or −1
 * @property {Gradients | undefined} gradients
 *
 * @typedef {{ name: string, step: () => number, result: () => Outcome }} LossContender
 */

/**
 * The contenders for a loss, ours first. What each `step` reads of a result is what a training step needs.
 * @param {import('./inputs.js').Inputs} inputs
 * @returns {LossContender[]}
 */
export function lossContenders({ outputs, targets, classes }) {
  const criterion = HungarianLoss.detr({ numClasses: classes - 1, threads: 1 })
  const ours = (name, call) => {
    const compute = () => criterion.compute(outputs, targets, call)
    const result = () => {
      const { loss, terms, layers, gradients } = compute()
      const matches = layers.map((layer) => layer.matches.map((match, i) => queryOfTarget(match, targets[i])))
      return { loss, terms, matches, gradients }
    }
    return { name, step: () => readStep(compute()), result }
  }
  const plain = (name, solver) => {
    const compute = createPlainLoss(solver)
    const out = gradientsLike(outputs)
    const result = () => compute(outputs, targets, out)
    return { name, step: () => readStep(result()), result }
  }
  return [
    ours('ours, `out` reused', { out: gradientsLike(outputs) }),
    ours('ours, new gradient arrays', {}),
    ours('ours, without gradients', { gradients: false }),
    plain('plain JS + munkres', munkresSolver()),
    plain('plain JS + augmenting paths', augmentingPathSolver()),
  ]
}

function gradientsLike({ logits, boxes }) {
  return { logits: new Float32Array(logits.data.length), boxes: new Float32Array(boxes.data.length) }
}

function readStep({ loss, terms, gradients }) {
  return loss + terms.class + (gradients === undefined ? 0 : gradients.logits[0] + gradients.boxes[0])
}

function queryOfTarget({ queryIndices, targetIndices }, { labels }) {
  const queries = new Int32Array(labels.length).fill(-1)
  targetIndices.forEach((target, i) => (queries[target] = queryIndices[i]))
  return queries
}
