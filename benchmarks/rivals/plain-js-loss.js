/**
 * The loss with its gradients in plain JavaScript, as a careful author would write it: typed arrays, scratch memory
 * that is kept from call to call, one exponential for each logit, and images one by one, so that what one stage writes
 * is still in the cache for the next.
 *
 * Definitions are those of `HungarianLoss.detr` or `HungarianLoss.deformableDetr`, by the class term. Cost: class cost
 * + 5 · L1 − 2 · GIoU. Loss: class term + 5 · L1 + 2 · (1 − GIoU), the latter two summed over matched pairs and divided by
 * the number of targets, at least 1. Only the checks of the input are missing.
 */
import { addGiou, giou } from './boxes.js'

/** In the cost and in the loss alike. */
const [L1, GIOU] = [5, 2]

/**
 * @typedef {import('../inputs.js').Outputs} Outputs
 * @typedef {import('../inputs.js').Target} Target
 * @typedef {{ logits: Float32Array, boxes: Float32Array }} Gradients in the layout of the inputs
 * @typedef {{ class: number, l1: number, giou: number }} Terms unweighted
 * @typedef {object} Result
 * @property {number} loss sum over all layers of weight × term
 * @property {Terms[]} layers the terms of each
 * @property {Int32Array[][]} matches for each layer and image the query of each target, or −1
 * @property {Gradients} gradients of `loss`
 */

/**
 * A loss that solves its assignments with `solve`.
 * @param {import('./solvers.js').Solver} solve
 * @param {import('./class-terms.js').ClassTerm} classTerm its own, not shared
 * @returns {(outputs: Outputs, targets: Target[], out?: Gradients) => Result} `out` is overwritten; new arrays otherwise
 */
export function createPlainLoss(solve, classTerm) {
  let targetOfQuery = new Int32Array(0)
  /** Of one image, `[targets, queries]`. */
  let cost = new Float64Array(0)

  return function compute(outputs, targets, out) {
    const [logits, boxes] = [outputs.logits.data, outputs.boxes.data]
    const [images, queries, classes] = outputs.logits.shape.slice(-3)
    const layers = logits.length / (images * queries * classes)
    const gradients = out ?? { logits: new Float32Array(logits.length), boxes: new Float32Array(boxes.length) }
    if (out !== undefined) out.boxes.fill(0)

    let [total, matched, most] = [0, 0, 0]
    for (const { labels } of targets) {
      total += labels.length
      matched += Math.min(labels.length, queries)
      most = Math.max(most, labels.length)
    }
    if (targetOfQuery.length < queries) targetOfQuery = new Int32Array(queries)
    if (cost.length < most * queries) cost = new Float64Array(most * queries)

    // all divisors follow from the counts, so that gradients can be final as soon as an image is matched
    const numBoxes = Math.max(1, total)
    const divisor = classTerm.divisor({ queries: images * queries, matched, targets: total })
    const scale = classTerm.lossWeight / divisor

    const matches = []
    const layerTerms = []
    let loss = 0
    for (let layer = 0; layer < layers; layer++) {
      const layerMatches = []
      const sums = { class: 0, l1: 0, giou: 0 }
      for (let image = 0; image < images; image++) {
        const target = targets[image]
        const firstQuery = (layer * images + image) * queries
        const firstLogit = firstQuery * classes
        const firstBox = firstQuery * 4
        classTerm.read(logits, gradients.logits, firstLogit, queries, classes, scale)
        target.labels.forEach((label, t) =>
          classTerm.fillCost(logits, gradients.logits, firstLogit, queries, classes, label, cost, t * queries),
        )
        addBoxCost(boxes, firstBox, queries, target.boxes, target.labels.length, cost)
        const queryOfTarget = solve(cost, target.labels.length, queries)
        targetOfQuery.fill(-1)
        for (let t = 0; t < queryOfTarget.length; t++) if (queryOfTarget[t] >= 0) targetOfQuery[queryOfTarget[t]] = t
        sums.class += classTerm.add(
          logits,
          gradients.logits,
          firstLogit,
          queries,
          classes,
          targetOfQuery,
          target.labels,
          scale,
        )
        addBoxes(boxes, gradients.boxes, firstBox, queryOfTarget, target.boxes, numBoxes, sums)
        layerMatches.push(queryOfTarget)
      }
      const terms = { class: sums.class / divisor, l1: sums.l1 / numBoxes, giou: sums.giou / numBoxes }
      loss += classTerm.lossWeight * terms.class + L1 * terms.l1 + GIOU * terms.giou
      layerTerms.push(terms)
      matches.push(layerMatches)
    }
    return { loss, layers: layerTerms, matches, gradients }
  }
}

/** Adds the boxes' share to the matching cost of each target and query of one image, `cost[target * queries + query]`. */
export function addBoxCost(boxes, firstBox, queries, targetBoxes, targets, cost) {
  for (let t = 0, at = 0; t < targets; t++) {
    const cx = targetBoxes[4 * t]
    const cy = targetBoxes[4 * t + 1]
    const w = targetBoxes[4 * t + 2]
    const h = targetBoxes[4 * t + 3]
    const left = cx - w / 2
    const top = cy - h / 2
    const right = cx + w / 2
    const bottom = cy + h / 2
    let p = firstBox
    for (let query = 0; query < queries; query++, p += 4, at++) {
      const x = boxes[p]
      const y = boxes[p + 1]
      const width = boxes[p + 2]
      const height = boxes[p + 3]
      const l1 = Math.abs(x - cx) + Math.abs(y - cy) + Math.abs(width - w) + Math.abs(height - h)
      const overlap = giou(x - width / 2, y - height / 2, x + width / 2, y + height / 2, left, top, right, bottom)
      cost[at] += L1 * l1 - GIOU * overlap
    }
  }
}

/** Adds L1 and 1 − GIoU of the matched pairs of one image to `sums`, and their gradients to `gradient`. */
export function addBoxes(boxes, gradient, firstBox, queryOfTarget, targetBoxes, numBoxes, sums) {
  for (let target = 0; target < queryOfTarget.length; target++) {
    if (queryOfTarget[target] < 0) continue
    const p = firstBox + 4 * queryOfTarget[target]
    for (let k = 0; k < 4; k++) {
      const difference = boxes[p + k] - targetBoxes[4 * target + k]
      sums.l1 += Math.abs(difference)
      gradient[p + k] += (L1 * Math.sign(difference)) / numBoxes
    }
    sums.giou += addGiou(boxes, p, targetBoxes, 4 * target, gradient, GIOU / numBoxes)
  }
}
