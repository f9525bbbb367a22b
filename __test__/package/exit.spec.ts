/** A process that exits waits for no call that is still under way. */
import { spawnSync } from 'node:child_process'
import { beforeAll, expect, test } from 'vitest'
import { checkBuilt } from '../support/built.ts'
import { ROOT } from '../support/root.ts'

const PACKAGE = new URL('../../dist/index.js', import.meta.url).href
const EVALUATE = new URL('../../dist/evaluate.js', import.meta.url).href

beforeAll(checkBuilt, 60_000)

/** Times a call, starts as many as keep the threads for far longer, and prints what one took and when it exits. */
const program = (call: string) => `
  import { performance } from 'node:perf_hooks'
  import { HungarianLoss, linearSumAssignmentAsync } from ${JSON.stringify(PACKAGE)}
  import { DetectionEvaluator } from ${JSON.stringify(EVALUATE)}

  const n = 3000
  let state = 1
  const random = () => (state = (state * 16807) % 2147483647) / 2147483647
  const numbers = (length) => Float32Array.from({ length }, random)
  const start = {
    dense: () => {
      const cost = { data: Float32Array.from({ length: n * n }, (_, k) => ((k % n) + 1) * Math.ceil((k + 1) / n)), shape: [n, n] }
      return () => linearSumAssignmentAsync(cost)
    },
    sparse: () => {
      const [side, each] = [40_000, 30]
      const indices = (index) => Int32Array.from({ length: side * each }, (_, k) => index(Math.floor(k / each), k % each))
      const columnIndices = indices((row, k) => (row * 31 + k * 3331) % side)
      const cost = { values: numbers(side * each), rowIndices: indices((row) => row), columnIndices, shape: [side, side] }
      return () => linearSumAssignmentAsync(cost, { partial: true })
    },
    loss: () => {
      const logits = { data: numbers(n * 2), shape: [1, n, 2] }
      const boxes = () => numbers(n * 4).map((value) => 0.25 + value / 4)
      const targets = [{ labels: new Array(n).fill(0), boxes: boxes() }]
      const criterion = HungarianLoss.detr({ numClasses: 1 })
      return () => criterion.computeAsync({ logits, boxes: { data: boxes(), shape: [1, n, 4] } }, targets)
    },
    evaluate: () => {
      const side = 15_000
      const image = { boxes: numbers(4 * side).map((value) => 1000 * value), labels: new Uint8Array(side) }
      const evaluator = new DetectionEvaluator({ numClasses: 1, boxFormat: 'xywh', maxDetections: [side] })
      evaluator.add([{ ...image, scores: numbers(side) }], [image])
      return () => evaluator.resultAsync()
    },
  }.${call}()
  const started = performance.now()
  await start()
  const one = performance.now() - started
  const count = Math.min(Math.max(16, Math.ceil(12_000 / one)), ${call === 'loss' ? 600 : 24})
  for (let k = 0; k < count; k++) start().catch(() => {})
  await new Promise((resolve) => setTimeout(resolve, one / 4))
  console.log(JSON.stringify({ one, at: Date.now() }))
`

/** How long a call took, alone and then, in milliseconds, the exit. */
interface Times {
  readonly one: number
  readonly exit: number
}

/** Runs a program with two threads; gives how long a call took, and then the exit. */
function run(code: string): Times {
  const args = ['--no-warnings', '--input-type=module', '--eval', code]
  const { NODE_OPTIONS: _, ...own } = process.env
  const env = { ...own, HUNGARIAN_LOSS_THREADS: '2' }
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { cwd: ROOT, encoding: 'utf8', env })
  const ended = Date.now()
  expect(stderr).toBe('')
  expect(status).toBe(0)
  const { one, at } = JSON.parse(stdout) as { one: number; at: number }
  return { one, exit: ended - at }
}

/** Less than half of what all the calls take on two threads, and far more than one needs to notice that it is to end. */
const patience = (one: number): number => 2 * one + 1000

test.each(['dense', 'sparse', 'loss', 'evaluate'])(
  'computeAsync, linearSumAssignmentAsync and resultAsync: a process that exits does not wait for calls (%s)',
  { retry: 2 },
  (call) => {
    const { one, exit } = run(`${program(call)}; process.exit()`)
    expect(exit).toBeLessThan(patience(one))
  },
)

test('computeAsync and linearSumAssignmentAsync: nor does a worker that exits', { retry: 2 }, () => {
  const worker = `${program('dense')}; process.exit()`
  const { one, exit } = run(`
    import { Worker } from 'node:worker_threads'
    new Worker(new URL('data:text/javascript,' + encodeURIComponent(${JSON.stringify(worker)})))
  `)
  expect(exit).toBeLessThan(patience(one))
})
