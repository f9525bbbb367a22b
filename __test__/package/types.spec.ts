/** What must compile and what must not: `tsc -p tsconfig.json` fails where a line below is wrong. */
import { Tensor } from 'onnxruntime-common'
import type { InferenceSession } from 'onnxruntime-common'
import { expect, expectTypeOf, test } from 'vitest'
import {
  HungarianLoss,
  inspectBatch,
  linearSumAssignment,
  linearSumAssignmentAsync,
  linearSumAssignmentBatch,
  verifyAssignment,
} from '../../src/index.ts'
import type {
  AsyncCallOptions,
  CallOptions,
  Gradients,
  LossResult,
  Outputs,
  PartResult,
  Target,
  TensorLike,
} from '../../src/index.ts'
import type { TensorLoss } from '../../src/tfjs.ts'
import type {
  Boxes,
  ExactOutputs,
  LayerFields,
  Points,
  ResolvedDistribution,
  ResolvedFocal,
  ResolvedIaBce,
  ResolvedSigmoid,
  ResolvedIgnore,
  ResolvedOptions,
  ResolvedSoftmax,
  ResolvedVarifocal,
  Spans,
  TargetFields,
  TargetRows,
  TargetWithoutBoxes,
  WithoutBoxes,
} from '../../src/index.ts'
import { errorOf, randomLayer, randomTargets } from '../support/helpers.ts'

const criterion = HungarianLoss.detr({ numClasses: 4 })
const layer = randomLayer(1)
const targets = randomTargets(1)
const matrix = [
  [8, 9],
  [1, 4],
]

test('gradients are certain unless the call says otherwise', async () => {
  expectTypeOf(criterion.compute(layer, targets).gradients.boxes).toEqualTypeOf<Float32Array>()
  expectTypeOf(criterion.compute(layer, targets, { numBoxes: 3 }).gradients.logits).toEqualTypeOf<Float32Array>()
  expectTypeOf(criterion.compute(layer, targets, { gradients: true }).gradients.logits).toEqualTypeOf<Float32Array>()
  expectTypeOf(criterion.compute(layer, targets, { gradients: false }).gradients).toEqualTypeOf<undefined>()
  const call: CallOptions = {}
  const { gradients } = criterion.compute(layer, targets, call)
  // @ts-expect-error: only the call knows
  expect(gradients.boxes.length).toBe(48)
  const result = await criterion.computeAsync(layer, targets)
  expectTypeOf(result.gradients.boxes).toEqualTypeOf<Float32Array>()
  const without = await criterion.computeAsync(layer, targets, { gradients: false })
  expectTypeOf(without.gradients).toEqualTypeOf<undefined>()
  const asyncCall: AsyncCallOptions = {}
  expectTypeOf((await criterion.computeAsync(layer, targets, asyncCall)).gradients).toEqualTypeOf<
    Gradients | undefined
  >()
  // a result of any call
  const results: LossResult[] = [result, without, criterion.compute(layer, targets, call)]
  expect(results.map(({ loss }) => loss)).toEqual([result.loss, result.loss, result.loss])
})

test('LossResult: a part of the result is certain where the type of the outputs has it', async () => {
  const outputs = {
    ...layer,
    encoder: { ...randomLayer(2), groups: 2 },
    oneToMany: { queries: [3, 6] as const, repeat: 2 },
  }
  const result = criterion.compute(outputs, targets)
  expectTypeOf(result.encoder).toEqualTypeOf<PartResult>()
  expectTypeOf(result.oneToMany).toEqualTypeOf<PartResult>()
  expectTypeOf(result.denoising).toEqualTypeOf<PartResult | undefined>()
  expectTypeOf(result.gradients.encoder.boxes).toEqualTypeOf<Float32Array>()
  expect(result.gradients.oneToMany).toBeUndefined()
  // @ts-expect-error: a range of queries has no gradients of its own
  expect(() => result.gradients.oneToMany.boxes).toThrow(TypeError)
  expect(result.encoder.terms.l1).toBe((await criterion.computeAsync(outputs, targets)).encoder.terms.l1)
  expect(criterion.match(outputs, targets).encoder.matches.length).toBe(2)
  expect(criterion.cost(outputs, targets).encoder.images.length).toBe(2)
  const declared: Outputs = outputs
  expectTypeOf(criterion.compute(declared, targets).encoder).toEqualTypeOf<PartResult | undefined>()
  // @ts-expect-error: it may have none
  expect(criterion.compute(declared, targets).encoder.terms).toEqual(result.encoder.terms)
  const inline = criterion.compute(
    { ...layer, denoising: { queries: [0, 2], padding: 'ignore', contrastive: false } },
    [
      { labels: [1], boxes: [[0.5, 0.5, 0.1, 0.1]] },
      { labels: [], boxes: [] },
    ],
  )
  expectTypeOf(inline.denoising).toEqualTypeOf<PartResult>()
})

