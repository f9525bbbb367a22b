/** Partial supervision: boxes that are not known, images whose targets are not all, images without anything to see. */
import { describe, expect, test } from 'vitest'
import { HungarianLoss } from '../../src/index.ts'
import {
  bitsOf,
  errorOf,
  expectAllClose,
  expectClose,
  randomLayer,
  randomTargets,
  untyped,
} from '../support/helpers.ts'
import { gradientsOf } from '../support/layers.ts'

const criterion = HungarianLoss.detr({ numClasses: 4 })
const sigmoid = HungarianLoss.deformableDetr({ numClasses: 4 })
const targets = randomTargets(51)
const layer = randomLayer(52)
const cells = randomLayer(52, { classes: 4 })
const ofSigmoid = randomTargets(51, { classes: 4 })

describe('hasBox: a target whose box is not known', () => {
  const known = targets.map((target, image) => ({ ...target, hasBox: target.labels.map((_, i) => image > 0 || i > 0) }))

  test('costs nothing in the terms of boxes', () => {
    const free = HungarianLoss.detr({ numClasses: 4, cost: { l1: 0, giou: 0 } })
    const [all, own, byClass] = [
      criterion.cost(layer, targets),
      criterion.cost(layer, known),
      free.cost(layer, targets),
    ]
    const column = (matrix: { data: Float32Array }, target: number) => matrix.data.filter((_, i) => i % 2 === target)
    expectAllClose(column(own.images[0]!, 0), column(byClass.images[0]!, 0), 1e-6)
    expect(bitsOf(column(own.images[0]!, 1))).toBe(bitsOf(column(all.images[0]!, 1)))
    expect(bitsOf(own.images[1]!.data)).toBe(bitsOf(all.images[1]!.data))
  })

  test('costs what the known ones of its image do on average, where that is wanted', () => {
    const mean = HungarianLoss.detr({ numClasses: 4, unknownBoxCost: 'mean' })
    const free = HungarianLoss.detr({ numClasses: 4, cost: { l1: 0, giou: 0 } })
    const [all, own, byClass] = [criterion, mean, free].map((each, i) => each.cost(layer, i === 0 ? targets : known))
    const [matrix, classes] = [own!.images[0]!.data, byClass!.images[0]!.data]
    const ofBoxes = all!.images[0]!.data.map((cost, i) => cost - classes[i]!).filter((_, i) => i % 2 === 1)
    const average = ofBoxes.reduce((sum, cost) => sum + cost, 0) / ofBoxes.length
    expectAllClose(
      matrix.filter((_, i) => i % 2 === 0).map((cost) => cost - average),
      classes.filter((_, i) => i % 2 === 0),
      1e-6,
    )
    expect(bitsOf(own!.images[1]!.data)).toBe(bitsOf(all!.images[1]!.data))
    const nothing = targets.map((target) => ({ ...target, hasBox: target.labels.map(() => false) }))
    expect(bitsOf(mean.cost(layer, nothing).images[0]!.data)).toBe(
      bitsOf(criterion.cost(layer, nothing).images[0]!.data),
    )
  })

  test('decides by that which targets go without a query, where targets outnumber these', () => {
    const one = { logits: { data: new Float32Array(3), shape: [1, 1, 3] } }
    const query = { ...one, boxes: { data: Float32Array.of(0.2, 0.2, 0.1, 0.1), shape: [1, 1, 4] } }
    const near = [0.25, 0.2, 0.1, 0.1]
    const away = [0.8, 0.8, 0.1, 0.1]
    const matched = (unknownBoxCost: 'zero' | 'mean', boxes: number[][]) => {
      const pair = HungarianLoss.detr({ numClasses: 2, unknownBoxCost, cost: { class: 0 } })
      const target = { labels: [0, 1, 1], boxes, hasBox: [false, true, true] }
      return pair.match(query, [target]).matches[0]!.targetIndices[0]
    }
    const between = [0.5, 0.2, 0.1, 0.1]
    // of the known ones near costs less than nothing, between more than that, and away more than their mean
    expect([matched('zero', [near, near, away]), matched('mean', [near, near, away])]).toEqual([1, 1])
    expect([matched('zero', [near, between, away]), matched('mean', [near, between, away])]).toEqual([0, 1])
  })

  test('has no terms of boxes, and counts in what they are divided by', () => {
    const { matches, terms, gradients, normalizers } = criterion.compute(layer, known)
    const rest = matches.map(({ queryIndices, targetIndices }, image) => {
      const kept = [...queryIndices.keys()].filter((i) => image > 0 || targetIndices[i]! > 0)
      return { queryIndices: kept.map((i) => queryIndices[i]!), targetIndices: kept.map((i) => targetIndices[i]!) }
    })
    const given = criterion.compute({ ...layer, matching: rest }, targets)
    expectClose(terms.l1, given.terms.l1, 1e-12)
    expectClose(terms.giou, given.terms.giou, 1e-12)
    expect(bitsOf(gradients.boxes)).toBe(bitsOf(given.gradients.boxes))
    expect(normalizers.numBoxes).toBe(5)
    const without = matches[0]!.queryIndices[[...matches[0]!.targetIndices].indexOf(0)]!
    expect(bitsOf(gradients.boxes.slice(4 * without, 4 * without + 4))).toBe(bitsOf(new Float32Array(4)))
  })

  test('agrees fully, where the class asks how well it does', () => {
    const varifocal = HungarianLoss.rtDetr({ numClasses: 4 })
    const perfect = { ...cells, boxes: { ...cells.boxes, data: cells.boxes.data.slice() } }
    const target = ofSigmoid.map((own) => ({ labels: own.labels.slice(0, 1), boxes: own.boxes.slice(0, 1) }))
    target.forEach(({ boxes }, image) => perfect.boxes.data.set(boxes.flat(), 24 * image))
    const matching = target.map(() => ({ queryIndices: [0], targetIndices: [0] }))
    const unknown = target.map((own) => ({ ...own, hasBox: [0] }))
    const moved = varifocal.compute({ ...cells, matching }, unknown)
    expectClose(moved.terms.class, varifocal.compute({ ...perfect, matching }, target).terms.class, 1e-6)
    expect(moved.terms.l1 + moved.terms.giou).toBe(0)
  })

  test('goes with fixed pairs, groups and computeAsync', async () => {
    const grouped = { ...layer, groups: 2 }
    const result = criterion.compute(grouped, known)
    expect((await criterion.computeAsync(grouped, known)).loss).toBe(result.loss)
    const fixed = targets.map(() => ({ queryIndices: [], targetIndices: [] }))
    expect(criterion.compute({ ...grouped, matching: { fixed } }, known).loss).toBe(result.loss)
  })

  test('is said by a tensor of one axis or two', () => {
    const expected = criterion.compute(layer, known).loss
    for (const axes of [[], [1]]) {
      const tensors = known.map(({ hasBox, ...target }) => {
        const data = Int32Array.from(hasBox, Number)
        return { ...target, hasBox: { data, shape: [data.length, ...axes] } as unknown as boolean[] }
      })
      expect(criterion.compute(layer, tensors).loss).toBe(expected)
    }
  })

  test('is said by flags, one for each target', () => {
    const of = (hasBox: unknown) =>
      errorOf(() => criterion.compute(layer, [{ ...targets[0]!, hasBox: untyped(hasBox) }, known[1]!]))
    expect(of([1])).toMatchObject({ code: 'SHAPE', argument: 'targets[0].hasBox' })
    expect(of([1, 2])).toMatchObject({ code: 'RANGE', argument: 'targets[0].hasBox', image: 0, target: 1 })
    expect(of([1, NaN])).toMatchObject({ code: 'NON_FINITE', argument: 'targets[0].hasBox' })
    expect(of('yes')).toMatchObject({ code: 'DTYPE', argument: 'targets[0].hasBox' })
    expect(of(undefined)).toMatchObject({ code: 'SHAPE', argument: 'targets[0].hasBox' })
  })
})

