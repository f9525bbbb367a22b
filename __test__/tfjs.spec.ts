// oxlint-disable-next-line import/no-unassigned-import -- registers itself
import '@tensorflow/tfjs-backend-cpu'
import { runInNewContext } from 'node:vm'
import * as tf from '@tensorflow/tfjs-core'
import { beforeAll, describe, expect, test } from 'vitest'
import { HungarianLoss } from '../src/index.ts'
import type { Gradients } from '../src/index.ts'
import { hungarianLoss, lossGradients } from '../src/tfjs.ts'
import type { TensorOutputs } from '../src/tfjs.ts'
import { bitsOf, errorOf, expectClose, randomLayer, randomNumbers, randomTargets, untyped } from './support/helpers.ts'

/** The gradient of what may have been a scalar among larger tensors. */
const fit = (gradient: tf.Tensor, { rank }: tf.Tensor) => (rank === 0 ? tf.sum(gradient) : gradient)

beforeAll(async () => {
  await tf.setBackend('cpu')
  // The bare core brings no gradients of its own: these three are all that the tests need.
  tf.registerGradient({
    kernelName: 'Multiply',
    inputsToSave: ['a', 'b'],
    gradFunc: (dy, saved) => {
      const [a, b] = saved as [tf.Tensor, tf.Tensor]
      return { a: () => fit(tf.mul(dy as tf.Tensor, b), a), b: () => fit(tf.mul(dy as tf.Tensor, a), b) }
    },
  })
  tf.registerGradient({ kernelName: 'Add', gradFunc: (dy) => ({ a: () => dy as tf.Tensor, b: () => dy as tf.Tensor }) })
  tf.registerGradient({
    kernelName: 'Sum',
    inputsToSave: ['x'],
    gradFunc: (dy, [x]) => ({ x: () => tf.mul(tf.onesLike(x as tf.Tensor), dy as tf.Tensor) }),
  })
})

const criterion = HungarianLoss.detr({ numClasses: 4 })
const layers = [randomLayer(1), randomLayer(2), randomLayer(3)] as const
const outputs = { ...layers[2], auxiliary: [layers[0], layers[1]] }
const targets = randomTargets(1)
const expected = criterion.compute(outputs, targets)
const flat = ({ auxiliary = [], ...final }: Gradients) =>
  [final, ...auxiliary].flatMap(({ logits, boxes }) => [logits, boxes])

type Layer = ReturnType<typeof randomLayer>
/** Tensors of copies, since the cpu backend works on the memory that it is given. */
const tensorOf = ({ data, shape }: Layer['logits']) => tf.tensor(data.slice(), shape)
const layerOf = ({ logits, boxes }: Layer) => ({ logits: tensorOf(logits), boxes: tensorOf(boxes) })
const tensors = () =>
  [layers[2], layers[0], layers[1]].flatMap(({ logits, boxes }) => [tensorOf(logits), tensorOf(boxes)])
const outputsOf = ([logits, boxes, ...rest]: tf.Tensor[]): TensorOutputs => ({
  logits: logits!,
  boxes: boxes!,
  auxiliary: [0, 2].slice(0, rest.length / 2).map((i) => ({ logits: rest[i]!, boxes: rest[i + 1]! })),
})

describe('hungarianLoss: value and gradients are those of compute', () => {
  test('for several layers in a list', () => {
    const loss = hungarianLoss(tf, criterion)
    const { value, grads } = tf.valueAndGrads((...args) => loss(outputsOf(args), targets))(tensors())
    expectClose(value.dataSync()[0]!, expected.loss, 1e-7)
    expect(value.shape).toEqual([])
    expect(grads.map((gradient) => bitsOf(gradient.dataSync()))).toEqual(flat(expected.gradients!).map(bitsOf))
    expect(grads.map(({ shape }) => shape[2])).toEqual([5, 4, 5, 4, 5, 4])
  })

  test('for layers stacked in rank 4', () => {
    const loss = hungarianLoss(tf, criterion)
    const { value, grads } = tf.valueAndGrads((logits, boxes) => loss({ logits: logits!, boxes: boxes! }, targets))([
      tf.stack(layers.map((layer) => tensorOf(layer.logits))),
      tf.stack(layers.map((layer) => tensorOf(layer.boxes))),
    ])
    expectClose(value.dataSync()[0]!, expected.loss, 1e-7)
    const [logits, boxes] = grads.map((gradient) => bitsOf(gradient.dataSync()))
    const [last, lastBoxes, ...rest] = flat(expected.gradients!).map(bitsOf)
    expect(logits).toBe(`${rest[0]}${rest[2]}${last}`)
    expect(boxes).toBe(`${rest[1]}${rest[3]}${lastBoxes}`)
  })

  test('for a single layer', () => {
    const loss = hungarianLoss(tf, criterion)
    const single = criterion.compute(layers[2], targets)
    const { grads } = tf.valueAndGrads((logits, boxes) => loss({ logits: logits!, boxes: boxes! }, targets))([
      tensorOf(layers[2].logits),
      tensorOf(layers[2].boxes),
    ])
    expect(grads.map((gradient) => bitsOf(gradient.dataSync()))).toEqual(flat(single.gradients!).map(bitsOf))
  })
})

