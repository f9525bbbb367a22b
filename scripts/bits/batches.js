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

/** Presets that came after these, of known terms, without batches of their own. */
const LATEST_PRESETS = ['groundingDino', 'mmGroundingDino', 'mdetr', 'owlViT', 'sam3']

/** The presets whose outputs have boxes. */
const OF_BOXES = Object.keys(PRESETS).filter(
  (name) => PRESETS[name].cost.l1 > 0 && ![...LATER_PRESETS, ...LATEST_PRESETS].includes(name),
)

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
    ['detr', 'plain', { options: { classification: { gamma: 2 } } }],
    ['detr', 'everything', { options: { classification: { gamma: 0.5 } } }],
  ].map(([preset, structure, variant]) => [preset, structure, variant, (value) => value]),
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
      if (variant.hasVisibility && Array.isArray(inner)) made.visibility = inner.map((_, i) => [i % 3, (i + 1) % 3])
    }
  }
  return made
}

function pointsOf({ data, shape }, rowOf) {
  const rows = Array.from({ length: data.length / 4 }, (_, i) => rowOf(data.subarray(4 * i, 4 * i + 4)))
  return { data: Float32Array.from(rows.flat()), shape: [...shape.slice(0, -1), rowOf([]).length] }
}

const describe = (variant, turn) => `${turn} ${Object.keys({ ...variant, ...variant.options }).join(' ')}`.trim()

function makeBatch(name, preset, structure, variant, seed) {
  const isSoftmax = PRESETS[preset].classification === 'softmax'
  const classification = preset === 'detr' ? { kind: 'softmax', ...SOFTMAX[seed % SOFTMAX.length] } : undefined
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
