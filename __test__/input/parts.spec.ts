/** What parts of a step give, and how faults in them are reported. */
import { describe, expect, test } from 'vitest'
import { HungarianLoss } from '../../src/index.ts'
import type {
  Gradients,
  HungarianLossOptions,
  LayerGradients,
  Outputs,
  PartResult,
  PartWeights,
  Target,
  Terms,
} from '../../src/index.ts'
import {
  bitsOf,
  errorOf,
  expectAllClose,
  expectClose,
  randomLayer,
  randomTargets,
  untyped,
} from '../support/helpers.ts'
import { gradientsOf, join, rows } from '../support/layers.ts'
import type { Layer } from '../support/layers.ts'

const criterion = HungarianLoss.detr({ numClasses: 4 })
const targets = randomTargets(1)
const counts = targets.map(({ labels }) => labels.length)

const zeros = (length: number) => Array.from({ length }, () => 0)
const sum = (values: number[]) => values.reduce((total, value) => total + value, 0)

/** The weighted terms of all layers of a part. */
const totalOf = ({ layers }: PartResult) => sum(layers.map(({ terms }) => terms.class + 5 * terms.l1 + 2 * terms.giou))

describe('outputs: every part is a criterion of its own', () => {
  const [main, first, proposals] = [randomLayer(2), randomLayer(3), randomLayer(4, { queries: 9 })]
  const result = criterion.compute({ ...main, auxiliary: [first], encoder: { ...proposals, weight: 0.5 } }, targets)
  const decoder = criterion.compute({ ...main, auxiliary: [first] }, targets)
  const encoder = criterion.compute(proposals, targets)

  test('with its own matching, terms and metrics', () => {
    expect(result.encoder!.matches).toEqual(encoder.matches)
    expect(result.encoder!.terms).toEqual(encoder.terms)
    expect(result.encoder!.metrics).toEqual(encoder.metrics)
    expect(result.encoder!.layers[0]!.classNormalizer).toBe(encoder.normalizers.classNormalizer)
    expect(result.layers.map(({ terms }) => terms)).toEqual(decoder.layers.map(({ terms }) => terms))
    expect([result.denoising, result.oneToMany]).toEqual([undefined, undefined])
  })

  test('and the total adds them by weight', () => {
    expectClose(result.loss, decoder.loss + 0.5 * encoder.loss, 1e-12)
    expect(gradientsOf(result.gradients!)).toEqual(gradientsOf(decoder.gradients!))
    expect(gradientsOf(result.gradients!.auxiliary![0]!)).toEqual(gradientsOf(decoder.gradients!.auxiliary![0]!))
    expectAllClose(
      result.gradients!.encoder!.logits,
      encoder.gradients!.logits.map((value) => value / 2),
      1e-6,
    )
    expectAllClose(
      result.gradients!.encoder!.boxes,
      encoder.gradients!.boxes.map((value) => value / 2),
      1e-6,
    )
  })

  test('match and cost have the same parts', () => {
    const outputs = { ...main, auxiliary: [first], encoder: proposals }
    const matching = criterion.match(outputs, targets)
    expect(matching.encoder!.matches).toEqual(encoder.matches)
    expect(matching.encoder!.layers[0]!.classNormalizer).toBe(encoder.normalizers.classNormalizer)
    const cost = criterion.cost(outputs, targets)
    expect(cost.encoder!.images).toEqual(criterion.cost(proposals, targets).images)
    expect(cost.layers).toEqual(criterion.cost({ ...main, auxiliary: [first] }, targets).layers)
  })

  test('class-agnostic proposals learn the first class alone', () => {
    const agnostic = criterion.compute({ ...main, encoder: { ...proposals, classAgnostic: true } }, targets)
    const zeros = targets.map(({ labels, boxes }) => ({ labels: labels.map(() => 0), boxes }))
    const expected = criterion.compute(proposals, zeros)
    expect(agnostic.encoder!.terms).toEqual(expected.terms)
    expect(gradientsOf(agnostic.gradients!.encoder!)).toEqual(gradientsOf(expected.gradients!))
  })

  test('arrays for the gradients are filled where they lie, and printing shows the parts that there are', () => {
    const array = ({ data }: { data: Float32Array }) => new Float32Array(data.length)
    const like = (layer: Layer) => ({ logits: array(layer.logits), boxes: array(layer.boxes) })
    const out: Gradients = { ...like(main), auxiliary: [like(first)], encoder: like(proposals) }
    const outputs = { ...main, auxiliary: [first], encoder: { ...proposals, weight: 0.5 } }
    const { gradients } = criterion.compute(outputs, targets, { out })
    expect(gradients!.encoder!.logits).toBe(out.encoder!.logits)
    expect(gradientsOf(out.encoder!)).toEqual(gradientsOf(result.gradients!.encoder!))
    const shown = JSON.parse(JSON.stringify(result))
    expect(Object.keys(shown)).toContain('encoder')
    expect(Object.keys(shown)).not.toContain('denoising')
  })
})

