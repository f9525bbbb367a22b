/** Many calls one after the other keep no memory. */
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { expect, test } from 'vitest'
import {
  combineNormalizers,
  HungarianLoss,
  inspectBatch,
  linearSumAssignment,
  linearSumAssignmentAsync,
  linearSumAssignmentBatch,
  verifyAssignment,
} from '../../src/index.ts'
import { randomLayer, randomTargets } from '../support/helpers.ts'

/**
 * So many show a call that keeps a hundredth of its batch, which has over 1 MiB; 100,000 show one that keeps 500 bytes, and a
 * million one that keeps 50 (`npm run test:steady`).
 */
const CALLS = Number(process.env['STEADY_CALLS'] ?? 2000)
const MEBIBYTE = 2 ** 20
const LONG = { timeout: 3_600_000 }
/** What the memory varies by, in MiB, as garbage is freed late. */
const SLACK = 40

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

const shape = { images: 16, queries: 100, classes: 92 }
const [outputs, targets] = [randomLayer(1, shape), randomTargets(2, { classes: 92, targets: Array(16).fill(7) })]
const criterion = HungarianLoss.detr({ numClasses: 91 })

/**
 * What many calls add to the memory of the process, and of JavaScript, in MiB, once it is within the bounds or half a
 * minute is over.
 */
async function growth(
  call: () => unknown,
  bounds: readonly [process: number, javascript: number],
): Promise<[number, number]> {
  const used = async () => {
    for (let i = 0; i < 3; i++) {
      collect()
      await nextTurn()
    }
    const { rss, heapUsed, arrayBuffers } = process.memoryUsage()
    return [rss / MEBIBYTE, (heapUsed + arrayBuffers) / MEBIBYTE] as const
  }
  for (let i = 0; i < CALLS / 4; i++) await call()
  const before = await used()
  for (let i = 0; i < CALLS; i++) await call()
  const patience = performance.now() + 30_000
  for (;;) {
    const after = await used()
    const grown: [number, number] = [after[0] - before[0], after[1] - before[1]]
    if ((grown[0] < bounds[0] && grown[1] < bounds[1]) || performance.now() > patience) return grown
    await sleep(20)
  }
}

test('compute: calls that write to the same arrays leave the memory as it is', LONG, async () => {
  const out = criterion.compute(outputs, targets).gradients
  const [process, javascript] = await growth(() => criterion.compute(outputs, targets, { out }).loss, [SLACK, SLACK])
  expect(process).toBeLessThan(SLACK)
  expect(javascript).toBeLessThan(SLACK)
})

test('computeAsync: so do calls off the event loop, once their results are no longer used', LONG, async () => {
  const [process, javascript] = await growth(() => criterion.computeAsync(outputs, targets), [2 * SLACK, SLACK])
  expect(process).toBeLessThan(2 * SLACK)
  expect(javascript).toBeLessThan(SLACK)
})

const [few, fewTargets] = [
  randomLayer(3, { images: 1, queries: 10, classes: 5 }),
  randomTargets(4, { classes: 5, targets: [3] }),
]
const small = HungarianLoss.detr({ numClasses: 4 })
const { normalizers } = small.compute(few, fewTargets)
const cost = [
  [4, 1, 3, 9],
  [2, 0, 5, 9],
  [3, 2, 2, 9],
]
const sparse = { values: [1, 2, 3], rowIndices: [0, 1, 1], columnIndices: [0, 0, 1], shape: [2, 2] } as const
const proof = linearSumAssignment(cost, { duals: true })
const { signal } = new AbortController()

/** A call of each kind, refused ones among them. */
const CALLS_OF_EACH_KIND: { readonly [kind: string]: () => unknown } = {
  match: () => small.match(few, fewTargets),
  cost: () => small.cost(few, fewTargets),
  compute: () => small.compute(few, fewTargets),
  'compute, refused': () => caught(() => small.compute(few, [])),
  HungarianLoss: () => HungarianLoss.deim({ numClasses: 5 }).compute(few, fewTargets),
  inspectBatch: () => inspectBatch(few, fewTargets, small),
  combineNormalizers: () => combineNormalizers([normalizers, normalizers]),
  linearSumAssignment: () => linearSumAssignment(cost, { duals: true }),
  'linearSumAssignment, sparse': () => linearSumAssignment(sparse),
  'linearSumAssignment, refused': () => caught(() => linearSumAssignment([[Infinity]])),
  linearSumAssignmentBatch: () => linearSumAssignmentBatch({ data: cost.flat(), shapes: [[3, 4]] }),
  linearSumAssignmentAsync: () => linearSumAssignmentAsync(cost, { signal }),
  verifyAssignment: () => verifyAssignment(cost, proof),
}

function caught(call: () => unknown): unknown {
  try {
    return call()
  } catch (error) {
    return error
  }
}

test.each(Object.keys(CALLS_OF_EACH_KIND))(
  '%s: calls of a small batch leave the memory as it is',
  LONG,
  async (kind) => {
    const [process, javascript] = await growth(CALLS_OF_EACH_KIND[kind] as () => unknown, [SLACK, SLACK])
    expect(process).toBeLessThan(SLACK)
    expect(javascript).toBeLessThan(SLACK)
  },
)
