/**
 * The points that the core draws for masks, drawn once more, so that an image or a query that is looked at by itself has those that it has in
 * the batch. The generator is Philox 4x32-10: Salmon et al. 2011, "Parallel Random Numbers: As Easy as 1, 2, 3". The seed is its key;
 * the counter says which mask and which points of it.
 */

/** What points are drawn for: the cost, the loss' candidates to choose from, and its points that are taken as they are. */
export const PURPOSES = { cost: 0, candidates: 1, fresh: 2 } as const

/** A sequence of points. */
export interface Stream {
  readonly seed: number
  readonly purpose: keyof typeof PURPOSES
  readonly part: number
  readonly layer: number
  readonly image: number
  /** The query; 0 for the cost. */
  readonly row: number
}

const MULTIPLIERS = [0xd2511f53, 0xcd9e8d57] as const
const STEPS = [0x9e3779b9, 0xbb67ae85] as const
const ROUNDS = 10

/** The first points of a stream, `[count, 2]`: x and y in [0, 1), multiples of 2⁻²⁴. */
export function drawPoints({ seed, purpose, part, layer, image, row }: Stream, count: number): Float32Array {
  const points = new Float32Array(2 * count)
  const last = ((PURPOSES[purpose] << 30) | (part << 16) | layer) >>> 0
  const key = [seed >>> 0, Math.floor(seed / 2 ** 32) >>> 0] as const
  // a block of four words is two points
  for (let block = 0; 4 * block < points.length; block++) {
    const words = philox([block, row, image, last], key)
    for (let i = 0; i < 4 && 4 * block + i < points.length; i++) {
      points[4 * block + i] = ((words[i] as number) >>> 8) / 2 ** 24
    }
  }
  return points
}

/** Ten rounds on one counter. */
export function philox(counter: readonly number[], [low, high]: readonly [number, number]): readonly number[] {
  let [a, b, c, d] = counter as readonly [number, number, number, number]
  let [one, other] = [low, high]
  for (let round = 0; round < ROUNDS; round++) {
    const [firstLow, firstHigh] = product(MULTIPLIERS[0], a)
    const [secondLow, secondHigh] = product(MULTIPLIERS[1], c)
    ;[a, b, c, d] = [(secondHigh ^ b ^ one) >>> 0, secondLow, (firstHigh ^ d ^ other) >>> 0, firstLow]
    one = (one + STEPS[0]) >>> 0
    other = (other + STEPS[1]) >>> 0
  }
  return [a, b, c, d]
}

/** The product of two numbers of 32 bits: its lower half and its upper. */
function product(a: number, b: number): readonly [low: number, high: number] {
  const [aLow, aHigh, bLow, bHigh] = [a & 0xffff, a >>> 16, b & 0xffff, b >>> 16]
  const low = aLow * bLow
  const middle = aHigh * bLow + (low >>> 16)
  const cross = aLow * bHigh + (middle % 2 ** 16)
  const high = aHigh * bHigh + Math.floor(middle / 2 ** 16) + Math.floor(cross / 2 ** 16)
  return [Math.imul(a, b) >>> 0, high >>> 0]
}
