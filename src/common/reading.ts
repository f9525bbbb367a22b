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

/**
 * A function that reads these properties of an object, each once and in this order. The result is a copy of an object that has
 * room for all of them: to list them anew, or to spread them into another, takes microseconds of every call.
 * @internal
 */
export function fieldReader<Fields extends object>(keys: readonly (keyof Fields)[]): (object: object) => Fields {
  const none = Object.fromEntries(keys.map((key) => [key, undefined])) as Fields
  return (object) => {
    const fields = { ...none }
    for (let i = 0; i < keys.length; i++) {
      const key = keys[i] as keyof Fields
      fields[key] = (object as Fields)[key]
    }
    return fields
  }
}