test('hungarianLoss: value and gradients reach every part', () => {
  const make = (seed: number, queries: number) => randomLayer(seed, { queries })
  const given = [make(11, 6), make(12, 6), make(13, 9), make(14, 12), make(15, 12), make(16, 14)] as const
  const arrange = <T>([main, first, proposals, noisy, noisyFirst, many]: readonly T[]) => ({
    ...main!,
    auxiliary: [first!],
    groups: 2,
    encoder: { ...proposals!, classAgnostic: true, groups: 3 },
    denoising: { ...noisy!, auxiliary: [noisyFirst!], groups: 2 },
    oneToMany: { ...many!, repeat: 2, weight: 0.5 },
  })
  const whole = criterion.compute(arrange(given), targets)
  const parts = [whole.gradients!, whole.gradients!.encoder!, whole.gradients!.denoising!, whole.gradients!.oneToMany!]
  const loss = hungarianLoss(tf, criterion)
  const inputs = given.flatMap(({ logits, boxes }) => [tensorOf(logits), tensorOf(boxes)])
  const { value, grads } = tf.valueAndGrads((...args) => {
    const tensorLayers = given.map((_, i) => ({ logits: args[2 * i]!, boxes: args[2 * i + 1]! }))
    return loss(arrange(tensorLayers), targets)
  })(inputs)
  expectClose(value.dataSync()[0]!, whole.loss, 1e-6)
  expect(grads.map((gradient) => bitsOf(gradient.dataSync()))).toEqual(parts.flatMap(flat).map(bitsOf))
  expect(grads.map(({ shape }) => shape)).toEqual(inputs.map(({ shape }) => shape))
})

test('hungarianLoss: corners are differentiated by, and references only read', async () => {
  const fine = HungarianLoss.dFine({ numClasses: 5, distribution: { regMax: 4 } })
  const random = randomNumbers(3)
  const corners = layers.map(() => ({ data: Float32Array.from({ length: 240 }, random), shape: [2, 6, 20] }))
  const references = randomLayer(4).boxes
  const edged = (i: number) => ({ ...layers[i]!, corners: corners[i]!, references })
  const [first, last] = [edged(0), edged(1)]
  const { gradients, loss: total } = fine.compute({ ...last, auxiliary: [first] }, targets)
  const all = [gradients!, gradients!.auxiliary![0]!].flatMap((layer) => [layer.logits, layer.boxes, layer.corners])
  const inputs = [last, first].flatMap((layer) => [layer.logits, layer.boxes, layer.corners].map(tensorOf))
  const arrange = (args: tf.Tensor[]): TensorOutputs => {
    const [lastLayer, firstLayer] = [0, 3].map((i) => ({
      logits: args[i]!,
      boxes: args[i + 1]!,
      corners: args[i + 2]!,
      references: tensorOf(references),
    }))
    return { ...lastLayer!, auxiliary: [firstLayer!] }
  }
  const loss = hungarianLoss(tf, fine)
  const { value, grads } = tf.valueAndGrads((...args) => loss(arrange(args), targets))(inputs)
  expectClose(value.dataSync()[0]!, total, 1e-6)
  expect(grads.map((gradient) => bitsOf(gradient.dataSync()))).toEqual(all.map(bitsOf))
  expect(grads.map(({ shape }) => shape)).toEqual(inputs.map(({ shape }) => shape))
  const result = await lossGradients(fine, arrange(inputs), targets)
  expect(bitsOf(result.gradients!.corners)).toBe(bitsOf(gradients!.corners))
  const bad = { ...arrange(inputs), references: tf.zeros([2, 6, 4], 'int32') }
  expect(errorOf(() => loss(bad, targets))).toMatchObject({ code: 'DTYPE', argument: 'outputs.references' })
})

