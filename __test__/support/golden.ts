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

/** The matching of an image in a case of boxes. */
export interface GoldenImage extends GoldenMatching {
  rows: number
  cols: number
  total_cost: number
  tie: boolean
}

/** A layer in a case of boxes. */
export interface GoldenLayer<Image = GoldenImage> {
  name: string
  shape: [images: number, queries: number, classes: number]
  logits: number[]
  boxes: number[]
  images: Image[]
  grad_logits: number[]
  grad_boxes: number[]
}

/** Logits and boxes of such a layer. */
export const layerTensors = ({ shape: [images, queries, classes], logits, boxes }: GoldenLayer) => ({
  logits: { data: new Float32Array(logits), shape: [images, queries, classes] },
  boxes: { data: new Float32Array(boxes), shape: [images, queries, 4] },
})

/** A tensor as the package takes it. */
export const tensorOf = ({ data, shape }: GoldenTensor) => ({ data: Float32Array.from(data), shape })

/** The decoder's layers among the tensors of a case, the final one last, and the suffixes of their terms. */
export const decoderLayers = (tensors: Readonly<Record<string, GoldenTensor>>) =>
  ['aux0', 'aux1', 'main']
    .filter((name) => `${name}_logits` in tensors)
    .map((name) => ({ name, suffix: name === 'main' ? '' : `_${name.slice(3)}` }))

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
