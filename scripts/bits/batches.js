/** Batches of every kind that the criteria take: presets, parts, matchings, formats, policies. */
import { HungarianLoss } from '../../dist/index.js'
import { PRESETS } from '../../dist/options/presets.js'
import { makeRandom } from './random.js'

/** What a batch is made of beside decoder layers; each goes with every preset. */
const STRUCTURES = {
  plain: () => ({}),
  stacked: () => ({ isStacked: true }),
  encoder: (batch) => ({ encoder: { ...layer(batch, batch.queries), weight: 0.5, weights: { l1: 1 } } }),
  agnostic: (batch) => ({ encoder: { ...layer(batch, batch.queries, 1 + batch.extra), classAgnostic: true } }),
  denoising: (batch) => ({ denoising: { ...part(batch, 4 * batch.most), groups: 2 } }),
  'denoising, padding ignored': (batch) => ({
    denoising: { ...part(batch, 3 * batch.most + 3), groups: 3, contrastive: false, padding: 'ignore' },
  }),
  'one to many': (batch) => ({
    oneToMany: { ...part(batch, 3 * batch.most + 2), repeat: 3, adaptive: batch.variant.isAdaptive, weight: 0.7 },
  }),
  'ranges of queries': (batch) => ({ ranges: true, most: batch.most }),
  groups: () => ({ isGrouped: true }),
  everything: (batch) => ({
    encoder: part(batch, batch.queries),
    denoising: { ...part(batch, 2 * batch.most), groups: 1 },
    oneToMany: { ...part(batch, 2 * batch.most + 1), repeat: 2 },
  }),
  'matched as another layer': () => ({ follows: true }),
  'added cost': () => ({ hasCost: true }),
}

/**
 * What else may differ, one after the other over all batches. The lengths of this and of the following lists choose the
 * variants of all batches, so that nothing may be added to them: see {@link LATER}.
 */
const VARIANTS = [
  {},
  { isIgnoring: true },
  { options: { boxFormat: 'xyxy' }, isCorners: true },
  { options: { boxEpsilon: 1e-6, weights: { iou: 1, diou: 2, ciou: 0.5 }, cost: { ciou: 1 } } },
  { options: { nonFinite: 'worst' }, isSpoilt: true },
  { options: { clampSizes: true }, isNegative: true },
  { options: { boxMatching: 'union' } },
  { areLabelsSets: true },
  { isSingle: true },
  { isEmpty: true },
]

/** Presets that were added later, of which {@link LATER} has batches. */
const LATER_PRESETS = ['deimV2', 'rfDetr', 'coDino', 'rankDetr', 'alignDetr', 'stableDino']

/** Those whose targets have words in place of labels, which came after them. */
const WORD_PRESETS = ['groundingDino', 'mmGroundingDino', 'mdetr', 'owlViT']

/** The presets whose outputs have boxes, and no masks beside them: those came later, too. */
const OF_BOXES = Object.keys(PRESETS).filter((name) => {
  const { cost, weights } = PRESETS[name]
  return cost.l1 > 0 && !(weights.maskDice > 0) && ![...LATER_PRESETS, ...WORD_PRESETS, 'sam3'].includes(name)
})

/** Likewise of spans. */
const OF_SPANS = [
  {},
  { isIgnoring: true },
  { options: { spanFormat: 'xx' }, isCorners: true },
  { options: { weights: { spanIou: 1 }, cost: { spanIou: 2 }, normalization: 'num-boxes' } },
  { options: { nonFinite: 'worst' }, isSpoilt: true },
  { isEmpty: true },
]

/** Likewise of points, which stand in the place of boxes or beside them. */
const OF_POINTS = [
  {},
  { isIgnoring: true, hasVisibility: true },
  { options: { pointFormat: 'xyz', pointWeights: [1, 0.5] } },
  { preset: 'dFine', isBeside: true, hasVisibility: true },
  { options: { pointWeights: [1, 2, 0.25, 0], normalization: 'num-pairs' }, preset: 'detr', hasVisibility: true },
  { options: { nonFinite: 'worst' }, isSpoilt: true },
  { preset: 'rtDetr', isBeside: true, options: { pointFormat: 'xyz' } },
  { isEmpty: true },
]

/**
 * Batches that were added later, each whole, so that none that was there changes: the preset, one of the structures, a
 * variant, and what makes the inputs of those with boxes.
 * @type {ReadonlyArray<[preset: string, structure: string, variant: object, convert: (value: unknown) => unknown]>}
 */
