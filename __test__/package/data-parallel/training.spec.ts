/** The example data-parallel: k processes learn what one learns. */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startServer } from '../../../examples/data-parallel/server.js'
import { SETTINGS } from '../../../examples/train-digits/train.js'

const STEPS = 3

/** What `rank.js` posts. */
interface Result {
  gradient: Float32Array
  records: Array<Record<string, number>>
  sizes: Array<{ name: string; size: number }>
  weights: Float32Array
}

let server: Awaited<ReturnType<typeof startServer>>
beforeAll(async () => {
  server = await startServer({ host: '127.0.0.1', port: 0 })
})
afterAll(() => server.close())

async function start(options: object): Promise<Result> {
  const child = fork(join(import.meta.dirname, 'rank.js'), [JSON.stringify(options)], { serialization: 'advanced' })
  let result: Result | undefined
  child.on('message', (message) => (result = message as Result))
  const [[code]] = await Promise.all([once(child, 'exit'), once(child, 'disconnect')])
  if (result === undefined) throw new Error(`A process has ended with ${code} and posted nothing.`)
  return result
}

let jobs = 0
/** What each of k processes has in the end. */
function train(ranks: number, settings: object): Promise<Result[]> {
  const job = `training-${jobs++}`
  return Promise.all(
    Array.from({ length: ranks }, (_, rank) =>
      start({ settings, steps: STEPS, place: { server: server.url, job, rank, ranks, timeout: 50, agreement: {} } }),
    ),
  )
}

const bitsOf = ({ buffer }: Float32Array) => Buffer.from(buffer as ArrayBuffer).toString('base64')

/** What a key's bias adds to the scores of a query is the same for all keys, so its slope is 0 but for rounding. */
const HAS_NO_SLOPE = /\/key\/bias$/

/** Expects two gradients to be the same within rounding: in each parameter, in proportion to its largest slope. */
function expectSameGradient({ gradient, sizes }: Result, expected: Float32Array): void {
  expect(gradient).toHaveLength(expected.length)
  let at = 0
  for (const { name, size } of sizes) {
    const [got, wanted] = [gradient, expected].map((all) => all.subarray(at, at + size)) as [Float32Array, Float32Array]
    at += size
    const largest = wanted.reduce((most, slope) => Math.max(most, Math.abs(slope)), 0)
    const apart = got.reduce((most, slope, i) => Math.max(most, Math.abs(slope - wanted[i]!)), 0)
    if (HAS_NO_SLOPE.test(name)) expect(Math.max(largest, apart), name).toBeLessThan(1e-7)
    else expect(apart / largest, name).toBeLessThan(5e-6)
  }
  expect(at).toBe(gradient.length)
}

test.each([
  { name: 'without', denoising: 0, counts: [1, 2, 3] },
  { name: 'with', denoising: 1, counts: [3] },
])(
  'data-parallel: gradients, losses and terms of several processes are those of one, $name denoising queries',
  { timeout: 180_000 },
  async ({ denoising, counts }) => {
    const settings = { steps: 100, seed: 1, batch: SETTINGS.batchSize, denoising }
    const alone = await start({ settings, steps: STEPS })
    for (const ranks of counts) {
      const results = await train(ranks, settings)
      const [first] = results as [Result]
      expectSameGradient(first, alone.gradient)
      first.records.forEach((record, i) => {
        for (const [name, value] of Object.entries(alone.records[i]!)) {
          expect(Math.abs(record[name]! / value - 1), `${name} of step ${i + 1}`).toBeLessThan(1e-5)
        }
      })
      for (const { gradient, weights } of results) {
        expect(bitsOf(gradient)).toBe(bitsOf(first.gradient))
        expect(bitsOf(weights)).toBe(bitsOf(first.weights))
      }
      if (ranks === 1) expect(bitsOf(first.weights)).toBe(bitsOf(alone.weights))
    }
  },
)
