/**
 * Seconds for one call, several times; the hosts in JavaScript and in Python do it alike. How many calls fill a sample
 * is found first, which also warms up.
 * @param {() => void} step
 * @param {{ maxTime: number, minTime: number, minSamples: number }} limits seconds for all samples and for each
 * @returns {number[]}
 */
export function takeSamples(step, { maxTime, minTime, minSamples }) {
  let calls = 1
  for (let spent = time(step, calls); spent < minTime; spent = time(step, calls)) {
    calls = Math.ceil(calls * Math.min(10, (1.2 * minTime) / spent))
  }
  const samples = []
  let left = maxTime
  while (samples.length < minSamples || left > 0) {
    const spent = time(step, calls)
    left -= spent
    samples.push(spent / calls)
  }
  return samples
}

/** Seconds for some calls. */
function time(step, calls) {
  const start = performance.now()
  for (let i = 0; i < calls; i++) step()
  return (performance.now() - start) / 1000
}
