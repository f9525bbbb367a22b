/**
 * What all ranks do together, made of parcels. Each rank calls the same functions in the same order; each call takes as many
 * numbers of parcels in all of them, so that the parcels of two calls cannot be confused.
 */
import { ExchangeError } from './errors.js'

export class Collectives {
  #post
  #rank
  #ranks
  #number = 0

  /**
   * @param {import('./post.js').Post} post
   * @param {import('./post.js').Place} place
   */
  constructor(post, { rank, ranks }) {
    this.#post = post
    this.#rank = rank
    this.#ranks = ranks
  }

  /**
   * The values of all ranks.
   * @param {unknown} value plain data, as JSON has it
   * @returns {Promise<unknown[]>} by rank
   */
  async gather(value) {
    const parcels = await this.#exchange(Buffer.from(JSON.stringify(value)))
    return parcels.map((parcel) => JSON.parse(parcel.toString()))
  }

  /**
   * The sum of an array over all ranks, the same bits in each of them. Rank j adds up the j-th part, and sends the sum of it
   * to all: so what a rank sends and receives hardly grows with their number. It adds in the order of the ranks, whatever
   * comes first, in float64, and rounds once.
   * @param {Float32Array} array of the same length in all ranks
   * @returns {Promise<Float32Array>}
   */
  async sum(array) {
    const part = (rank) => array.subarray(this.#start(rank, array), this.#start(rank + 1, array))
    const number = this.#number++
    for (const other of this.#post.others) this.#post.send(other, number, bytesOf(part(other)))
    const shares = await this.#post.receive(this.#post.others, number)
    const own = part(this.#rank)
    const sums = await this.#exchange(
      bytesOf(
        addUp(
          Array.from({ length: this.#ranks }, (_, rank) =>
            rank === this.#rank ? own : floatsOf(shares.get(rank), own.length, rank),
          ),
        ),
      ),
    )
    const total = new Float32Array(array.length)
    sums.forEach((sum, rank) => total.set(floatsOf(sum, part(rank).length, rank), this.#start(rank, array)))
    return total
  }

  /**
   * What rank 0 has.
   * @param {Uint8Array} [bytes] of rank 0; the others give none
   * @returns {Promise<Uint8Array>}
   */
  async first(bytes) {
    const number = this.#number++
    if (this.#rank > 0) return (await this.#post.receive([0], number)).get(0)
    this.#post.send('all', number, bytes)
    return bytes
  }

  /** The bytes of all ranks, by rank. */
  async #exchange(bytes) {
    const number = this.#number++
    if (this.#ranks > 1) this.#post.send('all', number, bytes)
    const parcels = (await this.#post.receive(this.#post.others, number)).set(this.#rank, bytes)
    return Array.from({ length: this.#ranks }, (_, rank) => parcels.get(rank))
  }

  /** Where the part of a rank begins. */
  #start(rank, { length }) {
    return Math.floor((rank * length) / this.#ranks)
  }
}

/** The sum of arrays of one length, element by element. */
function addUp(arrays) {
  const sum = new Float64Array(arrays[0].length)
  for (const array of arrays) for (let i = 0; i < sum.length; i++) sum[i] += array[i]
  return Float32Array.from(sum)
}

const bytesOf = ({ buffer, byteOffset, byteLength }) => Buffer.from(buffer, byteOffset, byteLength)

/** A copy, since bytes of a message need not begin where a float may. */
function floatsOf(bytes, length, rank) {
  const { BYTES_PER_ELEMENT } = Float32Array
  if (bytes.length !== length * BYTES_PER_ELEMENT) {
    const got = bytes.length / BYTES_PER_ELEMENT
    throw new ExchangeError(`Rank ${rank} has sent ${got} numbers to add up where ${length} were expected.`)
  }
  return new Float32Array(new Uint8Array(bytes).buffer)
}