const LATER = [
  ...LATER_PRESETS.flatMap((preset) => {
    const { classForm = 'focal' } = PRESETS[preset].classCost ?? {}
    return ['plain', 'one to many', 'groups', 'everything'].map((structure) => [
      preset,
      structure,
      { options: { cost: { classForm } } },
      (value) => value,
    ])
  }),
  ...[
    ['rankDetr', 'plain', { options: { cost: { class: 1, classForm: 'product', l1: 0, giou: 0 } } }],
    ['deimV2', 'encoder', { options: { cost: { class: 1, classForm: 'product', power: 2.5, l1: 0, giou: 0 } } }],
    [
      'stableDino',
      'plain',
      { options: { cost: { classForm: 'log-sigmoid', modulation: 1, modulationMaximum: 'divide' } } },
    ],
    ['alignDetr', 'one to many', { areLabelsSets: true, options: { classification: { rankTerms: 'overlap' } } }],
    ['alignDetr', 'encoder', { isIgnoring: true, options: { boxMatching: 'union' } }],
    [
      'rfDetr',
      'groups',
      { options: { classification: { kind: 'sigmoid', imageMaximum: 'divide', zeroIsNegative: true } } },
    ],
    ['coDino', 'denoising', { isSpoilt: true, options: { nonFinite: 'worst' } }],
    [
      'dino',
      'plain',
      { options: { classification: { classAlpha: [0.1, 0.2, 0.3, 0.4, 0.5], classWeights: [1, 2, 0, 0.5, 3] } } },
    ],
    ['rtDetr', 'plain', { options: { classification: { classWeights: [1, 2, 0, 0.5, 3] } } }],
    ['hDetr', 'one to many', { isAdaptive: true }],
    [
      'dino',
      'plain',
      { options: { boxEpsilon: 0.05, boxEpsilonForm: 'clamp', weights: { diou: 1, ciou: 1 }, cost: { iou: 1 } } },
    ],
    ['detr', 'plain', { options: { classification: { gamma: 2 } } }],
    ['detr', 'everything', { options: { classification: { gamma: 0.5 } } }],
  ].map(([preset, structure, variant]) => [preset, structure, variant, (value) => value]),
  ...[...WORD_PRESETS, 'coDino', 'varifocal'].flatMap((name) => {
    const preset = name === 'varifocal' ? 'rtDetr' : name
    const classForm = PRESETS[preset].classCost?.classForm ?? 'focal'
    const options = preset === 'mdetr' ? {} : { cost: { classForm } }
    if (preset === 'coDino') options.classification = { normalization: 'num-pairs' }
    return ['plain', 'stacked', 'denoising', 'one to many', 'groups', 'everything'].flatMap((structure) =>
      [{}, { isWeighed: true, areSoft: true }].map((variant) => {
        const own = { ...variant, options, columns: preset === 'mdetr' ? 6 : 5 }
        return [preset, structure, own, (value) => toWords(value, own)]
      }),
    )
  }),
  ...[
    ['dino', { normalization: 'per-image', classification: { normalization: 'per-image' } }],
    ['dino', { normalization: 'num-queries', classification: { normalization: 'num-labels', minQueries: 200 } }],
    ['deim', { normalization: { boxes: 'per-image', edges: 'num-queries' }, l1Format: 'xyxy' }],
    ['detr', { normalization: 'per-image', classification: { normalization: 'num-queries', minQueries: 100 } }],
    ['detr', { normalization: { boxes: 'num-pairs' }, classification: { normalization: 'per-image' } }],
    ['rtDetr', { normalization: 'num-pairs', classification: { normalization: 'num-queries' } }],
  ].flatMap(([preset, options]) =>
    ['plain', 'denoising', 'one to many', 'groups'].map((structure) => [
      preset,
      structure,
      { options },
      (value) => value,
    ]),
  ),
  ['maskFormer', 'plain', {}, toMasks({})],
  ['maskFormer', 'encoder', { isIgnoring: true }, toMasks({ hasFlags: true })],
  ['maskFormer', 'added cost', { isEmpty: true }, toMasks({})],
  ['detrMasks', 'everything', {}, toMasks({ isBeside: true, isLast: true })],
  ['mask2Former', 'stacked', { options: { masks: { points: 40 } } }, toMasks({ isFactored: true })],
  ['eoMT', 'one to many', { options: { masks: { points: 33, gamma: 1.5 } } }, toMasks({ hasVoid: true })],
  ['maskDino', 'denoising', { options: { masks: { points: 50 } } }, toMasks({ isBeside: true })],
  ['rfDetrSeg', 'groups', {}, toMasks({ isBeside: true, isFactored: true })],
  ['rfDetrSeg', 'ranges of queries', {}, toMasks({ isBeside: true, isFactored: true, hasFlags: true })],
  ['ecSeg', 'everything', {}, toMasks({ isBeside: true, hasVoid: true })],
  ['detr', 'stacked', { options: { weights: { presence: 20 } } }, withPresence],
  ['dino', 'ranges of queries', { isIgnoring: true, options: { weights: { presence: 20 } } }, withPresence],
  ['sam3', 'plain', {}, (value) => withPresence(toMasks({ isBeside: true, isLast: true, hasFlags: true })(value))],
  [
    'sam3',
    'plain',
    { options: { weights: { maskFocal: 0, maskDice: 0 }, classification: { normalization: 'num-kept-queries' } } },
    withPresence,
  ],
  ['detr', 'plain', { options: { unknownBoxCost: 'mean' } }, withoutBoxes],
  ['dino', 'everything', { isSpoilt: true, options: { unknownBoxCost: 'mean', nonFinite: 'worst' } }, withoutBoxes],
  [
    'maskDino',
    'plain',
    { options: { masks: { points: 50 } } },
    (value) => toMasks({ isBeside: true })(withoutBoxes(value)),
  ],
  ...[
    ['rtDetr', 'everything', { options: { pointSigmas: [0.1, 0.3] }, hasVisibility: true }],
    ['alignDetr', 'one to many', { hasAreas: true }],
    ['rankDetr', 'plain', { options: { cost: { classForm: 'product' } }, hasAreas: true, hasVisibility: true }],
    ['stableDino', 'groups', { options: { pointFormat: 'xyz' }, hasAreas: true }],
  ].map(([preset, structure, { options, ...variant }]) => {
    const own = { l1: 0, giou: 0, pointL1: 5 }
    const all = { ...options, cost: { ...options?.cost, ...own }, weights: own }
    return [preset, structure, { ...variant, options: all }, (value) => toPoints(value, { ...variant, options: all })]
  }),
]

