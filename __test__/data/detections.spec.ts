import { Tensor } from 'onnxruntime-common'
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { HungarianLoss, toDetections } from '../../src/index.ts'
import type { DetectionOptions } from '../../src/index.ts'
import { errorOf, expectAllClose, randomLayer, randomNumbers, untyped } from '../support/helpers.ts'

interface Detection {
  readonly query: number
  readonly label: number
  readonly score: number
  readonly logit: number
}

/** The best first; of equal ones the lower query, then the lower class. */
const inOrder = (a: Detection, b: Detection): number => b.logit - a.logit || a.query - b.query || a.label - b.label

/**
 * What the published post-processors define, straightforwardly: `prob.softmax(-1)[..., :-1].max(-1)` of DETR, and
 * `topk(prob.sigmoid().flatten(1), k)` with `// C` and `% C` of Deformable DETR. Ordered by the logarithm of the odds, which does not
 * saturate; of softmax by the scores.
 */
function defined(rows: number[][], kind: 'softmax' | 'sigmoid', noObject: number, topK: number): Detection[] {
  const all = rows.flatMap((logits, query): Detection[] => {
    if (kind === 'sigmoid') {
      return logits.map((logit, label) => ({ query, label, score: 1 / (1 + Math.exp(-logit)), logit }))
    }
    const sum = logits.reduce((sum, x) => sum + Math.exp(x), 0)
    const objects = logits.map((x, label) => ({ label, score: label === noObject ? -1 : Math.exp(x) / sum }))
    const score = Math.max(...objects.map(({ score }) => score))
    const label = objects.findIndex((object) => object.score === score)
    return [{ query, label, score, logit: score }]
  })
  return all.sort(inOrder).slice(0, topK)
}

/** The rows of an image of logits. */
const rowsOf = ({ data, shape }: { data: ArrayLike<number>; shape: number[] }, image: number): number[][] => {
  const [queries, columns] = shape.slice(-2) as [number, number]
  return Array.from({ length: queries }, (_, q) =>
    Array.from({ length: columns }, (_, c) => data[(image * queries + q) * columns + c] as number),
  )
}

