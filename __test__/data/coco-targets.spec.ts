import * as fc from 'fast-check'
import { describe, expect, expectTypeOf, test } from 'vitest'
import {
  cocoTargets,
  decodeMasks,
  HungarianLoss,
  inspectBatch,
  maskFromPolygons,
  toCocoResults,
} from '../../src/index.ts'
import type { CocoDataset, CocoMaskTarget, CocoOptions, CocoTarget } from '../../src/index.ts'
import { DetectionEvaluator } from '../../src/evaluate.ts'
import { errorOf, expectAllClose, randomLayer, untyped } from '../support/helpers.ts'

/** Categories with gaps that are not in order, an image without objects, a crowd, and boxes that are none. */
const dataset = (): CocoDataset => ({
  images: [
    { id: 9, width: 640, height: 480, file_name: 'nine.jpg' },
    { id: 2, width: 100, height: 200 },
    { id: 5, width: 50, height: 50, file_name: 'empty.jpg' },
  ],
  categories: [
    { id: 90, name: 'toothbrush' },
    { id: 1, name: 'person' },
    { id: 18, name: 'dog' },
  ],
  annotations: [
    { id: 11, image_id: 9, category_id: 18, bbox: [64, 48, 320, 240], area: 5000, iscrowd: 0, segmentation: [[64, 48, 70, 60, 64, 60]] },
    { id: 12, image_id: 2, category_id: 1, bbox: [-10, 20, 30, 40], area: 700, iscrowd: 1, segmentation: { size: [200, 100], counts: [1, 2] } },
    { id: 13, image_id: 9, category_id: 90, bbox: [600, 400, 80, 160] },
    { id: 14, image_id: 9, category_id: 1, bbox: [10, 10, 0, 5], area: 0 },
    { id: 15, image_id: 2, category_id: 90, bbox: [100, 20, 10, 10] },
  ],
}) // prettier-ignore

