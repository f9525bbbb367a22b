/**
 * All that a training depends on, as bytes: to go on from after an interruption, and for rank 0 to bring the others to where it is.
 *
 * The bytes are a word that tells the format, the length of a header, the header (JSON), and for each parameter its weights and the
 * two averages of the optimiser, as float32 of the machine's byte order. The header has a digest of the numbers.
 */
import { createHash } from 'node:crypto'
import { closeSync, fsyncSync, openSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'

const FORMAT = Buffer.from('digits 1')
const START = FORMAT.length + 4

/**
 * @typedef {object} State
 * @property {Record<string, unknown>} settings that the training must be started with to go on, by the names of the options
 * @property {number} step how many steps are done
 * @property {number} scenes the generator of random numbers that scenes are drawn with
 * @property {number} noise the one of denoising queries
 * @property {number} updates steps of the optimiser
 * @property {{ name: string, weights: Float32Array, mean: Float32Array, square: Float32Array }[]} parameters
 */

/** Bytes that are no checkpoint, or not of this training. */
export class CheckpointError extends Error {
  name = 'CheckpointError'
}

/**
 * @param {State} state
 * @returns {Buffer}
 */
export function encode({ parameters, ...state }) {
  const arrays = parameters.flatMap(({ weights, mean, square }) => [weights, mean, square])
  const numbers = Buffer.concat(arrays.map((array) => Buffer.from(array.buffer, array.byteOffset, array.byteLength)))
  const names = parameters.map(({ name, weights }) => ({ name, size: weights.length }))
  const header = Buffer.from(JSON.stringify({ ...state, parameters: names, digest: digestOf(numbers) }))
  const length = Buffer.alloc(4)
  length.writeUInt32LE(header.length)
  return Buffer.concat([FORMAT, length, header, numbers])
}

/**
 * @param {Uint8Array} bytes
 * @returns {State}
 */
export function decode(bytes) {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (!buffer.subarray(0, FORMAT.length).equals(FORMAT)) throw new CheckpointError('is no checkpoint of this example')
  try {
    const end = START + buffer.readUInt32LE(FORMAT.length)
    const { parameters, digest, ...state } = JSON.parse(buffer.toString('utf8', START, end))
    const numbers = new Uint8Array(buffer.subarray(end)) // a copy, which begins where a float may
    if (digestOf(numbers) !== digest) throw new Error('the digest is another')
    let at = 0
    const take = (size) => {
      const array = new Float32Array(numbers.buffer, at, size)
      at += array.byteLength
      return array
    }
    return {
      ...state,
      parameters: parameters.map(({ name, size }) => ({
        name,
        weights: take(size),
        mean: take(size),
        square: take(size),
      })),
    }
  } catch (error) {
    throw new CheckpointError(`is damaged (${error.message})`, { cause: error })
  }
}

/**
 * Writes a file so that at any time there is either the old one or the new one, whole.
 * @param {string} file
 * @param {Uint8Array} bytes
 * @param {string | undefined} known the version of the old one: another is not written over, since two trainings that have one
 *   folder would take turns
 * @returns {string} the version of the new one
 */
export function write(file, bytes, known) {
  if (versionOf(file) !== known) {
    throw new CheckpointError(
      `${file} was changed or removed by another program: give each training a folder of its own by --out`,
    )
  }
  const beside = `${file}.new`
  try {
    writeThrough(beside, bytes)
    renameSync(beside, file)
  } catch (error) {
    rmSync(beside, { force: true })
    throw new CheckpointError(`${file} cannot be written (${error.code})`, { cause: error })
  }
  return versionOf(file)
}

/** What tells a file from one that has taken its place; undefined where there is none. */
export function versionOf(file) {
  const found = statSync(file, { bigint: true, throwIfNoEntry: false })
  return found && `${found.ino} ${found.mtimeNs}`
}

function writeThrough(file, bytes) {
  const descriptor = openSync(file, 'w')
  try {
    writeFileSync(descriptor, bytes)
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
}

/**
 * @param {string} file
 * @returns {State | undefined} nothing where there is no file
 */
export function read(file) {
  let bytes
  try {
    bytes = readFileSync(file)
  } catch (error) {
    if (error.code === 'ENOENT') return undefined
    throw new CheckpointError(`${file} cannot be read (${error.code})`, { cause: error })
  }
  try {
    return decode(bytes)
  } catch (error) {
    throw new CheckpointError(`${file} ${error.message}`, { cause: error })
  }
}

function digestOf(bytes) {
  return createHash('sha256').update(bytes).digest('hex')
}
