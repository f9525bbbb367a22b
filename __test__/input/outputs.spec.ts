import { describe, expect, test } from 'vitest'
import { HungarianLoss } from '../../src/index.ts'
import type { Outputs } from '../../src/index.ts'
import { errorOf, tiny, untyped } from '../support/helpers.ts'

const criterion = HungarianLoss.detr({ numClasses: 2 })
const zeros = (...shape: number[]) => ({ data: new Float32Array(shape.reduce((a, b) => a * b, 1)), shape })
const logits = zeros(2, 3, 3)
const boxes = zeros(2, 3, 4)
const none = { labels: [], boxes: [] }

describe('readPredictions: outputs are refused:', () => {
  test.each<[string, unknown, object, RegExp]>([
    ['undefined', undefined, { code: 'DTYPE', argument: 'outputs' }, /\{ logits, boxes \}, got undefined/],
    ['null', null, { code: 'DTYPE', argument: 'outputs' }, /null/],
    ['a number', 1, { code: 'DTYPE', argument: 'outputs' }, /got 1/],
    ['an array of layers', [{ logits, boxes }], { code: 'DTYPE', argument: 'outputs' }, /array/],
    ['without logits', { boxes }, { code: 'DTYPE', argument: 'outputs.logits' }, /undefined/],
    ['without boxes', { logits }, { code: 'DTYPE', argument: 'outputs.boxes' }, /undefined/],
    [
      'logits of rank 2',
      { logits: zeros(6, 3), boxes },
      { code: 'SHAPE', argument: 'outputs.logits' },
      /\[B, Q, C\] or \[L, B, Q, C\], got \[6, 3\]/,
    ],
    [
      'logits of rank 5',
      { logits: zeros(1, 1, 2, 3, 3), boxes },
      { code: 'SHAPE', argument: 'outputs.logits' },
      /\[1, 1, 2, 3, 3\]/,
    ],
    [
      'logits of rank 0',
      { logits: { data: [1], shape: [] }, boxes },
      { code: 'SHAPE', argument: 'outputs.logits' },
      /\[\]/,
    ],
    [
      'no layers',
      { logits: zeros(0, 2, 3, 3), boxes: zeros(0, 2, 3, 4) },
      { code: 'SHAPE', argument: 'outputs.logits' },
      /at least one layer/,
    ],
    [
      'logits without a no-object column',
      { logits: zeros(2, 3, 2), boxes },
      { code: 'SHAPE', argument: 'outputs.logits' },
      /expected C = numClasses \+ 1 = 3, got 2/,
    ],
    [
      'boxes of rank 4 with logits of rank 3',
      { logits, boxes: zeros(1, 2, 3, 4) },
      { code: 'SHAPE', argument: 'outputs.boxes' },
      /expected shape \[2, 3, 4\], got \[1, 2, 3, 4\]/,
    ],
    [
      'boxes of other images',
      { logits, boxes: zeros(1, 3, 4) },
      { code: 'SHAPE', argument: 'outputs.boxes' },
      /\[2, 3, 4\], got \[1, 3, 4\]/,
    ],
    [
      'boxes of other queries',
      { logits, boxes: zeros(2, 2, 4) },
      { code: 'SHAPE', argument: 'outputs.boxes' },
      /got \[2, 2, 4\]/,
    ],
    [
      'boxes of 5 numbers',
      { logits, boxes: zeros(2, 3, 5) },
      { code: 'SHAPE', argument: 'outputs.boxes' },
      /got \[2, 3, 5\]/,
    ],
    [
      'boxes of other layers',
      { logits: zeros(2, 2, 3, 3), boxes: zeros(3, 2, 3, 4) },
      { code: 'SHAPE', argument: 'outputs.boxes' },
      /got \[3, 2, 3, 4\]/,
    ],
    [
      'boxes too short',
      { logits, boxes: { data: new Float32Array(23), shape: [2, 3, 4] } },
      { code: 'SHAPE', argument: 'outputs.boxes' },
      /expected 24 values for \[2, 3, 4\], got 23/,
    ],
    [
      'boxes of integers',
      { logits, boxes: { data: new Uint8Array(24), shape: [2, 3, 4] } },
      { code: 'DTYPE', argument: 'outputs.boxes' },
      /Uint8Array/,
    ],
    [
      'with masks of other queries',
      { logits, boxes, masks: zeros(2, 4, 8, 8) },
      { code: 'SHAPE', argument: 'outputs.masks' },
      /expected shape \[2, 3, height, width\], got \[2, 4, 8, 8\]/,
    ],
    [
      'auxiliary that is no array',
      { logits, boxes, auxiliary: { logits, boxes } },
      { code: 'DTYPE', argument: 'outputs.auxiliary' },
      /array/,
    ],
    ['auxiliary of null', { logits, boxes, auxiliary: null }, { code: 'DTYPE', argument: 'outputs.auxiliary' }, /null/],
    [
      'stacked and with auxiliary',
      { logits: zeros(2, 2, 3, 3), boxes: zeros(2, 2, 3, 4), auxiliary: [{ logits, boxes }] },
      { code: 'SHAPE', argument: 'outputs.auxiliary' },
      /stacked/,
    ],
    [
      'an auxiliary layer of null',
      { logits, boxes, auxiliary: [null] },
      { code: 'DTYPE', argument: 'outputs.auxiliary[0]' },
      /null/,
    ],
    [
      'an auxiliary layer without boxes',
      { logits, boxes, auxiliary: [{ logits }] },
      { code: 'DTYPE', argument: 'outputs.auxiliary[0].boxes' },
      /undefined/,
    ],
    [
      'an auxiliary layer of another shape',
      {
        logits,
        boxes,
        auxiliary: [
          { logits, boxes },
          { logits: zeros(2, 4, 3), boxes },
        ],
      },
      { code: 'SHAPE', argument: 'outputs.auxiliary[1].logits' },
      /expected shape \[2, 3, 3\], got \[2, 4, 3\]/,
    ],
    [
      'auxiliary boxes of another shape',
      { logits, boxes, auxiliary: [{ logits, boxes: zeros(2, 3, 3) }] },
      { code: 'SHAPE', argument: 'outputs.auxiliary[0].boxes' },
      /expected shape \[2, 3, 4\], got \[2, 3, 3\]/,
    ],
    [
      'an auxiliary layer with layers of its own',
      { logits, boxes, auxiliary: [{ logits, boxes, auxiliary: [] }] },
      { code: 'SHAPE', argument: 'outputs.auxiliary[0].auxiliary' },
      /of its own/,
    ],
    [
      'auxiliary masks',
      { logits, boxes, auxiliary: [{ logits, boxes, masks: 1 }] },
      { code: 'DTYPE', argument: 'outputs.auxiliary[0].masks' },
      /got 1/,
    ],
  ])('%s', (_, outputs, details, message) => {
    for (const stage of ['compute', 'match', 'cost'] as const) {
      const error = errorOf(() => criterion[stage](untyped<Outputs>(outputs), [none, none]))
      expect(error).toMatchObject(details)
      expect(error.message).toMatch(message)
    }
  })
})

