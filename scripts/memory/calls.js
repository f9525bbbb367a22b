/**
 * Calls of every export, sound and refused ones, on and off the event loop, for tools that watch memory.
 *
 * Usage: node scripts/memory/calls.js [times]
 */
import { DetectionEvaluator, formatSummary, precisionRecall } from '../../dist/evaluate.js'
import {
  HungarianLoss,
  combineNormalizers,
  linearSumAssignment,
  linearSumAssignmentAsync,
  linearSumAssignmentBatch,
  verifyAssignment,
} from '../../dist/index.js'

const times = Number(process.argv[2] ?? 1000)

let state = 1
const unit = () => (state = (state * 48271) % 2147483647) / 2147483647
const below = (n) => Math.floor(unit() * n)
const tensor = (...shape) => ({
  data: Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, unit),
  shape,
})

const detr = HungarianLoss.detr({ numClasses: 4 })
const dFine = HungarianLoss.dFine({ numClasses: 4, distribution: { regMax: 4 } })

function batch(images) {
  const queries = 1 + below(9)
  const layer = () => ({ logits: tensor(images, queries, 5), boxes: tensor(images, queries, 4) })
  const targets = Array.from({ length: images }, () => {
    const count = below(5)
    return {
      labels: Array.from({ length: count }, () => below(4)),
      boxes: Array.from({ length: count }, () => [0.5, 0.5, 0.1 + 0.2 * unit(), 0.1 + 0.2 * unit()]),
    }
  })
  return [{ ...layer(), auxiliary: [layer(), layer()], encoder: layer() }, targets]
}

/** The same for sigmoid kinds, with the distributions of the edges. */
function withCorners(images) {
  const [{ boxes }, targets] = batch(images)
  const [, queries] = boxes.shape
  const layer = () => ({
    logits: tensor(images, queries, 4),
    boxes: tensor(images, queries, 4),
    corners: tensor(images, queries, 20),
    references: tensor(images, queries, 4),
  })
  return [{ ...layer(), auxiliary: [layer()] }, targets]
}

/** What a call refuses is part of the work: its error is dropped, unless it is a fault of the package's own. */
async function refused(call) {
  try {
    await call()
  } catch (error) {
    if (error.code === undefined || error.code === 'INTERNAL') throw error
    return
  }
  throw new Error('it was to be refused')
}

async function losses(round) {
  const images = 1 + below(3)
  const [outputs, targets] = batch(images)
  const { normalizers } = detr.compute(outputs, targets)
  detr.match(outputs, targets)
  detr.cost(outputs, targets)
  detr.compute(outputs, targets, { gradients: false, ...combineNormalizers([normalizers, normalizers]) })
  dFine.compute(...withCorners(images))
  await detr.computeAsync(outputs, targets)
  await detr.computeAsync(...batch(2), { transfer: true })
  await refused(() => detr.compute({ ...outputs, logits: tensor(images, 12, 5) }, targets))
  await refused(() => detr.computeAsync(outputs, [...targets, ...targets]))
  const [broken] = batch(images)
  broken.logits.data[0] = NaN
  await refused(() => detr.compute(broken, targets))
  if (round % 8 === 0) {
    const controller = new AbortController()
    const aborted = detr.computeAsync(...batch(3), { signal: controller.signal })
    controller.abort()
    await aborted.catch(() => {})
  }
}

async function assignments() {
  const cost = tensor(1 + below(12), 1 + below(12))
  const proof = linearSumAssignment(cost, { duals: true, maximize: unit() < 0.5, partial: true })
  verifyAssignment(cost, proof)
  await linearSumAssignmentAsync({ data: Float64Array.from(cost.data), shape: cost.shape })
  const shapes = [cost.shape, [2, 3], [0, 4]]
  linearSumAssignmentBatch({ data: [...cost.data, 1, 2, 3, 4, 5, Infinity], shapes }, { duals: true })
  const sparse = { values: [1, 2, 3], columnIndices: [0, 1, 0], rowStarts: [0, 2, 3], shape: [2, 2] }
  verifyAssignment(sparse, linearSumAssignment(sparse, { duals: true }))
  await linearSumAssignmentAsync(sparse, { costLimit: 2 })
  await refused(() => linearSumAssignment({ ...sparse, columnIndices: [0, 7, 0] }))
  await refused(() => linearSumAssignment([[NaN]]))
  await refused(() => linearSumAssignment([[Infinity, Infinity], [Infinity, 1]])) // prettier-ignore
}

async function evaluations() {
  const boxes = (count) => Float64Array.from({ length: 4 * count }, () => below(8))
  const labels = (count) => Int32Array.from({ length: count }, () => below(4))
  const image = () => {
    const [found, there] = [below(30), below(20)]
    const detection = { boxes: boxes(found), scores: Float64Array.from({ length: found }, unit), labels: labels(found) }
    return [[detection], [{ boxes: boxes(there), labels: labels(there) }]]
  }
  const options = { numClasses: 4, boxFormat: 'xywh', iouThresholds: [0.5, 0.75], recallThresholds: [0, 0.5, 1] }
  const evaluator = new DetectionEvaluator(options).add(...image()).add(...image())
  evaluator.merge(new DetectionEvaluator(options).add(...image()).state())
  const result = evaluator.result()
  formatSummary(result)
  precisionRecall(result)
  await evaluator.resultAsync()
  await refused(() => evaluator.add([{ boxes: [NaN, 0, 1, 1], scores: [1], labels: [0] }], [{ boxes: [], labels: [] }]))
  const controller = new AbortController()
  const aborted = evaluator.resultAsync({ signal: controller.signal })
  controller.abort()
  await aborted.catch(() => {})
}

for (let round = 0; round < times; round++) {
  await losses(round)
  await evaluations()
  await assignments()
}
// Node.js frees what handles hold in later turns of the event loop
for (let turn = 0; turn < 4; turn++) {
  globalThis.gc?.()
  await new Promise((resolve) => setImmediate(resolve))
}
console.log(`${times} rounds of calls made`)
