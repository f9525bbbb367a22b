import { HungarianLossError } from './errors.ts'

/**
 * What was thrown while something of the caller's was read: an error of the package as it is; what the caller's getters
 * and proxies throw as `DTYPE`, and refused memory as `MEMORY`, with the original as the cause. `argument`: what was read.
 * @internal
 */
export function toReadError(thrown: unknown, argument: string): HungarianLossError {
  if (isOurs(thrown)) return thrown
  const message = messageOf(thrown)
  const details = { argument, cause: thrown }
  if (REFUSED.test(message)) {
    return new HungarianLossError('MEMORY', `${argument}: takes more memory than there is (${message})`, details)
  }
  return new HungarianLossError('DTYPE', `${argument}: could not be read: ${message}`, details)
}

/** What JavaScript says where an array, a buffer or a list of arguments would be too large. */
const REFUSED =
  /^(Array buffer allocation failed|Invalid (typed )?array (buffer )?length|Invalid array buffer max length|Set maximum size exceeded|Map maximum size exceeded)/

function isOurs(thrown: unknown): thrown is HungarianLossError {
  try {
    return thrown instanceof HungarianLossError
  } catch {
    return false // a proxy that refuses to be asked
  }
}

/** What a thrown value says, whatever it is. */
function messageOf(thrown: unknown): string {
  try {
    const { message } = Object(thrown) as { readonly message?: unknown }
    return String(typeof message === 'string' ? message : thrown)
  } catch {
    return 'what was thrown cannot be read either'
  }
}
