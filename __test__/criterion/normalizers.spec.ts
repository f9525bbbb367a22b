/** A batch that is split: the divisors of the whole, from those of its shares. */
import { describe, expect, test } from 'vitest'
import { combineNormalizers, HungarianLoss } from '../../src/index.ts'
import { PRESETS } from '../../src/options/presets.ts'
import type {
  CallOptions,
  Gradients,
  HungarianLossOptions,
  LayerGradients,
  LayerOutputs,
  LossResult,
  NormalizerSource,
  Outputs,
  PresetName,
  Target,
  TensorLike,
} from '../../src/index.ts'
import {
  bitsOf,
  errorOf,
  expectClose,
  imageOf,
  randomLayer,
  randomNumbers,
  randomTargets,
  untyped,
} from '../support/helpers.ts'

/** Presets of boxes. */
const NAMES = (Object.keys(PRESETS) as PresetName[]).filter((name) => PRESETS[name].cost.l1 > 0)

const CLASSES = 4
const QUERIES = 6
const REG_MAX = 4
const WIDTH = 4 * (REG_MAX + 1)

/** What a step is made of, for some images with some targets. */
interface Kind {
  readonly images: number
  /** Columns of the logits. */
  readonly classes: number
  readonly most: number
  readonly random: () => number
}

const seedOf = ({ random }: Kind): number => Math.floor(random() * 1e9)
const layer = (kind: Kind, queries = QUERIES) => randomLayer(seedOf(kind), { ...kind, queries })

/** A layer whose edges are distributions. */
function edged(kind: Kind, queries = QUERIES) {
  const { images, random } = kind
  const corners = Float32Array.from({ length: images * queries * WIDTH }, () => 6 * random() - 3)
  return {
    ...layer(kind, queries),
    corners: { data: corners, shape: [images, queries, WIDTH] },
    references: layer(kind, queries).boxes,
  }
}

/** Three layers in tensors of rank 4. */
function stacked(kind: Kind): Outputs {
  const layers = [layer(kind), layer(kind), layer(kind)]
  const stack = (name: 'logits' | 'boxes'): TensorLike => ({
    data: Float32Array.from(layers.flatMap((one) => [...one[name].data])),
    shape: [3, ...layers[0]![name].shape],
  })
  return { logits: stack('logits'), boxes: stack('boxes') }
}

const denoised = (kind: Kind, groups: number) => layer(kind, 2 * kind.most * groups)

/** Every structure of a step. */
const STRUCTURES: Record<string, (kind: Kind) => Outputs> = {
  'one layer': layer,
  'auxiliary layers': (kind) => ({ ...layer(kind), auxiliary: [layer(kind), layer(kind)] }),
  'stacked layers': stacked,
  groups: (kind) => ({ ...layer(kind), auxiliary: [layer(kind)], groups: 3 }),
  encoder: (kind) => ({ ...layer(kind), encoder: { ...layer(kind), classAgnostic: true, weight: 0.5 } }),
  denoising: (kind) => ({
    ...layer(kind),
    auxiliary: [layer(kind)],
    denoising: { ...denoised(kind, 2), auxiliary: [denoised(kind, 2)], groups: 2 },
  }),
  'denoising with padding left out': (kind) => ({
    ...layer(kind),
    denoising: { ...layer(kind, kind.most * 3), groups: 3, contrastive: false, padding: 'ignore' },
  }),
  'one-to-many with more targets than queries': (kind) => ({
    ...layer(kind),
    oneToMany: { ...layer(kind, 5), repeat: 4, weight: 2 },
  }),
  'given matchings': (kind) => ({
    ...layer(kind),
    matching: { from: 0 },
    auxiliary: [
      layer(kind),
      {
        ...layer(kind),
        matching: Array.from({ length: kind.images }, () => ({
          queryIndices: [],
          targetIndices: [],
          ignoredQueries: [2],
        })),
      },
    ],
  }),
  'all parts': (kind) => ({
    ...layer(kind),
    auxiliary: [layer(kind)],
    groups: 2,
    encoder: { ...layer(kind), groups: 2, weights: { l1: 0 } },
    denoising: { ...denoised(kind, 3), groups: 3, weight: 0.5 },
    oneToMany: { ...layer(kind, 20), auxiliary: [layer(kind, 20)], repeat: 3 },
  }),
}

/** The structures of the presets with distributions: a first head without, an encoder, and denoising queries. */
const EDGED: Record<string, (kind: Kind) => Outputs> = {
  corners: (kind) => ({ ...edged(kind), auxiliary: [layer(kind), edged(kind), edged(kind)] }),
  'corners and further parts': (kind) => ({
    ...edged(kind),
    auxiliary: [layer(kind), edged(kind)],
    encoder: layer(kind),
    denoising: { ...edged(kind, 4 * kind.most), auxiliary: [edged(kind, 4 * kind.most)], groups: 2 },
  }),
}

/** The images from one to before another of everything that has images. */
function cut<T>(value: T, from: number, to: number): T {
  if (Array.isArray(value)) return value.map((one) => cut(one, from, to)) as T
  if (typeof value !== 'object' || value === null) return value
  if ('data' in value && 'shape' in value) {
    const { data, shape } = value as unknown as { data: Float32Array; shape: number[] }
    const [layers, images] = shape.length === 4 ? [shape[0]!, shape[1]!] : [1, shape[0]!]
    const size = data.length / Math.max(layers * images, 1)
    const parts = Array.from({ length: layers }, (_, k) =>
      data.subarray((k * images + from) * size, (k * images + to) * size),
    )
    const cutShape = shape.map((length, axis) => (axis === shape.length - 3 ? to - from : length))
    return { data: Float32Array.from(parts.flatMap((part) => Array.from(part))), shape: cutShape } as T
  }
  const entries = Object.entries(value).map(([key, one]) => {
    const isPerImage = key === 'matching' && Array.isArray(one)
    return [key, isPerImage ? one.slice(from, to) : key === 'weights' ? one : cut(one, from, to)]
  })
  return Object.fromEntries(entries) as T
}

