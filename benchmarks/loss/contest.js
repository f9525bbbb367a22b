/** One case: every contender answers it, the answers are compared, and only then is time taken, by turns. */
import { withFolder } from '../files.js'
import { measure } from '../measure.js'
import { findFault } from './agreement.js'
import { inputsOf } from './cases.js'
import { lossContenders, yardstick } from './contenders.js'
import { floor, hasFloor } from './floor.js'
import { inProcess } from './process.js'

/**
 * Lets all compete on one case.
 * @param {import('./cases.js').Case} of
 * @param {object} setting
 * @param {import('../measure.js').Effort} setting.effort
 * @param {number} setting.seed of the inputs
 * @param {string} [setting.floorProgram] for cases that have a floor
 * @param {import('../player.js').Player[]} [setting.players] contenders in processes of their own
 * @returns {Promise<import('../outcomes.js').Outcome[]>}
 */
export function runCase(of, { effort, seed, floorProgram, players = [] }) {
  return withFolder(async (folder) => {
    const inputs = inputsOf(of, seed)
    const expected = yardstick(inputs)
    const elsewhere = players.map((player) => inProcess(player, inputs, folder))
    const oursFirst = [...lossContenders(inputs), ...elsewhere].toSorted((a, b) => a.isRival - b.isRival)
    const floors = hasFloor(inputs) ? [floor(floorProgram, inputs, expected, folder)] : []
    const contenders = [...oursFirst, ...floors]
    try {
      return await compete(contenders, expected, effort)
    } finally {
      for (const { close } of contenders) close?.()
    }
  })
}

/**
 * Lets contenders compete.
 * @param {import('./contenders.js').LossContender[]} contenders
 * @param {import('./contenders.js').Answer} expected
 * @param {import('../measure.js').Effort} effort
 * @returns {Promise<import('../outcomes.js').Outcome[]>}
 */
export async function compete(contenders, expected, effort) {
  const entries = []
  for (const contender of contenders) entries.push({ contender, ...(await attempt(contender, expected)) })
  const able = entries.filter(({ failure }) => failure === undefined).map(({ contender }) => contender)
  const timings = new Map((await measure(able, effort)).map(({ name, ...figures }) => [name, figures]))
  return entries.map(({ contender: { name, isRival, isFloor }, wrong, failure }) => {
    return { name, isRival, isFloor, figures: timings.get(name), wrong, failure }
  })
}

async function attempt({ result, precision, findFault: findOwn }, expected) {
  try {
    const answer = await result()
    return { wrong: findOwn === undefined ? findFault(answer, expected, precision) : findOwn(answer) }
  } catch (error) {
    return { failure: String(error) }
  }
}
