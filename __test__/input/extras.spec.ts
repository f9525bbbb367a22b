/** Positives in place of labels, columns that images lack, and weights of targets, queries and layers. */
import { describe, expect, test } from 'vitest'
import { combineNormalizers, HungarianLoss } from '../../src/index.ts'
import type { HungarianLossOptions, MappedTarget, PresetName, Target } from '../../src/index.ts'
import {
  bitsOf,
  errorOf,
  expectAllClose,
  expectClose,
  randomLayer,
  randomNumbers,
  untyped,
} from '../support/helpers.ts'

const IMAGES = 3
const QUERIES = 7
const COLUMNS = 9

const sigmoids = ['focal', 'varifocal', 'mal', 'ia-bce', 'sigmoid'] as const
const layer = (seed = 1, classes = COLUMNS) => randomLayer(seed, { images: IMAGES, queries: QUERIES, classes })
const boxes = [
  [0.3, 0.3, 0.2, 0.4],
  [0.6, 0.5, 0.3, 0.2],
]
const LABELS = [[2, 5], [], [7, 2]]
const labelled: Target[] = LABELS.map((labels) => ({ labels, boxes: boxes.slice(0, labels.length) }))
/** One-hot rows of labels. */
const rowsOf = (labels: readonly number[], columns = COLUMNS) =>
  labels.map((label) => Array.from({ length: columns }, (_, column) => Number(column === label)))
const mapped: MappedTarget[] = LABELS.map((labels) => ({
  positives: rowsOf(labels),
  boxes: boxes.slice(0, labels.length),
}))

/** A target whose positives are so much of what they were. */
const scaled = (target: MappedTarget, factor: number): MappedTarget => ({
  ...target,
  positives: (target.positives as number[][]).map((row) => row.map((value) => factor * value)),
})

const criterionOf = (kind: string, options: object = {}, preset: PresetName = 'dino') =>
  new HungarianLoss(
    untyped<HungarianLossOptions>({ numClasses: COLUMNS, classification: { kind }, ...options }),
    preset,
  )

describe.each(sigmoids)('positives: %s', (kind) => {
  test('a row with one column is the same as that label, bit for bit', () => {
    for (const labels of ['sum', 'mean'] as const) {
      const criterion = criterionOf(kind, { cost: { labels } })
      const [own, other] = [criterion.compute(layer(), mapped), criterion.compute(layer(), labelled)]
      expect(bitsOf(own.gradients.logits)).toEqual(bitsOf(other.gradients.logits))
      expect(own).toEqual(other)
    }
  })

  test('a row with several is the same as a set of labels, bit for bit', () => {
    const criterion = criterionOf(kind)
    const both = (first: number, second: number) => rowsOf([first])[0]!.map((value, i) => (i === second ? 1 : value))
    const sets = [{ labels: [[1, 3], 4], boxes }, labelled[1]!, labelled[2]!]
    const maps = [{ positives: [both(1, 3), rowsOf([4])[0]!], boxes }, mapped[1]!, mapped[2]!]
    expect(criterion.compute(layer(), maps)).toEqual(criterion.compute(layer(), sets))
  })

  test('soft values change the loss of their cells alone', () => {
    const criterion = criterionOf(kind, { weights: { l1: 0, giou: 0 } })
    const soft = mapped.map((target) => scaled(target, 0.5))
    const [own, other] = [criterion.compute(layer(), soft), criterion.compute(layer(), labelled)]
    const differ = Array.from(own.gradients.logits).filter((slope, i) => slope !== other.gradients.logits[i])
    // of each pair one cell, if it found the same query
    expect(differ.length).toBeGreaterThan(0)
    expect(own.loss).not.toBe(other.loss)
  })
})