/** Every gradient of a result, with the images as its rows. */
function rowsOf({ gradients }: LossResult, images: number): number[][][] {
  const arrays: Float32Array[] = []
  const add = ({ logits, boxes, corners }: LayerGradients) => arrays.push(logits, boxes, ...(corners ? [corners] : []))
  const { encoder, denoising, oneToMany, ...main } = gradients as Gradients
  for (const part of [main, encoder, denoising, oneToMany]) {
    if (part === undefined) continue
    add(part)
    part.auxiliary?.forEach(add)
  }
  return arrays.map((array) => {
    const size = array.length / Math.max(images, 1)
    return Array.from({ length: images }, (_, image) => [...array.subarray(image * size, (image + 1) * size)])
  })
}

/** The rows of stacked layers, `[L, B, …]`, layer by layer. */
function unstack(outputs: Outputs, result: LossResult, images: number): number[][][] {
  const { shape } = outputs.logits as { readonly shape: readonly number[] }
  if (shape.length === 4) {
    const layers = shape[0]!
    const { logits, boxes } = result.gradients!
    return [logits, boxes].flatMap((array) =>
      Array.from({ length: layers }, (_, k) => {
        const part = array.subarray((k * array.length) / layers, ((k + 1) * array.length) / layers)
        const size = part.length / Math.max(images, 1)
        return Array.from({ length: images }, (_image, image) => [...part.subarray(image * size, (image + 1) * size)])
      }),
    )
  }
  return rowsOf(result, images)
}

/** Borders of some shares of the images, unequal and at times empty. */
function randomBorders(images: number, random: () => number): number[] {
  const shares = 1 + Math.floor(random() * 4)
  const inner = Array.from({ length: shares - 1 }, () => Math.floor(random() * (images + 1)))
  return [0, ...inner.toSorted((a, b) => a - b), images]
}

type Message = (source: LossResult | ReturnType<HungarianLoss['match']>) => NormalizerSource

/** How counts come from another worker. */
const MESSAGES: Message[] = [
  (result) => result,
  (result) => result.normalizers,
  (result) => structuredClone(result.normalizers),
  ({ normalizers }) => JSON.parse(JSON.stringify({ normalizers })) as NormalizerSource,
]

/** Compares a batch with its shares under their combined divisors. */
function checkSplit(
  criterion: HungarianLoss,
  outputs: Outputs,
  targets: readonly Target[],
  random: () => number,
): void {
  const whole = criterion.compute(outputs, targets)
  const images = targets.length
  const borders = randomBorders(images, random)
  const shares = borders.slice(1).map((to, k) => {
    const from = borders[k]!
    return { outputs: cut(outputs, from, to), targets: targets.slice(from, to) }
  })
  const message = MESSAGES[Math.floor(random() * MESSAGES.length)]!
  const matched = shares.map((share) => message(criterion.match(share.outputs, share.targets)))
  const rows = unstack(outputs, whole, images)
  for (const reduce of ['mean', 'sum'] as const) {
    const call: CallOptions = combineNormalizers(matched, { reduce })
    const results = shares.map((share) => criterion.compute(share.outputs, share.targets, call))
    // whatever a call was given, its counts are its own
    const again = combineNormalizers(results.map(message), { reduce })
    expect(again).toEqual(call)
    const divisor = reduce === 'mean' ? shares.length : 1
    const loss = results.reduce((sum, result) => sum + result.loss, 0) / divisor
    expectClose(loss, whole.loss, 1e-9)
    const parts = results.map((result, k) => unstack(shares[k]!.outputs, result, shares[k]!.targets.length))
    rows.forEach((expected, array) => {
      const found = parts.flatMap((part) => part[array]!)
      expect(found.length).toBe(images)
      // relative, but for the float32 digits that numbers lose where terms cancel
      const unit = 0.1 * Math.max(...expected.flat().map(Math.abs), Number.MIN_VALUE)
      found.forEach((row, image) =>
        row.forEach((value, i) => expectClose(value / divisor / unit, expected[image]![i]! / unit, 1e-6)),
      )
    })
  }
}

/** Targets of all images, of which some have none, and at times nobody has any. */
function someTargets(kind: Kind, { ignoring = false, empty = false } = {}) {
  const { images, random, most } = kind
  const counts = Array.from({ length: images }, () => (empty || random() < 0.4 ? 0 : Math.floor(random() * (most + 1))))
  return randomTargets(seedOf(kind), { targets: counts }).map(({ labels, boxes }) => ({
    labels,
    boxes,
    ignore: ignoring ? labels.map(() => random() < 0.4) : undefined,
  }))
}

/** Targets whose labels leave the column of no-object out. */
function labelled<T extends { readonly labels: readonly number[] }>({ options }: HungarianLoss, targets: T[]): T[] {
  const { classification } = options
  const shift = Number(classification.kind === 'softmax' && classification.noObjectIndex === 0)
  return targets.map((target) => Object.assign(target, { labels: target.labels.map((label) => label + shift) }))
}

function kindOf(preset: PresetName, random: () => number): Kind {
  return { images: 1 + Math.floor(random() * 4), classes: CLASSES + Number(preset === 'detr'), most: 4, random }
}

const optionsFor = (more: Partial<HungarianLossOptions> = {}): HungarianLossOptions => ({
  numClasses: CLASSES,
  distribution: { regMax: REG_MAX },
  threads: 1,
  ...more,
})