describe('encoder.classAgnostic: class-agnostic proposals with the columns of the first class alone', () => {
  const kinds: [string, HungarianLossOptions, HungarianLossOptions][] = [
    ...(['focal', 'varifocal', 'mal', 'ia-bce', 'sigmoid'] as const).map(
      (kind): [string, HungarianLossOptions, HungarianLossOptions] => [
        kind,
        { numClasses: 5, classification: { kind } },
        { numClasses: 1, classification: { kind } },
      ],
    ),
    ...([0, 2, 4] as const).map((noObjectIndex): [string, HungarianLossOptions, HungarianLossOptions] => [
      `softmax with no-object at ${noObjectIndex}`,
      { numClasses: 4, classification: { noObjectIndex, classWeights: [3, 1, 2, 5] } },
      { numClasses: 1, classification: { noObjectIndex: Math.min(noObjectIndex, 1), classWeights: [3] } },
    ]),
  ]

  describe.each(kinds)('%s', (kind, options, alone) => {
    const softmax = kind.startsWith('softmax')
    const classes = softmax ? 2 : 1
    const [all, first] = [new HungarianLoss(options), new HungarianLoss(alone)]
    // whatever the labels, and however many, all count as the first that is not no-object
    const given = targets.map(({ boxes, labels }) => ({ boxes, labels: labels.map((_, i) => (softmax ? 3 : [i, 4])) }))
    const label = kind === 'softmax with no-object at 0' ? 1 : 0
    const agnostic = targets.map(({ labels, boxes }) => ({ labels: labels.map(() => label), boxes }))
    const shape = { queries: 9, classes }
    const [proposals, earlier] = [randomLayer(4, shape), randomLayer(5, shape)]
    const layers = { ...proposals, auxiliary: [earlier] }
    const outputs = { ...randomLayer(2), encoder: { ...layers, classAgnostic: true } }

    test('are a criterion of that class', () => {
      const { encoder, gradients, loss } = all.compute(outputs, given)
      const expected = first.compute(layers, agnostic)
      expect(encoder!.layers.map(({ terms }) => terms)).toEqual(expected.layers.map(({ terms }) => terms))
      expect(encoder!.layers.map(({ matches }) => matches)).toEqual(expected.layers.map(({ matches }) => matches))
      expect(encoder!.metrics).toEqual(expected.metrics)
      expect(encoder!.layers[0]!.classNormalizer).toBe(expected.layers[0]!.classNormalizer)
      expect(gradientsOf(gradients!.encoder!)).toEqual(gradientsOf(expected.gradients!))
      expect(gradientsOf(gradients!.encoder!.auxiliary![0]!)).toEqual(gradientsOf(expected.gradients!.auxiliary![0]!))
      expectClose(loss, all.compute(randomLayer(2), given).loss + expected.loss, 1e-12)
    })

    test('match and cost know them too', () => {
      expect(all.match(outputs, given).encoder!.matches).toEqual(first.match(layers, agnostic).matches)
      expect(all.cost(outputs, given).encoder!.layers).toEqual(first.cost(layers, agnostic).layers)
    })

    test('values that are not finite are found in their place, or left out', () => {
      const bad = randomLayer(6, shape)
      bad.logits.data[9 * classes + 4 * classes] = NaN
      const encoder = { ...bad, classAgnostic: true }
      expect(errorOf(() => all.compute({ ...randomLayer(2), encoder }, given))).toMatchObject({
        code: 'NON_FINITE',
        argument: 'outputs.encoder.logits',
        image: 1,
        query: 4,
      })
      const [worst, worstAlone] = [options, alone].map((of) => new HungarianLoss({ ...of, nonFinite: 'worst' }))
      const result = worst!.compute({ ...randomLayer(2), encoder }, given)
      const expected = worstAlone!.compute(bad, agnostic)
      expect(result.nonFinite).toEqual(expected.nonFinite)
      expect(result.encoder!.terms).toEqual(expected.terms)
      expect(gradientsOf(result.gradients!.encoder!)).toEqual(gradientsOf(expected.gradients!))
    })
  })

  test('are joined to the union matching, and written to arrays of their size', () => {
    const union = HungarianLoss.dFine({ numClasses: 5 })
    const encoder = { ...randomLayer(4, { classes: 1 }), classAgnostic: true }
    const out: Gradients = {
      logits: new Float32Array(60),
      boxes: new Float32Array(48),
      encoder: { logits: new Float32Array(12).fill(NaN), boxes: new Float32Array(48).fill(NaN) },
    }
    const result = union.compute({ ...randomLayer(2), encoder }, targets, { out })
    const queries = targets.map((_, image) =>
      [result, result.encoder!].flatMap(({ matches }) => Array.from(matches[image]!.queryIndices)),
    )
    expect(result.normalizers.unionBoxes).toBe(sum(queries.map((of) => new Set(of).size)))
    for (const array of [out.encoder!.logits, out.encoder!.boxes]) {
      expect(array.some((value) => value !== 0)).toBe(true)
      expect(array.every(Number.isFinite)).toBe(true)
    }
    const error = errorOf(() => union.compute({ ...randomLayer(2), encoder: randomLayer(4) }, targets, { out }))
    expect(error).toMatchObject({ code: 'SHAPE', argument: 'call.out.encoder.logits' })
  })

  test.each<[string, HungarianLossOptions, object, RegExp]>([
    [
      'one column without being class-agnostic',
      { numClasses: 5, classification: { kind: 'focal' } },
      randomLayer(4, { classes: 1 }),
      /C = numClasses = 5, got 1 in \[2, 6, 1\]; .* need classAgnostic: true/,
    ],
    [
      'two columns without being class-agnostic',
      { numClasses: 4 },
      randomLayer(4, { classes: 2 }),
      /C = numClasses \+ 1 = 5, got 2 in .* need classAgnostic: true/,
    ],
    [
      'two columns of a sigmoid kind',
      { numClasses: 5, classification: { kind: 'focal' } },
      { ...randomLayer(4, { classes: 2 }), classAgnostic: true },
      /C = numClasses = 5, or 1 for the first class alone, got 2/,
    ],
    [
      'one column of softmax',
      { numClasses: 4 },
      { ...randomLayer(4, { classes: 1 }), classAgnostic: true },
      /C = numClasses \+ 1 = 5, or 2 for the first class alone, got 1/,
    ],
    [
      'a column for no-object too many',
      { numClasses: 5, classification: { kind: 'focal' } },
      { ...randomLayer(4, { classes: 6 }), classAgnostic: true },
      /or 1 for the first class alone, got 6 .*sigmoid kind, without a column for no-object/,
    ],
  ])('%s is refused', (_, options, encoder, message) => {
    const of = new HungarianLoss(options)
    for (const stage of ['compute', 'match', 'cost'] as const) {
      const error = errorOf(() => of[stage](untyped<Outputs>({ ...randomLayer(2), encoder }), targets))
      expect(error).toMatchObject({ code: 'SHAPE', argument: 'outputs.encoder.logits' })
      expect(error.message).toMatch(message)
    }
  })

  test('the main outputs have all columns, and so have auxiliary layers those of the final one', () => {
    const narrow = randomLayer(4, { classes: 2 })
    expect(errorOf(() => criterion.compute(narrow, targets))).toMatchObject({
      code: 'SHAPE',
      argument: 'outputs.logits',
    })
    const main = errorOf(() => criterion.compute(untyped<Outputs>({ ...narrow, classAgnostic: true }), targets))
    expect(main).toMatchObject({ code: 'OPTION', argument: 'outputs.classAgnostic' })
    const encoder = { ...narrow, auxiliary: [randomLayer(5)], classAgnostic: true }
    const error = errorOf(() => criterion.compute({ ...randomLayer(2), encoder }, targets))
    expect(error).toMatchObject({ code: 'SHAPE', argument: 'outputs.encoder.auxiliary[0].logits' })
    const flag = untyped<Outputs>({ ...randomLayer(2), encoder: { ...narrow, classAgnostic: 1 } })
    expect(errorOf(() => criterion.compute(flag, targets))).toMatchObject({
      code: 'OPTION',
      argument: 'outputs.encoder.classAgnostic',
    })
  })
})

