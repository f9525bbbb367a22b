/** The terms of edges that are distributions: what they give, what they go with, and how faults are reported. */
import { describe, expect, test } from 'vitest'
import { HungarianLoss } from '../../src/index.ts'
import type { CallOptions, Gradients, HungarianLossOptions, LayerGradients, Outputs } from '../../src/index.ts'
import {
  bitsOf,
  countsOf,
  errorOf,
  expectClose,
  randomLayer,
  randomNumbers,
  randomTargets,
  untyped,
} from '../support/helpers.ts'

const REG_MAX = 6
const WIDTH = 4 * (REG_MAX + 1)

const dFine = (options: Partial<HungarianLossOptions> = {}) =>
  HungarianLoss.dFine({ numClasses: 5, distribution: { regMax: REG_MAX }, ...options })
const criterion = dFine()
const targets = randomTargets(1)

/** A layer whose edges are random distributions, each layer of the same references. */
function edgedLayer(seed: number, queries = 6, images = 2) {
  const random = randomNumbers(1000 + seed)
  const corners = Float32Array.from({ length: images * queries * WIDTH }, () => 6 * random() - 3)
  const layer = randomLayer(seed, { images, queries })
  return {
    ...layer,
    corners: { data: corners, shape: [images, queries, WIDTH] },
    references: randomLayer(99, { images, queries }).boxes,
  }
}

const plain = ({ logits, boxes }: ReturnType<typeof edgedLayer>) => ({ logits, boxes })
const bits = ({ logits, boxes, corners }: LayerGradients) =>
  [logits, boxes, corners].map((array) => array && bitsOf(array))

test('fgl: a target on its reference aims at the middle bin', () => {
  const box = [0.5, 0.5, 0.25, 0.5]
  const layer = {
    logits: { data: [0], shape: [1, 1, 1] },
    boxes: { data: box, shape: [1, 1, 4] },
    corners: { data: new Float32Array(20), shape: [1, 1, 20] },
    references: { data: box, shape: [1, 1, 4] },
  }
  const loss = HungarianLoss.dFine({ numClasses: 1, distribution: { regMax: 4 } })
  const { terms, gradients } = loss.compute(layer, [{ labels: [0], boxes: [box] }])
  expectClose(terms.fgl!, 4 * Math.log(5), 1e-6)
  for (let edge = 0; edge < 4; edge++) {
    const [first, , middle] = gradients!.corners!.subarray(5 * edge)
    expectClose(first!, 0.15 * 0.2, 1e-6)
    expectClose(middle!, 0.15 * -0.8, 1e-6)
  }
})

describe('fgl and ddf: terms are there', () => {
  const [head, first, last] = [randomLayer(1), edgedLayer(2), edgedLayer(3)]
  const proposals = randomLayer(4)
  const result = criterion.compute({ ...last, auxiliary: [head, first], encoder: proposals }, targets)

  test('where a layer has corners, and distillation for all but the last', () => {
    const names = result.layers.map(({ terms }) => Object.keys(terms).slice(3))
    expect(names).toEqual([[], ['fgl', 'ddf'], ['fgl']])
    expect(Object.keys(result.encoder!.terms)).toEqual(['class', 'l1', 'giou'])
    expect(result.gradients!.auxiliary![0]!.corners).toBeUndefined()
    expect(result.gradients!.encoder!.corners).toBeUndefined()
    expect(result.gradients!.corners!.length).toBe(last.corners.data.length)
  })

  test('and add to the total by their weights', () => {
    const without = criterion.compute({ ...plain(last), auxiliary: [head, plain(first)], encoder: proposals }, targets)
    const [, one, two] = result.layers.map(({ terms }) => terms)
    expectClose(result.loss, without.loss + 0.15 * (one!.fgl! + two!.fgl!) + 1.5 * one!.ddf!, 1e-12)
    expect(one!.ddf).toBeGreaterThan(0)
  })

  test('where they have a weight', () => {
    const { terms } = dFine({ weights: { fgl: 0 } }).compute({ ...last, auxiliary: [first] }, targets)
    expect(terms).not.toHaveProperty('fgl')
    const loss = dFine({ weights: { fgl: 0, ddf: 0 } })
    const { loss: total, gradients } = loss.compute({ ...last, auxiliary: [first] }, targets)
    expectClose(total, loss.compute({ ...plain(last), auxiliary: [plain(first)] }, targets).loss, 1e-12)
    expect(gradients!.corners!.every((value) => value === 0)).toBe(true)
  })

  test('a student like its teacher has nothing to learn from it', () => {
    const { layers } = criterion.compute({ ...last, auxiliary: [{ ...first, corners: last.corners }] }, targets)
    expect(layers[0]!.terms.ddf).toBe(0)
  })

  test('whichever way their axes are given: edges and bins, or both as one', () => {
    const apart = ({ corners, ...layer }: ReturnType<typeof edgedLayer>) => ({
      ...layer,
      corners: { ...corners, shape: [2, 6, 4, REG_MAX + 1] },
    })
    const [outputs, list] = [
      { ...last, auxiliary: [first] },
      { ...apart(last), auxiliary: [apart(first)] },
    ]
    expect(criterion.compute(list, targets)).toEqual(criterion.compute(outputs, targets))
    const wrong = { ...last, corners: { ...last.corners, shape: [2, 6, REG_MAX + 1, 4] } }
    const error = errorOf(() => criterion.compute(wrong, targets))
    expect(error).toMatchObject({ code: 'SHAPE', argument: 'outputs.corners' })
    expect(error.message).toMatch(/expected shape \[2, 6, 4, 7\], got \[2, 6, 7, 4\]; axes 2 and 3 have changed places/)
  })

  test('matching and cost do not depend on them', () => {
    const [withCorners, without] = [last, plain(last)]
    expect(criterion.match(withCorners, targets)).toEqual(criterion.match(without, targets))
    expect(criterion.cost(withCorners, targets)).toEqual(criterion.cost(without, targets))
  })
})

