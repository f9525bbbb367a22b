import { describe, expect, test } from 'vitest'
import { HungarianLoss } from '../../src/index.ts'
import type { CallOptions } from '../../src/index.ts'
import { bitsOf, errorOf, randomLayer, randomTargets, untyped } from '../support/helpers.ts'

const criterion = HungarianLoss.detr({ numClasses: 4 })
const targets = randomTargets(1)
const single = randomLayer(1)
const listed = { ...single, auxiliary: [randomLayer(2), randomLayer(3)] }
const buffers = () => ({ logits: new Float32Array(60).fill(NaN), boxes: new Float32Array(48).fill(NaN) })

test('out: gradients are written to the caller’s arrays, whatever these held', () => {
  const out = buffers()
  const { gradients } = criterion.compute(single, targets, { out })
  expect(gradients!.logits).toBe(out.logits)
  expect(gradients!.boxes).toBe(out.boxes)
  const expected = criterion.compute(single, targets).gradients!
  expect(bitsOf(out.logits)).toBe(bitsOf(expected.logits))
  expect(bitsOf(out.boxes)).toBe(bitsOf(expected.boxes))
  criterion.compute(single, targets, { out })
  expect(bitsOf(out.logits)).toBe(bitsOf(expected.logits))
})

test('out: gradients of listed layers go to a list of arrays', () => {
  const out = { ...buffers(), auxiliary: [buffers(), buffers()] }
  const { gradients } = criterion.compute(listed, targets, { out })
  const expected = criterion.compute(listed, targets).gradients!
  for (const [i, { boxes }] of gradients.auxiliary!.entries()) expect(boxes).toBe(out.auxiliary[i]!.boxes)
  expect(gradients).toEqual(expected)
  expect(gradients!.auxiliary![1]!.logits).toBe(out.auxiliary[1]!.logits)
})

describe('out: of arrays that are longer than the batch', () => {
  const long = () => ({ logits: new Float32Array(100).fill(7), boxes: new Float32Array(64).fill(7) })

  test('the first part is written, and the result has views of it', () => {
    const out = { ...long(), auxiliary: [buffers(), long()] }
    const { gradients } = criterion.compute(listed, targets, { out })
    expect(gradients).toEqual(criterion.compute(listed, targets).gradients)
    expect(gradients.logits.buffer).toBe(out.logits.buffer)
    expect(gradients.auxiliary![1]!.boxes.buffer).toBe(out.auxiliary[1]!.boxes.buffer)
    expect(gradients.auxiliary![0]!.boxes).toBe(out.auxiliary[0]!.boxes)
    expect(out.logits.subarray(60).every((value) => value === 7)).toBe(true)
    expect(out.boxes.subarray(48).every((value) => value === 7)).toBe(true)
  })

  test('a smaller last batch goes to the arrays of the one before, and back to them', () => {
    const { gradients: out } = criterion.compute(single, targets)
    const small = randomLayer(5, { images: 1 })
    const { gradients } = criterion.compute(small, [targets[0]!], { out })
    expect(gradients).toEqual(criterion.compute(small, [targets[0]!]).gradients)
    expect([gradients.logits.length, gradients.boxes.length]).toEqual([30, 24])
    expect(criterion.compute(single, targets, { out }).gradients.logits).toBe(out.logits)
    expect(out).toEqual(criterion.compute(single, targets).gradients)
  })

  test('stacked layers lie one after the other from the start', () => {
    const stack = ({ logits, boxes }: typeof single) => ({
      logits: { data: logits.data, shape: [2, 1, 6, 5] },
      boxes: { data: boxes.data, shape: [2, 1, 6, 4] },
    })
    const { gradients } = criterion.compute(stack(single), [targets[0]!], { out: long() })
    expect(gradients).toEqual(criterion.compute(stack(single), [targets[0]!]).gradients)
  })

  test('only what is written must not overlap', () => {
    const memory = new Float32Array(200)
    const out = { logits: memory, boxes: memory.subarray(60) }
    const { gradients } = criterion.compute(single, targets, { out })
    expect(gradients).toEqual(criterion.compute(single, targets).gradients)
    const overlapping = { logits: memory, boxes: memory.subarray(59) }
    expect(errorOf(() => criterion.compute(single, targets, { out: overlapping }))).toMatchObject({
      code: 'RANGE',
      argument: 'call.out.boxes',
    })
    const input = new Float32Array(48 + 60)
    input.set(single.boxes.data, 60)
    const boxes = { ...single.boxes, data: input.subarray(60) }
    criterion.compute({ ...single, boxes }, targets, { out: { ...buffers(), logits: input } })
    expect([...input.subarray(60)]).toEqual([...single.boxes.data])
    const shifted = { ...buffers(), logits: input.subarray(1) }
    expect(errorOf(() => criterion.compute({ ...single, boxes }, targets, { out: shifted })).message).toMatch(
      /call\.out\.logits: overlaps outputs\.boxes/,
    )
  })
})

