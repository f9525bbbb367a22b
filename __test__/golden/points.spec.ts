/** The term of points against the values of its published implementation. */
import { describe, expect, test } from 'vitest'
import { HungarianLoss } from '../../src/index.ts'
import { COST_UNIT, GRADIENT_TOLERANCE, NEAR_ZERO, TOLERANCE, readCases, tensorOf } from '../support/golden.ts'
import type { GoldenMatching, GoldenTensor } from '../support/golden.ts'
import { expectAllClose, expectClose } from '../support/helpers.ts'
import type { TargetsOf } from '../../src/index.ts'

interface GoldenCase {
  params: { metres_per_unit: [number, number]; weights: { loss_dir: number } }
  inputs: { tensors: Record<string, GoldenTensor>; targets: { labels: number[]; orders: number[]; points: number[] }[] }
  /** Which alternative of its target each pair uses. */
  chosen: Record<string, number[][]>
  matching: Record<string, GoldenMatching[]>
  losses: Record<string, number>
  weighted_total: number
  grads: Record<string, number[]>
}

const CASES = readCases<GoldenCase>('maptr')

/** MapTR's terms but for that of directions. */
const weights = { class: 2, l1: 0, giou: 0, pointL1: 5 }
const cost = { ...weights, class: 0 }
const criterion = HungarianLoss.deformableDetr({ numClasses: 3, cost, weights, normalization: 'num-pairs' })

/** The alternatives of each target, `[K · 2]` each. */
function alternativesOf({ orders, points }: GoldenCase['inputs']['targets'][number]): number[][][] {
  const width = points.length / orders.reduce((sum, count) => sum + count, 0)
  let start = 0
  return orders.map((count) => {
    const own = Array.from({ length: count }, (_, i) => points.slice(start + i * width, start + (i + 1) * width))
    start += count * width
    return own
  })
}

/** What torch adds to squared lengths: 1e-12 in float32, also in float64. */
const EPSILON = Math.fround(1e-12)

/** The gradient of weight · Σ (1 - cos) over the segments of a pair of lines, in metres. */
function directionGradient(p: number[], t: number[], metres: [number, number], weight: number): number[] {
  const gradient = p.map(() => 0)
  for (let k = 0; k + 2 < p.length; k += 2) {
    const [a, b] = [p, t].map((line) => [0, 1].map((d) => (line[k + 2 + d]! - line[k + d]!) * metres[d]!))
    const [long, other, dot] = [dotOf(a!, a!) + EPSILON, dotOf(b!, b!) + EPSILON, dotOf(a!, b!)]
    for (const d of [0, 1]) {
      const slope = ((dot * a![d]!) / long - b![d]!) / Math.sqrt(long * other)
      gradient[k + 2 + d]! += weight * slope * metres[d]!
      gradient[k + d]! -= weight * slope * metres[d]!
    }
  }
  return gradient
}

/** The focal cost of mmdet 2.14, whose logarithms have 1e-12 where others have 1e-8. */
function focalCost(logit: number): number {
  const [p, epsilon] = [1 / (1 + Math.exp(-logit)), 1e-12]
  return -0.25 * (1 - p) ** 2 * Math.log(p + epsilon) + 0.75 * p ** 2 * Math.log(1 - p + epsilon)
}

const dotOf = (a: number[], b: number[]) => a[0]! * b[0]! + a[1]! * b[1]!

test('compute: maptr has its cases', () => expect(CASES.length).toBe(9))

describe.each(CASES)('compute: maptr, %s', (_, golden) => {
  const { tensors, targets } = golden.inputs
  const layers = ['aux0', 'aux1', 'main'].filter((name) => `${name}_logits` in tensors)
  const suffixes = layers.map((name) => (name === 'main' ? '' : `d${name.slice(3)}.`))
  const tensor = (name: string) => tensorOf(tensors[name]!)
  const layerOf = (name: string) => ({ logits: tensor(`${name}_logits`), points: tensor(`${name}_points`) })
  const alternatives = targets.map(alternativesOf)

  test('the costs of points are those of the reference, by the nearest of the alternatives', () => {
    const all = targets.map(({ labels }, image) => ({
      labels: labels.flatMap((label, i) => alternatives[image]![i]!.map(() => label)),
      points: alternatives[image]!.flat(),
    }))
    layers.forEach((name) => {
      const { images } = criterion.cost(layerOf(name), all as TargetsOf<ReturnType<typeof layerOf>>)
      images.forEach(({ data, shape }, image) => {
        const rows = Array.from({ length: shape[0] }, (_, q) => [...data.subarray(q * shape[1], (q + 1) * shape[1])])
        const least = rows.flatMap((row) => {
          let start = 0
          return alternatives[image]!.map(({ length }) => Math.min(...row.slice(start, (start += length))))
        })
        const { data: logits, shape: sizes } = tensors[`${name}_logits`]!
        const [, queries, classes] = sizes as [number, number, number]
        const { labels } = targets[image]!
        const expected = golden.matching[name]![image]!.cost.map((whole, i) => {
          const [query, label] = [Math.floor(i / labels.length), labels[i % labels.length]!]
          return whole - 2 * focalCost(logits[(image * queries + query) * classes + label]!)
        })
        expectAllClose(least, expected, TOLERANCE, COST_UNIT)
      })
    })
  })

  test('terms and gradients of the pairs are those of the reference', () => {
    layers.forEach((name, l) => {
      const pairs = golden.matching[name]!
      const chosen = targets.map(({ labels }, image) => ({
        labels,
        points: labels.map((_, i) => {
          const pair = pairs[image]!.tgt.indexOf(i)
          return alternatives[image]![i]![pair < 0 ? 0 : golden.chosen[name]![image]![pair]!]!
        }),
      }))
      const matching = pairs.map(({ pred, tgt }) => ({ queryIndices: pred, targetIndices: tgt }))
      const outputs = { ...layerOf(name), matching }
      const found = criterion.compute(outputs, chosen as TargetsOf<ReturnType<typeof layerOf>>)
      const { terms, normalizers } = found
      const numPairs = normalizers.numPairs!
      expectClose(terms.pointL1!, golden.losses[`${suffixes[l]}loss_pts`]!, TOLERANCE, NEAR_ZERO)
      // theirs is divided by the pairs, too
      const factor = normalizers.numBoxes / numPairs
      expectClose(terms.class * factor, golden.losses[`${suffixes[l]}loss_cls`]!, TOLERANCE, NEAR_ZERO)

      const expected = [...golden.grads[`${name}_points`]!]
      const { data, shape } = tensors[`${name}_points`]!
      const width = shape[2]! * shape[3]!
      const weight = golden.params.weights.loss_dir / numPairs
      pairs.forEach(({ pred, tgt }, image) =>
        pred.forEach((query, k) => {
          const start = (image * shape[1]! + query) * width
          const line = chosen[image]!.points[tgt[k]!]!
          const slopes = directionGradient(
            data.slice(start, start + width),
            line,
            golden.params.metres_per_unit,
            weight,
          )
          slopes.forEach((slope, i) => (expected[start + i]! -= slope))
        }),
      )
      expectAllClose(found.gradients.points, expected, GRADIENT_TOLERANCE)
    })
  })
})
