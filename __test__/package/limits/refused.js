/**
 * Makes large inputs, has the system refuse any more memory than the megabytes of the first argument, and then calls
 * everything. Prints, as JSON, how each call ended: `right`, or the error's code and argument. See `limits.spec.ts`.
 */
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import * as tf from '@tensorflow/tfjs-core'
import '@tensorflow/tfjs-backend-cpu'
import { DetectionEvaluator } from '../../../dist/evaluate.js'
import { combineNormalizers, HungarianLoss, inspectBatch, linearSumAssignment } from '../../../dist/index.js'
import { linearSumAssignmentAsync, linearSumAssignmentBatch, verifyAssignment } from '../../../dist/index.js'
import { hungarianLoss, lossGradients } from '../../../dist/tfjs.js'

const PAGE = 4096
const criterion = HungarianLoss.detr({ numClasses: 1 })

/** Ones, but zeros from the upper left corner to the lower right. */
function matrix(Numbers, rows, columns) {
  const data = new Numbers(rows * columns).fill(1)
  for (let k = 0; k < Math.min(rows, columns); k++) data[k * columns + k] = 0
  return { data, shape: [rows, columns] }
}

/** As many queries as targets, each on its own, in one image. */
function batch(count) {
  const boxes = new Float32Array(4 * count).fill(0.1)
  for (let k = 0; k < count; k++) boxes[4 * k] = 0.1 + (0.8 * k) / count
  const outputs = {
    logits: { data: new Float32Array(2 * count), shape: [1, count, 2] },
    boxes: { data: boxes, shape: [1, count, 4] },
  }
  return [outputs, [{ labels: new Int32Array(count), boxes: boxes.slice() }]]
}

function diagonal(cells) {
  const indices = Int32Array.from({ length: cells }, (_, k) => k)
  return { values: new Float64Array(cells), rowIndices: indices, columnIndices: indices.slice(), shape: [cells, cells] }
}

const [wide, double, tall] = [
  matrix(Float32Array, 3000, 4000),
  matrix(Float64Array, 3000, 3000),
  matrix(Float32Array, 4000, 3000),
]
const long = matrix(Float64Array, 1, 3_000_000)
const proof = linearSumAssignment(long, { duals: true })
const sparse = diagonal(1_500_000)
const sparseProof = linearSumAssignment(diagonal(1000), { duals: true })
const [outputs, targets] = batch(4500)
const wideOutputs = {
  logits: { data: new Float32Array(100 * 2 * 100_000), shape: [1, 100, 200_000] },
  boxes: { data: new Float32Array(400).fill(0.1), shape: [1, 100, 4] },
}
const wideCriterion = HungarianLoss.detr({ numClasses: 199_999 })
/** Costs whose digits are lost beside those of the first row. */
function lost(side) {
  const data = Float64Array.from(
    { length: side * side },
    (_, k) => (k < side ? 1e17 : 0) + ((k * 0.6180339887498949) % 1),
  )
  return { data, shape: [side, side] }
}

/** All cells of a matrix. */
function listed({ data, shape }) {
  const place = (of) => Int32Array.from(data, (_, k) => of(k))
  return {
    values: data,
    rowIndices: place((k) => Math.floor(k / shape[1])),
    columnIndices: place((k) => k % shape[1]),
    shape,
  }
}

