/** Inputs that are the same on every machine: made by integer arithmetic and exact operations alone. */

/** @typedef {ReturnType<typeof makeRandom>} Random */

/** @param {number} seed an integer */
export function makeRandom(seed) {
  let state = seed | 0
  /** The next 32 bits (mulberry32). */
  const next = () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return (t ^ (t >>> 14)) >>> 0
  }
  const uniform = (low = 0, high = 1) => low + (high - low) * (next() / 2 ** 32)
  return {
    uniform,
    /** From 0 to before `count`. */
    integer: (count) => next() % count,
    chance: (share) => uniform() < share,
    /** One of a list. */
    pick: (list) => list[next() % list.length],
    floats: (length, low, high) => Float32Array.from({ length }, () => uniform(low, high)),
    doubles: (length, low, high) => Float64Array.from({ length }, () => uniform(low, high)),
  }
}
