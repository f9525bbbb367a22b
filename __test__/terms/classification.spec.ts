/** What the sigmoid kinds share, and every product of a kind with a form of the box loss. */
import { describe, expect, test } from 'vitest'
import { HungarianLoss } from '../../src/index.ts'
import type { ClassificationOptions, HungarianLossOptions, Target } from '../../src/index.ts'
import {
  bitsOf,
  errorOf,
  expectAllClose,
  expectClose,
  randomLayer,
  randomTargets,
  untyped,
} from '../support/helpers.ts'

const SIGMOID: ClassificationOptions[] = [
  { kind: 'focal' },
  { kind: 'varifocal' },
  { kind: 'varifocal', detachWeights: false },
  { kind: 'mal' },
  { kind: 'ia-bce' },
  { kind: 'sigmoid', positiveGamma: 2, imageMaximum: 'raise' },
  { kind: 'sigmoid', detachWeights: true, weighByTarget: true, quality: 'giou', rankDecay: 1.5 },
]
const NONE = { class: 0, l1: 0, giou: 0, iou: 0, diou: 0, ciou: 0 }
const shape = { queries: 6, classes: 4, targets: [2, 3] }
const outputs = randomLayer(11, shape)
const targets = randomTargets(11, shape)

/** Gradient of the loss by one logit or box component, by central differences. */
function difference(criterion: HungarianLoss, part: 'logits' | 'boxes', at: number): number {
  const step = 2 ** -8
  const loss = (by: number) => {
    const moved = structuredClone(outputs)
    moved[part].data[at]! += by
    return criterion.compute(moved, targets, { gradients: false }).loss
  }
  return (loss(step) - loss(-step)) / (2 * step)
}

describe.each([{ kind: 'softmax' } as ClassificationOptions, ...SIGMOID])('classification: %o', (classification) => {
  describe.each(['l1', 'giou', 'iou', 'diou', 'ciou'] as const)('with %s', (term) => {
    const options: HungarianLossOptions = {
      numClasses: classification.kind === 'softmax' ? 3 : 4,
      classification,
      cost: { ...NONE, class: 1, [term]: 2 },
      weights: { ...NONE, class: 1, [term]: 2 },
    }
    const criterion = new HungarianLoss(options)

    test('runs, and the total is the weighted sum', () => {
      const { loss, terms, layers } = criterion.compute(outputs, targets)
      const named = { ...NONE, ...terms }
      expectClose(loss, named.class + 2 * named[term], 1e-12)
      expect(layers.length).toBe(1)
      expect(Object.keys(terms)).toEqual(
        ['class', 'l1', 'giou', 'iou', 'diou', 'ciou'].filter((name, i) => i < 3 || name === term),
      )
    })

    test('validates', () => {
      const wrong = randomLayer(11, { ...shape, classes: 7 })
      expect(errorOf(() => criterion.compute(wrong, targets))).toMatchObject({
        code: 'SHAPE',
        argument: 'outputs.logits',
      })
    })

    test('the gradient by boxes is that of the box term', () => {
      // no class term passes a gradient through its IoU, so only the box term is differentiated
      const alone = new HungarianLoss({ ...options, weights: { ...NONE, [term]: 2 } })
      const { gradients } = alone.compute(outputs, targets)
      const full = criterion.compute(outputs, targets)
      expect(bitsOf(full.gradients!.boxes)).toBe(bitsOf(gradients!.boxes))
      for (const { queryIndices } of full.matches.slice(0, 1)) {
        for (const at of [4 * queryIndices[0]!, 4 * queryIndices[0]! + 2]) {
          // the curvature, the factor α of CIoU (which is held) and L1's kinks leave a few percent
          const expected = difference(alone, 'boxes', at)
          expect(Math.abs(gradients!.boxes[at]! - expected)).toBeLessThan(0.1 * Math.abs(expected) + 0.05)
        }
      }
    })
  })
})

