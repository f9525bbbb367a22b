import { describe, expect, test } from 'vitest'
import { combineNormalizers, HungarianLoss } from '../../src/index.ts'
import { bitsOf, errorOf, expectAllClose, expectClose, randomLayer } from '../support/helpers.ts'

const [IMAGES, QUERIES] = [3, 4]
const LOGITS = [2, -1, 0.5]
/** The last image's only target is ignored, so that nothing is to be seen there. */
const TARGETS = [
  { labels: [0], boxes: [[0.25, 0.5, 0.25, 0.5]], ignore: [0] },
  { labels: [], boxes: [], ignore: [] },
  { labels: [1], boxes: [[0.5, 0.5, 0.5, 0.5]], ignore: [1] },
]
const IS_THERE = [1, 0, 0]

const criterionOf = (options: object = {}) =>
  HungarianLoss.deformableDetr({ numClasses: 2, weights: { presence: 20 }, ...options })

const presenceOf = (values: readonly number[], shape: readonly number[] = [values.length]) => ({
  data: Float32Array.from(values),
  shape,
})

const layerOf = (seed: number) => randomLayer(seed, { images: IMAGES, queries: QUERIES, classes: 2 })

const bce = (x: number, y: number) => Math.log1p(Math.exp(-Math.abs(x))) + Math.max(x, 0) - x * y
const mean = (numbers: readonly number[]) => numbers.reduce((sum, number) => sum + number, 0) / numbers.length
const termOf = (logits: readonly number[]) => mean(logits.map((x, b) => bce(x, IS_THERE[b]!) / 2))
const slopesOf = (logits: readonly number[]) =>
  logits.map((x, b) => ((20 / IMAGES) * (1 / (1 + Math.exp(-x)) - IS_THERE[b]!)) / 2)

