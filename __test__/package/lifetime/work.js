/** What a worker of `lifetime.spec.ts` does, by `workerData.what`: every kind of call once, or one kind until it is stopped. */
import { parentPort, workerData } from 'node:worker_threads'
import { DetectionEvaluator } from '../../../dist/evaluate.js'
import { HungarianLoss, linearSumAssignment, linearSumAssignmentAsync } from '../../../dist/index.js'
import { linearSumAssignmentBatch, verifyAssignment } from '../../../dist/index.js'

let state = 1
const random = () => (state = (state * 16807) % 2147483647) / 2147483647
const numbers = (length) => Float32Array.from({ length }, random)
const matrix = (side) => ({ data: numbers(side * side), shape: [side, side] })

const [small, large] = [matrix(20), matrix(300)]
const batch = {
  data: numbers(500),
  shapes: [
    [20, 10],
    [10, 30],
  ],
}
const outputs = {
  logits: { data: numbers(4 * 50 * 11), shape: [4, 50, 11] },
  boxes: { data: numbers(4 * 50 * 4).map((value) => 0.25 + value / 4), shape: [4, 50, 4] },
}
const target = { labels: [0, 3, 9], boxes: numbers(12).map((value) => 0.25 + value / 4) }
const targets = [target, target, { labels: [], boxes: [] }, target]
const criterion = HungarianLoss.detr({ numClasses: 10 })
const found = { boxes: numbers(400), scores: numbers(100), labels: new Int32Array(100) }
const evaluator = new DetectionEvaluator({ numClasses: 10, boxFormat: 'xywh' }).add(
  [found],
  [{ boxes: numbers(40), labels: new Int32Array(10) }],
)

/** The numbers that every kind of call gives, which are the same in all threads. */
async function all() {
  const proof = linearSumAssignment(small, { duals: true })
  return [
    proof.total,
    Number(verifyAssignment(small, proof).optimal),
    (await linearSumAssignmentAsync(large)).total,
    linearSumAssignmentBatch(batch)[1].total,
    criterion.compute(outputs, targets).loss,
    (await criterion.computeAsync(outputs, targets)).loss,
    criterion.match(outputs, targets).matches.length,
    criterion.cost(outputs, targets).images.length,
    evaluator.result().ap50,
    (await evaluator.resultAsync()).ap,
  ]
}

const endless = {
  sync() {
    for (;;) {
      linearSumAssignment(large)
      criterion.compute(outputs, targets)
      evaluator.result()
    }
  },
  async async() {
    for (;;) {
      await Promise.all([
        linearSumAssignmentAsync(large),
        criterion.computeAsync(outputs, targets),
        evaluator.resultAsync(),
      ])
    }
  },
  async abort() {
    for (;;) {
      const controller = new AbortController()
      const { signal } = controller
      const calls = [
        linearSumAssignmentAsync(large, { signal }),
        criterion.computeAsync(outputs, targets, { signal }),
        evaluator.resultAsync({ signal }),
      ]
      setImmediate(() => controller.abort())
      await Promise.allSettled(calls)
    }
  },
}

/** Tells the main thread; the port of a worker knows no origins. */
function tell(message) {
  // oxlint-disable-next-line unicorn/require-post-message-target-origin
  parentPort.postMessage(message)
}

const { what } = workerData
if (what === 'all') tell(await all())
else {
  tell('started')
  await endless[what]()
}