describe('fgl and ddf: weights of a part', () => {
  const outputs = (weights: object): Outputs => ({
    ...edgedLayer(3),
    auxiliary: [edgedLayer(2)],
    denoising: { ...edgedLayer(5, 12), auxiliary: [edgedLayer(6, 12)], groups: 2, weight: 0.5, weights },
  })

  test('replace those of the criterion', () => {
    const [usual, own] = [{}, { fgl: 3, ddf: 0.25 }].map((weights) => criterion.compute(outputs(weights), targets))
    const terms = own!.denoising!.layers.map((layer) => layer.terms)
    expect(terms).toEqual(usual!.denoising!.layers.map((layer) => layer.terms))
    const change = (3 - 0.15) * (terms[0]!.fgl! + terms[1]!.fgl!) + (0.25 - 1.5) * terms[0]!.ddf!
    expectClose(own!.loss, usual!.loss + 0.5 * change, 1e-12)
    // of the last layer, which is taught nothing
    const [a, b] = [usual!, own!].map(({ gradients }) => gradients!.denoising!.corners!)
    b!.forEach((value, i) => expectClose(value, 20 * a![i]!, 1e-6))
  })

  test('may leave them out', () => {
    const { denoising, gradients, layers } = criterion.compute(outputs({ fgl: 0, ddf: 0 }), targets)
    expect(Object.keys(denoising!.layers[0]!.terms)).toEqual(['class', 'l1', 'giou'])
    expect(Object.keys(layers[0]!.terms)).toEqual(['class', 'l1', 'giou', 'fgl', 'ddf'])
    expect(gradients!.denoising!.auxiliary![0]!.corners!.every((value) => value === 0)).toBe(true)
    // whether or not the decoder is distilled, the two kinds of edges are mixed by its numbers
    const [usual, undistilled] = [criterion, dFine({ weights: { ddf: 0 } })].map((of) =>
      of.compute(outputs({ ddf: 1.5 }), targets).denoising!.layers.map(({ terms }) => terms.ddf),
    )
    expect(undistilled).toEqual(usual)
  })

  test('are refused with their place', () => {
    const softmax = dFine({ numClasses: 4, classification: { kind: 'softmax' }, weights: { ddf: 0 } })
    expect(errorOf(() => softmax.compute(outputs({ ddf: 1 }), targets))).toMatchObject({
      code: 'OPTION',
      argument: 'outputs.denoising.weights.ddf',
    })
    expect(errorOf(() => criterion.compute(outputs({ fgl: -1 }), targets))).toMatchObject({
      code: 'OPTION',
      argument: 'outputs.denoising.weights.fgl',
    })
  })
})

