/** Every export given anything at all: it answers, or it refuses with an error of the package. */
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { DetectionEvaluator, formatSummary, precisionRecall } from '../../src/evaluate.ts'
import {
  batchIndices,
  cocoTargets,
  combineNormalizers,
  convertBoxes,
  decodeMasks,
  encodeMask,
  inspectBatch,
  HungarianLoss,
  HungarianLossError,
  linearSumAssignment,
  linearSumAssignmentAsync,
  linearSumAssignmentBatch,
  logitsFromProbabilities,
  maskFromPolygons,
  padTargets,
  toCocoResults,
  toDetections,
  unpadTargets,
  verifyAssignment,
} from '../../src/index.ts'
import { fitLoss, hungarianLoss, lossGradients, packTargets } from '../../src/tfjs.ts'
import { errorOf, randomLayer, randomTargets, tiny, untyped } from '../support/helpers.ts'
import { apply, HUGE, ODD, Trap } from '../support/odd.ts'
import type { Change } from '../support/odd.ts'

/** Calls of each export; a hundred times as many were made without a fault. */
const CALLS = Number(process.env['HOSTILE_CALLS'] ?? 1500)
const SEED = process.env['HOSTILE_SEED'] === undefined ? undefined : Number(process.env['HOSTILE_SEED'])
/**
 * What no call takes, in milliseconds, on a machine that does other things too. A proxy that has ten million elements is
 * read for about four seconds.
 */
const SLOW = 30_000
const LONG = { timeout: 600_000 }

const softmax = HungarianLoss.detr({ numClasses: 4 })
const union = HungarianLoss.dFine({ numClasses: 5, distribution: { regMax: 4 } })
const worst = HungarianLoss.rtDetr({ numClasses: 5, nonFinite: 'worst', clampSizes: true, normalizedBoxes: false })

/** Each a step with something else in it, made anew. */
const STEPS: ReadonlyArray<() => unknown[]> = [
  () => [randomLayer(1), randomTargets(1)],
  () => [{ ...randomLayer(2), auxiliary: [randomLayer(3)] }, randomTargets(2), {}],
  () => [
    { ...randomLayer(2), groups: 2, encoder: { ...randomLayer(4), classAgnostic: true, weight: 0.5 } },
    randomTargets(2).map(({ labels, boxes }) => ({ labels, boxes: Float64Array.from(boxes.flat()) })),
    { numBoxes: 2, classNormalizer: [1, 2] },
  ],
  () => [
    {
      ...randomLayer(5),
      denoising: { queries: [0, 2], contrastive: false, padding: 'ignore' },
      oneToMany: { ...randomLayer(6, { queries: 9 }), repeat: 3, weights: { class: 1 } },
    },
    randomTargets(3, { targets: [1, 1] }).map((target) => Object.assign(target, { valid: 1, ignore: [false] })),
    { gradients: false },
  ],
  () => [
    {
      ...randomLayer(7),
      auxiliary: [
        { ...randomLayer(8), cost: [zeros(6, 2), zeros(6, 3)] },
        { ...randomLayer(9), matching: { from: 0 } },
        { ...randomLayer(9), matching: softmax.match(randomLayer(8), randomTargets(1)).matches },
      ],
    },
    randomTargets(1).map(({ labels, boxes }) => ({
      labels: { data: BigInt64Array.from(labels, BigInt), shape: [labels.length] },
      boxes: { data: boxes, dims: [boxes.length, 4] },
    })),
  ],
  () => {
    const layer = randomLayer(1)
    return [layer, randomTargets(1), { out: { logits: new Float32Array(60), boxes: new Float32Array(48) } }]
  },
  () => [
    {
      ...randomLayer(2),
      corners: { data: new Float32Array(240), shape: [2, 6, 20] },
      references: randomLayer(3).boxes,
    },
    randomTargets(4).map(({ labels, boxes }) => ({ labels: labels.map((label) => [label]), boxes })),
  ],
  () => [
    { ...randomLayer(2), points: { data: new Float32Array(48), shape: [2, 6, 2, 2] } },
    randomTargets(4).map(({ labels, boxes }) => ({
      labels,
      boxes,
      points: labels.map(() => [Float32Array.of(0, 1), [1, 0.5]]),
      visibility: labels.map(() => [1, 0]),
    })),
    { out: { logits: new Float32Array(60), boxes: new Float32Array(48), points: new Float32Array(48) } },
  ],
]