describe('exhaustive: an image whose targets are not all of its objects', () => {
  test.each([
    ['softmax', criterion, layer, targets],
    ['focal', sigmoid, cells, ofSigmoid],
  ] as const)('has no background, %s', (_, own, outputs, all) => {
    const partial = [
      { ...all[0]!, exhaustive: false },
      { ...all[1]!, exhaustive: true },
    ]
    const [result, whole] = [own.compute(outputs, partial), own.compute(outputs, all)]
    expect(result.matches).toEqual(whole.matches)
    expect([result.terms.l1, result.terms.giou]).toEqual([whole.terms.l1, whole.terms.giou])
    const classes = outputs.logits.shape[2]!
    for (let query = 0; query < 6; query++) {
      const slope = result.gradients.logits.slice(query * classes, (query + 1) * classes)
      const pair = [...result.matches[0]!.queryIndices].indexOf(query)
      if (pair < 0) expect(slope.every((value) => value === 0)).toBe(true)
      else expect(slope[all[0]!.labels[result.matches[0]!.targetIndices[pair]!]!]).not.toBe(0)
    }
    // as with weights of 0
    const queryWeights = { data: Float32Array.from({ length: 12 }, (__, i) => (i < 6 ? 0 : 1)), shape: [2, 6] }
    const weighed = own.compute({ ...outputs, queryWeights }, all)
    expect(weighed.loss).toBe(result.loss)
    expect(gradientsOf(weighed.gradients)).toEqual(gradientsOf(result.gradients))
  })

  test('keeps all positives of all parts', () => {
    const oneToMany = { ...randomLayer(53, { classes: 4 }), repeat: 2 }
    const partial = ofSigmoid.map((own) => ({ ...own, exhaustive: false }))
    const result = sigmoid.compute({ ...cells, oneToMany }, partial)
    expect(result.oneToMany!.terms.class).toBeGreaterThan(0)
    const positives = Array.from(result.gradients.oneToMany!.logits).filter((value) => value !== 0)
    expect(positives.length).toBe(10)
    expect(positives.every((value) => value < 0)).toBe(true)
  })

  test('is said by true or 1, false or 0', () => {
    const said = (exhaustive: unknown) =>
      criterion.compute(layer, [{ ...targets[0]!, exhaustive: untyped(exhaustive) }, targets[1]!])
    expect(said(0)).toEqual(said(false))
    expect(said(1)).toEqual(said(true))
    expect(said(0).loss).not.toBe(said(1).loss)
    for (const exhaustive of [2, 'no', null]) {
      const error = errorOf(() => said(exhaustive))
      expect(error).toMatchObject({ code: 'DTYPE', argument: 'targets[0].exhaustive', image: 0 })
    }
  })
})

