/**
 * What must compile and what must not, of every entry that takes outputs: with boxes, spans, points, and points beside boxes; of
 * layers alone, and with auxiliary ones, proposals, denoising and one-to-many queries. What types call certain is there.
 */
// oxlint-disable-next-line import/no-unassigned-import -- registers itself
import '@tensorflow/tfjs-backend-cpu'
import * as tf from '@tensorflow/tfjs-core'
import { describe, expect, expectTypeOf, test } from 'vitest'
import { HungarianLoss, inspectBatch } from '../../src/index.ts'
import type {
  CallOptions,
  EmptyTarget,
  MappedTarget,
  Gradients,
  GradientsOf,
  GradientsWithoutBoxes,
  LossResult,
  Outputs,
  OutputsWithoutBoxes,
  PartResult,
  Target,
  TargetsOf,
  TargetWithoutBoxes,
  Terms,
  TermsWithoutBoxes,
} from '../../src/index.ts'
import { hungarianLoss, lossGradients } from '../../src/tfjs.ts'
import type { TensorOutputs, TensorOutputsWithoutBoxes, TensorTargetsOf } from '../../src/tfjs.ts'
import { errorOf } from '../support/helpers.ts'

const tensor = (...shape: number[]) => ({
  data: new Float32Array(shape.reduce((a, b) => a * b)).map((_, i) => ((7 * i) % 10) / 10),
  shape,
})
const logits = tensor(2, 4, 2)

/** One layer of each geometry. */
const ofBoxes = () => ({ logits, boxes: tensor(2, 4, 4) })
const ofSpans = () => ({ logits, spans: tensor(2, 4, 2) })
const ofPoints = () => ({ logits, points: tensor(2, 4, 3, 2) })
const ofBoth = () => ({ ...ofBoxes(), ...ofPoints() })

/** A batch with everything that may be in one. */
const whole = <Layer extends object>(layer: () => Layer) => ({
  ...layer(),
  auxiliary: [layer()],
  encoder: { ...layer(), auxiliary: [layer()], groups: 1 },
  denoising: { ...layer(), groups: 1 },
  oneToMany: { ...layer(), repeat: 2 },
})

const box = [0.5, 0.5, 0.2, 0.2]
const points = [[[0.2, 0.2], [0.3, 0.3], [0.4, 0.5]]] // prettier-ignore
const targetsOfBoxes = [{ labels: [0], boxes: [box] }, { labels: [] }]
const targetsOfSpans = [{ labels: [0], spans: [[0.5, 0.2]] }, { labels: [] }]
const targetsOfPoints = [{ labels: [0], points }, { labels: [] }]
const targetsOfBoth = [{ labels: [0], boxes: [box], points }, { labels: [] }]

const none = { l1: 0, giou: 0 }
const boxes = HungarianLoss.deformableDetr({ numClasses: 2, clampSizes: true })
const spans = HungarianLoss.momentDetr({ numClasses: 1 })
const pose = HungarianLoss.deformableDetr({
  numClasses: 2,
  cost: { ...none, pointL1: 1 },
  weights: { ...none, pointL1: 1 },
})
const both = HungarianLoss.deformableDetr({ numClasses: 2, clampSizes: true, weights: { pointL1: 1 } })

/** Of a type, and no more known of it. */
const as = <T>(value: T): T => value

/** Calls that are not to be made. */
const unmade = (...calls: ReadonlyArray<() => unknown>) => expect(calls).not.toHaveLength(0)

const isArray = (value: Float32Array) => expect(value).toBeInstanceOf(Float32Array)