const zeros = (rows: number, columns: number) => ({ data: new Float32Array(rows * columns), shape: [rows, columns] })

const OPTIONS = [
  () => [{ numClasses: 4 }, 'detr'],
  () => [
    {
      numClasses: 2,
      classification: { kind: 'softmax', classWeights: [1, 2], noObjectIndex: 0, noObjectWeight: 0.2 },
      cost: { class: 1, l1: 2 },
      weights: { giou: 1 },
      ignore: { overlap: 'iou', threshold: 0.3 },
      threads: 1,
    },
  ],
  () => [
    {
      numClasses: 3,
      classification: { kind: 'focal', alpha: 0.5, gamma: 1 },
      cost: { classForm: 'log-sigmoid', alpha: 0.1 },
      distribution: { regMax: 8, up: 0.5 },
      boxFormat: 'xyxy',
    },
    'deim',
  ],
]

const MATRICES = [
  () => [[[1, 2, 3], [3, 1, 2]], { duals: true }], // prettier-ignore
  () => [[Float64Array.of(1, 2), Int32Array.of(3, 1)], { maximize: true }],
  () => [
    { data: Float32Array.of(4, 2, 5, 3), shape: [2, 2] },
    { partial: true, costLimit: 3 },
  ],
  () => [{ values: [1, 2, 3], columnIndices: [0, 1, 0], rowStarts: [0, 2, 3], shape: [2, 2] }],
  () => [{ values: Float32Array.of(1, 2), columnIndices: Int32Array.of(0, 1), rowIndices: [0, 1], shape: [2, 3] }, {}],
]

const BATCHES = [
  () => [{ data: Float64Array.of(8, 9, 1, 4, 7), shapes: [[2, 2], [1, 1]] }, { duals: true }], // prettier-ignore
  () => [{ data: [1, 2, 3, 4], shapes: [[1, 4]] }],
]

const PROOFS = [
  () => {
    const cost = [[1, 2, 3], [3, 1, 2]] // prettier-ignore
    const { rowIndices, columnIndices, rowDuals, columnDuals } = linearSumAssignment(cost, { duals: true })
    return [cost, { rowIndices, columnIndices, rowDuals, columnDuals }, { maximize: false }]
  },
]

const RESULTS = [
  () => [[softmax.match(randomLayer(1), randomTargets(1)), softmax.compute(randomLayer(2), randomTargets(1))]],
  () => [[union, union].map((criterion) => criterion.match(...taught()).normalizers), { reduce: 'sum' }],
  () => [JSON.parse(JSON.stringify([union.match(...taught()), union.match(...taught())])), { reduce: 'mean' }],
]

const IMAGES = [
  () => [
    [{ boxes: [[0, 0, 10, 10], [5, 5, 10, 20]], scores: [0.5, 0.75], labels: [0, 1] }], // prettier-ignore
    [{ id: 7, boxes: Float64Array.of(1, 1, 10, 10), labels: [1], ignore: [false], areas: [90], boxFormat: 'xyxy' }],
  ],
  () => [
    [
      {
        boxes: Float32Array.of(0, 0, 1, 1),
        scores: Float32Array.of(0.5),
        labels: Int32Array.of(2),
        boxFormat: 'cxcywh',
      },
      { boxes: [], scores: [], labels: [], queryIndices: [] },
    ],
    [
      { boxes: [0, 0, 1, 1], labels: [2n] },
      { boxes: [], labels: [] },
    ],
    { ids: [3, 1] },
  ],
]

const EVALUATIONS = [
  () => [{ numClasses: 3, iouThresholds: [0.5, 0.75], recallThresholds: Float64Array.of(0, 1), threads: 1 }],
  () => [{ numClasses: 1, areas: { all: [0, 1e4], tiny: [0, 10] }, maxDetections: [1, 5], classAgnostic: true }],
  () => [{ numClasses: 2, boxFormat: 'xyxy' }],
]

