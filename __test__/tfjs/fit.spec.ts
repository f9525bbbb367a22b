// oxlint-disable-next-line import/no-unassigned-import -- registers itself
import '@tensorflow/tfjs-backend-cpu'
import * as tf from '@tensorflow/tfjs-core'
import * as tfl from '@tensorflow/tfjs-layers'
import { beforeAll, describe, expect, test } from 'vitest'
import { HungarianLoss } from '../../src/index.ts'
import type { Target } from '../../src/index.ts'
import { fitLoss, hungarianLoss, packTargets } from '../../src/tfjs.ts'
import type { TensorOutputsWithoutBoxes } from '../../src/tfjs.ts'
import { registerGradients } from '../support/gradients.ts'
import {
  bitsOf,
  errorOf,
  expectAllClose,
  expectClose,
  randomLayer,
  randomNumbers,
  randomTargets,
  untyped,
} from '../support/helpers.ts'

beforeAll(async () => {
  await tf.setBackend('cpu')
  registerGradients()
})

const criterion = HungarianLoss.detr({ numClasses: 4 })
const layers = [randomLayer(1), randomLayer(2)] as const
const [first, last] = layers
const targets = randomTargets(1, { targets: [2, 0] })
/** The shape of the model's output: six queries of five logits and a box. */
const SHAPE = [null, 6, 9]

type Layer = ReturnType<typeof randomLayer>
const tensorOf = ({ data, shape }: Layer['logits']) => tf.tensor(data.slice(), shape)
const join = (...all: Layer[]) =>
  tf.concat(
    all.flatMap(({ logits, boxes }) => [tensorOf(logits), tensorOf(boxes)]),
    -1,
  )
/** Value and gradient by joined outputs. */
const differentiate = (
  loss: (packed: tf.Tensor, outputs: tf.Tensor) => tf.Scalar,
  packed: tf.Tensor,
  joined: tf.Tensor,
) => {
  const { value, grad } = tf.valueAndGrad((outputs: tf.Tensor) => loss(packed, outputs))(joined) as {
    value: tf.Tensor
    grad: tf.Tensor
  }
  return { value: value.dataSync()[0]!, grad }
}

describe('fitLoss: value and gradient are those of compute, bit by bit', () => {
  test.each<[string, HungarianLoss, Target[]]>([
    ['of softmax', criterion, targets],
    ['of a sigmoid kind', HungarianLoss.rtDetr({ numClasses: 5 }), targets],
    ['with ignored targets', criterion, [{ ...targets[0]!, ignore: [false, true] }, targets[1]!]],
    ['with padded targets', criterion, [{ ...targets[0]!, valid: 1 }, targets[1]!]],
    ['without any target', criterion, [{ labels: [], boxes: [] }, targets[1]!]],
  ])('%s', (_, criterion, targets) => {
    const expected = criterion.compute({ ...last, auxiliary: [first] }, targets)
    const loss = fitLoss(tf, criterion)
    const packed = packTargets(tf, criterion, targets, [null, 6, 18])
    expect(packed.shape).toEqual([2, 6, 18])
    const { value, grad } = differentiate(loss, packed, join(first, last))
    expectClose(value, expected.loss, 1e-7)
    expect(loss.lastResult.loss).toBe(expected.loss)
    const { auxiliary, ...final } = expected.gradients
    const parts = [auxiliary![0]!, final].flatMap(({ logits, boxes }) => [logits, boxes])
    const pieces = tf.split(grad, [5, 4, 5, 4], -1)
    expect(pieces.map((piece) => bitsOf(piece.dataSync()))).toEqual(parts.map(bitsOf))
  })

  test('of spans in place of boxes', () => {
    const moments = HungarianLoss.momentDetr({ numClasses: 1 })
    const random = randomNumbers(5)
    const outputs = {
      logits: { data: Float32Array.from({ length: 20 }, random), shape: [2, 5, 2] },
      spans: { data: Float32Array.from({ length: 20 }, random), shape: [2, 5, 2] },
    }
    const targets = [{ labels: [0, 0], spans: [0.2, 0.1, 0.7, 0.3] }, { labels: [] }]
    const expected = moments.compute(outputs, targets)
    const joined = tf.concat([tensorOf(outputs.logits), tensorOf(outputs.spans)], -1)
    const loss = fitLoss<TensorOutputsWithoutBoxes>(tf, moments)
    const { value, grad } = differentiate(loss, packTargets(tf, moments, targets, [null, 5, 4]), joined)
    expect(loss.lastResult.terms.spanL1).toBe(expected.terms.spanL1)
    expectClose(value, expected.loss, 1e-7)
    const [logits, spans] = tf.split(grad, [2, 2], -1).map((piece) => bitsOf(piece.dataSync()))
    expect([logits, spans]).toEqual([expected.gradients.logits, expected.gradients.spans].map(bitsOf))
  })

  test('and what comes after the loss is honoured', () => {
    const loss = fitLoss(tf, criterion)
    const packed = packTargets(tf, criterion, targets, SHAPE)
    const { grad } = differentiate(loss, packed, join(last))
    const scaled = tf.grad((outputs: tf.Tensor) => tf.add(loss(packed, outputs), loss(packed, outputs)))(join(last))
    expectAllClose(
      scaled.dataSync(),
      grad.dataSync().map((value) => 2 * value),
      1e-7,
    )
  })
})