test('auxiliary: no auxiliary layers may be said in three ways', () => {
  const batch = tiny()
  const one = HungarianLoss.detr({ numClasses: 1 })
  const { loss } = one.compute(batch.outputs, batch.targets)
  expect(one.compute({ ...batch.outputs, auxiliary: [] }, batch.targets).loss).toBe(loss)
  expect(one.compute({ ...batch.outputs, auxiliary: undefined }, batch.targets).loss).toBe(loss)
})

describe('readPredictions: empty sizes are sizes:', () => {
  test('no images', () => {
    const result = criterion.compute({ logits: zeros(0, 3, 3), boxes: zeros(0, 3, 4) }, [])
    expect(result.matches).toEqual([])
    expect(result.gradients!.logits.length).toBe(0)
  })

  test('no queries', () => {
    const result = criterion.compute({ logits: zeros(1, 0, 3), boxes: zeros(1, 0, 4) }, [
      { labels: [1], boxes: [0.5, 0.5, 0.1, 0.1] },
    ])
    expect([...result.matches[0]!.unmatchedTargets]).toEqual([0])
    expect(result.gradients!.boxes.length).toBe(0)
  })
})

describe('readPredictions: a wrong shape is said to be what it looks like:', () => {
  const one = HungarianLoss.detr({ numClasses: 4 })
  const tensor = (...shape: number[]) => ({ data: new Float32Array(shape.reduce((a, b) => a * b)), shape })
  const good = { logits: tensor(1, 6, 5), boxes: tensor(1, 6, 4) }
  test.each<[string, object, RegExp]>([
    [
      'logits [B, C, Q]',
      { logits: tensor(2, 5, 6) },
      /C = numClasses \+ 1 = 5, got 6 .*axis 1 has 5.*transpose them to \[B, Q, C\]/,
    ],
    ['stacked logits [L, B, C, Q]', { logits: tensor(3, 2, 5, 6) }, /axis 2 has 5/],
    ['logits without a batch axis', { logits: tensor(6, 5) }, /batch axis is missing.*\[1, 6, 5\]/],
    ['logits without no-object', { logits: tensor(1, 6, 4) }, /one column more, for no-object/],
    [
      'boxes [B, 4, Q]',
      { boxes: tensor(1, 4, 6) },
      /expected shape \[1, 6, 4\], got \[1, 4, 6\]; axes 1 and 2 have changed places/,
    ],
    ['boxes without a batch axis', { boxes: tensor(6, 4) }, /the batch axis is missing.*\[1, 6, 4\]/],
    ['boxes [Q, B, 4]', { boxes: tensor(6, 1, 4) }, /axes 0 and 1 have changed places/],
    ['boxes of 5 numbers', { boxes: tensor(1, 6, 5) }, /got \[1, 6, 5\]$/],
  ])('%s', (_, change, message) => {
    const error = errorOf(() => one.compute({ ...good, ...change }, []))
    expect(error.code).toBe('SHAPE')
    expect(error.message).toMatch(message)
  })

  test('images and queries in one axis', () => {
    const rows = { logits: tensor(12, 5), boxes: tensor(12, 4) }
    const none = { labels: [], boxes: [] }
    const told = (outputs: object, images: number) =>
      errorOf(() =>
        one.compute(
          untyped(outputs),
          Array.from({ length: images }, () => none),
        ),
      ).message
    expect(told(rows, 2)).toMatch(/batch axis is missing: 2 images have the shape \[2, 6, 5\]$/)
    expect(told(rows, 1)).toMatch(/a single image has the shape \[1, 12, 5\]$/)
    expect(told(rows, 5)).toMatch(/a single image has the shape \[1, 12, 5\]$/)
    expect(told({ ...rows, logits: tensor(2, 6, 5) }, 2)).toMatch(/queries are one: give it the shape \[2, 6, 4\]$/)
  })
})

