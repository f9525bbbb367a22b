import { describe, expect, test } from 'vitest'
import { HungarianLoss, linearSumAssignment } from '../../src/index.ts'
import type { Outputs, TensorLike } from '../../src/index.ts'
import { bitsOf, errorOf, randomLayer, randomTargets, tiny, untyped } from '../support/helpers.ts'

const criterion = HungarianLoss.detr({ numClasses: 4 })
const outputs = randomLayer(1)
const targets = randomTargets(1)
const expected = criterion.compute(outputs, targets)

/** Rows in rows, of the shape given. */
function nest(data: ArrayLike<number>, [size = 1, ...rest]: readonly number[]): any[] {
  const part = data.length / size
  const flat = Array.from(data)
  return Array.from({ length: size }, (_, i) => {
    const piece = flat.slice(i * part, (i + 1) * part)
    return rest.length === 0 ? piece[0] : nest(piece, rest)
  })
}

const Float16 = (globalThis as { Float16Array?: { from(values: ArrayLike<number>): ArrayLike<number> } }).Float16Array

describe('float32: the same values give the same bits as', () => {
  type Form = (tensor: { data: Float32Array; shape: number[] }) => unknown
  test.each<[string, Form]>([
    ['a Float32Array with dims', ({ data, shape }) => ({ data, dims: shape })],
    [
      'a view into a larger buffer',
      ({ data, shape }) => ({ data: Float32Array.of(9, ...data, 9).subarray(1, data.length + 1), shape }),
    ],
    ['a Float64Array', ({ data, shape }) => ({ data: Float64Array.from(data), shape })],
    ['flat numbers', ({ data, shape }) => ({ data: [...data], shape })],
    ['nested numbers', ({ data, shape }) => ({ data: nest(data, shape), shape })],
    [
      'nested typed rows',
      ({ data, shape }) => ({
        data: nest(data, shape).map((rows) => rows.map((row: number[]) => Float32Array.from(row))),
        shape,
      }),
    ],
    [
      'a tensor of a class',
      ({ data, shape }) =>
        new (class Tensor {
          data = data
          get dims() {
            return shape
          }
        })(),
    ],
  ])('%s', (_, form) => {
    const result = criterion.compute(
      untyped<Outputs>({ logits: form(outputs.logits), boxes: form(outputs.boxes) }),
      targets,
    )
    expect(result.loss).toBe(expected.loss)
    expect(bitsOf(result.gradients?.logits)).toBe(bitsOf(expected.gradients?.logits))
    expect(bitsOf(result.gradients?.boxes)).toBe(bitsOf(expected.gradients?.boxes))
  })
})

test.runIf(Float16 !== undefined)('float32: a Float16Array counts with the values that it holds', () => {
  const halves = { data: Float16!.from(outputs.logits.data), shape: outputs.logits.shape }
  const rounded = { data: Float32Array.from(halves.data), shape: outputs.logits.shape }
  expect(criterion.compute(untyped<Outputs>({ logits: halves, boxes: outputs.boxes }), targets).loss).toBe(
    criterion.compute({ logits: rounded, boxes: outputs.boxes }, targets).loss,
  )
})

