/** One input: every contender answers it, the answers are compared, and only then is time taken, by turns. */
import { measure } from '../measure.js'
import { findFault } from './agreement.js'

/**
 * Lets contenders compete.
 * @param {import('./contenders.js').LossContender[]} contenders
 * @param {import('./contenders.js').Answer} expected
 * @param {import('../measure.js').Effort} effort
 * @returns {Promise<import('../tables.js').Outcome[]>}
 */
export async function compete(contenders, expected, effort) {
  const entries = []
  for (const contender of contenders) entries.push({ contender, ...(await attempt(contender, expected)) })
  const able = entries.filter(({ failure }) => failure === undefined).map(({ contender }) => contender)
  const timings = new Map((await measure(able, effort)).map(({ name, ...figures }) => [name, figures]))
  return entries.map(({ contender: { name, isRival }, ...entry }) => ({
    name,
    isRival,
    figures: timings.get(name),
    ...entry,
  }))
}

async function attempt({ result, precision }, expected) {
  try {
    return { wrong: findFault(await result(), expected, precision) }
  } catch (error) {
    return { failure: String(error) }
  }
}
