/** Files with masks: as NumPy writes them and as JSON, and what the library makes of them. */
import { describe, expect, test } from 'vitest'
import { run } from '../../../src/cli/command.ts'
import { batchOfArrays } from '../../../src/cli/file/arrays.ts'
import { batchOfJson } from '../../../src/cli/file/json.ts'
import type { NumpyArray } from '../../../src/cli/file/npy.ts'
import { readBatch } from '../../../src/cli/file/read.ts'
import { rolesOf } from '../../../src/cli/file/roles.ts'
import type { Given } from '../../../src/cli/file/roles.ts'
import { HungarianLoss } from '../../../src/criterion/criterion.ts'
import { batchPath } from '../../support/batches.ts'
import { readCases, TOLERANCE } from '../../support/golden.ts'

const totalOf = (criterion: string, name: string) =>
  (new Map(readCases<{ readonly weighted_total: number }>(criterion)).get(name) as { weighted_total: number })
    .weighted_total

test.each([
  ['masks.npz', 'maskformer', 'same_size', HungarianLoss.maskFormer({ numClasses: 4 })],
  ['masks-numbered.npz', 'maskformer', 'same_size', HungarianLoss.maskFormer({ numClasses: 4 })],
  ['masks.json', 'detr-masks', 'upsample_2x', HungarianLoss.detrMasks({ numClasses: 4 })],
] as const)('%s has the loss of the published code', async (file, golden, name, criterion) => {
  const { outputs, targets, leftOut } = await readBatch(batchPath(file))
  expect(leftOut).toEqual([])
  const { loss } = criterion.compute(outputs, targets)
  expect(Math.abs(loss / totalOf(golden, name) - 1)).toBeLessThan(TOLERANCE)
})

test('masks, flags and void pixels are those of each image', async () => {
  const { targets } = await readBatch(batchPath('masks.npz'))
  expect(targets).toMatchObject([
    { labels: { length: 2 }, masks: { shape: [2, 6, 6] }, hasMask: { length: 2 }, void: { shape: [6, 6] } },
    { labels: { length: 3 }, masks: { shape: [3, 6, 6] }, hasMask: { length: 3 }, void: { shape: [6, 6] } },
  ])
})

test("earlier layers' biases and shared points have fewer axes than queries' rows", () => {
  const floats = (...shape: number[]): NumpyArray => ({
    data: new Float32Array(shape.reduce((a, b) => a * b, 1)),
    shape,
  })
  const arrays = {
    pred_logits: floats(1, 2, 3),
    mask_features: floats(1, 4, 5, 6),
    mask_queries: floats(1, 2, 4),
    mask_bias: floats(1),
    aux_logits: floats(2, 1, 2, 3),
    aux_mask_features: floats(2, 1, 4, 5, 6),
    aux_mask_queries: floats(2, 1, 2, 4),
    aux_mask_bias: floats(2, 1),
    labels: floats(0),
    counts: floats(1),
  }
  const names = Object.keys(arrays)
  const given = rolesOf(names).map((role, i): Given => {
    return { name: names[i] as string, role: role as Given['role'], array: Object.values(arrays)[i] as NumpyArray }
  })
  const { outputs } = batchOfArrays(given, names)
  expect(outputs.maskBias).toMatchObject({ shape: [1] })
  expect(outputs.auxiliary).toMatchObject([{ maskBias: { shape: [1] } }, { maskFeatures: { shape: [1, 4, 5, 6] } }])
})

describe('JSON', () => {
  const read = (masks: unknown) =>
    batchOfJson({ pred_logits: [[[0, 0]]], targets: [{ labels: [0], masks }] }).targets[0]
  test.each([
    ['run lengths', [{ counts: [1, 2, 1], size: [2, 2] }]],
    ['polygons', [{ polygons: [[0, 0, 1, 0, 1, 1]], size: [2, 2] }]],
    ['a tensor', { data: [0, 1, 1, 0], shape: [1, 2, 2] }],
    ['no mask', []],
  ])('%s are left to the library', (_, masks) => {
    expect(read(masks)).toEqual({ labels: [0], masks })
  })

  test('nested rows of pixels are a tensor', () => {
    const rows = [[[0, 1], [true, false]]] // prettier-ignore
    expect(read(rows)).toEqual({ labels: [0], masks: { data: rows, shape: [1, 2, 2] } })
  })
})

test.each([
  ['masks.npz', 'maskFormer'],
  ['masks.json', 'detrMasks'],
])('doctor takes %s for %s', async (file, preset) => {
  const lines: string[] = []
  const write = (text: string) => lines.push(text)
  await run(['doctor', batchPath(file), '--preset', preset], { out: write, error: write })
  expect(lines.join('')).toContain(`Criterion: ${preset}, softmax, 4 classes and no-object`)
  expect(lines.join('')).not.toContain('error:')
})