const [lostCosts, fewLostCosts] = [lost(1000), lost(500)]
const listedCosts = listed(fewLostCosts)
const [fewOutputs, fewTargets] = batch(2800)
const added = { ...fewOutputs, cost: [{ data: new Float32Array(2800 ** 2).fill(1), shape: [2800, 2800] }] }
const manyLabels = { labels: [Int32Array.from({ length: 150_000 }, (_, k) => k)], boxes: [[0.1, 0.1, 0.1, 0.1]] }
const severalCriterion = HungarianLoss.deformableDetr({ numClasses: 200_000 })
const edges = {
  logits: { data: new Float32Array(20_000 * 2), shape: [1, 20_000, 2] },
  boxes: { data: new Float32Array(80_000).fill(0.1), shape: [1, 20_000, 4] },
  corners: { data: new Float32Array(20_000 * 4 * 33), shape: [1, 20_000, 132] },
  references: { data: new Float32Array(80_000).fill(0.1), shape: [1, 20_000, 4] },
}
const edgesCriterion = HungarianLoss.dFine({ numClasses: 2 })
const edgesTargets = [{ labels: [0], boxes: [[0.1, 0.1, 0.1, 0.1]] }]
tf.env().set('PROD', true)
const tensorsOf = ({ logits, boxes }) => ({
  logits: tf.tensor(logits.data, logits.shape),
  boxes: tf.tensor(boxes.data, boxes.shape),
})
const tensors = tensorsOf(outputs)
const lossOf = hungarianLoss(tf, criterion)
const { normalizers } = criterion.match(...batch(10))
const manyNormalizers = Array.from({ length: 1000 }, () => normalizers)
/** As many images, each with one target and a detection that finds it. */
function evaluatorOf(images) {
  const image = { boxes: [0, 0, 10, 10], labels: [0] }
  const found = { ...image, scores: [0.5] }
  const evaluator = new DetectionEvaluator({ numClasses: 1, boxFormat: 'xywh' })
  const all = (entry) => Array.from({ length: images }, () => entry)
  return evaluator.add(all(found), all(image))
}
const manyImages = evaluatorOf(400_000)
const manyClasses = new DetectionEvaluator({ numClasses: 8000, boxFormat: 'xywh' })
const nothing = { data: new Float64Array(0), shape: [0, 2 ** 31 - 1] }
const none = { data: new Float64Array(0), shape: [2 ** 31 - 1, 0] }
const unlisted = { values: [], rowIndices: [], columnIndices: [], shape: [0, 2 ** 31 - 1] }
const maximize = { maximize: true }

const sum = (total) => (assignment) => assignment.total === total
const finite = ({ loss }) => Number.isFinite(loss)

