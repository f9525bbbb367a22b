/** Where a benchmark is, and how long the rest may take. */

export class Progress {
  #total
  #begun = 0
  #start
  #now
  #write

  /**
   * @param {number} total how many steps there will be
   * @param {{ now?: () => number, write?: (line: string) => void }} [setting] the clock in milliseconds, and where lines go
   */
  constructor(total, { now = () => performance.now(), write = console.error } = {}) {
    this.#total = total
    this.#now = now
    this.#write = write
    this.#start = now()
  }

  /** Says that the next step begins. The steps that are left are taken to last as long as those before, on average. */
  begin(what) {
    const done = this.#begun++
    const elapsed = (this.#now() - this.#start) / 1000
    const left = done === 0 ? '' : `, about ${showDuration((elapsed / done) * (this.#total - done))} left`
    this.#write(`${this.#begun} of ${this.#total}${left}: ${what}`)
  }
}

/** Whole seconds, or minutes from two on. */
function showDuration(seconds) {
  return seconds < 120 ? `${Math.ceil(seconds)} s` : `${Math.round(seconds / 60)} min`
}
