/** Timing with the npm package `benchmark`. */
import Benchmark from 'benchmark'

/**
 * How long to measure. Contenders take turns in several rounds, so that whatever else the machine does meanwhile, and the
 * clock of a processor that warms up, hits all alike.
 * @typedef {object} Effort
 * @property {number} rounds
 * @property {number} maxTime of each contender in each round, in seconds
 * @property {number} minTime of each sample, in seconds; a sample is the mean of as many calls as fit
 * @property {number} minSamples in each round
 */
export const FULL = { rounds: 5, maxTime: 0.4, minTime: 0.02, minSamples: 2 }
export const QUICK = { rounds: 3, maxTime: 0.02, minTime: 0.002, minSamples: 2 }

/**
 * @typedef {object} Timing
 * @property {string} name
 * @property {number} median of all samples, in seconds for one call
 * @property {number} least of all samples
 * @property {number} spread half the distance of the quartiles, relative to the median
 * @property {number} samples how many there were
 */

/**
 * Times contenders by turns. One that runs elsewhere takes its samples itself.
 * @param {{ name: string, step?: () => number, sample?: (limits: object) => number[] | Promise<number[]> }[]} contenders
 * @param {Effort} effort
 * @returns {Promise<Timing[]>}
 */
export async function measure(contenders, { rounds, ...limits }) {
  const samples = contenders.map(() => [])
  for (let round = 0; round < rounds; round++) {
    for (const [i, contender] of contenders.entries()) {
      samples[i].push(...(await (contender.sample?.(limits) ?? takeSamples(contender, limits))))
    }
  }
  return contenders.map(({ name }, i) => ({ name, ...summarize(samples[i]) }))
}

/**
 * What samples come to.
 * @param {ArrayLike<number>} samples
 * @returns {{ median: number, least: number, spread: number, samples: number }}
 */
export function summarize(samples) {
  const sorted = Float64Array.from(samples).toSorted()
  const median = quantile(sorted, 0.5)
  const spread = (quantile(sorted, 0.75) - quantile(sorted, 0.25)) / 2 / median
  return { median, least: sorted[0], spread, samples: sorted.length }
}

/** Keeps results alive, so that no call can be optimised away. */
let sink = 0

/** Seconds for one call, several times. No `setup` and `teardown`: with them the function would lose its closure. */
function takeSamples({ name, step }, limits) {
  const bench = new Benchmark(name, () => (sink += step()), limits)
  let failure
  bench.on('error', ({ target }) => (failure = target.error))
  bench.run()
  if (failure !== undefined) throw failure
  if (!Number.isFinite(sink)) throw new Error(`${name} gave a result that is not finite.`)
  return bench.stats.sample
}

/** The value below which a share of the sorted values lies, interpolated. */
export function quantile(sorted, share) {
  const place = share * (sorted.length - 1)
  const below = Math.floor(place)
  const above = Math.min(below + 1, sorted.length - 1)
  return sorted[below] + (place - below) * (sorted[above] - sorted[below])
}