describe('imageGate: an image without a visible target', () => {
  const gated = new HungarianLoss({ numClasses: 4, classification: { kind: 'focal' }, imageGate: true })
  const open = new HungarianLoss({ numClasses: 4, classification: { kind: 'focal' } })
  const invisible = { labels: [1], boxes: [0.5, 0.5, 0, 0.2] }

  test.each([
    ['no target at all', { labels: [], boxes: [] }],
    ['targets without an area', invisible],
    ['ignored targets', { labels: [0], boxes: [0.5, 0.5, 0.2, 0.2], ignore: [true] }],
  ])('adds nothing to the class term: %s', (_, target) => {
    const result = gated.compute(cells, [target, ofSigmoid[1]!])
    const whole = open.compute(cells, [target, ofSigmoid[1]!])
    expect(bitsOf(result.gradients.logits.slice(0, 24))).toBe(bitsOf(new Float32Array(24)))
    expect(bitsOf(result.gradients.logits.slice(24))).toBe(bitsOf(whole.gradients.logits.slice(24)))
    expect(result.terms.class).toBeLessThan(whole.terms.class)
    expect([result.terms.l1, result.terms.giou]).toEqual([whole.terms.l1, whole.terms.giou])
    expect(result.normalizers.classNormalizer).toBe(whole.normalizers.classNormalizer)
  })

  test('is no other where a target can be seen', () => {
    expect(gated.compute(cells, ofSigmoid).loss).toBe(open.compute(cells, ofSigmoid).loss)
    const both = { labels: [1, 2], boxes: [0.5, 0.5, 0, 0.2, 0.5, 0.5, 0.2, 0.2] }
    expect(gated.compute(cells, [both, both]).loss).toBe(open.compute(cells, [both, both]).loss)
  })
})
