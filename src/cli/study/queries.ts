/** What each query of an image adds to the loss of a layer, and how strongly it is pulled. */
import { DESCRIPTION } from '../../binding/description.ts'
import { HungarianLoss } from '../../criterion/criterion.ts'
import type { LayerMatching, LayerOutputs } from '../../input/layers.ts'
import type { Outputs } from '../../input/outputs.ts'
import type { PackedTargets } from '../../input/packing.ts'
import type { Target } from '../../input/targets.ts'
import { normalizationOf } from '../../options/normalization.ts'
import type { ResolvedOptions } from '../../options/options.ts'
import type { LayerResult } from '../../result/loss.ts'
import type { Matches } from '../../result/matches.ts'
import type { ClassificationOptions } from '../../terms/classification.ts'
import { FIELDS, TERMS } from '../../terms/index.ts'
import type { Terms } from '../../terms/index.ts'
import { sharesOf } from './gains.ts'
import type { TermShare } from './gains.ts'
import type { Rows } from './rows.ts'

/** What queries are to the matching. */
export type Role = 'matched' | 'background' | 'ignored'

/** A query's share of the layer's loss. */
export interface QueryLoss {
  readonly shares: readonly TermShare[]
  readonly loss: number
}

/**
 * A criterion for single queries: its box terms use the pairs that it is given, and no layer is compared with another. `hasMasks`: whether
 * the layer that they are of has masks, without which there are no terms of these.
 */
export function queryCriterion({ options }: HungarianLoss, hasMasks: boolean): HungarianLoss {
  const [weights, cost] = [{ ...options.weights }, { ...options.cost }] as unknown as Record<string, number>[]
  for (const { name, field, comparesLayers, inCost } of TERMS) {
    const isLacking = field === 'masks' && !hasMasks
    if (comparesLayers || isLacking) Object.assign(weights as object, { [name]: 0 })
    if (isLacking && inCost) Object.assign(cost as object, { [name]: 0 })
  }
  const { classification: given } = options
  // each image's own number is divided by with all others
  const normalization = given.normalization === 'per-image' ? 'num-boxes' : given.normalization
  const classification = { ...given, normalization } as ClassificationOptions
  const layer = { boxMatching: 'layer', normalization: 'num-boxes' } as const
  return new HungarianLoss({ ...options, ...layer, check: 'off', classification, cost, weights })
}

/** What the sum of each term of an image in a layer is divided by, by the term's name. */
export type Divisors = ReadonlyMap<string, number>

/** Those of an image: what divides the layer, and with `'per-image'` the image's own numbers. `groups`: of the queries. */
export function divisorsOf(
  { classNormalizer, normalizers }: LayerResult,
  { labelOffsets, ignores, total }: PackedTargets,
  { normalization, classification }: ResolvedOptions,
  groups: number,
): Divisors {
  const kept = Array.from({ length: total }, (_, target) => target).filter((target) => ignores?.[target] !== 1)
  const countOf = (target: number): number =>
    labelOffsets === undefined ? 1 : (labelOffsets[target + 1] as number) - (labelOffsets[target] as number)
  const own = (word: string, count: number) => (word === 'per-image' ? Math.max(1, count * groups) : 1)
  const labels = kept.reduce((sum, target) => sum + countOf(target), 0)
  const divisors = new Map([['class', classNormalizer * own(classification.normalization, labels)]])
  for (const { name, terms } of DESCRIPTION.families) {
    const divisor = (normalizers[name] ?? 1) * own(normalizationOf(normalization, name), kept.length)
    for (const term of terms) divisors.set(term, divisor)
  }
  return divisors
}

/** What each query is to the matching, and the target that it is matched with, if any. */
export function rolesOf(
  rows: Rows,
  matches: Matches,
): ReadonlyArray<{ readonly role: Role; readonly target?: number }> {
  const roles: { role: Role; target?: number }[] = Array.from({ length: rows.count }, () => ({ role: 'background' }))
  for (const [i, query] of matches.queryIndices.entries()) {
    roles[query - rows.first] = { role: 'matched', target: matches.targetIndices[i] as number }
  }
  for (const query of matches.ignoredQueries) roles[query - rows.first] = { role: 'ignored' }
  return roles
}

/**
 * The loss of each query: each is made a layer of its own, with its pair given and the divisors of its layer, so that one call
 * gives the terms of all. They add up to the layer's.
 */
export function lossOfQueries(
  criterion: HungarianLoss,
  rows: Rows,
  target: Target,
  matches: Matches,
  divisors: Divisors,
): readonly QueryLoss[] {
  const roles = rolesOf(rows, matches)
  // pairs count in the order of the queries
  const matched = Array.from(matches.queryIndices).sort((a, b) => a - b)
  const layers = roles.map(({ role, target: found }, i): LayerOutputs => {
    const matching: LayerMatching = [
      {
        queryIndices: found === undefined ? [] : [0],
        targetIndices: found === undefined ? [] : [found],
        ignoredQueries: role === 'ignored' ? [0] : [],
      },
    ]
    const pair = found === undefined ? undefined : matched.indexOf(i + rows.first)
    return Object.assign(rows.tensorsOf(i, pair, i === roles.length - 1), { matching }) as unknown as LayerOutputs
  })
  const last = layers.at(-1)
  if (last === undefined) return []
  const outputs: Outputs = { ...last, auxiliary: layers.slice(0, -1) }
  const result = criterion.compute(outputs, [target], { gradients: false, numBoxes: 1, classNormalizer: 1 })
  return result.layers.map(({ terms }: LayerResult) => {
    const divided = Object.entries(terms).map(([name, term]) => [name, (term as number) / (divisors.get(name) || 1)])
    const shares = sharesOf(Object.fromEntries(divided) as Terms, criterion.options.weights)
    return { shares, loss: shares.reduce((sum, share) => sum + share.loss, 0) }
  })
}

/** Euclidean norms of a query's gradients, by field. */
export interface GradientNorms {
  readonly [field: string]: number
}

/** The norms of each query's gradients, in a layer of an image that was computed by itself. */
export function gradientNorms(gradients: object, rows: Rows): readonly GradientNorms[] {
  const { auxiliary } = gradients as { readonly auxiliary?: readonly object[] }
  const own = (auxiliary !== undefined && rows.layer < auxiliary.length ? auxiliary[rows.layer] : gradients) as {
    readonly [field: string]: Float32Array | undefined
  }
  return Array.from({ length: rows.count }, (_, i) => {
    const norms: Record<string, number> = {}
    for (const { name } of FIELDS.filter(({ hasGradient }) => hasGradient)) {
      const values = own[name]
      const span = rows.spanOf(name, i)
      if (values === undefined || span === undefined) continue
      norms[name] = Math.sqrt(values.subarray(...span).reduce((sum, slope) => sum + slope * slope, 0))
    }
    return norms
  })
}

/** The most probable class of each query but no-object, by its id, which is its column, and its probability. */
export function bestClasses(rows: Rows, { classification }: ResolvedOptions) {
  const noObject = classification.kind === 'softmax' ? classification.noObjectIndex : undefined
  return Array.from({ length: rows.count }, (_, i) => {
    const logits = rows.valuesOf('logits', i) as Float32Array
    let best = -1
    for (let column = 0; column < logits.length; column++) {
      if (column === noObject) continue
      if (best < 0 || (logits[column] as number) > (logits[best] as number)) best = column
    }
    const logit = logits[best] as number
    const probability =
      noObject === undefined
        ? 1 / (1 + Math.exp(-logit))
        : 1 / logits.reduce((sum, other) => sum + Math.exp(other - logit), 0)
    return { label: best, probability }
  })
}