describe('toDetections:', () => {
  const sigmoid = HungarianLoss.deformableDetr({ numClasses: 5 })

  test.each(['softmax', 'sigmoid'] as const)('of %s are what the published post-processor defines', (kind) => {
    const shape = fc.record({
      seed: fc.nat(),
      images: fc.integer({ min: 1, max: 3 }),
      queries: fc.integer({ min: 0, max: 9 }),
      classes: fc.integer({ min: 2, max: 6 }),
      topK: fc.integer({ min: 1, max: 60 }),
      // few different values make ties
      levels: fc.constantFrom(3, 1e9),
    })
    fc.assert(
      fc.property(shape, ({ seed, images, queries, classes, topK, levels }) => {
        const outputs = randomLayer(seed, { images, queries, classes })
        const { data } = outputs.logits
        data.forEach((x, i) => (data[i] = Math.round(x * levels) / levels))
        const noObject = seed % classes
        const sizes = Array.from({ length: images }, (_, image) => [100 + image, 50 + image] as const)
        const options = { kind, topK, sizes, ...(kind === 'softmax' && { noObjectIndex: noObject }) }
        const found = toDetections(outputs, options)
        expect(found).toHaveLength(images)
        for (const [image, { boxes, scores, labels, queryIndices, boxFormat }] of found.entries()) {
          const all = defined(rowsOf(outputs.logits, image), kind, noObject, Infinity)
          let expected = all.slice(0, topK)
          expectAllClose(scores, expected.map(({ score }) => score), 1e-14) // prettier-ignore
          // softmax of other logits may be the same number but for its last digit: these come in either order
          const queries = Array.from(queryIndices)
          if (kind === 'softmax') expected = queries.map((query) => all.find((one) => one.query === query) as Detection)
          expect(queries).toEqual(expected.map(({ query }) => query))
          expect(Array.from(labels)).toEqual(expected.map(({ label }) => label))
          for (let i = 1; i < scores.length; i++) {
            const isTie = kind === 'softmax' && scores[i] === scores[i - 1]
            if (isTie) expect(queries[i]).toBeGreaterThan(queries[i - 1] as number)
            expect(scores[i]).toBeLessThanOrEqual(scores[i - 1] as number)
          }
          expectAllClose(scores, expected.map(({ score }) => score), 1e-14) // prettier-ignore
          const [width, height] = sizes[image] as readonly [number, number]
          const corners = expected.flatMap(({ query }) => {
            const at = 4 * (image * outputs.boxes.shape[1]! + query)
            const [cx, cy, w, h] = outputs.boxes.data.slice(at, at + 4) as unknown as [number, number, number, number]
            return [(cx - w / 2) * width, (cy - h / 2) * height, (cx + w / 2) * width, (cy + h / 2) * height]
          })
          expectAllClose(boxes, corners, 1e-13)
          expect(boxFormat).toBe('xyxy')
        }
      }),
    )
  })

  test('of DETR: the best class of each query but no-object, as the criterion says', () => {
    const logits = { data: Float32Array.of(0, Math.log(2), Math.log(5), Math.log(6), 0, 0), shape: [1, 2, 3] }
    const boxes = { data: Float32Array.of(0.5, 0.5, 0.5, 0.25, 0.25, 0.5, 0.5, 1), shape: [1, 2, 4] }
    const criterion = HungarianLoss.detr({ numClasses: 2 })
    const [found] = toDetections({ logits, boxes }, { criterion, sizes: [[640, 480]] })
    expect(Array.from(found!.queryIndices)).toEqual([1, 0])
    expect(Array.from(found!.labels)).toEqual([0, 1])
    expectAllClose(found!.scores, [6 / 8, 2 / 8], 1e-7)
    expect(Array.from(found!.boxes)).toEqual([0, 0, 320, 480, 160, 180, 480, 300])
    // labels are columns also where no-object comes first, as those of targets are
    const first = HungarianLoss.detr({ numClasses: 2, classification: { noObjectIndex: 0 } })
    expect(Array.from(toDetections({ logits, boxes }, { criterion: first })[0]!.labels)).toEqual([2, 1])
  })

  test('without sizes stay in [0, 1], and in pixels where the model predicts pixels', () => {
    const { logits } = randomLayer(1, { images: 1, queries: 1, classes: 2 })
    const boxes = { data: Float32Array.of(0.5, 0.5, 0.5, 0.25), shape: [1, 1, 4] }
    expect(Array.from(toDetections({ logits, boxes }, { kind: 'softmax' })[0]!.boxes)).toEqual([
      0.25, 0.375, 0.75, 0.625,
    ])
    const corners = { data: Float32Array.of(10, 20, 30, 40), shape: [1, 1, 4] }
    const pixels = { kind: 'softmax', boxFormat: 'xyxy', normalizedBoxes: false } as const
    expect(Array.from(toDetections({ logits, boxes: corners }, pixels)[0]!.boxes)).toEqual([10, 20, 30, 40])
    const criterion = HungarianLoss.detr({ numClasses: 1, boxFormat: 'xyxy', normalizedBoxes: false })
    expect(toDetections({ logits, boxes: corners }, { criterion })).toEqual(
      toDetections({ logits, boxes: corners }, pixels),
    )
  })

  test('sizes may be objects, as images of a data set are', () => {
    const outputs = randomLayer(1)
    const sizes = [{ id: 1, width: 640, height: 480 }, { width: 10, height: 20 }] // prettier-ignore
    const options = { criterion: sigmoid }
    expect(toDetections(outputs, { ...options, sizes })).toEqual(
      toDetections(outputs, { ...options, sizes: [[640, 480], [10, 20]] }), // prettier-ignore
    )
  })

  test('have scores above the threshold, and at most topK: 100 of sigmoid kinds, all queries of softmax', () => {
    const outputs = randomLayer(4, { images: 1, queries: 120, classes: 5 })
    const lengths = (options: DetectionOptions) => toDetections(outputs, options)[0]!.scores.length
    expect(lengths({ kind: 'sigmoid' })).toBe(100)
    expect(lengths({ kind: 'sigmoid', topK: 300 })).toBe(300)
    expect(lengths({ kind: 'sigmoid', topK: 3000 })).toBe(600)
    expect(lengths({ kind: 'softmax' })).toBe(120)
    expect(lengths({ kind: 'softmax', topK: 7 })).toBe(7)
    for (const kind of ['softmax', 'sigmoid'] as const) {
      const [all] = toDetections(outputs, { kind, topK: 600 })
      const threshold = all!.scores[10] as number
      const [some] = toDetections(outputs, { kind, topK: 600, threshold })
      expect(Array.from(some!.scores)).toEqual(Array.from(all!.scores.slice(0, 10)))
      expect(lengths({ kind, threshold: 1 })).toBe(0)
    }
  })

  test('are ordered by logits where their probabilities are 1 alike', () => {
    const logits = { data: Float32Array.of(50, 60, 55), shape: [1, 3, 1] }
    const { boxes } = randomLayer(1, { images: 1, queries: 3 })
    const [found] = toDetections({ logits, boxes }, { kind: 'sigmoid' })
    expect(Array.from(found!.queryIndices)).toEqual([1, 2, 0])
    expect(Array.from(found!.scores)).toEqual([1, 1, 1])
  })

  test('come of the last of stacked layers, and take what else the loss is given', () => {
    const [first, last] = [randomLayer(1), randomLayer(2)]
    const stack = (name: 'logits' | 'boxes') => ({
      data: Float64Array.from([...first[name].data, ...last[name].data]),
      dims: [2, ...last[name].shape],
    })
    const options = { criterion: sigmoid }
    const expected = toDetections(last, options)
    expect(toDetections({ logits: stack('logits'), boxes: stack('boxes') }, options)).toEqual(expected)
    expect(toDetections({ ...last, auxiliary: [first], encoder: first }, options)).toEqual(expected)
    const onnx = (name: 'logits' | 'boxes') => new Tensor('float32', last[name].data, last[name].shape)
    expect(toDetections({ logits: onnx('logits'), boxes: onnx('boxes') }, options)).toEqual(expected)
  })

  test('leave out queries that are for training alone', () => {
    const outputs = randomLayer(3, { images: 2, queries: 12 })
    const options = { criterion: sigmoid, topK: 1000 }
    const queriesOf = (given: Parameters<typeof toDetections>[0]) =>
      toDetections(given, options).map(({ queryIndices }) => [...new Set(queryIndices)].toSorted((a, b) => a - b))
    expect(queriesOf({ ...outputs, groups: 3 })).toEqual([[0, 1, 2, 3], [0, 1, 2, 3]]) // prettier-ignore
    const parts = { denoising: { queries: [0, 4] }, oneToMany: { queries: [9, 12], repeat: 3 } } as const
    expect(queriesOf({ ...outputs, ...parts })[1]).toEqual([4, 5, 6, 7, 8])
    expect(queriesOf({ ...outputs, denoising: { ...outputs } })[0]).toHaveLength(12)
    // what these queries hold is not looked at
    outputs.logits.data[0] = NaN
    expect(queriesOf({ ...outputs, ...parts })[0]).toEqual([4, 5, 6, 7, 8])
  })

  test('are plain data: cloned, posted and stringified like all results', () => {
    const [found] = toDetections(randomLayer(1, { images: 1, queries: 2 }), { kind: 'sigmoid', topK: 1 })
    expect(structuredClone(found)).toEqual(found)
    expect(Object.keys(found!)).toEqual(['boxes', 'scores', 'labels', 'queryIndices', 'boxFormat'])
    expect(JSON.parse(JSON.stringify(found)).labels).toEqual(Array.from(found!.labels))
  })

  test('agree with the matching: what is predicted perfectly is detected first', () => {
    const random = randomNumbers(7)
    const [queries, classes] = [20, 4]
    const target = { labels: [3, 1], boxes: [[0.3, 0.3, 0.2, 0.2], [0.7, 0.6, 0.1, 0.3]] } // prettier-ignore
    const logits = Float32Array.from({ length: queries * classes }, () => -4 - random())
    const boxes = Float32Array.from({ length: queries * 4 }, () => 0.2 + 0.1 * random())
    for (const [i, query] of [13, 5].entries()) {
      logits[query * classes + (target.labels[i] as number)] = 4 - i
      boxes.set(target.boxes[i] as number[], 4 * query)
    }
    const outputs = {
      logits: { data: logits, shape: [1, queries, classes] },
      boxes: { data: boxes, shape: [1, queries, 4] },
    }
    const criterion = HungarianLoss.dino({ numClasses: classes })
    const [match] = criterion.match(outputs, [target]).matches
    const [found] = toDetections(outputs, { criterion, topK: 2 })
    expect(Array.from(found!.queryIndices).toSorted((a, b) => a - b)).toEqual(Array.from(match!.queryIndices))
    expect(Array.from(found!.labels)).toEqual(target.labels)
  })
})

