/** The example of masks: it learns, the same seed begins the same; its operations have their gradients, and its scores are right. */
import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { gunzipSync } from 'node:zlib'
import * as tf from '@tensorflow/tfjs-core'
import '@tensorflow/tfjs-backend-wasm'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { drawMasks } from '../../examples/segment-digits/data.js'
import { evaluate } from '../../examples/segment-digits/evaluate.js'
import type { Segment } from '../../examples/segment-digits/evaluate.js'
import { masksOf } from '../../examples/segment-digits/model.js'
import { beside, enlarge, toPlanes } from '../../examples/segment-digits/ops.js'
import { CANVAS, readDigits } from '../../examples/train-digits/data.js'
import { Random } from '../../examples/train-digits/random.js'
import { randomNumbers } from '../support/helpers.ts'
import { ROOT } from '../support/root.ts'

const run = promisify(execFile)
const examples = join(ROOT, 'examples')
let folder: string

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'segment-digits-'))
  await tf.setBackend('wasm')
})
afterAll(() => rmSync(folder, { recursive: true }))

/** Trains for a few steps; gives what was printed, and the loss of each step. */
async function train(...options: string[]) {
  const main = join(examples, 'segment-digits/main.js')
  const { stdout } = await run(process.execPath, [main, '--out', folder, ...options])
  return { stdout, losses: [...stdout.matchAll(/ loss (\S+)/g)].map(([, loss]) => Number(loss)) }
}

test('segment-digits: a training lowers the loss and writes its report, and the same seed gives the same losses', async () => {
  const { stdout, losses } = await train('--steps', '5')
  expect(losses).toHaveLength(5)
  expect(losses[4]).toBeLessThan(losses[0]!)
  expect(stdout).toMatch(/Held-out PQ 0\.\d+ \(SQ 0\.\d+, RQ 0\.\d+\), mean IoU 0\.\d+\./)
  expect(readFileSync(join(folder, 'report.html'), 'utf8')).toContain('data:image/png;base64,')
  expect((await train('--steps', '2')).losses[0]).toBe(losses[0])
})

test('segment-digits: a bad option is named', async () => {
  await expect(train('--denoising', '1')).rejects.toMatchObject({
    code: 2,
    stderr: expect.stringContaining('Unknown option --denoising.'),
  })
})

test('segment-digits: the masks of a scene are its bright pixels, each of one digit', () => {
  const { heldOut } = readDigits(gunzipSync(readFileSync(join(examples, 'train-digits/data/digits.bin.gz'))))
  const { images, targets } = drawMasks(new Random(3), heldOut, 20)
  expect(targets.some(({ labels }) => labels.length > 1)).toBe(true)
  targets.forEach(({ labels, masks: { data, shape } }, image) => {
    expect(shape).toEqual([labels.length, CANVAS, CANVAS])
    const pixels = images.subarray(image * CANVAS ** 2, (image + 1) * CANVAS ** 2)
    const counts = Array.from(
      pixels,
      (_, i) => Array.from(labels).filter((_, k) => data[k * CANVAS ** 2 + i] === 1).length,
    )
    expect(counts).toEqual(Array.from(pixels, (brightness) => Number(brightness >= 0.3)))
    labels.forEach((_, k) => expect(data.subarray(k * CANVAS ** 2, (k + 1) * CANVAS ** 2)).toContain(1))
  })
})

/** The gradient of Σ weights · f(x), and what central differences say it is. */
function gradients(f: (x: tf.Tensor) => tf.Tensor, shape: number[], seed: number) {
  const random = randomNumbers(seed)
  const values = Float32Array.from({ length: tf.util.sizeFromShape(shape) }, () => 2 * random() - 1)
  const { size, shape: to } = f(tf.tensor(values, shape))
  const weights = Float32Array.from({ length: size }, () => 2 * random() - 1)
  const total = (x: Float32Array) =>
    Array.from(f(tf.tensor(x, shape)).dataSync()).reduce((sum, y, i) => sum + y * weights[i]!, 0)
  const step = 0.25 // both operations are linear in each argument
  const expected = Array.from(values, (_, i) => {
    const at = (change: number) => total(values.map((x, k) => (k === i ? x + change : x)))
    return (at(step) - at(-step)) / (2 * step)
  })
  return { got: tf.grad(f)(tf.tensor(values, shape), tf.tensor(weights, to)).dataSync(), expected }
}