test('ExactOutputs: unknown keys of outputs do not compile', () => {
  const other = randomLayer(3)
  const calls: Array<() => unknown> = [
    // @ts-expect-error: misspelt
    () => criterion.compute({ ...layer, aux_outputs: [other] }, targets),
    // @ts-expect-error: belongs to the main outputs
    () => criterion.compute({ ...layer, auxiliary: [{ ...other, groups: 2 }] }, targets),
    // @ts-expect-error: belongs to the encoder
    () => criterion.match({ ...layer, oneToMany: { ...other, repeat: 2, classAgnostic: true } }, targets),
    // @ts-expect-error: misspelt
    () => criterion.cost({ ...layer, encoder: { ...other, group: 2 } }, targets),
    // @ts-expect-error: misspelt
    () => criterion.compute({ ...layer, encoder: { ...other, auxiliary: [{ ...other, cots: [] }] } }, targets),
    // @ts-expect-error: misspelt
    () => criterion.compute(layer, targets, { gradient: false }),
    // @ts-expect-error: missing
    () => criterion.compute({ logits: layer.logits }, targets),
    // @ts-expect-error: integers are no predictions
    () => criterion.compute({ logits: { data: new Int32Array(60), shape: [2, 6, 5] }, boxes: layer.boxes }, targets),
  ]
  expect(calls.length).toBe(8)
})

test('inspectBatch: takes outputs and targets without boxes, as compute does', () => {
  const spans = { data: new Float32Array(6).fill(0.5), shape: [1, 3, 2] }
  const moments = HungarianLoss.momentDetr({ numClasses: 1 })
  const outputs = { logits: { data: Float32Array.of(1, 2, 4, 3, 0, 5), shape: [1, 3, 2] }, spans }
  const moment = [{ labels: [0], spans: [[0.5, 0.2]] }]
  expect(inspectBatch(outputs, moment, moments).filter(({ severity }) => severity === 'error')).toEqual([])
  // @ts-expect-error: neither boxes nor anything in their place
  expect(inspectBatch({ logits: outputs.logits }, moment, moments)).toMatchObject([{ code: 'refused' }])
})

test('TargetRows: boxes and spans are rows of numbers, and points are such or rows of points', () => {
  expectTypeOf<Boxes>().toEqualTypeOf<TargetRows>()
  expectTypeOf<Spans>().toEqualTypeOf<TargetRows>()
  expectTypeOf<TargetRows>().toExtend<Target['visibility']>()
  expectTypeOf<boolean[][]>().toExtend<Target['visibility']>()
  expectTypeOf<TargetRows>().toExtend<Points>()
  expectTypeOf<number[][][]>().toExtend<Points>()
  // @ts-expect-error: of bigints, only labels are made
  const rows: TargetRows = BigInt64Array.of(1n)
  expect(errorOf(() => criterion.compute(layer, [{ labels: [0], boxes: rows }, targets[1]!])).code).toBe('DTYPE')
})

test('ResolvedOptions: whatever they show has a name', () => {
  type Kinds = ResolvedSoftmax | ResolvedFocal | ResolvedVarifocal | ResolvedIaBce | ResolvedSigmoid
  expectTypeOf<ResolvedOptions['classification']>().toEqualTypeOf<Kinds>()
  expectTypeOf<ResolvedOptions['ignore']>().toEqualTypeOf<ResolvedIgnore>()
  expectTypeOf<ResolvedOptions['distribution']>().toEqualTypeOf<ResolvedDistribution>()
  expectTypeOf<Target>().toExtend<TargetFields>()
  expectTypeOf<Outputs>().toExtend<LayerFields>()
  expectTypeOf<TargetWithoutBoxes>().toExtend<WithoutBoxes<Target>>()
})

test('ExactOutputs: of unknown keys, the compiler’s message has the name', () => {
  type Layer = typeof layer
  type Marker<Place extends string, Key> = { readonly [K in `unknown key of ${Place}`]: Key }
  type Given = ExactOutputs<
    Layer & {
      aux_outputs: Layer[]
      anything: any
      auxiliary: ReadonlyArray<Layer & { groups: number }>
      encoder: Layer & { group: 2 }
    }
  >
  expectTypeOf<Given['aux_outputs']>().toExtend<Marker<'outputs', 'aux_outputs'>>()
  expectTypeOf<Given['auxiliary'][number]['groups']>().toExtend<Marker<'an auxiliary layer', 'groups'>>()
  expectTypeOf<Given['encoder']['group']>().toExtend<Marker<'outputs.encoder', 'group'>>()
  const anything: any = [layer]
  // @ts-expect-error: nor may it be anything
  expect(() => criterion.compute({ ...layer, anything }, targets)).toThrow('no such key')
  const wrapped: Layer & { name: string } = { ...layer, name: 'x' }
  // @ts-expect-error: a type of one's own with a further field
  expect(() => criterion.compute(wrapped, targets)).toThrow('no such key')
})