/** What an evaluation is, with as few numbers as can be. */
const evaluated = () => {
  const options = {
    numClasses: 3,
    boxFormat: 'xywh' as const,
    iouThresholds: [0.5],
    recallThresholds: [0, 1],
    areas: { some: [0, 50] },
  }
  const evaluator = new DetectionEvaluator(options)
  const [detections, groundTruth, settings] = (IMAGES[1] as () => [any, any, any])()
  return evaluator.add(detections, groundTruth, settings)
}

/** A step whose last layer teaches the one before. */
const taught = (): [any, any] => {
  const layer = {
    ...randomLayer(2),
    corners: { data: new Float32Array(240), shape: [2, 6, 20] },
    references: randomLayer(3).boxes,
  }
  return [{ ...layer, auxiliary: [layer] }, randomTargets(4)]
}

/** What comes of images that are added to an evaluator which has none. */
const evaluatedBy = (add: (evaluator: DetectionEvaluator) => unknown) => {
  const evaluator = new DetectionEvaluator({
    numClasses: 3,
    boxFormat: 'xywh',
    iouThresholds: [0.5],
    recallThresholds: [0, 1],
  })
  add(evaluator)
  return evaluator.result()
}

/** As much of TensorFlow.js as is used, without any arithmetic. */
const fakeTf = {
  customGrad:
    (run: (...args: unknown[]) => { value: unknown }) =>
    (...tensors: unknown[]) =>
      run(...tensors, () => {}).value,
  mul: (a: unknown) => a,
  scalar: (value: number) => value,
  tensor: (data: unknown) => data,
}

const tensorOf = (values: { data: Float32Array; shape: number[] }, dtype = 'float32') => ({
  shape: values.shape,
  dtype,
  isDisposed: false,
  dataSync: () => values.data,
  data: async () => values.data,
})

const tensorLayer = (seed: number) => {
  const { logits, boxes } = randomLayer(seed)
  return { logits: tensorOf(logits), boxes: tensorOf(boxes) }
}

const TENSORS = [
  () => [{ ...tensorLayer(1), auxiliary: [tensorLayer(2)], encoder: tensorLayer(3) }, randomTargets(1)],
  () => [
    { ...tensorLayer(1), denoising: { queries: [0, 2], contrastive: false } },
    randomTargets(2, { targets: [1, 1] }).map(({ labels, boxes }) => ({
      labels: tensorOf({ data: Float32Array.from(labels), shape: [labels.length] }),
      boxes: tensorOf({ data: Float32Array.from(boxes.flat()), shape: [boxes.length, 4] }),
    })),
    { numBoxes: 2 },
  ],
]

/** A data set of which everything may be changed. */
const dataset = () => ({
  images: [
    { id: 7, width: 640, height: 480, file_name: 'a.jpg' },
    { id: 'b', width: 100, height: 50 },
  ],
  annotations: [
    {
      id: 1,
      image_id: 7,
      category_id: 18,
      bbox: [10, 20, 30, 40],
      area: 900,
      iscrowd: 0,
      keypoints: [12, 22, 2, 0, 0, 0],
    },
    {
      id: 2,
      image_id: 'b',
      category_id: 1,
      bbox: Float32Array.of(-5, 0, 20, 20),
      iscrowd: 1,
      segmentation: [[1, 2, 3]],
    },
    { image_id: 7, category_id: 1, bbox: [600, 20, 0, 40] },
  ],
  categories: [
    { id: 18, name: 'dog', keypoints: ['nose', 'tail'] },
    { id: 1, name: 'person' },
  ],
})

const DATASETS = [
  () => [dataset()],
  () => [dataset(), { imageIds: ['b'], categoryIds: [1], boxFormat: 'xyxy', normalized: false, clamp: false }],
  () => [dataset(), { labels: 'category-id', crowds: 'drop', keypoints: true, segmentations: true }],
  () => {
    const given = dataset()
    Object.assign(given.annotations[0] as object, {
      segmentation: [[1, 2, 30, 4, 5, 6], Float32Array.of(0, 0, 9, 9, 9, 0)],
    })
    Object.assign(given.annotations[1] as object, { segmentation: { counts: [4000, 1000], size: [50, 100] } })
    return [given, { masks: true }]
  },
]