test('out: gradients of other arrays are other gradients, also where one array stays', () => {
  const first = buffers()
  const { gradients } = criterion.compute(single, targets, { out: first })
  const second = { ...first, boxes: new Float32Array(48) }
  expect(criterion.compute(single, targets, { out: second }).gradients.boxes).toBe(second.boxes)
  expect(criterion.compute(single, targets, { out: first }).gradients.boxes).toBe(first.boxes)
  expect(gradients.boxes).toBe(first.boxes)
})

test('gradients: without gradients the loss is the same, and there are none', () => {
  const result = criterion.compute(listed, targets, { gradients: false })
  expect(result.gradients).toBeUndefined()
  expect(result.loss).toBe(criterion.compute(listed, targets).loss)
})

test('gradients: what is done to a result harms no later call', () => {
  const { gradients } = criterion.compute(single, targets)
  const expected = bitsOf(gradients.logits)
  Object.defineProperty(gradients, 'logits', { get: () => { throw new Error('no') } }) // prettier-ignore
  expect(bitsOf(criterion.compute(single, targets).gradients.logits)).toBe(expected)
})

test('out: a list that says another length when it is compared with the arrays to write to is refused as such', () => {
  const detached = new Float32Array(1)
  structuredClone(detached.buffer, { transfer: [detached.buffer] })
  const messages = [1, 2, 3, 4, 5, 6].map((honest) => {
    let reads = 0
    const get = (of: object, key: PropertyKey) =>
      key === 'length' && ++reads > honest ? detached : Reflect.get(of, key)
    const [first, second] = targets
    const given = [{ ...first!, boxes: untyped(new Proxy(first!.boxes, { get })) }, second!]
    try {
      criterion.compute(single, given, { out: buffers() })
      return ''
    } catch (error) {
      return (error as Error).message
    }
  })
  expect(messages.filter((message) => message.includes('could not be read'))).toEqual([])
  expect(messages.filter((message) => message.includes('must have a length'))).toHaveLength(1)
})

test('gradients of one result lie in one buffer, which no other result shares', () => {
  const first = criterion.compute(listed, targets).gradients!
  const second = criterion.compute(listed, targets).gradients!
  const { auxiliary, ...final } = first
  const memory = new Set([final, ...auxiliary!].flatMap(({ logits, boxes }) => [logits.buffer, boxes.buffer]))
  expect(memory.size).toBe(1)
  expect(first.logits.buffer).not.toBe(second.logits.buffer)
  expect(first.logits.buffer.byteLength).toBe(3 * 4 * (60 + 48))
})