describe.each(SIGMOID)('classification: %o', (classification) => {
  const criterion = new HungarianLoss({ numClasses: 4, classification })

  test('logits with a column for no-object are refused, with a hint (NielsRogge/Transformers-Tutorials #234)', () => {
    const error = errorOf(() => criterion.compute(randomLayer(1, { ...shape, classes: 5 }), targets))
    expect(error).toMatchObject({ code: 'SHAPE', argument: 'outputs.logits' })
    expect(error.message).toMatch(
      /numClasses = 4, got 5 in \[2, 6, 5\]; .*sigmoid kind, without a column for no-object/,
    )
  })

  test('several labels make several classes right (facebookresearch/detr #350)', () => {
    const sets = [
      [[0, 2], [1]],
      [Int32Array.of(3), [0, 1, 2], 1],
    ]
    const labelled = sets.map((labels, image) => ({ labels, boxes: targets[image]!.boxes }))
    const { matches, gradients, normalizers } = criterion.compute(outputs, labelled)
    const none = targets.map(() => ({ labels: [], boxes: [] }))
    const background = criterion.compute(outputs, none, { classNormalizer: normalizers.classNormalizer }).gradients!
      .logits
    const found = new Set<number>()
    gradients!.logits.forEach((gradient, at) => gradient !== background[at] && found.add(at))
    const expected: number[] = []
    matches.forEach(({ queryIndices, targetIndices }, image) =>
      queryIndices.forEach((query, k) => {
        const set = sets[image]![targetIndices[k]!]!
        const labels = typeof set === 'number' ? [set] : set
        for (const label of labels) expected.push((image * 6 + query) * 4 + label)
      }),
    )
    expect(expected.length).toBe(8)
    expect(found).toEqual(new Set(expected))
    if (classification.kind === 'focal') expect(expected.every((at) => gradients!.logits[at]! < 0)).toBe(true)
  })

  test('one label in a list is that label', () => {
    const lists = targets.map(({ labels, boxes }) => ({ labels: labels.map((label) => [label]), boxes }))
    const result = criterion.compute(outputs, lists)
    const expected = criterion.compute(outputs, targets)
    expect(result.loss).toBe(expected.loss)
    expect(bitsOf(result.gradients!.logits)).toBe(bitsOf(expected.gradients!.logits))
    expect(result.matches).toEqual(expected.matches)
  })

  test('the cost of several labels is the sum of theirs', () => {
    const onlyClass = new HungarianLoss({ numClasses: 4, classification, cost: { ...NONE, class: 1 } })
    const cost = (labels: Target['labels']) =>
      onlyClass.cost(outputs, [
        { labels, boxes: [targets[0]!.boxes[0]!] },
        { labels: [], boxes: [] },
      ]).images[0]!.data
    const sum = cost([0]).map((value, i) => value + cost([3])[i]!)
    expectAllClose(cost([[0, 3]]), sum, 1e-6)
  })

  test('saturated logits have a finite loss and, in the form without 1e-8, still tell queries apart', () => {
    // huggingface/transformers #47000: the logarithm of a rounded 0 made costs infinite
    const saturated = structuredClone(outputs)
    saturated.logits.data.forEach((_, i, all) => (all[i] = (i % 2 ? 1 : -1) * (100 + i)))
    const log = new HungarianLoss({
      numClasses: 4,
      classification,
      cost: { ...NONE, class: 1, classForm: 'log-sigmoid' },
    })
    for (const each of [criterion, log]) {
      const result = each.compute(saturated, targets)
      expect(Number.isFinite(result.loss)).toBe(true)
      expect(result.gradients!.logits.every(Number.isFinite)).toBe(true)
      for (const { data } of each.cost(saturated, targets).images) expect(data.every(Number.isFinite)).toBe(true)
    }
    const costs = log.cost(saturated, targets).images[0]!.data
    expect(new Set(costs).size).toBe(new Set(targets[0]!.labels).size * 6)
  })

  test('labels lie in 0 to numClasses - 1', () => {
    const error = errorOf(() => criterion.compute(outputs, [{ labels: [4], boxes: [0.5, 0.5, 0.1, 0.1] }, targets[1]!]))
    expect(error).toMatchObject({ code: 'RANGE', argument: 'targets[0].labels', image: 0, target: 0 })
    expect(error.message).toMatch(/allowed are 0 to 3/)
  })
})

describe('labels: lists of labels are refused:', () => {
  const focal = new HungarianLoss({ numClasses: 4, classification: { kind: 'focal' } })
  const softmax = HungarianLoss.detr({ numClasses: 3 })
  const boxes = [0.5, 0.5, 0.1, 0.1]
  test.each<[string, HungarianLoss, unknown, string, RegExp]>([
    ['several for softmax', softmax, [[0, 2]], 'RANGE', /target 0 has 2 labels; softmax classification takes one/],
    ['none', focal, [[]], 'RANGE', /target 0 has 0 labels; every target needs at least one/],
    ['the same twice', focal, [[1, 1]], 'RANGE', /no two may be the same/],
    ['out of range', focal, [[1, 9]], 'RANGE', /9 is not a class id; allowed are 0 to 3/],
    ['fractions', focal, [[0.5]], 'RANGE', /integers, got 0.5 at target 0/],
    ['words', focal, [['cat']], 'DTYPE', /integers, got "cat" at target 0/],
    ['floats', focal, [Float32Array.of(1)], 'DTYPE', /Float32Array at target 0/],
    ['lists of lists', focal, [[[1]]], 'DTYPE', /an array of 1 at target 0/],
  ])('%s', (_, criterion, labels, code, message) => {
    const error = errorOf(() =>
      criterion.compute(outputs, [untyped<Target>({ labels, boxes }), { labels: [], boxes: [] }]),
    )
    expect(error).toMatchObject({ code, argument: 'targets[0].labels', image: 0, target: 0 })
    expect(error.message).toMatch(message)
  })

  test('padding is never looked at', () => {
    const padded = { labels: untyped<number[][]>([[0, 1], null]), boxes: [...boxes, NaN, 1, 1, 1], valid: 1 }
    expect(focal.compute(outputs, [padded, targets[1]!]).matches[0]!.queryIndices.length).toBe(1)
  })
})