test('corners: stacked layers give the bits of listed ones', () => {
  const [first, last] = [edgedLayer(5), edgedLayer(6)]
  const listed = criterion.compute({ ...last, auxiliary: [first] }, targets)
  const stack = (name: keyof typeof first) => ({
    data: Float32Array.from([...first[name].data, ...last[name].data]),
    shape: [2, ...first[name].shape],
  })
  const outputs = {
    logits: stack('logits'),
    boxes: stack('boxes'),
    corners: stack('corners'),
    references: stack('references'),
  }
  const stacked = criterion.compute(outputs, targets)
  expect(stacked.layers.map(({ terms }) => terms)).toEqual(listed.layers.map(({ terms }) => terms))
  const { auxiliary, ...final } = listed.gradients!
  expect(bits(stacked.gradients!)).toEqual(bits(auxiliary![0]!).map((part, i) => `${part}${bits(final)[i]}`))
})

test('corners: a result does not change with the outputs that it came from', () => {
  const outputs = { ...edgedLayer(11) } as Partial<ReturnType<typeof edgedLayer>>
  const result = criterion.compute(untyped<Outputs>(outputs), targets)
  delete outputs.corners
  expect(result.terms).toHaveProperty('fgl')
  expect(result.gradients).toHaveProperty('corners')
})

test('corners of any number type are taken, and without gradients the terms are the same', () => {
  const layer = edgedLayer(7)
  const expected = criterion.compute(layer, targets)
  const wide = { ...layer, corners: { ...layer.corners, data: [...layer.corners.data] } }
  expect(criterion.compute(wide, targets).terms).toEqual(expected.terms)
  expect(criterion.compute(layer, targets, { gradients: false }).terms).toEqual(expected.terms)
})

describe('corners: go with every structure:', () => {
  const structures: Record<string, (layer: (seed: number, queries?: number) => object) => object> = {
    auxiliary: (layer) => ({ ...layer(1), auxiliary: [layer(2), layer(3)] }),
    encoder: (layer) => ({ ...layer(1), encoder: { ...layer(2), auxiliary: [layer(3)] } }),
    denoising: (layer) => ({
      ...layer(1),
      auxiliary: [layer(2)],
      denoising: { ...layer(3, 12), auxiliary: [layer(4, 12)], groups: 2, weight: 2 },
    }),
    range: (layer) => ({
      ...layer(1, 18),
      auxiliary: [layer(2, 18)],
      denoising: { queries: [0, 12], groups: 2, padding: 'ignore' },
    }),
    'one to many': (layer) => ({ ...layer(1), oneToMany: { ...layer(2, 14), auxiliary: [layer(3, 14)], repeat: 3 } }),
    groups: (layer) => ({ ...layer(1, 12), auxiliary: [layer(2, 12)], groups: 2 }),
    'matching of another': (layer) => ({ ...layer(1), auxiliary: [{ ...layer(2), matching: { from: 1 } }] }),
  }
  const kinds = ['focal', 'varifocal', 'mal', 'ia-bce', 'sigmoid'] as const
  const cases = Object.keys(structures).flatMap((name) =>
    kinds.flatMap((kind) => (['layer', 'union'] as const).map((boxMatching) => [name, kind, boxMatching] as const)),
  )

  test.each(cases)('%s, %s, %s', (name, kind, boxMatching) => {
    const loss = dFine({ classification: { kind }, boxMatching, weights: { l1: 0, giou: 0, fgl: 2, ddf: 3 } })
    const run = (layer: (seed: number, queries?: number) => object) =>
      loss.compute(untyped<Outputs>(structures[name]!(layer)), targets)
    const result = run(edgedLayer)
    const without = run((seed, queries) => plain(edgedLayer(seed, queries)))
    const parts = [result, result.encoder, result.denoising, result.oneToMany].filter((part) => part !== undefined)
    const terms = parts.flatMap(({ layers }) => layers.map((layer) => layer.terms))
    const denoising = result.denoising?.layers.map((layer) => layer.terms) ?? []
    const weight = (term: (typeof terms)[number]) => (name === 'denoising' && denoising.includes(term) ? 2 : 1)
    const total = terms.reduce((sum, t) => sum + weight(t) * (t.class + 2 * t.fgl! + 3 * (t.ddf ?? 0)), 0)
    expectClose(result.loss, total, 1e-12)
    expect(terms.every(({ fgl }) => fgl! > 0)).toBe(true)
    expect(terms.filter(({ ddf }) => ddf !== undefined && ddf > 0).length).toBe(
      parts.reduce((sum, { layers }) => sum + layers.length - 1, 0),
    )
    const all = (gradients: Gradients) =>
      [gradients, gradients.encoder, gradients.denoising, gradients.oneToMany].flatMap((part) =>
        part === undefined ? [] : [part as LayerGradients].concat(part.auxiliary ?? []),
      )
    const [found, expected] = [all(result.gradients!), all(without.gradients!)]
    expect(found.map(bits).map(([logits, boxes]) => [logits, boxes])).toEqual(
      expected.map(bits).map(([logits, boxes]) => [logits, boxes]),
    )
    for (const { corners } of found) {
      expect(corners!.every(Number.isFinite)).toBe(true)
      expect(corners!.some((value) => value !== 0)).toBe(true)
    }
  })
})