test('positives: focal loss of a soft label is that with α_t and |t − p|^γ', () => {
  const criterion = HungarianLoss.deformableDetr({ numClasses: 2, cost: { class: 1, l1: 0, giou: 0 } })
  const outputs = {
    logits: { data: [0.5, -1], shape: [1, 1, 2] },
    boxes: { data: [0.5, 0.5, 0.2, 0.2], shape: [1, 1, 4] },
  }
  const { terms } = criterion.compute(outputs, [{ positives: [[0.75, 0]], boxes: [[0.5, 0.5, 0.2, 0.2]] }])
  const sigma = (x: number) => 1 / (1 + Math.exp(-x))
  const [p, q, t] = [sigma(0.5), sigma(-1), 0.75]
  const alpha = 0.25 * t + 0.75 * (1 - t)
  const soft = alpha * (t - p) ** 2 * (-t * Math.log(p) - (1 - t) * Math.log(1 - p))
  expectClose(terms.class, soft - 0.75 * q ** 2 * Math.log(1 - q), 1e-6)
})

test('positives: softmax has −Σ value · log p, and rows that sum to less count less', () => {
  const criterion = HungarianLoss.mdetr({ numClasses: 2, cost: { class: 1, l1: 0, giou: 0 } })
  const x = [0.5, -1, 0.25]
  const outputs = {
    logits: { data: x, shape: [1, 1, 3] },
    boxes: { data: [0.5, 0.5, 0.2, 0.2], shape: [1, 1, 4] },
  }
  const sum = x.reduce((total, value) => total + Math.exp(value), 0)
  const nll = (column: number) => Math.log(sum) - x[column]!
  const result = criterion.compute(outputs, [{ positives: [[0.5, 0.25, 0]], boxes: [[0.5, 0.5, 0.2, 0.2]] }])
  expectClose(result.terms.class, 0.5 * nll(0) + 0.25 * nll(1), 1e-6)
  const p = x.map((value) => Math.exp(value) / sum)
  expectAllClose(result.gradients.logits, [0.75 * p[0]! - 0.5, 0.75 * p[1]! - 0.25, 0.75 * p[2]!], 1e-6)
  const cost = criterion.cost(outputs, [{ positives: [[0.5, 0.25, 0]], boxes: [[0.5, 0.5, 0.2, 0.2]] }])
  expectAllClose(cost.images[0]!.data, [-(0.5 * p[0]! + 0.25 * p[1]!)], 1e-6)
})

describe('positives: what does not fit is refused', () => {
  const criterion = criterionOf('focal')
  const softmax = HungarianLoss.mdetr({ numClasses: COLUMNS - 1 })
  const one = (positives: unknown, rest: object = {}) => [
    untyped<MappedTarget>({ positives, boxes: boxes.slice(0, 1), ...rest }),
    mapped[1]!,
    mapped[1]!,
  ]
  const row = (column: number, value: number) => rowsOf([column])[0]!.map((own) => own * value)
  const cases: [string, unknown, object, string, string, RegExp][] = [
    ['labels beside positives', rowsOf([1]), { labels: [1] }, 'OPTION', 'targets[0].labels', /must be absent/],
    ['another width', [[1, 0]], {}, 'SHAPE', 'targets[0].positives', /expected 9 numbers for target 0.*got 2/],
    ['another shape', { data: [1], shape: [1] }, {}, 'SHAPE', 'targets[0].positives', /expected shape \[n, 9\]/],
    ['an empty row', [Array(COLUMNS).fill(0)], {}, 'RANGE', 'targets[0].positives', /has no column above 0/],
    ['a value above 1', [row(2, 1.5)], {}, 'RANGE', 'targets[0].positives', /target 0 has 1\.5 at column 2/],
    ['a value below 0', [row(2, -0.5)], {}, 'RANGE', 'targets[0].positives', /has -0\.5 at column 2/],
    ['NaN', [row(3, NaN)], {}, 'RANGE', 'targets[0].positives', /has NaN at column/],
    ['a word', [['1', ...Array(COLUMNS - 1).fill(0)]], {}, 'DTYPE', 'targets[0].positives', /got "1"/],
  ]

  test.each(cases)('%s', (_, positives, rest, code, argument, message) => {
    const error = errorOf(() => criterion.compute(layer(), one(positives, rest)))
    expect(error).toMatchObject({ code, argument })
    expect(error.message).toMatch(message)
  })

  test('with softmax, rows that sum to more than 1, and no-object', () => {
    const sum = errorOf(() => softmax.compute(layer(), one([Array(COLUMNS).fill(0.3)])))
    expect(sum).toMatchObject({ code: 'RANGE', argument: 'targets[0].labels', image: 0, target: 0 })
    const rows = rowsOf([1])
    rows[0]![2] = 0.5
    const more = errorOf(() => softmax.compute(layer(), one(rows)))
    expect(more).toMatchObject({ code: 'RANGE', argument: 'targets[0].positives', image: 0, target: 0 })
    expect(more.message).toMatch(/sum to 1\.5; with softmax classification they must sum to at most 1/)
  })
})

