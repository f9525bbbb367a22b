/**
 * Parcels of bytes between the ranks of a job, by MQTT 3.1.1.
 *
 * Topics, each below the name of the job:
 *
 *   hello             who takes part: JSON of rank, nonce and agreement, said again to each newcomer; once all ranks are there
 *                     a newcomer's nonce goes with it as `refuses`
 *   gone              who ended: JSON of rank, nonce and, where the process could still say it, the reason
 *   to/RANK/SENDER    a parcel for one rank
 *   to/all/SENDER     a parcel for all others
 *
 * A parcel begins with the nonce of its sender, drawn anew by each process, and a number, so that nothing is taken for
 * what it is not, such as a parcel of an earlier training. `gone` is also the process's last will: the server itself says
 * it as soon as the connection breaks without a farewell, or is silent for one and a half times KEEP_ALIVE seconds.
 */
import { randomBytes } from 'node:crypto'
import mqtt from 'mqtt'
import { ExchangeError } from './errors.js'

/** Seconds after which a silent connection is tried, by either side. */
const KEEP_ALIVE = 10
/** At least once, and in order: MQTT's promise where the connection holds. */
const DELIVERED = { qos: 1 }
const NONCE = 8
const HEADER = NONCE + 4

/**
 * @typedef {object} Place
 * @property {string} server URL of the MQTT server
 * @property {string} job name of the training; processes of the same name belong together
 * @property {number} rank of this process, from 0 on
 * @property {number} ranks how many processes there are
 * @property {number} timeout seconds to wait for the others, when they join and in each step
 * @property {Record<string, unknown>} agreement what must be the same in all processes, by the names that messages have for it
 */

export class Post {
  #client
  #place
  #nonce = randomBytes(NONCE).toString('hex')
  /** @type {Map<number, string>} the nonces of the other ranks */
  #others = new Map()
  /** @type {Map<string, Buffer>} what came and was not asked for yet, by sender and number */
  #parcels = new Map()
  #failure
  /** Looks again whether what is waited for is there. */
  #look = () => {}

  /** @param {Place} place */
  constructor(place) {
    this.#place = place
  }