describe('out: arrays for gradients are refused:', () => {
  const detached = new Float32Array(60)
  structuredClone(detached.buffer, { transfer: [detached.buffer] })
  const within = new Float32Array(200)

  test.each<[string, unknown, object, RegExp]>([
    ['null', null, { code: 'OPTION', argument: 'call.out' }, /null/],
    ['a bare array', new Float32Array(60), { code: 'OPTION', argument: 'call.out' }, /Float32Array/],
    [
      'an unknown key',
      { ...buffers(), mask: 1 },
      { code: 'OPTION', argument: 'call.out.mask' },
      /known are logits, boxes, corners, .*auxiliary/,
    ],
    ['no logits', { boxes: new Float32Array(48) }, { code: 'DTYPE', argument: 'call.out.logits' }, /undefined/],
    ['no boxes', { logits: new Float32Array(60) }, { code: 'DTYPE', argument: 'call.out.boxes' }, /undefined/],
    [
      'float64',
      { ...buffers(), logits: new Float64Array(60) },
      { code: 'DTYPE', argument: 'call.out.logits' },
      /Float64Array/,
    ],
    [
      'plain numbers',
      { ...buffers(), boxes: Array(48).fill(0) },
      { code: 'DTYPE', argument: 'call.out.boxes' },
      /array of 48/,
    ],
    [
      'too short',
      { ...buffers(), logits: new Float32Array(59) },
      { code: 'SHAPE', argument: 'call.out.logits' },
      /expected 60 values or more, got 59/,
    ],
    [
      // the result of a smaller batch has views of the arrays it was given
      'too short, as a view that a smaller batch left',
      { ...buffers(), logits: new Float32Array(60).subarray(0, 30) },
      { code: 'SHAPE', argument: 'call.out.logits' },
      /got 30 \(a view that a smaller batch left\? keep the first batch's arrays\)$/,
    ],
    [
      'too short to the end of their buffer',
      { ...buffers(), logits: new Float32Array(60).subarray(30) },
      { code: 'SHAPE', argument: 'call.out.logits' },
      /got 30$/,
    ],
    ['detached', { ...buffers(), logits: detached }, { code: 'SHAPE', argument: 'call.out.logits' }, /detached/],
    [
      'shared',
      { ...buffers(), logits: new Float32Array(new SharedArrayBuffer(240)) },
      { code: 'DTYPE', argument: 'call.out.logits' },
      /SharedArrayBuffer/,
    ],
    [
      'auxiliary where there is none',
      { ...buffers(), auxiliary: [buffers()] },
      { code: 'SHAPE', argument: 'call.out.auxiliary' },
      /expected 0 entries.*got 1/,
    ],
    [
      'auxiliary that is no array',
      { ...buffers(), auxiliary: 1 },
      { code: 'SHAPE', argument: 'call.out.auxiliary' },
      /got 1/,
    ],
    [
      'the input itself',
      { ...buffers(), logits: single.logits.data },
      { code: 'RANGE', argument: 'call.out.logits' },
      /overlaps outputs\.logits/,
    ],
    [
      'the other input',
      { ...buffers(), boxes: single.boxes.data },
      { code: 'RANGE', argument: 'call.out.boxes' },
      /overlaps outputs\.boxes/,
    ],
    [
      'each other',
      { logits: within.subarray(0, 60), boxes: within.subarray(59, 107) },
      { code: 'RANGE', argument: 'call.out.boxes' },
      /overlaps call\.out\.logits/,
    ],
  ])('%s', (_, out, details, message) => {
    const error = errorOf(() => criterion.compute(single, targets, untyped<CallOptions>({ out })))
    expect(error).toMatchObject(details)
    expect(error.message).toMatch(message)
  })

  test('neighbours in one buffer are not', () => {
    const out = { logits: within.subarray(0, 60), boxes: within.subarray(60, 108) }
    expect(criterion.compute(single, targets, { out }).gradients!.boxes).toBe(out.boxes)
  })

  test('a list that is too short', () => {
    const error = errorOf(() => criterion.compute(listed, targets, { out: { ...buffers(), auxiliary: [buffers()] } }))
    expect(error).toMatchObject({ code: 'SHAPE', argument: 'call.out.auxiliary' })
  })

  test('a layer that is missing from the list', () => {
    const error = errorOf(() =>
      criterion.compute(listed, targets, { out: untyped({ ...buffers(), auxiliary: [buffers(), null] }) }),
    )
    expect(error).toMatchObject({ code: 'DTYPE', argument: 'call.out.auxiliary[1]' })
  })

  test('a layer that is another layer’s input', () => {
    const out = { ...buffers(), auxiliary: [buffers(), { ...buffers(), logits: listed.auxiliary[0]!.logits.data }] }
    const error = errorOf(() => criterion.compute(listed, targets, { out }))
    expect(error).toMatchObject({ code: 'RANGE', argument: 'call.out.auxiliary[1].logits' })
    expect(error.message).toMatch(/overlaps outputs\.auxiliary\[0\]\.logits/)
  })

  test('an array that shares memory with a converted input or with targets', () => {
    const memory = new ArrayBuffer(8 * 60)
    const logits = { data: new Float64Array(memory), shape: [2, 6, 5] }
    expect(
      errorOf(() =>
        criterion.compute({ ...single, logits }, targets, {
          out: { ...buffers(), logits: new Float32Array(memory, 0, 60) },
        }),
      ),
    ).toMatchObject({
      code: 'RANGE',
      argument: 'call.out.logits',
    })
    const boxes = new Float32Array(48)
    boxes.set([0.5, 0.5, 0.1, 0.1])
    const padded = [
      { labels: [1], boxes: boxes.subarray(0, 4) },
      { labels: [], boxes: [] },
    ]
    expect(errorOf(() => criterion.compute(single, padded, { out: { ...buffers(), boxes } })).message).toMatch(
      /overlaps targets\[0\]\.boxes/,
    )
  })

  test('an input that a getter shows only once', () => {
    let reads = 0
    const out = {
      ...buffers(),
      get logits() {
        return reads++ === 0 ? single.logits.data : new Float32Array(60)
      },
    }
    expect(errorOf(() => criterion.compute(single, targets, { out }))).toMatchObject({ code: 'RANGE' })
  })

  test('arrays where no gradients are wanted', () => {
    const error = errorOf(() => criterion.compute(single, targets, { gradients: false, out: buffers() }))
    expect(error).toMatchObject({ code: 'OPTION', argument: 'call.out' })
  })
})

describe('out: an array for gradients over', () => {
  const shape = { images: 1, queries: 2, classes: 3 }
  const one = HungarianLoss.detr({ numClasses: 2 })
  const layer = randomLayer(1, shape)
  const memory = new Float32Array([0.5, 0.5, 0.2, 0.2, 0, 0, 0, 0])
  const out = () => ({ logits: new Float32Array(6), boxes: memory.subarray(0, 8) })
  const row = memory.subarray(0, 4)
  test.each<[string, object, object, string]>([
    ['a row of a target’s boxes', {}, { labels: [0], boxes: [row] }, 'targets[0].boxes'],
    ['a tensor’s rows', {}, { labels: [0], boxes: { data: [row], shape: [1, 4] } }, 'targets[0].boxes'],
    [
      'a row of the outputs',
      { boxes: { data: [[row, [0.5, 0.5, 0.1, 0.1]]], shape: [1, 2, 4] } },
      { labels: [0], boxes: [[0.5, 0.5, 0.1, 0.1]] },
      'outputs.boxes',
    ],
  ])('%s is refused', (_, change, target, other) => {
    const error = errorOf(() => one.compute({ ...layer, ...change }, [untyped(target)], { out: out() }))
    expect(error).toMatchObject({ code: 'RANGE', argument: 'call.out.boxes' })
    expect(error.message).toMatch(`overlaps ${other}`)
  })

  test('another one of very many is found, too', () => {
    const auxiliary = Array.from({ length: 100 }, (_, i) => randomLayer(i, shape))
    const arrays = () => ({ logits: new Float32Array(6), boxes: new Float32Array(8) })
    const given = { ...layer, auxiliary }
    const target = [{ labels: [0], boxes: [row] }]
    const outs = { ...arrays(), auxiliary: auxiliary.map(arrays) }
    expect(one.compute(given, target, { out: outs }).loss).toBe(one.compute(given, target).loss)
    const [a, b, c] = [structuredClone(outs), structuredClone(outs), structuredClone(outs)]
    a.auxiliary[70]!.boxes = a.auxiliary[3]!.boxes
    expect(errorOf(() => one.compute(given, target, { out: a })).message).toMatch(
      /call\.out\.auxiliary\[70\]\.boxes: overlaps call\.out\.auxiliary\[3\]\.boxes|auxiliary\[3\]\.boxes: overlaps .*\[70\]\.boxes/,
    )
    b.auxiliary[50]!.logits = auxiliary[20]!.logits.data
    expect(errorOf(() => one.compute(given, target, { out: b })).message).toMatch(
      'call.out.auxiliary[50].logits: overlaps outputs.auxiliary[20].logits',
    )
    c.boxes = memory.subarray(0, 8)
    expect(errorOf(() => one.compute(given, target, { out: c })).message).toMatch(
      'call.out.boxes: overlaps targets[0].boxes',
    )
  })
})