/** Options of softmax alone, and of the sigmoid kinds. */
const SOFTMAX = [{}, { noObjectIndex: 0 }, { classWeights: [1, 0.5, 2, 0.25, 3] }, { normalization: 'num-boxes' }]
const FORMS = ['focal', 'log-sigmoid', 'probability']

/**
 * @typedef {object} Batch
 * @property {string} name
 * @property {(threads: number) => HungarianLoss} criterion
 * @property {() => [outputs: object, targets: object[]]} inputs the same at every call
 */

/** @returns {Batch[]} */
export function makeBatches() {
  const batches = []
  for (const preset of OF_BOXES) {
    for (const structure of Object.keys(STRUCTURES)) {
      for (const turn of [0, 1]) {
        const seed = 1 + batches.length
        const variant = VARIANTS[seed % VARIANTS.length]
        batches.push(makeBatch(`${preset}, ${structure}, ${describe(variant, turn)}`, preset, structure, variant, seed))
      }
    }
  }
  // of another geometry, after all others, whose seeds follow from their places
  for (const structure of Object.keys(STRUCTURES)) {
    const seed = batches.length
    const variant = OF_SPANS[seed % OF_SPANS.length]
    const made = makeBatch(`momentDetr, ${structure}, ${describe(variant, 0)}`, 'momentDetr', structure, variant, seed)
    batches.push({ ...made, inputs: () => made.inputs().map(toSpans) })
  }
  for (const structure of Object.keys(STRUCTURES)) {
    for (const turn of [0, 1]) {
      const seed = batches.length
      const { preset = 'deformableDetr', ...variant } = OF_POINTS[seed % OF_POINTS.length]
      const own = variant.isBeside ? { pointL1: 5 } : { l1: 0, giou: 0, pointL1: 5 }
      const options = { ...variant.options, cost: own, weights: own }
      const name = `points, ${preset}, ${structure}, ${describe(variant, turn)}`
      const made = makeBatch(name, preset, structure, { ...variant, options }, seed)
      batches.push({ ...made, inputs: () => made.inputs().map((value) => toPoints(value, variant)) })
    }
  }
  for (const [preset, structure, variant, convert] of LATER) {
    const seed = batches.length
    const made = makeBatch(
      `${seed}: ${preset}, ${structure}, ${describe(variant, 0)}`,
      preset,
      structure,
      variant,
      seed,
    )
    batches.push({ ...made, inputs: () => made.inputs().map(convert) })
  }
  return batches
}

