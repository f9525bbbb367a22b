/** What the names of arrays mean, and how targets are told apart by image. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { readNpz } from '../../../src/cli/file/npz.ts'
import { padTargets } from '../../../src/data/pad-targets.ts'
import { untyped } from '../../support/helpers.ts'
import { savez } from '../../support/npz.ts'
import type { SavedArray } from '../../support/npz.ts'

const folder = mkdtempSync(join(tmpdir(), 'npz-'))
afterAll(() => rmSync(folder, { recursive: true }))

const floats = (...shape: number[]): SavedArray => {
  return { data: Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => i / 100), shape }
}
const integers = (...data: number[]): SavedArray => ({ data: Int32Array.from(data), shape: [data.length] })

async function read(arrays: { readonly [name: string]: SavedArray }) {
  const path = join(folder, 'batch.npz')
  writeFileSync(path, savez(arrays))
  return readNpz(path)
}

const PREDICTED = { pred_logits: floats(2, 3, 4), pred_boxes: floats(2, 3, 4) }
const OURS = { logits: floats(2, 3, 4), boxes: floats(2, 3, 4) }

describe('names', () => {
  test('boxes are the targets where predictions say that they are such, and else the predictions', async () => {
    const theirs = await read({ ...PREDICTED, labels: integers(1, 2, 3), boxes: floats(3, 4), counts: integers(1, 2) })
    expect(theirs.outputs.boxes).toEqual({ data: PREDICTED.pred_boxes.data, shape: [2, 3, 4] })
    expect(theirs.targets.map(({ boxes }) => (boxes as SavedArray).shape)).toEqual([
      [1, 4],
      [2, 4],
    ])
    const ours = await read({ ...OURS, labels: integers(1, 2, 3), target_boxes: floats(3, 4), sizes: integers(1, 2) })
    expect(ours.outputs.boxes).toEqual({ data: OURS.boxes.data, shape: [2, 3, 4] })
    expect(ours.targets).toEqual(theirs.targets)
  })

  test.for(['counts', 'sizes', 'lengths', 'num_targets', 'target_counts', 'targets_counts', 'valid'])(
    '%s says how many targets each image has',
    async (name) => {
      const { targets } = await read({
        ...PREDICTED,
        labels: integers(1, 2, 3),
        boxes: floats(3, 4),
        [name]: integers(3, 0),
      })
      expect(targets.map(({ labels }) => labels)).toEqual([Int32Array.of(1, 2, 3), new Int32Array(0)])
    },
  )

  test('class_labels are labels, and iscrowd are those to be ignored', async () => {
    const arrays = { ...PREDICTED, class_labels: integers(1, 2), boxes: floats(2, 4), iscrowd: integers(0, 1) }
    const { targets } = await read({ ...arrays, counts: integers(2, 0) })
    expect(targets[0]).toMatchObject({ labels: Int32Array.of(1, 2), ignore: Int32Array.of(0, 1) })
  })

  test('targets are read as padTargets gives them, with labels or with positives', async () => {
    const boxes = [[0.5, 0.5, 0.25, 0.25], [0.25, 0.5, 0.25, 0.5]] // prettier-ignore
    const labelled = padTargets([
      { labels: [1], boxes: boxes.slice(1) },
      { labels: [2, 0], boxes },
    ])
    const { targets } = await read({ ...PREDICTED, ...untyped<object>(labelled) })
    expect(targets.map(({ labels, valid }) => [labels, valid])).toEqual([
      [Int32Array.of(1, -1), 1],
      [Int32Array.of(2, 0), 2],
    ])
    const mapped = padTargets([{ positives: [[0, 1, 0, 1]], boxes: boxes.slice(1) }, { positives: [[1, 0, 0, 0], [0, 0, 1, 0]], boxes }]) // prettier-ignore
    const byPositives = await read({ ...PREDICTED, ...untyped<object>(mapped) })
    expect(byPositives.targets.map((target) => Object.keys(target).includes('labels'))).toEqual([false, false])
    expect(byPositives.targets.map(({ valid }) => valid)).toEqual([1, 2])
  })

  test('a single image needs no counts', async () => {
    const { targets } = await read({ logits: floats(1, 3, 4), labels: integers(1, 2), target_boxes: floats(2, 4) })
    expect(targets).toHaveLength(1)
    expect(targets[0]?.labels).toEqual(Int32Array.of(1, 2))
  })

  test.for([
    ['aux_logits_0', 'aux_boxes_0'],
    ['aux_outputs_0_pred_logits', 'aux_outputs_0_pred_boxes'],
    ['auxiliary.0.logits', 'auxiliary.0.boxes'],
  ] as const)('%s is of the first layer', async ([logits, boxes]) => {
    const layer = { [logits]: floats(2, 3, 4), [boxes]: floats(2, 3, 4) }
    const { outputs } = await read({ ...PREDICTED, ...layer, labels: integers(), counts: integers(0, 0) })
    const { data } = PREDICTED.pred_logits
    expect(outputs.auxiliary).toEqual([{ logits: { data, shape: [2, 3, 4] }, boxes: { data, shape: [2, 3, 4] } }])
  })

  test('other geometries have their names', async () => {
    const spans = {
      pred_logits: floats(1, 2, 2),
      pred_spans: floats(1, 2, 2),
      labels: integers(0),
      spans: floats(1, 2),
    }
    expect((await read(spans)).outputs).toHaveProperty('spans')
    const points = { pred_logits: floats(1, 2, 2), pred_keypoints: floats(1, 2, 6), labels: integers(0) }
    const batch = await read({
      ...points,
      keypoints: floats(1, 6),
      visible: { data: Int32Array.of(1, 1, 0), shape: [1, 3] },
    })
    expect(batch.outputs).toHaveProperty('points')
    expect(Object.keys(batch.targets[0] as object)).toEqual(['labels', 'points', 'visibility'])
  })

  test('scores are no logits', async () => {
    await expect(read({ scores: floats(1, 2, 2), labels: integers(0) })).rejects.toThrow(/neither "logits"/)
  })
})

test('targets of other images than the predictions are read, for the library to say so', async () => {
  const { targets } = await read({ ...PREDICTED, labels: integers(1), boxes: floats(1, 4), counts: integers(1, 0, 0) })
  expect(targets).toHaveLength(3)
})

describe('faults', () => {
  const targets = { labels: integers(1, 2, 3), boxes: floats(3, 4) }
  const empty = (...shape: number[]): SavedArray => ({ data: new Float32Array(0), shape })

  test.for([
    ['no counts', targets, /has 3 "labels" for 2 images, and no "counts"/],
    ['counts that do not add up', { ...targets, counts: integers(1, 1) }, /add up to 2 targets, and "labels" has 3/],
    ['counts below 0', { ...targets, counts: integers(4, -1) }, /"counts" must be numbers of targets, and holds -1/],
    ['counts twice', { ...targets, counts: integers(1, 2), sizes: integers(1, 2) }, /as "counts" does/],
    [
      'rows that do not fit',
      { ...targets, boxes: floats(2, 4), counts: integers(1, 2) },
      /"boxes" has 2 rows, and "labels" has 3/,
    ],
    [
      'layers without end',
      { ...targets, counts: integers(1, 2), aux_logits: empty(2 ** 30, 0, 0, 0) },
      /has 1073741824 layers, and 1048576 are read/,
    ],
    [
      'images without end',
      { labels: { data: new Int32Array(0), shape: [2 ** 30, 0] } },
      /are of 1073741824 images, and 4194304 are read/,
    ],
    ['no labels', { boxes: floats(3, 4) }, /has no "labels"/],
    ['a name twice', { ...targets, target_labels: integers(1, 2, 3), counts: integers(1, 2) }, /which is there twice/],
    [
      'numbered and not',
      { labels_0: integers(1), boxes: floats(1, 4) },
      /numbered by image, as "labels_0", but "boxes" is not/,
    ],
    ['a number left out', { labels_0: integers(1), boxes_0: floats(1, 4) }, /has no "labels_1"/],
    ['a number far beyond', { labels_0: integers(1), labels_4000000000: integers(1) }, /has no "labels_1"/],
    [
      'a layer far beyond',
      { ...targets, counts: integers(1, 2), aux_logits_4000000000: floats(2, 3, 4) },
      /far beyond/,
    ],
    [
      'aux without layers',
      { ...targets, counts: integers(1, 2), aux_logits: floats(2, 3, 4) },
      /must be of shape \[layers, B, Q, …\]/,
    ],
  ] as const)('%s', async ([, arrays, message]) => {
    await expect(read({ ...PREDICTED, ...arrays })).rejects.toThrow(message)
  })

  test('padded targets whose counts do not fit', async () => {
    const padded = { labels: { data: Int32Array.of(1, 2, 3, 4), shape: [2, 2] }, boxes: floats(2, 2, 4) }
    expect((await read({ ...PREDICTED, ...padded })).targets[1]?.labels).toEqual(Int32Array.of(3, 4))
    await expect(read({ ...PREDICTED, ...padded, counts: integers(1, 3) })).rejects.toThrow(
      /which its counts \[1, 3\] do not fit/,
    )
    await expect(read({ ...PREDICTED, ...padded, boxes: floats(4, 4) })).rejects.toThrow(/"boxes" is of shape \[4, 4\]/)
  })
})
