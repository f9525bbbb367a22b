// oxlint-disable-next-line import/no-unassigned-import -- registers itself
import '@tensorflow/tfjs-backend-cpu'
import * as tf from '@tensorflow/tfjs-core'
import { describe, expect, expectTypeOf, test } from 'vitest'
import { encodeMask, HungarianLoss, inspectBatch } from '../../src/index.ts'
import { hungarianLoss, lossGradients } from '../../src/tfjs.ts'
import type { TensorOutputsWithoutBoxes } from '../../src/tfjs.ts'
import {
  bitsOf,
  countsOf,
  errorOf,
  expectAllClose,
  expectClose,
  randomLayer,
  randomNumbers,
  untyped,
} from '../support/helpers.ts'

const [IMAGES, QUERIES, HEIGHT, WIDTH, CHANNELS] = [2, 4, 3, 5, 3]
const AREA = HEIGHT * WIDTH

/** Queries with masks, of softmax classification into three classes. */
function layerOf(seed: number) {
  const random = randomNumbers(seed)
  const numbers = (length: number) => Float32Array.from({ length }, () => 6 * random() - 3)
  return {
    logits: { data: numbers(4 * IMAGES * QUERIES), shape: [IMAGES, QUERIES, 4] },
    masks: { data: numbers(IMAGES * QUERIES * AREA), shape: [IMAGES, QUERIES, HEIGHT, WIDTH] },
  }
}

/** The factors of masks, and their product. */
function factorsOf(seed: number) {
  const { logits, masks } = layerOf(seed)
  const random = randomNumbers(seed + 100)
  const numbers = (length: number) => Float32Array.from({ length }, () => 2 * random() - 1)
  const [features, queries] = [numbers(IMAGES * CHANNELS * AREA), numbers(IMAGES * QUERIES * CHANNELS)]
  const product = masks.data.map((_, i) => {
    const [row, pixel] = [Math.floor(i / AREA), i % AREA]
    const image = Math.floor(row / QUERIES)
    let sum = 0.25
    for (let k = 0; k < CHANNELS; k++) {
      sum += features[(image * CHANNELS + k) * AREA + pixel]! * queries[row * CHANNELS + k]!
    }
    return sum
  })
  const factors = {
    logits,
    maskFeatures: { data: features, shape: [IMAGES, CHANNELS, HEIGHT, WIDTH] },
    maskQueries: { data: queries, shape: [IMAGES, QUERIES, CHANNELS] },
    maskBias: { data: Float32Array.of(0.25), shape: [1] },
  }
  return [factors, { logits, masks: { ...masks, data: product } }] as const
}

/** The pixels of some masks of 6 by 4, of images of several sizes. */
const masksOf = (seed: number, count: number, [height, width] = [6, 4]) => {
  const random = randomNumbers(seed)
  const data = Uint8Array.from({ length: count * height! * width! }, () => Number(random() < 0.4))
  return { data, shape: [count, height!, width!] }
}
const TARGETS = [
  { labels: [0, 2], masks: masksOf(7, 2) },
  { labels: [1], masks: masksOf(8, 1, [5, 7]) },
]

const whole = HungarianLoss.maskFormer({ numClasses: 3 })
const byPoints = HungarianLoss.mask2Former({ numClasses: 3, masks: { points: 20 } })

const run = (change: object = {}, targets: readonly object[] = TARGETS, criterion = whole) =>
  criterion.compute(untyped<ReturnType<typeof layerOf>>({ ...layerOf(1), ...change }), untyped(targets))

const sigmoid = (x: number) => 1 / (1 + Math.exp(-x))