describe.each(NAMES)('combineNormalizers: %s, split at random, is the unsplit batch', (preset) => {
  const isFine = preset === 'dFine' || preset === 'deim'
  const structures = { ...STRUCTURES, ...(isFine && EDGED) }
  test.each(Object.entries(structures))('%s', (name, make) => {
    const random = randomNumbers(name.length + 100 * NAMES.indexOf(preset))
    for (const more of [{}, { boxMatching: 'union' }, { boxMatching: 'layer' }] as const) {
      // the union is of parts with as many queries
      const criterion = new HungarianLoss(optionsFor(more), preset)
      for (let round = 0; round < 4; round++) {
        const kind = kindOf(preset, random)
        const outputs = make(kind)
        checkSplit(criterion, outputs, someTargets(kind, { empty: round === 0, ignoring: round === 1 }), random)
      }
    }
  })
})

const CLASS_TERMS: [string, PresetName, Partial<HungarianLossOptions>][] = [
  ['class weights', 'detr', { classification: { classWeights: [0.3, 2, 1.7, 0.9] } }],
  ['class weights of 0', 'detr', { classification: { classWeights: [0, 2, 0, 1], noObjectWeight: 0 } }],
  ['the paper’s divisor', 'detr', { classification: { normalization: 'num-boxes' } }],
  ['the number of queries as divisor', 'detr', { classification: { normalization: 'num-queries' } }],
  ['pairs as divisors', 'detr', { normalization: 'num-pairs' }],
  ['queries as divisors', 'detr', { normalization: 'num-queries' }],
  ['each image by its own targets', 'detr', { normalization: 'per-image' }],
  ['all by pairs', 'dino', { normalization: 'num-pairs', classification: { normalization: 'num-pairs' } }],
  ['all by queries', 'dino', { normalization: 'num-queries', classification: { normalization: 'num-queries' } }],
  ['all by labels', 'dino', { classification: { normalization: 'num-labels' } }],
  ['softmax, each image by its own', 'detr', { classification: { normalization: 'per-image' } }],
  ['pairs as divisors, sigmoid', 'dFine', { normalization: 'num-pairs', boxMatching: 'layer' }],
  ['no-object first', 'detr', { classification: { noObjectIndex: 0, classWeights: [3, 1, 2, 5] } }],
  ['a log-sigmoid cost', 'rtDetr', { cost: { classForm: 'log-sigmoid' } }],
  ['all box terms', 'deformableDetr', { weights: { iou: 1, diou: 0.5, ciou: 2 } }],
]

test.each(CLASS_TERMS)('combineNormalizers: with %s a split batch is the unsplit one', (_, preset, more) => {
  const random = randomNumbers(7)
  const criterion = new HungarianLoss(optionsFor(more), preset)
  for (const make of Object.values(STRUCTURES)) {
    for (let round = 0; round < 6; round++) {
      const kind = { ...kindOf(preset, random), most: 9 }
      const targets = someTargets(kind, { empty: round === 0, ignoring: round % 2 === 1 })
      checkSplit(criterion, make(kind), labelled(criterion, targets), random)
    }
  }
})

test.each(['detr', 'deformableDetr', 'dFine'] as const)(
  'combineNormalizers: %s with values that are not finite, likewise',
  (preset) => {
    const random = randomNumbers(8)
    const criterion = new HungarianLoss(optionsFor({ nonFinite: 'worst' }), preset)
    for (const make of Object.values(preset === 'dFine' ? EDGED : STRUCTURES)) {
      for (let round = 0; round < 8; round++) {
        const kind = kindOf(preset, random)
        const outputs = make(kind)
        const { data } = outputs.logits
        if (data instanceof Float32Array) data[Math.floor(random() * data.length)] = NaN
        const { corners } = outputs
        if (corners?.data instanceof Float32Array) corners.data[Math.floor(random() * corners.data.length)] = Infinity
        checkSplit(criterion, outputs, someTargets(kind), random)
      }
    }
  },
)

describe('combineNormalizers: the published recipe', () => {
  const criterion = HungarianLoss.deformableDetr({ numClasses: 1 })
  const logits = [
    [0.5, -0.5, 1],
    [0, 0.3, -1],
  ]
  const boxes = [
    [0.2, 0.2, 0.1, 0.1, 0.5, 0.5, 0.2, 0.2, 0.8, 0.8, 0.1, 0.1],
    [0.25, 0.25, 0.1, 0.1, 0.55, 0.5, 0.2, 0.2, 0.8, 0.75, 0.1, 0.1],
  ]
  const targets = [
    { labels: [], boxes: [] },
    { labels: [0, 0], boxes: [0.2, 0.2, 0.1, 0.1, 0.5, 0.5, 0.2, 0.2] },
  ]
  const image = (k: number) => ({
    logits: { data: logits[k]!, shape: [1, 3, 1] },
    boxes: { data: boxes[k]!, shape: [1, 3, 4] },
  })
  const both = { logits: { data: logits.flat(), shape: [2, 3, 1] }, boxes: { data: boxes.flat(), shape: [2, 3, 4] } }

  test('a worker without targets takes nothing from the others (roboflow/rf-detr PR 1117, #1503)', () => {
    const whole = criterion.compute(both, targets).gradients!.boxes[12]!
    expect(whole).toBeCloseTo(8.728, 3)
    const matched = targets.map((target, k) => criterion.match(image(k), [target]))
    // the mean of what divides each alone is too large, since an empty worker divides by 1
    const numBoxes = matched.reduce((sum, { normalizers }) => sum + normalizers.numBoxes, 0) / 2
    const wrong = criterion.compute(image(1), [targets[1]!], { numBoxes }).gradients!.boxes[0]! / 2
    expect(wrong).toBeCloseTo(5.819, 3)
    const call = combineNormalizers(matched)
    expect(call).toEqual({ numBoxes: 1, classNormalizer: [1] })
    expectClose(criterion.compute(image(1), [targets[1]!], call).gradients!.boxes[0]! / 2, whole, 1e-7)
  })

  test('divides by at least 1 in each worker, which is more where targets are fewer than workers', () => {
    const workers = Array.from({ length: 8 }, (_, k) => criterion.match(image(0), [targets[k === 0 ? 1 : 0]!]))
    expect(combineNormalizers(workers)).toEqual({ numBoxes: 0.25, classNormalizer: [0.25] })
    expect(combineNormalizers(workers.slice(1))).toEqual({ numBoxes: 1 / 7, classNormalizer: [1 / 7] })
    expect(combineNormalizers(workers, { reduce: 'sum' })).toEqual({ numBoxes: 2, classNormalizer: [2] })
  })
})