describe('fitLoss: what few targets have is packed with them,', () => {
  const boxes = [
    [0.5, 0.5, 0.25, 0.25],
    [0.25, 0.75, 0.5, 0.25],
  ]
  const focal = HungarianLoss.deformableDetr({ numClasses: 5 })
  const words = HungarianLoss.groundingDino({ numClasses: 5 })
  const softmax = HungarianLoss.mdetr({ numClasses: 4 })
  const none = { labels: [], boxes: [] }
  class Federated {
    readonly labels = [0, 3]
    readonly boxes = boxes
    get exhaustive(): boolean {
      return false
    }
  }
  test.each<[string, HungarianLoss, object[]]>([
    ['what a class says of its images', focal, [new Federated(), { labels: [1], boxes: boxes.slice(1) }]],
    ['several labels', focal, [{ labels: [[0, 3], [2]], boxes }, none]],
    ['positives', words, [{ positives: [[1, 0, 0, 1, 0], [0, 0, 0.5, 0, 0]], boxes }, none]],
    ['positives of softmax', softmax, [{ positives: [[0.25, 0.75, 0, 0, 0], [0, 0, 1, 0, 0]], boxes }, none]],
    ['positives beside labels of another image', words, [{ positives: [[1, 0, 0, 0.5, 0]], boxes: boxes.slice(1) }, { labels: [4, 2], boxes }]],
    ['an ignored target without positives', words, [{ positives: [[0, 0, 0, 0, 0], [0, 0, 0, 0.5, 1]], boxes, ignore: [1, 0] }, none]],
    ['columns', words, [{ labels: [0, 3], boxes, columns: [1, 0, 0, 1, 1] }, none]],
    ['weights', criterion, [{ labels: [0, 3], boxes, weights: [0.5, 2] }, { labels: [1], boxes: boxes.slice(1) }]],
    ['known boxes', criterion, [{ labels: [0, 3], boxes, hasBox: [false, true] }, none]],
    ['images that are not exhaustive', focal, [{ labels: [0, 3], boxes }, { labels: [1], boxes: boxes.slice(1), exhaustive: false }]],
    ['all of it', words, [
      { positives: [[1, 0, 0, 1, 0], [0, 0, 0, 0.5, 0]], boxes, columns: [true, false, false, true, true], weights: [3, 0], hasBox: [1, 0], ignore: [0, 0], exhaustive: false },
      { positives: [[0, 1, 0, 0, 0]], boxes: boxes.slice(0, 1), hasBox: [1] },
    ]],
  ])('%s', (_, criterion, targets) => {
    const expected = criterion.compute(last, untyped(targets))
    const loss = fitLoss(tf, criterion)
    const { grad } = differentiate(loss, packTargets(tf, criterion, untyped(targets), SHAPE), join(last))
    expect(loss.lastResult.loss).toBe(expected.loss)
    const { logits, boxes: byBoxes } = expected.gradients
    const pieces = tf.split(grad, [5, 4], -1)
    expect(pieces.map((piece) => bitsOf(piece.dataSync()))).toEqual([logits, byBoxes].map(bitsOf))
    // each image says what it has, so that they may be shuffled
    const turned = tf.reverse(packTargets(tf, criterion, untyped(targets), SHAPE), 0)
    loss(turned, tf.reverse(join(last), 0)).dispose()
    const both = (values: Float32Array) => Float32Array.from([...values.slice(values.length / 2), ...values.slice(0, values.length / 2)])
    const reversed = { logits: { ...last.logits, data: both(last.logits.data) }, boxes: { ...last.boxes, data: both(last.boxes.data) } }
    expect(loss.lastResult.loss).toBe(criterion.compute(reversed, untyped(targets.toReversed())).loss)
  }) // prettier-ignore

  test('and what is cut off or changed is refused', () => {
    const targets = [{ positives: [[1, 0, 0, 1, 0]], boxes: boxes.slice(0, 1), weights: [3] }]
    const packed = Array.from(packTargets(tf, words, untyped(targets), [1, 20]).dataSync())
    expect(packed.slice(0, 6)).toEqual([-2 - 2 - 8, 2, 0, 3, 0.5, 0.5])
    const image = { logits: { data: new Float32Array(30), shape: [1, 6, 5] }, boxes: { data: new Float32Array(24), shape: [1, 6, 4] } }
    const refusal = (change: (numbers: number[]) => number[]) => {
      const numbers = change([...packed])
      return errorOf(() => fitLoss(tf, words)(tf.tensor(numbers, [1, numbers.length]), join(image)))
    }
    for (const [change, message] of [
      [(numbers: number[]) => numbers.with(0, -1000), /got -1000 as what targets have of image 0/],
      [(numbers: number[]) => numbers.with(0, -2.5), /got -2.5 as what targets have/],
      [(numbers: number[]) => numbers.with(1, 9), /got 9 as a number of labels of image 0/],
      [(numbers: number[]) => numbers.with(1, 5).slice(0, 10), /as a label of image 0|numbers of image 0/],
      [(numbers: number[]) => numbers.with(2, 7.5), /got 7.5 as a label of image 0/],
      [(numbers: number[]) => numbers.slice(0, 7), /got 0.5 after the last target|numbers of image 0|after the last/],
    ] as const) {
      expect(refusal(change)).toMatchObject({ code: 'RANGE', argument: 'packed', message: expect.stringMatching(message) })
    }
  }) // prettier-ignore
})

