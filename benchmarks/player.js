/** A contender in a process of its own, which is asked in lines of JSON; its host says what. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'

/** An answer that did not come in time. */
export class TooSlow extends Error {}

/**
 * @typedef {object} Contender
 * @property {string} name
 * @property {boolean} [isRival] whether it is not ours
 * @property {'float64' | 'float32'} [precision] in which it sums
 * @property {string[]} command
 * @property {Record<string, string | undefined>} [env] over this process's own
 * @property {import('./assignment/suite.js').Form[]} [forms] which matrices it can solve
 */
export class Player {
  #contender
  #process
  #lines

  /** @param {Contender} contender */
  constructor(contender) {
    this.#contender = contender
  }

  /** @returns {Contender} */
  get contender() {
    return this.#contender
  }

  /**
   * Asks and waits for the answer. Throws {@link TooSlow} after `seconds`, having ended the process, and `Error` where
   * the process gives an error or dies. The next request starts a new process where there is none.
   */
  async ask(request, seconds) {
    if (this.#process === undefined) this.#start()
    const stop = new AbortController()
    const timer = setTimeout(() => stop.abort(), seconds * 1000)
    try {
      const line = once(this.#lines, 'line', { signal: stop.signal }).then(([text]) => text)
      const end = once(this.#lines, 'close', { signal: stop.signal }).then(() => undefined)
      this.#process.stdin.write(`${JSON.stringify(request)}\n`)
      const text = await Promise.race([line, end])
      if (text === undefined) throw new Error(`${this.#contender.name}: the process ended`)
      const answer = JSON.parse(text)
      if (answer.error !== undefined) throw new Error(`${this.#contender.name}: ${answer.error}`)
      return answer
    } catch (error) {
      this.close()
      throw error.name === 'AbortError' ? new TooSlow(`${this.#contender.name}: no answer in ${seconds} s`) : error
    } finally {
      clearTimeout(timer)
      stop.abort()
    }
  }

  /** Ends the process, if there is one. */
  close() {
    this.#process?.kill('SIGKILL')
    this.#process = undefined
  }

  #start() {
    const [program, ...args] = this.#contender.command
    const env = { ...process.env, ...this.#contender.env }
    this.#process = spawn(program, args, { env, stdio: ['pipe', 'pipe', 'inherit'] })
    this.#process.stdin.on('error', () => {}) // the process has ended, which `ask` sees
    this.#process.on('error', () => {}) // it could not be started, which `ask` sees as well
    this.#lines = createInterface({ input: this.#process.stdout })
  }
}