/** The columns that each image has, and outputs with those alone. */
const FLAGS = [
  [1, 0, 1, 0, 1, 1, 0, 1, 1],
  [1, 1, 1, 1, 1, 1, 1, 1, 1],
  [0, 0, 1, 0, 0, 0, 0, 1, 0],
]

describe.each(['softmax', ...sigmoids])('columns: %s', (kind) => {
  const isSoftmax = kind === 'softmax'
  const numClasses = isSoftmax ? COLUMNS - 1 : COLUMNS
  const flags = FLAGS.map((own) => (isSoftmax ? [...own.slice(0, -1), 1] : own))
  const criterion = criterionOf(kind, { numClasses })
  const outputs = layer()
  const anything = [NaN, Infinity, -Infinity, 37.5]
  const logits = Float32Array.from(outputs.logits.data as Float32Array)
  logits.forEach((_, i) => {
    const image = Math.floor(i / (QUERIES * COLUMNS))
    if (flags[image]![i % COLUMNS] === 0) logits[i] = anything[i % anything.length]!
  })
  const spoilt = { ...outputs, logits: { ...outputs.logits, data: logits } }
  const targets = labelled.map((target, image) => ({ ...target, columns: flags[image]! }))

  test('absent ones are never read, and have no loss, no cost and a gradient of 0', () => {
    const result = criterion.compute(spoilt, targets)
    expect(result.nonFinite).toMatchObject({ logits: 0, costs: 0 })
    result.gradients.logits.forEach((slope, i) => {
      expect(Number.isFinite(slope)).toBe(true)
      if (Number.isNaN(logits[i]) || !Number.isFinite(logits[i]!)) expect(slope).toBe(0)
    })
    expect(criterion.compute(outputs, targets)).toEqual(result)
    for (const { data } of criterion.cost(spoilt, targets).images) expect(data.every(Number.isFinite)).toBe(true)
  })

  test('an image has the bits of its columns alone', () => {
    const whole = criterion.compute(spoilt, targets, { numBoxes: 4, classNormalizer: 5 })
    for (const image of [0, 2]) {
      const there = flags[image]!.flatMap((flag, column) => (flag === 1 ? [column] : []))
      const rows = Array.from({ length: QUERIES }, (_, query) => (image * QUERIES + query) * COLUMNS)
      const own = rows.flatMap((start) => there.map((column) => logits[start + column]!))
      const cut = (data: Float32Array) => data.slice(4 * image * QUERIES, 4 * (image + 1) * QUERIES)
      const alone = criterionOf(kind, { numClasses: there.length - Number(isSoftmax) }).compute(
        {
          logits: { data: Float32Array.from(own), shape: [1, QUERIES, there.length] },
          boxes: { data: cut(outputs.boxes.data as Float32Array), shape: [1, QUERIES, 4] },
        },
        [{ boxes, labels: LABELS[image]!.map((label) => there.indexOf(label)) }],
        { numBoxes: 4, classNormalizer: 5 },
      )
      const slopes = rows.flatMap((start) => there.map((column) => whole.gradients.logits[start + column]!))
      expect(slopes).toEqual([...alone.gradients.logits])
      expect(whole.matches[image]).toEqual(alone.matches[0])
    }
  })

  test('of values that are not finite those of columns that there are, are found and counted', () => {
    const data = logits.slice()
    const [query, column] = [3, 2]
    data[query * COLUMNS + column] = NaN
    const bad = { ...spoilt, logits: { ...spoilt.logits, data } }
    const error = errorOf(() => criterion.compute(bad, targets))
    expect(error).toMatchObject({ code: 'NON_FINITE', argument: 'outputs.logits', image: 0, query })
    expect(error.message).toMatch(/class 2/)
    const left = criterionOf(kind, { numClasses, nonFinite: 'worst' }).compute(bad, targets)
    expect(left.nonFinite.logits).toBe(1)
    expect(Number.isFinite(left.loss)).toBe(true)
  })
})

