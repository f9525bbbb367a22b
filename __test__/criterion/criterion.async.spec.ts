import { getEventListeners } from 'node:events'
import { performance } from 'node:perf_hooks'
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { HungarianLoss, linearSumAssignmentAsync } from '../../src/index.ts'
import type { AsyncCallOptions, LossResult, Outputs } from '../../src/index.ts'
import { bitsOf, randomLayer, randomNumbers, randomTargets, timeOf, tiny } from '../support/helpers.ts'

/** Which the types of Node lack. */
declare const WebAssembly: { Memory: new (of: { initial: number }) => { readonly buffer: ArrayBuffer } }

const CLASSES = 92
const criterion = HungarianLoss.detr({ numClasses: CLASSES - 1 })
const focal = HungarianLoss.deformableDetr({ numClasses: CLASSES })

function batch(seed: number, images = 16, layers = 1, queries = 100) {
  const shape = { images, queries, classes: CLASSES }
  const auxiliary = Array.from({ length: layers - 1 }, (_, layer) => randomLayer(seed + layer, shape))
  const outputs = { ...randomLayer(seed + layers, shape), auxiliary }
  const counts = Array.from({ length: images }, (_, image) => (seed + image * 7) % 20)
  return { outputs, targets: randomTargets(seed, { classes: CLASSES, targets: counts }) }
}

/** Every number of a result, and the bits of its gradients. */
function everything(result: LossResult) {
  const { gradients, ...others } = result
  const layers = [gradients, ...(gradients?.auxiliary ?? [])]
  const bits = gradients && layers.map((layer) => [bitsOf(layer?.logits), bitsOf(layer?.boxes)])
  return [structuredClone(others), bits]
}

test('compute: a comparison of everything fails where one number differs', () => {
  const { outputs, targets } = batch(1, 2, 2, 20)
  const result = criterion.compute(outputs, targets)
  const spoil: Array<(copy: any) => unknown> = [
    (copy) => (copy.loss += 1e-9),
    (copy) => (copy.layers[0].terms.l1 += 1e-9),
    (copy) => (copy.layers[1].matches[1].queryIndices[0] ^= 1),
    (copy) => (copy.normalizers.numBoxes += 1),
    (copy) => (copy.nonFinite.costs = 1),
    (copy) => (copy.gradients.auxiliary[0].boxes[3] += 1e-4),
  ]
  expect(everything(criterion.compute(outputs, targets))).toEqual(everything(result))
  for (const change of spoil) {
    const copy = structuredClone(result)
    change(copy)
    expect(everything(copy), `${change}`).not.toEqual(everything(result))
  }
})

