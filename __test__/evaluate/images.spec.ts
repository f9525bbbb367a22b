import { describe, expect, test } from 'vitest'
import { DetectionEvaluator } from '../../src/evaluate.ts'
import { errorOf, untyped } from '../support/helpers.ts'

const empty = { boxes: [], labels: [] }
const boxes = [
  [10, 20, 30, 40],
  [50, 60, 5, 6],
]
const found = { boxes, scores: [0.5, 0.25], labels: [0, 2] }
const target = { boxes, labels: [0, 2] }

/** Adds two images, of which the second has this. */
const addBoth = (detections: unknown, groundTruth: unknown) =>
  new DetectionEvaluator({ numClasses: 3 }).add(
    untyped([{ ...empty, scores: [] }, detections]),
    untyped([empty, groundTruth]),
  )

const contentOf = ({ detections, groundTruth }: ReturnType<DetectionEvaluator['state']>) => ({
  detections,
  groundTruth,
})

describe('images: all forms of the same numbers are the same', () => {
  const expected = contentOf(addBoth(found, target).state())

  test.each<[string, object, object]>([
    ['flat lists', { boxes: boxes.flat() }, { boxes: boxes.flat() }],
    ['typed arrays', { boxes: Float32Array.from(boxes.flat()) }, { boxes: Float64Array.from(boxes.flat()) }],
    ['rows of typed arrays', { boxes: boxes.map((box) => Int16Array.from(box)) }, { boxes: boxes.map((box) => Float32Array.from(box)) }],
    ['integers', { labels: BigInt64Array.of(0n, 2n), scores: Float32Array.of(0.5, 0.25) }, { labels: [0n, 2n] }],
    ['defaults, written out', { boxFormat: 'xywh', queryIndices: [7, 9] }, { boxFormat: 'xywh', ignore: [0, false], areas: [1200, 30] }],
    ['keys without values', { queryIndices: undefined, score: undefined }, { iscrowd: undefined, id: undefined }],
  ])('%s', (_, detections, groundTruth) => {
    const state = addBoth({ ...found, ...detections }, { ...target, ...groundTruth }).state()
    expect(contentOf(state)).toEqual(expected)
  }) // prettier-ignore

  test('which is the corner at the left and above, and the size, and of targets the area', () => {
    expect(Array.from(expected.detections.boxes)).toEqual(boxes.flat())
    expect(Array.from(expected.detections.offsets)).toEqual([0, 0, 2])
    expect(Array.from(expected.groundTruth.areas)).toEqual([1200, 30])
    expect(Array.from(expected.groundTruth.ignore)).toEqual([0, 0])
  })
})

