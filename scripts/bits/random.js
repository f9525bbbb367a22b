/** Inputs that are the same on every machine: made by integer arithmetic and exact operations alone. */
import { Random } from '../../benchmarks/random.js'

/** @param {number} seed an integer */
export function makeRandom(seed) {
  const random = new Random(seed)
  const uniform = (low = 0, high = 1) => low + (high - low) * random.uniform()
  return {
    uniform,
    /** From 0 to before `count`. */
    integer: (count) => random.integer(count),
    chance: (share) => uniform() < share,
    floats: (length, low, high) => Float32Array.from({ length }, () => uniform(low, high)),
    doubles: (length, low, high) => Float64Array.from({ length }, () => uniform(low, high)),
  }
}
