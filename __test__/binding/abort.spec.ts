import { getEventListeners } from 'node:events'
import { runInNewContext } from 'node:vm'
import { describe, expect, test } from 'vitest'
import { checkSignal } from '../../src/binding/abort.ts'
import { HungarianLoss, linearSumAssignmentAsync } from '../../src/index.ts'
import { errorOf, tiny, untyped } from '../support/helpers.ts'

/** A signal as old polyfills make it, in another realm: another class, no `reason`, no `throwIfAborted`, no events. */
const POLYFILL = `
  class AbortSignal {
    aborted = false
    listeners = new Set()
    addEventListener(type, listener) { this.listeners.add(listener) }
    removeEventListener(type, listener) { this.listeners.delete(listener) }
    abort() { this.aborted = true; for (const listener of this.listeners) listener.call(this) }
  }
  new AbortSignal()
`

interface Polyfill extends AbortSignal {
  readonly listeners: Set<unknown>
  abort(): void
}

const polyfill = (): Polyfill => runInNewContext(POLYFILL) as Polyfill

const refuse = (): never => {
  throw new Error('no')
}

/** A busy machine may take long to go on with what is soon done. */
const PATIENT = { timeout: 30_000 }

/** So large that it is not solved when the signal comes. */
const n = 1500
const large = {
  data: Float64Array.from({ length: n * n }, (_, k) => ((k * 7919) % 104_729) * ((k % n) + 1)),
  shape: [n, n],
}

describe('signal: a signal that is none of this realm', () => {
  test('stops calls like one that is', async () => {
    const signal = polyfill()
    const solves = [1, 2].map(() => linearSumAssignmentAsync(large, { signal }))
    expect(signal.listeners.size).toBe(1)
    signal.abort()
    for (const { status, reason } of (await Promise.allSettled(solves)) as PromiseRejectedResult[]) {
      expect(status).toBe('rejected')
      expect(reason).toMatchObject({ name: 'AbortError' })
    }
    await expect.poll(() => signal.listeners.size, PATIENT).toBe(0)
    await expect(linearSumAssignmentAsync([[1]], { signal })).rejects.toMatchObject({ name: 'AbortError' })
  })

  test('changes nothing if it stays quiet, and keeps no listener', async () => {
    const signal = polyfill()
    const { outputs, targets } = tiny()
    const criterion = HungarianLoss.detr({ numClasses: 1 })
    const { loss } = await criterion.computeAsync(outputs, targets, { signal })
    expect(loss).toBe(criterion.compute(outputs, targets).loss)
    expect(signal.listeners.size).toBe(0)
  })

  test('may be a proxy of one that is', async () => {
    const controller = new AbortController()
    const signal = new Proxy(controller.signal, {
      get: (target, key) => {
        const value: unknown = Reflect.get(target, key, target)
        return typeof value === 'function' ? value.bind(target) : value
      },
    })
    const solve = linearSumAssignmentAsync(large, { signal })
    controller.abort('enough')
    await expect(solve).rejects.toBe('enough')
    await expect.poll(() => getEventListeners(controller.signal, 'abort').length, PATIENT).toBe(0)
  })
})

test('checkSignal: a reason may be anything', () => {
  for (const reason of [null, 0, '', new Error('x')]) {
    try {
      checkSignal(AbortSignal.abort(reason), 'options.signal')
      expect.fail('expected the reason')
    } catch (error) {
      expect(error).toBe(reason)
    }
  }
})

describe('signal: what is no signal is refused:', () => {
  const throwing = new Proxy({}, { get: refuse })
  const { proxy: revoked, revoke } = Proxy.revocable({}, {})
  revoke()
  test.each<[string, unknown]>([
    ['the prototype of one', AbortSignal.prototype],
    ['an object with that prototype', Object.create(AbortSignal.prototype)],
    ['an event target', new EventTarget()],
    ['a controller', new AbortController()],
    ['an object without methods', { aborted: false }],
    ['one whose state is no boolean', { ...polyfill(), aborted: 0 }],
    ['null', null],
    ['a string', 'abort'],
    ['a proxy that throws', throwing],
    ['a revoked proxy', revoked],
    ['a function', () => {}],
  ])('%s', async (_, signal) => {
    expect(errorOf(() => checkSignal(signal, 'options.signal'))).toMatchObject({
      code: 'OPTION',
      argument: 'options.signal',
    })
    const { outputs, targets } = tiny()
    const call = HungarianLoss.detr({ numClasses: 1 }).computeAsync(outputs, targets, { signal: untyped(signal) })
    await expect(call).rejects.toMatchObject({ code: 'OPTION', argument: 'call.signal' })
  })

  test('one that takes no listener, before anything is begun', async () => {
    const signal = untyped<AbortSignal>({ aborted: false, addEventListener: refuse, removeEventListener: () => {} })
    const call = linearSumAssignmentAsync(large, { signal })
    await expect(call).rejects.toMatchObject({ code: 'OPTION', argument: 'options.signal' })
  })

  test('one that does not let go of a listener does no harm', async () => {
    const signal = untyped<AbortSignal>({ aborted: false, addEventListener: () => {}, removeEventListener: refuse })
    expect((await linearSumAssignmentAsync([[2]], { signal })).total).toBe(2)
  })
})

test('untilAborted: a process has one listener while calls are under way, and none after', async () => {
  const before = process.listenerCount('exit')
  const solves = Array.from({ length: 20 }, () => linearSumAssignmentAsync([[1]]))
  expect(process.listenerCount('exit')).toBe(before + 1)
  await Promise.all(solves)
  expect(process.listenerCount('exit')).toBe(before)
})