describe('weight and weights: weights of a part', () => {
  const [main, branch, noisy] = [randomLayer(9), randomLayer(10, { queries: 14 }), randomLayer(13, { queries: 12 })]
  const weights = { class: 0.5, l1: 0, giou: 3, ciou: 2 }
  const parts = {
    encoder: randomLayer(4, { queries: 9 }),
    denoising: { ...noisy, groups: 2 },
    oneToMany: { ...branch, repeat: 3 },
  }

  test.each(['encoder', 'denoising', 'oneToMany'] as const)('replace those of the criterion: %s', (key) => {
    const outputs = untyped<Outputs>({ ...main, [key]: { ...parts[key], weight: 0.5, weights } })
    const result = criterion.compute(outputs, targets)
    // a criterion whose loss has these weights, with the same matching cost
    const other = HungarianLoss.detr({ numClasses: 4, weights })
    const plain = untyped<Outputs>({ ...main, [key]: { ...parts[key], weight: 0.5 } })
    const expected = other.compute(plain, targets)
    expect(result[key]!.terms).toEqual(expected[key]!.terms)
    expect(Object.keys(result[key]!.terms)).toContain('ciou')
    expect(Object.keys(result.terms)).not.toContain('ciou')
    expect(result[key]!.matches).toEqual(expected[key]!.matches)
    expect(gradientsOf(result.gradients![key]!)).toEqual(gradientsOf(expected.gradients![key]!))
    const { terms } = result[key]!
    const own = 0.5 * (0.5 * terms.class + 3 * terms.giou + 2 * terms.ciou!)
    expectClose(result.loss, criterion.compute(main, targets).loss + own, 1e-12)
    expect(gradientsOf(result.gradients!)).toEqual(gradientsOf(criterion.compute(main, targets).gradients!))
  })

  test('may leave terms out, which are still reported', () => {
    const encoder = { ...parts.encoder, weights: { l1: 0, giou: 0 } }
    const { encoder: part, gradients, loss } = criterion.compute({ ...main, encoder }, targets)
    const { terms } = criterion.compute({ ...main, encoder: parts.encoder }, targets).encoder!
    expect(part!.terms).toEqual(terms)
    expect(gradients!.encoder!.boxes.every((value) => value === 0)).toBe(true)
    expectClose(loss, criterion.compute(main, targets).loss + terms.class, 1e-12)
    const none = criterion.compute({ ...main, encoder: { ...encoder, weights: { class: 0, l1: 0, giou: 0 } } }, targets)
    expect(none.loss).toBe(criterion.compute(main, targets).loss)
    expect(none.gradients!.encoder!.logits.every((value) => value === 0)).toBe(true)
  })

  test('belong to a range of queries as well, and to the box terms of the union matching', () => {
    const outputs = { ...join([main, branch]), oneToMany: { queries: [6, 20] as const, repeat: 3, weights } }
    const result = criterion.compute(outputs, targets)
    const own = criterion.compute({ ...main, oneToMany: { ...branch, repeat: 3, weights } }, targets)
    expectClose(result.loss, own.loss, 1e-12)
    const union = HungarianLoss.dFine({ numClasses: 5 })
    const encoder = randomLayer(4)
    const [whole, half] = [
      { l1: 5, giou: 2 },
      { l1: 2.5, giou: 1 },
    ].map((boxWeights) =>
      union.compute({ ...main, encoder: { ...encoder, weights: { class: 0, ...boxWeights } } }, targets),
    )
    expect(half!.encoder!.terms).toEqual(whole!.encoder!.terms)
    expectAllClose(
      half!.gradients!.encoder!.boxes,
      whole!.gradients!.encoder!.boxes.map((value) => value / 2),
      1e-6,
    )
    expectClose(whole!.loss - half!.loss, totalOf(half!.encoder!) / 2 - half!.encoder!.terms.class / 2, 1e-9)
  })

  test('without any weight, further terms are absent rather than 0', () => {
    const other = HungarianLoss.detr({ numClasses: 4, weights: { ciou: 2 } })
    const { encoder, terms } = other.compute({ ...main, encoder: { ...parts.encoder, weight: 0 } }, targets)
    expect(terms.ciou).toBeGreaterThan(0)
    expect(encoder!.terms.l1).toBeGreaterThan(0)
    expect(encoder!.terms.ciou).toBeUndefined()
  })

  test.each<[string, unknown, string, RegExp]>([
    ['a weight below 0', { l1: -1 }, '.l1', /0 to 1e12, got -1/],
    ['a weight that is no number', { ciou: '2' }, '.ciou', /got "2"/],
    ['NaN', { class: NaN }, '.class', /got NaN/],
    ['an unknown term', { box: 1 }, '.box', /no such option; .*known are class, l1/],
    ['no weights', 3, '', /must be an object, got 3/],
    ['null', null, '', /must be an object, got null/],
  ])('%s is refused', (_, value, place, message) => {
    for (const key of ['encoder', 'denoising', 'oneToMany'] as const) {
      const outputs = untyped<Outputs>({ ...main, [key]: { ...parts[key], weights: value } })
      for (const stage of ['compute', 'match', 'cost'] as const) {
        const error = errorOf(() => criterion[stage](outputs, targets))
        expect(error).toMatchObject({ code: 'OPTION', argument: `outputs.${key}.weights${place}` })
        expect(error.message).toMatch(message)
      }
    }
  })
})

