/** One instance: every contender solves it, the answers are compared, and only then is time taken, by turns. */
import { withFolder, writeArrays } from '../files.js'
import { summarize } from '../measure.js'
import { TooSlow } from '../player.js'
import { judge } from './agreement.js'

/** Seconds that reading an instance, or the samples of one round, may last before the process counts as hanging. */
const PATIENCE = 120

/**
 * @typedef {import('../measure.js').Effort & { once: number }} Effort
 *   solves longer than `once` seconds are not repeated
 * @typedef {import('../outcomes.js').Outcome} Outcome
 */
export const FULL = { rounds: 3, maxTime: 0.25, minTime: 0.01, minSamples: 1, once: 1 }
export const QUICK = { rounds: 1, maxTime: 0.02, minTime: 0.001, minSamples: 1, once: 0.02 }

/**
 * Lets players compete on the instances of one section.
 * @param {import('./suite.js').Section} section
 * @param {import('../player.js').Player[]} players
 * @param {object} setting
 * @param {Effort} setting.effort
 * @param {number} setting.limit seconds for one solve
 * @param {(instance: import('./suite.js').Instance) => void} setting.onStart
 * @returns {Promise<(import('../tables.js').Row & { x?: number })[]>}
 */
export async function runSection({ instances }, players, { effort, limit, onStart }) {
  const tooSlow = new Set()
  const rows = []
  try {
    for (const instance of instances) {
      onStart(instance)
      const able = players.filter(({ contender }) => contender.forms.includes(instance.form))
      const outcomes = await compete(instance, able, { effort, limit, tooSlow })
      rows.push({ family: instance.family, size: instance.size, x: instance.x, outcomes })
    }
    return rows
  } finally {
    for (const player of players) player.close() // the next section starts with fresh processes
  }
}

/**
 * Lets players compete on one instance.
 * @param {import('./suite.js').Instance} instance
 * @param {import('../player.js').Player[]} players
 * @param {{ effort: Effort, limit: number, tooSlow: Set<string> }} setting `tooSlow`: who is not to be tried on which
 *   family; those that are stopped here are added
 * @returns {Promise<Outcome[]>}
 */
export function compete(instance, players, { effort, limit, tooSlow }) {
  return withFolder(async (folder) => {
    const matrices = instance.make()
    const request = { prepare: writeInstance(folder, instance.form, matrices) }
    const problems = instance.form === 'batch' ? 1 : matrices.length
    const entries = []
    for (const player of players) {
      const key = `${player.contender.name} on ${instance.family}`
      const entry = tooSlow.has(key) ? { skipped: true } : await attempt(player, request, problems, limit)
      if (entry.limit !== undefined) tooSlow.add(key)
      entries.push({ player, ...entry })
    }
    const solved = entries.filter(({ found }) => found !== undefined)
    judge(
      matrices,
      solved.map(({ found }) => found),
    ).forEach((wrong, i) => (solved[i].wrong = wrong))
    await takeTurns(solved, effort)
    return entries.map(toOutcome)
  })
}

/** Solves every problem once. */
async function attempt(player, request, problems, limit) {
  try {
    await player.ask(request, PATIENCE)
    const [found, samples] = [[], []]
    for (let problem = 0; problem < problems; problem++) {
      const { seconds, columns } = await player.ask({ solve: problem }, limit)
      found.push(...columns)
      samples.push(seconds)
    }
    return { found, samples }
  } catch (error) {
    return error instanceof TooSlow ? { limit } : { failure: error.message }
  }
}

/** Replaces the times of the first solves by samples, except where one is so long that it says enough. */
async function takeTurns(entries, { rounds, once, ...limits }) {
  const quick = entries.filter(({ samples }) => Math.max(...samples) <= once)
  for (const entry of quick) entry.samples = []
  for (let round = 0; round < rounds; round++) {
    for (const entry of quick) {
      if (entry.failure !== undefined) continue
      try {
        const { samples } = await entry.player.ask({ sample: limits }, PATIENCE)
        entry.samples.push(...samples)
      } catch (error) {
        entry.failure = error.message
      }
    }
  }
}

function toOutcome({ player, samples, wrong, limit, skipped, failure }) {
  const { name, isRival = false } = player.contender
  const figures = samples === undefined || failure !== undefined ? undefined : summarize(samples)
  return { name, isRival, figures, wrong, limit, skipped, failure }
}

/** Writes each array into a file of its own and says where. */
function writeInstance(folder, form, matrices) {
  const type = matrices[0].values instanceof Float32Array ? 'float32' : 'float64'
  const listed = matrices.map(({ rows, columns, ...arrays }, i) => {
    return { rows, columns, files: writeArrays(folder, arrays, `${i}-`) }
  })
  return { form, type, matrices: listed }
}
