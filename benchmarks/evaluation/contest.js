/** One case: every contender evaluates it, the twelve numbers are compared, and only then is time taken, by turns. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { threadCount } from 'hungarian-loss'
import { withFolder } from '../files.js'
import { measure } from '../measure.js'
import { evaluateOurs } from './ours.js'

/** Seconds that an answer, or the samples of one round, may last before the process counts as hanging. */
const PATIENCE = 600

/** How far a number may be off. */
const TOLERANCE = 1e-9

/**
 * Lets all compete on one case.
 * @param {import('./inputs.js').Inputs} inputs
 * @param {import('../measure.js').Effort} effort
 * @param {import('../player.js').Player[]} players contenders in Python, of which the first is compared with
 * @returns {Promise<import('../outcomes.js').Outcome[]>}
 */
export function runCase(inputs, effort, players) {
  return withFolder(async (folder) => {
    const files = { dataset: join(folder, 'dataset.json'), results: join(folder, 'results.json') }
    for (const [name, file] of Object.entries(files)) writeFileSync(file, JSON.stringify(inputs[name]))
    const contenders = [...oursIn(inputs), ...players.map((player) => inPython(player, files))]
    const entries = []
    for (const contender of contenders) entries.push({ contender, ...(await attempt(contender)) })
    const [first] = players
    const expected = entries.find(({ contender }) => contender.name === first?.contender.name)?.numbers
    const able = entries.filter(({ failure }) => failure === undefined).map(({ contender }) => contender)
    const timings = new Map((await measure(able, effort)).map(({ name, ...figures }) => [name, figures]))
    return entries.map(({ contender: { name, isRival }, numbers, failure }) => {
      return { name, isRival, figures: timings.get(name), wrong: numbers && findFault(numbers, expected), failure }
    })
  })
}

/** Ours on one thread, and on as many as there are. */
function oursIn(inputs) {
  const counts = [...new Set([1, threadCount()])]
  return counts.map((threads) => ({
    name: threads === 1 ? 'ours' : `ours, ${threads} threads`,
    isRival: false,
    numbers: () => evaluateOurs(inputs, threads),
    step: () => evaluateOurs(inputs, threads)[0],
  }))
}

function inPython(player, files) {
  const { name, isRival } = player.contender
  return {
    name,
    isRival,
    async numbers() {
      await player.ask({ prepare: files }, PATIENCE)
      return (await player.ask({ answer: {} }, PATIENCE)).numbers
    },
    sample: async (limits) => (await player.ask({ sample: limits }, PATIENCE)).samples,
  }
}

async function attempt({ numbers }) {
  try {
    return { numbers: await numbers() }
  } catch (error) {
    return { failure: String(error) }
  }
}

/**
 * What is wrong with the twelve numbers, if anything is.
 * @param {number[]} numbers
 * @param {number[] | undefined} expected where there is something to compare with
 */
export function findFault(numbers, expected) {
  if (numbers.length !== 12) return `${numbers.length} numbers`
  const at = numbers.findIndex((value, i) => !(Math.abs(value - (expected?.[i] ?? value)) <= TOLERANCE))
  return at === -1 ? undefined : `number ${at + 1} is ${numbers[at]} for ${expected?.[at]}`
}