describe('compute: gradients and terms are certain by the type of the outputs,', () => {
  test('of boxes', () => {
    const { terms, gradients, ...result } = boxes.compute(whole(ofBoxes), targetsOfBoxes)
    expectTypeOf(terms).toEqualTypeOf<Terms>()
    expectTypeOf(result.encoder).toEqualTypeOf<PartResult>()
    const { encoder, denoising, oneToMany } = gradients
    for (const part of [gradients, encoder, denoising, oneToMany]) isArray(part.boxes)
    for (const layer of [...gradients.auxiliary!, ...encoder.auxiliary!]) isArray(layer.boxes)
    expect(terms.l1 + result.encoder.terms.giou + result.layers[0]!.terms.l1).toBeGreaterThan(0)
    // @ts-expect-error: the outputs have no spans
    unmade(() => gradients.spans.length)
    // @ts-expect-error: nor has a part
    unmade(() => denoising.points.length)
    expectTypeOf(boxes.compute(ofBoxes(), targetsOfBoxes).gradients).toEqualTypeOf<Gradients>()
  })

  test('of spans', () => {
    const { terms, gradients, ...result } = spans.compute(whole(ofSpans), targetsOfSpans)
    expectTypeOf(terms).toEqualTypeOf<TermsWithoutBoxes>()
    expectTypeOf(terms.class).toEqualTypeOf<number>()
    expectTypeOf(terms.spanL1).toEqualTypeOf<number | undefined>()
    expectTypeOf(result.oneToMany).toEqualTypeOf<PartResult<TermsWithoutBoxes>>()
    const { encoder, denoising, oneToMany } = gradients
    for (const part of [gradients, encoder, denoising, oneToMany]) isArray(part.spans)
    for (const layer of [...gradients.auxiliary!, ...encoder.auxiliary!]) isArray(layer.spans)
    for (const { terms: own } of [result.encoder, result.denoising, ...result.layers, ...result.encoder.layers]) {
      expectTypeOf(own.l1).toEqualTypeOf<undefined>()
      expect(own).not.toHaveProperty('giou')
    }
    expectTypeOf(gradients.boxes).toEqualTypeOf<undefined>()
    expectTypeOf(denoising.boxes).toEqualTypeOf<undefined>()
    expectTypeOf(gradients.auxiliary![0]!.boxes).toEqualTypeOf<undefined>()
    unmade(
      // @ts-expect-error: there are no terms of boxes
      () => terms.l1 + 1,
      // @ts-expect-error: nor in a part
      () => result.denoising.terms.giou.toFixed(),
      // @ts-expect-error: nor in a layer
      () => result.layers[0]!.terms.l1.toFixed(),
      // @ts-expect-error: nor gradients by boxes
      () => encoder.boxes.length,
      // @ts-expect-error: nor by points
      () => oneToMany.points.length,
    )
  })

  test('of points', () => {
    const { terms, gradients, ...result } = pose.compute(whole(ofPoints), targetsOfPoints)
    expectTypeOf(terms).toEqualTypeOf<TermsWithoutBoxes>()
    const { encoder, denoising, oneToMany } = gradients
    for (const part of [gradients, encoder, denoising, oneToMany]) isArray(part.points)
    for (const layer of [...gradients.auxiliary!, ...encoder.auxiliary!]) isArray(layer.points)
    expect(result.oneToMany.terms).not.toHaveProperty('l1')
    expectTypeOf(denoising.boxes).toEqualTypeOf<undefined>()
    unmade(
      // @ts-expect-error: there are no terms of boxes
      () => result.encoder.terms.l1 + 1,
      // @ts-expect-error: nor gradients by spans
      () => encoder.spans.length,
    )
  })

  test('of points beside boxes', () => {
    const { terms, gradients } = both.compute(whole(ofBoth), targetsOfBoth)
    const { encoder, denoising, oneToMany } = gradients
    for (const layer of [gradients, encoder, denoising, oneToMany, ...gradients.auxiliary!]) {
      isArray(layer.points)
      isArray(layer.boxes)
    }
    expectTypeOf(terms).toEqualTypeOf<Terms>()
    expectTypeOf(terms.pointL1).toEqualTypeOf<number | undefined>()
  })

  test('of ranges of queries, which have no gradients of their own', () => {
    const ranges = { denoising: { queries: [0, 2] as const }, oneToMany: { queries: [2, 3] as const, repeat: 1 } }
    const { gradients, denoising } = spans.compute({ ...ofSpans(), ...ranges }, targetsOfSpans)
    expect([gradients.denoising, gradients.oneToMany]).toEqual([undefined, undefined])
    expect(denoising.terms).not.toHaveProperty('l1')
    unmade(
      // @ts-expect-error: there are none
      () => gradients.denoising.spans,
      // @ts-expect-error: nor terms of boxes
      () => denoising.terms.l1 + 1,
    )
  })

  test('of a type that leaves it open', () => {
    const declared: Outputs = ofBoxes()
    expectTypeOf(boxes.compute(declared, targetsOfBoxes)).toEqualTypeOf<LossResult<Outputs, Gradients>>()
    const other = as<OutputsWithoutBoxes>(ofSpans())
    const { gradients } = spans.compute(other, targetsOfSpans)
    expectTypeOf(gradients).toExtend<GradientsWithoutBoxes>()
    // @ts-expect-error: they may be points
    unmade(() => gradients.spans.length)
    const any = (outputs: Outputs | OutputsWithoutBoxes, targets: TargetsOf<Outputs | OutputsWithoutBoxes>) =>
      spans.compute(outputs, targets)
    expectTypeOf(any(other, targetsOfSpans).terms).toEqualTypeOf<Terms | TermsWithoutBoxes>()
    expect(any(other, targetsOfSpans).terms).not.toHaveProperty('l1')
  })
})

