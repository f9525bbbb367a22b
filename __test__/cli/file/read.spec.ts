/** Batches of files: what NumPy and PyTorch's users write, and every way in which a file is none. */
import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { Fault } from '../../../src/cli/fault.ts'
import type { Batch } from '../../../src/cli/file/batch.ts'
import { MAX_JSON, readBatch } from '../../../src/cli/file/read.ts'
import { HungarianLoss } from '../../../src/criterion/criterion.ts'
import { savez } from '../../support/npz.ts'
import { BATCH_CASE, batchPath } from '../../support/batches.ts'
import { TOLERANCE } from '../../support/golden.ts'

const folder = mkdtempSync(join(tmpdir(), 'batches-'))
afterAll(() => rmSync(folder, { recursive: true }))

/** A file of these contents. */
function fileOf(name: string, contents: string | Uint8Array): string {
  const path = join(folder, name)
  writeFileSync(path, contents)
  return path
}

const json = (value: unknown): string => fileOf('batch.json', JSON.stringify(value))

/** The message of the fault that a file is, which must be one line. */
async function faultOf(path: string): Promise<string> {
  const error: unknown = await readBatch(path).then(
    () => new Error('it was read'),
    (thrown: unknown) => thrown,
  )
  expect(error).toBeInstanceOf(Fault)
  const { message } = error as Fault
  expect(message.startsWith(`${path}: `)).toBe(true)
  expect(message).not.toMatch(/[\n\r]/)
  return message.slice(path.length + 2)
}

const compute = ({ outputs, targets }: Batch) =>
  HungarianLoss.detr({ numClasses: 4 }).compute(outputs, targets, { gradients: false })

describe('what is read', () => {
  test.for(['pytorch.npz', 'numbered.npz', 'padded.npz', 'pytorch.json'])(
    '%s has the loss of the published code',
    async (name) => {
      const { loss, layers } = compute(await readBatch(batchPath(name)))
      expect(layers).toHaveLength(3)
      expect(Math.abs(loss / BATCH_CASE.weighted_total - 1)).toBeLessThan(TOLERANCE)
    },
  )

  test('the sizes of images, and what is left out', async () => {
    const [npz, text] = [await readBatch(batchPath('pytorch.npz')), await readBatch(batchPath('pytorch.json'))]
    expect(npz.sizes).toEqual([
      [480, 640],
      [480, 640],
    ])
    expect(text.sizes).toEqual(npz.sizes)
    expect(npz.leftOut).toEqual(['image_id'])
    expect(text.leftOut).toEqual(['targets.image_id', 'targets.area'])
    expect(text.targets.map(({ ignore }) => ignore)).toEqual(
      BATCH_CASE.targets.map(({ labels }) => labels.map(() => 0)),
    )
  })

  test('padding says how many count', async () => {
    const { targets } = await readBatch(batchPath('padded.npz'))
    expect(targets.map(({ valid }) => valid)).toEqual(BATCH_CASE.targets.map(({ labels }) => labels.length))
  })

  test('JSON with our own keys: tensors with their shape, further parts, settings of layers', async () => {
    const logits = { data: [1, 2, 0, 0, 0, 1], shape: [1, 2, 3] }
    const boxes = { data: [0.5, 0.5, 0.2, 0.2, 0.3, 0.3, 0.1, 0.1], shape: [1, 2, 4] }
    const target = { labels: [1], boxes: [[0.5, 0.5, 0.2, 0.2]] }
    const outputs = { logits, boxes, groups: 2, encoder: { logits, boxes, weight: 0.5 }, cost: [[[0], [1]]] }
    const batch = await readBatch(json({ outputs, targets: [target] }))
    expect(batch.outputs).toEqual({ ...outputs, cost: [{ data: [[0], [1]], shape: [2, 1] }] })
    expect(batch.targets).toEqual([target])
    expect(compute2(batch).encoder?.layers).toHaveLength(1)
  })
  const compute2 = ({ outputs, targets }: Batch) => HungarianLoss.detr({ numClasses: 2 }).compute(outputs, targets)

  test('JSON with the outputs at the top, and a mark of the byte order', async () => {
    const text = JSON.stringify({
      pred_logits: [[[0, 1]]],
      pred_boxes: [[[0.5, 0.5, 0.1, 0.1]]],
      targets: [{ labels: [] }],
    })
    const batch = await readBatch(fileOf('marked.json', `\ufeff${text}`))
    expect(batch.outputs.logits).toEqual({ data: [[[0, 1]]], shape: [1, 1, 2] })
  })

  test('a key __proto__ is one that nobody knows', async () => {
    const own = '"__proto__": { "pred_boxes": 1, "labels": [0] }'
    const path = fileOf('proto.json', `{ "pred_logits": [[[0, 1]]], ${own}, "targets": [{ ${own} }] }`)
    const { outputs, targets } = await readBatch(path)
    for (const read of [outputs, targets[0] as object]) {
      expect(Object.keys(read)).toContain('__proto__')
      expect(Object.getPrototypeOf(read)).toBe(Object.prototype)
    }
  })

  test('JSON after any white space', async () => {
    const path = fileOf('white.json', `${'\n'.repeat(40)}{ "pred_logits": [[[0, 1]]], "targets": [{ "labels": [] }] }`)
    expect((await readBatch(path)).targets).toHaveLength(1)
  })

  test('an image without targets may have labels of any dtype, and boxes may be integers of 64 bits', async () => {
    const none = { data: new Float32Array(0), shape: [0] }
    const boxes = { data: BigInt64Array.of(1n, 2n, 3n, 4n), shape: [1, 4] }
    const label = { data: Int32Array.of(1), shape: [1] }
    const logits = { data: new Float32Array(6), shape: [2, 1, 3] }
    const flags = { data: BigInt64Array.of(0n), shape: [1] }
    const path = fileOf(
      'untargeted.npz',
      savez({ logits, labels_0: none, labels_1: label, boxes_1: boxes, iscrowd_1: flags }),
    )
    const { targets } = await readBatch(path)
    expect(targets[0]).toEqual({ labels: new Int32Array(0) })
    expect(targets[1]).toMatchObject({ boxes: { data: Float64Array.of(1, 2, 3, 4) }, ignore: Float64Array.of(0) })
  })

  test('a key that nobody knows stays, and is refused by the library with the place', async () => {
    const batch = await readBatch(
      json({ outputs: { logits: [[[0, 1]]], boxs: 1 }, targets: [{ labels: [], colour: 1 }] }),
    )
    expect(() => compute(batch)).toThrow(/outputs\.boxs.*did you mean boxes/)
  })
})