  /**
   * Connects, and waits until all ranks are there.
   * @param {Place} place
   */
  static async join(place) {
    const post = new Post(place)
    try {
      await post.#connect()
      await post.#wait(
        () => post.#absent().length === 0,
        () => `${names(post.#absent())} did not join`,
      )
    } catch (error) {
      await post.leave(error instanceof ExchangeError ? undefined : error.message)
      throw error
    }
    return post
  }

  /** The ranks of the others. */
  get others() {
    return Array.from({ length: this.#place.ranks }, (_, rank) => rank).filter((rank) => rank !== this.#place.rank)
  }

  /**
   * Sends a parcel.
   * @param {number | 'all'} to
   * @param {number} number as the receivers expect it
   * @param {Uint8Array} bytes copied at once
   */
  send(to, number, bytes) {
    if (this.#failure) throw this.#failure
    const parcel = Buffer.allocUnsafe(HEADER + bytes.length)
    parcel.write(this.#nonce, 'hex')
    parcel.writeUInt32LE(number, NONCE)
    parcel.set(bytes, HEADER)
    this.#publish(`to/${to}/${this.#place.rank}`, parcel)
  }

  /**
   * Waits for the parcel of a number from each of some ranks.
   * @param {number[]} from
   * @param {number} number
   * @returns {Promise<Map<number, Buffer>>} by rank
   */
  async receive(from, number) {
    const missing = () => from.filter((rank) => !this.#parcels.has(`${rank}/${number}`))
    await this.#wait(
      () => missing().length === 0,
      () => `${names(missing())} did not answer`,
    )
    return new Map(
      from.map((rank) => {
        const key = `${rank}/${number}`
        const parcel = this.#parcels.get(key)
        this.#parcels.delete(key)
        return [rank, parcel]
      }),
    )
  }

  /**
   * Leaves, once what was sent is with the server.
   * @param {string} [reason] a failure of this process's own, to be told to the others
   */
  async leave(reason) {
    const client = this.#client
    if (!client?.connected) return void client?.end(true)
    if (reason !== undefined) this.#publish('gone', this.#words({ reason }))
    const closed = new Promise((resolve) => client.once('close', resolve)) // also where the server goes first
    this.#failure ??= new ExchangeError('This rank has left.')
    await Promise.race([client.endAsync(), closed])
  }

  async #connect() {
    const { server, job, rank, timeout } = this.#place
    const where = addressOf(server)
    const topics = ['hello', 'gone', `to/${rank}/+`, ...this.others.map((other) => `to/all/${other}`)]
    try {
      this.#client = await mqtt.connectAsync(
        server,
        {
          clientId: this.#nonce,
          protocolVersion: 4,
          keepalive: KEEP_ALIVE,
          reconnectPeriod: 0,
          connectTimeout: 1000 * timeout,
          will: { topic: `${job}/gone`, payload: Buffer.from(this.#words({})), ...DELIVERED, retain: false },
        },
        false,
      )
      this.#client.stream.setNoDelay?.(true)
      this.#client.on('message', (topic, bytes) => this.#read(topic.slice(job.length + 1), bytes))
      const lost = (reason) => this.#fail(`The connection to the server at ${where} is gone${reason}.`)
      this.#client.on('error', ({ message }) => lost(`: ${message}`))
      this.#client.on('close', () => lost(''))
      await this.#client.subscribeAsync(
        topics.map((topic) => `${job}/${topic}`),
        DELIVERED,
      )
    } catch (error) {
      throw new ExchangeError(`No MQTT server could be used at ${where}: ${error.message || error.code || error}.`, {
        cause: error,
      })
    }
    this.#sayHello()
  }

  #sayHello(more) {
    this.#publish('hello', this.#words({ agreement: this.#place.agreement, ...more }))
  }

  #words(more) {
    return JSON.stringify({ rank: this.#place.rank, nonce: this.#nonce, ...more })
  }

  #publish(topic, bytes) {
    this.#client.publish(`${this.#place.job}/${topic}`, bytes, DELIVERED, (error) => {
      if (error) this.#fail(`A message could not be sent: ${error.message}.`)
    })
  }

  #read(topic, bytes) {
    try {
      if (topic === 'hello') this.#readHello(JSON.parse(bytes.toString()))
      else if (topic === 'gone') this.#readGone(JSON.parse(bytes.toString()))
      else this.#readParcel(Number(topic.split('/')[2]), bytes)
    } catch (error) {
      this.#fail(`A message of topic ${topic} cannot be read (${error.message}): something else uses the job's name.`)
    }
    this.#look()
  }

  #readHello({ rank, nonce, agreement, refuses }) {
    const { job, rank: own, ranks } = this.#place
    const known = rank === own ? this.#nonce : this.#others.get(rank)
    const joined = this.#absent().length === 0
    if (refuses === this.#nonce && (!joined || known === nonce)) {
      return this.#fail(
        `All ranks of "${job}" are there already: end the other training, or give this one another name.`,
      )
    }
    if (known === nonce) return
    if (joined) return this.#sayHello({ refuses: nonce })
    // so that a newcomer learns of this one, even of what it cannot join
    this.#sayHello()
    if (known !== undefined) {
      return this.#fail(`Two processes have joined as rank ${rank}: each machine needs ranks of its own.`)
    }
    const difference = differenceOf(this.#place.agreement, agreement)
    if (difference !== undefined) {
      const [name, ours, theirs] = difference
      this.#fail(`Rank ${rank} has ${name} ${theirs}, and this one, rank ${own}, has ${ours}.`)
    } else if (!(Number.isInteger(rank) && rank >= 0 && rank < ranks)) {
      this.#fail(`There is no rank ${rank} among ${ranks}.`)
    } else {
      this.#others.set(rank, nonce)
    }
  }

  #readGone({ rank, nonce, reason }) {
    if (this.#others.get(rank) !== nonce) return
    this.#fail(
      reason === undefined
        ? `Rank ${rank} is gone: its process was ended, or its machine or connection failed.`
        : `Rank ${rank} has failed: ${reason}`,
    )
  }

  #readParcel(sender, parcel) {
    if (parcel.toString('hex', 0, NONCE) !== this.#others.get(sender)) return // of another training
    this.#parcels.set(`${sender}/${parcel.readUInt32LE(NONCE)}`, parcel.subarray(HEADER))
  }

  #absent() {
    return this.others.filter((rank) => !this.#others.has(rank))
  }

  #fail(message) {
    this.#failure ??= new ExchangeError(message)
    this.#look()
  }

  /** Waits until something holds, for `timeout` seconds. */
  async #wait(holds, complaint) {
    const { timeout } = this.#place
    const seconds = timeout === 1 ? '1 second' : `${timeout} seconds`
    await new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new ExchangeError(`${complaint()} within ${seconds}.`)), 1000 * timeout)
      this.#look = () => {
        if (!this.#failure && !holds()) return
        clearTimeout(timer)
        this.#look = () => {}
        if (this.#failure) reject(this.#failure)
        else resolve()
      }
      this.#look()
    })
  }
}

/** The first name of which two agreements have different values, with both. */
function differenceOf(ours, theirs) {
  const name = Object.keys({ ...ours, ...theirs }).find((name) => ours[name] !== theirs[name])
  return name === undefined ? undefined : [name, ours[name], theirs[name]]
}

/** A URL as messages have it: without the password. */
function addressOf(server) {
  const { host } = new URL(server)
  return host
}

const names = (ranks) => `${ranks.length === 1 ? 'Rank' : 'Ranks'} ${ranks.join(', ')}`
