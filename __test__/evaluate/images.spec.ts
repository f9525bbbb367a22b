import { describe, expect, test } from 'vitest'
import { DetectionEvaluator } from '../../src/evaluate.ts'
import type { EvaluatorOptions } from '../../src/evaluate.ts'
import { errorOf, untyped } from '../support/helpers.ts'

const DETECTION = { boxes: [[0, 0, 10, 10], [5, 5, 10, 10]], scores: [0.5, 0.25], labels: [0, 2] } // prettier-ignore
const TARGET = { boxes: [[0, 0, 10, 10], [5, 5, 10, 10]], labels: [0, 2] } // prettier-ignore

const add = (detection: object, target: object, options: Partial<EvaluatorOptions> = {}) =>
  new DetectionEvaluator({ numClasses: 3, boxFormat: 'xywh', ...options }).add(
    [DETECTION, untyped(detection)],
    [TARGET, untyped(target)],
  )

const stateOf = (detection: object, target: object, options?: Partial<EvaluatorOptions>) =>
  add(detection, target, options).state()

describe('add', () => {
  test.each([
    ['rows', [[0, 0, 10, 10], [5, 5, 10, 10]]], // prettier-ignore
    ['rows of typed arrays', [Float32Array.of(0, 0, 10, 10), Int16Array.of(5, 5, 10, 10)]],
    ['a flat list', [0, 0, 10, 10, 5, 5, 10, 10]],
    ['float64', Float64Array.of(0, 0, 10, 10, 5, 5, 10, 10)],
    ['float32', Float32Array.of(0, 0, 10, 10, 5, 5, 10, 10)],
    ['integers', Int32Array.of(0, 0, 10, 10, 5, 5, 10, 10)],
  ])('takes boxes as %s', (_, boxes) => {
    const { detections, groundTruth } = stateOf({ ...DETECTION, boxes }, { ...TARGET, boxes })
    const expected = [0, 0, 10, 10, 5, 5, 10, 10]
    expect([...detections.boxes]).toEqual([...expected, ...expected])
    expect([...groundTruth.boxes]).toEqual([...expected, ...expected])
    expect([...groundTruth.areas]).toEqual([100, 100, 100, 100])
  })

  test('takes labels, scores, flags and areas of any type of numbers', () => {
    const detection = { ...DETECTION, scores: Float32Array.of(0.5, 0.25), labels: BigInt64Array.of(1n, 2n) }
    const target = { ...TARGET, labels: Uint8Array.of(1, 0), ignore: [true, 0], areas: Int32Array.of(7, 0) }
    const { detections, groundTruth } = stateOf(detection, target)
    expect([...detections.labels]).toEqual([0, 2, 1, 2])
    expect([...detections.scores]).toEqual([0.5, 0.25, 0.5, 0.25])
    expect([...groundTruth.labels]).toEqual([0, 2, 1, 0])
    expect([...groundTruth.ignore]).toEqual([0, 0, 1, 0])
    expect([...groundTruth.areas]).toEqual([100, 100, 7, 0])
    expect([...groundTruth.offsets]).toEqual([0, 2, 4])
  })

  test('needs to be told how boxes are written, where there are any', () => {
    const [found, nothing] = [
      { ...DETECTION, boxFormat: 'xywh' as const },
      { boxes: [], labels: [] },
    ]
    const untold = () => new DetectionEvaluator({ numClasses: 3 })
    expect(untold().add([{ ...nothing, scores: [] }], [nothing]).images).toBe(1)
    expect(errorOf(() => untold().add([DETECTION], [nothing]))).toMatchObject({
      code: 'OPTION',
      argument: 'detections[0].boxFormat',
      image: 0,
    })
    expect(errorOf(() => untold().add([found], [TARGET]))).toMatchObject({ argument: 'groundTruth[0].boxFormat' })
  })

  test('turns other formats into left, top, width and height', () => {
    const boxes = [[2, 4, 10, 20]]
    const one = { boxes, labels: [0] }
    const { detections, groundTruth } = stateOf(
      { ...one, scores: [1], boxFormat: 'xyxy', queryIndices: [5] },
      { ...one, boxFormat: 'cxcywh' },
    )
    expect(Array.from(detections.boxes.slice(-4))).toEqual([2, 4, 8, 16])
    expect(Array.from(groundTruth.boxes.slice(-4))).toEqual([-3, -6, 10, 20])
    expect(groundTruth.areas.at(-1)).toBe(200)
  })

  const place = { image: 1, detection: 1 }
  const detached = () => {
    const boxes = new Float64Array(8)
    structuredClone(boxes.buffer, { transfer: [boxes.buffer] })
    return boxes
  }

  test.each([
    ['NaN', { boxes: [[0, 0, 1, 1], [0, NaN, 1, 1]] }, 'NON_FINITE', 'boxes', place], // prettier-ignore
    ['an infinity', { boxes: [0, 0, 1, 1, Infinity, 0, 1, 1] }, 'NON_FINITE', 'boxes', place],
    ['a magnitude', { boxes: [0, 0, 1, 1, 2e9, 0, 1, 1] }, 'RANGE', 'boxes', place],
    ['a negative height', { boxes: [0, 0, 1, 1, 0, 0, 1, -1] }, 'RANGE', 'boxes', place],
    [
      'corners too far from each other',
      { boxFormat: 'xyxy', boxes: [0, 0, 1, 1, 9e8, 0, -9e8, 1] },
      'RANGE',
      'boxes',
      place,
    ],
    ['a text', { boxes: [0, 0, 1, 1, 0, '0', 1, 1] }, 'DTYPE', 'boxes', place],
    ['a short row', { boxes: [[0, 0, 1, 1], [0, 0, 1]] }, 'SHAPE', 'boxes', place], // prettier-ignore
    ['no row', { boxes: [[0, 0, 1, 1], null] }, 'DTYPE', 'boxes', place],
    ['too few boxes', { boxes: [0, 0, 1, 1] }, 'SHAPE', 'boxes', { image: 1 }],
    ['detached memory', { boxes: detached() }, 'SHAPE', 'boxes', {}],
    ['no boxes', { boxes: undefined }, 'DTYPE', 'boxes', {}],
    ['bigints', { boxes: new BigInt64Array(8) }, 'DTYPE', 'boxes', {}],
    ['NaN', { scores: [0.5, NaN] }, 'NON_FINITE', 'scores', place],
    ['a text', { scores: [0.5, '1'] }, 'DTYPE', 'scores', place],
    ['too many scores', { scores: [1, 2, 3] }, 'SHAPE', 'scores', { image: 1 }],
    ['no scores', { scores: undefined }, 'DTYPE', 'scores', {}],
    ['a label that is no class', { labels: [0, 3] }, 'RANGE', 'labels', place],
    ['a negative label', { labels: [0, -1] }, 'RANGE', 'labels', place],
    ['a fraction', { labels: [0, 0.5] }, 'RANGE', 'labels', place],
    ['a text', { labels: [0, 'person'] }, 'DTYPE', 'labels', place],
    ['no labels', { labels: undefined }, 'DTYPE', 'labels', {}],
    ['an unknown format', { boxFormat: 'yxyx' }, 'OPTION', 'boxFormat', {}],
    ['another name', { bbox: [] }, 'OPTION', 'bbox', { image: 1 }],
  ])('refuses of detections %s (%#)', (_, change, code, field, at) => {
    const error = errorOf(() => add({ ...DETECTION, ...change }, TARGET))
    expect(error).toMatchObject({ code, argument: `detections[1].${field}`, ...at })
    expect(error.message.startsWith(`detections[1].${field}: `)).toBe(true)
  })

  const target = { image: 1, target: 1 }

  test.each([
    ['a negative width', { boxes: [0, 0, 1, 1, 0, 0, -1, 1] }, 'RANGE', 'boxes', target],
    ['a label', { labels: [0, 7] }, 'RANGE', 'labels', target],
    ['an infinite area', { areas: [1, Infinity] }, 'NON_FINITE', 'areas', target],
    ['too few areas', { areas: [1] }, 'SHAPE', 'areas', { image: 1 }],
    ['a flag', { ignore: [0, 2] }, 'DTYPE', 'ignore', target],
    ['too few flags', { ignore: [0] }, 'SHAPE', 'ignore', { image: 1 }],
    ['scores', { scores: [1, 1] }, 'OPTION', 'scores', { image: 1 }],
    ['another name', { iscrowd: [0, 0] }, 'OPTION', 'iscrowd', { image: 1 }],
  ])('refuses of the ground truth %s (%#)', (_, change, code, field, at) => {
    const error = errorOf(() => add(DETECTION, { ...TARGET, ...change }))
    expect(error).toMatchObject({ code, argument: `groundTruth[1].${field}`, ...at })
  })

  test('says which name is meant, and what may be wrong', () => {
    expect(errorOf(() => add({ ...DETECTION, bbox: [] }, TARGET)).message).toMatch('did you mean boxes?')
    expect(errorOf(() => add(DETECTION, { ...TARGET, iscrowd: [0, 0] })).message).toMatch('did you mean ignore?')
    expect(errorOf(() => add({ ...DETECTION, boxes: [0, 0, 1, 1, 9, 9, -1, 1] }, TARGET)).message).toMatch('boxFormat')
    expect(errorOf(() => add(untyped(null), TARGET))).toMatchObject({ code: 'DTYPE', argument: 'detections[1]' })
  })

  test('what a getter throws is the caller’s fault', () => {
    const original = new TypeError('no')
    const entry = {
      ...DETECTION,
      get labels(): number[] {
        throw original
      },
    }
    expect(errorOf(() => add(entry, TARGET))).toMatchObject({ code: 'DTYPE', argument: 'detections[1]', original })
  })
})