describe('cocoTargets:', () => {
  test('ids become classes by ascending id, boxes centres and sizes in parts of the image, crowds ignored targets', () => {
    const given = dataset()
    const { targets, images, classes, dropped, groundTruth, ...rest } = cocoTargets(given)
    expect(rest).toEqual({})
    expect(given).toEqual(dataset())
    expect(classes).toEqual([
      { id: 1, name: 'person' },
      { id: 18, name: 'dog' },
      { id: 90, name: 'toothbrush' },
    ])
    expect(images).toEqual([
      { id: 9, width: 640, height: 480, fileName: 'nine.jpg' },
      { id: 2, width: 100, height: 200, fileName: undefined },
      { id: 5, width: 50, height: 50, fileName: 'empty.jpg' },
    ])
    const [nine, two, five] = targets as [CocoTarget, CocoTarget, CocoTarget]
    expect(nine.labels).toEqual(Int32Array.of(1, 2))
    // the second is clamped to 640 × 480
    expectAllClose(nine.boxes, [0.35, 0.35, 0.5, 0.5, 620 / 640, 440 / 480, 40 / 640, 80 / 480], 1e-15)
    expect(nine.ignore).toEqual(Uint8Array.of(0, 0))
    expect(two.labels).toEqual(Int32Array.of(0))
    expectAllClose(two.boxes, [0.1, 0.2, 0.2, 0.2], 1e-15)
    expect(two.ignore).toEqual(Uint8Array.of(1))
    expect(five).toEqual({ labels: new Int32Array(0), boxes: new Float64Array(0), ignore: new Uint8Array(0) })
    expect(dropped).toEqual([
      { annotationId: 14, index: 3, imageId: 9, reason: 'no-area' },
      { annotationId: 15, index: 4, imageId: 2, reason: 'outside-image' },
    ])
    expect(groundTruth).toEqual([
      {
        id: 9,
        boxes: Float64Array.of(64, 48, 320, 240, 600, 400, 80, 160, 10, 10, 0, 5),
        labels: Int32Array.of(1, 2, 0),
        ignore: Uint8Array.of(0, 0, 0),
        areas: Float64Array.of(5000, 80 * 160, 0),
        boxFormat: 'xywh',
      },
      {
        id: 2,
        boxes: Float64Array.of(-10, 20, 30, 40, 100, 20, 10, 10),
        labels: Int32Array.of(0, 2),
        ignore: Uint8Array.of(1, 0),
        areas: Float64Array.of(700, 100),
        boxFormat: 'xywh',
      },
      { id: 5, boxes: new Float64Array(0), labels: new Int32Array(0), ignore: new Uint8Array(0), areas: new Float64Array(0), boxFormat: 'xywh' }, // prettier-ignore
    ])
  })

  test('go straight into a criterion, for every format and units, and nothing looks wrong with them', () => {
    for (const boxFormat of ['cxcywh', 'xyxy'] as const) {
      for (const normalized of [true, false]) {
        const { targets, classes, images } = cocoTargets(dataset(), { boxFormat, normalized })
        const criterion = HungarianLoss.deformableDetr({
          numClasses: classes.length,
          boxFormat,
          normalizedBoxes: normalized,
        })
        const outputs = randomLayer(3, { images: 3, queries: 6, classes: classes.length })
        const { data } = outputs.boxes
        data.forEach((value, i) => {
          // the second corner after the first, and pixels where targets are
          const corner = boxFormat === 'xyxy' && i % 4 > 1 ? (data[i - 2] as number) + 0.1 : value
          const { width, height } = images[Math.floor(i / 24)] as { width: number; height: number }
          data[i] = corner
          if (!normalized && boxFormat === 'cxcywh') data[i] = value * (i % 2 === 0 ? width : height)
        })
        if (boxFormat === 'xyxy' && !normalized) data.forEach((value, i) => (data[i] = 40 * value))
        const { matches, loss } = criterion.compute(outputs, targets)
        expect(matches.map(({ targetIndices }) => targetIndices.length)).toEqual([2, 0, 0])
        expect(loss).toBeGreaterThan(0)
        const codes = inspectBatch(outputs, targets, criterion).filter(({ severity }) => severity !== 'note')
        expect(codes).toEqual([])
      }
    }
  })

  test('crowds may be dropped, as DETR drops them', () => {
    const { targets, dropped, groundTruth } = cocoTargets(dataset(), { crowds: 'drop' })
    expect(targets[1]?.labels).toHaveLength(0)
    expect(dropped[1]).toEqual({ annotationId: 12, index: 1, imageId: 2, reason: 'crowd' })
    expect(groundTruth[1]?.ignore).toEqual(Uint8Array.of(1, 0))
  })

  test('labels may be the ids of categories, as DETR has 91 classes of COCO', () => {
    const { targets, classes, groundTruth } = cocoTargets(dataset(), { labels: 'category-id' })
    expect(classes).toHaveLength(91)
    expect(classes[18]).toEqual({ id: 18, name: 'dog' })
    expect(classes[17]).toEqual({ id: 17, name: undefined })
    expect(targets[0]?.labels).toEqual(Int32Array.of(18, 90))
    expect(groundTruth[0]?.labels).toEqual(Int32Array.of(18, 90, 1))
    const names = { ...dataset(), categories: [{ id: 'dog' }], annotations: [] }
    const error = errorOf(() => cocoTargets(names, { labels: 'category-id' }))
    expect(error).toMatchObject({ code: 'RANGE', argument: 'options.labels' })
  })

  test('images and categories may be chosen, in an order of one’s own', () => {
    const { targets, images, classes, groundTruth, dropped } = cocoTargets(dataset(), {
      imageIds: [5, 9],
      categoryIds: [90, 18],
    })
    expect(images.map(({ id }) => id)).toEqual([5, 9])
    expect(classes.map(({ id }) => id)).toEqual([90, 18])
    expect(targets[1]?.labels).toEqual(Int32Array.of(1, 0))
    expect(groundTruth[1]?.labels).toEqual(Int32Array.of(1, 0))
    expect(dropped).toEqual([])
    const person = cocoTargets(dataset(), { categoryIds: [1], labels: 'category-id' })
    expect(person.classes).toHaveLength(91)
    expect(person.targets.map(({ labels }) => Array.from(labels))).toEqual([[], [1], []])
  })

  test('boxes may be left as they are, beyond the image', () => {
    const { targets, dropped } = cocoTargets(dataset(), { clamp: false, normalized: false, boxFormat: 'xyxy' })
    expect(targets[1]?.boxes).toEqual(Float64Array.of(-10, 20, 20, 60, 100, 20, 110, 30))
    expect(dropped.map(({ reason }) => reason)).toEqual(['no-area'])
  })

  test('masks are handed on where they are asked for, one for each target', () => {
    const given = dataset()
    const { segmentations, targets } = cocoTargets(given, { segmentations: true })
    expect(segmentations?.map(({ length }) => length)).toEqual(targets.map(({ labels }) => labels.length))
    expect(segmentations?.[0]).toEqual([given.annotations[0]?.segmentation, undefined])
    expect(segmentations?.[1]?.[0]).toBe(given.annotations[1]?.segmentation)
  })

  test('masks of targets keep their form, with the size of the image, and say where there is none', () => {
    const given = dataset()
    const crowd = given.annotations[1] as { segmentation: unknown }
    crowd.segmentation = { size: [200, 100], counts: [1, 19_999] }
    const { targets } = cocoTargets(given, { masks: true })
    const [nine, two, five] = targets as [CocoMaskTarget, CocoMaskTarget, CocoMaskTarget]
    const polygons = [[64, 48, 70, 60, 64, 60]]
    expect(nine.masks).toEqual([{ polygons, size: [480, 640] }, { polygons: [], size: [480, 640] }])
    expect(nine.hasMask).toEqual(Uint8Array.of(1, 0))
    expect(two.masks).toEqual([{ counts: [1, 19_999], size: [200, 100] }])
    expect(two.hasMask).toEqual(Uint8Array.of(1))
    expect([five.masks, five.hasMask]).toEqual([{ data: [], shape: [0, 50, 50] }, new Uint8Array(0)])
    expect(decodeMasks(nine.masks).data.subarray(0, 480 * 640)).toEqual(maskFromPolygons(polygons, [480, 640]))
    expect(decodeMasks(five.masks).shape).toEqual([0, 50, 50])
    const person = cocoTargets(given, { masks: true, categoryIds: [18] }).targets[0]
    expect(person).toMatchObject({ masks: [{ polygons }] })
    expect(person).not.toHaveProperty('hasMask')
    expectTypeOf(targets).toEqualTypeOf<readonly CocoMaskTarget[]>()
    expect(JSON.parse(JSON.stringify(person))).toMatchObject({ masks: [{ polygons, size: [480, 640] }] })
  }) // prettier-ignore

  test('refuses masks that are none, with their place', () => {
    for (const [segmentation, code, argument] of [
      [{ size: [200, 100], counts: [1, 2] }, 'SHAPE', '.counts'],
      [{ size: [100, 200], counts: [20_000] }, 'SHAPE', '.size'],
      [{ size: [200, 100], counts: 'ä' }, 'RANGE', '.counts'],
      [[[1, 2, 3, 4, 5]], 'SHAPE', '[0]'],
      [[1, 2, 3, 4, 5, 6], 'DTYPE', ''],
      [5, 'DTYPE', ''],
    ] as const) {
      const given = dataset()
      Object.assign(given.annotations[1] as object, { segmentation })
      const error = errorOf(() => cocoTargets(given, { masks: true }))
      expect(error).toMatchObject({ code, argument: `dataset.annotations[1].segmentation${argument}` })
      expect(cocoTargets(given).targets).toHaveLength(3)
    }
  })

  test('ids may be strings: after numbers, by their characters', () => {
    const { classes, targets, groundTruth } = cocoTargets({
      images: [{ id: 'a', width: 10, height: 10 }],
      categories: [{ id: 'dog' }, { id: 'cat', name: 'Cat' }, { id: 7 }, { id: 10 }],
      annotations: [{ image_id: 'a', category_id: 'dog', bbox: [1, 1, 2, 2] }],
    })
    expect(classes.map(({ id }) => id)).toEqual([7, 10, 'cat', 'dog'])
    expect(targets[0]?.labels).toEqual(Int32Array.of(3))
    expect(groundTruth[0]?.id).toBe('a')
  })

  test('ground truth goes straight into an evaluator, odd boxes and ids that are strings among it', () => {
    const odd = dataset()
    Object.assign(odd.annotations[0]!, { bbox: [64, 48, -3, 240] })
    Object.assign(odd.annotations[2]!, { area: -1 })
    for (const given of [
      odd,
      JSON.parse(
        JSON.stringify(odd).replaceAll('"id":9,', '"id":"nine",').replaceAll('"image_id":9', '"image_id":"nine"'),
      ),
    ]) {
      const { groundTruth, classes } = cocoTargets(given)
      const detections = groundTruth.map(({ boxes, labels, boxFormat }) => {
        return { boxes, labels, boxFormat, scores: Array.from(labels, () => 0.5) }
      })
      const { targets, detections: count } = new DetectionEvaluator({ numClasses: classes.length })
        .add(detections, groundTruth)
        .result()
      expect([targets, count]).toEqual([3, 5])
    }
  })

  test('results are plain data, in JSON with plain arrays', () => {
    const result = cocoTargets(dataset(), { segmentations: true })
    expect(structuredClone(result)).toEqual(result)
    expect(JSON.parse(JSON.stringify(result)).targets[0].labels).toEqual([1, 2])
    expect(cocoTargets(JSON.parse(JSON.stringify(dataset())))).toEqual(cocoTargets(dataset()))
  })

  test('what is annotated within its image comes back as it was: targets, detections, results', () => {
    const annotation = fc.record({
      image: fc.nat(2),
      category: fc.nat(3),
      box: fc.tuple(...Array.from({ length: 4 }, () => fc.double({ min: 0.01, max: 0.49, noNaN: true }))),
    })
    fc.assert(
      fc.property(fc.array(annotation), fc.boolean(), fc.boolean(), (given, normalized, isCentre) => {
        const sizes = [[640, 480], [33, 77], [1000, 10]] as const // prettier-ignore
        const data: CocoDataset = {
          images: sizes.map(([width, height], i) => ({ id: 10 - i, width, height })),
          categories: [{ id: 3 }, { id: 1 }, { id: 70 }, { id: 20 }],
          annotations: given.map(({ image, category, box: [x, y, w, h] }, i) => {
            const [width, height] = sizes[image] as readonly [number, number]
            const bbox = [x! * width, y! * height, w! * width, h! * height]
            return { id: i, image_id: 10 - image, category_id: [3, 1, 70, 20][category] as number, bbox }
          }),
        }
        const boxFormat = isCentre ? 'cxcywh' : 'xyxy'
        const { targets, images, classes, dropped } = cocoTargets(data, { normalized, boxFormat })
        expect(dropped).toEqual([])
        const detections = targets.map(({ labels, boxes }) => ({
          labels,
          boxes,
          scores: Array.from(labels, () => 1),
          boxFormat: boxFormat as 'cxcywh' | 'xyxy',
        }))
        const results = toCocoResults(detections, { images, classes, normalized })
        const expected = images.flatMap(({ id }) => data.annotations.filter(({ image_id }) => image_id === id))
        expect(results.map(({ image_id, category_id }) => [image_id, category_id])).toEqual(
          expected.map(({ image_id, category_id }) => [image_id, category_id]),
        )
        results.forEach(({ bbox }, i) => expectAllClose(bbox, expected[i]?.bbox ?? [], 1e-12, 1000))
      }),
    )
  })
})

