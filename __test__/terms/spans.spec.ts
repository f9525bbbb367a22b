import { describe, expect, expectTypeOf, test } from 'vitest'
import { HungarianLoss } from '../../src/index.ts'
import type { Spans, TargetsOf, TargetWithoutBoxes } from '../../src/index.ts'
import { errorOf, expectAllClose, expectClose, randomLayer, randomNumbers, untyped } from '../support/helpers.ts'

const [IMAGES, QUERIES] = [2, 5]
const options = { numClasses: 1, weights: { spanIou: 0.5 }, cost: { spanIou: 2 } }

/** Queries with spans of centre and width. */
function randomLayerOf(seed: number) {
  const random = randomNumbers(seed)
  const spans = Array.from({ length: IMAGES * QUERIES }, () => [0.2 + 0.6 * random(), 0.05 + 0.3 * random()])
  const logits = Float32Array.from({ length: 2 * IMAGES * QUERIES }, () => 4 * random() - 2)
  return { logits: { data: logits, shape: [IMAGES, QUERIES, 2] }, spans: tensorOf(spans) }
}

const tensorOf = (spans: number[][]) => ({ data: Float32Array.from(spans.flat()), shape: [IMAGES, QUERIES, 2] })

const TARGETS = [
  { labels: [0, 0], spans: [[0.3, 0.2], [0.7, 0.4]] }, // prettier-ignore
  { labels: [0], spans: [[0.5, 0.25]] },
]

/** The same spans as start and end. */
const endsOf = (spans: ArrayLike<number>): number[][] =>
  Array.from({ length: spans.length / 2 }, (_, i) => {
    const [center, width] = [spans[2 * i]!, spans[2 * i + 1]!]
    return [center - width / 2, center + width / 2]
  })

const run = (change: object = {}, targets: readonly object[] = TARGETS, more: object = {}) =>
  HungarianLoss.momentDetr({ ...options, ...more }).compute(
    untyped<ReturnType<typeof randomLayerOf>>({ ...randomLayerOf(1), ...change }),
    targets as TargetsOf<ReturnType<typeof randomLayerOf>>,
  )

