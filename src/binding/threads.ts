/** How many threads all calls of the process may use at once. */
import { toHungarianLossError } from '../common/errors.ts'
import { checkInteger, MAX_SIZE } from '../common/validate.ts'
import { threadCount as countOfThreads } from './native.ts'

/**
 * The most threads that the calls of this process use at once, those of the asynchronous ones included: as many as the
 * process may use by its affinity (`taskset`) and quota (cgroups), or what the environment variable
 * `HUNGARIAN_LOSS_THREADS` says, 1 to 1024. It decides the speed; results have the same bits with any number.
 *
 * A call that blocks its own JavaScript thread never waits for another, so each worker thread may add one.
 *
 * Throws `OPTION` where that variable holds something else.
 */
export function threadCount(): number {
  try {
    return countOfThreads()
  } catch (error) {
    throw toHungarianLossError(error)
  }
}

/** The option `threads`: as many as are wanted, but no more than the process uses. */
export function resolveThreads(value: unknown): number {
  const most = threadCount()
  return value === undefined ? most : Math.min(checkInteger(value, 1, MAX_SIZE, 'options.threads'), most)
}