test('computeAsync, match and cost: take what compute takes', async () => {
  const result = await spans.computeAsync(whole(ofSpans), targetsOfSpans)
  expectTypeOf(result).toEqualTypeOf(spans.compute(whole(ofSpans), targetsOfSpans))
  isArray(result.gradients.denoising.spans)
  const { encoder } = await pose.computeAsync(whole(ofPoints), targetsOfPoints, { gradients: false })
  expectTypeOf(encoder.terms).toEqualTypeOf<TermsWithoutBoxes>()
  expect(pose.match(whole(ofPoints), targetsOfPoints).denoising.matches).toHaveLength(2)
  expect(spans.cost(whole(ofSpans), targetsOfSpans).oneToMany.images).toHaveLength(2)
  expect(both.cost(whole(ofBoth), targetsOfBoth).encoder.images).toHaveLength(2)
  expect(inspectBatch(whole(ofBoth), targetsOfBoth, both).filter(({ severity }) => severity === 'error')).toEqual([])
  expect(inspectBatch(whole(ofSpans), targetsOfSpans, spans).some(({ code }) => code === 'refused')).toBe(false)
})

test('outputs: every layer has the geometry, and targets have the same', () => {
  const { logits: only } = ofSpans()
  unmade(
    // @ts-expect-error: nothing beside the logits
    () => spans.compute({ logits: only }, targetsOfSpans),
    // @ts-expect-error: likewise in an auxiliary layer
    () => spans.compute({ ...ofSpans(), auxiliary: [{ logits: only }] }, targetsOfSpans),
    // @ts-expect-error: likewise in a part
    () => spans.match({ ...ofSpans(), encoder: { logits: only } }, targetsOfSpans),
    // @ts-expect-error: likewise in denoising queries
    () => pose.cost({ ...ofPoints(), denoising: { logits: only } }, targetsOfPoints),
    // @ts-expect-error: an auxiliary layer without boxes
    () => boxes.compute({ ...ofBoxes(), auxiliary: [ofPoints()] }, targetsOfBoxes),
    // @ts-expect-error: a part with boxes beside outputs without
    () => spans.compute({ ...ofSpans(), oneToMany: { ...ofBoxes(), repeat: 2 } }, targetsOfSpans),
    // @ts-expect-error: targets of boxes
    () => spans.compute(ofSpans(), targetsOfBoxes),
    // @ts-expect-error: targets of points
    () => spans.match(ofSpans(), targetsOfPoints),
    // @ts-expect-error: targets of spans
    () => pose.cost(ofPoints(), targetsOfSpans),
    // @ts-expect-error: targets without boxes
    () => both.computeAsync(ofBoth(), targetsOfPoints),
    // @ts-expect-error: targets without anything beside the labels
    () => spans.compute(ofSpans(), [{ labels: [0] }, { labels: [0] }]),
    // @ts-expect-error: likewise
    () => inspectBatch(ofBoxes(), [{ labels: [0] }, { labels: [0] }], boxes),
    // @ts-expect-error: targets of spans
    () => inspectBatch(ofPoints(), targetsOfSpans, pose),
    // @ts-expect-error: misspelt
    () => inspectBatch({ ...ofPoints(), keypoints: 1 }, targetsOfPoints, pose),
    // @ts-expect-error: misspelt
    () => spans.compute(ofSpans(), [{ labels: [0], spans: [[0, 1]], iscrowd: [0] }, { labels: [] }]),
  )
  const declared: Target = { labels: [0], boxes: [box] }
  const other = as<TargetWithoutBoxes>({ labels: [0], points })
  const empty: EmptyTarget = { labels: [], valid: 0 }
  expect(boxes.compute(ofBoxes(), [declared, empty]).loss).toBe(boxes.compute(ofBoxes(), targetsOfBoxes).loss)
  expectTypeOf<TargetsOf<ReturnType<typeof ofBoxes>>>().toExtend<
    ReadonlyArray<Target | EmptyTarget | MappedTarget>
  >()
  // @ts-expect-error: of that type, they may be spans
  expect(pose.compute(ofPoints(), [other, empty]).loss).toBe(pose.compute(ofPoints(), targetsOfPoints).loss)
})