describe('cocoTargets: keypoints', () => {
  const keypoints = (): CocoDataset => ({
    images: [{ id: 1, width: 100, height: 50 }],
    categories: [{ id: 1, name: 'person', keypoints: ['nose', 'left_eye', 'right_eye'] }],
    annotations: [
      { id: 1, image_id: 1, category_id: 1, bbox: [0, 0, 50, 50], keypoints: [50, 25, 2, 10, 5, 1, 7, 7, 0] },
      { id: 2, image_id: 1, category_id: 1, bbox: [0, 0, 50, 0], keypoints: [1, 1, 2, 1, 1, 2, 1, 1, 2] },
      { id: 3, image_id: 1, category_id: 1, bbox: [10, 10, 50, 20] },
      { id: 4, image_id: 1, category_id: 1, bbox: [10, 10, 50, 20], keypoints: [100, 50, 2, 101, 5, 2, 0, 0, 0] },
    ],
  })

  test('become points and visibility, without those outside the image, which are listed', () => {
    const { targets, dropped } = cocoTargets(keypoints(), { keypoints: true })
    expectTypeOf(targets[0]!.points).toEqualTypeOf<Float64Array>()
    expect(targets[0]?.points).toEqual(Float64Array.of(0.5, 0.5, 0.1, 0.1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 0, 0, 0, 0))
    expect(targets[0]?.visibility).toEqual(Uint8Array.of(2, 1, 0, 0, 0, 0, 2, 0, 0))
    expect(dropped).toEqual([
      { annotationId: 2, index: 1, imageId: 1, reason: 'no-area' },
      { annotationId: 4, index: 3, imageId: 1, reason: 'point-outside-image', point: 1 },
    ])
    const whole = cocoTargets(keypoints(), { keypoints: true, clamp: false, normalized: false })
    expect(Array.from(whole.targets[0]!.points.slice(12, 16))).toEqual([100, 50, 101, 5])
    expect(cocoTargets(keypoints()).targets[0]).not.toHaveProperty('points')
  })

  test('go into a criterion of points', () => {
    const { targets } = cocoTargets(keypoints(), { keypoints: true })
    const criterion = HungarianLoss.deformableDetr({ numClasses: 1, cost: { pointL1: 10 }, weights: { pointL1: 10 } })
    const { logits, boxes } = randomLayer(1, { images: 1, queries: 5, classes: 1 })
    const points = { data: new Float32Array(30).fill(0.5), shape: [1, 5, 3, 2] }
    const { terms } = criterion.compute({ logits, boxes, points }, targets)
    // (0.4 + 0.4) + (0.5 + 0.5) over the three targets that have points, or none
    expect(terms.pointL1).toBeCloseTo(1.8 / 3, 6)
  })

  test('are as many as those of the first object where categories do not say', () => {
    const given = { ...keypoints(), categories: [{ id: 1 }] }
    expect(cocoTargets(given, { keypoints: true }).targets[0]?.visibility).toHaveLength(9)
  })

  test('refuses others in number, odd visibility, and a data set that has none', () => {
    const refusal = (change: (annotation: any) => void) => {
      const given = keypoints()
      change(given.annotations[0])
      return errorOf(() => cocoTargets(given, { keypoints: true }))
    }
    const argument = 'dataset.annotations[0].keypoints'
    expect(refusal((a) => (a.keypoints = [1, 1, 2]))).toMatchObject({ code: 'SHAPE', argument })
    expect(refusal((a) => (a.keypoints = [1, 1]))).toMatchObject({ code: 'SHAPE', argument })
    expect(refusal((a) => (a.keypoints[2] = 3))).toMatchObject({ code: 'RANGE', argument })
    expect(refusal((a) => (a.keypoints[0] = NaN))).toMatchObject({ code: 'NON_FINITE', argument })
    expect(errorOf(() => cocoTargets(dataset(), { keypoints: true }))).toMatchObject({ argument: 'options.keypoints' })
  })
})