test('counts are the numbers before any clamp, with and without given divisors', () => {
  const criterion = HungarianLoss.dFine(optionsFor())
  const kind: Kind = { images: 2, classes: CLASSES, most: 3, random: randomNumbers(9) }
  const outputs = EDGED['corners and further parts']!(kind)
  const empty = someTargets(kind, { empty: true })
  const none = criterion.match(outputs, empty).normalizers
  expect(none).toMatchObject({ numBoxes: 1, unionBoxes: 1, classNormalizer: 1 })
  expect(none.counts).toEqual({
    targets: 0,
    unionPairs: 0,
    classNormalizers: [0, 0, 0, 0, 0, 0],
    leastClassNormalizers: [1, 1, 1, 1, 2, 2],
    distilledQueries: [
      [0, 0],
      [0, 12],
      [0, 0],
      [0, 0],
      [0, 24],
      [0, 0],
    ],
  })
  const targets = randomTargets(9, { targets: [2, 3] })
  const { counts } = criterion.match(outputs, targets).normalizers
  expect(counts).toMatchObject({ targets: 5, classNormalizers: [5, 5, 5, 5, 10, 10] })
  const call = {
    numBoxes: 9,
    classNormalizer: 7,
    unionBoxes: 3,
    distilledQueries: Array.from({ length: 6 }, () => [1, 1]),
  }
  const given = criterion.compute(outputs, targets, call)
  expect(given.normalizers).toEqual({ numBoxes: 9, classNormalizer: 7, unionBoxes: 3, counts })
  expect(given.layers.map(({ classNormalizer }) => classNormalizer)).toEqual([7, 7, 7])
})

test('distilledQueries: numbers of distilled queries weigh ddf, and nothing else', async () => {
  const criterion = HungarianLoss.dFine(optionsFor())
  const kind: Kind = { images: 2, classes: CLASSES, most: 3, random: randomNumbers(10) }
  const outputs = { ...edged(kind), auxiliary: [edged(kind)] }
  const targets = randomTargets(10, { targets: [2, 3] })
  const own = criterion.compute(outputs, targets)
  const [[paired, others]] = own.normalizers.counts.distilledQueries as [[number, number]]
  const compute = (distilledQueries: CallOptions['distilledQueries']) =>
    criterion.compute(outputs, targets, { distilledQueries })
  const half = compute([Float64Array.of(2 * paired, 2 * others), [0, 0]])
  expectClose(half.layers[0]!.terms.ddf!, own.layers[0]!.terms.ddf! / 2, 1e-12)
  expect(half.layers[0]!.terms.fgl).toBe(own.layers[0]!.terms.fgl)
  expect(bitsOf(half.gradients!.corners)).toBe(bitsOf(own.gradients!.corners))
  const twice: CallOptions = {
    distilledQueries: [
      [2 * paired, 2 * others],
      [0, 0],
    ],
  }
  const { loss } = await criterion.computeAsync(outputs, targets, twice)
  expect(loss).toBe(half.loss)
  for (const [given, argument] of [
    [3, 'call.distilledQueries'],
    [[[1, 1]], 'call.distilledQueries'],
    [[[1, 1], [1]], 'call.distilledQueries[1]'],
    [[[1, 1], 1], 'call.distilledQueries[1]'],
    [
      [
        [1, -1],
        [0, 0],
      ],
      'call.distilledQueries[0][1]',
    ],
    [
      [
        [1, 1],
        ['0', 0],
      ],
      'call.distilledQueries[1][0]',
    ],
    [
      [
        [1, Infinity],
        [0, 0],
      ],
      'call.distilledQueries[0][1]',
    ],
  ]) {
    expect(errorOf(() => compute(untyped(given)))).toMatchObject({ argument })
  }
})

test('numBoxes: where N divides the class term, a given numBoxes does so in its place, multiplied as for the boxes', () => {
  const kind: Kind = { images: 2, classes: CLASSES, most: 3, random: randomNumbers(11) }
  const targets = randomTargets(11, { targets: [2, 3] })
  const criterion = HungarianLoss.rtDetr(optionsFor())
  const result = criterion.compute(STRUCTURES['all parts']!(kind), targets, { numBoxes: 10 })
  const weights = [result, result.encoder!, result.denoising!, result.oneToMany!].map(({ layers }) =>
    layers.map(({ classNormalizer }) => classNormalizer),
  )
  expect(weights).toEqual([[20, 20], [20], [30], [30, 30]])
})

test('combineNormalizers: workers with other numbers of denoising groups divide by their own (IDEA-Research/DINO, dn_number)', () => {
  const criterion = HungarianLoss.dino(optionsFor())
  const kind: Kind = { images: 1, classes: CLASSES, most: 2, random: randomNumbers(12) }
  const targets = randomTargets(12, { targets: [1, 2] })
  const share = (groups: number): Outputs => ({ ...layer(kind), denoising: { ...denoised(kind, groups), groups } })
  const shares = [share(2), share(3)]
  const all = shares.map((outputs, k) => criterion.match(outputs, [targets[k]!]))
  const call = combineNormalizers(all)
  expect(call).toEqual({ numBoxes: 1.5, classNormalizer: undefined })
  const results = shares.map((outputs, k) => criterion.compute(outputs, [targets[k]!], call))
  const weights = results.map(({ denoising }) => denoising!.layers[0]!.classNormalizer)
  expect(weights).toEqual([3, 4.5])
  // without any target, there is nothing that these groups could divide
  const none = shares.map((outputs) => criterion.match(outputs, [{ labels: [], boxes: [] }]))
  expect(combineNormalizers(none)).toEqual({ numBoxes: 0.5, classNormalizer: [0.5, 1.25] })
})