describe('out: takes the gradients of a result of the same outputs,', () => {
  test('of boxes, spans, points, and points beside boxes', () => {
    const ofFirst = boxes.compute(whole(ofBoxes), targetsOfBoxes).gradients
    expect(boxes.compute(whole(ofBoxes), targetsOfBoxes, { out: ofFirst }).gradients.boxes).toBe(ofFirst.boxes)
    const ofSecond = spans.compute(whole(ofSpans), targetsOfSpans).gradients
    const { encoder } = spans.compute(whole(ofSpans), targetsOfSpans, { out: ofSecond }).gradients
    expect(encoder.spans).toBe(ofSecond.encoder.spans)
    const ofThird = pose.compute(whole(ofPoints), targetsOfPoints).gradients
    const { auxiliary } = pose.compute(whole(ofPoints), targetsOfPoints, { out: ofThird }).gradients
    expect(auxiliary![0]!.points).toBe(ofThird.auxiliary![0]!.points)
    const ofFourth = both.compute(whole(ofBoth), targetsOfBoth).gradients
    const { denoising } = both.compute(whole(ofBoth), targetsOfBoth, { out: ofFourth }).gradients
    expect([denoising.points, denoising.boxes]).toEqual([ofFourth.denoising.points, ofFourth.denoising.boxes])
  })

  test('or arrays of one’s own', () => {
    const out = { logits: new Float32Array(16), spans: new Float32Array(16) }
    expect(spans.compute(ofSpans(), targetsOfSpans, { out }).gradients.spans).toBe(out.spans)
    const call: CallOptions<OutputsWithoutBoxes> = { out }
    expect(spans.compute(ofSpans(), targetsOfSpans, call).gradients?.spans).toBe(out.spans)
    unmade(
      // @ts-expect-error: the outputs have boxes
      () => boxes.compute(ofBoxes(), targetsOfBoxes, { out }),
      // @ts-expect-error: likewise
      () => boxes.compute(ofBoxes(), targetsOfBoxes, call),
      // @ts-expect-error: the outputs have none
      () => spans.compute(ofSpans(), targetsOfSpans, { out: { ...out, boxes: new Float32Array(32) } }),
      // @ts-expect-error: nothing in the place of boxes
      () => spans.compute(ofSpans(), targetsOfSpans, { out: { logits: out.logits } }),
      // @ts-expect-error: likewise in a part
      () => spans.compute(ofSpans(), targetsOfSpans, { out: { ...out, encoder: { logits: out.logits } } }),
    )
    expectTypeOf<GradientsOf<ReturnType<typeof ofSpans>>>().toExtend<GradientsWithoutBoxes>()
  })
})