describe('readPredictions: sizes without any data', () => {
  const one = HungarianLoss.detr({ numClasses: 1 })
  const stacked = (...sizes: number[]) => ({
    logits: { data: new Float32Array(0), shape: [...sizes, 2] },
    boxes: { data: new Float32Array(0), shape: [...sizes, 4] },
  })
  const none = (images: number) => Array.from({ length: images }, () => ({ labels: [], boxes: [] }))

  /** How many times as long ten times the size takes: the least of a few, for other processes hold it up, too. */
  const growth = (size: number, call: (size: number) => void) => {
    const least = [Infinity, Infinity] as [number, number]
    for (let i = 0; i < 10 && !(i > 0 && least[1] < 30 * least[0]); i++) {
      for (const which of [0, 1] as const) {
        const start = performance.now()
        call(which === 0 ? size : 10 * size)
        least[which] = Math.min(least[which], performance.now() - start)
      }
    }
    return least[1] / least[0]
  }

  test('take no time that grows faster than the layers', () => {
    const grown = growth(10_000, (layers) => {
      expect(one.compute(stacked(layers, 0, 5), []).layers.length).toBe(layers)
      expect(one.match(stacked(layers, 0, 5), []).layers.length).toBe(layers)
    })
    expect(grown).toBeLessThan(30)
  })

  test('arrays for the gradients of many layers are compared in no time that grows faster, either', () => {
    const empty = () => ({ logits: new Float32Array(0), boxes: new Float32Array(0) })
    const grown = growth(3000, (length) => {
      const auxiliary = Array.from({ length }, () => stacked(0, 5))
      one.compute({ ...stacked(0, 5), auxiliary }, [], { out: { ...empty(), auxiliary: auxiliary.map(empty) } })
    })
    expect(grown).toBeLessThan(30)
  })

  test.each<[string, () => unknown, object]>([
    ['of layers', () => one.compute(stacked(2 ** 31 - 1, 0, 5), []), { code: 'SHAPE', argument: 'outputs.logits' }],
    [
      'of layers and images',
      () => one.compute(stacked(100_000, 1000, 0), none(1000)),
      { code: 'SHAPE', argument: 'outputs' },
    ],
    ['of images', () => one.compute(stacked(2 ** 31 - 1, 0), []), { code: 'SHAPE' }],
    [
      'of further parts',
      () => one.match({ ...stacked(2 ** 20, 0, 5), encoder: stacked(2, 0, 5) }, []),
      { code: 'SHAPE' },
    ],
  ])('are refused beyond what is of use: %s', (_, call, details) => {
    const start = performance.now()
    expect(errorOf(call)).toMatchObject(details)
    expect(performance.now() - start).toBeLessThan(20_000)
  })

  test('of queries are none', () => {
    expect(one.compute(stacked(1, 0, 2 ** 31 - 1), []).loss).toBe(0)
    expect(one.compute({ ...stacked(1, 0), groups: 2 ** 31 - 1 }, none(1)).loss).toBe(0)
  })
})
