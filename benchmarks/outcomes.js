/** What became of contenders: who leads, and who fails. */

/**
 * @typedef {{ median: number, least: number, spread: number, samples: number }} Figures in seconds
 *
 * @typedef {object} Outcome what became of one contender
 * @property {string} name
 * @property {boolean} isRival
 * @property {boolean} [isFloor] whether its time is the least that there can be
 * @property {Figures} [figures]
 * @property {string} [wrong] what is wrong with its answer
 * @property {number} [limit] seconds after which it was stopped
 * @property {boolean} [skipped] not tried, having been stopped at a smaller size
 * @property {string} [failure] the error that it ended with
 */

/**
 * The time of the fastest rival that is right, over that of ours; undefined where there is no such time.
 * @param {Outcome[]} outcomes ours first
 */
export function lead([ours, ...others]) {
  const right = others.filter(({ isRival, figures, wrong }) => isRival && figures && !wrong)
  const times = right.map(({ figures }) => figures.median)
  if (ours.figures === undefined || ours.wrong !== undefined || times.length === 0) return undefined
  return Math.min(...times) / ours.figures.median
}

/**
 * Our time over the least that there can be; undefined where one of the two is not right.
 * @param {Outcome[]} outcomes ours first
 */
export function aboveFloor([ours, ...others]) {
  const floor = others.find(({ isFloor }) => isFloor)
  const areRight = [ours, floor].every((outcome) => outcome?.figures !== undefined && outcome.wrong === undefined)
  return areRight ? ours.figures.median / floor.figures.median : undefined
}

/**
 * Throws where ours, in any form, is wrong or failed.
 * @param {{ rows: import('./tables.js').Row[] }[]} sections
 */
export function failIfOursIsWrong(sections) {
  const isOurs = ({ isRival, isFloor }) => !isRival && !isFloor
  const isBad = (outcome) => isOurs(outcome) && (outcome.wrong !== undefined || outcome.failure !== undefined)
  const bad = sections.flatMap(({ rows }) => rows).filter(({ outcomes }) => outcomes.some(isBad))
  const list = bad.map(({ family, size }) => `${family}, ${size}`).join('; ')
  if (list !== '') throw new Error(`Ours is wrong or failed: ${list}`)
}