test('fitLoss: packed rows may be of any shape, and targets of tensors', () => {
  const expected = criterion.compute(last, targets).loss
  const loss = fitLoss(tf, criterion)
  const tensors = targets.map(({ labels, boxes }) => ({
    labels: tf.tensor1d(labels, 'int32'),
    boxes: tf.tensor2d(boxes, [boxes.length, 4]),
  }))
  for (const shape of [
    [2, 3, 6],
    [null, 12],
    [2, 2, 2, 3],
  ]) {
    const packed = packTargets(tf, criterion, tensors, shape)
    loss(packed, join(last)).dispose()
    expect(loss.lastResult.loss).toBe(expected)
  }
  // a label, a box and a flag each, and then no label
  expect(Array.from(packTargets(tf, criterion, [targets[0]!], [1, 13]).dataSync())).toEqual(
    [0, 1].flatMap((i) => [targets[0]!.labels[i]!, targets[0]!.boxes[i]!.map(Math.fround), 0].flat()).concat(-1),
  )
})

/** A functional model: two heads on the same input, joined. */
function modelOf(queries: number) {
  const inputs = tfl.input({ shape: [3] })
  const head = (columns: number, activation: 'linear' | 'sigmoid', seed: number) => {
    const kernelInitializer = tfl.initializers.glorotUniform({ seed })
    const dense = tfl.layers.dense({ units: queries * columns, activation, kernelInitializer }).apply(inputs)
    return tfl.layers.reshape({ targetShape: [queries, columns] }).apply(dense) as tfl.SymbolicTensor
  }
  const heads = [head(5, 'linear', 1), head(4, 'sigmoid', 2)]
  const joined = tfl.layers.concatenate().apply(heads) as tfl.SymbolicTensor
  return { model: tfl.model({ inputs, outputs: joined }), parts: tfl.model({ inputs, outputs: heads }) }
}

