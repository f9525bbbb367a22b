/** A small seeded generator of random numbers, so that inputs are the same in each run. */
export class Random {
  #state

  /** @param {number} seed any integer */
  constructor(seed) {
    this.#state = Math.imul(seed, 2654435769) | 1 // never 0, which shifts would keep at 0
    for (let i = 0; i < 16; i++) this.#next() // lets neighbouring seeds drift apart
  }

  /** Uniform in [0, 1). */
  uniform() {
    return this.#next() / 2 ** 32
  }

  /** A whole number, uniform in [0, limit). */
  integer(limit) {
    return Math.floor(this.uniform() * limit)
  }

  /** Normal, with mean 0 and deviation 1, by the method of Box and Muller. */
  normal() {
    const radius = Math.sqrt(-2 * Math.log(1 - this.uniform()))
    return radius * Math.cos(2 * Math.PI * this.uniform())
  }

  /** The numbers from 0 to `n` − 1 in random order. */
  permutation(n) {
    const order = Array.from({ length: n }, (_, i) => i)
    for (let i = n - 1; i > 0; i--) {
      const j = this.integer(i + 1)
      ;[order[i], order[j]] = [order[j], order[i]]
    }
    return order
  }

  /** 32 random bits by shifts and exclusive-ors (Marsaglia 2003, "Xorshift RNGs"). */
  #next() {
    let bits = this.#state
    bits ^= bits << 13
    bits ^= bits >>> 17
    bits ^= bits << 5
    this.#state = bits
    return bits >>> 0
  }
}
