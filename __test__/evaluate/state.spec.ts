import { expect, test } from 'vitest'
import { DetectionEvaluator } from '../../src/evaluate.ts'
import { makeSet } from '../support/evaluations.ts'
import { errorOf, untyped } from '../support/helpers.ts'

const { options, detections, groundTruth } = makeSet(8)
const evaluator = new DetectionEvaluator(options).add(detections, groundTruth)

test('state: plain data that can be cloned, and its buffers transferred', () => {
  const state = evaluator.state()
  expect(structuredClone(state)).toEqual(state)
  const { buffer } = state.detections.boxes
  const posted = structuredClone(state, { transfer: [buffer as ArrayBuffer] })
  expect(state.detections.boxes).toHaveLength(0)
  expect(new DetectionEvaluator(options).merge(posted).result()).toEqual(evaluator.result())
  expect(errorOf(() => new DetectionEvaluator(options).merge(state))).toMatchObject({ code: 'SHAPE' })
})

test('state: of no images at all', () => {
  const { images, detections, groundTruth } = new DetectionEvaluator(options).state()
  expect([images, [...detections.offsets], [...groundTruth.offsets]]).toEqual([0, [0], [0]])
})

/** A state with something changed in it. */
const changed = (change: object, inDetections: object = {}, inTargets: object = {}) => {
  const state = structuredClone(evaluator.state())
  return {
    ...state,
    ...change,
    detections: { ...state.detections, ...inDetections },
    groundTruth: { ...state.groundTruth, ...inTargets },
  }
}
const { images } = evaluator
const from = (length: number, value: (i: number) => number) => Uint32Array.from({ length }, (_, i) => value(i))

test.each<[string, unknown, string, string]>([
  ['no state', 7, 'DTYPE', 'other'],
  ['another key', changed({ extra: 1 }), 'OPTION', 'other.extra'],
  ['no number of classes', changed({ numClasses: undefined }), 'DTYPE', 'other.numClasses'],
  ['other classes', changed({ numClasses: options.numClasses + 1 }), 'OPTION', 'other.numClasses'],
  ['half an image', changed({ images: 0.5 }), 'DTYPE', 'other.images'],
  ['other images', changed({ images: images + 1 }), 'SHAPE', 'other.detections.offsets'],
  ['too few ids', changed({ ids: [1] }), 'SHAPE', 'other.ids'],
  ['an id that is none', changed({ ids: Array.from({ length: images }, () => 0.5) }), 'DTYPE', 'other.ids[0]'],
  ['an id twice', changed({ ids: new Float64Array(images) }), 'RANGE', 'groundTruth[1].id'],
  ['a list that is missing', changed({}, { scores: undefined }), 'DTYPE', 'other.detections.scores'],
  ['too few boxes', changed({}, { boxes: new Float64Array(4) }), 'SHAPE', 'other.detections.boxes'],
  ['too few flags', changed({}, {}, { ignore: [] }), 'SHAPE', 'other.groundTruth.ignore'],
  ['offsets of other entries', changed({}, {}, { offsets: from(images + 1, (i) => i) }), 'RANGE', 'other.groundTruth.offsets'],
  ['offsets that fall', changed({}, { offsets: from(images + 1, (i) => images - i) }), 'RANGE', 'other.detections.offsets'],
  ['labels of no class', changed({}, { labels: evaluator.state().detections.labels.fill(99) }), 'RANGE', 'detections[0].labels'],
])('merge: refuses %s, and adds nothing', (_, state, code, argument) => {
  const other = new DetectionEvaluator(options)
  expect(errorOf(() => other.merge(untyped(state)))).toMatchObject({ code, argument })
  expect(other.images).toBe(0)
}) // prettier-ignore