const MASKS = [
  () => [{ data: Uint8Array.of(0, 1, 1, 0), shape: [1, 2, 2] }],
  () => [{ data: [[[0, 1], [true, false]]], dims: [1, 2, 2] }, [2, 2]],
  () => [{ bits: Uint8Array.of(6), shape: [1, 2, 2] }, { height: 2, width: 2 }],
  () => [
    [
      { counts: [1, 2, 1], size: [2, 2] },
      { counts: '13', size: Int32Array.of(2, 2) },
      { polygons: [[0, 0, 2, 0, 2, 2]], size: [2, 2] },
      [[0, 0, 2, 0, 2, 2], Float32Array.of(0, 0, 1, 1, 0, 1)],
    ],
    [2, 2],
  ],
] // prettier-ignore

const BOXES = [
  () => [[[1, 2, 3, 4], Float32Array.of(5, 6, 7, 8)], 'xywh', { format: 'cxcywh', normalized: true }, [640, 480]],
  () => [
    Float64Array.of(0.1, 0.2, 0.3, 0.4),
    { format: 'cxcywh', normalized: true },
    'xyxy',
    { width: 64, height: 48 },
  ],
  () => [{ data: new Float32Array(16), dims: [2, 2, 4] }, 'xyxy', 'xywh'],
  () => [[1, 2, 3, 4], 'xyxy', 'xywh'],
]

const PROBABILITIES = [
  () => [[[0.25, 0.75], [1, 0]], { kind: 'softmax' }], // prettier-ignore
  () => [
    { data: Float32Array.of(0.1, 0.2), shape: [1, 2] },
    { kind: 'sigmoid', epsilon: 1e-5 },
  ],
  () => [Float64Array.of(0, 1), { kind: 'focal' }],
]

const OUTPUTS = [
  () => [{ ...randomLayer(1), groups: 2 }, { criterion: HungarianLoss.detr({ numClasses: 4 }), sizes: [[640, 480], { width: 5, height: 7 }] }], // prettier-ignore
  () => [
    {
      logits: { data: new Float64Array(60), dims: [2, 1, 6, 5] },
      boxes: { data: new Float32Array(48), shape: [2, 1, 6, 4] },
      denoising: { queries: [0, 2] },
      oneToMany: { queries: [4, 6], repeat: 2 },
    },
    { kind: 'sigmoid', topK: 3, threshold: 0.1, boxFormat: 'xyxy' },
  ],
  () => [randomLayer(3), { kind: 'softmax', noObjectIndex: 0, normalizedBoxes: false }],
]

const DETECTIONS = [
  () => [
    [
      { boxes: [1, 2, 3, 4], scores: [0.5], labels: [1], boxFormat: 'cxcywh' },
      { boxes: new Float64Array(8), scores: Float64Array.of(0.5, 0.25), labels: Int32Array.of(0, 1) },
    ],
    { images: [{ id: 1 }, { id: 'b' }], classes: [{ id: 18 }, { id: 1 }], boxDigits: 2, scoreDigits: 3 },
  ],
  () => [
    [{ boxes: [0.1, 0.2, 0.3, 0.4], scores: [0.5], labels: [0] }],
    { images: [{ id: 1, width: 64, height: 48 }], classes: [{ id: 18 }], normalized: true },
  ],
  () => [
    [{ masks: { data: Uint8Array.of(0, 1, 1, 0), shape: [1, 2, 2] }, scores: [0.5], labels: [0] }],
    { images: [{ id: 1, width: 2, height: 2 }], classes: [{ id: 18 }] },
  ],
]

const RAGGED = [
  () => [randomTargets(1)],
  () => [
    randomTargets(2).map((target) => Object.assign(target, { valid: 1, ignore: target.labels.map(() => true) })),
    { maxTargets: 4 },
  ],
  () => [
    [
      { labels: { data: BigInt64Array.of(1n, 2n), shape: [2] }, points: [[[1, 2], [3, 4]], [[5, 6], Float32Array.of(7, 8)]], visibility: [[true, false], [1, 2]] }, // prettier-ignore
      { labels: [], boxes: undefined },
      { labels: new Uint8Array(1), points: { data: new Float32Array(4), dims: [1, 2, 2] }, visibility: [0, 1] },
    ],
  ],
]

