/** Reference values of published code, as specs read them; see `fixtures/README.md`. */
import { readdirSync, readFileSync } from 'node:fs'

/** Terms, totals and costs: relative to the value, and absolute near 0. */
export const TOLERANCE = 1e-6
export const NEAR_ZERO = 0.01
/** A cost is a difference of parts of several units, each rounded to float32. */
export const COST_UNIT = 5
/** Gradients: absolute, and relative above 1. */
export const GRADIENT_TOLERANCE = 2e-6

/** A tensor of a case. */
export interface GoldenTensor {
  data: number[]
  shape: number[]
}

/** The matching of an image. */
export interface GoldenMatching {
  cost: number[]
  pred: number[]
  tgt: number[]
}

const NUMBERS = new Set(['NaN', 'Infinity', '-Infinity'])

/** The cases of a folder of fixtures, by name. What JSON has no number for is written as a word. */
export function readCases<Case>(folder: string): [name: string, golden: Case][] {
  const directory = new URL(`../fixtures/golden/${folder}/`, import.meta.url)
  return readdirSync(directory).map((file) => {
    const json: unknown = JSON.parse(readFileSync(new URL(file, directory), 'utf8'), (_, value: unknown) =>
      typeof value === 'string' && NUMBERS.has(value) ? Number(value) : value,
    )
    return [file.replace('.json', ''), json as Case]
  })
}