test('classWeights: class weights that are all 0 make no NaN', () => {
  const classification = { classWeights: [0, 0, 0, 0], noObjectWeight: 0 }
  const criterion = HungarianLoss.detr({ numClasses: 4, classification })
  const outputs = randomLayer(13)
  const targets = randomTargets(13)
  const { normalizers } = criterion.match(outputs, targets)
  expect(normalizers.counts).toMatchObject({ classNormalizers: [0], leastClassNormalizers: [0] })
  const call = combineNormalizers([normalizers, normalizers])
  expect(call).toEqual({ numBoxes: 5, classNormalizer: [0.5] })
  for (const given of [{}, call]) {
    const { loss, terms, gradients } = criterion.compute(outputs, targets, given)
    expect(terms.class).toBe(0)
    expect(Number.isFinite(loss)).toBe(true)
    expect(gradients!.logits.every((value) => value === 0)).toBe(true)
  }
})

test('counts: match and compute report the same bits, whatever the weights', () => {
  const random = randomNumbers(14)
  for (let round = 0; round < 200; round++) {
    const classWeights = Array.from({ length: 4 }, () => 3 * random())
    const criterion = HungarianLoss.detr({ numClasses: 4, classification: { classWeights } })
    const kind: Kind = { images: 3, classes: 5, most: 9, random }
    const outputs = { ...STRUCTURES['all parts']!(kind) }
    const targets = someTargets(kind, { ignoring: round % 2 === 1 })
    const [matched, computed] = [criterion.match(outputs, targets), criterion.compute(outputs, targets)]
    expect(matched.normalizers).toEqual(computed.normalizers)
    for (const key of ['encoder', 'denoising', 'oneToMany'] as const) {
      const [a, b] = [matched[key]!, computed[key]!].map(({ layers }) =>
        layers.map(({ classNormalizer }) => classNormalizer),
      )
      expect(a).toEqual(b)
    }
  }
})

test('numBoxes and classNormalizer: with its divisors, shares have the bits of the whole, also with weights and ignored or too many targets', () => {
  const random = randomNumbers(15)
  for (let round = 0; round < 60; round++) {
    const classWeights = Array.from({ length: 4 }, () => 3 * random())
    const criterion = HungarianLoss.detr({ numClasses: 4, classification: { classWeights } })
    const kind: Kind = { images: 3, classes: 5, most: 9, random }
    const outputs = randomLayer(seedOf(kind), { images: 3 })
    const targets = someTargets(kind, { ignoring: round % 2 === 1 })
    const whole = criterion.compute(outputs, targets)
    if (whole.normalizers.classNormalizer === 0) continue
    const { numBoxes, classNormalizer } = whole.normalizers
    targets.forEach((target, image) => {
      const alone = criterion.compute(imageOf(outputs, image), [target], { numBoxes, classNormalizer })
      for (const name of ['logits', 'boxes'] as const) {
        const { length } = alone.gradients![name]
        const expected = whole.gradients![name].subarray(image * length, (image + 1) * length)
        expect(bitsOf(alone.gradients![name])).toBe(bitsOf(expected))
      }
    })
  }
})

test('compute: the first fault is reported, also where the divisor must wait for images with ignored targets', () => {
  const criterion = HungarianLoss.detr({ numClasses: 4, threads: 1 })
  const shape = { images: 3, targets: [2, 2, 2] }
  const all = randomTargets(18, shape)
  const targets = all.map(({ labels, boxes }, image) => ({ labels, boxes, ignore: [image === 1, false] }))
  for (const bad of [[0], [1], [2], [0, 1], [1, 2], [0, 2], [0, 1, 2]]) {
    const [first, last] = [randomLayer(18, shape), randomLayer(19, shape)]
    for (const image of bad) first.logits.data[image * 30] = NaN
    last.logits.data[30] = NaN
    const error = errorOf(() => criterion.compute({ ...last, auxiliary: [first] }, targets))
    expect(error).toMatchObject({ code: 'NON_FINITE', layer: 0, image: bad[0], query: 0 })
  }
})