describe('images: refused, with the place, are', () => {
  const short = [boxes[0], [1, 2, 3]]
  const second = (...box: unknown[]) => ({ boxes: [boxes[0], box] })

  test.each<[string, object, string, string, number?]>([
    ['boxes that are missing', { boxes: undefined }, 'DTYPE', 'boxes'],
    ['too few boxes', { boxes: [boxes[0]] }, 'SHAPE', 'boxes'],
    ['numbers that make no boxes', { boxes: [1, 2, 3, 4, 5] }, 'SHAPE', 'boxes'],
    ['a row of three', { boxes: short }, 'SHAPE', 'boxes', 1],
    ['a row that is none', { boxes: [boxes[0], 7] }, 'DTYPE', 'boxes', 1],
    ['bigints', { boxes: new BigInt64Array(8) }, 'DTYPE', 'boxes'],
    ['a text in a box', second(1, 2, '3', 4), 'DTYPE', 'boxes', 1],
    ['NaN in a box', second(1, NaN, 3, 4), 'NON_FINITE', 'boxes', 1],
    ['an infinity in a box', second(1, 2, Infinity, 4), 'NON_FINITE', 'boxes', 1],
    ['a number too large', second(2e9, 2, 3, 4), 'RANGE', 'boxes', 1],
    ['a negative width', second(1, 2, -3, 4), 'RANGE', 'boxes', 1],
    ['a negative height', second(1, 2, 3, -4), 'RANGE', 'boxes', 1],
    ['corners in the wrong order', { ...second(9, 2, 3, 4), boxFormat: 'xyxy' }, 'RANGE', 'boxes', 1],
    ['corners too far apart', { ...second(-9e8, 2, 9e8, 4), boxFormat: 'xyxy' }, 'RANGE', 'boxes', 1],
    ['a centre too near the end', { ...second(-1e9, 2, 3, 4), boxFormat: 'cxcywh' }, 'RANGE', 'boxes', 1],
    ['an unknown format', { boxFormat: 'yxyx' }, 'OPTION', 'boxFormat'],
    ['labels that are missing', { labels: undefined }, 'DTYPE', 'labels'],
    ['a label beyond the classes', { labels: [0, 3] }, 'RANGE', 'labels', 1],
    ['a negative label', { labels: [0, -1] }, 'RANGE', 'labels', 1],
    ['half a label', { labels: [0, 0.5] }, 'RANGE', 'labels', 1],
    ['a label of text', { labels: [0, 'dog'] }, 'DTYPE', 'labels', 1],
    ['shared memory', { boxes: new Float64Array(new SharedArrayBuffer(64)) }, 'DTYPE', 'boxes'],
  ])('%s, on either side', (_, change, code, field, index) => {
    const place = (noun: string) => (index === undefined ? {} : { image: 1, [noun]: index })
    expect(errorOf(() => addBoth({ ...found, ...change }, target))).toMatchObject({
      code,
      argument: `detections[1].${field}`,
      ...place('detection'),
    })
    expect(errorOf(() => addBoth(found, { ...target, ...change }))).toMatchObject({
      code,
      argument: `groundTruth[1].${field}`,
      ...place('target'),
    })
  })

  test.each<[string, unknown, string, string, object?]>([
    ['no detections', 7, 'DTYPE', ''],
    ['scores that are missing', { ...found, scores: undefined }, 'DTYPE', '.scores', { image: 1 }],
    ['too few scores', { ...found, scores: [1] }, 'SHAPE', '.scores', { image: 1 }],
    ['a score of text', { ...found, scores: [1, '1'] }, 'DTYPE', '.scores', { image: 1, detection: 1 }],
    ['a score of NaN', { ...found, scores: [1, NaN] }, 'NON_FINITE', '.scores', { image: 1, detection: 1 }],
    ['another name', { ...found, score: [1, 1] }, 'OPTION', '.score', { image: 1 }],
  ])('%s', (_, detections, code, field, place = {}) => {
    const error = errorOf(() => addBoth(detections, target))
    expect(error).toMatchObject({ code, argument: `detections[1]${field}`, ...place })
  })

  test.each<[string, unknown, string, string, object?]>([
    ['no ground truth', [], 'DTYPE', ''],
    ['too few flags', { ...target, ignore: [1] }, 'SHAPE', '.ignore', { image: 1 }],
    ['a flag of 2', { ...target, ignore: [1, 2] }, 'DTYPE', '.ignore', { image: 1, target: 1 }],
    ['too many areas', { ...target, areas: [1, 2, 3] }, 'SHAPE', '.areas', { image: 1 }],
    ['an area below 0', { ...target, areas: [0, -1] }, 'RANGE', '.areas', { image: 1, target: 1 }],
    ['an endless area', { ...target, areas: [0, Infinity] }, 'NON_FINITE', '.areas', { image: 1, target: 1 }],
    ['COCO’s name', { ...target, iscrowd: [0, 0] }, 'OPTION', '.iscrowd', { image: 1 }],
  ])('%s', (_, groundTruth, code, field, place = {}) => {
    const error = errorOf(() => addBoth(found, groundTruth))
    expect(error).toMatchObject({ code, argument: `groundTruth[1]${field}`, ...place })
    if (code === 'OPTION') expect(error.message).toContain('did you mean ignore?')
  })
})