test('hungarianLoss: a range of queries needs no tensors, and a layer may be matched as another is', () => {
  const loss = hungarianLoss(tf, criterion)
  const structure = { denoising: { queries: [0, 2], contrastive: false, padding: 'ignore' } } as const
  const few = randomTargets(2, { targets: [1, 2] })
  const matching = { from: 1 }
  const plain = criterion.compute({ ...layers[2], auxiliary: [{ ...layers[0], matching }], ...structure }, few)
  const value = loss({ ...layerOf(layers[2]), auxiliary: [{ ...layerOf(layers[0]), matching }], ...structure }, few)
  expectClose(value.dataSync()[0]!, plain.loss, 1e-6)
  expect(loss.lastResult.layers[0]!.matches).toEqual(plain.layers[0]!.matches)
})

test('hungarianLoss: what comes after the loss is honoured', () => {
  const loss = hungarianLoss(tf, criterion)
  const grads = tf.grads((...args) => tf.mul(loss(outputsOf(args), targets), 3))(tensors())
  flat(expected.gradients!).forEach((gradient, i) => {
    expect(grads[i]!.dataSync()).toEqual(gradient.map((value) => 3 * value))
  })
})

test('hungarianLoss: what comes before the loss is reached', () => {
  const loss = hungarianLoss(tf, criterion)
  const [logits, boxes] = [tensorOf(layers[2].logits), tensorOf(layers[2].boxes)]
  const gradient = tf.grad((scale: tf.Tensor) => loss({ logits: tf.mul(logits, scale), boxes }, targets))(tf.scalar(1))
  const single = criterion.compute(layers[2], targets).gradients!
  const sum = single.logits.reduce((total, value, i) => total + value * layers[2].logits.data[i]!, 0)
  expectClose(gradient.dataSync()[0]!, sum, 1e-5)
})

test('lastResult: the latest result is kept, and calls may carry normalisers', () => {
  const loss = hungarianLoss(tf, criterion)
  expect(errorOf(() => loss.lastResult)).toMatchObject({ code: 'OPTION', argument: 'lastResult' })
  const value = loss(outputsOf(tensors()), targets)
  expect(value.rank).toBe(0)
  expect(loss.lastResult.loss).toBe(expected.loss)
  expect(loss.lastResult.layers.length).toBe(3)
  loss(outputsOf(tensors()), targets, { numBoxes: 10, classNormalizer: [1, 2, 3] })
  expect(loss.lastResult.normalizers).toMatchObject({ numBoxes: 10, classNormalizer: 3 })
})

test('hungarianLoss: inputs are not written to', () => {
  const inputs = tensors()
  const before = inputs.map((tensor) => bitsOf(tensor.dataSync()))
  tf.valueAndGrads((...args) => hungarianLoss(tf, criterion)(outputsOf(args), targets))(inputs)
  expect(inputs.map((tensor) => bitsOf(tensor.dataSync()))).toEqual(before)
})

describe('hungarianLoss: no tensors are left behind', () => {
  test('by a loss alone', () => {
    const inputs = tensors()
    const loss = hungarianLoss(tf, criterion)
    const before = tf.memory().numTensors
    loss(outputsOf(inputs), targets).dispose()
    expect(tf.memory().numTensors).toBe(before)
  })

  test('by gradients', () => {
    const inputs = tensors()
    const loss = hungarianLoss(tf, criterion)
    const before = tf.memory().numTensors
    const { value, grads } = tf.valueAndGrads((...args) => loss(outputsOf(args), targets))(inputs)
    expect(tf.memory().numTensors).toBe(before + 7)
    tf.dispose([value, ...grads])
    expect(tf.memory().numTensors).toBe(before)
  })

  test('by a loss that is refused', () => {
    const inputs = tensors()
    const loss = hungarianLoss(tf, criterion)
    const before = tf.memory().numTensors
    errorOf(() =>
      tf.valueAndGrads((...args) => loss(outputsOf(args), [{ labels: [9], boxes: [[0, 0, 1, 1]] }, targets[1]!]))(
        inputs,
      ),
    )
    expect(tf.memory().numTensors).toBe(before)
  })
})