test('classification: a softmax model without a column for no-object is refused, with a hint', () => {
  const error = errorOf(() => HungarianLoss.detr({ numClasses: 4 }).compute(outputs, targets))
  expect(error).toMatchObject({ code: 'SHAPE', argument: 'outputs.logits' })
  expect(error.message).toMatch(/numClasses \+ 1 = 5, got 4 in .*one column more, for no-object \(.*sigmoid kind\)/)
})

test('detachWeights: the varifocal weight is differentiated only on demand (ultralytics/ultralytics #23152)', () => {
  const gradient = (detachWeights: boolean) => {
    const criterion = HungarianLoss.rtDetr({ numClasses: 4, classification: { detachWeights } })
    return { criterion, gradients: criterion.compute(outputs, targets).gradients!.logits }
  }
  const [detached, whole] = [gradient(true), gradient(false)]
  let larger = 0
  for (let at = 0; at < whole.gradients.length; at += 5) {
    expect(Math.abs(whole.gradients[at]! - difference(whole.criterion, 'logits', at))).toBeLessThan(1e-3)
    if (Math.abs(detached.gradients[at]! - difference(detached.criterion, 'logits', at)) > 1e-2) larger++
  }
  expect(larger).toBeGreaterThan(0)
})

test('classification: the class term of certain and right queries is not below 0', () => {
  for (let seed = 0; seed < 40; seed++) {
    const { logits } = randomLayer(seed, { images: 1, queries: 10, classes: 3 })
    const labels = Array.from({ length: 10 }, (_, query) => query % 3)
    const data = logits.data.map((value, i) => (i % 3 === labels[Math.floor(i / 3)] ? 80 : -80) + value)
    const boxes = { data: new Float32Array(40).fill(0.5), shape: [1, 10, 4] }
    const pairs = [{ queryIndices: labels.map((_, query) => query), targetIndices: labels.map((_, query) => query) }]
    const target = [{ labels, boxes: new Float32Array(40).fill(0.5) }]
    const { terms } = HungarianLoss.owlViT({ numClasses: 3 }).compute(
      { logits: { ...logits, data }, boxes, matching: pairs },
      target,
    )
    expect(terms.class).toBeGreaterThanOrEqual(0)
  }
})

// IDEA-Research/detrex e244e6c3, projects/align_detr/criterion: aligndetr_dn_criterion.py gives its pairs, and many_to_one_criterion.py then
// ranks none
test('rankDecay: pairs of denoising queries have no ranks, however many groups there are', () => {
  const square = (x: number, side: number) => [x, 0.5, side, side]
  const layer = (boxes: readonly number[][]) => ({
    logits: { data: new Float32Array(boxes.length), shape: [1, boxes.length, 1] },
    boxes: { data: boxes.flat(), shape: [1, boxes.length, 4] },
  })
  const noisy = layer([square(0.5, 0.4), square(0.5, 0.4), square(0.55, 0.4), square(0.5, 0.4)])
  const own = layer([square(0.5, 0.4), square(0.1, 0.1)])
  const target = [{ labels: [0], boxes: [square(0.5, 0.5)] }]
  const compute = (rankDecay?: number) => {
    const classification = rankDecay === undefined ? {} : { classification: { kind: 'sigmoid', rankDecay } as const }
    const criterion = HungarianLoss.alignDetr({ numClasses: 1, ...classification })
    return criterion.compute({ ...own, denoising: { ...noisy, groups: 2 } }, target)
  }
  const { denoising, gradients } = compute()
  // as the published code computes them
  expectClose(denoising.terms.l1, 0.225, 1e-6)
  expectClose(denoising.terms.giou, 0.360003, 1e-6)
  const unranked = compute(0)
  expect(denoising).toEqual(unranked.denoising)
  expect(gradients.denoising).toEqual(unranked.gradients.denoising)
  // elsewhere a target's queries are ranked
  const repeated = (rankDecay: number) =>
    HungarianLoss.alignDetr({ numClasses: 1, classification: { kind: 'sigmoid', rankDecay } }).compute(
      { ...own, oneToMany: { ...noisy, repeat: 2 } },
      target,
    ).oneToMany.terms.l1
  expect(repeated(1.5)).toBeLessThan(repeated(0))
})