describe('presence', () => {
  test('is half the cross-entropy of whether anything is to be seen, the mean over the images', () => {
    const plain = criterionOf().compute(layerOf(1), TARGETS)
    const result = criterionOf().compute({ ...layerOf(1), presence: presenceOf(LOGITS) }, TARGETS)
    expect(plain.layers[0]!.terms.presence).toBeUndefined()
    expectClose(result.terms.presence!, termOf(LOGITS), 1e-6)
    expectClose(result.loss, plain.loss + 20 * termOf(LOGITS), 1e-6)
    expectAllClose(result.gradients.presence!, slopesOf(LOGITS), 1e-6)
    expect(bitsOf(result.gradients.logits)).toBe(bitsOf(plain.gradients.logits))
  })

  test('has an axis of its own or not, and lies stacked or layer by layer', () => {
    const [first, last] = [layerOf(1), layerOf(2)]
    const joined = (a: Float32Array, b: Float32Array) => Float32Array.from([...a, ...b])
    const stacked = {
      logits: { data: joined(first.logits.data, last.logits.data), shape: [2, ...last.logits.shape] },
      boxes: { data: joined(first.boxes.data, last.boxes.data), shape: [2, ...last.boxes.shape] },
    }
    const listed = criterionOf().compute(
      {
        ...last,
        presence: presenceOf([1, 2, 3]),
        auxiliary: [{ ...first, presence: presenceOf(LOGITS, [IMAGES, 1]) }],
      },
      TARGETS,
    )
    for (const shape of [
      [2, IMAGES],
      [2, IMAGES, 1],
    ]) {
      const result = criterionOf().compute({ ...stacked, presence: presenceOf([...LOGITS, 1, 2, 3], shape) }, TARGETS)
      expect(result.loss).toBe(listed.loss)
      const { presence, auxiliary } = listed.gradients
      expect(bitsOf(result.gradients.presence)).toBe(bitsOf(joined(auxiliary![0]!.presence!, presence!)))
    }
  })

  test('is the decoder’s where parts are ranges of its queries', () => {
    const outputs = { ...layerOf(1), presence: presenceOf(LOGITS), oneToMany: { queries: [2, 4], repeat: 2 } } as const
    const result = criterionOf().compute(outputs, TARGETS)
    expectClose(result.terms.presence!, termOf(LOGITS), 1e-6)
    expect(result.oneToMany!.layers[0]!.terms.presence ?? 0).toBe(0)
    expectAllClose(result.gradients.presence!, slopesOf(LOGITS), 1e-6)
  })

  test('counts in a part with tensors of its own that has it, by the weights of the part', () => {
    const branch = { ...layerOf(2), repeat: 1, weight: 2 }
    const outputs = { ...layerOf(1), presence: presenceOf(LOGITS) }
    const without = criterionOf().compute({ ...outputs, oneToMany: branch }, TARGETS)
    const given = { ...branch, presence: presenceOf([1, -2, 3]) }
    const result = criterionOf().compute({ ...outputs, oneToMany: given }, TARGETS)
    expect(without.oneToMany.terms.presence).toBeUndefined()
    expectClose(result.oneToMany.terms.presence!, termOf([1, -2, 3]), 1e-6)
    expectClose(result.loss, without.loss + 2 * 20 * termOf([1, -2, 3]), 1e-6)
    const unweighed = { ...given, weights: { presence: 0 } }
    expect(criterionOf().compute({ ...outputs, oneToMany: unweighed }, TARGETS).loss).toBe(without.loss)
  })

  test('of an image that is not finite is left out by itself, or refused', () => {
    const outputs = { ...layerOf(1), presence: presenceOf([2, NaN, 0.5]) }
    const { code, message } = errorOf(() => criterionOf().compute(outputs, TARGETS))
    expect(code).toBe('NON_FINITE')
    expect(message).toContain('outputs.presence')
    const result = criterionOf({ nonFinite: 'worst' }).compute(outputs, TARGETS)
    expect(result.nonFinite).toMatchObject({ presence: 1, logits: 0, boxes: 0 })
    expectClose(result.terms.presence!, (bce(2, 1) + bce(0.5, 0)) / 2 / IMAGES, 1e-6)
    expect(result.gradients.presence![1]).toBe(0)
  })

  test('of another shape is refused', () => {
    const outputs = { ...layerOf(1), presence: presenceOf([1, 2]) }
    expect(errorOf(() => criterionOf().compute(outputs, TARGETS))).toMatchObject({ code: 'SHAPE' })
  })

  test('of a batch that is split has the mean over the whole', () => {
    const criterion = criterionOf()
    const outputs = { ...layerOf(1), presence: presenceOf(LOGITS) }
    const whole = criterion.compute(outputs, TARGETS)
    const shares = [0, 1].map((k) => {
      const [start, end] = k === 0 ? [0, 1] : [1, IMAGES]
      const part = ({ data, shape }: { data: Float32Array; shape: readonly number[] }) => {
        const each = data.length / IMAGES
        return { data: data.slice(start * each, end * each), shape: [end - start, ...shape.slice(1)] }
      }
      const own = { logits: part(outputs.logits), boxes: part(outputs.boxes), presence: part(outputs.presence) }
      return [own, TARGETS.slice(start, end)] as const
    })
    const call = combineNormalizers(
      shares.map(([own, targets]) => criterion.match(own, targets)),
      { reduce: 'sum' },
    )
    const losses = shares.map(([own, targets]) => criterion.compute(own, targets, call).loss)
    expectClose(losses[0]! + losses[1]!, whole.loss, 1e-6)
  })

  test('goes to an array of the caller’s, and off the event loop', async () => {
    const outputs = { ...layerOf(1), presence: presenceOf(LOGITS) }
    const whole = criterionOf().compute(outputs, TARGETS)
    const presence = new Float32Array(IMAGES)
    const [logits, boxes] = [outputs.logits, outputs.boxes].map(({ data }) => new Float32Array(data.length))
    criterionOf().compute(outputs, TARGETS, { out: { logits: logits!, boxes: boxes!, presence } })
    expect(bitsOf(presence)).toBe(bitsOf(whole.gradients.presence))
    const { gradients } = await criterionOf().computeAsync(outputs, TARGETS)
    expect(bitsOf(gradients.presence)).toBe(bitsOf(whole.gradients.presence))
  })
})

test('num-kept-queries: background of weight 0 is no part of what divides the class term', () => {
  const classification = { kind: 'focal', normalization: 'num-kept-queries' } as const
  const criterion = HungarianLoss.deformableDetr({ numClasses: 2, classification })
  const targets = TARGETS.map(({ labels, boxes }, image) => ({ labels, boxes, exhaustive: image !== 0 }))
  // of the first image, its pair alone
  const expected = 1 + (IMAGES - 1) * QUERIES + 1e-6
  expect(criterion.compute(layerOf(1), targets).normalizers.classNormalizer).toBeCloseTo(expected, 9)
  expect(criterion.match(layerOf(1), targets).normalizers.classNormalizer).toBeCloseTo(expected, 9)
})