test('lossGradients: gradients of asynchronous tensors train in two phases', async () => {
  const inputs = tensors()
  const before = tf.memory().numTensors
  const result = await lossGradients(criterion, outputsOf(inputs), targets)
  expect(tf.memory().numTensors).toBe(before)
  expect(result.loss).toBe(expected.loss)
  expect(flat(result.gradients!).map(bitsOf)).toEqual(flat(expected.gradients!).map(bitsOf))

  const [logits, boxes] = inputs as [tf.Tensor, tf.Tensor]
  const seeds = [
    tf.tensor(result.gradients!.logits, logits.shape),
    tf.tensor(result.gradients!.boxes, boxes.shape),
  ] as const
  const [logitsGradient, boxesGradient] = tf.grads((l, b) =>
    tf.add(tf.sum(tf.mul(l!, seeds[0])), tf.sum(tf.mul(b!, seeds[1]))),
  )([logits, boxes])
  expect(bitsOf(logitsGradient!.dataSync())).toBe(bitsOf(expected.gradients!.logits))
  expect(bitsOf(boxesGradient!.dataSync())).toBe(bitsOf(expected.gradients!.boxes))
})

describe('hungarianLoss: targets may be tensors', () => {
  // tensorflow/tfjs #98, #2796: whoever has the targets as tensors should not have to read them himself
  const asTensors = (dtype: 'int32' | 'float32') =>
    targets.map(({ labels, boxes }) => ({
      labels: tf.tensor1d(labels, dtype),
      boxes: tf.tensor2d(boxes, [boxes.length, 4]),
    }))

  test.each(['int32', 'float32'] as const)('with %s labels', async (dtype) => {
    const loss = hungarianLoss(tf, criterion)
    const given = asTensors(dtype)
    expectClose(loss(outputsOf(tensors()), given).dataSync()[0]!, expected.loss, 1e-7)
    expect((await lossGradients(criterion, outputsOf(tensors()), given)).loss).toBe(expected.loss)
    const before = tf.memory().numTensors
    loss(outputsOf(tensors()), [{ ...given[0]!, ignore: tf.tensor1d([true, false], 'bool') }, targets[1]!])
    const ignored = criterion.compute(outputs, [{ ...targets[0]!, ignore: [1, 0] }, targets[1]!])
    expect(loss.lastResult!.loss).toBe(ignored.loss)
    expect(given[0]!.labels.isDisposed).toBe(false)
    expect(tf.memory().numTensors).toBeGreaterThan(before)
  })

  test('with labels of another realm', async () => {
    const given = asTensors('float32')
    const labels = runInNewContext(`Float32Array.of(${targets[0]!.labels.join()})`) as Float32Array
    Object.assign(given[0]!.labels, { dataSync: () => labels, data: async () => labels })
    hungarianLoss(tf, criterion)(outputsOf(tensors()), given)
    expect((await lossGradients(criterion, outputsOf(tensors()), given)).loss).toBe(expected.loss)
  })

  test.each<[string, (given: ReturnType<typeof asTensors>) => unknown[], object]>([
    [
      'that are disposed',
      (given) => (given[0]!.labels.dispose(), given),
      { code: 'DTYPE', argument: 'targets[0].labels' },
    ],
    [
      'of words',
      ([first, second]) => [first, { ...second!, labels: tf.tensor1d(['a', 'b', 'c']) }],
      { code: 'DTYPE', argument: 'targets[1].labels' },
    ],
    [
      'of halves',
      ([first, second]) => [first, { ...second!, labels: tf.tensor1d([0, 0.5, 1]) }],
      { code: 'RANGE', argument: 'targets[1].labels', target: 1 },
    ],
    [
      'that are one-hot',
      ([first, second]) => [{ ...first!, labels: tf.zeros([2, 4], 'int32') }, second],
      { code: 'SHAPE', message: 'targets[0].labels: expected [n] class ids, got [2, 4] (one-hot? take argMax)' },
    ],
    [
      'with boxes [4, n]',
      ([first, second]) => [first, { ...second!, boxes: tf.zeros([4, 3]) }],
      { code: 'SHAPE', argument: 'targets[1].boxes' },
    ],
    [
      'with flags of rank 2',
      ([first, second]) => [{ ...first!, ignore: tf.zeros([1, 2], 'bool') }, second],
      { code: 'SHAPE', argument: 'targets[0].ignore' },
    ],
  ])('but not ones %s', async (_, change, details) => {
    const given = untyped<typeof targets>(change(asTensors('int32')))
    expect(errorOf(() => hungarianLoss(tf, criterion)(outputsOf(tensors()), given))).toMatchObject(details)
    await expect(lossGradients(criterion, outputsOf(tensors()), given)).rejects.toMatchObject(details)
  })

  test('outside the adapter they are refused with the hint', () => {
    const error = errorOf(() => criterion.compute(outputs, untyped(asTensors('int32'))))
    expect(error).toMatchObject({ code: 'DTYPE', argument: 'targets[0].labels' })
    expect(error.message).toMatch(/hungarian-loss\/tfjs/)
  })
})

