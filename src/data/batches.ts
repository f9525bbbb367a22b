/** Which images make the batches of an epoch. */
import { toReadError } from '../common/reading.ts'
import { checkFlag, checkInteger, checkRecord, MAX_SIZE } from '../common/validate.ts'
import type { ForeignNames } from '../common/words.ts'

/** Settings of {@link batchIndices}. */
export interface BatchOptions {
  /**
   * Shuffles, the same way for the same seed: an integer from 0 to 2^32 − 1, another one for each epoch. Default: none, the images come in
   * their order.
   */
  readonly seed?: number | undefined
  /** Whether a last batch that is smaller is left out. Default: false. */
  readonly dropLast?: boolean | undefined
}

const OPTIONS = ['seed', 'dropLast'] as const

const NAMES: ForeignNames = new Map([
  ['shuffle', ['seed']],
  ['randomseed', ['seed']],
  ['dropremainder', ['dropLast']],
])

/** More images than any data set has. */
const MAX_IMAGES = 2 ** 26

/**
 * The batches of one epoch: lists of `size` indices, each of 0 to `count` − 1 in one of them, the last list being shorter where they do not
 * come out even. They are made one by one, as a loop asks for them; there are `Math.ceil(count / size)`.
 *
 * Throws `OPTION` for numbers out of range, `count` being from 0 to 2^26, and `size` from 1 on; `MEMORY` where there is none for a shuffled order.
 *
 * Shuffled by Fisher and Yates (Durstenfeld 1964), with numbers of mulberry32, so that the order is the same on every machine.
 *
 * @example
 * for (const batch of batchIndices(targets.length, 8, { seed: epoch })) {
 *   const { loss } = criterion.compute(await predict(batch), batch.map((i) => targets[i]))
 * }
 */
export function batchIndices(count: number, size: number, options?: BatchOptions): Generator<number[], void, undefined>
export function batchIndices(count: unknown, size: unknown, options?: unknown): Generator<number[], void, undefined> {
  let argument = 'count'
  try {
    const images = checkInteger(count, 0, MAX_IMAGES, argument)
    argument = 'size'
    const most = checkInteger(size, 1, MAX_SIZE, argument)
    argument = 'options'
    const { seed, dropLast } = checkRecord(options, OPTIONS, argument, NAMES)
    const drops = checkFlag(dropLast, false, 'options.dropLast')
    const order = seed === undefined ? undefined : shuffled(images, checkInteger(seed, 0, 2 ** 32 - 1, 'options.seed'))
    return batchesOf(images, most, drops, order)
  } catch (error) {
    throw toReadError(error, argument)
  }
}

function* batchesOf(
  count: number,
  size: number,
  drops: boolean,
  order: Uint32Array | undefined,
): Generator<number[], void, undefined> {
  const end = drops ? count - (count % size) : count
  for (let start = 0; start < end; start += size) {
    const batch: number[] = []
    for (let i = start; i < Math.min(start + size, end); i++) batch.push(order?.[i] ?? i)
    yield batch
  }
}

/** 0 to `count` − 1 in an order that all of them are equally likely to have, but for the 2^32 numbers that there are. */
function shuffled(count: number, seed: number): Uint32Array {
  const order = new Uint32Array(count)
  for (let i = 0; i < count; i++) order[i] = i
  const next = mulberry32(seed)
  for (let i = count - 1; i > 0; i--) {
    const j = Math.floor(next() * (i + 1))
    const kept = order[i] as number
    order[i] = order[j] as number
    order[j] = kept
  }
  return order
}

/** Numbers in [0, 1), the same for the same seed (mulberry32 by Tommy Ettinger, in the public domain). */
function mulberry32(seed: number): () => number {
  let state = seed | 0
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
}