test('duals are certain where they are asked for', async () => {
  expectTypeOf(linearSumAssignment(matrix, { duals: true }).rowDuals).toEqualTypeOf<Float64Array>()
  expectTypeOf((await linearSumAssignmentAsync(matrix, { duals: true })).columnDuals).toEqualTypeOf<Float64Array>()
  const costs = { data: new Float64Array(4), shapes: [[2, 2]] as const }
  const [first] = linearSumAssignmentBatch(costs, { duals: true, maximize: true })
  expectTypeOf(first!.rowDuals).toEqualTypeOf<Float64Array>()
  // @ts-expect-error: they were not asked for
  expect(() => linearSumAssignment(matrix).rowDuals.length).toThrow(TypeError)
  // @ts-expect-error: likewise
  expect(() => linearSumAssignmentBatch(costs, { duals: false })[0].rowDuals.length).toThrow(TypeError)
})

test('verifyAssignment: a proof may come from anywhere, as from JSON', () => {
  const assignment = linearSumAssignment(matrix, { duals: true })
  const { rowIndices, columnIndices, rowDuals, columnDuals } = assignment
  const lists = {
    rowIndices: [...rowIndices],
    columnIndices: [...columnIndices],
    rowDuals: [...rowDuals],
    columnDuals: Float32Array.from(columnDuals),
  }
  expect(verifyAssignment(matrix, lists)).toEqual(verifyAssignment(matrix, assignment))
  // @ts-expect-error: text is no dual
  expect(errorOf(() => verifyAssignment(matrix, { ...lists, rowDuals: ['1', '2'] })).code).toBe('DTYPE')
})

test('lastResult: the latest result of the adapter needs no question', () => {
  expectTypeOf<TensorLoss['lastResult']['terms']['l1']>().toEqualTypeOf<number>()
  expectTypeOf<TensorLoss['lastResult']['gradients']>().toEqualTypeOf<Gradients>()
})

// microsoft/onnxruntime: `session.run()` gives tensors whose data are of any type, strings among them
test('OnnxTensor: tensors of ONNX Runtime are taken as session.run() returns them', () => {
  const run = (logits: Tensor): InferenceSession.OnnxValueMapType => ({
    logits,
    boxes: new Tensor('float32', layer.boxes.data, layer.boxes.shape),
  })
  const { logits, boxes } = run(new Tensor('float32', layer.logits.data, layer.logits.shape)) as Record<
    'logits' | 'boxes',
    Tensor
  >
  expect(criterion.compute({ logits, boxes }, targets).loss).toBe(criterion.compute(layer, targets).loss)
  const found = run(new Tensor('float32', layer.logits.data, layer.logits.shape))
  expect(criterion.match({ logits: found['logits']!, boxes: found['boxes']! }, targets).matches.length).toBe(2)
  expect(linearSumAssignment(new Tensor('float64', Float64Array.of(8, 9, 1, 4), [2, 2]) as Tensor).total).toBe(10)
  const target: Target = {
    labels: new Tensor('int64', BigInt64Array.of(1n), [1]) as Tensor,
    boxes: new Tensor('float32', Float32Array.of(0.5, 0.5, 0.1, 0.1), [1, 4]) as Tensor,
  }
  const expected = criterion.compute(layer, [{ labels: [1], boxes: [[0.5, 0.5, 0.1, 0.1]] }, targets[1]!]).loss
  expect(criterion.compute(layer, [target, targets[1]!]).loss).toBe(expected)
})

test('OnnxTensor: whatever else such a tensor holds is refused in the call', () => {
  const tensors: Tensor[] = [
    new Tensor('string', Array(60).fill('1'), [2, 6, 5]),
    new Tensor('int64', new BigInt64Array(60), [2, 6, 5]),
    new Tensor('bool', new Uint8Array(60), [2, 6, 5]),
  ]
  for (const logits of tensors) {
    const error = errorOf(() => criterion.compute({ logits, boxes: layer.boxes }, targets))
    expect(error).toMatchObject({ code: 'DTYPE', argument: 'outputs.logits' })
  }
  // @ts-expect-error: no tensor of ONNX Runtime
  const wrong: TensorLike = { data: ['1'], dims: [1] }
  expect(errorOf(() => criterion.compute({ logits: wrong, boxes: layer.boxes }, targets)).code).toBe('SHAPE')
})