test('hungarianLoss: tensors that cannot be read say which, and why', async () => {
  const bad = { ...layerOf(layers[2]), boxes: tensorOf(layers[2].boxes) }
  Object.assign(bad.boxes, {
    dataSync: () => {
      throw new Error('dataSync is not supported by WebGPU')
    },
    data: () => Promise.reject(new Error('device lost')),
  })
  expect(errorOf(() => hungarianLoss(tf, criterion)(bad, targets))).toMatchObject({
    code: 'DTYPE',
    argument: 'outputs.boxes',
    message: 'outputs.boxes: could not be read: dataSync is not supported by WebGPU',
  })
  await expect(lossGradients(criterion, bad, targets)).rejects.toMatchObject({
    code: 'DTYPE',
    message: 'outputs.boxes: could not be read: device lost',
  })
})

test('hungarianLoss: neither TensorFlow.js nor a criterion is refused at once', async () => {
  expect(errorOf(() => hungarianLoss(untyped({}), criterion))).toMatchObject({ code: 'DTYPE', argument: 'tf' })
  expect(errorOf(() => hungarianLoss(tf, untyped({ numClasses: 1 })))).toMatchObject({
    code: 'DTYPE',
    argument: 'criterion',
  })
  await expect(lossGradients(untyped(undefined), outputsOf(tensors()), targets)).rejects.toMatchObject({
    argument: 'criterion',
  })
})

const disposed = () => {
  const tensor = tensorOf(layers[0].logits)
  tensor.dispose()
  return tensor
}

describe('hungarianLoss: is refused:', () => {
  test.each<[string, () => unknown, object, RegExp]>([
    ['nothing', () => undefined, { code: 'DTYPE', argument: 'outputs' }, /undefined/],
    ['a tensor', () => tensorOf(layers[0].logits), { code: 'DTYPE', argument: 'outputs.logits' }, /undefined/],
    ['arrays', () => layers[0], { code: 'DTYPE', argument: 'outputs.logits' }, /tensor of TensorFlow\.js/],
    [
      'a Float32Array',
      () => ({ ...layerOf(layers[0]), boxes: layers[0].boxes.data }),
      { code: 'DTYPE', argument: 'outputs.boxes' },
      /Float32Array/,
    ],
    [
      'an int32 tensor',
      () => ({ ...layerOf(layers[0]), logits: tf.zeros([2, 6, 5], 'int32') }),
      { code: 'DTYPE', argument: 'outputs.logits' },
      /float32, got "int32"/,
    ],
    [
      'a disposed tensor',
      () => ({ ...layerOf(layers[0]), logits: disposed() }),
      { code: 'DTYPE', argument: 'outputs.logits' },
      /disposed/,
    ],
    [
      'a disposed auxiliary tensor',
      () => ({ ...layerOf(layers[0]), auxiliary: [{ ...layerOf(layers[0]), logits: disposed() }] }),
      { code: 'DTYPE', argument: 'outputs.auxiliary[0].logits' },
      /disposed/,
    ],
    [
      'auxiliary that is no array',
      () => ({ ...layerOf(layers[0]), auxiliary: layerOf(layers[0]) }),
      { code: 'DTYPE', argument: 'outputs.auxiliary' },
      /array/,
    ],
    [
      'rank 2',
      () => ({ ...layerOf(layers[0]), logits: tf.zeros([12, 5]) }),
      { code: 'SHAPE', argument: 'outputs.logits' },
      /\[12, 5\]/,
    ],
    [
      'other columns',
      () => ({ ...layerOf(layers[0]), logits: tf.zeros([2, 6, 4]) }),
      { code: 'SHAPE', argument: 'outputs.logits' },
      /numClasses \+ 1 = 5, got 4/,
    ],
    [
      'masks',
      () => ({ ...layerOf(layers[0]), masks: tf.zeros([1]) }),
      { code: 'SHAPE', argument: 'outputs.masks' },
      /height, width\], got \[1\]/,
    ],
  ])('%s', async (_, make, details, message) => {
    const error = errorOf(() => hungarianLoss(tf, criterion)(untyped(make()), targets))
    expect(error).toMatchObject(details)
    expect(error.message).toMatch(message)
    await expect(lossGradients(criterion, untyped<TensorOutputs>(make()), targets)).rejects.toMatchObject(details)
  })
})