describe('fit: a LayersModel is trained', () => {
  const images = 7
  const random = randomNumbers(9)
  const features = Float32Array.from({ length: images * 3 }, random)
  const input = () => tf.tensor(features.slice(), [images, 3])
  const all = randomTargets(3, { targets: [2, 0, 1, 3, 1, 2, 4] })

  test('as by a loop of its own with hungarianLoss', async () => {
    const { model } = modelOf(6)
    const loss = fitLoss(tf, criterion)
    model.compile({ optimizer: tf.train.sgd(0.1), loss })
    const y = packTargets(tf, criterion, all, model.outputs[0]!.shape)
    const { history } = await model.fit(input(), y, {
      batchSize: 3,
      epochs: 2,
      shuffle: false,
      verbose: 0,
      yieldEvery: 'never',
    })

    const { model: other, parts } = modelOf(6)
    const [setLoss, optimizer] = [hungarianLoss(tf, criterion), tf.train.sgd(0.1)]
    const losses: number[] = []
    for (let epoch = 0; epoch < 2; epoch++) {
      let sum = 0
      for (let start = 0; start < images; start += 3) {
        const count = Math.min(3, images - start)
        const batch = tf.slice(input(), [start, 0], [count, 3])
        const value = optimizer.minimize(() => {
          const [logits, boxes] = parts.apply(batch, { training: true }) as tf.Tensor[]
          return setLoss({ logits: logits!, boxes: boxes! }, all.slice(start, start + count))
        }, true) as tf.Scalar
        sum += count * value.dataSync()[0]!
      }
      losses.push(sum / images)
    }
    expectAllClose(history['loss'] as number[], losses, 1e-6)
    expect(losses[1]!).toBeLessThan(losses[0]!)
    model.getWeights().forEach((weights, i) => {
      expectAllClose(weights.dataSync(), other.getWeights()[i]!.dataSync(), 1e-6)
    })
  })

  test('and evaluated', () => {
    const { model, parts } = modelOf(6)
    const loss = fitLoss(tf, criterion)
    model.compile({ optimizer: 'sgd', loss })
    const y = packTargets(tf, criterion, all, model.outputs[0]!.shape)
    const value = model.evaluate(input(), y, { batchSize: images, verbose: 0 }) as tf.Scalar
    const [logits, boxes] = parts.predict(input()) as tf.Tensor[]
    const tensor = ({ shape }: tf.Tensor, data: Float32Array) => ({ shape, data })
    const { loss: expected } = criterion.compute(
      {
        logits: tensor(logits!, logits!.dataSync<'float32'>()),
        boxes: tensor(boxes!, boxes!.dataSync<'float32'>()),
      },
      all,
    )
    expectClose(value.dataSync()[0]!, expected, 1e-6)
  })

  test('and its optimizer can be saved with it', async () => {
    const { model } = modelOf(6)
    const loss = fitLoss(tf, criterion)
    model.compile({ optimizer: 'adam', loss })
    const y = packTargets(tf, criterion, all, model.outputs[0]!.shape)
    await model.trainOnBatch(input(), y)
    let saved: tf.io.ModelArtifacts | undefined
    await model.save(
      tf.io.withSaveHandler(async (artifacts) => {
        saved = artifacts
        return { modelArtifactsInfo: { dateSaved: new Date(0), modelTopologyType: 'JSON' } }
      }),
      { includeOptimizer: true },
    )
    expect(saved!.trainingConfig!.optimizer_config).toMatchObject({ class_name: 'Adam' })
  })

  test('and no tensors are left behind', async () => {
    const { model } = modelOf(6)
    model.compile({ optimizer: tf.train.sgd(0.1), loss: fitLoss(tf, criterion) })
    const [x, y] = [input(), packTargets(tf, criterion, all, model.outputs[0]!.shape)]
    const train = () => model.fit(x, y, { verbose: 0, yieldEvery: 'never' })
    await train()
    const before = tf.memory().numTensors
    await train()
    expect(tf.memory().numTensors).toBe(before)
  })
})

