/** Random batches, comparisons of numbers, and what a call throws. */
import { expect } from 'vitest'
import { DESCRIPTION } from '../../src/binding/description.ts'
import { HungarianLossError } from '../../src/index.ts'
import type { Outputs, Target } from '../../src/index.ts'

/** A stream of numbers in [0, 1), the same for the same seed (mulberry32). */
export function randomNumbers(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
}

export interface BatchShape {
  readonly images?: number
  readonly queries?: number
  readonly classes?: number
  readonly targets?: readonly number[]
}

/** One layer's random predictions. */
export function randomLayer(seed: number, { images = 2, queries = 6, classes = 5 }: BatchShape = {}) {
  const random = randomNumbers(seed)
  const logits = Float32Array.from({ length: images * queries * classes }, () => 6 * random() - 3)
  const boxes = Float32Array.from({ length: images * queries * 4 }, (_, i) =>
    i % 4 < 2 ? 0.3 + 0.4 * random() : 0.05 + 0.4 * random(),
  )
  return {
    logits: { data: logits, shape: [images, queries, classes] },
    boxes: { data: boxes, shape: [images, queries, 4] },
  }
}

/** Random targets, as many for each image as `targets` says. */
export function randomTargets(seed: number, { classes = 5, targets = [2, 3] }: BatchShape = {}) {
  const random = randomNumbers(seed)
  return targets.map((count) => ({
    labels: Array.from({ length: count }, () => Math.floor(random() * (classes - 1))),
    boxes: Array.from({ length: count }, () => [
      0.3 + 0.4 * random(),
      0.3 + 0.4 * random(),
      0.05 + 0.4 * random(),
      0.05 + 0.4 * random(),
    ]),
  }))
}

/** One image of an unstacked batch, as a batch of one. */
export function imageOf(outputs: ReturnType<typeof randomLayer>, image: number) {
  const one = ({ data, shape }: { data: Float32Array; shape: number[] }) => {
    const [, rows, columns] = shape as [number, number, number]
    const size = rows * columns
    return { data: data.slice(image * size, (image + 1) * size), shape: [1, rows, columns] }
  }
  return { logits: one(outputs.logits), boxes: one(outputs.boxes) }
}

/** The smallest complete batch: one image, one query, one class, one target. */
export function tiny(): {
  outputs: { logits: any; boxes: any; [key: string]: any }
  targets: { labels: any; boxes: any; [key: string]: any }[]
} {
  return {
    outputs: {
      logits: { data: new Float32Array([0.5, -0.5]), shape: [1, 1, 2] },
      boxes: { data: new Float32Array([0.5, 0.5, 0.2, 0.2]), shape: [1, 1, 4] },
    },
    targets: [{ labels: [0], boxes: [0.4, 0.5, 0.2, 0.2] }],
  }
}

/** Counts of values that are not finite, as a result has them: 0 of all fields but those that are given. */
export function countsOf(given: { readonly [field: string]: number } = {}): { readonly [field: string]: number } {
  return { ...Object.fromEntries(DESCRIPTION.queryFields.map(({ name }) => [name, 0])), costs: 0, ...given }
}

/** The error that a call throws, which must be ours. */
export function errorOf(call: () => unknown): HungarianLossError {
  try {
    call()
  } catch (error) {
    expect(error).toBeInstanceOf(HungarianLossError)
    return error as HungarianLossError
  }
  throw new Error('expected an error')
}

/** Expects two numbers equal within `tolerance`, relative where `expected` is above `unit`. */
export function expectClose(actual: number, expected: number, tolerance: number, unit = 1): void {
  if (Number.isNaN(expected) && Number.isNaN(actual)) return
  const error = Math.abs(actual - expected) / Math.max(unit, Math.abs(expected))
  if (!(error <= tolerance)) {
    expect.fail(`expected ${expected}, got ${actual}: off by ${error}, allowed is ${tolerance}`)
  }
}

/** Expects two lists equal, number by number. */
export function expectAllClose(
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
  tolerance: number,
  unit = 1,
): void {
  expect(actual.length).toBe(expected.length)
  for (let i = 0; i < expected.length; i++) expectClose(actual[i] as number, expected[i] as number, tolerance, unit)
}

/** The bytes of an array, for comparison bit by bit. */
export function bitsOf(data: ArrayBufferView | undefined): string {
  if (data === undefined) throw new Error('there is no array')
  return Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString('hex')
}

/** Anything, for calls that the types forbid. */
export const untyped = <T = any>(value: unknown): T => value as T

export type { Outputs, Target }

/** How long a call takes until it is settled, in milliseconds. */
export async function timeOf(call: () => Promise<unknown>): Promise<number> {
  const start = performance.now()
  await call()
  return performance.now() - start
}
