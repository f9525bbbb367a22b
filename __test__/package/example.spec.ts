/** The training example: it learns, the same seed begins the same, and denoising adds to what is learnt from. */
import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { drawNoisy } from '../../examples/train-digits/denoising.js'
import { Random } from '../../examples/train-digits/random.js'

const run = promisify(execFile)
const main = join(import.meta.dirname, '../../examples/train-digits/main.js')
let folder: string

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'train-digits-'))
})
afterAll(() => rmSync(folder, { recursive: true }))

/** Trains for a few steps; gives what was printed, and the loss of each step. */
async function train(...options: string[]) {
  const { stdout } = await run(process.execPath, [main, '--out', folder, ...options])
  return { stdout, losses: [...stdout.matchAll(/ loss (\S+)/g)].map(([, loss]) => Number(loss)) }
}

test('train-digits: a training lowers the loss and writes its report, and the same seed gives the same losses', async () => {
  const { stdout, losses } = await train('--steps', '5')
  expect(losses).toHaveLength(5)
  expect(losses[4]).toBeLessThan(losses[0]!)
  expect(stdout).toMatch(/Held-out AP 0\.\d+, AP50 0\.\d+, AP75 0\.\d+, mean IoU 0\.\d+\./)
  expect(readFileSync(join(folder, 'report.html'), 'utf8')).toContain('</svg>')
  expect((await train('--steps', '2')).losses[0]).toBe(losses[0])
})

test('train-digits: denoising queries add to what is learnt from', async () => {
  const [without, one, two] = [
    await train('--steps', '1'),
    await train('--steps', '1', '--denoising', '1'),
    await train('--steps', '1', '--denoising', '2'),
  ]
  expect(one.losses[0]).toBeGreaterThan(without.losses[0]! + 1)
  expect(two.losses[0]).not.toBe(one.losses[0])
})

test('train-digits: a bad option is named', async () => {
  await expect(train('--denoising', '11')).rejects.toMatchObject({
    code: 2,
    stderr: expect.stringContaining('--denoising needs a whole number from 0 to 10, got "11"'),
  })
})

test('train-digits: positives of the denoising start within their box, negatives farther out, and half of the labels are right', () => {
  const box = [0.5, 0.5, 0.2, 0.4]
  const target = { labels: Int32Array.of(3), boxes: Float32Array.from(box) }
  const groups = 500
  const { labels, places } = drawNoisy(new Random(5), [target], groups)
  expect(places).toHaveLength(2 * groups)
  places.forEach(([x, y], query) => {
    const isNegative = query % 2 === 1
    for (const [distance, half] of [
      [Math.abs(x - 0.5), 0.1],
      [Math.abs(y - 0.5), 0.2],
    ] as const) {
      expect(distance).toBeGreaterThanOrEqual((isNegative ? 0.5 : 0) * half - 1e-6)
      expect(distance).toBeLessThanOrEqual((isNegative ? 1 : 0.5) * half + 1e-6)
    }
  })
  const right = labels.filter((label) => label === 3).length / labels.length
  expect(right).toBeGreaterThan(0.5)
  expect(right).toBeLessThan(0.6)
})