const PADDED = [() => [padTargets(randomTargets(1))], () => [padTargets(...(RAGGED[1]?.() as [any, any]))]]

const COUNTS = [() => [10, 3], () => [7, 2, { seed: 1, dropLast: true }]]

const FAKES = [() => [{ ...fakeTf }, HungarianLoss.detr({ numClasses: 4 })]]

const PACKED = [
  () => [randomTargets(1), [null, 6, 9]],
  () => [
    [
      { labels: [], boxes: [] },
      { labels: [[1], 2], boxes: [0, 0, 1, 1, 0, 0, 1, 1], ignore: [0, 1] },
    ],
    [2, 12],
  ],
]

/** Packed targets, and two layers of outputs, joined. */
const JOINED = [
  () => [
    tensorOf({ data: packTargets(untyped(fakeTf), softmax, randomTargets(1), [2, 18]) as any, shape: [2, 18] }),
    tensorOf({ data: new Float32Array(216).fill(0.5), shape: [2, 6, 18] }),
  ],
]

type Inputs = ReadonlyArray<() => unknown[]>

/** Every export, its calls, and its inputs; those that take sizes of layers, images and queries are tried with huge ones. */
const EXPORTS: ReadonlyArray<
  [name: string, call: (...args: any[]) => unknown, inputs: Inputs, odds?: Inputs | typeof ODD]
> = [
  ['new HungarianLoss', (options, preset) => new HungarianLoss(options, preset), OPTIONS],
  ...(['detr', 'dino', 'lwDetr', 'rtDetr', 'dFine', 'deim'] as const).map(
    (name): [string, (...args: any[]) => unknown, Inputs] => [
      `HungarianLoss.${name}`,
      (options) => HungarianLoss[name](options),
      OPTIONS,
    ],
  ),
  ...[softmax, union, worst].flatMap((criterion, i): [string, (...args: any[]) => unknown, Inputs, typeof ODD][] => [
    [`compute ${i}`, (...args) => criterion.compute(...(args as [any, any])), STEPS, [...ODD, ...HUGE]],
    [`match ${i}`, (outputs, targets) => criterion.match(outputs, targets), STEPS, [...ODD, ...HUGE]],
    [`cost ${i}`, (outputs, targets) => criterion.cost(outputs, targets), STEPS, [...ODD, ...HUGE]],
    [`computeAsync ${i}`, (...args) => criterion.computeAsync(...(args as [any, any])), STEPS, [...ODD, ...HUGE]],
  ]),
  ['linearSumAssignment', (...args) => linearSumAssignment(...(args as [any])), MATRICES, [...ODD, ...HUGE]],
  ['linearSumAssignmentAsync', (...args) => linearSumAssignmentAsync(...(args as [any])), MATRICES, [...ODD, ...HUGE]],
  ['linearSumAssignmentBatch', (...args) => linearSumAssignmentBatch(...(args as [any])), BATCHES, [...ODD, ...HUGE]],
  ['verifyAssignment', (...args) => verifyAssignment(...(args as [any, any])), PROOFS],
  ['inspectBatch', (outputs, targets) => inspectBatch(outputs, targets, softmax), STEPS],
  [
    'inspectBatch of',
    (criterion) => inspectBatch(randomLayer(1), randomTargets(1), criterion),
    [() => [HungarianLoss.detr({ numClasses: 4 })]],
  ],
  ['combineNormalizers', (...args) => combineNormalizers(...(args as [any])), RESULTS],
  ['cocoTargets', (...args) => cocoTargets(...(args as [any, any])), DATASETS],
  ['convertBoxes', (...args) => convertBoxes(...(args as [any, any, any, any])), BOXES],
  ['decodeMasks', (...args) => decodeMasks(...(args as [any, any])), MASKS],
  [
    'encodeMask',
    (...args) => encodeMask(...(args as [any, any])),
    [
      () => [Uint8Array.of(0, 1, 1, 0), [2, 2]],
      () => [
        [
          [0, 1],
          [true, false],
        ],
        { height: 2, width: 2 },
      ],
    ],
  ],
  [
    'maskFromPolygons',
    (...args) => maskFromPolygons(...(args as [any, any])),
    [
      () => [
        [[0, 0, 2, 0, 2, 2], Float32Array.of(0, 0, 1, 1, 0, 1)],
        [2, 2],
      ],
    ],
  ],
  ['logitsFromProbabilities', (...args) => logitsFromProbabilities(...(args as [any, any])), PROBABILITIES],
  ['toDetections', (...args) => toDetections(...(args as [any, any])), OUTPUTS, [...ODD, ...HUGE]],
  ['toCocoResults', (...args) => toCocoResults(...(args as [any, any])), DETECTIONS],
  ['padTargets', (...args) => padTargets(...(args as [any, any])), RAGGED, [...ODD, ...HUGE]],
  ['unpadTargets', (...args) => unpadTargets(...(args as [any])), PADDED, [...ODD, ...HUGE]],
  ['batchIndices', (...args) => [...batchIndices(...(args as [any, any, any]))], COUNTS],
  ['new DetectionEvaluator', (options) => new DetectionEvaluator(options).add([], []).result(), EVALUATIONS],
  ['add', (...args) => evaluatedBy((evaluator) => evaluator.add(...(args as [any, any]))), IMAGES, [...ODD, ...HUGE]],
  ['merge', (state) => evaluatedBy((evaluator) => evaluator.merge(state)), [() => [evaluated().state()]]],
  ['resultAsync', (options) => evaluated().resultAsync(options), [() => [{ signal: undefined }]]],
  [
    'precisionRecall',
    (...args) => precisionRecall(...(args as [any])),
    [() => [evaluated().result(), { class: 2, iouThreshold: 0.5, area: 'some' }]],
  ],
  ['formatSummary', (result) => formatSummary(result), [() => [evaluated().result()]]],
  ['hungarianLoss', (...args) => hungarianLoss(untyped(fakeTf), softmax)(...(args as [any, any])), TENSORS],
  ['hungarianLoss of', (tf, criterion) => hungarianLoss(tf, criterion), FAKES],
  ['packTargets', (...args) => packTargets(untyped(fakeTf), softmax, ...(args as [any, any])), PACKED],
  [
    'packTargets of',
    (criterion) => packTargets(untyped(fakeTf), criterion, randomTargets(1), [null, 18]),
    [() => [HungarianLoss.detr({ numClasses: 4 })]],
  ],
  ['fitLoss', (...args) => fitLoss(untyped(fakeTf), softmax)(...(args as [any, any])), JOINED],
  ['fitLoss of', (tf, criterion) => fitLoss(tf, criterion), FAKES],
  ['lossGradients', (...args) => lossGradients(softmax, ...(args as [any, any])), TENSORS],
]