describe('cocoTargets: refuses', () => {
  const refusal = (change: (data: any) => unknown, options?: CocoOptions) => {
    const given = dataset()
    const changed = change(given)
    return errorOf(() => cocoTargets(untyped(typeof changed === 'function' ? changed() : given), options))
  }

  test.each([
    ['an image that there is not', (d: any) => (d.annotations[2].image_id = 7), 'RANGE', 'annotations[2].image_id'],
    [
      'a category that there is not',
      (d: any) => (d.annotations[0].category_id = 2),
      'RANGE',
      'annotations[0].category_id',
    ],
    ['an image twice', (d: any) => (d.images[1].id = 9), 'RANGE', 'images[1].id'],
    ['a category twice', (d: any) => (d.categories[2].id = 1), 'RANGE', 'categories[2].id'],
    ['an annotation twice', (d: any) => (d.annotations[4].id = 11), 'RANGE', 'annotations[4].id'],
    ['no id', (d: any) => delete d.images[0].id, 'DTYPE', 'images[0].id'],
    ['half an id', (d: any) => (d.images[0].id = 0.5), 'RANGE', 'images[0].id'],
    ['no width', (d: any) => delete d.images[1].width, 'DTYPE', 'images[1].width'],
    ['no height', (d: any) => (d.images[1].height = null), 'DTYPE', 'images[1].height'],
    ['a width of 0', (d: any) => (d.images[1].width = 0), 'RANGE', 'images[1].width'],
    ['a height of NaN', (d: any) => (d.images[1].height = NaN), 'NON_FINITE', 'images[1].height'],
    ['a box with NaN', (d: any) => (d.annotations[1].bbox[2] = NaN), 'NON_FINITE', 'annotations[1].bbox'],
    ['a box without a number', (d: any) => (d.annotations[1].bbox[2] = null), 'DTYPE', 'annotations[1].bbox'],
    ['a box of three numbers', (d: any) => d.annotations[1].bbox.pop(), 'SHAPE', 'annotations[1].bbox'],
    ['no box', (d: any) => delete d.annotations[1].bbox, 'DTYPE', 'annotations[1].bbox'],
    [
      'a box without a finite area',
      (d: any) => (d.annotations[2].bbox = [0, 0, 1e308, 9]),
      'NON_FINITE',
      'annotations[2].area',
    ],
    ['an infinite area', (d: any) => (d.annotations[1].area = Infinity), 'NON_FINITE', 'annotations[1].area'],
    ['a crowd of 2', (d: any) => (d.annotations[1].iscrowd = 2), 'DTYPE', 'annotations[1].iscrowd'],
    ['a name that is none', (d: any) => (d.categories[1].name = 5), 'DTYPE', 'categories[1].name'],
    ['an annotation that is none', (d: any) => (d.annotations[1] = 5), 'DTYPE', 'annotations[1]'],
    ['no images', (d: any) => delete d.images, 'DTYPE', 'images'],
    ['annotations that are no list', (d: any) => (d.annotations = {}), 'DTYPE', 'annotations'],
  ])('%s', (_, change, code, place) => {
    expect(refusal(change)).toMatchObject({ code, argument: `dataset.${place}` })
  })

  test('boxes and keypoints whose numbers would not stay finite', () => {
    const large = (d: any) => (d.annotations[0].bbox = [1e308, 0, 1e308, 1e-9])
    const argument = 'dataset.annotations[0].bbox'
    expect(refusal(large, { clamp: false })).toMatchObject({ code: 'NON_FINITE', argument })
    const tiny = (d: any) => {
      d.images[0].width = 1e-300
      d.annotations = [{ image_id: 9, category_id: 1, bbox: [0, 0, 1e-300, 1], keypoints: [1e10, 1, 2] }]
    }
    const options = { clamp: false, keypoints: true }
    expect(refusal(tiny, options)).toMatchObject({
      code: 'NON_FINITE',
      argument: 'dataset.annotations[0].keypoints',
    })
    const far = dataset()
    Object.assign(far.annotations[0]!, { keypoints: [1.5e308, 1.5e308, 2] })
    const { targets } = cocoTargets(far, { clamp: false, keypoints: true, normalized: false })
    expect(targets[0]?.points.slice(0, 2)).toEqual(Float64Array.of(1.5e308, 1.5e308))
  })

  test('ids of another type than those that there are, saying so', () => {
    expect(refusal((d) => (d.annotations[0].image_id = '9')).message).toContain('there is 9, a number')
  })

  test('what is no data set, with what it may be', () => {
    expect(refusal(() => () => '{ "images": [] }').message).toContain('JSON.parse')
    expect(refusal(() => () => Buffer.from('{}')).message).toContain('JSON.parse')
    expect(refusal(() => () => []).message).toContain('annotations alone?')
    expect(refusal(() => () => ({ info: {} })).message).toContain('with the key info')
  })

  test('ids to choose that there are not, or twice, and options that there are not', () => {
    for (const [options, code, argument] of [
      [{ imageIds: [9, 10] }, 'RANGE', 'options.imageIds[1]'],
      [{ imageIds: [9, 9] }, 'RANGE', 'options.imageIds[1]'],
      [{ categoryIds: ['dog'] }, 'RANGE', 'options.categoryIds[0]'],
      [{ categoryIds: 18 }, 'DTYPE', 'options.categoryIds'],
      [{ crowds: 'keep' }, 'OPTION', 'options.crowds'],
      [{ boxFormat: 'xywh' }, 'OPTION', 'options.boxFormat'],
      [{ clamp: 1 }, 'OPTION', 'options.clamp'],
      [{ catIds: [18] }, 'OPTION', 'options.catIds'],
    ] as const) {
      expect(refusal(() => undefined, untyped(options))).toMatchObject({ code, argument })
    }
    expect(refusal(() => undefined, untyped({ catIds: [18] })).message).toContain('did you mean categoryIds?')
  })
})