test('segment-digits: maps are enlarged between the middles of pixels, pixels become planes, and all have their gradients', () => {
  const row = enlarge(tf.tensor4d([0, 4], [1, 1, 2, 1]))
  expect(Array.from(row.dataSync())).toEqual([0, 1, 3, 4, 0, 1, 3, 4])
  const pixels = tf.tensor2d([[1, 2], [3, 4], [5, 6], [7, 8]]) // prettier-ignore
  const shared = tf.tensor3d([[[9, 10]]])
  expect(toPlanes(pixels, shared, 2).arraySync()).toEqual([[[[1, 3]], [[2, 4]], [[9, 10]]], [[[5, 7]], [[6, 8]], [[9, 10]]]]) // prettier-ignore
  expect(beside(tf.tensor2d([[1], [2]]), tf.tensor2d([[3, 4], [5, 6]])).arraySync()).toEqual([[1, 3, 4], [2, 5, 6]]) // prettier-ignore
  for (const { got, expected } of [
    gradients((x) => beside(x as tf.Tensor2D, tf.ones([3, 2])), [3, 2], 4),
    gradients((x) => enlarge(x as tf.Tensor4D), [2, 3, 2, 2], 1),
    gradients((x) => toPlanes(x as tf.Tensor2D, tf.ones([2, 1, 3]), 2), [6, 4], 2),
  ]) {
    expect(got).toHaveLength(expected.length)
    got.forEach((gradient, i) => expect(gradient).toBeCloseTo(expected[i]!, 4))
  }
})

test('segment-digits: a mask is the product of its query with each pixel, and a bias', () => {
  const maskFeatures = tf.tensor4d([1, 2, 3, 4, 5, 6, 7, 8], [1, 2, 2, 2])
  const maskQueries = tf.tensor3d([1, 0, 10, 1], [1, 2, 2])
  const masks = masksOf({ logits: tf.zeros([1, 2, 11]), maskFeatures, maskQueries, maskBias: tf.tensor1d([-1]) })
  expect(masks.arraySync()).toEqual([[[[0, 1], [2, 3]], [[14, 25], [36, 47]]]]) // prettier-ignore
})

test('segment-digits: panoptic quality counts what is found, wrong and missed', () => {
  const pixels = (from: number, to: number) =>
    Uint8Array.from({ length: CANVAS ** 2 }, (_, i) => Number(i >= from && i < to))
  const segment = (label: number, from: number, to: number): Segment => ({
    query: 0,
    label,
    score: 1,
    pixels: pixels(from, to),
  })
  const masks = (...list: Uint8Array[]) => ({
    data: Uint8Array.from(list.flatMap((mask) => [...mask])),
    shape: [list.length, CANVAS, CANVAS] as [number, number, number],
  })
  const targets = [
    { labels: Int32Array.of(1, 2), masks: masks(pixels(0, 100), pixels(200, 300)) },
    { labels: Int32Array.of(1), masks: masks(pixels(0, 100)) },
    { labels: Int32Array.of(), masks: masks() },
  ]
  // a one is found with an IoU of 0.8, another one missed; a two is read as a three; nothing is where a one is seen
  const segments = [[segment(1, 0, 80), segment(3, 200, 300)], [], [segment(1, 0, 10)]]
  const { pq, sq, rq, meanIou, perClass } = evaluate(segments, targets)
  expect(perClass[1]).toEqual({ targets: 2, sq: 0.8, rq: 0.5, pq: 0.4 })
  expect(perClass[2]).toEqual({ targets: 1, sq: 0, rq: 0, pq: 0 })
  expect(perClass[3]).toMatchObject({ targets: 0, pq: 0 })
  expect(perClass[0]).toMatchObject({ targets: 0, pq: -1 })
  expect(pq).toBeCloseTo(0.4 / 3, 12)
  expect([sq, rq]).toEqual([0.8 / 3, 0.5 / 3])
  expect(meanIou).toBeCloseTo((0.8 + 1 + 0) / 3, 12)
})