const change = fc.record<Change>({
  object: fc.nat(400),
  field: fc.nat(20),
  how: fc.constantFrom(
    'replace',
    'remove',
    'add',
    'getter',
    'changing',
    'detaching',
    'resizing',
    'proxy',
    'revoked',
    'freeze',
  ),
  odd: fc.nat(400),
  reads: fc.nat(6),
})

/** What is wrong with how a call ended, if anything is. */
function faultOf(thrown: unknown): string | undefined {
  let ours: boolean
  try {
    ours = thrown instanceof HungarianLossError
  } catch {
    ours = false
  }
  if (!ours) return `threw what is no HungarianLossError: ${thrown instanceof Error ? thrown.stack : typeof thrown}`
  const { code, message, original, argument } = thrown as HungarianLossError
  if (code === 'INTERNAL') return `INTERNAL: ${message}`
  if (argument === undefined) return `${code} without an argument: ${message}`
  if (!message.includes('could not be read')) return undefined
  // the caller's own fault must be behind it, rather than one of ours
  if (/cannot be read either|revoked|on proxy|Class constructor/.test(message)) return undefined
  return original instanceof Trap ? undefined : `not read for a reason of our own: ${(original as Error).stack}`
}

describe('the package: whatever is given, there is a result or a typed error:', () => {
  test.each(EXPORTS)('%s', LONG, async (_, call, inputs, odds = ODD) => {
    const property = fc.asyncProperty(
      fc.nat(),
      fc.array(change, { minLength: 1, maxLength: 3 }),
      async (which, changes) => {
        let [fault, took, tries]: [string | undefined, number, number] = [undefined, Infinity, 0]
        // again if it is slow, for other processes hold it up, too
        for (; took > SLOW && fault === undefined && tries < 2; tries++) {
          const args = (inputs[which % inputs.length] as () => unknown[])()
          for (const each of changes) apply(each, args, odds as typeof ODD)
          const start = performance.now()
          try {
            await call(...args)
          } catch (error) {
            fault = faultOf(error)
          }
          took = performance.now() - start
        }
        if (took > SLOW) fault ??= `took ${took} ms`
        if (fault !== undefined) throw new Error(fault)
      },
    )
    await fc.assert(property, { numRuns: CALLS, ...(SEED !== undefined && { seed: SEED }) })
  })
})

