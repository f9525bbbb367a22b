import { describe, expect, test } from 'vitest'
import { HungarianLoss } from '../../src/index.ts'
import type { Gradients, Outputs, Target } from '../../src/index.ts'
import { bitsOf, errorOf, expectClose, imageOf, randomLayer, randomTargets, tiny, untyped } from '../support/helpers.ts'

const criterion = HungarianLoss.detr({ numClasses: 4 })

/** Several layers as one tensor of rank 4. */
function stack(layers: readonly ReturnType<typeof randomLayer>[]): Outputs {
  const join = (name: 'logits' | 'boxes') => ({
    data: Float32Array.from(layers.flatMap((layer) => [...layer[name].data])),
    shape: [layers.length, ...layers[0]![name].shape],
  })
  return { logits: join('logits'), boxes: join('boxes') }
}

describe('compute: the same bits', () => {
  const shape = { images: 4, queries: 7, targets: [3, 0, 9, 1] }
  const layers = [randomLayer(1, shape), randomLayer(2, shape), randomLayer(3, shape)]
  const targets = randomTargets(1, shape)
  const listed = { ...layers[2]!, auxiliary: layers.slice(0, 2) }

  test('come from layers stacked and listed', () => {
    const a = criterion.compute(stack(layers), targets)
    const b = criterion.compute(listed, targets)
    expect(a.loss).toBe(b.loss)
    expect(
      a.layers.map(({ terms, matches, metrics, classNormalizer }) => ({ terms, matches, metrics, classNormalizer })),
    ).toEqual(
      b.layers.map(({ terms, matches, metrics, classNormalizer }) => ({ terms, matches, metrics, classNormalizer })),
    )
    const { auxiliary, ...final } = b.gradients as Gradients
    for (const name of ['logits', 'boxes'] as const) {
      expect(bitsOf(a.gradients![name])).toBe([...auxiliary!, final].map((layer) => bitsOf(layer[name])).join(''))
    }
    expect(a.gradients!.auxiliary).toBeUndefined()
    expect(criterion.cost(stack(layers), targets)).toEqual(criterion.cost(listed, targets))
  })

  test('come from a batch whole and split by image', () => {
    const [layer] = layers as [ReturnType<typeof randomLayer>]
    const whole = criterion.compute(layer, targets)
    const { numBoxes, classNormalizer } = whole.normalizers
    const call = { numBoxes, classNormalizer }
    targets.forEach((target, image) => {
      const part = criterion.compute(imageOf(layer, image), [target], call)
      expect(part.matches[0]).toEqual(whole.matches[image])
      expect(part.normalizers).toMatchObject(call)
      for (const name of ['logits', 'boxes'] as const) {
        const size = part.gradients![name].length
        expect(bitsOf(part.gradients![name])).toBe(
          bitsOf(whole.gradients![name].subarray(image * size, (image + 1) * size)),
        )
      }
    })
    const parts = targets.map((target, image) => criterion.compute(imageOf(layer, image), [target], call))
    for (const term of ['class', 'l1', 'giou'] as const) {
      expectClose(
        parts.reduce((sum, part) => sum + part.terms[term], 0),
        whole.terms[term],
        1e-12,
      )
    }
  })

  test('come from every call', () => {
    const first = criterion.compute(listed, targets)
    const second = HungarianLoss.detr({ numClasses: 4 }).compute(listed, targets)
    expect(second.loss).toBe(first.loss)
    expect(second.gradients).toEqual(first.gradients)
  })

  test('come from a criterion that has just refused a batch', () => {
    const bad = structuredClone(layers[0]!)
    bad.logits.data.fill(NaN, 100)
    const before = criterion.compute(listed, targets)
    errorOf(() => criterion.compute(bad, targets))
    expect(criterion.compute(listed, targets).gradients).toEqual(before.gradients)
  })
})

test('compute: inputs are never written to', () => {
  const layer = randomLayer(4)
  const target: Target[] = [
    { labels: Int32Array.of(1, 2), boxes: Float32Array.of(0.5, 0.5, 0.1, 0.1, 0.4, 0.4, 0.2, 0.2) },
    { labels: [3], boxes: [[0.5, 0.5, 0.1, 0.1]] },
  ]
  const inputs = [{ ...layer, auxiliary: [randomLayer(5)] }, target] as const
  const before = structuredClone(inputs)
  criterion.compute(...inputs)
  criterion.match(...inputs)
  criterion.cost(...inputs)
  expect(inputs).toEqual(before)
})