describe('nonFinite: a query that is not finite is out of the divisors, too', () => {
  /** The batch without some queries of its single image. */
  const without = ({ logits, boxes }: ReturnType<typeof randomLayer>, bad: readonly number[]): LayerOutputs => {
    const drop = ({ data, shape }: { data: Float32Array; shape: number[] }): TensorLike => {
      const [, queries, width] = shape as [number, number, number]
      const kept = Array.from({ length: queries }, (_, row) => row).filter((row) => !bad.includes(row))
      const rows = kept.flatMap((row) => Array.from(data.subarray(row * width, (row + 1) * width)))
      return { data: rows, shape: [1, kept.length, width] }
    }
    return { logits: drop(logits), boxes: drop(boxes) }
  }
  const cases: [string, PresetName, Partial<HungarianLossOptions>][] = [
    ['softmax', 'detr', {}],
    ['softmax with class weights', 'detr', { classification: { classWeights: [0.3, 2, 1.7, 0.9] } }],
    ['softmax with no-object first', 'detr', { classification: { noObjectIndex: 0 } }],
    ['softmax over N', 'detr', { classification: { normalization: 'num-boxes' } }],
    ['focal', 'deformableDetr', {}],
    ['focal, counted as published', 'deformableDetr', { cardinality: 'published' }],
    ['varifocal with the union', 'dFine', {}],
  ]
  test.each(cases)('%s', (_, preset, more) => {
    const criterion = new HungarianLoss(optionsFor({ ...more, nonFinite: 'worst' }), preset)
    const classes = CLASSES + Number(preset === 'detr')
    for (let seed = 0; seed < 20; seed++) {
      for (const [count, bad] of [
        [2, [1]],
        [5, [0, 4]],
        [3, [0, 1, 2, 3, 4, 5]],
        [0, [3]],
      ] as [number, number[]][]) {
        const shape = { images: 1, classes, targets: [count] }
        const outputs = randomLayer(seed, shape)
        const targets = labelled(criterion, randomTargets(seed, shape))
        for (const query of bad) outputs.logits.data[query * classes + (query % classes)] = NaN
        const result = criterion.compute(outputs, targets)
        const expected = criterion.compute(without(outputs, bad), targets)
        expectClose(result.loss, expected.loss, 1e-12)
        expect(result.normalizers).toEqual(expected.normalizers)
        expect(criterion.match(outputs, targets).normalizers).toEqual(expected.normalizers)
        expect(result.metrics).toEqual(expected.metrics)
        expect(result.nonFinite.logits).toBe(bad.length)
        let kept = 0
        for (let query = 0; query < 6; query++) {
          const row = bitsOf(result.gradients!.logits.subarray(query * classes, (query + 1) * classes))
          const isBad = bad.includes(query)
          const there = expected.gradients!.logits.subarray(kept * classes, (kept + 1) * classes)
          expect(row).toBe(bitsOf(isBad ? new Float32Array(classes) : there))
          if (!isBad) kept++
        }
      }
    }
  })

  test('one matched query and one of background weigh 1.1, whatever a third holds', () => {
    const criterion = HungarianLoss.detr({ numClasses: 1, nonFinite: 'worst' })
    const outputs = {
      logits: { data: [0, 0, NaN, 0, 0, 0], shape: [1, 3, 2] },
      boxes: { data: [0.5, 0.5, 0.2, 0.2, 0.5, 0.5, 0.2, 0.2, 0.1, 0.1, 0.1, 0.1], shape: [1, 3, 4] },
    }
    const { normalizers, terms } = criterion.compute(outputs, [{ labels: [0], boxes: [0.5, 0.5, 0.2, 0.2] }])
    expectClose(normalizers.classNormalizer, 1.1, 1e-12)
    expectClose(terms.class, Math.log(2), 1e-6)
  })

  test('nor does the union matching count its pairs, unless the query is finite in another layer', () => {
    const criterion = HungarianLoss.dFine(optionsFor({ nonFinite: 'worst' }))
    const shape = { images: 1, classes: CLASSES, targets: [6] }
    const [first, last] = [randomLayer(1, shape), randomLayer(2, shape)]
    const targets = randomTargets(1, shape)
    first.logits.data[0] = NaN
    last.logits.data[0] = NaN
    const both = criterion.compute({ ...last, auxiliary: [first] }, targets)
    // all six targets have a query in each layer, the first of which is left out
    expect(both.matches[0]!.queryIndices.length).toBe(6)
    expect(both.normalizers).toMatchObject({ unionBoxes: 5, counts: { unionPairs: 5, targets: 6 } })
    first.logits.data[0] = 0
    expect(criterion.match({ ...last, auxiliary: [first] }, targets).normalizers.unionBoxes).toBe(6)
  })
})