describe('groups of queries', () => {
  const groups = [randomLayer(5), randomLayer(6), randomLayer(7)]
  const result = criterion.compute({ ...join(groups), groups: 3 }, targets)

  test('are each matched with all targets', () => {
    const alone = groups.map((group) => criterion.compute(group, targets).matches)
    result.matches.forEach(({ queryIndices, targetIndices, unmatchedTargets }, image) => {
      const numbered = alone.flatMap((matches, k) => Array.from(matches[image]!.queryIndices, (query) => 6 * k + query))
      expect([...queryIndices]).toEqual(numbered)
      expect([...targetIndices]).toEqual(alone.flatMap((matches) => Array.from(matches[image]!.targetIndices)))
      expect(unmatchedTargets.length).toBe(0)
    })
  })

  test('share a normaliser of N · groups', () => {
    const alone = groups.map((group) => criterion.compute(group, targets))
    expectClose(result.terms.l1, sum(alone.map(({ terms }) => terms.l1)) / 3, 1e-9)
    expectClose(result.terms.giou, sum(alone.map(({ terms }) => terms.giou)) / 3, 1e-9)
    expectClose(result.terms.class, sum(alone.map(({ terms }) => terms.class)) / 3, 1e-6)
  })

  test('list a target once for each group that has no query left', () => {
    const crowd = randomTargets(8, { targets: [7, 0] })
    const { matches } = criterion.compute({ ...join(groups), groups: 3 }, crowd)
    expect(matches[0]!.queryIndices.length).toBe(18)
    expect(matches[0]!.unmatchedTargets.length).toBe(3)
    expect([...matches[0]!.unmatchedTargets]).toEqual([...matches[0]!.unmatchedTargets].toSorted())
  })
})

describe('oneToMany: a one-to-many branch', () => {
  const [main, branch] = [randomLayer(9), randomLayer(10, { queries: 14 })]
  const repeated = targets.map(({ labels, boxes }) => ({
    labels: [...labels, ...labels, ...labels],
    boxes: [...boxes, ...boxes, ...boxes],
  }))
  const expected = criterion.compute(branch, repeated)

  test('sees every target several times, with an N of its own', () => {
    const result = criterion.compute({ ...main, oneToMany: { ...branch, repeat: 3, weight: 2 } }, targets)
    expect(result.oneToMany!.terms).toEqual(expected.terms)
    expect(result.oneToMany!.metrics).toEqual(expected.metrics)
    result.oneToMany!.matches.forEach(({ queryIndices, targetIndices }, image) => {
      expect(queryIndices).toEqual(expected.matches[image]!.queryIndices)
      const numbers = expected.matches[image]!.targetIndices.map((target) => target % counts[image]!)
      expect(targetIndices).toEqual(numbers)
    })
    expectClose(result.loss, criterion.compute(main, targets).loss + 2 * expected.loss, 1e-12)
  })

  test('may be a range of the main queries, in every layer', () => {
    const [one, two] = [join([main, branch]), join([randomLayer(11), branch])]
    const outputs = { ...one, auxiliary: [two], oneToMany: { queries: [6, 20] as const, repeat: 3 } }
    const result = criterion.compute(outputs, targets)
    expect(result.terms).toEqual(criterion.compute(main, targets).terms)
    expect(result.oneToMany!.layers.map(({ terms }) => terms)).toEqual([expected.terms, expected.terms])
    expect([...result.oneToMany!.matches[0]!.queryIndices]).toEqual(
      [...expected.matches[0]!.queryIndices].map((query) => query + 6),
    )
    expect(result.gradients!.oneToMany).toBeUndefined()
    const { logits, boxes } = result.gradients!
    const gradient = { logits: { ...one.logits, data: logits }, boxes: { ...one.boxes, data: boxes } }
    const parts = [rows(gradient, 0, 6), rows(gradient, 6, 20)].map((part) => [
      bitsOf(part.logits.data),
      bitsOf(part.boxes.data),
    ])
    expect(parts).toEqual([gradientsOf(criterion.compute(main, targets).gradients!), gradientsOf(expected.gradients!)])
  })
})

