/** Many calls one after the other keep no memory. */
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { expect, test } from 'vitest'
import { HungarianLoss } from '../../src/index.ts'
import { randomLayer, randomTargets } from '../support/helpers.ts'

/** So many show a call that keeps a hundredth of its batch, which has over 1 MiB; 100,000 show one that keeps 500 bytes. */
const CALLS = Number(process.env['STEADY_CALLS'] ?? 2000)
const MEBIBYTE = 2 ** 20
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

test('compute: calls that write to the same arrays leave the memory as it is', { timeout: 600_000 }, async () => {
  const out = criterion.compute(outputs, targets).gradients
  const [process, javascript] = await growth(() => criterion.compute(outputs, targets, { out }).loss, [SLACK, SLACK])
  expect(process).toBeLessThan(SLACK)
  expect(javascript).toBeLessThan(SLACK)
})

test(
  'computeAsync: so do calls off the event loop, once their results are no longer used',
  { timeout: 600_000 },
  async () => {
    const [process, javascript] = await growth(() => criterion.computeAsync(outputs, targets), [2 * SLACK, SLACK])
    expect(process).toBeLessThan(2 * SLACK)
    expect(javascript).toBeLessThan(SLACK)
  },
)
