/** The matching of a layer, as the pairs of each image. */
import { BACKGROUND, LEFT_OUT } from '../binding/layout.ts'
import { int32s } from '../binding/slab.ts'
import { constructorOf, ownInt32s, WITH_JSON } from '../common/plain.ts'
import type { PartSource } from './source.ts'

/**
 * The matching of one image. Queries count within their tensors, targets within the image. Every array has a buffer of
 * its own.
 */
export interface Matches {
  /** Matched queries, ascending; one to one, `[min(Q, n)]`. By score, a query is there once for each of its targets. */
  readonly queryIndices: Int32Array
  /** The target of each of them, ascending among those of a query. */
  readonly targetIndices: Int32Array
  /**
   * Targets that found no query, ascending, each once for every group and repetition in which it found none. Ignored ones
   * are not among them.
   */
  readonly unmatchedTargets: Int32Array
  /** Queries without a part in the loss, since they lie on an ignored target or were given as such; ascending. */
  readonly ignoredQueries: Int32Array
}

/** The matchings of one layer. Every list has memory of its own, so that it can be posted and transferred by itself. */
export function readMatches(source: PartSource, layer: number): readonly Matches[] {
  const isGiven = source.given?.[layer] === true
  const start = source.entry + layer * source.images * source.queries
  const matches: Matches[] = []
  for (let image = 0; image < source.images; image++) {
    const own = isGiven ? 1 : copiesIn(source, image)
    matches.push(readImage(source, image, start + image * source.queries, own, furtherIn(source, layer, image)))
  }
  return matches
}

const PlainMatches = constructorOf<Matches, [Int32Array, Int32Array, Int32Array, Int32Array]>(function (
  queryIndices,
  targetIndices,
  unmatchedTargets,
  ignoredQueries,
) {
  this.queryIndices = queryIndices
  this.targetIndices = targetIndices
  this.unmatchedTargets = unmatchedTargets
  this.ignoredQueries = ignoredQueries
}, WITH_JSON)

/** No pairs. */
const NONE = new Int32Array(0)

/** The pairs of an image beyond the first of each query: query and target by turns, without an end mark. */
function furtherIn({ further, targetOfQuery, offsets }: PartSource, layer: number, image: number): Int32Array {
  const place = further?.[layer]
  if (place === undefined) return NONE
  const [before, after] = [offsets[image] as number, offsets[image + 1] as number]
  const all = targetOfQuery.subarray(place.entry + 2 * place.most * before, place.entry + 2 * place.most * after)
  const end = all.indexOf(BACKGROUND)
  return end < 0 ? all : all.subarray(0, end)
}

/** The matching of one image, whose entries begin at `start`. `further`: its pairs beyond the first of each query. */
function readImage(source: PartSource, image: number, start: number, copies: number, further: Int32Array): Matches {
  const { targetOfQuery, first, queries } = source
  let pairs = further.length / 2
  let leftOut = 0
  for (let i = start; i < start + queries; i++) {
    const target = targetOfQuery[i] as number
    if (target >= 0) pairs++
    else if (target === LEFT_OUT) leftOut++
  }
  const queryIndices = ownInt32s(pairs)
  const targetIndices = ownInt32s(pairs)
  const ignoredQueries = ownInt32s(leftOut)
  for (let i = start, pair = 0, ignored = 0, next = 0; pair < pairs || ignored < leftOut; i++) {
    const target = targetOfQuery[i] as number
    if (target >= 0) {
      queryIndices[pair] = first + i - start
      targetIndices[pair++] = target
      for (; further[next] === i - start; next += 2) {
        queryIndices[pair] = first + i - start
        targetIndices[pair++] = further[next + 1] as number
      }
    } else if (target === LEFT_OUT) {
      ignoredQueries[ignored++] = first + i - start
    }
  }
  const unmatchedTargets = unmatchedIn(source, image, targetIndices, copies)
  return new PlainMatches(queryIndices, targetIndices, unmatchedTargets, ignoredQueries)
}

/** How many queries each target of an image is meant to find. */
function copiesIn({ offsets, ignores, copies, groups, half }: PartSource, image: number): number {
  if (half === undefined) return copies
  const [first, end] = [offsets[image] as number, offsets[image + 1] as number]
  let count = end - first
  if (ignores !== undefined) for (let i = first; i < end; i++) if (ignores[i] === 1) count--
  return count === 0 ? copies : Math.min(groups * Math.floor(half / count), copies)
}

/** The targets of an image as often as they lack a query. `matched`: the target of each query that has one. */
function unmatchedIn(source: PartSource, image: number, matched: Int32Array, copies: number): Int32Array {
  const { offsets, ignores, isOptimal } = source
  const first = offsets[image] as number
  const count = (offsets[image + 1] as number) - first
  if (isOptimal && ignores === undefined && matched.length === copies * count) return ownInt32s(0)
  const found = int32s(count)
  for (let pair = 0; pair < matched.length; pair++) {
    const target = matched[pair] as number
    found[target] = (found[target] as number) + 1
  }
  const isCounted = (target: number): boolean => ignores?.[first + target] !== 1
  const lacking = (target: number): number => Math.max(copies - (found[target] as number), 0)
  let length = 0
  for (let target = 0; target < count; target++) if (isCounted(target)) length += lacking(target)
  const unmatched = ownInt32s(length)
  for (let target = 0, next = 0; next < length; target++) {
    if (isCounted(target)) unmatched.fill(target, next, (next += lacking(target)))
  }
  return unmatched
}
