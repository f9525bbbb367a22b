/** Shows how the training goes: one line, redrawn in place, on a terminal; a plain line now and then elsewhere. */

const BAR = 20
const PLAIN_LINES = 20

/**
 * How terms and scores are put into words: the terms; the score that stays in the line; and those of an evaluation.
 * @typedef {{ terms: (terms: object) => string, score: (scores: object) => string, scores: (scores: object) => string }} Words
 * @type {Words}
 */
const OF_BOXES = {
  terms: (terms) => `class ${terms.class.toFixed(2)} L1 ${terms.l1.toFixed(3)} GIoU ${terms.giou.toFixed(2)}`,
  score: ({ ap50 }) => `AP50 ${ap50.toFixed(3)}`,
  scores: ({ ap50, ap75 }) => `AP50 ${ap50.toFixed(3)}, AP75 ${ap75.toFixed(3)}`,
}

export class Progress {
  #stream
  #steps
  #done
  #words
  #started = performance.now()
  #drawn = 0
  #score = ''

  /**
   * @param {import('node:tty').WriteStream} stream
   * @param {number} steps how many there will be
   * @param {number} [done] how many there were before it began, in a training that goes on
   * @param {Words} [words]
   */
  constructor(stream, steps, done = 0, words = OF_BOXES) {
    this.#stream = stream
    this.#steps = steps
    this.#done = done
    this.#words = words
  }

  /** Milliseconds since the start. */
  get elapsed() {
    return performance.now() - this.#started
  }

  /** @param {import('./train.js').Step} record of the step that is done */
  step({ step, loss, terms }) {
    const { isTTY } = this.#stream
    const due = isTTY ? performance.now() - this.#drawn > 100 : step % Math.ceil(this.#steps / PLAIN_LINES) === 0
    if (!due && step < this.#steps) return
    this.#drawn = performance.now()
    const remaining = (this.elapsed / (step - this.#done)) * (this.#steps - step)
    const filled = Math.floor((BAR * step) / this.#steps)
    const parts = [
      isTTY ? '█'.repeat(filled) + '░'.repeat(BAR - filled) : `${Math.floor((100 * step) / this.#steps)} %`.padStart(5),
      `step ${step}/${this.#steps}`,
      `${clock(this.elapsed)}, ${clock(remaining)} left`,
      `loss ${loss.toFixed(2)}`,
      this.#words.terms(terms),
      this.#score,
    ]
    this.#write(parts.filter(Boolean).join('  '), '')
  }

  /** Tells how the held-out scenes went; a terminal keeps it in its line. */
  evaluation({ step, scores }) {
    this.#score = this.#words.score(scores)
    if (!this.#stream.isTTY) this.#write(`       step ${step}: held-out ${this.#words.scores(scores)}`)
  }

  /** Leaves the redrawn line as it is and goes on below it. */
  end() {
    if (this.#stream.isTTY) this.#stream.write('\n')
  }

  #write(line) {
    const { isTTY, columns = 80 } = this.#stream
    this.#stream.write(isTTY ? `\r${line.slice(0, columns - 1)}\x1b[K` : `${line}\n`)
  }
}

/** Milliseconds as minutes and seconds. */
export function clock(milliseconds) {
  const seconds = Math.round(milliseconds / 1000)
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`
}