describe('denoising queries', () => {
  const main = randomLayer(12)
  /** Two groups of six: three positives, three negatives. */
  const noisy = randomLayer(13, { queries: 12 })
  const pairs = counts.map((count) => {
    const targetIndices = Array.from({ length: 2 }, () => Array.from({ length: count }, (_, k) => k)).flat()
    return { targetIndices, queryIndices: targetIndices.map((target, i) => target + (i < count ? 0 : 6)) }
  })

  test('are paired with the targets group by group, in every layer', () => {
    const outputs = { ...main, denoising: { ...noisy, auxiliary: [randomLayer(14, { queries: 12 })], groups: 2 } }
    const result = criterion.compute(outputs, targets)
    for (const { matches } of result.denoising!.layers) {
      matches.forEach(({ queryIndices, targetIndices, unmatchedTargets, ignoredQueries }, image) => {
        expect([...queryIndices]).toEqual(pairs[image]!.queryIndices)
        expect([...targetIndices]).toEqual(pairs[image]!.targetIndices)
        expect([unmatchedTargets.length, ignoredQueries.length]).toEqual([0, 0])
      })
    }
    expectClose(result.loss, criterion.compute(main, targets).loss + totalOf(result.denoising!), 1e-12)
  })

  test('divide by N · groups', () => {
    const { denoising } = criterion.compute({ ...main, denoising: { ...noisy, groups: 2 } }, targets)
    const given = criterion.compute({ ...noisy, matching: pairs }, targets)
    expect(denoising!.terms.class).toBe(given.terms.class)
    expectClose(denoising!.terms.l1, given.terms.l1 / 2, 1e-12)
    expectClose(denoising!.terms.giou, given.terms.giou / 2, 1e-12)
    const byBoxes = HungarianLoss.detr({ numClasses: 4, classification: { normalization: 'num-boxes' } })
    const [part, alone] = [
      byBoxes.compute({ ...main, denoising: { ...noisy, groups: 2 } }, targets).denoising!,
      byBoxes.compute({ ...noisy, matching: pairs }, targets),
    ]
    expectClose(part.terms.class, alone.terms.class / 2, 1e-12)
  })

  test('do without negatives, and padding may be left out', () => {
    const outputs = { ...main, denoising: { ...noisy, groups: 4, contrastive: false, padding: 'ignore' as const } }
    const { denoising, gradients } = criterion.compute(outputs, targets)
    const { queryIndices, ignoredQueries } = denoising!.matches[0]!
    expect([...queryIndices]).toEqual([0, 1, 3, 4, 6, 7, 9, 10])
    expect([...ignoredQueries]).toEqual([2, 5, 8, 11])
    const row = gradients!.denoising!.logits.subarray(2 * 5, 3 * 5)
    expect([...row]).toEqual([0, 0, 0, 0, 0])
    // two images: 8 and 12 labelled queries of weight 1 and none of no-object
    expect(denoising!.layers[0]!.classNormalizer).toBe(20)
  })

  test('take any pairs', () => {
    const denoising = { ...noisy, matching: pairs, groups: 2 }
    const result = criterion.compute({ ...main, denoising }, targets).denoising!
    const usual = criterion.compute({ ...main, denoising: { ...noisy, groups: 2 } }, targets).denoising!
    expect(result.terms).toEqual(usual.terms)
  })

  test('may be none, where no image has a target', () => {
    const none = { logits: { data: [], shape: [2, 0, 5] }, boxes: { data: [], shape: [2, 0, 4] } }
    const empty = randomTargets(1, { targets: [0, 0] })
    const result = criterion.compute({ ...main, denoising: { ...none, groups: 3 } }, empty)
    expect(result.denoising!.terms).toMatchObject({ class: 0, l1: 0, giou: 0 })
    expect(result.denoising!.matches[0]!.queryIndices.length).toBe(0)
  })
})

test('numBoxes and classNormalizer: normalisers given for all layers multiply as the batch’s own do', () => {
  const outputs: Outputs = {
    ...join([randomLayer(24), randomLayer(25)]),
    groups: 2,
    encoder: randomLayer(26),
    denoising: { ...randomLayer(27, { queries: 12 }), groups: 2 },
    oneToMany: { ...randomLayer(28, { queries: 20 }), repeat: 3 },
  }
  const own = criterion.compute(outputs, targets)
  const parts = [own, own.encoder!, own.denoising!, own.oneToMany!]
  const classNormalizer = parts.flatMap(({ layers }) => layers.map((layer) => layer.classNormalizer))
  const given = criterion.compute(outputs, targets, { numBoxes: own.normalizers.numBoxes, classNormalizer })
  expectClose(given.loss, own.loss, 1e-12)
  expectClose(given.denoising!.terms.l1, own.denoising!.terms.l1, 1e-12)
  const error = errorOf(() => criterion.compute(outputs, targets, { classNormalizer: [1, 1] }))
  expect(error).toMatchObject({ code: 'SHAPE', argument: 'call.classNormalizer' })
})

describe('outputs: what public reports taught', () => {
  test('of 2 denoising and 3 ordinary queries, only the last 3 are matched (huggingface/transformers #48528)', () => {
    const shape = { images: 1, queries: 5, targets: [1] }
    const [last, first] = [randomLayer(29, shape), randomLayer(30, shape)]
    const [target] = randomTargets(29, shape)
    // the denoising query is the best there is
    last.boxes.data.set(target!.boxes[0]!)
    const outputs = { ...last, auxiliary: [first], denoising: { queries: [0, 2] as const } }
    const result = criterion.compute(outputs, [target!])
    for (const { matches } of result.layers) expect(matches[0]!.queryIndices[0]).toBeGreaterThanOrEqual(2)
    expect([...result.denoising!.matches[0]!.queryIndices]).toEqual([0])
    expect(result.layers.map(({ terms }) => terms)).toEqual(
      [first, last].map((layer) => criterion.compute(rows(layer, 2, 5), [target!]).terms),
    )
    // whatever else the call has, the denoising queries take no part
    const alone = criterion.compute({ ...last, denoising: { queries: [0, 2] } }, [target!])
    expect(alone.matches).toEqual(result.matches)
  })

  test('a denoising group without any target is all negatives, without a box loss (TeamDETR #3)', () => {
    for (const classification of [{ kind: 'softmax' }, { kind: 'focal' }] as const) {
      const loss = new HungarianLoss({ numClasses: classification.kind === 'softmax' ? 4 : 5, classification })
      const noisy = randomLayer(31, { queries: 8 })
      const none = randomTargets(31, { targets: [0, 0] })
      const { denoising, gradients } = loss.compute({ ...randomLayer(32), denoising: { ...noisy, groups: 2 } }, none)
      expect(denoising!.terms).toMatchObject({ l1: 0, giou: 0 })
      expect(denoising!.terms.class).toBeGreaterThan(0)
      expect(gradients!.denoising!.boxes.every((value) => value === 0)).toBe(true)
      expect(gradients!.denoising!.logits.every(Number.isFinite)).toBe(true)
      expect(denoising!.matches.every(({ queryIndices }) => queryIndices.length === 0)).toBe(true)
    }
  })

  test('the denoising loss is there without auxiliary outputs too', () => {
    const noisy = randomLayer(33, { queries: 12 })
    const { denoising } = criterion.compute({ ...randomLayer(34), denoising: noisy }, randomTargets(1))
    expect(denoising!.layers.length).toBe(1)
    expect(denoising!.terms.l1).toBeGreaterThan(0)
  })
})

