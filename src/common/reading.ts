/** Reading what is the caller's: what its getters and proxies throw is the caller's fault. */
import { HungarianLossError, messageOf, refusalOf } from './errors.ts'

/**
 * What was thrown while something of the caller's was read: an error of the package as it is; what the caller's getters
 * and proxies throw as `DTYPE`, and refused memory as `MEMORY`, with what was thrown as the original. `argument`: what was read.
 * `rule`: what to say in place of what was thrown.
 * @internal
 */
export function toReadError(thrown: unknown, argument: string, rule?: string): HungarianLossError {
  if (isOurs(thrown)) return thrown
  const message = `${argument}: ${rule ?? `could not be read: ${messageOf(thrown)}`}`
  return refusalOf(thrown, argument) ?? new HungarianLossError('DTYPE', message, { argument, original: thrown })
}

function isOurs(thrown: unknown): thrown is HungarianLossError {
  try {
    return thrown instanceof HungarianLossError
  } catch {
    return false // a proxy that refuses to be asked
  }
}