const calls = {
  'dense f32': [() => linearSumAssignment(wide), sum(0)],
  'dense f64': [() => linearSumAssignment(double), sum(0)],
  'dense list': [
    () => linearSumAssignment({ ...double, data: Array.from({ length: 9 }, () => 1), shape: [3, 3] }),
    sum(3),
  ],
  'maximize f32': [() => linearSumAssignment(wide, maximize), sum(3000)],
  'maximize f64': [() => linearSumAssignment(double, maximize), sum(3000)],
  tall: [() => linearSumAssignment(tall), sum(0)],
  'tall, maximize': [() => linearSumAssignment(tall, maximize), sum(3000)],
  partial: [() => linearSumAssignment(tall, { partial: true }), sum(0)],
  limited: [() => linearSumAssignment(tall, { costLimit: 0.5 }), sum(0)],
  long: [() => linearSumAssignment(long, { duals: true }), sum(0)],
  async: [() => linearSumAssignmentAsync(wide), sum(0)],
  'async, maximize': [() => linearSumAssignmentAsync(double, maximize), sum(3000)],
  'async, tall': [() => linearSumAssignmentAsync(tall, { duals: true }), sum(0)],
  'async, many': [
    async () => {
      const ends = await Promise.allSettled(
        Array.from({ length: 12 }, () => linearSumAssignmentAsync(double, maximize)),
      )
      return ends.filter(({ status, reason }) => status === 'rejected' && reason.code !== 'MEMORY')
    },
    ({ length }) => length === 0,
  ],
  batch: [() => linearSumAssignmentBatch({ data: tall.data, shapes: [tall.shape] }, maximize)[0], sum(3000)],
  sparse: [() => linearSumAssignment(sparse, { duals: true }), sum(0)],
  'sparse, async': [() => linearSumAssignmentAsync(sparse), sum(0)],
  verify: [() => verifyAssignment(long, proof), ({ optimal }) => optimal],
  'verify, sparse': [() => verifyAssignment(diagonal(1000), sparseProof), ({ optimal }) => optimal],
  compute: [() => criterion.compute(outputs, targets), finite],
  computeAsync: [() => criterion.computeAsync(outputs, targets), finite],
  'computeAsync, wide': [
    () => wideCriterion.computeAsync(wideOutputs, [{ labels: [0], boxes: [[0.1, 0.1, 0.1, 0.1]] }]),
    finite,
  ],
  match: [() => criterion.match(outputs, targets), ({ matches }) => matches[0].queryIndices.length === 4500],
  cost: [() => criterion.cost(outputs, targets), ({ images }) => images[0].data.length === 4500 ** 2],
  'lost digits': [() => linearSumAssignment(lostCosts), ({ total }) => total >= 1e17],
  'lost digits, async': [() => linearSumAssignmentAsync(lostCosts), ({ total }) => total >= 1e17],
  'lost digits, listed': [() => linearSumAssignment(listedCosts), ({ total }) => total >= 1e17],
  'compute, added costs': [() => criterion.compute(added, fewTargets), finite],
  'computeAsync, added costs': [() => criterion.computeAsync(added, fewTargets), finite],
  'compute, many labels': [() => severalCriterion.compute(wideOutputs, [manyLabels]), finite],
  'computeAsync, many labels': [() => severalCriterion.computeAsync(wideOutputs, [manyLabels]), finite],
  'compute, corners': [() => edgesCriterion.compute(edges, edgesTargets), finite],
  'computeAsync, corners': [() => edgesCriterion.computeAsync(edges, edgesTargets), finite],
  evaluate: [() => manyImages.result(), ({ targets }) => targets === 400_000],
  'evaluate, async': [() => manyImages.resultAsync(), ({ targets }) => targets === 400_000],
  'evaluate, many classes': [() => manyClasses.result(), ({ perClass }) => perClass.length === 8000],
  'evaluate, state': [() => manyImages.state(), ({ images }) => images === 400_000],
  'evaluate, few': [() => evaluatorOf(10).result(), ({ targets }) => targets === 10],
  criterion: [() => HungarianLoss.detr({ numClasses: 16_777_215 }), ({ options }) => options.numClasses === 16_777_215],
  inspect: [() => inspectBatch(outputs, targets, criterion), Array.isArray],
  combine: [() => combineNormalizers(manyNormalizers), ({ numBoxes }) => numBoxes > 0],
  tensors: [() => lossOf(tensors, targets).dataSync()[0], Number.isFinite],
  'tensors, gradients': [() => lossGradients(criterion, tensors, targets), finite],
  'no rows': [() => linearSumAssignment(nothing), sum(0)],
  'no columns': [() => linearSumAssignment(none), sum(0)],
  'no rows, duals': [() => linearSumAssignment(nothing, { duals: true }), sum(0)],
  'no columns, left over': [() => linearSumAssignment(none).unassignedRows, ({ length }) => length === 2 ** 31 - 1],
  'no rows, listed': [() => linearSumAssignment(unlisted), sum(0)],
  'no rows, async': [() => linearSumAssignmentAsync(nothing), sum(0)],
  'no columns, async': [() => linearSumAssignmentAsync(none), sum(0)],
  'no rows, batch': [() => linearSumAssignmentBatch({ data: [], shapes: [nothing.shape, none.shape] })[1], sum(0)],
  'cells unlisted': [() => linearSumAssignment({ ...unlisted, shape: [2 ** 30, 2 ** 30] }, { partial: true }), sum(0)],
}

// threads are started, and code is compiled, before memory runs out
await Promise.all(Array.from({ length: 8 }, () => linearSumAssignmentAsync([[1]])))
await criterion.computeAsync(...batch(10))
criterion.compute(...batch(10))
criterion.match(...batch(10))
criterion.cost(...batch(10))
const [someOutputs, someTargets] = batch(10)
lossOf(tensorsOf(someOutputs), someTargets).dataSync()
await lossGradients(criterion, tensorsOf(someOutputs), someTargets)
inspectBatch(someOutputs, someTargets, criterion)
evaluatorOf(10).result()
await evaluatorOf(10).resultAsync()
linearSumAssignmentBatch(
  {
    data: [1, 2],
    shapes: [
      [1, 1],
      [1, 1],
    ],
  },
  maximize,
)
const now = Number(readFileSync('/proc/self/statm', 'utf8').split(' ')[0]) * PAGE
const limit = spawnSync('prlimit', ['--pid', String(process.pid), `--as=${now + Number(process.argv[2]) * 2 ** 20}`])
if (limit.status !== 0) throw new Error(`prlimit: ${limit.stderr ?? limit.error}`)

const ends = {}
for (const [name, [call, isRight]] of Object.entries(calls)) {
  try {
    ends[name] = isRight(await call()) ? 'right' : 'wrong'
  } catch (error) {
    ends[name] = error.name === 'HungarianLossError' ? `${error.code} ${error.argument}` : String(error.stack)
  }
}
console.log(JSON.stringify(ends))