describe('outputs: every structure goes with every classification and box term', () => {
  const kinds = ['softmax', 'focal', 'varifocal', 'mal', 'ia-bce', 'sigmoid'] as const
  const boxTerms = ['l1', 'giou', 'iou', 'diou', 'ciou'] as const
  type Make = (seed: number, queries?: number) => Layer
  const structures: Record<string, (layer: Make, ofOneClass: Make, weights: Partial<Terms>) => Outputs> = {
    auxiliary: (layer) => ({ ...layer(1), auxiliary: [layer(2)] }),
    encoder: (layer) => ({ ...layer(1), encoder: { ...layer(2, 9), classAgnostic: true } }),
    'encoder of one class': (layer, ofOneClass) => ({
      ...layer(1),
      encoder: { ...ofOneClass(2, 9), auxiliary: [ofOneClass(3, 9)], classAgnostic: true },
    }),
    'weights of each part': (layer, ofOneClass, weights) => ({
      ...layer(1),
      encoder: { ...ofOneClass(2, 9), classAgnostic: true, weights: { class: 3 } },
      denoising: { ...layer(3, 12), groups: 2, weight: 0.25, weights },
      oneToMany: { ...layer(4, 14), repeat: 3, weights },
    }),
    denoising: (layer) => ({ ...layer(1), denoising: { ...layer(2, 12), groups: 2 } }),
    range: (layer) => ({ ...layer(1, 18), denoising: { queries: [0, 12], groups: 2 } }),
    'one to many': (layer) => ({ ...layer(1), oneToMany: { ...layer(2, 14), repeat: 3 } }),
    groups: (layer) => ({ ...layer(1, 12), groups: 2 }),
    'matching of another': (layer) => ({ ...layer(1), auxiliary: [{ ...layer(2), matching: { from: 1 } }] }),
    union: (layer) => ({ ...layer(1), auxiliary: [layer(2)], encoder: layer(3) }),
    ignore: (layer) => layer(1),
  }
  const cases = Object.keys(structures).flatMap((name) =>
    kinds.flatMap((kind) => boxTerms.map((term) => [name, kind, term] as const)),
  )

  test.each(cases)('%s, %s, %s', (name, kind, term) => {
    const weights = { class: 1, l1: 0, giou: 0, [term]: 2 }
    const loss = new HungarianLoss({
      numClasses: kind === 'softmax' ? 4 : 5,
      classification: { kind },
      weights,
      boxMatching: name === 'union' ? 'union' : 'layer',
      ignore: { threshold: 0.1 },
    })
    const outputs = structures[name]!(
      (seed, queries = 6) => randomLayer(seed, { queries }),
      (seed, queries = 6) => randomLayer(seed, { queries, classes: kind === 'softmax' ? 2 : 1 }),
      { class: 0.5, [term]: 4 },
    )
    const first = (target: Target) => Array.from(target.labels as number[], (_, i) => i === 0)
    const given = targets.map((target) =>
      name === 'ignore' ? Object.assign({ ignore: first(target) }, target) : target,
    )
    const result = loss.compute(outputs, given)
    const partTotal = ({ layers }: PartResult, { weight = 1, weights: own }: PartWeights): number => {
      const { class: ofClass, [term]: ofTerm } = { ...weights, ...own }
      return weight * sum(layers.map(({ terms }) => ofClass * terms.class + ofTerm! * terms[term]!))
    }
    const keys = (['encoder', 'denoising', 'oneToMany'] as const).filter((key) => outputs[key] !== undefined)
    const total = partTotal(result, {}) + sum(keys.map((key) => partTotal(result[key]!, outputs[key]!)))
    expectClose(result.loss, total, 1e-12)
    expect(total).toBeGreaterThan(0)
    const all = (gradients: Gradients) =>
      [gradients, gradients.encoder, gradients.denoising, gradients.oneToMany].flatMap((part) =>
        part === undefined ? [] : [part as LayerGradients].concat(part.auxiliary ?? []),
      )
    for (const { logits, boxes } of all(result.gradients!)) {
      expect(logits.every(Number.isFinite) && boxes.every(Number.isFinite)).toBe(true)
      expect(logits.some((value) => value !== 0) && boxes.some((value) => value !== 0)).toBe(true)
    }
  })
})