test('lastResult: the latest result is kept', () => {
  const loss = fitLoss(tf, criterion)
  expect(errorOf(() => loss.lastResult)).toMatchObject({ code: 'OPTION', argument: 'lastResult' })
  loss(packTargets(tf, criterion, targets, SHAPE), join(last))
  expect(loss.lastResult.matches).toEqual(criterion.compute(last, targets).matches)
  expect(Object.keys(loss)).toEqual([])
})

describe('packTargets: is refused:', () => {
  const one = { labels: [1], boxes: [[0.5, 0.5, 0.2, 0.2]] }
  test.each<[string, unknown, unknown, object]>([
    ['no list', one, SHAPE, { code: 'DTYPE', argument: 'targets' }],
    ['an image that is none', [one, 7], SHAPE, { code: 'DTYPE', argument: 'targets[1]', image: 1 }],
    ['a target without boxes', [{ labels: [1] }], SHAPE, { code: 'DTYPE', argument: 'targets[0].boxes' }],
    ['points', [{ ...one, points: [[0, 0]] }], SHAPE, { code: 'SHAPE', argument: 'targets[0].points' }],
    ['an unknown key', [{ ...one, iscrowd: [0] }], SHAPE, { code: 'OPTION', argument: 'targets[0].iscrowd' }],
    [
      'masks',
      [{ ...one, masks: { data: new Uint8Array(4), shape: [1, 2, 2] } }],
      SHAPE,
      {
        code: 'OPTION',
        argument: 'targets[0].masks',
        message:
          'targets[0].masks: must be absent, since packed targets have no place for pixels; hungarianLoss takes them',
      },
    ],
    [
      'void pixels',
      [one, { ...one, void: { data: new Uint8Array(4), shape: [2, 2] } }],
      SHAPE,
      { code: 'OPTION', argument: 'targets[1].void' },
    ],
    [
      'flags of masks',
      [{ ...one, hasMask: [1] }],
      SHAPE,
      { code: 'SHAPE', message: 'targets[0].hasMask: must be absent, since the outputs have none' },
    ],
    ['boxes of which only some are flagged', [one, { ...one, hasBox: [1] }], SHAPE, { argument: 'targets[0].hasBox' }],
    [
      'more numbers than there is room for',
      [one, { ...one, weights: [2] }],
      [null, 7],
      {
        code: 'SHAPE',
        image: 0,
        message: 'targets[0].labels: an image may not be of 1 targets, since [7] has 7 numbers, and they take 8',
      },
    ],
    [
      'columns of an image without targets, for which there is no room',
      [{ labels: [], columns: [1, 1, 1, 1, 1] }],
      [null, 4],
      {
        code: 'SHAPE',
        image: 0,
        message: 'targets[0]: what the image has beside targets takes 6 numbers, and [4] has 4',
      },
    ],
    [
      'a label below 0',
      [one, { ...one, labels: [-1] }],
      SHAPE,
      {
        code: 'RANGE',
        message: 'targets[1].labels: must be from 0 to 16777215, got -1 at target 0',
        image: 1,
        target: 0,
      },
    ],
    [
      'more targets than there is room for',
      [one, { labels: [0, 1], boxes: [0, 0, 1, 1, 0, 0, 1, 1] }],
      [null, 11],
      {
        code: 'SHAPE',
        image: 1,
        message: 'targets[1].labels: an image may not be of 2 targets, since [11] has room for 1, of 6 numbers each',
      },
    ],
    ['a shape that is none', [one], 6, { code: 'DTYPE', argument: 'shape' }],
    ['a shape of images alone', [one], [null], { code: 'SHAPE', argument: 'shape' }],
    ['a shape of other images', [one], [2, 6, 9], { code: 'SHAPE', argument: 'shape' }],
    ['a shape that is not known', [one], [null, null, 9], { code: 'SHAPE', argument: 'shape[1]' }],
    ['a shape beyond all memory', [one], [null, 2 ** 30, 2 ** 30], { code: 'MEMORY', argument: 'shape' }],
  ])('%s', (_, targets, shape, details) => {
    expect(errorOf(() => packTargets(tf, criterion, untyped(targets), untyped(shape)))).toMatchObject(details)
  })

  test('a criterion of masks', () => {
    const masks = HungarianLoss.maskFormer({ numClasses: 1 })
    const details = { code: 'OPTION', message: 'criterion: masks cannot be packed; hungarianLoss takes them' }
    expect(errorOf(() => packTargets(tf, masks, [], SHAPE))).toMatchObject(details)
    expect(errorOf(() => fitLoss(tf, masks))).toMatchObject(details)
  })

  test('a criterion of points, and what is none', () => {
    const weights = { l1: 0, giou: 0, pointL1: 10 }
    const poses = HungarianLoss.deformableDetr({ numClasses: 1, cost: weights, weights })
    const message = 'criterion: points cannot be packed; hungarianLoss takes them'
    const details = { code: 'OPTION', argument: 'criterion', message }
    expect(errorOf(() => packTargets(tf, poses, [], SHAPE))).toMatchObject(details)
    expect(errorOf(() => fitLoss(tf, poses))).toMatchObject(details)
    expect(errorOf(() => fitLoss(tf, untyped({})))).toMatchObject({ code: 'DTYPE', argument: 'criterion' })
    expect(errorOf(() => packTargets(untyped({}), criterion, [], SHAPE))).toMatchObject({
      code: 'DTYPE',
      argument: 'tf',
    })
  })

  test('an ignored target may have any label', () => {
    const packed = packTargets(tf, criterion, [{ ...one, labels: [-7], ignore: [true] }], [null, 6])
    expect(Array.from(packed.dataSync()).map((value) => Math.round(10 * value))).toEqual([0, 5, 5, 2, 2, 10])
  })
})