describe('shapeOf and float32: a tensor is refused:', () => {
  const detached = new Float32Array(2)
  structuredClone(detached.buffer, { transfer: [detached.buffer] })

  test.each<[string, unknown, object, RegExp]>([
    ['undefined', undefined, { code: 'DTYPE' }, /\{ data, shape \} or \{ data, dims \}, got undefined/],
    ['a bare Float32Array', new Float32Array(2), { code: 'DTYPE' }, /got Float32Array/],
    ['bare rows', [[[1, 2]]], { code: 'DTYPE' }, /got an array/],
    [
      'without a shape',
      { data: new Float32Array(2) },
      { code: 'SHAPE' },
      /needs a shape, an array of sizes, got undefined/,
    ],
    ['with a number for a shape', { data: new Float32Array(2), shape: 2 }, { code: 'SHAPE' }, /got 2/],
    [
      'with a negative size',
      { data: new Float32Array(2), shape: [1, -1, 2] },
      { code: 'SHAPE' },
      /got -1 at position 1/,
    ],
    ['with a fraction', { data: new Float32Array(2), shape: [1, 1.5, 2] }, { code: 'SHAPE' }, /got 1.5/],
    ['with a size that is a string', { data: new Float32Array(2), shape: ['1', 1, 2] }, { code: 'SHAPE' }, /got "1"/],
    ['with a size that is NaN', { data: new Float32Array(2), shape: [NaN, 1, 2] }, { code: 'SHAPE' }, /got NaN/],
    [
      'with a size beyond 32 bits',
      { data: new Float32Array(2), shape: [2 ** 31, 1, 2] },
      { code: 'SHAPE' },
      /got 2147483648/,
    ],
    [
      'whose product would wrap',
      { data: new Float32Array(0), shape: [2 ** 30, 2 ** 30, 2] },
      { code: 'SHAPE' },
      /got 0/,
    ],
    [
      'too short',
      { data: new Float32Array(1), shape: [1, 1, 2] },
      { code: 'SHAPE' },
      /expected 2 values for \[1, 1, 2\], got 1/,
    ],
    [
      'too long',
      { data: new Float64Array(3), shape: [1, 1, 2] },
      { code: 'SHAPE' },
      /expected 2 values for \[1, 1, 2\], got 3/,
    ],
    [
      'flat and too short',
      { data: [1], shape: [1, 1, 2] },
      { code: 'SHAPE' },
      /expected 2 values for \[1, 1, 2\], got 1/,
    ],
    [
      'ragged',
      { data: [[[1, 2, 3]]], shape: [1, 1, 2] },
      { code: 'SHAPE' },
      /expected 2 entries at axis 2 of \[1, 1, 2\], got 3/,
    ],
    ['nested too little', { data: [[1, 2]], shape: [1, 1, 2] }, { code: 'SHAPE' }, /expected 1 entries at axis 1/],
    ['nested too deep', { data: [[[[1], [2]]]], shape: [1, 1, 2] }, { code: 'DTYPE' }, /got an array of 1/],
    ['with a string among its numbers', { data: [1, '2'], shape: [1, 1, 2] }, { code: 'DTYPE' }, /"2" at index 1/],
    [
      'with null among its numbers',
      { data: [[[null, 2]]], shape: [1, 1, 2] },
      { code: 'DTYPE' },
      /null \(JSON's Infinity or NaN\?\) at index 0/,
    ],
    ['with null for a row', { data: [[[1, 2]], null], shape: [2, 1, 2] }, { code: 'DTYPE' }, /null/],
    ['without data', { shape: [1, 1, 2] }, { code: 'DTYPE' }, /got undefined/],
    ['of Int32Array', { data: new Int32Array(2), shape: [1, 1, 2] }, { code: 'DTYPE' }, /got Int32Array/],
    [
      'of Uint16Array, as of float16 bits',
      { data: new Uint16Array(2), shape: [1, 1, 2] },
      { code: 'DTYPE' },
      /got Uint16Array \(type 'float16': cast the output to float32 in the model\)$/,
    ],
    ['of BigInt64Array', { data: new BigInt64Array(2), shape: [1, 1, 2] }, { code: 'DTYPE' }, /got BigInt64Array/],
    ['of an ArrayBuffer', { data: new ArrayBuffer(8), shape: [1, 1, 2] }, { code: 'DTYPE' }, /got an object/],
    ['of a string', { data: 'ab', shape: [1, 1, 2] }, { code: 'DTYPE' }, /got "ab"/],
    [
      'of TensorFlow.js',
      { data: async () => {}, shape: [1, 1, 2] },
      { code: 'DTYPE' },
      /hungarian-loss\/tfjs; to inspect .* check: 'warn'\)/,
    ],
    [
      'in shared memory',
      { data: new Float32Array(new SharedArrayBuffer(8)), shape: [1, 1, 2] },
      { code: 'DTYPE' },
      /SharedArrayBuffer/,
    ],
    [
      'in shared memory as float64',
      { data: new Float64Array(new SharedArrayBuffer(16)), shape: [1, 1, 2] },
      { code: 'DTYPE' },
      /SharedArrayBuffer/,
    ],
    ['detached', { data: detached, shape: [1, 1, 2] }, { code: 'SHAPE' }, /detached/],
  ])('%s', (_, logits, details, message) => {
    const batch = tiny()
    const shape = untyped<{ shape?: unknown } | undefined>(logits)?.shape
    const boxes = Array.isArray(shape) ? { data: [], shape: [shape[0], shape[1], 4] } : batch.outputs.boxes
    const error = errorOf(() =>
      HungarianLoss.detr({ numClasses: 1 }).compute({ boxes, logits: untyped<TensorLike>(logits) }, batch.targets),
    )
    expect(error).toMatchObject({ ...details, argument: 'outputs.logits' })
    expect(error.message).toMatch(message)
  })
})

describe('dataIn: a tensor of ONNX Runtime whose data are not in memory says so:', () => {
  /** As `Tensor` of onnxruntime-common: `data` throws where they are on the device, or gone. */
  class OrtTensor {
    readonly dims = [1, 1, 2]
    readonly location: string
    constructor(location: string) {
      this.location = location
    }
    get data(): Float32Array {
      if (this.location === 'none') throw new Error('The tensor is disposed.')
      if (this.location !== 'cpu')
        throw new Error('The data is not on CPU. Use `getData()` to download GPU data to CPU')
      return new Float32Array([0.5, -0.5])
    }
  }
  const criterion = HungarianLoss.detr({ numClasses: 1 })
  test.each<[string, RegExp]>([
    ['none', /^outputs\.logits: the tensor has been disposed, so that its data are gone$/],
    ['gpu-buffer', /on the device \(location "gpu-buffer"\): await getData\(\) first$/],
    ['ml-tensor', /on the device/],
  ])('%s', (location, message) => {
    const { outputs, targets } = tiny()
    const logits = new OrtTensor(location)
    const error = errorOf(() => criterion.compute({ ...outputs, logits: untyped(logits) }, targets))
    expect(error).toMatchObject({ code: 'DTYPE', argument: 'outputs.logits' })
    expect(error.message).toMatch(/^outputs\.logits: /)
    expect(error.message).toMatch(message)
    expect(error.original).toBeInstanceOf(Error)
  })
  test('in a target and as a cost, too; one in memory is read', () => {
    const { outputs, targets } = tiny()
    const boxes = untyped<[]>(new OrtTensor('gpu-buffer'))
    expect(errorOf(() => criterion.compute(outputs, [{ labels: [0], boxes }]))).toMatchObject({ code: 'DTYPE' })
    const cost = Object.assign(new OrtTensor('none'), { dims: [1, 1] })
    expect(errorOf(() => linearSumAssignment(untyped(cost))).message).toMatch(/^cost: the tensor has been disposed/)
    const loss = criterion.compute({ ...outputs, logits: untyped(new OrtTensor('cpu')) }, targets).loss
    expect(loss).toBe(criterion.compute(outputs, targets).loss)
  })
})