test('columns: those of labels and of no-object must be there, and at least one', () => {
  const criterion = criterionOf('focal')
  const message = (columns: unknown, labels = [2, 5]) =>
    errorOf(() => criterion.compute(layer(), untyped([{ labels, boxes, columns }, labelled[1]!, labelled[1]!])))
  const without = (column: number) => Array.from({ length: COLUMNS }, (_, i) => i !== column)
  expect(message(without(5))).toMatchObject({ code: 'RANGE', argument: 'targets[0].columns', image: 0, target: 1 })
  expect(message(without(5)).message).toMatch(/target 1 has column 5, which the image has not/)
  expect(message(Array(COLUMNS).fill(0)).message).toMatch(/at least one column must be there/)
  expect(message([1, 1])).toMatchObject({ code: 'SHAPE', argument: 'targets[0].columns' })
  expect(message(Array(COLUMNS).fill(2))).toMatchObject({ code: 'DTYPE', argument: 'targets[0].columns' })
  const softmax = HungarianLoss.detr({ numClasses: COLUMNS - 1 })
  const error = errorOf(() =>
    softmax.compute(layer(), [{ labels: [2, 5], boxes, columns: without(COLUMNS - 1) }, labelled[1]!, labelled[1]!]),
  )
  expect(error).toMatchObject({ code: 'RANGE', argument: 'targets[0].columns', image: 0 })
  expect(error.message).toMatch(/the column of no-object must be there, got 0 at column \d+$/)
  expect(error.message.endsWith(` ${COLUMNS - 1}`)).toBe(true)
})

test('positives: values of several classes do not go with the γ of softmax, which is named', () => {
  const criterion = HungarianLoss.detr({ numClasses: COLUMNS - 1, classification: { gamma: 1.5 } })
  const error = errorOf(() =>
    criterion.compute(
      layer(),
      mapped.map((target) => scaled(target, 0.5)),
    ),
  )
  expect(error).toMatchObject({ code: 'OPTION', argument: 'options.classification.gamma' })
  expect(error.message).toMatch(/must be 0 where targets have values of several classes, got 1\.5$/)
})

test('computeAsync: has positives, columns and weights of its own', async () => {
  const criterion = criterionOf('focal')
  const targets = mapped.map((target, image) => ({
    ...target,
    columns: FLAGS[image]!,
    weights: LABELS[image]!.map((_, i) => 0.5 + i),
  }))
  const data = Float32Array.from({ length: IMAGES * QUERIES }, randomNumbers(3))
  const weighed = { ...layer(), queryWeights: { data, shape: [IMAGES, QUERIES] } }
  expect(await criterion.computeAsync(weighed, targets)).toEqual(criterion.compute(weighed, targets))
})

