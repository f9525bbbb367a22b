/**
 * What a rank exchanges with the others, as functions that wait: so normalisers can be added up in the middle of a forward pass,
 * which TensorFlow.js differentiates only where it does not give way. The messages are in the hands of a thread of its
 * own; hence the connection also stays alive while this thread computes.
 */
import { once } from 'node:events'
import { MessageChannel, receiveMessageOnPort, Worker } from 'node:worker_threads'
import { ExchangeError } from './errors.js'

/** Milliseconds within which the other thread tells that it has waited too long, or has taken its leave. */
const GRACE = 5000
/** The most that a call waits for others: a sum for their shares, then for the sums of these. */
const WAITS = 2

export class Exchange {
  /** Milliseconds spent in waiting for the others and for their messages. */
  waited = 0
  #thread
  #ended
  #port
  #signal = new Int32Array(new SharedArrayBuffer(4))
  #limit

  /**
   * Joins the other ranks, and waits until they are all there.
   * @param {import('./post.js').Place} place
   * @returns {Promise<Exchange>}
   */
  static async join(place) {
    const exchange = new Exchange(place)
    await once(exchange.#port, 'message').then(([message]) => exchange.#valueOf(message))
    exchange.#port.unref()
    return exchange
  }

  /** For {@link join}. */
  constructor(place) {
    const { port1, port2 } = new MessageChannel()
    this.#port = port1
    this.#limit = WAITS * 1000 * place.timeout + GRACE
    this.#thread = new Worker(new URL('thread.js', import.meta.url), {
      workerData: { port: port2, signal: this.#signal, place },
      transferList: [port2],
    })
    this.#ended = new Promise((resolve) => this.#thread.once('exit', resolve))
  }

  /** As {@link import('./collectives.js').Collectives.gather}. */
  gather(value) {
    return this.#call('gather', value)
  }

  /** As {@link import('./collectives.js').Collectives.sum}. The array is given away with its buffer. */
  sum(array) {
    return this.#call('sum', array, [array.buffer])
  }

  /** As {@link import('./collectives.js').Collectives.first}. */
  first(bytes) {
    return this.#call('first', bytes)
  }

  /**
   * Leaves the others.
   * @param {string} [reason] why, where this rank fails the training
   */
  async leave(reason) {
    this.#port.postMessage({ call: 'leave', value: reason }, [])
    const timer = setTimeout(() => this.#thread.terminate(), GRACE) // a server may be gone that the farewell waits for
    await this.#ended
    clearTimeout(timer)
  }

  #call(call, value, transfer = []) {
    const start = performance.now()
    Atomics.store(this.#signal, 0, 0)
    this.#port.postMessage({ call, value }, transfer)
    Atomics.wait(this.#signal, 0, 0, this.#limit)
    const received = receiveMessageOnPort(this.#port)
    this.waited += performance.now() - start
    if (received === undefined) throw new Error('The thread that exchanges messages does not answer.')
    return this.#valueOf(received.message)
  }

  #valueOf({ value, error }) {
    if (error === undefined) return value
    if (error.isExchange) throw new ExchangeError(error.message)
    throw Object.assign(new Error(error.message), { stack: error.stack })
  }
}
