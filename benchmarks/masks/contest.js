/** One case: every contender answers it, the answers are compared, and only then is time taken, by turns. */
import { withFolder } from '../files.js'
import { compete } from '../loss/contest.js'
import { inputsOf } from './cases.js'
import { maskContenders, yardstick } from './contenders.js'
import { floor, FloorPlan } from './floor.js'
import { describeInputs, inProcess } from './pytorch.js'

/**
 * Lets all compete on one case.
 * @param {import('./cases.js').Case} of
 * @param {object} setting
 * @param {import('../measure.js').Effort} setting.effort
 * @param {number} setting.seed of the inputs
 * @param {string} setting.floorProgram
 * @param {import('../player.js').Player[]} [setting.players] contenders in processes of their own
 * @returns {Promise<import('../outcomes.js').Outcome[]>}
 */
export function runCase(of, { effort, seed, floorProgram, players = [] }) {
  return withFolder(async (folder) => {
    const inputs = inputsOf(of, seed)
    const plan = new FloorPlan(folder)
    const expected = yardstick(inputs, plan.observer)
    const description = players.length > 0 ? describeInputs(inputs, folder) : undefined
    const numBoxes = inputs.targets.reduce((sum, { labels }) => sum + labels.length, 0)
    const [memory, arithmetic] = [plan.memory(inputs, expected), plan.arithmetic(expected, numBoxes)]
    const contenders = [
      ...maskContenders(inputs),
      ...players.map((player) => inProcess(player, description, folder)),
      floor('floor', floorProgram, [...memory, ...arithmetic], folder),
      floor('memory alone', floorProgram, memory, folder),
    ]
    return await compete(contenders, expected, effort)
  })
}
