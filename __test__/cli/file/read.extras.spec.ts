/** Files with what few targets have: positives and columns, weights, flags of images; as NumPy writes them and as JSON. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { batchOfJson } from '../../../src/cli/file/json.ts'
import { EXIT, run } from '../../../src/cli/command.ts'
import { readBatch } from '../../../src/cli/file/read.ts'
import { HungarianLoss } from '../../../src/criterion/criterion.ts'
import { batchPath, BATCH_CASE } from '../../support/batches.ts'
import { readCases, TOLERANCE } from '../../support/golden.ts'
import { untyped } from '../../support/helpers.ts'

const WORDS = readCases<{ readonly weighted_total: number }>('grounding-dino').find(
  ([name]) => name === 'absent_columns_finite',
)![1]

describe('words', () => {
  test.for(['words.npz', 'words-padded.npz', 'words-numbered.npz'])(
    '%s has the loss of the published code',
    async (name) => {
      const { outputs, targets, leftOut } = await readBatch(batchPath(name))
      expect(leftOut).toEqual([])
      const { loss } = HungarianLoss.groundingDino({ numClasses: 10 }).compute(outputs, targets)
      expect(Math.abs(loss / WORDS.weighted_total - 1)).toBeLessThan(TOLERANCE)
    },
  )

  test('are looked through and reported as those of labels are', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'words-'))
    const page = join(folder, 'words.html')
    const lines: string[] = []
    const write = (text: string) => lines.push(text)
    const preset = ['--preset', 'groundingDino']
    for (const [command, ...options] of [['doctor'], ['report', '--output', page]] as const) {
      const code = await run([command, batchPath('words.npz'), ...preset, ...options], { out: write, error: write })
      expect([code, lines.join('')]).toEqual([EXIT.good, expect.not.stringContaining('error:')])
    }
    expect(readFileSync(page, 'utf8')).toContain('<html')
    rmSync(folder, { recursive: true })
  })
})

test('weights of targets, queries and layers, and flags of images, are those of the batch', async () => {
  const { outputs, targets, leftOut } = await readBatch(batchPath('weighed.npz'))
  expect(leftOut).toEqual([])
  const [images, queries] = BATCH_CASE.layers[0]!.shape
  const counts = BATCH_CASE.targets.map(({ labels }) => labels.length)
  const total = counts.reduce((sum, count) => sum + count, 0)
  expect(outputs.queryWeights).toEqual({
    data: Float64Array.from({ length: images * queries }, (_, i) => i % 3),
    shape: [images, queries],
  })
  expect(Array.from(outputs.layerWeights!)).toEqual([1 / 3, 2 / 3, 1])
  expect(targets.flatMap(({ weights }) => Array.from(untyped<Float64Array>(weights)))).toEqual(
    Array.from({ length: total }, (_, i) => i + 0.5),
  )
  expect(targets.flatMap(({ hasBox }) => Array.from(hasBox!))).toEqual(
    Array.from({ length: total }, (_, i) => Number(i > 0)),
  )
  expect(targets.map(({ exhaustive }) => exhaustive)).toEqual(targets.map((_, i) => i > 0))
  const criterion = HungarianLoss.detr({ numClasses: 4 })
  const weighed = criterion.compute(outputs, targets).loss
  const { queryWeights: _, layerWeights: __, ...plain } = outputs
  expect(Number.isFinite(weighed)).toBe(true)
  expect(weighed).not.toBe(criterion.compute(plain, targets).loss)
})

test('JSON has them by our names and by others', () => {
  const boxes = [[0.5, 0.5, 0.2, 0.2]]
  const { outputs, targets } = batchOfJson({
    pred_logits: [[[0, 1]]],
    pred_boxes: [[[0.5, 0.5, 0.1, 0.1]]],
    query_weights: [[2]],
    layer_weights: [0.5],
    targets: [{ positive_map: [[1, 0]], boxes, text_mask: [true, false], weights: [3], is_exhaustive: false }],
  })
  expect(outputs).toMatchObject({ queryWeights: { data: [[2]], shape: [1, 1] }, layerWeights: [0.5] })
  expect(targets).toEqual([{ positives: [[1, 0]], boxes, columns: [true, false], weights: [3], exhaustive: false }])
})