describe('toDetections: refuses', () => {
  const outputs = randomLayer(1)
  const refusal = (given: unknown, options: unknown) => errorOf(() => toDetections(untyped(given), untyped(options)))

  test('to guess how scores come of logits', () => {
    const error = refusal(outputs, {})
    expect(error).toMatchObject({ code: 'OPTION', argument: 'options' })
    expect(error.message).toContain("{ kind: 'softmax' }")
  })

  test('options that do not fit each other, or that there are not', () => {
    const criterion = HungarianLoss.detr({ numClasses: 4 })
    for (const [options, argument] of [
      [{ criterion, kind: 'softmax' }, 'options.kind'],
      [{ criterion, normalizedBoxes: false }, 'options.normalizedBoxes'],
      [{ kind: 'relu' }, 'options.kind'],
      [{ kind: 'sigmoid', noObjectIndex: 0 }, 'options.noObjectIndex'],
      [{ kind: 'softmax', noObjectIndex: 5 }, 'options.noObjectIndex'],
      [{ kind: 'softmax', topK: 0 }, 'options.topK'],
      [{ kind: 'softmax', threshold: 1.5 }, 'options.threshold'],
      [{ kind: 'softmax', boxFormat: 'xywh' }, 'options.boxFormat'],
      [{ kind: 'softmax', target_sizes: [] }, 'options.target_sizes'],
      [{ kind: 'softmax', normalizedBoxes: false, sizes: [[1, 2], [1, 2]] }, 'options.sizes'], // prettier-ignore
    ] as const) {
      expect(refusal(outputs, options)).toMatchObject({ code: 'OPTION', argument })
    }
    expect(refusal(outputs, { kind: 'softmax', target_sizes: [] }).message).toContain('did you mean sizes?')
    expect(refusal(outputs, { criterion: {} })).toMatchObject({ code: 'DTYPE', argument: 'options.criterion' })
  })

  test('sizes that are not one for each image', () => {
    const one = randomLayer(1, { images: 1 })
    expect(refusal(one, { kind: 'softmax', sizes: [640, 480] }).message).toContain('[[width, height]]')
    expect(refusal(outputs, { kind: 'softmax', sizes: [[640, 480]] })).toMatchObject({ code: 'SHAPE' })
    const sizes = [[640, 480], { width: 640 }]
    expect(refusal(outputs, { kind: 'softmax', sizes })).toMatchObject({ code: 'DTYPE', argument: 'options.sizes[1]' })
  })

  test('outputs whose shapes do not fit', () => {
    const criterion = HungarianLoss.detr({ numClasses: 5 })
    const { logits, boxes } = outputs
    for (const [given, argument] of [
      [{ logits: { data: logits.data, shape: [12, 5] }, boxes }, 'outputs.logits'],
      [{ logits, boxes: { data: boxes.data, shape: [2, 4, 6] } }, 'outputs.boxes'],
      [{ logits, boxes: { data: boxes.data.subarray(4), shape: [2, 6, 4] } }, 'outputs.boxes'],
      [{ logits: { data: [], shape: [0, 2, 6, 5] }, boxes }, 'outputs.logits'],
    ] as const) {
      expect(refusal(given, { kind: 'softmax' })).toMatchObject({ code: 'SHAPE', argument })
    }
    expect(refusal(outputs, { criterion }).message).toContain('expected C = numClasses + 1 = 6, got 5')
    expect(refusal({ pred_logits: logits, boxes }, { criterion }).message).toContain('did you mean logits?')
    expect(refusal({ logits }, { criterion })).toMatchObject({ code: 'DTYPE', argument: 'outputs.boxes' })
    expect(refusal({ ...outputs, groups: 4 }, { kind: 'softmax' })).toMatchObject({ argument: 'outputs.groups' })
    const many = { logits: { data: [], shape: [2 ** 30, 0, 5] }, boxes: { data: [], shape: [2 ** 30, 0, 4] } }
    expect(refusal(many, { kind: 'softmax' })).toMatchObject({ code: 'SHAPE', argument: 'outputs.logits' })
  })

  test('values that are not finite, with their place', () => {
    for (const name of ['logits', 'boxes'] as const) {
      const layer = randomLayer(1)
      layer[name].data[layer[name].data.length - 1] = NaN
      const error = refusal(layer, { kind: 'sigmoid' })
      expect(error).toMatchObject({ code: 'NON_FINITE', argument: `outputs.${name}`, image: 1, query: 5 })
    }
  })

  test('boxes whose numbers would not stay finite', () => {
    const [logits, boxes] = [[0, 1].map((data) => [data, data]), [[1, 1, 1, 1], [1e308, 0, 1e308, 1]]] // prettier-ignore
    const layer = {
      logits: { data: Float64Array.from(logits.flat()), shape: [1, 2, 2] },
      boxes: { data: Float64Array.from(boxes.flat()), shape: [1, 2, 4] },
    }
    const error = refusal(layer, { kind: 'sigmoid', sizes: [[10, 10]] })
    expect(error).toMatchObject({ code: 'NON_FINITE', argument: 'outputs.boxes', image: 0, query: 1 })
  })
})