describe('tfjs', () => {
  const asTensor = ({ data, shape }: ReturnType<typeof tensor>) => tf.tensor(data, shape)
  const spanTensors = () => ({ logits: asTensor(logits), spans: asTensor(tensor(2, 4, 2)) })
  const boxTensors = () => ({ logits: asTensor(logits), boxes: asTensor(tensor(2, 4, 4)) })

  test('hungarianLoss: the latest result is certain of what the type of the outputs says', async () => {
    await tf.setBackend('cpu')
    const loss = hungarianLoss<TensorOutputsWithoutBoxes>(tf, spans)
    loss(whole(spanTensors), targetsOfSpans)
    expectTypeOf(loss.lastResult.terms).toEqualTypeOf<TermsWithoutBoxes>()
    expect(loss.lastResult.terms).not.toHaveProperty('l1')
    expect(loss.lastResult.gradients).not.toHaveProperty('boxes')
    const own = hungarianLoss<ReturnType<typeof spanTensors>>(tf, spans)
    own(spanTensors(), targetsOfSpans)
    isArray(own.lastResult.gradients.spans)
    const usual = hungarianLoss(tf, boxes)
    usual(whole(boxTensors), targetsOfBoxes)
    expectTypeOf(usual.lastResult).toEqualTypeOf<LossResult<TensorOutputs, Gradients>>()
    isArray(usual.lastResult.gradients.boxes)
    unmade(
      // @ts-expect-error: there are no boxes
      () => loss.lastResult.terms.l1 + 1,
      // @ts-expect-error: nor gradients by them
      () => loss.lastResult.gradients.boxes.length,
      // @ts-expect-error: said to have boxes
      () => usual(spanTensors(), targetsOfSpans),
      // @ts-expect-error: said to have none
      () => loss(boxTensors(), targetsOfBoxes),
      // @ts-expect-error: targets of points
      () => own(spanTensors(), targetsOfPoints),
    )
  })

  test('lossGradients: takes all parts without boxes, and is certain of theirs', async () => {
    await tf.setBackend('cpu')
    const { gradients, encoder } = await lossGradients(spans, whole(spanTensors), targetsOfSpans)
    for (const part of [gradients, gradients.encoder, gradients.denoising, gradients.oneToMany]) isArray(part.spans)
    expectTypeOf(encoder.terms).toEqualTypeOf<TermsWithoutBoxes>()
    const declared: TensorOutputsWithoutBoxes = whole(spanTensors)
    const targets: TensorTargetsOf<TensorOutputsWithoutBoxes> = targetsOfSpans
    expect((await lossGradients(spans, declared, targets)).encoder?.terms).toEqual(encoder.terms)
    unmade(
      // @ts-expect-error: nothing in the place of boxes
      () => lossGradients(spans, { ...spanTensors(), encoder: { logits: asTensor(logits) } }, targetsOfSpans),
      // @ts-expect-error: targets of boxes
      () => lossGradients(spans, spanTensors(), targetsOfBoxes),
      // @ts-expect-error: misspelt
      () => lossGradients(spans, { ...spanTensors(), encoder: { ...spanTensors(), group: 2 } }, targetsOfSpans),
    )
  })
})

test('what types refuse is refused in a call, too', () => {
  const given = { ...ofSpans(), encoder: { logits } } as unknown as Outputs
  expect(errorOf(() => spans.compute(given, targetsOfSpans as never)).argument).toBe('outputs.encoder.spans')
})
