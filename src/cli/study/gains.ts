/** What the loss is made of: how much of it each term of each layer is, which is what a perfect term would take away. */
import type { Outputs } from '../../input/outputs.ts'
import { PART_KEYS } from '../../binding/plan.ts'
import type { PartKey } from '../../binding/plan.ts'
import type { ResolvedOptions } from '../../options/options.ts'
import type { LayerResult, LossResult, Metrics } from '../../result/loss.ts'
import { TERMS } from '../../terms/index.ts'
import type { Terms } from '../../terms/index.ts'

/** A term's share of something's loss, weights included. */
export interface TermShare {
  readonly name: string
  readonly loss: number
}

/** One layer of one part. */
export interface LayerStudy {
  /** Undefined for the decoder. */
  readonly part: PartKey | undefined
  readonly layer: number
  /** Its share of the total. */
  readonly loss: number
  readonly shares: readonly TermShare[]
  /** Unweighted. */
  readonly terms: Terms
  readonly metrics: Metrics
  /** Which part of the last layer's pairs it has too, 0 to 1; undefined where that has none. */
  readonly agreement: number | undefined
}

/** All layers of all parts, the decoder's first. */
export function studyLayers(result: LossResult, outputs: Outputs, options: ResolvedOptions): readonly LayerStudy[] {
  const parts = [undefined, ...PART_KEYS]
  return parts.flatMap((part) => {
    const found = part === undefined ? result : result[part]
    if (found === undefined) return []
    const given = part === undefined ? undefined : outputs[part]
    const weights: Terms = { ...options.weights, ...given?.weights }
    const last = found.layers.at(-1) as LayerResult
    return found.layers.map((layer, i) => {
      const shares = sharesOf(layer.terms, weights, given?.weight ?? 1)
      const loss = shares.reduce((sum, share) => sum + share.loss, 0)
      const agreement = i === found.layers.length - 1 ? undefined : agreementOf(layer, last)
      return { part, layer: i, loss, shares, terms: layer.terms, metrics: layer.metrics, agreement }
    })
  })
}

/** Weight times term, of all terms that have both. */
export function sharesOf(terms: Terms, weights: Terms, factor = 1): readonly TermShare[] {
  return TERMS.flatMap(({ name }) => {
    const [term, weight] = [terms[name], weights[name] ?? 0]
    return term === undefined || weight * factor === 0 ? [] : [{ name, loss: factor * weight * term }]
  })
}

/** Adds up shares of the same terms, in the order of the terms. */
export function sumShares(lists: ReadonlyArray<readonly TermShare[]>): readonly TermShare[] {
  return TERMS.flatMap(({ name }) => {
    const own = lists.flat().filter((share) => share.name === name)
    return own.length === 0 ? [] : [{ name, loss: own.reduce((sum, { loss }) => sum + loss, 0) }]
  })
}

function agreementOf(layer: LayerResult, last: LayerResult): number | undefined {
  let [pairs, same] = [0, 0]
  for (const [image, { queryIndices, targetIndices }] of last.matches.entries()) {
    const own = layer.matches[image]
    if (own === undefined) continue
    const targets = new Map(Array.from(own.queryIndices, (query, i) => [query, own.targetIndices[i]]))
    pairs += queryIndices.length
    for (const [i, query] of queryIndices.entries()) same += Number(targets.get(query) === targetIndices[i])
  }
  return pairs === 0 ? undefined : same / pairs
}