/**
 * The fields within an input, and the entries of its lists but for numbers and rows of numbers: at the first of these is
 * looked before all are read, and each is checked as it is copied.
 */
function* placesIn(value: unknown, path = ''): Generator<[holder: Record<string, unknown>, key: string, path: string]> {
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return
  if (!Array.isArray(value) && Object.getPrototypeOf(value) !== Object.prototype) return
  for (const key of Object.keys(value)) {
    const holder = value as Record<string, unknown>
    if (Array.isArray(value) && (Array.isArray(holder[key]) || typeof holder[key] !== 'object')) continue
    yield [holder, key, `${path}.${key}`]
    yield* placesIn(holder[key], `${path}.${key}`)
  }
}

/**
 * What is asked again, and used as it was the first time: whether `out` lies in the memory that an input was copied from,
 * where the core sees the copy alone; and whether an object is a tensor of TensorFlow.js.
 */
const HARMLESS = /: call: could not be read: [.\w]+\.data is read again|\.dataSync is read again/

describe('the package: what is read is read once, so that what was checked is what is used:', () => {
  // an inspection computes the loss as well, and so reads all that the criterion reads
  const calls = EXPORTS.filter(([name]) => !/ of$|^inspectBatch/.test(name))
  test.each(calls)('%s', LONG, async (name, call, inputs) => {
    const twice: string[] = []
    for (const make of inputs) {
      let expected: unknown
      try {
        expected = await call(...make())
      } catch {
        continue // a criterion that these inputs are not for
      }
      const { length } = [...placesIn(make())]
      for (let at = 0; at < length; at++) {
        const args = make()
        const [holder, key, path] = [...placesIn(args)][at] as [Record<string, unknown>, string, string]
        if (holder === (args as unknown)) continue
        const value = holder[key]
        let reads = 0
        Object.defineProperty(holder, key, {
          enumerable: true,
          get: () => {
            if (reads++ > 0) throw new Trap(`${path} is read again`)
            return value
          },
        })
        try {
          const found = await call(...args)
          if (!(found instanceof HungarianLoss)) expect(found, path).toEqual(expected)
        } catch (error) {
          const message = `${path}: ${(error as Error).message}`
          if (!HARMLESS.test(message)) twice.push(message)
        }
      }
    }
    expect(twice, name).toEqual([])
  })
})

test('the package: a fault of our own is not taken for one of the caller’s', () => {
  expect(faultOf(new HungarianLossError('INTERNAL', 'x'))).toMatch('INTERNAL')
  expect(faultOf(new TypeError('x'))).toMatch('no HungarianLossError')
  const original = new TypeError("Cannot read properties of undefined (reading 'length')")
  expect(
    faultOf(
      new HungarianLossError('DTYPE', `outputs: could not be read: ${original.message}`, {
        argument: 'outputs',
        original,
      }),
    ),
  ).toMatch('of our own')
})

test('the package: a method without its criterion says so', async () => {
  const { outputs, targets } = tiny()
  const { compute, match, cost, computeAsync } = softmax
  for (const method of [compute, match, cost]) {
    expect(errorOf(() => untyped<Function>(method)(outputs, targets))).toMatchObject({
      code: 'DTYPE',
      argument: 'this',
    })
  }
  await expect(untyped<Function>(computeAsync)(outputs, targets)).rejects.toMatchObject({
    code: 'DTYPE',
    argument: 'this',
  })
})