describe('masks', () => {
  test('have focal loss and dice over the canvas of all images, with zeros beside smaller ones', () => {
    // predictions of one value are the same however they are enlarged
    const masks = {
      data: new Float32Array(IMAGES * QUERIES * AREA).fill(0.75),
      shape: [IMAGES, QUERIES, HEIGHT, WIDTH],
    }
    const { terms } = run({ masks })
    const [canvas, p] = [6 * 7, sigmoid(0.75)]
    let [focal, dice] = [0, 0]
    for (const { masks: own } of TARGETS) {
      const [count, height, width] = own.shape as [number, number, number]
      for (let i = 0; i < count; i++) {
        const area = own.data.subarray(i * height * width, (i + 1) * height * width).reduce((sum, y) => sum + y, 0)
        const [inside, outside] = [0.25 * (1 - p) ** 2 * -Math.log(p), 0.75 * p ** 2 * -Math.log(1 - p)]
        focal += (area * inside + (canvas - area) * outside) / canvas
        dice += 1 - (2 * p * area + 1) / (canvas * p + area + 1)
      }
    }
    expectClose(terms.maskFocal!, focal / 3, 1e-6)
    expectClose(terms.maskDice!, dice / 3, 1e-6)
    expect(terms.maskBce).toBeUndefined()
  })

  test.each([
    ['whole', whole],
    ['by points', byPoints],
  ] as const)('%s, have gradients that are differences', (_, criterion) => {
    const layer = layerOf(1)
    const { layers } = run({}, TARGETS, criterion)
    const matching = layers[0]!.matches
    // points that do not follow the logits
    const maskLossPoints = { data: Float32Array.from({ length: 3 * 20 * 2 }, randomNumbers(3)), shape: [3, 20, 2] }
    const change = criterion === whole ? { matching } : { matching, maskLossPoints }
    const found = run(change, TARGETS, criterion).gradients.masks
    const step = 2 ** -7
    for (let at = 0; at < found.length; at += 7) {
      const lossAt = (by: number) => {
        const data = layer.masks.data.with(at, layer.masks.data[at]! + by)
        return run({ ...change, masks: { ...layer.masks, data } }, TARGETS, criterion).loss
      }
      expectClose(found[at]!, (lossAt(step) - lossAt(-step)) / (2 * step), 1e-3)
    }
  })

  test('as factors are as their product, with a gradient by each', () => {
    for (const criterion of [
      whole,
      byPoints,
      HungarianLoss.mask2Former({ numClasses: 3, masks: { points: 20, outside: 'border' } }),
    ]) {
      const [factors, dense] = factorsOf(2)
      const [found, expected] = [criterion.compute(factors, TARGETS), criterion.compute(dense, TARGETS)]
      expectClose(found.loss, expected.loss, 1e-5)
      const { maskFeatures, maskQueries, maskBias } = found.gradients
      expectTypeOf(maskFeatures).toEqualTypeOf<Float32Array>()
      expectClose(
        maskBias[0]!,
        expected.gradients.masks.reduce((sum, slope) => sum + slope, 0),
        1e-5,
      )
      const byQueries = maskQueries.map((_, i) => {
        const [row, k] = [Math.floor(i / CHANNELS), i % CHANNELS]
        const image = Math.floor(row / QUERIES)
        const features = factors.maskFeatures.data.subarray((image * CHANNELS + k) * AREA)
        let sum = 0
        for (let pixel = 0; pixel < AREA; pixel++)
          sum += expected.gradients.masks[row * AREA + pixel]! * features[pixel]!
        return sum
      })
      expectAllClose(maskQueries, byQueries, 1e-5)
      expect(maskFeatures.some((slope) => slope !== 0)).toBe(true)
    }
  })

  // Intellindust-AI-Lab/EdgeCrafter 706d037, segmentation_head.py: the bias is added to each pixel, so that it fades beyond the border
  test('as factors with a bias are as their product beyond the border, too', () => {
    const criterion = HungarianLoss.ecSeg({ numClasses: 1, weights: { l1: 0, giou: 0 }, cost: { l1: 0, giou: 0 } })
    const rest = {
      logits: { data: new Float32Array(2), shape: [1, 2, 1] },
      boxes: { data: new Float32Array(8).fill(0.5), shape: [1, 2, 4] },
      maskCostPoints: { data: new Float32Array(2).fill(1 / 32), shape: [1, 2] },
      maskLossPoints: { data: new Float32Array(8).fill(1 / 32), shape: [1, 4, 2] },
    }
    const targets = [{ labels: [0], boxes: [[0.5, 0.5, 0.5, 0.5]], masks: { data: new Uint8Array(16).fill(1), shape: [1, 4, 4] } }]
    for (const bias of [-4, 0]) {
      const factors = {
        maskFeatures: { data: new Float32Array(32).fill(1), shape: [1, 2, 4, 4] },
        maskQueries: { data: new Float32Array(4).fill(1), shape: [1, 2, 2] },
        maskBias: { data: Float32Array.of(bias), shape: [1] },
      }
      const masks = { data: new Float32Array(32).fill(2 + bias), shape: [1, 2, 4, 4] }
      const [found, expected] = [criterion.compute({ ...rest, ...factors }, targets), criterion.compute({ ...rest, masks }, targets)]
      expectClose(found.loss, expected.loss, 1e-6)
      expectClose(found.terms.maskBce!, expected.terms.maskBce!, 1e-6)
      expectClose(found.gradients.maskBias[0]!, expected.gradients.masks.reduce((sum, slope) => sum + slope, 0), 1e-6)
      const costs = [criterion.cost({ ...rest, ...factors }, targets), criterion.cost({ ...rest, masks }, targets)]
      expectAllClose(costs[0]!.images[0]!.data, [...costs[1]!.images[0]!.data], 1e-6)
      // as the published code computes them
      if (bias === -4) expectClose(found.terms.maskBce!, 1.1582, 1e-4)
    }
  }) // prettier-ignore

  // facebookresearch/MaskFormer da3e60d, matcher.py: F.interpolate(…, mode: 'nearest'), which takes row 12 for the 12th of 22, though 11 · 26 / 22 is 13
  test('are read by the cost at the pixel that PyTorch takes for the nearest one', () => {
    const logits = { data: new Float32Array(2), shape: [1, 1, 2] }
    const masks = { data: Float32Array.from({ length: 22 }, (_, row) => (row === 11 ? 8 : 0)), shape: [1, 1, 22, 1] }
    const rows = Uint8Array.from({ length: 26 }, (_, row) => Number(row >= 13))
    const { images } = HungarianLoss.maskFormer({ numClasses: 1 }).cost({ logits, masks }, [
      { labels: [0], masks: { data: rows, shape: [1, 26, 1] } },
    ])
    expectClose(images[0]!.data[0]!, 7.1557, 1e-5)
  })

  // Intellindust-AI-Lab/EdgeCrafter 706d037, matcher.py: W − ½ is rounded to W, which is outside
  test('of targets at their nearest pixel are 0 at the very border of an even width, unless they continue there', () => {
    const bceAt = (outside: 'zeros' | 'border') => {
      const criterion = HungarianLoss.ecSeg({
        numClasses: 1,
        cost: { class: 0, l1: 0, giou: 0, maskBce: 1, maskDice: 0 },
        masks: { outside },
      })
      const outputs = {
        logits: { data: [0], shape: [1, 1, 1] },
        boxes: { data: [0.5, 0.5, 0.5, 0.5], shape: [1, 1, 4] },
        masks: { data: new Float32Array(8).fill(8), shape: [1, 1, 2, 4] },
        maskCostPoints: { data: [1, 0.5], shape: [1, 2] },
      }
      const targets = [{ labels: [0], boxes: [[0.5, 0.5, 0.5, 0.5]], masks: { data: Uint8Array.of(0, 1), shape: [1, 1, 2] } }]
      return criterion.cost(outputs, targets).images[0]!.data[0]!
    }
    expectClose(bceAt('zeros'), Math.log1p(Math.exp(4)), 1e-5)
    expectClose(bceAt('border'), Math.log1p(Math.exp(-8)), 1e-3)
  }) // prettier-ignore

  test('as factors without a bias are as those with one of 0, which alone has a gradient by it', () => {
    for (const criterion of [whole, byPoints]) {
      const [{ maskBias: _, ...factors }] = factorsOf(2)
      const zero = { ...factors, maskBias: { data: new Float32Array(1), shape: [1] } }
      const [found, expected] = [criterion.compute(factors, TARGETS), criterion.compute(zero, TARGETS)]
      expect(found.loss).toBe(expected.loss)
      const { maskBias, ...rest } = expected.gradients
      expect(maskBias).toHaveLength(1)
      expect(found.gradients).toEqual(rest)
    }
    const [{ maskBias, logits }, { masks }] = factorsOf(2)
    expect(errorOf(() => run({ logits, masks, maskBias }))).toMatchObject({
      code: 'SHAPE',
      message: 'outputs.maskBias: must be absent where there are no maskFeatures',
    })
  })

  test('are drawn anew by another seed, the same by the same, in any number of threads', () => {
    const seeded = (maskSeed: number | undefined, threads = 1) =>
      HungarianLoss.mask2Former({ numClasses: 3, masks: { points: 20 }, threads }).compute(layerOf(1), TARGETS, {
        maskSeed,
      })
    expect(seeded(5)).toEqual(seeded(5, 2))
    expect(seeded(undefined)).toEqual(seeded(0))
    expect(seeded(5).loss).not.toBe(seeded(6).loss)
    for (const maskSeed of [-1, 0.5, 2 ** 53, '1']) {
      const error = errorOf(() => byPoints.compute(layerOf(1), TARGETS, { maskSeed: untyped(maskSeed) }))
      expect(error.argument).toBe('call.maskSeed')
    }
  })

  test('are matched, and cost what they do, at the points of the loss with the same seed', () => {
    const outputs = layerOf(1)
    const matched = new Set<string>()
    const costs = new Set<string>()
    for (let maskSeed = 0; maskSeed < 40; maskSeed++) {
      const { matches } = byPoints.match(outputs, TARGETS, { maskSeed })
      expect(matches).toEqual(byPoints.compute(outputs, TARGETS, { maskSeed }).matches)
      matched.add(JSON.stringify(matches))
      costs.add(bitsOf(byPoints.cost(outputs, TARGETS, { maskSeed }).images[0]!.data))
    }
    expect(matched.size).toBeGreaterThan(1)
    expect(costs.size).toBe(40)
    const seedless = [byPoints.match(outputs, TARGETS), byPoints.cost(outputs, TARGETS)]
    const call = { maskSeed: 0 }
    expect(seedless).toEqual([byPoints.match(outputs, TARGETS, call), byPoints.cost(outputs, TARGETS, call)])
    for (const method of ['match', 'cost'] as const) {
      const refused = (settings: unknown) => errorOf(() => byPoints[method](outputs, TARGETS, untyped(settings)))
      expect(refused({ maskSeed: -1 })).toMatchObject({ code: 'OPTION', argument: 'call.maskSeed' })
      expect(refused({ gradients: false })).toMatchObject({ code: 'OPTION', argument: 'call.gradients' })
      expect(refused(7)).toMatchObject({ code: 'OPTION', argument: 'call' })
    }
  })

  test('of targets in any form are the same', () => {
    const expected = run()
    const forms: ((masks: { data: Uint8Array; shape: number[] }) => unknown)[] = [
      ({ data, shape }) => ({ data: Array.from(data, Boolean), dims: shape }),
      ({ data, shape }) => ({ data: Float32Array.from(data), shape }),
      ({ data, shape: [count, height, width] }) =>
        Array.from({ length: count! }, (_, i) =>
          encodeMask(data.subarray(i * height! * width!, (i + 1) * height! * width!), [height!, width!]),
        ),
    ]
    for (const form of forms) {
      expect(
        run(
          {},
          TARGETS.map((target) => ({ ...target, masks: form(target.masks) })),
        ),
      ).toEqual(expected)
    }
  })

  test('that targets lack have no terms and cost nothing, and count in the divisor', () => {
    const flags = [[1, 0], [true]]
    const some = TARGETS.map((target, image) => ({ ...target, hasMask: flags[image] }))
    const { terms, normalizers, layers } = run({}, some)
    expect(normalizers.numBoxes).toBe(3)
    const matching = layers[0]!.matches
    const others = TARGETS.map((target, image) => ({ ...target, hasMask: flags[image]!.map((flag) => !flag) }))
    const all = run({ matching }).terms
    expectClose(terms.maskDice! + run({ matching }, others).terms.maskDice!, all.maskDice!, 1e-12)
    const none = TARGETS.map((target) => ({ ...target, hasMask: target.labels.map(() => 0) }))
    const { gradients, terms: without } = run({}, none)
    expect([without.maskFocal, without.maskDice]).toEqual([0, 0])
    expect(gradients.masks.every((slope) => Object.is(slope, 0))).toBe(true)
  })

  test('that are void may be rows', () => {
    const [first, second] = TARGETS as [(typeof TARGETS)[0], (typeof TARGETS)[0]]
    const bytes = Uint8Array.from({ length: 24 }, (_, i) => Number(i % 5 === 0))
    const rows = Array.from({ length: 6 }, (_, row) => [...bytes.subarray(4 * row, 4 * row + 4)])
    const [found, expected] = [rows, bytes].map((data) =>
      run({}, [{ ...first, void: { data, shape: [6, 4] } }, second]),
    )
    expect(found).toEqual(expected)
    const torn = rows.map((row, i) => (i === 2 ? row.slice(1) : row))
    expect(errorOf(() => run({}, [{ ...first, void: { data: torn, shape: [6, 4] } }, second]))).toMatchObject({
      code: 'SHAPE',
      argument: 'targets[0].void',
    })
  })

  test('need masks beside what says something of them', () => {
    const boxes = { data: new Float32Array(32).fill(0.25), shape: [2, 4, 4] }
    for (const [name, more] of Object.entries({ hasMask: [1], void: { data: new Uint8Array(4), shape: [2, 2] } })) {
      const target = { labels: [0], boxes: [[0.5, 0.5, 0.2, 0.2]], [name]: more }
      const compute = () =>
        HungarianLoss.detr({ numClasses: 3 }).compute(
          { logits: layerOf(1).logits, boxes },
          untyped([target, { labels: [] }]),
        )
      expect(errorOf(compute)).toMatchObject({
        code: 'SHAPE',
        message: `targets.masks: must be given beside ${name}`,
      })
    }
  })

  test('count no pixel that is void', () => {
    const hidden = { data: masksOf(3, 1).data, shape: [6, 4] }
    const [first, second] = TARGETS as [(typeof TARGETS)[0], (typeof TARGETS)[0]]
    const flipped = first.masks.data.map((value, i) => (hidden.data[i % 24] === 1 ? 1 - value : value))
    const [before, after] = [first.masks, { ...first.masks, data: flipped }].map((masks) =>
      run({}, [{ ...first, masks, void: hidden }, second]),
    )
    expect(after).toEqual(before)
    expect(before!.loss).not.toBe(run().loss)
  })

  test('of layers and parts are there where these have them', () => {
    const criterion = HungarianLoss.detrMasks({ numClasses: 3 })
    const { logits, boxes } = randomLayer(3, { images: IMAGES, queries: QUERIES, classes: 4 })
    const { masks } = layerOf(1)
    const targets = TARGETS.map((target) => ({ ...target, boxes: target.labels.map(() => [0.5, 0.5, 0.25, 0.25]) }))
    const result = criterion.compute({ logits, boxes, masks, auxiliary: [{ logits, boxes }] }, targets)
    expect(Object.keys(result.layers[0]!.terms)).toEqual(['class', 'l1', 'giou'])
    expect(Object.keys(result.layers[1]!.terms)).toEqual(['class', 'l1', 'giou', 'maskFocal', 'maskDice'])
    expect(Object.keys(result.gradients.auxiliary![0]!)).toEqual(['logits', 'boxes'])
    expect(
      errorOf(() => criterion.compute({ logits, boxes, auxiliary: [{ logits, boxes, masks }] }, targets)),
    ).toMatchObject({ code: 'SHAPE', argument: 'outputs.masks' })
    const stacked = ({ data, shape }: typeof masks) => ({
      data: Float32Array.of(...data, ...data),
      shape: [2, ...shape],
    })
    const layers = whole.compute({ logits: stacked(layerOf(1).logits), masks: stacked(masks) }, TARGETS).layers
    expect(layers.map(({ terms }) => terms)).toEqual([run().terms, run().terms])
  })

  test('do not follow the union matching of boxes', () => {
    const sample = (boxMatching: 'layer' | 'union') => {
      const { logits, boxes } = randomLayer(3, { images: IMAGES, queries: QUERIES, classes: 3 })
      const other = randomLayer(4, { images: IMAGES, queries: QUERIES, classes: 3 })
      const [{ masks }, { masks: earlier }] = [layerOf(1), layerOf(2)]
      const targets = TARGETS.map((target) => ({ ...target, boxes: target.labels.map(() => [0.5, 0.5, 0.25, 0.25]) }))
      const auxiliary = [{ logits: other.logits, boxes: other.boxes, masks: earlier }]
      return HungarianLoss.ecSeg({ numClasses: 3, boxMatching }).compute({ logits, boxes, masks, auxiliary }, targets)
    }
    const [own, union] = [sample('layer'), sample('union')]
    for (const layer of [0, 1]) {
      const [a, b] = [own.layers[layer]!.terms, union.layers[layer]!.terms]
      expect([b.maskBce, b.maskDice]).toEqual([a.maskBce, a.maskDice])
    }
    expect(bitsOf(union.gradients.masks)).toBe(bitsOf(own.gradients.masks))
    expect(union.layers.map(({ terms }) => terms.l1)).not.toEqual(own.layers.map(({ terms }) => terms.l1))
  })

  test('are written to the arrays that a call gives, unless these overlap the pixels of the targets', () => {
    const [factors] = factorsOf(2)
    const { gradients } = whole.compute(factors, TARGETS)
    const out = Object.fromEntries(
      Object.entries(gradients).map(([key, { length }]) => [key, new Float32Array(length).fill(7)]),
    )
    expect(whole.compute(factors, TARGETS, { out: untyped(out) }).gradients).toEqual(gradients)
    const masks = { data: new Uint8Array(untyped<Float32Array>(out['maskBias']).buffer, 0, 4), shape: [1, 2, 2] }
    const overlapping = [TARGETS[0]!, { labels: [1], masks: { ...masks, data: masks.data.fill(0) } }]
    expect(errorOf(() => whole.compute(factors, overlapping, { out: untyped(out) }))).toMatchObject({
      code: 'RANGE',
      argument: 'call.out.maskBias',
    })
  })

  test('off the event loop and by TensorFlow.js are the same', async () => {
    const [factors, dense] = factorsOf(2)
    for (const outputs of [factors, dense]) {
      for (const criterion of [whole, byPoints]) {
        const call = { maskSeed: 3 }
        const expected = criterion.compute(outputs, TARGETS, call)
        expect(await criterion.computeAsync(outputs, TARGETS, call)).toEqual(expected)
        const copies = structuredClone(outputs)
        expect(await criterion.computeAsync(copies, TARGETS, { ...call, transfer: true })).toEqual(expected)
        const tensors = untyped<TensorOutputsWithoutBoxes>(
          Object.fromEntries(Object.entries(outputs).map(([key, { data, shape }]) => [key, tf.tensor(data, shape)])),
        )
        const result = await lossGradients(criterion, tensors, TARGETS, call)
        expect(result.loss).toBe(expected.loss)
        expect(result.gradients).toEqual(expected.gradients)
      }
    }
  })

  test('of targets may lie in the memory of the predictions, which `transfer` takes', async () => {
    const { logits, masks } = layerOf(1)
    const hidden = { data: Uint8Array.from({ length: 24 }, (_, i) => Number(i % 5 === 0)), shape: [6, 4] }
    const [first, second] = TARGETS as [(typeof TARGETS)[0], (typeof TARGETS)[0]]
    const expected = whole.compute({ logits, masks }, [{ ...first, void: hidden }, second])
    /** Everything but the second image's masks in one buffer. */
    const arrays = [logits.data, masks.data, first.masks.data, hidden.data]
    const buffer = new ArrayBuffer(arrays.reduce((sum, { byteLength }) => sum + byteLength, 0))
    let at = 0
    const place = <Data extends Float32Array | Uint8Array>(data: Data): Data => {
      const Type = data.constructor as new (buffer: ArrayBuffer, at: number, length: number) => Data
      const view = new Type(buffer, at, data.length)
      view.set(data)
      at += data.byteLength
      return view
    }
    const outputs = { logits: { ...logits, data: place(logits.data) }, masks: { ...masks, data: place(masks.data) } }
    const own = { ...first, masks: { ...first.masks, data: place(first.masks.data) }, void: { ...hidden, data: place(hidden.data) } }
    expect(await whole.computeAsync(outputs, [own, second], { transfer: true })).toEqual(expected)
    expect([buffer.byteLength, second.masks.data.length]).toEqual([0, 35])
    expect(errorOf(() => whole.compute(layerOf(1), [own, second]))).toMatchObject({
      code: 'SHAPE',
      message: expect.stringMatching(/^targets\[0\]\.masks: has no values left, since its buffer is detached/),
    })
  }) // prettier-ignore

  test('that a getter of another target takes away are missed at their place', () => {
    const taking = (taken: Uint8Array) => ({
      labels: [1],
      get masks() {
        structuredClone(null, { transfer: [taken.buffer as ArrayBuffer] })
        return masksOf(8, 1, [5, 7])
      },
    })
    const [first] = TARGETS as [(typeof TARGETS)[0]]
    const masks = { ...first.masks, data: first.masks.data.slice() }
    const hidden = { data: new Uint8Array(24), shape: [6, 4] }
    expect(errorOf(() => run({}, [{ ...first, masks }, taking(masks.data)]))).toMatchObject({
      code: 'SHAPE',
      argument: 'targets[0].masks',
      message: expect.stringMatching(/has no values left, since its buffer is detached/),
    })
    expect(errorOf(() => run({}, [{ ...first, void: hidden }, taking(hidden.data)]))).toMatchObject({
      code: 'SHAPE',
      argument: 'targets[0].void',
    })
  })

  test('are differentiated by TensorFlow.js, and taken as tensors in targets', async () => {
    await tf.setBackend('cpu')
    const [factors] = factorsOf(2)
    const expected = whole.compute(factors, TARGETS)
    const tensors = Object.entries(factors).map(([key, { data, shape }]) => [key, tf.tensor(data, shape)] as const)
    const loss = hungarianLoss<TensorOutputsWithoutBoxes>(tf, whole)
    const targets = TARGETS.map(({ labels, masks }, image) => ({
      labels,
      masks: tf.cast(
        tf.tensor(masks.data, masks.shape as [number, number, number], 'bool'),
        image === 0 ? 'bool' : 'float32',
      ),
    }))
    const gradients = tf.grads((...variables: tf.Tensor[]) =>
      loss(untyped(Object.fromEntries(tensors.map(([key], i) => [key, variables[i]]))), untyped(targets)),
    )(tensors.map(([, tensor]) => tensor))
    tensors.forEach(([key], i) => {
      const own = untyped<Record<string, Float32Array>>(expected.gradients)[key]!
      expect(bitsOf(gradients[i]!.dataSync())).toBe(bitsOf(own))
    })
  })

  test('that do not fit are refused by name', () => {
    const { masks } = layerOf(1)
    const cases: [object, readonly object[], string, RegExp][] = [
      [{ masks: { ...masks, shape: [IMAGES, QUERIES, AREA] } }, TARGETS, 'outputs.masks', /\[2, 4, height, width\]/],
      [{ masks: { ...masks, data: masks.data.with(17, NaN) } }, TARGETS, 'outputs.masks', /query 1, row 0, column 2/],
      [{ maskFeatures: masks }, TARGETS, 'outputs.maskFeatures', /absent beside masks/],
      [{ ...factorsOf(2)[0], masks: undefined, maskBias: masks }, TARGETS, 'outputs.maskBias', /expected shape \[1\]/],
      [{ ...factorsOf(2)[0], masks: undefined, maskQueries: masks }, TARGETS, 'outputs.maskQueries', /expected/],
      [{ maskQueries: masks }, TARGETS, 'outputs.maskQueries', /no maskFeatures/],
      [{}, [TARGETS[0]!, { labels: [1] }], 'targets[1].masks', /masks/],
      [{}, [TARGETS[0]!, { labels: [1], masks: masksOf(1, 2) }], 'targets[1].masks', /expected 1 masks/],
      [
        {},
        [
          { ...TARGETS[0]!, hasMask: [1, 2] },
          { ...TARGETS[1]!, hasMask: [1] },
        ],
        'targets[0].hasMask',
        /0 or 1/,
      ],
      [
        {},
        [{ ...TARGETS[0]!, void: { data: new Uint8Array(4), shape: [4] } }, TARGETS[1]!],
        'targets[0].void',
        /\[h, w\]/,
      ],
      [
        {},
        [{ ...TARGETS[0]!, void: { data: new Uint8Array(4), shape: [2, 2] } }, TARGETS[1]!],
        'targets[0].void',
        /6 × 4/,
      ],
      [
        {},
        [{ ...TARGETS[0]!, void: { bits: new Uint8Array(3), shape: [6, 4] } }, TARGETS[1]!],
        'targets[0].void',
        /data, shape/,
      ],
      [
        { ...factorsOf(2)[0], masks: undefined, maskQueries: { data: new Float32Array(16), shape: [2, 4, 2] } },
        TARGETS,
        'outputs.maskQueries',
        /expected 3 numbers for each query, one for each channel of maskFeatures, got 2/,
      ],
    ]
    for (const [change, targets, argument, message] of cases) {
      const error = errorOf(() => run(change, targets))
      expect(error.argument).toBe(argument)
      expect(error.message).toMatch(message)
    }
  })

  test('are compared at points that are finite, whatever is left out of predictions', () => {
    const worst = HungarianLoss.mask2Former({ numClasses: 3, nonFinite: 'worst', masks: { points: 20 } })
    const layer = layerOf(1)
    for (const [field, shape] of [
      ['maskCostPoints', [20, 2]],
      ['maskLossPoints', [3, 20, 2]],
    ] as const) {
      const data = new Float32Array(shape.reduce<number>((product, size) => product * size, 1)).fill(0.5)
      const call = () => worst.compute({ ...layer, [field]: { data, shape } }, TARGETS)
      expect(call().nonFinite).toEqual(countsOf())
      data[7] = NaN
      const error = errorOf(call)
      expect(error).toMatchObject({ code: 'NON_FINITE', argument: `outputs.${field}` })
      expect(error.message).toMatch(/NaN at .*point 3, coordinate 1/)
    }
  })

  test('at points of wrong numbers are refused, saying which they should be', () => {
    const points = (...shape: number[]) => ({ data: new Float32Array(shape.reduce((a, b) => a * b)).fill(0.5), shape })
    const refusal = (change: object, criterion = byPoints) => errorOf(() => run(change, TARGETS, criterion))
    const pairs = 'expected a row for each of the 3 pairs of layer 0, got'
    const each = 'expected 20 points for each pair, or 65 with all candidates, as the options of masks have it, got'
    for (const [shape, rule] of [
      [[0, 20, 2], `${pairs} 0`],
      [[0, 65, 2], `${pairs} 0`],
      [[2, 20, 2], `${pairs} 2`],
      [[4, 65, 2], `${pairs} 4`],
      [[3, 21, 2], `${each} 21`],
      [[3, 0, 2], `${each} 0`],
      [[0, 0, 2], `${each} 0`],
      [[3, 20, 3], 'expected shape [pairs, points, 2], got [3, 20, 3]'],
      [[20, 2], 'expected shape [pairs, points, 2], got [20, 2]'],
    ] as const) {
      const error = refusal({ maskLossPoints: points(...shape) })
      expect(error).toMatchObject({ code: 'SHAPE', message: `outputs.maskLossPoints: ${rule}` })
    }
    for (const shape of [[0, 2], [2, 0, 2], [3, 5, 2], [5, 3]]) {
      const error = refusal({ maskCostPoints: points(...shape) })
      expect(error.code).toBe('SHAPE')
      expect(error.message).toContain(
        `outputs.maskCostPoints: expected shape [2, points, 2] or [points, 2], got [${shape.join(', ')}]`,
      )
    }
    // of no pairs there are none
    const empty = [{ labels: [] }, { labels: [] }]
    expect(run({ maskLossPoints: points(0, 20, 2) }, empty, byPoints).loss).toBe(run({}, empty, byPoints).loss)
    // and nothing given is left unread
    expect(refusal({ maskLossPoints: points(3, 20, 2) }, whole).message).toBe(
      "outputs.maskLossPoints: must be absent where masks.lossSampling is 'canvas'",
    )
    expect(refusal({ maskCostPoints: points(20, 2) }, whole).message).toBe(
      "outputs.maskCostPoints: must be absent where masks.costSampling is 'grid'",
    )
    const { logits, boxes } = randomLayer(3, { images: IMAGES, queries: QUERIES, classes: 3 })
    const { masks } = layerOf(1)
    const boxed = TARGETS.map((target) => ({ ...target, boxes: target.labels.map(() => [0.5, 0.5, 0.25, 0.25]) }))
    const dino = HungarianLoss.maskDino({ numClasses: 3, masks: { points: 20 } })
    const auxiliary = [{ logits, boxes, maskLossPoints: points(3, 20, 2) }]
    expect(errorOf(() => dino.compute({ logits, boxes, masks, auxiliary }, boxed))).toMatchObject({
      code: 'SHAPE',
      message: expect.stringMatching(/maskLossPoints: must be absent where the layer has no masks$/),
    })
  }) // prettier-ignore

  test('of an array that has a subarray of its own are read as they are', () => {
    class Own extends Uint8Array {
      static get [Symbol.species]() {
        return untyped<Uint8ArrayConstructor>(Float64Array)
      }
    }
    const [first, ...others] = TARGETS
    const own = new Own(first!.masks.data)
    own.subarray = () => new Uint8Array(1)
    const targets = [{ ...first!, masks: { ...first!.masks, data: own } }, ...others]
    expect(run({}, targets).loss).toBe(run({}, TARGETS).loss)
    const cut = (target: object) => ({ ...target, valid: 1 })
    expect(run({}, targets.map(cut)).loss).toBe(run({}, TARGETS.map(cut)).loss)
  })

  test('of an image without targets have no gradient, and extreme ones stay finite', () => {
    const { gradients } = run({}, [TARGETS[0]!, { labels: [] }])
    expect(gradients.masks.subarray(QUERIES * AREA).every((slope) => Object.is(slope, 0))).toBe(true)
    const none = run({}, [{ labels: [] }, { labels: [] }])
    expect([none.terms.maskFocal, none.terms.maskDice]).toEqual([0, 0])
    const { masks } = layerOf(1)
    const data = masks.data.map((value) => 1e5 * Math.sign(value))
    for (const criterion of [whole, byPoints]) {
      const result = run({ masks: { ...masks, data } }, TARGETS, criterion)
      expect([result.loss, ...result.gradients.masks].every(Number.isFinite)).toBe(true)
    }
  })

  test('a batch with masks is looked through', () => {
    expect(inspectBatch(layerOf(1), TARGETS, whole).map(({ code }) => code)).not.toContain('untrained-field')
  })
})
