import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { simdLevel } from '../src/index.ts'

/** Runs a batch in a process of its own, whose level is forced; prints the level and everything computed. */
const SCRIPT = `
const native = require(process.argv[1])
let state = 1
const random = () => (state = (state * 48271) % 2147483647) / 2147483647
const [images, queries, classes, counts] = [3, 37, 21, [5, 0, 45]]
const total = 50
const floats = (length, make) => Float32Array.from({ length }, (_, i) => make(i))
const box = (i) => (i % 4 < 2 ? 0.3 + 0.4 * random() : 0.4 * random())
const criterion = native.createCriterion({
  numClasses: classes - 1, noObjectIndex: classes - 1, noObjectWeight: 0.1, normalization: 'weighted-mean',
  allowNoObjectLabels: false, costClass: 1, costL1: 5, costGiou: 2, weightClass: 1, weightL1: 5, weightGiou: 2,
  boxFormat: 'cxcywh', normalizedBoxes: true, nonFinite: 'throw',
})
const logits = floats(images * queries * classes, () => 8 * random() - 4)
const boxes = floats(images * queries * 4, box)
const labels = Int32Array.from({ length: total }, () => Math.floor(random() * (classes - 1)))
const outputs = [new Float32Array(logits.length), new Float32Array(boxes.length), new Int32Array(total), new Float64Array(11)]
native.compute(criterion, 1, images, queries, classes, [logits], [boxes], labels, floats(4 * total, box),
  Uint32Array.of(0, 5, 5, 50), NaN, new Float64Array(0), [outputs[0]], [outputs[1]], outputs[2], outputs[3])
console.log(native.simdLevel(), outputs.map(({ buffer }) => Buffer.from(buffer).toString('base64')).join())
`

function run(level: string): string[] {
  const binding = fileURLToPath(new URL('../native/binding.cjs', import.meta.url))
  const env = { ...process.env, HUNGARIAN_LOSS_SIMD: level }
  return execFileSync(process.execPath, ['-e', SCRIPT, binding], { env, encoding: 'utf8', stdio: 'pipe' })
    .trim()
    .split(' ')
}

test('the instruction set in use has a name', () => {
  expect(simdLevel()).toMatch(/^(avx512|avx2|sse2|neon|simd128|scalar)$/)
})

test('the best and the slowest instruction set give the same bits', () => {
  const [best, bits] = run('')
  expect(run(best as string)).toEqual([best, bits])
  expect(run('fallback')[1]).toBe(bits)
})

test('a level that the processor lacks is refused', () => {
  expect(() => run('mmx')).toThrow(/HUNGARIAN_LOSS_SIMD.*got mmx/)
})
