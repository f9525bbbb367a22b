/**
 * What competes. A contender of the loss has `step`, which is timed, and `result`, which is compared with the others'
 * before that; a contender of the assignment has `step` and `totals`.
 */
import { HungarianLoss, linearSumAssignment } from 'hungarian-loss'
import { munkres } from 'munkres'
import { createPlainLoss } from './rivals/plain-js-loss.js'
import { augmentingPathSolver, munkresSolver, transpose } from './rivals/solvers.js'

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
 * @typedef {{ name: string, step: () => number, totals: () => number[] }} AssignmentContender
 */

/**
 * The contenders for a loss, ours first. What each `step` reads of a result is what a training step needs.
 * @param {import('./inputs.js').Inputs} inputs
 * @returns {LossContender[]}
 */
export function lossContenders({ outputs, targets, classes }) {
  const criterion = HungarianLoss.detr({ numClasses: classes - 1 })
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

/**
 * The contenders for the assignment alone, ours first. Each `step` solves the next matrix in turn. All matrices lie ready
 * in the form that the contender likes best: for those in JavaScript that means no more rows than columns.
 * @param {{ rows: number, columns: number, matrices: Float64Array[] }} problem
 * @returns {AssignmentContender[]}
 */
export function assignmentContenders({ rows, columns, matrices }) {
  const short = Math.min(rows, columns)
  const long = Math.max(rows, columns)
  const wide = rows <= columns ? matrices : matrices.map((cost) => transpose(cost, rows, columns))
  const tensors = matrices.map((data) => ({ data, shape: [rows, columns] }))
  const views = wide.map((cost) =>
    Array.from({ length: short }, (_, row) => cost.subarray(row * long, (row + 1) * long)),
  )
  const totalOf = (columnOfRow, cost) => columnOfRow.reduce((sum, column, row) => sum + cost[row * long + column], 0)
  const augment = augmentingPathSolver()
  return [
    {
      name: '`linearSumAssignment`',
      step: inTurn(tensors, (tensor) => linearSumAssignment(tensor).total),
      totals: () => tensors.map((tensor) => linearSumAssignment(tensor).total),
    },
    {
      name: 'munkres',
      step: inTurn(views, (view) => munkres(view).length),
      totals: () => views.map((view, i) => totalOf(munkres(view).map(([, column]) => column), wide[i])),
    },
    {
      name: 'augmenting paths in plain JS',
      step: inTurn(wide, (cost) => augment(cost, short, long).length),
      totals: () => wide.map((cost) => totalOf([...augment(cost, short, long)], cost)),
    },
  ]
}

/** A function that applies `solve` to the next item at each call, round and round. */
function inTurn(items, solve) {
  let next = 0
  return () => {
    if (next === items.length) next = 0
    return solve(items[next++])
  }
}