describe('combineNormalizers refuses', () => {
  const criterion = HungarianLoss.detr({ numClasses: 4 })
  const targets = randomTargets(16)
  const one = criterion.match(randomLayer(16), targets)
  const two = criterion.match({ ...randomLayer(16), auxiliary: [randomLayer(17)] }, targets)
  const focal = HungarianLoss.deformableDetr({ numClasses: 5 }).match(randomLayer(16), targets)
  const union = HungarianLoss.detr({ numClasses: 4, boxMatching: 'union' }).match(randomLayer(16), targets)
  const { numBoxes, classNormalizer, counts } = one.normalizers
  const withCounts = (more: object) => ({ numBoxes, classNormalizer, counts: { ...counts, ...more } })
  const throwing = new Proxy(
    {},
    {
      get: () => {
        throw new Error('no')
      },
    },
  )
  const revoked = Proxy.revocable([], {})
  revoked.revoke()
  const cases: [string, unknown, string, string][] = [
    ['nothing', undefined, 'DTYPE', 'results'],
    ['a result alone', one, 'DTYPE', 'results'],
    ['an empty list', [], 'SHAPE', 'results'],
    ['a hole', Array(2), 'DTYPE', 'results[0]'],
    ['millions', Array(2 ** 20 + 1).fill(one), 'SHAPE', 'results'],
    [
      'millions of layers',
      [withCounts({ classNormalizers: new Float32Array(2 ** 20 + 1) })],
      'SHAPE',
      'results[0].counts.classNormalizers',
    ],
    ['a number', [one, 3], 'DTYPE', 'results[1]'],
    ['no counts', [one, { numBoxes, classNormalizer }], 'DTYPE', 'results[1].counts'],
    ['null for normalizers', [{ normalizers: null }], 'DTYPE', 'results[0].normalizers.counts'],
    ['more layers', [one, two], 'SHAPE', 'results[1].normalizers.counts.classNormalizers'],
    ['another classification', [one, focal], 'RANGE', 'results[1].normalizers.counts.leastClassNormalizers[0]'],
    ['a union beside none', [one, union], 'SHAPE', 'results[1].normalizers.counts.unionPairs'],
    ['none beside a union', [union, one], 'SHAPE', 'results[1].normalizers.counts.unionPairs'],
    ['half a target', [withCounts({ targets: 0.5 })], 'RANGE', 'results[0].counts.targets'],
    ['targets as a string', [withCounts({ targets: '3' })], 'DTYPE', 'results[0].counts.targets'],
    ['targets as a BigInt', [withCounts({ targets: 3n })], 'DTYPE', 'results[0].counts.targets'],
    ['no targets', [withCounts({ targets: undefined })], 'DTYPE', 'results[0].counts.targets'],
    ['pairs below 0', [withCounts({ unionPairs: -1 })], 'RANGE', 'results[0].counts.unionPairs'],
    ['a NaN', [withCounts({ classNormalizers: [NaN] })], 'RANGE', 'results[0].counts.classNormalizers[0]'],
    ['a null', [withCounts({ classNormalizers: [null] })], 'DTYPE', 'results[0].counts.classNormalizers[0]'],
    ['no numbers', [withCounts({ classNormalizers: {} })], 'DTYPE', 'results[0].counts.classNormalizers'],
    [
      'lists of other lengths',
      [withCounts({ leastClassNormalizers: [0, 0] })],
      'SHAPE',
      'results[0].counts.leastClassNormalizers',
    ],
    ['a triple', [withCounts({ distilledQueries: [[1, 2, 3]] })], 'DTYPE', 'results[0].counts.distilledQueries[0]'],
    ['too few pairs', [withCounts({ distilledQueries: [] })], 'SHAPE', 'results[0].counts.distilledQueries'],
    ['what throws', [one, throwing], 'DTYPE', 'results[1]'],
    ['what is revoked', revoked.proxy, 'DTYPE', 'results'],
  ]
  test.each(cases)('%s', (_, results, code, argument) => {
    const error = errorOf(() => combineNormalizers(untyped(results)))
    expect(error).toMatchObject({ code, argument })
    expect(error.message.startsWith(`${error.argument}: `)).toBe(true)
  })

  test('another reduction, and other options', () => {
    const refused = (options: object) => errorOf(() => combineNormalizers([one], untyped(options)))
    expect(refused({ reduce: 'max' })).toMatchObject({ code: 'OPTION', argument: 'options.reduce' })
    expect(refused({ mean: true })).toMatchObject({ code: 'OPTION', argument: 'options.mean' })
    const original = new Error('no')
    const getter = { get reduce() { throw original } } // prettier-ignore
    expect(refused(getter)).toMatchObject({ code: 'DTYPE', argument: 'options', original })
  })

  test('lists that say no length', () => {
    const lying = (list: unknown[]) =>
      new Proxy(list, { get: (of, key) => (key === 'length' ? 'many' : Reflect.get(of, key)) })
    const pairs = [[1, 2]]
    for (const [results, argument] of [
      [lying([one]), 'results'],
      [[withCounts({ classNormalizers: lying([1]) })], 'results[0].counts.classNormalizers'],
      [[withCounts({ distilledQueries: lying(pairs) })], 'results[0].counts.distilledQueries'],
      [[withCounts({ distilledQueries: [lying([1, 2])] })], 'results[0].counts.distilledQueries[0]'],
    ] as const) {
      expect(errorOf(() => combineNormalizers(untyped(results)))).toMatchObject({ code: 'DTYPE', argument })
    }
  })

  test.each<[string, unknown, string]>([
    ['normalizers themselves', one.normalizers, 'call.counts'],
    ['a result', criterion.compute(randomLayer(16), targets), 'call.loss'],
    ['a matching', { normalizers: one.normalizers }, 'call.normalizers'],
    ['a list of results', [one, one], 'call'],
  ])('nor does a call take %s, and says what is to be done', async (_, call, argument) => {
    const isTold = /\(pass combineNormalizers\(\[…\]\)\)$/
    const error = errorOf(() => criterion.compute(randomLayer(16), targets, untyped(call)))
    expect(error).toMatchObject({ code: 'OPTION', argument })
    expect(error.message).toMatch(isTold)
    const off = await criterion
      .computeAsync(randomLayer(16), targets, untyped(call))
      .then(String, (thrown: Error) => thrown.message)
    expect(off).toMatch(isTold)
    expect(errorOf(() => criterion.compute(randomLayer(16), targets, untyped({ counters: 1 }))).message).not.toMatch(
      isTold,
    )
    expect(errorOf(() => criterion.compute(randomLayer(16), targets, untyped('counts'))).message).not.toMatch(isTold)
  })
})

