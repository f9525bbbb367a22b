/** Calls in other threads that a signal stops, and all of them where the process exits. */
import { addExitListener, removeExitListener } from '#host'
import { fail, toHungarianLossError } from '../common/errors.ts'
import { createInterrupt, raiseInterrupt } from './native.ts'
import type { Interrupt } from './native.ts'
import { show } from '../common/validate.ts'

/** What is used of an AbortSignal, whatever realm or polyfill it comes from. */
interface Signal {
  readonly aborted: boolean
  readonly reason?: unknown
  addEventListener(type: 'abort', listener: () => void): void
  removeEventListener(type: 'abort', listener: () => void): void
}

/** A signal, and what the caller knows it by. */
export interface Watched {
  readonly signal: Signal
  readonly argument: string
}

/** What stops the calls that a signal is waited on for. */
interface Calls {
  readonly stops: Set<() => void>
  readonly listener: () => void
}

/** One listener for each signal serves all calls: Node warns of more than ten. */
const CALLS = new WeakMap<Signal, Calls>()

/** The calls that are queued or running. */
const UNDER_WAY = new Set<Interrupt>()

/** A signal that is not aborted, or none; throws the reason of one that is. */
export function checkSignal(value: unknown, argument: string): Watched | undefined {
  if (value === undefined) return undefined
  const isAborted = abortedOf(value)
  if (isAborted === undefined) fail('OPTION', argument, `must be an AbortSignal, got ${show(value)}`)
  const signal = value as Signal
  if (isAborted) throw reasonOf(signal)
  return { signal, argument }
}

/**
 * Whether a value is aborted, if it does what an AbortSignal does: those of other realms are of another class, and polyfills
 * of any.
 */
function abortedOf(value: unknown): boolean | undefined {
  try {
    const { aborted, addEventListener, removeEventListener } = value as Signal
    const isSignal =
      typeof aborted === 'boolean' &&
      typeof addEventListener === 'function' &&
      typeof removeEventListener === 'function'
    return isSignal ? aborted : undefined
  } catch {
    return undefined // an object that only has the prototype of one throws when it is asked
  }
}

/** Why a signal was aborted; old polyfills do not say. */
function reasonOf(signal: Signal): unknown {
  return signal.reason === undefined ? new DOMException('This operation was aborted', 'AbortError') : signal.reason
}

/**
 * Waits for what `start` begins in another thread, or rejects with the signal's reason and has it stopped. Everything
 * else that goes wrong becomes a HungarianLossError, with `argument` to blame for memory that is refused.
 *
 * A process, or worker, that exits has what is under way stopped, since Node waits for it.
 */
export function untilAborted<Result>(
  start: (interrupt: Interrupt) => Promise<Result>,
  watched: Watched | undefined,
  argument: string,
): Promise<Result> {
  const interrupt = createInterrupt()
  const run = async (): Promise<Result> => {
    enter(interrupt)
    try {
      return await start(interrupt)
    } catch (error) {
      throw toHungarianLossError(error, argument)
    } finally {
      leave(interrupt)
    }
  }
  if (watched === undefined) return run()
  return new Promise((resolve, reject) => {
    const forget = onAbort(watched, () => {
      raiseInterrupt(interrupt)
      reject(reasonOf(watched.signal))
    })
    run().then(resolve, reject).finally(forget)
  })
}

/** Has a call stopped when the signal is aborted; gives what undoes that. */
function onAbort({ signal, argument }: Watched, stop: () => void): () => void {
  const calls = CALLS.get(signal) ?? newCalls()
  if (calls.stops.size === 0) {
    try {
      signal.addEventListener('abort', calls.listener)
    } catch {
      fail('OPTION', argument, 'must be an AbortSignal, got an object that takes no listener')
    }
    CALLS.set(signal, calls)
  }
  calls.stops.add(stop)
  return () => {
    calls.stops.delete(stop)
    if (calls.stops.size === 0) stopListening(signal, calls)
  }
}

function stopListening(signal: Signal, { listener }: Calls): void {
  try {
    signal.removeEventListener('abort', listener)
  } catch {
    // a listener that finds nothing to stop does no harm
  }
}

function newCalls(): Calls {
  const stops = new Set<() => void>()
  const listener = (): void => stops.forEach((stop) => stop())
  return { stops, listener }
}

function enter(interrupt: Interrupt): void {
  if (UNDER_WAY.size === 0) addExitListener(stopAll)
  UNDER_WAY.add(interrupt)
}

function leave(interrupt: Interrupt): void {
  UNDER_WAY.delete(interrupt)
  if (UNDER_WAY.size === 0) removeExitListener(stopAll)
}

function stopAll(): void {
  UNDER_WAY.forEach(raiseInterrupt)
}
