import { describe, expect, test } from 'vitest'
import { encodeMask, HungarianLoss, toCocoResults, toDetections } from '../../src/index.ts'
import { errorOf, randomLayer, untyped } from '../support/helpers.ts'
import { MASKS } from '../support/masks.ts'

const images = [
  { id: 42, width: 640, height: 480 },
  { id: 'b', width: 100, height: 50 },
]
const classes = [{ id: 1 }, { id: 18 }, { id: 'kite' }]

describe('toCocoResults:', () => {
  test('of each detection image, category, left, top, width and height, and score', () => {
    const detections = [
      { boxes: Float64Array.of(10, 20, 30, 60, 1, 2, 3, 4), scores: [0.75, 0.5], labels: Int32Array.of(1, 2), boxFormat: 'xyxy' },
      { boxes: [], scores: [], labels: [] },
    ] as const // prettier-ignore
    expect(toCocoResults(detections, { images, classes })).toEqual([
      { image_id: 42, category_id: 18, bbox: [10, 20, 20, 40], score: 0.75 },
      { image_id: 42, category_id: 'kite', bbox: [1, 2, 2, 2], score: 0.5 },
    ])
  })

  test('boxes of other formats and units become corner and size in pixels', () => {
    const one = (boxFormat: 'xyxy' | 'xywh' | 'cxcywh', boxes: number[], normalized: boolean) =>
      toCocoResults([{ boxes, scores: [1], labels: [0], boxFormat }], {
        images: images.slice(0, 1),
        classes,
        normalized,
      })[0]?.bbox
    expect(one('cxcywh', [20, 40, 20, 40], false)).toEqual([10, 20, 20, 40])
    expect(one('xywh', [10, 20, 20, 40], false)).toEqual([10, 20, 20, 40])
    expect(one('xyxy', [0.25, 0.5, 0.5, 1], true)).toEqual([160, 240, 160, 240])
  })

  test('nothing is rounded unless it is asked for', () => {
    const detections = [{ boxes: [1 / 3, 0, 2 / 3, 2.005], scores: [2 / 3], labels: [0], boxFormat: 'xyxy' as const }]
    const options = { images: [{ id: 1 }], classes }
    expect(toCocoResults(detections, options)[0]).toMatchObject({ bbox: [1 / 3, 0, 1 / 3, 2.005], score: 2 / 3 })
    expect(toCocoResults(detections, { ...options, boxDigits: 1, scoreDigits: 3 })[0]).toMatchObject({
      bbox: [0.3, 0, 0.3, 2],
      score: 0.667,
    })
    expect(toCocoResults(detections, { ...options, scoreDigits: 0 })[0]?.score).toBe(1)
  })

  test('take what toDetections gives', () => {
    const criterion = HungarianLoss.deformableDetr({ numClasses: 3 })
    const outputs = randomLayer(1, { classes: 3 })
    const detections = toDetections(outputs, { criterion, sizes: images, topK: 4 })
    const results = toCocoResults(detections, { images, classes })
    expect(results.map(({ image_id }) => image_id)).toEqual([42, 42, 42, 42, 'b', 'b', 'b', 'b'])
    const [{ boxes, labels, scores }] = detections as [(typeof detections)[number]]
    const [left, top, right, bottom] = boxes as unknown as [number, number, number, number]
    expect(results[0]).toEqual({
      image_id: 42,
      category_id: classes[labels[0] as number]?.id,
      bbox: [left, top, right - left, bottom - top],
      score: scores[0],
    })
    const parts = toDetections(outputs, { criterion, topK: 4 })
    const scaled = toCocoResults(parts, { images, classes, normalized: true })
    scaled.forEach(({ bbox }, i) => bbox.forEach((x, k) => expect(x).toBeCloseTo(results[i]?.bbox[k] as number, 9)))
  })

  test('refuses normalised boxes that nobody said are so, since they were meant to be scaled', () => {
    const criterion = HungarianLoss.deformableDetr({ numClasses: 3 })
    const detections = toDetections(randomLayer(1, { classes: 3 }), { criterion })
    const error = errorOf(() => toCocoResults(detections, { images, classes }))
    expect(error).toMatchObject({ code: 'RANGE', argument: 'detections[0].boxes', image: 0 })
    expect(error.message).toContain('give toDetections the sizes')
    expect(toCocoResults(detections, { images, classes, normalized: false })).toHaveLength(36)
    // nothing is found, or nothing but points at the origin
    const none = { boxes: [], scores: [], labels: [] }
    expect(toCocoResults([none, none], { images, classes })).toEqual([])
    expect(
      toCocoResults([none, { boxes: [0, 0, 0, 0], scores: [1], labels: [0], boxFormat: 'xyxy' }], { images, classes }),
    ).toHaveLength(1)
  })

  test('refuses boxes whose numbers would not stay finite, with their place', () => {
    const boxes = [1, 2, 3, 4, -1e308, 0, 1e308, 1]
    const detections = [{ boxes, boxFormat: 'xyxy' as const, scores: [0.5, 0.4], labels: [0, 0] }]
    const error = errorOf(() => toCocoResults(detections, { images: images.slice(0, 1), classes }))
    expect(error).toMatchObject({ code: 'NON_FINITE', argument: 'detections[0].boxes', image: 0, detection: 1 })
  })

  describe('masks:', () => {
    const size = { images: [{ id: 1, width: 4, height: 3 }], classes }
    const pixels = Uint8Array.from([0, 0, 1, 0, 0, 1, 1, 0, 0, 0, 0, 0])
    const empty = new Uint8Array(12)
    const masks = { data: Uint8Array.from([...pixels, ...empty]), shape: [2, 3, 4] }
    const two = { scores: [0.5, 0.25], labels: [0, 1] }

    test('become run lengths, and boxes where there are none', () => {
      const segmentations = [encodeMask(pixels, [3, 4]), encodeMask(empty, [3, 4])]
      expect(segmentations[0]).toEqual({ size: [3, 4], counts: '41113' })
      const alone = toCocoResults([{ ...two, masks }], { ...size, normalized: true })
      expect(alone.map(({ segmentation }) => segmentation)).toEqual(segmentations)
      expect(alone.map(({ bbox }) => bbox)).toEqual([[1, 0, 2, 2], [0, 0, 0, 0]])
      const boxes = { boxes: [0, 0, 4, 3, 1, 1, 2, 2], boxFormat: 'xywh' as const }
      const both = toCocoResults([{ ...two, ...boxes, masks: segmentations }], { images: [{ id: 1 }], classes })
      expect(both.map(({ segmentation }) => segmentation)).toEqual(segmentations)
      expect(both[1]?.bbox).toEqual([1, 1, 2, 2])
    }) // prettier-ignore

    test('have the boxes that pycocotools gives them', () => {
      for (const mask of MASKS) {
        const masks = [{ counts: mask.code, size: mask.size }]
        const results = toCocoResults([{ scores: [1], labels: [0], masks }], { images: [{ id: 1 }], classes })
        expect(results[0], mask.name).toMatchObject({ bbox: mask.box, segmentation: { counts: mask.code } })
      }
    })

    test('are refused where their number or size does not fit', () => {
      for (const [given, argument, text] of [
        [{ ...masks, shape: [1, 6, 4] }, 'detections[0].masks', 'expected [3, 4], the size of the image, got [6, 4]'],
        [{ data: pixels, shape: [1, 3, 4] }, 'detections[0].masks', 'expected 2 masks'],
        [[{ counts: [12], size: [3, 4] }, { counts: [11], size: [3, 4] }], 'detections[0].masks[1].counts', 'add up to 12'],
      ] as const) {
        const error = errorOf(() => toCocoResults([{ ...two, masks: given }], size))
        expect(error).toMatchObject({ code: 'SHAPE', argument, image: 0 })
        expect(error.message).toContain(text)
      }
    }) // prettier-ignore
  })

  test('refuses what does not fit, with its place', () => {
    const good = { boxes: [1, 2, 3, 4], scores: [0.5], labels: [0], boxFormat: 'xyxy' as const }
    for (const [detections, options, code, argument] of [
      [[good], {}, 'SHAPE', 'detections'],
      [[{ ...good, labels: [3] }, good], {}, 'RANGE', 'detections[0].labels'],
      [[good, { ...good, labels: [-1] }], {}, 'RANGE', 'detections[1].labels'],
      [[good, { ...good, labels: [0.5] }], {}, 'RANGE', 'detections[1].labels'],
      [[good, { ...good, labels: [0, 1] }], {}, 'SHAPE', 'detections[1].labels'],
      [[good, { ...good, boxes: [1, 2, 3] }], {}, 'SHAPE', 'detections[1].boxes'],
      [[good, { ...good, boxes: [[1, 2, 3, 4]] }], {}, 'SHAPE', 'detections[1].boxes'],
      [[good, { ...good, scores: [NaN] }], {}, 'NON_FINITE', 'detections[1].scores'],
      [[good, { ...good, scores: ['1'] }], {}, 'DTYPE', 'detections[1].scores'],
      [[good, { ...good, boxFormat: 'yxyx' }], {}, 'OPTION', 'detections[1].boxFormat'],
      [[good, { scores: [1] }], {}, 'DTYPE', 'detections[1].labels'],
      [[good, { ...good, boxFormat: undefined }], {}, 'OPTION', 'detections[1].boxFormat'],
      [[good, 5], {}, 'DTYPE', 'detections[1]'],
      [good, {}, 'DTYPE', 'detections'],
      [[good, good], { images: [1, 2] }, 'DTYPE', 'options.images[0]'],
      [[good, good], { images: undefined }, 'OPTION', 'options.images'],
      [[good, good], { classes: [{ id: 0.5 }] }, 'RANGE', 'options.classes[0].id'],
      [[good, good], { images: [{ id: 1 }, { id: 2 }], normalized: true }, 'DTYPE', 'options.images[0]'],
      [[good, good], { boxDigits: -1 }, 'OPTION', 'options.boxDigits'],
      [[good, good], { digits: 2 }, 'OPTION', 'options.digits'],
    ] as const) {
      const error = errorOf(() => toCocoResults(untyped(detections), untyped({ images, classes, ...options })))
      expect(error).toMatchObject({ code, argument })
    }
    const two = { boxes: [1, 2, 3, 4, 5, 6, 7, 8], scores: [0.5, 0.4], labels: [0, 0], boxFormat: 'xyxy' as const }
    for (const change of [
      { boxes: [1, 2, 3, 4, 5, '6', 7, 8] },
      { boxes: [1, 2, 3, 4, 5, 6, 7, NaN] },
      { scores: [0.5, Infinity] },
      { labels: [0, 9] },
    ]) {
      const error = errorOf(() => toCocoResults(untyped([good, { ...two, ...change }]), { images, classes }))
      expect(error).toMatchObject({ image: 1, detection: 1 })
    }
  })
})