describe('out.corners: arrays for gradients', () => {
  const [head, layer] = [randomLayer(8), edgedLayer(9)]
  const outputs = { ...layer, auxiliary: [head] }
  const arrays = () => ({ logits: new Float32Array(60).fill(NaN), boxes: new Float32Array(48).fill(NaN) })
  const corners = () => new Float32Array(2 * 6 * WIDTH).fill(NaN)

  test('are filled where they lie', () => {
    const out = { ...arrays(), corners: corners(), auxiliary: [arrays()] }
    const { gradients } = criterion.compute(outputs, targets, { out })
    const expected = criterion.compute(outputs, targets).gradients!
    expect(gradients!.corners).toBe(out.corners)
    expect(bits(out)).toEqual(bits(expected))
    expect(gradients!.auxiliary![0]).toEqual(expected.auxiliary![0])
  })

  const memory = corners()
  test.each<[string, object, object, RegExp]>([
    ['that are absent', {}, { code: 'DTYPE', argument: 'call.out.corners' }, /undefined/],
    ['of another length', { corners: memory.subarray(1) }, { code: 'SHAPE', argument: 'call.out.corners' }, /336.*335/],
    [
      'for a layer without corners',
      { corners: memory, auxiliary: [{ ...arrays(), corners: new Float32Array(336) }] },
      { code: 'SHAPE', argument: 'call.out.auxiliary[0].corners' },
      /outputs\.auxiliary\[0\] has none/,
    ],
    [
      'that are the corners',
      { corners: layer.corners.data },
      { code: 'RANGE', argument: 'call.out.corners' },
      /overlaps outputs\.corners/,
    ],
    [
      'that are the references',
      { corners: memory, boxes: layer.references.data },
      { code: 'RANGE', argument: 'call.out.boxes' },
      /overlaps outputs\.references/,
    ],
    [
      'that overlap each other',
      { corners: memory, logits: memory.subarray(100, 160) },
      { code: 'RANGE', argument: 'call.out.corners' },
      /overlaps call\.out\.logits/,
    ],
  ])('%s are refused', (_, extra, details, message) => {
    const call = untyped<CallOptions>({ out: { ...arrays(), auxiliary: [arrays()], ...extra } })
    const error = errorOf(() => criterion.compute(outputs, targets, call))
    expect(error).toMatchObject(details)
    expect(error.message).toMatch(message)
  })

  test('for corners that none has are refused', () => {
    const error = errorOf(() => criterion.compute(head, targets, { out: { ...arrays(), corners: memory } }))
    expect(error).toMatchObject({ code: 'SHAPE', argument: 'call.out.corners' })
  })
})