test('compute: frozen inputs are fine', () => {
  const { outputs, targets } = tiny()
  const frozen = Object.freeze({
    logits: Object.freeze({ data: outputs.logits.data, shape: Object.freeze([1, 1, 2]) }),
    boxes: Object.freeze({ data: outputs.boxes.data, shape: Object.freeze([1, 1, 4]) }),
  })
  const target = Object.freeze({ labels: Object.freeze([0]), boxes: Object.freeze([0.4, 0.5, 0.2, 0.2]) })
  const one = HungarianLoss.detr({ numClasses: 1 })
  expect(one.compute(frozen, Object.freeze([target])).loss).toBe(one.compute(outputs, targets as Target[]).loss)
})

test('compute: gradients are those that small changes of the inputs show', () => {
  const shape = { images: 2, queries: 5, targets: [2, 3] }
  const outputs = randomLayer(6, shape)
  const targets = randomTargets(6, shape)
  const { loss, gradients } = criterion.compute(outputs, targets)
  const step = 2 ** -9
  let kinks = 0
  for (const name of ['logits', 'boxes'] as const) {
    const { data } = outputs[name]
    data.forEach((value, i) => {
      const slopes = [step, -step].map((change) => {
        data[i] = value + change
        return (criterion.compute(outputs, targets, { gradients: false }).loss - loss) / change
      }) as [number, number]
      data[i] = value
      if (Math.abs(slopes[0] - slopes[1]) > 0.1) kinks++
      else expect(Math.abs((slopes[0] + slopes[1]) / 2 - gradients![name][i]!)).toBeLessThan(0.01)
    })
  }
  expect(kinks).toBeLessThan(5)
})

/** To multiples that float32 holds exactly, also after a change of format. */
const round = (value: number) => Math.round(64 * value) / 64

const toCorners = ([x, y, w, h]: ArrayLike<number> & Iterable<number>) => [
  x! - w! / 2,
  y! - h! / 2,
  x! + w! / 2,
  y! + h! / 2,
]

test('compute: boxes as corners give what they give as centre and size', () => {
  const shape = { images: 2, queries: 6, targets: [3, 5] }
  const centred = randomLayer(20, shape)
  const targets = randomTargets(20, shape)
  const cornered = structuredClone(centred)
  for (let i = 0; i < centred.boxes.data.length; i += 4) {
    centred.boxes.data.set(centred.boxes.data.slice(i, i + 4).map(round), i)
    cornered.boxes.data.set(toCorners(centred.boxes.data.slice(i, i + 4)), i)
  }
  const rounded = targets.map(({ labels, boxes }) => ({ labels, boxes: boxes.map((box) => box.map(round)) }))
  const options = { numClasses: 4, normalizedBoxes: false, cost: { l1: 0 }, weights: { l1: 0 } }
  const a = HungarianLoss.detr(options).compute(centred, rounded)
  const b = HungarianLoss.detr({ ...options, boxFormat: 'xyxy' }).compute(
    cornered,
    rounded.map(({ labels, boxes }) => ({ labels, boxes: boxes.map(toCorners) })),
  )
  expect(b.matches).toEqual(a.matches)
  expectClose(b.terms.giou, a.terms.giou, 1e-12)
  expectClose(b.loss, a.loss, 1e-12)
  for (let i = 0; i < 48; i += 4) {
    const [x0, y0, x1, y1] = b.gradients!.boxes.subarray(i, i + 4) as unknown as [number, number, number, number]
    const expected = [x0 + x1, y0 + y1, (x1 - x0) / 2, (y1 - y0) / 2]
    expected.forEach((value, k) => expectClose(a.gradients!.boxes[i + k]!, value, 1e-5))
  }
})

test('compute: faults are reported in order: call, shapes, labels, target boxes, predictions', () => {
  const outputs = randomLayer(9)
  outputs.boxes.data.fill(NaN)
  const targets: Target[] = [
    { labels: [0], boxes: [[0, 0, -1, 0]] },
    { labels: [0.5], boxes: [[0, 0, 1]] },
  ]
  const compute = (call?: unknown) => errorOf(() => criterion.compute(outputs, targets, untyped(call)))
  expect(compute({ numBoxes: 0 })).toMatchObject({ argument: 'call.numBoxes' })
  expect(compute()).toMatchObject({ code: 'SHAPE', argument: 'targets[1].boxes' })
  targets[1] = { labels: [0.5], boxes: [[0.5, 0.5, 0.1, 0.1]] }
  expect(compute()).toMatchObject({ code: 'RANGE', argument: 'targets[1].labels' })
  targets[1] = { labels: [4], boxes: [[0.5, 0.5, 0.1, 0.1]] }
  expect(compute()).toMatchObject({ code: 'RANGE', argument: 'targets[1].labels' })
  targets[1] = { labels: [3], boxes: [[0.5, 0.5, 0.1, 0.1]] }
  expect(compute()).toMatchObject({ code: 'RANGE', argument: 'targets[0].boxes' })
  targets[0] = { labels: [3], boxes: [[0.5, 0.5, 0.1, 0.1]] }
  expect(compute()).toMatchObject({ code: 'NON_FINITE', argument: 'outputs.boxes' })
})