describe('outputs: is refused with its place:', () => {
  const layer = randomLayer(35)
  const odd = randomLayer(36, { queries: 5 })
  const blocks = counts.map((count) => ({ data: zeros(6 * count), shape: [6, count] }))
  const pairs = targets.map(() => ({ queryIndices: [0, 1], targetIndices: [1, 0] }))
  const changed = <T>(list: T[], at: number, value: unknown) => list.map((entry, i) => (i === at ? value : entry))
  test.each<[string, object, object, RegExp]>([
    ['groups that do not divide', { groups: 4 }, { code: 'SHAPE', argument: 'outputs.groups' }, /divide.*6, got 4/],
    ['groups of 0', { groups: 0 }, { code: 'OPTION', argument: 'outputs.groups' }, /got 0/],
    ['an encoder that is no layer', { encoder: 3 }, { code: 'DTYPE', argument: 'outputs.encoder' }, /got 3/],
    [
      'an encoder without boxes',
      { encoder: { logits: layer.logits } },
      { code: 'DTYPE', argument: 'outputs.encoder.boxes' },
      /undefined/,
    ],
    [
      'other images',
      { encoder: randomLayer(1, { images: 3 }) },
      { code: 'SHAPE', argument: 'outputs.encoder.logits' },
      /B = 2/,
    ],
    [
      'other classes',
      { encoder: randomLayer(1, { classes: 3 }) },
      { code: 'SHAPE', argument: 'outputs.encoder.logits' },
      /C = numClasses \+ 1/,
    ],
    [
      'a part within a part',
      { encoder: { ...layer, denoising: layer } },
      { code: 'OPTION', argument: 'outputs.encoder.denoising' },
      /main outputs/,
    ],
    [
      'a weight below 0',
      { encoder: { ...layer, weight: -1 } },
      { code: 'OPTION', argument: 'outputs.encoder.weight' },
      /got -1/,
    ],
    ['repeat of nothing', { oneToMany: layer }, { code: 'OPTION', argument: 'outputs.oneToMany.repeat' }, /undefined/],
    [
      'no range and no tensors',
      { oneToMany: { repeat: 2 } },
      { code: 'DTYPE', argument: 'outputs.oneToMany.queries' },
      /\[first, end\]/,
    ],
    [
      'a range past the end',
      { denoising: { queries: [0, 7] } },
      { code: 'RANGE', argument: 'outputs.denoising.queries[1]' },
      /0 to 6, got 7/,
    ],
    ['a range in the middle', { denoising: { queries: [2, 4] } }, { code: 'RANGE', argument: 'outputs' }, /one range/],
    [
      'ranges that overlap',
      { denoising: { queries: [0, 4] }, oneToMany: { queries: [2, 6], repeat: 2 } },
      { code: 'RANGE', argument: 'outputs' },
      /overlap/,
    ],
    [
      'a range with layers',
      { denoising: { queries: [0, 2], auxiliary: [layer] } },
      { code: 'SHAPE', argument: 'outputs.denoising.auxiliary' },
      /absent/,
    ],
    [
      'an odd contrastive group',
      { denoising: odd },
      { code: 'SHAPE', argument: 'outputs.denoising' },
      /even number of queries, got 5/,
    ],
    [
      'too few positives',
      { denoising: { ...randomLayer(1, { queries: 4 }) } },
      { code: 'SHAPE', argument: 'outputs.denoising', image: 1 },
      /room for 2 targets.*got 3/,
    ],
    [
      'unknown padding',
      { denoising: { ...layer, padding: 'zero' } },
      { code: 'OPTION', argument: 'outputs.denoising.padding' },
      /'background' or 'ignore'/,
    ],
    [
      'a cost of denoising queries',
      { denoising: { ...layer, cost: blocks } },
      { code: 'OPTION', argument: 'outputs.denoising.cost' },
      /not matched/,
    ],
    ['an unknown matching', { matching: 'best' }, { code: 'DTYPE', argument: 'outputs.matching' }, /'optimal'/],
    [
      'a layer that is not there',
      { matching: { from: 1 } },
      { code: 'OPTION', argument: 'outputs.matching.from' },
      /0 to 0, got 1/,
    ],
    [
      'a layer’s own matching',
      { matching: { from: 0 } },
      { code: 'OPTION', argument: 'outputs.matching.from' },
      /no matching of its own/,
    ],
    [
      'pairs of one image',
      { matching: pairs.slice(1) },
      { code: 'SHAPE', argument: 'outputs.matching' },
      /2 images, got 1/,
    ],
    [
      'pairs that are none',
      { matching: changed(pairs, 1, 5) },
      { code: 'DTYPE', argument: 'outputs.matching[1]', image: 1 },
      /got 5/,
    ],
    [
      'a query twice',
      { matching: changed(pairs, 1, { queryIndices: [3, 3], targetIndices: [0, 1] }) },
      { code: 'RANGE', image: 1, query: 3 },
      /twice/,
    ],
    [
      'a query too many',
      { matching: changed(pairs, 0, { queryIndices: [6], targetIndices: [0] }) },
      { code: 'RANGE', image: 0 },
      /0 to 5, got 6/,
    ],
    [
      'a target too many',
      { matching: changed(pairs, 0, { queryIndices: [5], targetIndices: [2] }) },
      { code: 'RANGE', image: 0, query: 5 },
      /0 to 1, got 2/,
    ],
    [
      'fewer targets',
      { matching: changed(pairs, 0, { queryIndices: [5], targetIndices: [] }) },
      { code: 'SHAPE', image: 0 },
      /as many targets/,
    ],
    [
      'a cost of other shape',
      { cost: changed(blocks, 1, { data: zeros(12), shape: [6, 2] }) },
      { code: 'SHAPE', argument: 'outputs.cost[1]', image: 1 },
      /\[6, 3\]/,
    ],
    [
      'an infinite cost',
      { cost: changed(blocks, 1, { ...blocks[1], data: changed(blocks[1]!.data, 4, Infinity) }) },
      { code: 'NON_FINITE', argument: 'outputs.cost', layer: 0, image: 1, query: 1, target: 1 },
      /Infinity/,
    ],
    [
      'a huge cost',
      { cost: changed(blocks, 0, { ...blocks[0], data: changed(blocks[0]!.data, 0, 1e13) }) },
      { code: 'RANGE', argument: 'outputs.cost', query: 0, target: 0 },
      /-1e12 to 1e12/,
    ],
  ])('%s', (_, extra, details, message) => {
    const outputs = untyped<Outputs>({ ...layer, ...extra })
    for (const stage of ['compute', 'match', 'cost'] as const) {
      const error = errorOf(() => criterion[stage](outputs, targets))
      expect(error).toMatchObject(details)
      expect(error.message).toMatch(message)
    }
  })

  test('a value in a part that is not finite', () => {
    const bad = randomLayer(37, { queries: 8 })
    bad.logits.data[5 * 5] = NaN
    const of = (outputs: Outputs) => errorOf(() => criterion.compute(outputs, targets))
    const place = { code: 'NON_FINITE', image: 0, query: 5 }
    expect(of({ ...layer, encoder: bad })).toMatchObject({ ...place, argument: 'outputs.encoder.logits', layer: 0 })
    const denoising = { ...layer, auxiliary: [layer] }
    expect(of({ ...layer, denoising, oneToMany: { ...bad, repeat: 2 } })).toMatchObject({
      ...place,
      argument: 'outputs.oneToMany.logits',
    })
    expect(of({ ...bad, denoising: { queries: [0, 2], contrastive: false, matching: pairs } })).toMatchObject({
      ...place,
      argument: 'outputs.logits',
    })
  })

  test.each<[string, unknown, object]>([
    ['too few', [true], { code: 'SHAPE', argument: 'targets[0].ignore' }],
    ['no flags', 'no', { code: 'DTYPE', argument: 'targets[0].ignore' }],
    ['another value', [true, 2], { code: 'DTYPE', argument: 'targets[0].ignore', target: 1 }],
  ])('flags: %s', (_, ignore, details) => {
    const given = targets.map((target, i) => (i === 0 ? { ...target, ignore: untyped<boolean[]>(ignore) } : target))
    expect(errorOf(() => criterion.compute(layer, given))).toMatchObject(details)
  })

  test.each<[string, object, object]>([
    [
      'arrays for a part that is not there',
      { denoising: { logits: new Float32Array(1), boxes: new Float32Array(1) } },
      { code: 'SHAPE', argument: 'call.out.denoising' },
    ],
    ['no arrays for a part', { encoder: undefined }, { code: 'DTYPE', argument: 'call.out.encoder' }],
    [
      'an array of other length',
      { encoder: { logits: new Float32Array(1), boxes: new Float32Array(48) } },
      { code: 'SHAPE', argument: 'call.out.encoder.logits' },
    ],
    [
      'an array that a part is read from',
      { encoder: { logits: layer.logits.data, boxes: new Float32Array(48) } },
      { code: 'RANGE', argument: 'call.out.encoder.logits' },
    ],
  ])('%s', (_, extra, details) => {
    const arrays = () => ({ logits: new Float32Array(60), boxes: new Float32Array(48) })
    const out = untyped<Gradients>({ ...arrays(), encoder: arrays(), ...extra })
    expect(errorOf(() => criterion.compute({ ...layer, encoder: layer }, targets, { out }))).toMatchObject(details)
  })

  test('an array that an added cost is read from', () => {
    const data = new Float32Array(60)
    const cost = counts.map((count) => ({ data: data.subarray(0, 6 * count), shape: [6, count] }))
    const out = { logits: data, boxes: new Float32Array(48) }
    expect(errorOf(() => criterion.compute({ ...layer, cost }, targets, { out }))).toMatchObject({
      code: 'RANGE',
      argument: 'call.out.logits',
    })
  })
})