describe('corners: is refused with its place:', () => {
  const layer = edgedLayer(10)
  const changed = (name: 'corners' | 'references', at: number, value: number) => {
    const data = layer[name].data.slice()
    data[at] = value
    return { [name]: { ...layer[name], data } }
  }
  const second = { image: 1, query: 2, layer: 0 }
  test.each<[string, object, object, RegExp]>([
    [
      'corners without references',
      { references: undefined },
      { code: 'DTYPE', argument: 'outputs.references' },
      /got undefined/,
    ],
    ['references without corners', { corners: undefined }, { code: 'SHAPE', argument: 'outputs.references' }, /absent/],
    ['corners that are no tensor', { corners: 5 }, { code: 'DTYPE', argument: 'outputs.corners' }, /got 5/],
    [
      'another number of bins',
      { corners: { data: new Float32Array(2 * 6 * 132), shape: [2, 6, 132] } },
      { code: 'SHAPE', argument: 'outputs.corners' },
      /expected shape \[2, 6, 28\], got \[2, 6, 132\]/,
    ],
    [
      'references of another shape',
      { references: { data: new Float32Array(24), shape: [2, 3, 4] } },
      { code: 'SHAPE', argument: 'outputs.references' },
      /\[2, 6, 4\]/,
    ],
    [
      'corners of a range of queries',
      { denoising: { queries: [0, 2], corners: layer.corners } },
      { code: 'SHAPE', argument: 'outputs.denoising.corners' },
      /range of queries/,
    ],
    [
      'a pupil without a teacher',
      { corners: undefined, references: undefined, auxiliary: [layer] },
      { code: 'SHAPE', argument: 'outputs.corners' },
      /earlier layer has corners/,
    ],
  ])('%s', (_, extra, details, message) => {
    for (const stage of ['compute', 'match', 'cost'] as const) {
      const error = errorOf(() => criterion[stage](untyped<Outputs>({ ...layer, ...extra }), targets))
      expect(error).toMatchObject(details)
      expect(error.message).toMatch(message)
    }
  })

  test.each<[string, object, object, RegExp]>([
    [
      'a score that is NaN',
      changed('corners', 8 * WIDTH + 15, NaN),
      { code: 'NON_FINITE', argument: 'outputs.corners', ...second },
      /NaN at layer 0, image 1, query 2, edge 2, bin 1/,
    ],
    [
      'a reference that is infinite',
      changed('references', 8 * 4 + 3, Infinity),
      { code: 'NON_FINITE', argument: 'outputs.references', ...second },
      /Infinity .*component 3/,
    ],
    [
      'a reference below 0 in size',
      changed('references', 8 * 4 + 2, -1),
      { code: 'RANGE', argument: 'outputs.references', ...second },
      /-1 at .*must not be negative/,
    ],
  ])('%s', (_, extra, details, message) => {
    const error = errorOf(() => criterion.compute({ ...layer, ...extra }, targets))
    expect(error).toMatchObject(details)
    expect(error.message).toMatch(message)
  })

  test('but left out and counted on demand', () => {
    const loss = dFine({ nonFinite: 'worst' })
    const bad = { ...layer, ...changed('corners', 8 * WIDTH + 15, NaN), ...changed('references', 0, Infinity) }
    const result = loss.compute({ ...layer, auxiliary: [bad] }, targets)
    expect(result.nonFinite).toEqual(countsOf({ corners: 1, references: 1 }))
    expect(result.loss).toBeGreaterThan(0)
    const { corners } = result.gradients!.auxiliary![0]!
    expect(corners!.every(Number.isFinite)).toBe(true)
    for (const query of [0, 8]) {
      expect(corners!.subarray(query * WIDTH, (query + 1) * WIDTH).every((value) => value === 0)).toBe(true)
    }
  })
})

test.each(['outputs', 'targets'])(
  'corners: boxes that they need are missed in %s, beside spans that tell how well pairs agree',
  (side) => {
    const weights = { l1: 0, giou: 0, spanL1: 1 }
    const ofSpans = dFine({ cost: weights, weights, boxMatching: 'layer' })
    const { boxes, ...layer } = edgedLayer(3)
    const spans = { data: new Float32Array(2 * 6 * 2).fill(0.3), shape: [2, 6, 2] }
    const spanned = targets.map(({ labels }) => ({ labels, spans: Array.from(labels, () => [0.3, 0.2]) }))
    const outputs = side === 'outputs' ? { ...layer, spans } : { ...layer, boxes, spans }
    const error = errorOf(() => ofSpans.compute(untyped(outputs), untyped(spanned)))
    expect(error).toMatchObject({ code: 'SHAPE', argument: `${side}.boxes` })
    const without = dFine({ cost: weights, weights: { ...weights, fgl: 0, ddf: 0 }, boxMatching: 'layer' })
    const { gradients } = without.compute(untyped(outputs), untyped(spanned)) as { gradients: Gradients }
    expect(gradients.corners?.every((value) => value === 0)).toBe(true)
  },
)