/** A batch with spans in place of boxes: their first axis. */
function toSpans(value) {
  if (Array.isArray(value)) return value.map(toSpans)
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return value
  const entries = Object.entries(value).map(([key, inner]) => {
    if (key === 'boxes') return ['spans', Array.isArray(inner) ? inner.map(firstAxis) : firstAxes(inner)]
    return [key === 'l1' ? 'spanL1' : key, toSpans(inner)]
  })
  return Object.fromEntries(entries)
}

const firstAxis = ([x, , w]) => [x, w]

function firstAxes({ data, shape }) {
  return { data: data.filter((_, i) => i % 2 === 0), shape: [...shape.slice(0, -1), 2] }
}

/** A batch with points in place of boxes, or beside them: the numbers of a box, over and over. */
function toPoints(value, variant) {
  if (Array.isArray(value)) return value.map((inner) => toPoints(inner, variant))
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return value
  const width = variant.options?.pointFormat === 'xyz' ? 6 : 4
  const rowOf = (box) => Array.from({ length: width }, (_, k) => box[k % 4])
  const made = {}
  for (const [key, inner] of Object.entries(value)) {
    if (key !== 'boxes') made[key === 'l1' ? 'pointL1' : key] = toPoints(inner, variant)
    else {
      if (variant.isBeside) made.boxes = inner
      made.points = Array.isArray(inner) ? inner.map(rowOf) : pointsOf(inner, rowOf)
      if (variant.hasAreas && Array.isArray(inner)) made.pointAreas = inner.map(([, , w, h]) => w * h)
      if (variant.hasVisibility && Array.isArray(inner)) made.visibility = inner.map((_, i) => [i % 3, (i + 1) % 3])
    }
  }
  return made
}

function pointsOf({ data, shape }, rowOf) {
  const rows = Array.from({ length: data.length / 4 }, (_, i) => rowOf(data.subarray(4 * i, 4 * i + 4)))
  return { data: Float32Array.from(rows.flat()), shape: [...shape.slice(0, -1), rowOf([]).length] }
}

/** A batch in which the boxes of some targets are not known. */
function withoutBoxes(value) {
  if (!Array.isArray(value)) return value
  return value.map((target, image) => ({ ...target, hasBox: target.boxes.map((_, i) => (i + image) % 3 > 0) }))
}

/** Height and width of masks that are predicted, of those of targets, and how many features a pixel has. */
const PLANE = [5, 6]
const TARGET_PLANE = [8, 7]
const CHANNELS = 3

/** A batch whose layers have presence, and whose first image is not exhaustive. */
function withPresence(value) {
  if (Array.isArray(value)) return value.map((target, image) => ({ ...target, exhaustive: image > 0 }))
  const { auxiliary, ...layer } = value
  const shape = layer.logits.shape.slice(0, -2)
  const count = shape.reduce((product, length) => product * length, 1)
  const presence = { data: Float32Array.from({ length: count }, (_, i) => ((7 * i) % 5) - 1.75), shape }
  return { ...layer, presence, ...(auxiliary && { auxiliary: auxiliary.map(withPresence) }) }
}

/** Batches with masks in place of boxes, or beside them: made of the numbers of a box. `isLast`: only in the last layers. */
function toMasks(variant) {
  const convert = (value) => {
    if (Array.isArray(value)) return value.map(convert)
    if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return value
    const made = {}
    for (const [key, inner] of Object.entries(value)) {
      if (key !== 'boxes') {
        const isLayers = key === 'auxiliary' && variant.isLast
        made[key === 'l1' && !variant.isBeside ? 'maskDice' : key] = isLayers ? inner : convert(inner)
        continue
      }
      if (variant.isBeside) made.boxes = inner
      Object.assign(made, Array.isArray(inner) ? targetMasks(inner, variant) : layerMasks(inner, variant))
    }
    return made
  }
  return convert
}

