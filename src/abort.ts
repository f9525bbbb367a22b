import { fail, toHungarianLossError } from './errors.ts'
import { createInterrupt, raiseInterrupt } from './native.ts'
import type { Interrupt } from './native.ts'
import { show } from './validate.ts'

/** What stops the calls that a signal is waited on for. One listener serves them all: Node warns of more than ten. */
const CALLS = new WeakMap<AbortSignal, Set<() => void>>()

/** A signal that is not aborted, or none; throws the reason of one that is. */
export function checkSignal(value: unknown, argument: string): AbortSignal | undefined {
  if (value === undefined) return undefined
  if (!isSignal(value)) fail('OPTION', argument, `must be an AbortSignal, got ${show(value)}`)
  if (isAborted.call(value)) throw value.reason
  return value
}

const isAborted = Object.getOwnPropertyDescriptor(AbortSignal.prototype, 'aborted')?.get as (this: unknown) => boolean

/** Whether a value is a signal, rather than an object that has its prototype. */
function isSignal(value: unknown): value is AbortSignal {
  try {
    return typeof isAborted.call(value) === 'boolean'
  } catch {
    return false
  }
}

/**
 * Waits for what `start` begins in another thread, or rejects with the signal's reason and has it stopped. Everything
 * else that goes wrong becomes a HungarianLossError.
 */
export function untilAborted<Result>(
  start: (interrupt: Interrupt) => Promise<Result>,
  signal: AbortSignal | undefined,
): Promise<Result> {
  const interrupt = createInterrupt()
  const result = start(interrupt).catch((error) => Promise.reject(toHungarianLossError(error)))
  if (signal === undefined) return result
  return new Promise((resolve, reject) => {
    const forget = onAbort(signal, () => {
      raiseInterrupt(interrupt)
      reject(signal.reason)
    })
    result.then(resolve, reject).finally(forget)
  })
}

/** Has a call stopped when the signal is aborted; gives what undoes that. */
function onAbort(signal: AbortSignal, stop: () => void): () => void {
  const calls = CALLS.get(signal) ?? new Set()
  if (calls.size === 0) {
    CALLS.set(signal, calls)
    signal.addEventListener('abort', stopAll)
  }
  calls.add(stop)
  return () => {
    calls.delete(stop)
    if (calls.size === 0) signal.removeEventListener('abort', stopAll)
  }
}

function stopAll({ target }: Event): void {
  for (const stop of CALLS.get(target as AbortSignal) ?? []) stop()
}