describe('computeAsync: off the event loop', () => {
  test('gives what the call on the loop gives, to the bit', async () => {
    for (const of of [criterion, focal]) {
      for (const [images, layers] of [
        [0, 1],
        [1, 1],
        [3, 2],
        [16, 1],
        [16, 3],
      ] as const) {
        const { outputs, targets } = batch(images + layers, images, layers)
        expect(everything(await of.computeAsync(outputs, targets))).toEqual(everything(of.compute(outputs, targets)))
      }
    }
  })

  test('so it does with edges that are distributions', async () => {
    const fine = HungarianLoss.dFine({ numClasses: 5 })
    const layer = (seed: number) => {
      const random = randomNumbers(seed)
      const { logits, boxes } = randomLayer(seed)
      const corners = { data: Float32Array.from({ length: 2 * 6 * 132 }, () => 6 * random() - 3), shape: [2, 6, 132] }
      return { logits, boxes, corners, references: randomLayer(seed + 10).boxes }
    }
    const [outputs, targets] = [{ ...layer(1), auxiliary: [layer(2), layer(3)] }, randomTargets(4)]
    const [found, expected] = [await fine.computeAsync(outputs, targets), fine.compute(outputs, targets)]
    expect(expected.terms.fgl).toBeGreaterThan(0)
    expect(everything(found)).toEqual(everything(expected))
    expect(bitsOf(found.gradients?.corners)).toBe(bitsOf(expected.gradients?.corners))
  })

  test('so it does where matchings and costs are given, targets ignored and of several classes', async () => {
    const { outputs, targets } = batch(3, 3, 3)
    const cost = targets.map(({ labels }) => ({
      data: Float32Array.from({ length: 100 * labels.length }, (_, i) => (i * 37) % 11),
      shape: [100, labels.length],
    }))
    const pairs = targets.map(() => ({ queryIndices: [7, 2], targetIndices: [1, 0] }))
    const auxiliary = outputs.auxiliary.map((layer, i) => ({ ...layer, matching: i === 0 ? { from: 2 } : pairs }))
    const several = targets.map(({ labels, boxes }) => ({
      labels: Array.from(labels, (label, i) => (i === 2 ? [label, (label + 1) % CLASSES] : label)),
      boxes,
      ignore: Array.from(labels, (_, i) => i === 3),
    }))
    const step = { ...outputs, auxiliary, cost }
    const [found, expected] = [await focal.computeAsync(step, several), focal.compute(step, several)]
    expect(everything(found)).toEqual(everything(expected))
    expect(expected.loss).not.toBe(focal.compute(outputs, targets).loss)
  })

  test('takes the settings of a call but `out`', async () => {
    const { outputs, targets } = batch(1, 4, 2)
    const call = { numBoxes: 7.5, classNormalizer: [3, 4], gradients: false }
    const result = await criterion.computeAsync(outputs, targets, call)
    expect(result.gradients).toBeUndefined()
    expect(everything(result)).toEqual(everything(criterion.compute(outputs, targets, call)))
    const out = criterion.compute(outputs, targets).gradients
    await expect(criterion.computeAsync(outputs, targets, { out } as AsyncCallOptions)).rejects.toMatchObject({
      code: 'OPTION',
      argument: 'call.out',
    })
  })

  test('inputs may be changed at once', async () => {
    const { outputs, targets } = batch(2)
    const expected = everything(criterion.compute(outputs, targets))
    const result = criterion.computeAsync(outputs, targets)
    outputs.logits.data.fill(NaN)
    outputs.boxes.data.fill(-1)
    for (const target of targets) target.boxes.forEach((box) => box.fill(-1))
    for (const target of targets) target.labels.fill(-1)
    expect(everything(await result)).toEqual(expected)
  })

  describe('with `transfer`', () => {
    const isGone = (array: Float32Array) => array.buffer.byteLength === 0

    test('gives the same bits, and takes the predictions’ memory', async () => {
      const [{ outputs, targets }, given] = [batch(5, 4, 3), batch(5, 4, 3).outputs]
      const result = await criterion.computeAsync(given, targets, { transfer: true })
      expect(everything(result)).toEqual(everything(criterion.compute(outputs, targets)))
      for (const { logits, boxes } of [given, ...given.auxiliary]) {
        expect([logits, boxes].map(({ data }) => isGone(data))).toEqual([true, true])
      }
    })

    test('arrays may share a buffer, and all that lies in it goes', async () => {
      const { outputs, targets } = batch(6, 2)
      const { length } = outputs.logits.data
      const all = Float32Array.from([7, ...outputs.logits.data, ...outputs.boxes.data])
      const logits = { ...outputs.logits, data: all.subarray(1, 1 + length) }
      const boxes = { ...outputs.boxes, data: all.subarray(1 + length) }
      const result = await criterion.computeAsync({ logits, boxes }, targets, { transfer: true })
      expect(everything(result)).toEqual(everything(criterion.compute(outputs, targets)))
      expect(isGone(all)).toBe(true)
    })

    test('what had to be converted stays, as do the targets', async () => {
      const { outputs, targets } = batch(7, 2)
      const logits = { ...outputs.logits, data: Float64Array.from(outputs.logits.data) }
      const labels = targets.map((target) => Int32Array.from(target.labels))
      const own = targets.map(({ boxes }, image) => ({ boxes, labels: labels[image] as Int32Array }))
      const result = await criterion.computeAsync({ ...outputs, logits }, own, { transfer: true })
      expect([logits.data, ...labels].every(({ buffer }) => buffer.byteLength > 0)).toBe(true)
      expect(everything(result)).toEqual(everything(criterion.compute({ ...batch(7, 2).outputs }, own)))
    })

    test('takes nothing where a check fails before, and leaves it taken where one fails after', async () => {
      const { outputs, targets } = batch(8, 2)
      const call = { transfer: true }
      await expect(criterion.computeAsync(outputs, [], call)).rejects.toMatchObject({ code: 'SHAPE' })
      await expect(criterion.computeAsync(outputs, targets, { ...call, transfer: 1 } as never)).rejects.toMatchObject({
        code: 'OPTION',
        argument: 'call.transfer',
      })
      expect([outputs.logits, outputs.boxes].some(({ data: array }) => isGone(array))).toBe(false)
      outputs.logits.data[3] = NaN
      await expect(criterion.computeAsync(outputs, targets, call)).rejects.toMatchObject({
        code: 'NON_FINITE',
        query: 0,
      })
      expect(isGone(outputs.logits.data)).toBe(true)
    })

    test('copies memory that cannot be taken', async () => {
      const { outputs, targets } = batch(10, 2)
      const { buffer } = new WebAssembly.Memory({ initial: 10 })
      const data = new Float32Array(buffer, 64, outputs.logits.data.length)
      data.set(outputs.logits.data)
      const given = { ...structuredClone(outputs), logits: { ...outputs.logits, data } }
      const pending = criterion.computeAsync(given, targets, { transfer: true })
      data.fill(NaN)
      expect(everything(await pending)).toEqual(everything(criterion.compute(outputs, targets)))
      expect(buffer.byteLength).toBe(655360)
    })

    test('holds the event loop up for less than half as long as copying a large batch', async () => {
      const shape = { images: 32, queries: 900, classes: CLASSES }
      const [source, targets] = [
        randomLayer(9, shape),
        randomTargets(9, { classes: CLASSES, targets: Array(32).fill(5) }),
      ]
      // the least of several, for other processes hold it up, too
      const heldUp = { copying: Infinity, taking: Infinity }
      for (let i = 0; i < 100 && !(i >= 5 && heldUp.taking < heldUp.copying / 2); i++) {
        for (const way of ['copying', 'taking'] as const) {
          const outputs = structuredClone(source)
          const started = performance.now()
          const pending = criterion.computeAsync(outputs, targets, { transfer: way === 'taking' })
          heldUp[way] = Math.min(heldUp[way], performance.now() - started)
          await pending
        }
      }
      expect(heldUp.taking).toBeLessThan(heldUp.copying / 2)
    })
  })

  test('many calls in flight keep their results apart', async () => {
    const batches = Array.from({ length: 40 }, (_, k) => batch(100 + k, 1 + (k % 17), 1 + (k % 3), 20))
    const expected = batches.map(({ outputs, targets }) => everything(criterion.compute(outputs, targets)))
    const results = await Promise.all(batches.map(({ outputs, targets }) => criterion.computeAsync(outputs, targets)))
    expect(results.map(everything)).toEqual(expected)
  })

  test('calls on the loop and off it do not get into each other’s way', async () => {
    const [one, other] = [batch(3, 16, 3), batch(4, 16, 3)]
    const expected = [one, other].map(({ outputs, targets }) => everything(criterion.compute(outputs, targets)))
    for (let i = 0; i < 10; i++) {
      const results = [1, 2, 3].map(() => criterion.computeAsync(one.outputs, one.targets))
      expect(everything(criterion.compute(other.outputs, other.targets))).toEqual(expected[1])
      for (const result of await Promise.all(results)) expect(everything(result)).toEqual(expected[0])
    }
  })

  test('rejects with the typed errors, and never throws', async () => {
    const cases: Array<[(batch: ReturnType<typeof tiny>) => unknown, object]> = [
      [({ outputs }) => (outputs.logits.shape = [1, 1, 3]), { code: 'SHAPE', argument: 'outputs.logits' }],
      [
        ({ targets }) => (targets[0]!.labels = [7]),
        { code: 'RANGE', argument: 'targets[0].labels', image: 0, target: 0 },
      ],
      [({ outputs }) => (outputs.logits.data[1] = NaN), { code: 'NON_FINITE', layer: 0, image: 0, query: 0 }],
      [
        ({ outputs }) => {
          Object.defineProperty(outputs, 'boxes', {
            get: () => {
              throw new TypeError('not now')
            },
          })
        },
        { code: 'DTYPE', argument: 'outputs', message: 'outputs: could not be read: not now' },
      ],
    ]
    const one = HungarianLoss.detr({ numClasses: 1 })
    for (const [spoil, expected] of cases) {
      const given = tiny()
      spoil(given)
      await expect(one.computeAsync(given.outputs as Outputs, given.targets)).rejects.toMatchObject(expected)
    }
    const { outputs, targets } = tiny()
    for (const call of [{ signal: {} }, { signals: 1 }, { numBoxes: 0 }, null]) {
      const result = one.computeAsync(outputs as Outputs, targets, call as AsyncCallOptions)
      await expect(result).rejects.toMatchObject({ code: 'OPTION' })
    }
  })
})