function layerMasks({ data, shape }, { isFactored }) {
  const [lead, [height, width]] = [shape.slice(0, -1), PLANE]
  const number = (i) => 5 * data[i % data.length] - 2
  if (!isFactored) {
    const planes = Float32Array.from({ length: (data.length / 4) * height * width }, (_, i) => {
      const [row, pixel] = [Math.floor(i / (height * width)), i % (height * width)]
      return number(4 * row + (pixel % 4)) + (pixel % 7) - 3
    })
    return { masks: { data: planes, shape: [...lead, height, width] } }
  }
  const [images, queries] = [lead.slice(0, -1), lead.at(-1)]
  const size = images.reduce((product, length) => product * length, CHANNELS * height * width)
  const rows = Float32Array.from({ length: (data.length / 4) * CHANNELS }, (_, i) => number(i + 1))
  return {
    maskFeatures: {
      data: Float32Array.from({ length: size }, (_, i) => number(7 * i)),
      shape: [...images, CHANNELS, height, width],
    },
    maskQueries: { data: rows, shape: [...images, queries, CHANNELS] },
    maskBias: {
      data: new Float32Array(images.length === 1 ? 1 : images[0]).fill(0.25),
      shape: [...images.slice(0, -1), 1],
    },
  }
}

function targetMasks(boxes, { hasFlags, hasVoid }) {
  const [height, width] = TARGET_PLANE
  const inside = ([x, y, w, h], at) => {
    const [column, row] = [((at % width) + 0.5) / width, (Math.floor(at / width) + 0.5) / height]
    return Number(Math.abs(column - x) < w && Math.abs(row - y) < h)
  }
  const pixels = boxes.flatMap((box) => Array.from({ length: height * width }, (_, at) => inside(box, at)))
  const masks = { data: Uint8Array.from(pixels), shape: [boxes.length, height, width] }
  const hidden = Uint8Array.from({ length: height * width }, (_, at) => Number(at % 5 === 0))
  return {
    masks,
    ...(hasFlags ? { hasMask: boxes.map((_, i) => i % 2) } : {}),
    ...(hasVoid ? { void: { data: hidden, shape: [height, width] } } : {}),
  }
}

/**
 * A batch whose targets have columns of their image in place of labels: of some only a part, and the last column but softmax's
 * no-object is absent from every other image.
 */
function toWords(value, { columns, areSoft, isWeighed }) {
  if (!Array.isArray(value)) {
    const { images, queries } = sizeOf(value)
    if (!isWeighed || value.logits.shape.length > 3) return value
    const weights = Float32Array.from({ length: images * queries }, (_, i) => [1, 0.25, 0, 2][i % 4])
    return { ...value, queryWeights: { data: weights, shape: [images, queries] } }
  }
  return value.map(({ labels, ...target }, image) => {
    const rowOf = (label, at) => {
      const row = Array.from({ length: columns }, () => 0)
      row[label % 4] = areSoft ? 0.5 + (at % 2) / 4 : columns > 5 ? 0.5 : 1
      if (at % 3 > 0) row[(label + 1) % 4] = areSoft ? 0.25 : row[label % 4]
      return row
    }
    const made = { ...target, positives: labels.map(rowOf) }
    if (image % 2 === 0) made.columns = Array.from({ length: columns }, (_, column) => Number(column !== 4))
    if (isWeighed) made.weights = labels.map((_, i) => [0.5, 1, 2][i % 3])
    return made
  })
}

const sizeOf = ({ logits: { shape } }) => ({ images: shape.at(-3), queries: shape.at(-2) })

const describe = (variant, turn) => `${turn} ${Object.keys({ ...variant, ...variant.options }).join(' ')}`.trim()

function makeBatch(name, preset, structure, variant, seed) {
  const isSoftmax = PRESETS[preset].classification === 'softmax'
  const classification = classificationOf(preset, seed)
  const cost = isSoftmax ? {} : { classForm: FORMS[seed % FORMS.length] }
  const options = { numClasses: 5, distribution: { regMax: 6 }, ...variant.options }
  options.cost = { ...cost, ...options.cost }
  if (classification !== undefined) options.classification = { ...classification, ...options.classification }
  const inputs = () => {
    const random = makeRandom(seed)
    const batch = {
      random,
      variant,
      images: variant.isSingle ? 1 : 3,
      queries: 12 + (seed % 3) * 6,
      extra: Number(isSoftmax),
      first: Number(classification?.noObjectIndex === 0),
      hasCorners: (preset === 'dFine' || preset === 'deim') && seed % 2 === 0,
      most: 4,
    }
    const targets = makeTargets(batch, isSoftmax)
    return [makeOutputs(batch, STRUCTURES[structure](batch), targets), targets]
  }
  return { name, criterion: (threads) => new HungarianLoss({ ...options, threads }, preset), inputs }
}