describe.each(['softmax', 'focal', 'ia-bce'])('weights: %s', (kind) => {
  const numClasses = kind === 'softmax' ? COLUMNS - 1 : COLUMNS
  const criterion = criterionOf(kind, { numClasses })

  test('weights of 1 change nothing, and a weight of 0 takes the terms of a pair away but for divisors', () => {
    const outputs = layer()
    const plain = criterion.compute(outputs, labelled)
    const ones = labelled.map((target) => ({ ...target, weights: (target.labels as number[]).map(() => 1) }))
    const same = criterion.compute(outputs, ones)
    expectAllClose(same.gradients.boxes, plain.gradients.boxes, 1e-12)
    expect(same.matches).toEqual(plain.matches)
    expectClose(same.loss, plain.loss, 1e-12)
    const none = labelled.map((target) => ({ ...target, weights: (target.labels as number[]).map(() => 0) }))
    const without = criterion.compute(outputs, none)
    expect(without.terms).toMatchObject({ l1: 0, giou: 0 })
    expect(without.normalizers).toEqual(plain.normalizers)
    expect(without.gradients.boxes.every((slope) => slope === 0)).toBe(true)
  })

  test('a target of weight 2 counts as twice the difference', () => {
    const loss = (weight: number) => {
      const targets = [{ ...labelled[0]!, weights: [weight, 1] }, labelled[1]!, labelled[2]!]
      return criterion.compute(layer(), targets).loss
    }
    expectClose(loss(2) - loss(1), loss(1) - loss(0), 1e-9)
  })

  test('weights of queries multiply their background', () => {
    const outputs = layer()
    const empty = LABELS.map((): Target => ({ labels: [], boxes: [] }))
    const loss = (data: number[]) =>
      criterion.compute({ ...outputs, queryWeights: { data, shape: [IMAGES, QUERIES] } }, empty)
    const all = Array<number>(IMAGES * QUERIES).fill(1)
    expectClose(loss(all).terms.class, criterion.compute(outputs, empty).terms.class, 1e-12)
    const changed = all.map((_, i) => (i === 4 ? 3 : i === 9 ? 0 : 1))
    const { terms, gradients, normalizers } = loss(changed)
    const each = Array.from(all, (_, i) => loss(all.map((__, k) => Number(k === i))))
    const sums = each.map((one) => one.terms.class * (one.normalizers.classNormalizer || 1))
    const expected = sums.reduce((sum, value, i) => sum + value * changed[i]!, 0)
    expectClose(terms.class * normalizers.classNormalizer, expected, 1e-6)
    expect(gradients.logits.slice(9 * COLUMNS, 10 * COLUMNS).every((slope) => slope === 0)).toBe(true)
    if (kind === 'softmax') expectClose(normalizers.classNormalizer, 0.1 * (IMAGES * QUERIES + 1), 1e-9)
  })

  test('layers have weights', () => {
    const outputs = { ...layer(1), auxiliary: [layer(2), layer(3)] }
    const { loss, layers, gradients } = criterion.compute({ ...outputs, layerWeights: [0, 2, 0.5] }, labelled)
    const each = outputs.auxiliary.concat([layer(1)]).map((one) => criterion.compute(one, labelled))
    expectClose(loss, 2 * each[1]!.loss + 0.5 * each[2]!.loss, 1e-12)
    expect(layers[0]!.terms).toEqual(each[0]!.terms)
    expect(gradients.auxiliary![0]!.logits.every((slope) => slope === 0)).toBe(true)
    expectAllClose(
      gradients.auxiliary![1]!.boxes,
      Array.from(each[1]!.gradients.boxes, (slope) => 2 * slope),
      1e-6,
    )
  })
})

test('weights: what is out of range or of another length is refused', () => {
  const criterion = criterionOf('focal')
  const ofTarget = (weights: unknown) =>
    errorOf(() => criterion.compute(layer(), [untyped({ ...labelled[0]!, weights }), labelled[1]!, labelled[2]!]))
  expect(ofTarget([1])).toMatchObject({ code: 'SHAPE', argument: 'targets[0].weights' })
  expect(ofTarget([1, -1])).toMatchObject({ code: 'RANGE', argument: 'targets[0].weights', image: 0, target: 1 })
  expect(ofTarget([1, 'a'])).toMatchObject({ code: 'DTYPE', argument: 'targets[0].weights' })
  expect(ofTarget({ data: [1, 1], shape: [3] })).toMatchObject({ code: 'SHAPE', argument: 'targets[0].weights' })
  const halves = { data: Uint16Array.of(0x3c00, 0x3c00), dims: [2], type: 'float16' }
  expect(ofTarget(halves)).toMatchObject({ code: 'DTYPE', argument: 'targets[0].weights' })
  const ofOutputs = (more: object) => errorOf(() => criterion.compute(untyped({ ...layer(), ...more }), labelled))
  const data = Array<number>(IMAGES * QUERIES).fill(1)
  const queryWeights = { data: data.with(8, -1), shape: [IMAGES, QUERIES] }
  expect(ofOutputs({ queryWeights })).toMatchObject({
    code: 'RANGE',
    argument: 'outputs.queryWeights',
    image: 1,
    query: 1,
  })
  expect(ofOutputs({ queryWeights: { data, shape: [IMAGES * QUERIES] } })).toMatchObject({
    code: 'SHAPE',
    argument: 'outputs.queryWeights',
  })
  expect(ofOutputs({ layerWeights: [1, 2] })).toMatchObject({ code: 'SHAPE', argument: 'outputs.layerWeights' })
  expect(ofOutputs({ layerWeights: [-1] })).toMatchObject({ code: 'OPTION', argument: 'outputs.layerWeights[0]' })
})