// microsoft/onnxruntime: where there is no Float16Array, a tensor of type float16 has its bits in a Uint16Array
test('checkHalves: bits of float16 numbers are not taken for integers', () => {
  const { outputs, targets } = tiny()
  const criterion = HungarianLoss.detr({ numClasses: 1, normalizedBoxes: false })
  const halves = (...dims: number[]) => ({ type: 'float16', data: new Uint16Array(dims.reduce((a, b) => a * b)), dims })
  for (const [argument, call] of [
    ['cost', () => linearSumAssignment(halves(2, 2))],
    ['targets[0].boxes', () => criterion.compute(outputs, [{ labels: [0], boxes: halves(1, 4) }])],
    ['targets[0].labels', () => criterion.compute(outputs, [{ labels: halves(1), boxes: targets[0]!.boxes }])],
  ] as const) {
    const error = errorOf(call)
    expect(error).toMatchObject({ code: 'DTYPE', argument })
    expect(error.message).toMatch(/bits of float16 .*\(type 'float16': cast the output to float32 in the model\)$/)
  }
  expect(linearSumAssignment({ ...halves(2, 2), type: 'uint16' }).total).toBe(0)
})

test('float32 and floats: nested rows in shared memory are refused, as flat data are', () => {
  const { outputs, targets } = tiny()
  const row = new Float32Array(new SharedArrayBuffer(8))
  const criterion = HungarianLoss.detr({ numClasses: 1 })
  const logits = { data: [[row]], shape: [1, 1, 2] }
  expect(errorOf(() => criterion.compute({ ...outputs, logits: untyped(logits) }, targets))).toMatchObject({
    code: 'DTYPE',
    argument: 'outputs.logits',
  })
  const boxes = [new Float32Array(new SharedArrayBuffer(16))]
  expect(errorOf(() => criterion.compute(outputs, [{ labels: [0], boxes }]))).toMatchObject({
    code: 'DTYPE',
    argument: 'targets[0].boxes[0]',
  })
  const labels = [new Int32Array(new SharedArrayBuffer(4))]
  expect(
    errorOf(() => HungarianLoss.rtDetr({ numClasses: 2 }).compute(outputs, [{ labels, boxes: [0, 0, 0, 0] }])),
  ).toMatchObject({
    code: 'DTYPE',
    argument: 'targets[0].labels[0]',
  })
})

describe('float32 and floats: no more memory is taken than the data may fill:', () => {
  const criterion = HungarianLoss.detr({ numClasses: 1 })
  const { outputs, targets } = tiny()
  test.each<[string, unknown]>([
    ['one number for many', { data: [1], shape: [1, 2 ** 30, 2] }],
    ['one row for many', { data: [[[1, 2]]], shape: [1, 2 ** 30, 2] }],
    ['a short first row', { data: [[[1]]], shape: [1, 1, 2 ** 31 - 1] }],
    ['a product beyond all arrays', { data: [], shape: [2 ** 31 - 1, 2 ** 31 - 1, 2] }],
  ])('%s', (_, logits) => {
    const before = process.memoryUsage().arrayBuffers
    expect(errorOf(() => criterion.compute({ ...outputs, logits: untyped(logits) }, targets)).code).toBe('SHAPE')
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(2 ** 20)
  })
})

test('lengthOf: lengths and memory that an array only claims to have do not count', () => {
  const { outputs, targets } = tiny()
  const criterion = HungarianLoss.detr({ numClasses: 1 })
  const data = Object.defineProperty(new Float32Array(1), 'length', { value: 2 })
  expect(errorOf(() => criterion.compute({ ...outputs, logits: { data, shape: [1, 1, 2] } }, targets))).toMatchObject({
    code: 'SHAPE',
    message: 'outputs.logits: expected 2 values for [1, 1, 2], got 1',
  })
  const logits = Object.defineProperty(outputs.logits.data.subarray(), 'buffer', { value: new ArrayBuffer(8) })
  const out = { logits, boxes: new Float32Array(4) }
  expect(errorOf(() => criterion.compute(outputs, targets, { out }))).toMatchObject({ code: 'RANGE' })
})