/** Three layers, the second one changed. */
function at(seed: number, change: (layer: ReturnType<typeof randomLayer>) => void): Outputs {
  const layer = randomLayer(seed)
  change(layer)
  return { ...randomLayer(seed + 1), auxiliary: [randomLayer(seed + 2), layer] }
}

describe('compute: predictions that are refused name their place:', () => {
  test.each<[string, Outputs, object]>([
    [
      'a NaN logit',
      at(10, ({ logits }) => (logits.data[5 * 7 + 2] = NaN)),
      { code: 'NON_FINITE', argument: 'outputs.logits', layer: 1, image: 1, query: 1 },
    ],
    [
      'an infinite logit',
      at(11, ({ logits }) => (logits.data[5 * 3] = -Infinity)),
      { code: 'NON_FINITE', argument: 'outputs.logits', layer: 1, image: 0, query: 3 },
    ],
    [
      'an infinite box',
      at(12, ({ boxes }) => (boxes.data[4 * 5 + 3] = Infinity)),
      { code: 'NON_FINITE', argument: 'outputs.boxes', layer: 1, image: 0, query: 5 },
    ],
    [
      'a negative width',
      at(13, ({ boxes }) => (boxes.data[4 * 11 + 2] = -0.25)),
      { code: 'RANGE', argument: 'outputs.boxes', layer: 1, image: 1, query: 5 },
    ],
  ])('%s', (_, outputs, details) => {
    for (const stage of ['compute', 'match', 'cost'] as const) {
      expect(errorOf(() => criterion[stage](outputs, randomTargets(1)))).toMatchObject(details)
    }
  })
})

const shown = (value: unknown) =>
  typeof value === 'symbol'
    ? 'a symbol'
    : `${typeof value} ${JSON.stringify(value, (_, v) => (typeof v === 'bigint' ? `${v}n` : v))}`

describe('compute: nothing crashes:', () => {
  const values = [
    undefined,
    null,
    NaN,
    -1,
    1e300,
    '',
    'x',
    7n,
    true,
    [],
    [[]],
    [null],
    {},
    { data: [] },
    { shape: [] },
    () => 1,
    Symbol('s'),
    new Map(),
    new Float32Array(3),
    new ArrayBuffer(8),
  ]
  test.each(values.map((value) => [shown(value), value]))('%s in any place gives a typed error', (_, value) => {
    const one = HungarianLoss.detr({ numClasses: 1 })
    const bad = untyped<never>(value)
    const places: ((batch: ReturnType<typeof tiny>) => void)[] = [
      ({ outputs }) => (outputs.logits = bad),
      ({ outputs }) => (outputs.logits.data = bad),
      ({ outputs }) => (outputs.boxes.shape = bad),
      ({ outputs }) => (outputs.boxes.shape[1] = bad),
      ({ outputs }) => (outputs.boxes.data = bad),
      ({ outputs }) => (outputs.boxes.data = [0.5, 0.5, 0.1, bad]),
      ({ targets }) => (targets[0] = bad),
      ({ targets }) => (targets[0]!.labels = bad),
      ({ targets }) => (targets[0]!.labels = [bad]),
      ({ targets }) => (targets[0]!.boxes = bad),
      ({ targets }) => (targets[0]!.boxes = [bad]),
      ({ targets }) => (targets[0]!.boxes = [0.5, 0.5, bad, 0.1]),
    ]
    for (const place of places) {
      for (const stage of ['compute', 'match', 'cost'] as const) {
        const { outputs, targets } = tiny()
        const batch = { outputs, targets }
        place(batch)
        const error = errorOf(() => one[stage](batch.outputs, batch.targets as Target[]))
        expect(error.code, `${place}`).not.toBe('INTERNAL')
        expect(error.argument, `${place}`).toMatch(/^(outputs|targets)/)
      }
    }
  })

  test('a getter that takes memory away meanwhile', () => {
    const { outputs } = tiny()
    const target = {
      labels: [0],
      get boxes() {
        structuredClone(outputs.logits.data.buffer, { transfer: [outputs.logits.data.buffer] })
        return [0.4, 0.5, 0.2, 0.2]
      },
    }
    expect(errorOf(() => HungarianLoss.detr({ numClasses: 1 }).compute(outputs, [target])).code).toMatch(
      /SHAPE|INTERNAL/,
    )
  })

  test('the largest sizes that a shape can name', () => {
    const huge = 2 ** 31 - 1
    const outputs = { logits: { data: [], shape: [huge, 0, huge, 2] }, boxes: { data: [], shape: [huge, 0, huge, 4] } }
    expect(errorOf(() => HungarianLoss.detr({ numClasses: 1 }).compute(outputs, []))).toMatchObject({
      code: 'SHAPE',
      argument: 'outputs.logits',
    })
  })
})
