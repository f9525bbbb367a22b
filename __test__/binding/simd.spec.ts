import { execFileSync } from 'node:child_process'
import { expect, test } from 'vitest'
import { simdLevel } from '../../src/index.ts'

/** Runs a batch in a process of its own, whose level is forced; prints the level and everything computed. */
const SCRIPT = `
const { HungarianLoss, simdLevel } = await import(process.argv[1])
let state = 1
const random = () => (state = (state * 48271) % 2147483647) / 2147483647
const [layers, images, queries, classes, bins] = [2, 3, 37, 21, 13]
const floats = (shape, make) => ({ data: Float32Array.from({ length: shape.reduce((a, b) => a * b) }, (_, i) => make(i)), shape })
const box = (i) => (i % 4 < 2 ? 0.3 + 0.4 * random() : 0.4 * random())
const terms = { class: 1, l1: 5, giou: 2, iou: 0.5, diou: 1, ciou: 0.5 }
const sigmoid = [
  { kind: 'focal', alpha: 0.25, gamma: 2 }, { kind: 'varifocal', alpha: 0.75, gamma: 1.7, detachWeights: false },
  { kind: 'mal', alpha: 1, gamma: 1.5 }, { kind: 'ia-bce', alpha: 0.25, gamma: 2, minQuality: 0.01 },
]
const forms = ['focal', 'log-sigmoid', 'probability', 'focal']
const criteria = [{ kind: 'softmax' }, ...sigmoid].map((classification, i) => new HungarianLoss({
  numClasses: i === 0 ? classes - 1 : classes, classification, threads: 1,
  cost: { ...terms, classForm: i === 0 ? 'probability' : forms[i - 1], ...(i > 0 && { alpha: 0.25, gamma: i }) },
  weights: { ...terms, fgl: 0.15, ddf: i === 0 ? 0 : 1.5 },
  distribution: { regMax: bins - 1 },
}))
const outputs = {
  logits: floats([layers, images, queries, classes], () => 8 * random() - 4), boxes: floats([layers, images, queries, 4], box),
  corners: floats([layers, images, queries, 4 * bins], () => 8 * random() - 4),
  references: floats([layers, images, queries, 4], box),
}
const targets = [5, 0, 45].map((count) => ({
  labels: Int32Array.from({ length: count }, () => Math.floor(random() * (classes - 1))), boxes: floats([count, 4], box).data,
}))
const numbers = criteria.flatMap((criterion) => {
  const { loss, layers, gradients } = criterion.compute(outputs, targets)
  const matches = layers.flatMap(({ matches }) => matches.flatMap(({ targetIndices }) => [...targetIndices]))
  const { logits, boxes, corners } = gradients
  const terms = layers.flatMap(({ terms }) => Object.values(terms))
  return [Float64Array.of(loss, ...terms), Int32Array.from(matches), logits, boxes, corners]
})
const base64 = ({ buffer, byteOffset, byteLength }) => Buffer.from(buffer, byteOffset, byteLength).toString('base64')
console.log(simdLevel(), numbers.map(base64).join())
`

function run(level: string): string[] {
  const built = new URL('../../dist/index.js', import.meta.url).href
  const env = { ...process.env, HUNGARIAN_LOSS_SIMD: level }
  return execFileSync(process.execPath, ['--input-type=module', '-e', SCRIPT, built], {
    env,
    encoding: 'utf8',
    stdio: 'pipe',
  })
    .trim()
    .split(' ')
}

test('simdLevel: the instruction set in use has a name', () => {
  expect(simdLevel()).toMatch(/^(avx512|avx2|sse2|neon|simd128|scalar)$/)
})

test('simdLevel: the best and the slowest instruction set give the same bits', () => {
  const [best, bits] = run('')
  expect(run(best as string)).toEqual([best, bits])
  expect(run('fallback')[1]).toBe(bits)
})

test('simdLevel: a level that the processor lacks is refused', () => {
  expect(() => run('mmx')).toThrow(/HUNGARIAN_LOSS_SIMD.*got mmx/)
})