/** What the class term is by a batch's seed; of Co-DINO, what it divided by when its batches came. */
function classificationOf(preset, seed) {
  if (preset === 'detr') return { kind: 'softmax', ...SOFTMAX[seed % SOFTMAX.length] }
  return preset === 'coDino' ? { normalization: 'num-boxes' } : undefined
}

function makeTargets({ random, images, variant, first, most }, isSoftmax) {
  return Array.from({ length: images }, (_, image) => {
    const count = variant.isEmpty || image === 1 ? 0 : 1 + random.integer(most)
    const label = () => first + random.integer(5)
    const target = {
      labels: Array.from({ length: count }, label),
      boxes: Array.from({ length: count }, () => makeBox(random, variant.isCorners)),
    }
    if (variant.areLabelsSets && !isSoftmax) {
      target.labels = target.labels.map((one) => (one < 4 && random.chance(0.5) ? [one, one + 1] : one))
    }
    return variant.isIgnoring ? { ...target, ignore: target.labels.map(() => random.chance(0.4)) } : target
  })
}

function makeBox(random, isCorners) {
  const [x, y, w, h] = [
    random.uniform(0.3, 0.7),
    random.uniform(0.3, 0.7),
    random.uniform(0.1, 0.5),
    random.uniform(0.1, 0.5),
  ]
  return isCorners ? [x - w / 2, y - h / 2, x + w / 2, y + h / 2] : [x, y, w, h]
}

function makeOutputs(batch, { isStacked, ranges, isGrouped, follows, hasCost, ...parts }, targets) {
  const { images, queries, most } = batch
  if (isStacked) return stack([layer(batch, queries), layer(batch, queries), layer(batch, queries)])
  const outputs = { ...part(batch, queries), ...parts }
  if (isGrouped) outputs.groups = 3
  if (ranges) {
    delete outputs.most
    outputs.denoising = { queries: [0, 2 * most], groups: 1 }
    outputs.oneToMany = { queries: [queries - 3, queries], repeat: 2 }
  }
  if (follows) outputs.auxiliary[0].matching = { from: outputs.auxiliary.length }
  if (hasCost) {
    outputs.cost = Array.from({ length: images }, (_, image) => {
      const shape = [queries, targets[image].labels.length]
      return { data: batch.random.floats(shape[0] * shape[1], -1, 1), shape }
    })
  }
  return outputs
}

/** Layers of some queries. */
function part(batch, queries) {
  return { ...layer(batch, queries), auxiliary: [layer(batch, queries), layer(batch, queries)] }
}

/** One layer. */
function layer({ random, images, variant, extra, hasCorners }, queries, classes = 5 + extra) {
  const rows = images * queries
  const logits = random.floats(rows * classes, -6, 3)
  const boxes = new Float32Array(4 * rows)
  for (let row = 0; row < rows; row++) boxes.set(makeBox(random, variant.isCorners), 4 * row)
  if (variant.isNegative) boxes[4 * random.integer(rows) + 2] = -0.25
  if (variant.isSpoilt) {
    logits[random.integer(logits.length)] = NaN
    boxes[random.integer(boxes.length)] = Infinity
  }
  const made = {
    logits: { data: logits, shape: [images, queries, classes] },
    boxes: { data: boxes, shape: [images, queries, 4] },
  }
  if (!hasCorners || classes < 5) return made
  const references = boxes.map((value, i) => (Number.isFinite(value) ? value : i % 4 < 2 ? 0.25 : 0.75))
  return {
    ...made,
    corners: { data: random.floats(28 * rows, -3, 3), shape: [images, queries, 28] },
    references: { data: references.map((value) => Math.max(value, 0)), shape: [images, queries, 4] },
  }
}

/** Layers in tensors of rank 4. */
function stack(layers) {
  const fields = Object.keys(layers[0]).map((field) => {
    const data = new Float32Array(layers.length * layers[0][field].data.length)
    layers.forEach((one, i) => data.set(one[field].data, i * one[field].data.length))
    return [field, { data, shape: [layers.length, ...layers[0][field].shape] }]
  })
  return Object.fromEntries(fields)
}
