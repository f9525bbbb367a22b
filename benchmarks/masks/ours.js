/** Ours, as it competes for masks. */
import { HungarianLoss } from 'hungarian-loss'
import { CRITERIA } from './inputs.js'

/** What has a gradient. */
const WRITTEN = ['logits', 'boxes', 'masks', 'maskFeatures', 'maskQueries', 'maskBias']

/**
 * Ours: the matching of Mask2Former, the loss of all others, with gradient arrays that are reused. What `step` reads of a
 * result is what a training step needs.
 * @param {import('./inputs.js').Inputs} inputs
 * @param {string} [name]
 * @param {number} [threads]
 * @returns {import('../loss/contenders.js').LossContender}
 */
export function ours(inputs, name = 'ours', threads = 1) {
  const { criterion: kind, classes, outputs, targets } = inputs
  const criterion = HungarianLoss[kind]({ numClasses: CRITERIA[kind].hasNoObject ? classes - 1 : classes, threads })
  const own = CRITERIA[kind].hasBoxes ? targets : targets.map(({ labels, masks }) => ({ labels, masks }))
  const contender = { name, isRival: false, precision: 'float64' }
  if (kind === 'mask2Former') {
    return {
      ...contender,
      step: () => criterion.match(outputs, own).layers[0].matches[0].queryIndices[0],
      result: () => ({
        layers: [],
        matches: matchesOf(criterion.match(outputs, own), targets),
        costs: costsOf(criterion.cost(outputs, own)),
      }),
    }
  }
  const written = WRITTEN.filter((field) => outputs[field] !== undefined)
  const out = Object.fromEntries(written.map((field) => [field, new Float32Array(outputs[field].data.length)]))
  const compute = () => criterion.compute(outputs, own, { out })
  return {
    ...contender,
    step: () => read(compute()),
    result() {
      const result = compute()
      return {
        loss: result.loss,
        layers: result.layers.map(({ terms }) => ({ ...terms })),
        matches: matchesOf(result, targets),
        gradients: result.gradients,
      }
    },
  }
}

function read({ loss, terms, gradients }) {
  return loss + terms.class + gradients.logits[0] + gradients.boxes[0]
}

function matchesOf({ layers }, targets) {
  return layers.map(({ matches }) =>
    matches.map(({ queryIndices, targetIndices }, image) => {
      const queries = new Int32Array(targets[image].labels.length).fill(-1)
      targetIndices.forEach((target, i) => (queries[target] = queryIndices[i]))
      return queries
    }),
  )
}

/** Of each layer and image, `[targets, queries]`. */
function costsOf({ layers }) {
  return Float32Array.from(
    layers.flatMap(({ images }) =>
      images.flatMap(({ data, shape: [queries, count] }) =>
        Array.from({ length: count * queries }, (_, i) => data[(i % queries) * count + Math.floor(i / queries)]),
      ),
    ),
  )
}