describe('numPairs: the geometric terms are divided by the pairs of each layer', () => {
  const criterion = HungarianLoss.momentDetr({ numClasses: 1 })
  const [IMAGES, SPANS] = [3, 4]
  const moments = (seed: number, images = IMAGES) => {
    const random = randomNumbers(seed)
    const spans = Float32Array.from({ length: images * SPANS * 2 }, () => 0.1 + 0.4 * random())
    const logits = Float32Array.from({ length: images * SPANS * 2 }, () => 4 * random() - 2)
    return { logits: { data: logits, shape: [images, SPANS, 2] }, spans: { data: spans, shape: [images, SPANS, 2] } }
  }
  const outputs = { ...moments(1), auxiliary: [moments(2)] }
  // 4, 0 and 2 pairs: the first image has more targets than queries
  const targets = [7, 0, 2].map((count, image) => {
    const random = randomNumbers(20 + image)
    return {
      labels: Array.from({ length: count }, () => 0),
      spans: Array.from({ length: count }, () => [0.2 + 0.6 * random(), 0.05 + 0.3 * random()]),
    }
  })
  const share = (from: number, to: number) => [cut(outputs, from, to), targets.slice(from, to)] as const
  const shares = [share(0, 1), share(1, 3)]

  test.each(['mean', 'sum'] as const)('unequal shares are the unsplit batch: %s', (reduce) => {
    const whole = criterion.compute(outputs, targets)
    expect(whole.normalizers).toMatchObject({ numBoxes: 9, numPairs: 6, counts: { targets: 9, pairs: [6, 6] } })
    const divisor = reduce === 'mean' ? 2 : 1
    const matched = shares.map(([some, of]) => criterion.match(some, of).normalizers)
    expect(matched.map(({ counts }) => counts.pairs)).toEqual([[4, 4], [2, 2]]) // prettier-ignore
    const call = combineNormalizers(JSON.parse(JSON.stringify(matched)) as NormalizerSource[], { reduce })
    expect(call).toEqual(combineNormalizers(matched, { reduce }))
    expect(call.numPairs).toEqual([6 / divisor, 6 / divisor])
    const results = shares.map(([some, of]) => criterion.compute(some, of, call))
    expectClose(results.reduce((sum, { loss }) => sum + loss, 0) / divisor, whole.loss, 1e-12)
    // their own divisors are others, so that the test can fail
    const alone = shares.map(([some, of]) => criterion.compute(some, of).loss)
    expect(Math.abs(alone.reduce((sum, loss) => sum + loss, 0) / divisor - whole.loss)).toBeGreaterThan(0.01)
    for (const name of ['logits', 'spans'] as const) {
      for (const layer of [undefined, 0]) {
        const of = ({ gradients }: (typeof results)[number]) =>
          untyped<Float32Array>(layer === undefined ? gradients[name] : gradients.auxiliary![layer]![name])
        const found = results.flatMap((result) => Array.from(of(result)))
        const expected = of(whole)
        expect(found.length).toBe(expected.length)
        found.forEach((value, i) => expectClose(value / divisor, expected[i]!, 1e-6))
      }
    }
  })

  test('a share without pairs takes nothing from the others', () => {
    const empty = share(1, 2)
    const matched = [share(0, 1), empty].map(([some, of]) => criterion.match(some, of))
    expect(matched[1]!.normalizers).toMatchObject({ numPairs: 1, counts: { pairs: [0, 0] } })
    expect(combineNormalizers(matched).numPairs).toEqual([2, 2])
    expect(combineNormalizers([matched[1]!, matched[1]!]).numPairs).toEqual([0.5, 0.5])
  })

  test('one number is for all layers, a list for each its own', () => {
    const own = criterion.compute(outputs, targets)
    const one = criterion.compute(outputs, targets, { numPairs: 12 })
    const each = criterion.compute(outputs, targets, { numPairs: Float64Array.of(3, 12) })
    const termsOf = ({ layers }: typeof own) => layers.map(({ terms }) => terms.spanL1!)
    const [first, last] = termsOf(own) as [number, number]
    expectClose(termsOf(one)[0]!, first / 2, 1e-12)
    expectClose(termsOf(one)[1]!, last / 2, 1e-12)
    expectClose(termsOf(each)[0]!, first * 2, 1e-12)
    expectClose(termsOf(each)[1]!, last / 2, 1e-12)
    expect(each.terms.class).toBe(own.terms.class)
    // in force for the last layer, while the counts stay the batch's own
    expect(each.normalizers).toMatchObject({ numPairs: 12, counts: own.normalizers.counts })
  })

  test.each<[string, unknown, string, string]>([
    ['0', 0, 'OPTION', 'call.numPairs'],
    ['a negative number', -1, 'OPTION', 'call.numPairs'],
    ['a NaN', NaN, 'OPTION', 'call.numPairs'],
    ['more than 1e24', 1e25, 'OPTION', 'call.numPairs'],
    ['a string', '3', 'OPTION', 'call.numPairs'],
    ['null', null, 'OPTION', 'call.numPairs'],
    ['an object', { length: 2 }, 'OPTION', 'call.numPairs'],
    ['too few', [3], 'SHAPE', 'call.numPairs'],
    ['too many', [3, 3, 3], 'SHAPE', 'call.numPairs'],
    ['a 0 for a layer', [3, 0], 'OPTION', 'call.numPairs[1]'],
    ['a hole', [, 3], 'OPTION', 'call.numPairs[0]'], // oxlint-disable-line no-sparse-arrays
  ])('a call is refused %s', (_, numPairs, code, argument) => {
    const error = errorOf(() => criterion.compute(outputs, targets, untyped({ numPairs })))
    expect(error).toMatchObject({ code, argument })
    expect(error.message.startsWith(`${argument}: `)).toBe(true)
  })

  test.each<[string, (counts: object) => object, string, string]>([
    ['no list', (counts) => ({ ...counts, pairs: 4 }), 'DTYPE', 'results[0].counts.pairs'],
    ['too few', (counts) => ({ ...counts, pairs: [4] }), 'SHAPE', 'results[0].counts.pairs'],
    ['half a pair', (counts) => ({ ...counts, pairs: [4, 0.5] }), 'RANGE', 'results[0].counts.pairs[1]'],
    ['fewer than 0', (counts) => ({ ...counts, pairs: [-1, 4] }), 'RANGE', 'results[0].counts.pairs[0]'],
    ['a string', (counts) => ({ ...counts, pairs: ['4', 4] }), 'DTYPE', 'results[0].counts.pairs[0]'],
  ])('combineNormalizers is refused counts of pairs: %s', (_, change, code, argument) => {
    const { normalizers } = criterion.match(outputs, targets)
    const changed = { ...normalizers, counts: change(normalizers.counts) }
    expect(errorOf(() => combineNormalizers(untyped([changed])))).toMatchObject({ code, argument })
  })

  test('combineNormalizers refuses shares of which some count pairs and some do not', () => {
    const boxes = HungarianLoss.momentDetr({ numClasses: 1, normalization: 'num-boxes' })
    const [pairs, none] = [criterion.match(outputs, targets), boxes.match(outputs, targets)]
    expect(none.normalizers).not.toHaveProperty('numPairs')
    expect(none.normalizers.counts).not.toHaveProperty('pairs')
    const refused = (...results: NormalizerSource[]) => errorOf(() => combineNormalizers(results))
    const details = { code: 'SHAPE', argument: 'results[1].normalizers.counts.pairs' }
    expect(refused(pairs, none)).toMatchObject(details)
    expect(refused(pairs, none).message).toMatch(/must be there/)
    expect(refused(none, pairs)).toMatchObject(details)
    expect(refused(none, pairs).message).toMatch(/must be absent/)
  })
})