describe('oneToMany.repeat: targets that are repeated more often than there are queries', () => {
  const focal = HungarianLoss.hDetr({ numClasses: 5 })
  const main = randomLayer(1)
  const branch = randomLayer(2)
  const given = randomTargets(5, { targets: [2, 3] })

  test('have the query that each is cheapest for', () => {
    const many = focal.compute({ ...main, oneToMany: { ...branch, repeat: 6 } }, given).oneToMany!
    const more = focal.compute({ ...main, oneToMany: { ...branch, repeat: 700 } }, given).oneToMany!
    const { images } = focal.cost(branch, given)
    for (const [image, { data, shape }] of images.entries()) {
      const [queries, targets] = shape
      const nearest = Array.from({ length: queries }, (_, query) => {
        const row = data.subarray(query * targets, (query + 1) * targets)
        return row.indexOf(Math.min(...row))
      })
      expect([...many.matches[image]!.targetIndices]).toEqual(nearest)
      expect([...more.matches[image]!.targetIndices]).toEqual(nearest)
      expect(more.matches[image]!.unmatchedTargets.length).toBe(700 * targets - queries)
    }
  })

  test('take memory for what can be matched alone', () => {
    const one = randomTargets(5, { targets: [1, 0] })
    // the most that there ever was, in KiB, so that what is freed at the end of the call counts, too
    const start = process.resourceUsage().maxRSS
    const result = focal.compute({ ...main, oneToMany: { ...branch, repeat: 10_000_000 } }, one)
    const end = process.resourceUsage().maxRSS
    expect(result.oneToMany!.matches[0]!.queryIndices.length).toBe(6)
    expect(end - start).toBeLessThan(200 * 2 ** 10)
  })

  test.each([2 ** 31 - 1, 2 ** 24 + 1])('are refused where all could not be reported: %i', (repeat) => {
    const one = randomTargets(5, { targets: [1, 0] })
    expect(errorOf(() => focal.compute({ ...main, oneToMany: { ...branch, repeat } }, one))).toMatchObject({
      code: 'RANGE',
      argument: 'outputs.oneToMany.repeat',
    })
    expect(
      focal.compute({ ...main, oneToMany: { ...branch, repeat } }, randomTargets(5, { targets: [0, 0] })).loss,
    ).toBeGreaterThan(0)
  })
})