describe('fitLoss: is refused:', () => {
  /** A tensor of one number. */
  const full = (shape: number[], value: number) => tf.add(tf.zeros(shape), value)
  const packed = () => packTargets(tf, criterion, targets, SHAPE)
  test.each<[string, () => [packed: unknown, outputs: unknown], object]>([
    ['outputs that are no tensor', () => [packed(), [join(last)]], { code: 'DTYPE', argument: 'outputs' }],
    ['outputs of integers', () => [packed(), tf.zeros([2, 6, 9], 'int32')], { code: 'DTYPE', argument: 'outputs' }],
    [
      'outputs of other columns',
      () => [packed(), tf.zeros([2, 6, 10])],
      {
        code: 'SHAPE',
        message: 'outputs: expected [B, Q, L · 9], 5 of logits and 4 of boxes for each layer, got [2, 6, 10]',
      },
    ],
    ['outputs without columns', () => [packed(), tf.zeros([2, 6, 0])], { code: 'SHAPE', argument: 'outputs' }],
    ['outputs without images', () => [packed(), tf.zeros([6, 9])], { code: 'SHAPE', argument: 'outputs' }],
    ['packed targets that are none', () => [targets, join(last)], { code: 'DTYPE', argument: 'packed' }],
    ['packed targets of other images', () => [full([3, 6], -1), join(last)], { code: 'SHAPE', argument: 'packed' }],
    [
      'packed targets of halves',
      () => [full([2, 6], 0.5), join(last)],
      { code: 'RANGE', argument: 'packed', message: 'packed: must be of packTargets, got 0.5 as a label of image 0' },
    ],
    [
      'packed targets with numbers after their end',
      () => [tf.tensor2d([-1, -1, -1, -1, -1, -1, -1, -1, -1, -1, 0.5, -1], [2, 6]), join(last)],
      {
        code: 'RANGE',
        argument: 'packed',
        image: 1,
        message: 'packed: must be of packTargets for this criterion, got 0.5 after the last target of image 1',
      },
    ],
    [
      'packed targets without room for one',
      () => [full([2, 4], 0.5), join(last)],
      { code: 'RANGE', argument: 'packed' },
    ],
    [
      'packed targets whose flags are none',
      () => [full([2, 6], 2), join(last)],
      { code: 'RANGE', argument: 'packed', message: 'packed: must be of packTargets, got 2 as a flag of image 0' },
    ],
    [
      'labels of no class',
      () => [packTargets(tf, criterion, [{ ...targets[0]!, labels: [1, 9] }, targets[1]!], SHAPE), join(last)],
      { code: 'RANGE', argument: 'targets[0].labels', target: 1 },
    ],
  ])('%s', (_, make, details) => {
    const [packed, outputs] = make()
    expect(errorOf(() => fitLoss(tf, criterion)(untyped(packed), untyped(outputs)))).toMatchObject(details)
  })
})
