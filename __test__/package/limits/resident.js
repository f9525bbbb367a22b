/**
 * Prints, as JSON, by how many megabytes the resident memory has grown after large calls, once it is below the first
 * argument or will not fall any more. Needs `--expose-gc`, and to be started with one thread.
 */
import { HungarianLoss, linearSumAssignment, linearSumAssignmentBatch } from '../../../dist/index.js'

const most = Number(process.argv[2])

/** Megabytes that are resident once all garbage is gone: when they have not become fewer in four turns. */
async function resident() {
  let least = Infinity
  for (let k = 0; k < 4; k++) {
    globalThis.gc()
    await new Promise((resolve) => setTimeout(resolve, 20))
    const now = process.memoryUsage().rss / 2 ** 20
    if (now < least - 1) k = 0
    least = Math.min(least, now)
  }
  return least
}

const calls = {
  // a copy of 256 MB with the signs turned
  maximize: () => linearSumAssignment({ data: new Float64Array(2 ** 25), shape: [4096, 8192] }, { maximize: true }),
  // a transposed copy of as much
  tall: () => linearSumAssignment({ data: new Float64Array(2 ** 25).fill(1), shape: [8192, 4096] }),
  batch: () =>
    linearSumAssignmentBatch({ data: new Float32Array(2 ** 25), shapes: [[4096, 8192]] }, { maximize: true }),
  // two snapshots of 118 MB each
  computeAsync: () => {
    const logits = { data: new Float32Array(2 * 150_000 * 100), shape: [2, 150_000, 100] }
    const boxes = { data: new Float32Array(2 * 150_000 * 4).fill(0.1), shape: [2, 150_000, 4] }
    const criterion = HungarianLoss.detr({ numClasses: 99 })
    const compute = () =>
      criterion.computeAsync(
        { logits, boxes },
        [
          { labels: [], boxes: [] },
          { labels: [], boxes: [] },
        ],
        { gradients: false },
      )
    return Promise.all([compute(), compute()])
  },
  // a block of 64 MB, its class costs, and its columns
  match: () => {
    const boxes = new Float32Array(4 * 4096).fill(0.1)
    const logits = new Float32Array(2 * 4096)
    const outputs = { logits: { data: logits, shape: [1, 4096, 2] }, boxes: { data: boxes, shape: [1, 4096, 4] } }
    HungarianLoss.detr({ numClasses: 1 }).match(outputs, [{ labels: new Int32Array(4096), boxes }])
  },
}

linearSumAssignment([[1]])
await HungarianLoss.detr({ numClasses: 1 }).computeAsync(
  { logits: { data: [0, 0], shape: [1, 1, 2] }, boxes: { data: [0, 0, 0, 0], shape: [1, 1, 4] } },
  [{ labels: [], boxes: [] }],
)
const grown = {}
for (const [name, call] of Object.entries(calls)) {
  const before = await resident()
  await call()
  const patience = performance.now() + 15_000
  do {
    grown[name] = (await resident()) - before
  } while (grown[name] >= most && performance.now() < patience)
}
console.log(JSON.stringify(grown))