describe('computeAsync: an abort signal', () => {
  test('that is aborted rejects with its reason before anything is done', async () => {
    const reason = new Error('no longer wanted')
    const nothing = undefined as unknown as Outputs
    await expect(criterion.computeAsync(nothing, [], { signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
    await expect(criterion.computeAsync(nothing, [], { signal: AbortSignal.abort() })).rejects.toMatchObject({
      name: 'AbortError',
    })
  })

  test('stops calls in progress and in the queue, and the threads are free again soon', { retry: 2 }, async () => {
    // each is computed for far longer than it is copied, so that most are in the queue when the signal comes
    const shape = { images: 1, queries: 2500, classes: 4, targets: [2400] }
    const outputs = randomLayer(7, shape)
    const targets = randomTargets(7, shape).map(({ labels, boxes }) => ({
      labels: Int32Array.from(labels),
      boxes: Float32Array.from(boxes.flat()),
    }))
    const of = HungarianLoss.detr({ numClasses: 3 })
    const compute = () => of.computeAsync(outputs, targets)
    const one = Math.min(await timeOf(compute), await timeOf(compute))
    // the least of as many as it takes, for other processes hold it up, too
    let busy = Infinity
    for (let i = 0; i < 20 && busy > 2 * one; i++) {
      const controller = new AbortController()
      const reason = new Error('enough')
      const { signal } = controller
      const calls = Array.from({ length: 12 }, () => of.computeAsync(outputs, targets, { signal }))
      const outcomes = Promise.allSettled(calls)
      await sleep(1)
      controller.abort(reason)
      // the first may be done before the signal comes
      const ends = (await outcomes).map((outcome) => (outcome.status === 'rejected' ? outcome.reason : 'done'))
      expect(ends.filter((end) => end !== reason && end !== 'done')).toEqual([])
      expect(ends.at(-1)).toBe(reason)
      busy = Math.min(busy, await timeOf(() => linearSumAssignmentAsync([[1]])))
    }
    expect(busy).toBeLessThanOrEqual(2 * one)
  })

  test('serves many calls, with and without being aborted, and keeps no listener', async () => {
    const warnings: Error[] = []
    const note = (warning: Error) => warnings.push(warning)
    process.on('warning', note)
    const { outputs, targets } = batch(6, 1)
    const controller = new AbortController()
    const { signal } = controller
    const calls = Array.from({ length: 50 }, () => criterion.computeAsync(outputs, targets, { signal }))
    expect(getEventListeners(signal, 'abort')).toHaveLength(1)
    await Promise.all(calls)
    await nextTurn()
    expect(getEventListeners(signal, 'abort')).toHaveLength(0)
    const late = criterion.computeAsync(outputs, targets, { signal })
    await late
    controller.abort()
    await expect(late).resolves.toHaveProperty('loss')
    await sleep(1)
    process.off('warning', note)
    expect(warnings).toEqual([])
  })
})

test('computeAsync: the event loop is held up for the copying alone, and turns while the batch is computed', async () => {
  const shape = { images: 16, queries: 300, classes: CLASSES }
  const [outputs, targets] = [
    randomLayer(7, shape),
    randomTargets(7, { classes: CLASSES, targets: Array(16).fill(200) }),
  ]
  const alone = HungarianLoss.detr({ numClasses: CLASSES - 1, threads: 1 })
  let [onLoop, heldUp, turns] = [Infinity, Infinity, 0]
  const time = (call: () => void) => {
    const started = performance.now()
    call()
    return performance.now() - started
  }
  // the least of as many as it takes, for other processes hold it up, too
  for (let i = 0; i < 300 && !(turns > 10 && heldUp < onLoop / 2); i++) {
    onLoop = Math.min(
      onLoop,
      time(() => alone.compute(outputs, targets)),
    )
    let pending: Promise<unknown> | undefined
    heldUp = Math.min(
      heldUp,
      time(() => (pending = alone.computeAsync(outputs, targets))),
    )
    const settled = pending?.then(() => undefined)
    while ((await Promise.race([settled, nextTurn('turn')])) === 'turn') turns++
  }
  expect(heldUp).toBeLessThan(onLoop / 2)
  expect(turns).toBeGreaterThan(10)
})