describe('spans', () => {
  test('have the same terms in both formats, but for the L1', () => {
    const given = randomLayerOf(1)
    const ends = TARGETS.map(({ labels, spans }) => ({ labels, spans: endsOf(spans.flat()) }))
    const flat = { l1: 0, spanL1: 0 }
    const width = run({}, TARGETS, { cost: flat })
    const both = run({ spans: tensorOf(endsOf(given.spans.data)) }, ends, { cost: flat, spanFormat: 'xx' })
    for (const term of ['class', 'spanGiou', 'spanIou'] as const) {
      expectClose(both.terms[term]!, width.terms[term]!, 1e-5)
    }
    expect(both.matches).toEqual(width.matches)
  })

  test('leave out the terms of boxes that the targets have no part of', () => {
    const boxes = { data: new Float32Array(4 * IMAGES * QUERIES).fill(0.5), shape: [IMAGES, QUERIES, 4] }
    const withBoxes = TARGETS.map((target) => ({ ...target, boxes: target.labels.map(() => [0.5, 0.5, 0.2, 0.3]) }))
    expect(Object.keys(run({ boxes }).terms)).toEqual(Object.keys(run().terms))
    const { l1, giou } = run({ boxes }, withBoxes).terms
    expectClose(l1!, 0.3 + 0.2, 1e-6)
    expectClose(giou!, 1 - 0.06 / 0.25, 1e-6)
  })

  test('have gradients that are central differences, and none where nothing is matched', () => {
    const { spans } = randomLayerOf(1)
    const { gradients, layers } = run()
    const found = gradients.spans
    const step = 2 ** -14
    spans.data.forEach((value, at) => {
      const lossAt = (moved: number) => run({ spans: { ...spans, data: spans.data.with(at, moved) } }).loss
      const slope = (lossAt(value + step) - lossAt(value - step)) / (2 * step)
      expectClose(found[at]!, slope, 1e-5)
    })
    layers[0]!.matches.forEach(({ queryIndices }, image) => {
      for (let query = 0; query < QUERIES; query++) {
        const row = found.subarray(2 * (image * QUERIES + query)).subarray(0, 2)
        expect(row.some((slope) => slope !== 0)).toBe(queryIndices.includes(query))
      }
    })
  })

  test('may stand beside boxes: the loss is the sum of both', () => {
    const { spans } = randomLayerOf(1)
    const { logits, boxes } = randomLayer(3, { images: IMAGES, queries: QUERIES, classes: 1 })
    const beside = (weights: object) =>
      HungarianLoss.deformableDetr({ numClasses: 1, cost: { spanL1: 5, spanGiou: 2 }, weights }).compute(
        { logits, boxes, spans },
        TARGETS.map((target) => ({ ...target, boxes: target.labels.map(() => [0.5, 0.5, 0.25, 0.25]) })),
      )
    const none = { class: 0, l1: 0, giou: 0 }
    const [all, ofBoxes, ofSpans] = [
      beside({ class: 0, spanL1: 3, spanGiou: 1 }),
      beside({ class: 0 }),
      beside({ ...none, spanL1: 3, spanGiou: 1 }),
    ]
    expectClose(all.loss, ofBoxes.loss + ofSpans.loss, 1e-12)
    expect(all.gradients.boxes).toEqual(ofBoxes.gradients.boxes)
    expect(all.gradients.spans).toEqual(ofSpans.gradients.spans)
  })

  test('are written to the arrays that a call gives, of all layers', () => {
    const criterion = HungarianLoss.momentDetr(options)
    const outputs = { ...randomLayerOf(1), auxiliary: [randomLayerOf(2)] }
    const { gradients } = criterion.compute(outputs, TARGETS)
    const blank = ({ logits, spans }: { logits: Float32Array; spans: Float32Array }) => ({
      logits: new Float32Array(logits.length).fill(7),
      spans: new Float32Array(spans.length).fill(7),
    })
    const out = { ...blank(gradients), auxiliary: gradients.auxiliary!.map(blank) }
    const written = criterion.compute(outputs, TARGETS, { out })
    expectAllClose(out.spans, gradients.spans, 0)
    expect(written.gradients).toEqual(gradients)
  })

  test('have gradients in both formats that the chain rule makes one of the other', () => {
    const given = randomLayerOf(1)
    const cost = { spanL1: 0 }
    const ends = TARGETS.map(({ labels, spans }) => ({ labels, spans: endsOf(spans.flat()) }))
    const weights = { ...options.weights, spanL1: 0 }
    const width = run({}, TARGETS, { cost, weights })
    const both = run({ spans: tensorOf(endsOf(given.spans.data)) }, ends, { cost, weights, spanFormat: 'xx' })
    expectClose(both.loss, width.loss, 1e-6)
    const [byEnds, byWidth] = [both, width].map(({ gradients }) => gradients.spans)
    expect(byWidth!.some((slope) => slope !== 0)).toBe(true)
    for (let i = 0; i < IMAGES * QUERIES; i++) {
      const [start, end] = [byEnds![2 * i]!, byEnds![2 * i + 1]!]
      // start = centre - width / 2, end = centre + width / 2
      expectClose(byWidth![2 * i]!, start + end, 1e-6)
      expectClose(byWidth![2 * i + 1]!, (end - start) / 2, 1e-6)
    }
  })

  test('have the L1 of their two numbers, whichever these are', () => {
    const one = (numbers: number[], targetSpan: number[], spanFormat: 'cxw' | 'xx') =>
      HungarianLoss.momentDetr({ numClasses: 1, spanFormat }).compute(
        {
          logits: { data: Float32Array.of(0, 0), shape: [1, 1, 2] },
          spans: { data: Float32Array.from(numbers), shape: [1, 1, 2] },
        },
        [{ labels: [0], spans: [targetSpan] }],
      ).terms.spanL1!
    expectClose(one([0.5, 0.25], [0.25, 0.5], 'cxw'), 0.5, 1e-12)
    // the same spans: 0.375 to 0.625, and 0 to 0.5
    expectClose(one([0.375, 0.625], [0, 0.5], 'xx'), 0.5, 1e-12)
    expectClose(one([0.5, 0.25], [0.5, 0.5], 'cxw'), 0.25, 1e-12)
    expectClose(one([0.375, 0.625], [0.25, 0.75], 'xx'), 0.25, 1e-12)
    expectClose(one([0.5, 0.25], [0.75, 0.25], 'cxw'), 0.25, 1e-12)
    expectClose(one([0.375, 0.625], [0.625, 0.875], 'xx'), 0.5, 1e-12)
  })

  test('of auxiliary layers have their own terms and gradients', () => {
    const [first, last] = [randomLayerOf(2), randomLayerOf(1)]
    const criterion = HungarianLoss.momentDetr(options)
    const both = criterion.compute({ ...last, auxiliary: [first] }, TARGETS)
    const [one, two] = [first, last].map((layer) => criterion.compute(layer, TARGETS))
    expectClose(both.loss, one!.loss + two!.loss, 1e-12)
    expect(both.layers.map(({ terms }) => terms)).toEqual([one!.terms, two!.terms])
    expect(both.gradients.spans).toEqual(two!.gradients.spans)
    expect(both.gradients.auxiliary![0]!.spans).toEqual(one!.gradients.spans)
  })

  test('have gradients that are certain by the type of the outputs', async () => {
    const criterion = HungarianLoss.momentDetr(options)
    const result = criterion.compute(randomLayerOf(1), TARGETS)
    expectTypeOf(result.gradients.spans).toEqualTypeOf<Float32Array>()
    expect(result.gradients.spans).toBeInstanceOf(Float32Array)
    expect(result.gradients.spans.length).toBe(2 * IMAGES * QUERIES)
    expect(result.gradients).not.toHaveProperty('boxes')
    // @ts-expect-error: outputs without boxes have no gradients of boxes
    expect(() => result.gradients.boxes.length).toThrow(TypeError)
    const later = await criterion.computeAsync(randomLayerOf(1), TARGETS)
    expectTypeOf(later.gradients.spans).toEqualTypeOf<Float32Array>()
    expectTypeOf<Spans>().toExtend<TargetWithoutBoxes['spans']>()
    expect(later).toEqual(result)
  })

  test('that are not finite are left out and counted on demand', () => {
    const { spans } = randomLayerOf(1)
    const { nonFinite, loss } = run({ spans: { ...spans, data: spans.data.with(3, NaN) } }, TARGETS, {
      nonFinite: 'worst',
    })
    expect(nonFinite).toMatchObject({ spans: 1, logits: 0 })
    expect(loss).toBeGreaterThan(0)
  })

  test.each<[string, () => unknown, object, RegExp]>([
    ['no spans', () => run({ spans: undefined }), { code: 'DTYPE', argument: 'outputs.spans' }, /undefined/],
    [
      'none in a layer',
      () => run({ auxiliary: [{ logits: randomLayerOf(1).logits }] }),
      { code: 'DTYPE', argument: 'outputs.auxiliary[0].spans' },
      /undefined/,
    ],
    [
      'none of a target',
      () => run({}, [{ labels: [0] }, TARGETS[1]!]),
      { code: 'DTYPE', argument: 'targets[0].spans' },
      /key labels/,
    ],
    [
      'rows of three',
      () => run({}, [{ labels: [0], spans: [[0.1, 0.2, 0.3]] }, TARGETS[1]!]),
      { code: 'SHAPE', argument: 'targets[0].spans' },
      /2/,
    ],
    [
      'seconds',
      () => run({}, [{ labels: [0], spans: [[20, 4]] }, TARGETS[1]!]),
      { code: 'RANGE', argument: 'targets[0].spans', image: 0, target: 0 },
      /20.*normalizedSpans/,
    ],
    [
      'an end before the start',
      () => run({}, [{ labels: [0], spans: [[0.5, 0.4]] }, TARGETS[1]!], { spanFormat: 'xx' }),
      { code: 'RANGE', argument: 'targets[0].spans', image: 0, target: 0 },
      /width must not be negative/,
    ],
    [
      'NaN',
      () => run({ spans: { ...randomLayerOf(1).spans, data: new Float32Array(2 * IMAGES * QUERIES).fill(NaN, 6, 7) } }),
      { code: 'NON_FINITE', argument: 'outputs.spans', layer: 0, image: 0, query: 3 },
      /NaN/,
    ],
    [
      'another format',
      () => run({}, TARGETS, { spanFormat: 'cw' }),
      { code: 'OPTION', argument: 'options.spanFormat' },
      /'cxw' or 'xx'/,
    ],
    [
      'no flag',
      () => run({}, TARGETS, { normalizedSpans: 1 }),
      { code: 'OPTION', argument: 'options.normalizedSpans' },
      /true or false|boolean/,
    ],
  ])('are refused: %s', (_, call, details, message) => {
    const error = errorOf(call)
    expect(error).toMatchObject(details)
    expect(error.message).toMatch(message)
  })

  test('of seconds are taken on demand', () => {
    const seconds = [{ labels: [0], spans: [[20, 4]] }, TARGETS[1]!]
    expect(run({}, seconds, { normalizedSpans: false }).loss).toBeGreaterThan(10)
  })
})