describe('what is no batch', () => {
  test('no file, a folder, an empty file, a file of something else', async () => {
    expect(await faultOf(join(folder, 'none.npz'))).toBe('there is no such file')
    expect(await faultOf(join(fileOf('below.npz', 'x'), 'none.npz'))).toBe('there is no such file')
    expect(await faultOf(folder)).toBe('it is a folder')
    expect(await faultOf(fileOf('empty.npz', ''))).toBe('it is empty')
    expect(await faultOf(fileOf('text.npz', 'hello'))).toBe('it is neither .npz (numpy.savez) nor JSON')
    expect(await faultOf(fileOf('other.npz', Uint8Array.of(0xff, 0xd8, 0xff)))).toMatch(/neither/)
    expect(await faultOf(fileOf('x.pkl', Uint8Array.of(0x80, 4, 0x95)))).toMatch(/pickled Python objects/)
    expect(await faultOf(fileOf('x.gz', Uint8Array.of(0x1f, 0x8b, 8)))).toMatch(/compressed by gzip/)
    expect(await faultOf(fileOf('x.h5', Uint8Array.of(0x89, 0x48, 0x44, 0x46)))).toMatch(/HDF5/)
  })

  test.for([
    ['objects.npz', /"targets" holds pickled Python objects, which are never loaded/],
    ['structured.npz', /"logits" is a structured array/],
    ['text.npz', /"logits" is of the dtype <U2/],
    ['single.npy', /holds one array alone/],
    ['torch.pt', /was made by torch\.save/],
    ['others.zip', /ZIP archive without any array of NumPy/],
    ['other-keys.npz', /neither "logits" nor "pred_logits"; its arrays are "weights", "bias"/],
    ['dtypes.npz', /neither "logits" nor "pred_logits".* and \d+ more/],
  ] as const)('%s', async ([name, message]) => {
    expect(await faultOf(batchPath(name))).toMatch(message)
  })

  test.for([
    ['a number', [1], /must hold an object \{ outputs, targets \}/],
    ['other keys', { weights: 1, targets: [] }, /neither logits nor pred_logits; it is an object with the key weights/],
    ['outputs that are none', { outputs: 3, targets: [] }, /"outputs" has neither logits nor pred_logits; it is 3/],
    ['no targets', { pred_logits: [[[0, 1]]] }, /has no "targets"/],
    ['targets that are none', { pred_logits: [[[0, 1]]], targets: { labels: [] } }, /"targets" must be an array/],
    ['a name twice', { pred_logits: [], logits: [], targets: [] }, /"logits" stands for logits, which is there twice/],
  ] as const)('JSON: %s', async ([, value, message]) => {
    expect(await faultOf(json(value))).toMatch(message)
  })

  test('JSON that is broken, and the numbers that Python writes and JSON does not have', async () => {
    expect(await faultOf(fileOf('a.json', '{"pred_logits": [[[0, 1'))).toMatch(/no JSON, or cut off \(/)
    expect(await faultOf(fileOf('b.json', '{"pred_logits": [[[NaN, 1]]]}'))).toMatch(/NaN or Infinity.*numpy\.savez/)
    expect(await faultOf(fileOf('c.json', '{"a": -Infinity}'))).toMatch(/NaN or Infinity/)
  })

  test('text of another encoding, and JSON that is nested deeper than any batch', async () => {
    const text = Buffer.from('\ufeff{}', 'utf16le')
    expect(await faultOf(fileOf('d.json', text))).toMatch(/UTF-16.*save it as UTF-8/)
    expect(await faultOf(fileOf('e.json', text.swap16()))).toMatch(/UTF-16/)
    const nested = `${'{"pred_logits":[[[1]]],"enc_outputs":'.repeat(50_000)}1${'}'.repeat(50_000)}`
    expect(await faultOf(fileOf('f.json', `${nested.slice(0, -1)},"targets":[]}`))).toBe('it is nested too deeply')
  })

  test('arrays that are encrypted, or packed as NumPy packs none', async () => {
    const bytes = savez({ logits: { data: new Float32Array(3), shape: [1, 1, 3] } })
    const entry = bytes.indexOf('PK\u0001\u0002', 0, 'latin1')
    const changed = (offset: number, value: number) => {
      const copy = Buffer.from(bytes)
      copy[entry + offset] = value
      return copy
    }
    expect(await faultOf(fileOf('method.npz', changed(10, 12)))).toMatch(/logits\.npy is packed as NumPy packs nothing/)
    const encrypted = changed(8, 1)
    encrypted.writeUInt32LE(12 + encrypted.readUInt32LE(entry + 20), entry + 20) // the header of the encryption
    expect(await faultOf(fileOf('encrypted.npz', encrypted))).toMatch(/logits\.npy is encrypted/)
  })

  test('a huge JSON is not read', async () => {
    const path = fileOf('huge.json', '{')
    truncateSync(path, MAX_JSON + 1)
    expect(await faultOf(path)).toMatch(/has \d+ MB of JSON, and \d+ MB are read at most: save it by numpy\.savez/)
  })

  test('huge arrays are not unpacked, whatever the archive says of their packed size', async () => {
    const bytes = readFileSync(batchPath('numbered.npz'))
    const entry = bytes.indexOf('PK\u0001\u0002', 0, 'latin1')
    bytes.writeUInt32LE(2 ** 31, entry + 24)
    expect(await faultOf(fileOf('bomb.npz', bytes))).toMatch(/arrays have 2049 MB, and 1024 MB are read at most/)
  })

  test('an archive cut off anywhere is a fault', async () => {
    const bytes = readFileSync(batchPath('pytorch.npz'))
    for (let length = 1; length < bytes.length; length += 61) {
      expect(await faultOf(fileOf('cut.npz', bytes.subarray(0, length)))).not.toBe('')
    }
    expect(await faultOf(fileOf('cut.npz', bytes.subarray(0, 2000)))).toMatch(/broken or cut off/)
  })

  test('an archive with a byte changed is a fault, or reads the same arrays', async () => {
    const bytes = readFileSync(batchPath('numbered.npz'))
    const { loss } = compute(await readBatch(batchPath('numbered.npz')))
    let faults = 0
    for (let place = 0; place < bytes.length; place += 23) {
      const changed = Buffer.from(bytes)
      changed[place] = (changed[place] as number) ^ 0x55
      const path = fileOf('changed.npz', changed)
      const read = await readBatch(path).catch((error: unknown) => {
        expect(error).toBeInstanceOf(Fault)
        faults++
      })
      if (read !== undefined && read.leftOut.length === 0) expect(compute(read).loss).toBe(loss)
    }
    expect(faults).toBeGreaterThan(50)
  })
})