describe('normalization', () => {
  const outputs = layer()

  test.each(['num-boxes', 'num-pairs', 'num-queries', 'per-image'] as const)('%s divides as it says', (word) => {
    const criterion = criterionOf('focal', {
      normalization: word,
      classification: { kind: 'focal', normalization: word },
    })
    const { terms, normalizers, layers } = criterion.compute(outputs, labelled)
    const alone = labelled.map((target, image) => {
      const cut = (data: Float32Array, size: number) => data.slice(image * QUERIES * size, (image + 1) * QUERIES * size)
      const one = {
        logits: { data: cut(outputs.logits.data as Float32Array, COLUMNS), shape: [1, QUERIES, COLUMNS] },
        boxes: { data: cut(outputs.boxes.data as Float32Array, 4), shape: [1, QUERIES, 4] },
      }
      return criterionOf('focal').compute(one, [target], { numBoxes: 1, classNormalizer: 1 }).terms
    })
    const divisor = { 'num-boxes': 4, 'num-pairs': 4, 'num-queries': IMAGES * QUERIES, 'per-image': IMAGES }[word]
    const own = LABELS.map(({ length }) => (word === 'per-image' ? Math.max(1, length) : 1))
    for (const term of ['class', 'l1', 'giou'] as const) {
      const sum = alone.reduce((total, one, image) => total + one[term] / own[image]!, 0)
      expectClose(terms[term], sum / divisor, 1e-9)
    }
    expect(layers[0]!.normalizers).toEqual({ boxes: divisor })
    expect(normalizers.classNormalizer).toBe(divisor)
  })

  test('a family may have a word of its own, and others the preset’s', () => {
    const criterion = criterionOf('focal', { normalization: { boxes: 'per-image' } })
    expect(criterion.options.normalization).toMatchObject({ boxes: 'per-image', spans: 'num-boxes' })
    const { normalizers } = criterion.compute(outputs, labelled)
    expect(normalizers).toMatchObject({ numImages: IMAGES, counts: { images: IMAGES } })
    expect(normalizers.classNormalizer).toBe(4)
    const error = errorOf(() => criterionOf('focal', { normalization: { box: 'per-image' } }))
    expect(error).toMatchObject({ code: 'OPTION', argument: 'options.normalization.box' })
  })

  test('at least so many queries count', () => {
    const classification = { kind: 'focal', normalization: 'num-queries', minQueries: 200 }
    const { normalizers } = criterionOf('focal', { classification }).compute(outputs, labelled)
    expect(normalizers.classNormalizer).toBe(IMAGES * 200)
  })

  test('the labels of a map count by their values', () => {
    const classification = { kind: 'focal', normalization: 'num-labels' }
    const soft = mapped.map((target) => scaled(target, 0.75))
    const { normalizers } = criterionOf('focal', { classification }).compute(outputs, soft)
    expect(normalizers.classNormalizer).toBe(3)
    const call = combineNormalizers([normalizers, normalizers])
    expect(call.classNormalizer).toEqual([3])
  })
})
