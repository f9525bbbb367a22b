import { describe, expect, test } from 'vitest'
import { DetectionEvaluator } from '../../src/evaluate.ts'
import { makeSet } from '../support/evaluations.ts'
import { errorOf, untyped } from '../support/helpers.ts'

const set = makeSet(9)
const evaluator = new DetectionEvaluator(set.options).add(set.detections, set.groundTruth)
const { numClasses } = set.options

describe('state', () => {
  test('is plain data, whose arrays have memory of their own', () => {
    const state = evaluator.state()
    expect(state).toMatchObject({ numClasses, images: 40 })
    expect([...(state.ids ?? [])]).toEqual(set.ids)
    expect(structuredClone(state)).toEqual(state)
    const json = JSON.parse(JSON.stringify(state)) as typeof state
    expect(json.detections.boxes).toEqual([...state.detections.boxes])
    const { boxes, labels } = state.detections
    expect(boxes.buffer.byteLength).toBe(boxes.byteLength)
    structuredClone(labels.buffer, { transfer: [labels.buffer as ArrayBuffer] })
    expect(evaluator.state().detections.labels.length).toBeGreaterThan(0)
  })

  test('merged into an evaluator without images it is the same state', () => {
    const state = evaluator.state()
    expect(new DetectionEvaluator({ numClasses }).merge(state).state()).toEqual(state)
    const none = new DetectionEvaluator({ numClasses }).state()
    expect(new DetectionEvaluator({ numClasses }).merge(none).state()).toEqual(none)
  })
})

describe('merge', () => {
  const state = evaluator.state()
  const { detections, groundTruth } = state

  test.each([
    ['nothing', undefined, 'DTYPE', 'other'],
    ['a result', { ap: 1 }, 'OPTION', 'other.ap'],
    ['no classes', { ...state, numClasses: 0.5 }, 'DTYPE', 'other.numClasses'],
    ['no images', { ...state, images: undefined }, 'DTYPE', 'other.images'],
    ['more images', { ...state, images: 41 }, 'SHAPE', 'other.detections.offsets'],
    ['fewer ids', { ...state, ids: [1] }, 'SHAPE', 'other.ids'],
    ['no detections', { ...state, detections: undefined }, 'DTYPE', 'other.detections'],
    ['no scores', { ...state, detections: { ...detections, scores: undefined } }, 'DTYPE', 'other.detections.scores'],
    [
      'fewer scores',
      { ...state, detections: { ...detections, scores: detections.scores.subarray(1) } },
      'SHAPE',
      'other.detections.scores',
    ],
    [
      'offsets that fall',
      { ...state, groundTruth: { ...groundTruth, offsets: groundTruth.offsets.toReversed() } },
      'RANGE',
      'other.groundTruth.offsets',
    ],
    [
      'a text among numbers',
      { ...state, groundTruth: { ...groundTruth, areas: Array.from(groundTruth.areas, String) } },
      'DTYPE',
      'other.groundTruth.areas',
    ],
    [
      'a score that is none',
      { ...state, detections: { ...detections, scores: detections.scores.map(() => NaN) } },
      'NON_FINITE',
      'other.detections[0].scores',
    ],
  ])('refuses %s', (_, other, code, argument) => {
    const merged = new DetectionEvaluator({ numClasses })
    expect(errorOf(() => merged.merge(untyped(other)))).toMatchObject({ code, argument })
    expect(merged.images).toBe(0)
  })
})
