/** A small seeded generator of random numbers: everything random in this example comes from one, so a seed repeats a run. */
export class Random {
  #state

  /** @param {number} seed any integer */
  constructor(seed) {
    this.#state = seed >>> 0
    for (let i = 0; i < 8; i++) this.uniform() // lets neighbouring seeds drift apart
  }

  /** All that the next numbers depend on: a whole number, below 2^32. */
  get state() {
    return this.#state
  }

  set state(state) {
    this.#state = state >>> 0
  }

  /** The next number, uniform in [0, 1): a counter, scrambled by two rounds of multiply and shift. */
  uniform() {
    this.#state = (this.#state + 0x9e3779b9) >>> 0
    let bits = this.#state
    bits = Math.imul(bits ^ (bits >>> 16), 0x21f0aaad)
    bits = Math.imul(bits ^ (bits >>> 15), 0x735a2d97)
    return ((bits ^ (bits >>> 15)) >>> 0) / 2 ** 32
  }

  /** A whole number, uniform in [0, limit). */
  integer(limit) {
    return Math.floor(this.uniform() * limit)
  }

  /** A number from the normal distribution with mean 0 and deviation 1. */
  normal() {
    const radius = Math.sqrt(-2 * Math.log(1 - this.uniform()))
    return radius * Math.cos(2 * Math.PI * this.uniform())
  }
}
