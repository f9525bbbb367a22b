import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { simdLevel } from '../../src/index.ts'

/** Runs a batch in a process of its own, whose level is forced; prints the level and everything computed. */
const SCRIPT = `
const native = require(process.argv[1])
let state = 1
const random = () => (state = (state * 48271) % 2147483647) / 2147483647
const [layers, images, queries, classes, bins] = [2, 3, 37, 21, 13]
const total = 50
const floats = (length, make) => Float32Array.from({ length }, (_, i) => make(i))
const box = (i) => (i % 4 < 2 ? 0.3 + 0.4 * random() : 0.4 * random())
const terms = { class: 1, l1: 5, giou: 2, iou: 0.5, diou: 1, ciou: 0.5 }
const softmax = { kind: 'softmax', noObjectIndex: classes - 1, noObjectWeight: 0.1, normalization: 'weighted-mean' }
const sigmoid = [
  { kind: 'focal', alpha: 0.25, gamma: 2 }, { kind: 'varifocal', alpha: 0.75, gamma: 1.7, detachWeights: false },
  { kind: 'mal', alpha: 1, gamma: 1.5 }, { kind: 'ia-bce', alpha: 0.25, gamma: 2, minQuality: 0.01 },
]
const forms = ['focal', 'log-sigmoid', 'probability', 'focal']
const criteria = [softmax, ...sigmoid].map((classification, i) => native.createCriterion({
  numClasses: i === 0 ? classes - 1 : classes, classification, cost: terms, weights: terms,
  classCost: { form: i === 0 ? 'probability' : forms[i - 1], alpha: 0.25, gamma: i },
  boxFormat: 'cxcywh', boxEpsilon: 0, clampSizes: false, normalizedBoxes: true, nonFinite: 'throw',
  cardinality: 'threshold',
  ignore: { overlap: 'iof', threshold: 0.5 }, threads: 1,
  distribution: { regMax: bins - 1, up: 0.5, regScale: 4, temperature: 5, fgl: 0.15, ddf: i === 0 ? 0 : 1.5 },
}))
const rows = layers * images * queries
const [logits, boxes] = [floats(rows * classes, () => 8 * random() - 4), floats(rows * 4, box)]
const [corners, references] = [floats(rows * 4 * bins, () => 8 * random() - 4), floats(rows * 4, box)]
const labels = Int32Array.from({ length: total }, () => Math.floor(random() * (classes - 1)))
const targetBoxes = floats(4 * total, box)
const results = criteria.flatMap((criterion, i) => {
  const gradients = [logits, boxes, corners].map(({ length }) => new Float32Array(length))
  const [matches, values] = [new Int32Array(rows), new Float64Array(10 + 15 * layers)]
  const weights = [...Object.values(terms), 0.15, i === 0 ? 0 : 1.5]
  const parts = Float64Array.of(1, layers, 0, 0, layers, queries, 0, queries, classes, 1, 1, 0, 0, 1, 1, ...weights)
  native.compute(criterion, undefined, gradients, matches, values, images, [logits, boxes, corners, references], parts,
    undefined, labels, undefined, targetBoxes, Uint32Array.of(0, 5, 5, 50), undefined)
  return [...gradients, matches, values]
})
console.log(native.simdLevel(), results.map(({ buffer }) => Buffer.from(buffer).toString('base64')).join())
`

function run(level: string): string[] {
  const binding = fileURLToPath(new URL('../../native/binding.cjs', import.meta.url))
  const env = { ...process.env, HUNGARIAN_LOSS_SIMD: level }
  return execFileSync(process.execPath, ['-e', SCRIPT, binding], { env, encoding: 'utf8', stdio: 'pipe' })
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
