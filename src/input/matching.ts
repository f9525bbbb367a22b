/** How layers are matched where the caller or a part says so, and what is added to their cost. */
import { BACKGROUND, EXCLUDED, LEFT_OUT } from '../binding/layout.ts'
import { DESCRIPTION } from '../binding/description.ts'
import { BY_SCORE, FIXED, GIVEN, OF_LAYER, OPTIMAL, PER_RULE } from '../binding/plan.ts'
import { fail } from '../common/errors.ts'
import { checkRuleKeys } from './keys.ts'
import { checkMemory, kindOf } from '../common/memory.ts'
import { tensorsOf } from './layers.ts'
import type { Pairs } from './layers.ts'
import type { Predictions } from './outputs.ts'
import type { Part } from './part.ts'
import type { PackedTargets } from './packing.ts'
import { float32, lengthOf, shapeHint, shapeOf, showShape } from '../common/tensors.ts'
import {
  checkFlag,
  checkInteger,
  checkWord,
  isRecord,
  MAX_SIZE,
  requireNumber,
  show,
  showKeys,
} from '../common/validate.ts'

/** How the layers are matched, as the core takes it. */
export interface PackedRules {
  /** For each layer of every part: kind, the layer that it takes over, and whether a cost is added. */
  readonly rules: readonly number[]
  /** Given matchings, `[B, Q]` for each layer that has one: the target of each query, or −1, or −2 to leave it out. */
  readonly given: Int32Array
  /** Added costs, `[Q, n]` for each image of each layer that has some. */
  readonly added: Float32Array
}

/** Packs the matchings and costs that the caller gives, and the pairs of denoising groups; absent where all are optimal. */
export function packRules({ parts, images }: Predictions, targets: PackedTargets): PackedRules | undefined {
  if (!parts.some(({ hasRules }) => hasRules)) return undefined
  const rules: number[] = []
  const given: Int32Array[] = []
  const added: Float32Array[] = []
  for (const part of parts) {
    const denoising = part.denoising && packDenoising(part, images, targets)
    for (let layer = 0; layer < part.layers.layers; layer++) {
      if (denoising !== undefined || !part.hasRules) {
        if (denoising !== undefined) given.push(denoising)
        rules.push(denoising === undefined ? OPTIMAL : GIVEN, 0, 0, ...NO_SCORE)
        continue
      }
      const { name, given: source } = tensorsOf(part.layers, layer)
      const { matching, cost } = source
      const {
        kind,
        from = 0,
        score = NO_SCORE,
      } = packMatching(matching, part, images, targets, given, `${name}.matching`)
      rules.push(kind, from, Number(cost !== undefined), ...score)
      if (cost !== undefined) readAddedCosts(cost, part, images, targets, added, `${name}.cost`)
    }
  }
  return {
    rules,
    given: join(given, (length) => new Int32Array(length)),
    added: join(added, (length) => new Float32Array(length)),
  }
}

/** Copies arrays to one, one after the other. */
function join<Numbers extends Int32Array | Float32Array>(
  arrays: readonly Numbers[],
  make: (length: number) => Numbers,
): Numbers {
  const out = make(arrays.reduce((sum, { length }) => sum + length, 0))
  let next = 0
  for (const array of arrays) {
    out.set(array, next)
    next += array.length
  }
  return out
}

/** Whether each target of a layer, of those of all parts, is meant to find one query, and may have several. */
export function isGiven(rules: PackedRules | undefined, layer: number): boolean {
  const kind = rules?.rules[PER_RULE * layer]
  return kind === GIVEN || kind === BY_SCORE
}

/** How many pairs of a target a layer, of those of all parts, may have beyond the first of each query. */
export function mostFurther(
  { rules }: PackedRules,
  { first, end, groups }: Part,
  layer: number,
  firstLayer: number,
): number {
  const [kind, from] = [rules[PER_RULE * layer], rules[PER_RULE * layer + 1] as number]
  const at = kind === OF_LAYER ? firstLayer + from : layer
  if (rules[PER_RULE * at] !== BY_SCORE) return 0
  return groups * Math.min(rules[PER_RULE * at + 3 + TOP_K] as number, (end - first) / groups)
}

/** The numbers of a matching by score, and the place of `topK` among them. */
const SCORE = DESCRIPTION.score
const NO_SCORE: readonly number[] = SCORE.map(() => 0)
const TOP_K = SCORE.findIndex(({ name }) => name === 'topK')

/** One layer's rule. */
interface Rule {
  readonly kind: number
  /** The layer that it takes over. */
  readonly from?: number
  /** What a matching by score is told. */
  readonly score?: readonly number[]
}

/** Reads one layer's rule. */
function packMatching(
  matching: unknown,
  part: Part,
  images: number,
  targets: PackedTargets,
  given: Int32Array[],
  name: string,
): Rule {
  if (matching === undefined || matching === 'optimal') return { kind: OPTIMAL }
  if (Array.isArray(matching)) {
    given.push(packPairs(matching, part, images, targets, name))
    return { kind: GIVEN }
  }
  if (!isRecord(matching)) {
    const others = `{ from: layer }, { fixed: pairs for each image }, { by: 'score' } or pairs for each image`
    fail('DTYPE', name, `must be 'optimal', ${others}, got ${show(matching)}`)
  }
  if ('fixed' in matching) {
    given.push(packFixed(matching, part, images, targets, name))
    return { kind: FIXED }
  }
  if ('by' in matching) return { kind: BY_SCORE, score: packScore(matching, name) }
  checkRuleKeys(matching, 'source', name)
  const from = checkInteger(matching['from'], 0, part.layers.layers - 1, `${name}.from`)
  const { matching: other } = tensorsOf(part.layers, from).given
  if (isRecord(other) && !('fixed' in other) && !('by' in other)) {
    fail('OPTION', `${name}.from`, `layer ${from} has no matching of its own`)
  }
  return { kind: OF_LAYER, from }
}

/** What a matching by score is told, in the core's order. */
function packScore(matching: Record<string, unknown>, name: string): readonly number[] {
  checkRuleKeys(matching, 'score', name)
  checkWord(matching['by'], ['score'], undefined, `${name}.by`)
  return SCORE.map((option) => {
    const value = matching[option.name]
    const argument = `${name}.${option.name}`
    if (option.kind === 'flag') return Number(checkFlag(value, option.flag as boolean, argument))
    if (value === undefined) return option.number as number
    if (option.name === 'topK' && value !== Infinity) return checkInteger(value, 1, MAX_SIZE, argument)
    return requireNumber(value, option.least as number, option.most as number, argument)
  })
}

/** Fixed pairs, and the queries that no target may find. */
function packFixed(
  matching: Record<string, unknown>,
  part: Part,
  images: number,
  targets: PackedTargets,
  name: string,
): Int32Array {
  checkRuleKeys(matching, 'fixed', name)
  const { fixed, excluded, excludedAs, rest } = matching
  checkWord(rest, ['optimal'], 'optimal', `${name}.rest`)
  const as = checkWord(excludedAs, ['background', 'ignore'], 'background', `${name}.excludedAs`)
  if (!Array.isArray(fixed)) fail('DTYPE', `${name}.fixed`, `must be pairs for each image, got ${show(fixed)}`)
  const out = packPairs(fixed, part, images, targets, `${name}.fixed`)
  if (excluded === undefined) return out
  if (!Array.isArray(excluded))
    fail('DTYPE', `${name}.excluded`, `must be queries for each image, got ${show(excluded)}`)
  const length = lengthOf(excluded, `${name}.excluded`)
  if (length !== images) {
    fail('SHAPE', `${name}.excluded`, `expected one entry for each of ${images} images, got ${length}`)
  }
  const { first, end } = part
  for (let image = 0; image < images; image++) {
    const list: unknown = excluded[image]
    const argument = `${name}.excluded[${image}]`
    const count = listLength(list, {}, argument, image)
    for (let i = 0; i < count; i++) {
      const query = (list as ArrayLike<unknown>)[i]
      if (!(Number.isInteger(query) && (query as number) >= first && (query as number) < end)) {
        fail('RANGE', argument, `must hold integers from ${first} to ${end - 1}, got ${show(query)}`, { image })
      }
      const at = image * (end - first) + (query as number) - first
      const known = out[at] as number
      if (known !== BACKGROUND) {
        const rule = known === EXCLUDED ? `holds query ${show(query)} twice` : `query ${show(query)} is `
        const why = known >= 0 ? 'fixed' : 'among ignoredQueries or named twice'
        fail('RANGE', argument, known === EXCLUDED ? rule : `${rule}${why}`, { image, query: query as number })
      }
      out[at] = as === 'ignore' ? LEFT_OUT : EXCLUDED
    }
  }
  return out
}

/** The targets of the queries of all images, from pairs that the caller gives. */
function packPairs(
  matching: readonly unknown[],
  { first, end }: Part,
  images: number,
  { offsets }: PackedTargets,
  name: string,
): Int32Array {
  const length = lengthOf(matching, name)
  if (length !== images) fail('SHAPE', name, `expected one entry for each of ${images} images, got ${length}`)
  const queries = end - first
  const out = new Int32Array(images * queries).fill(BACKGROUND)
  for (let image = 0; image < images; image++) {
    const pairs: unknown = matching[image]
    if (!isRecord(pairs)) {
      fail('DTYPE', `${name}[${image}]`, `must be { queryIndices, targetIndices }, got ${show(pairs)}`, { image })
    }
    checkRuleKeys(pairs, 'pairs', `${name}[${image}]`)
    const { queryIndices, targetIndices, ignoredQueries = [] } = pairs as unknown as Pairs
    const count = listLength(queryIndices, pairs, `${name}[${image}].queryIndices`, image)
    const others = listLength(targetIndices, pairs, `${name}[${image}].targetIndices`, image)
    if (others !== count) {
      const rule = `expected as many targets as queries, ${count}, got ${others}`
      fail('SHAPE', `${name}[${image}]`, rule, { image })
    }
    const ignored = listLength(ignoredQueries, pairs, `${name}[${image}].ignoredQueries`, image)
    const start = image * queries
    const total = (offsets[image + 1] as number) - (offsets[image] as number)
    for (let i = 0; i < count + ignored; i++) {
      const query: unknown = i < count ? queryIndices[i] : ignoredQueries[i - count]
      const list = `${name}[${image}].${i < count ? 'queryIndices' : 'ignoredQueries'}`
      if (!(Number.isInteger(query) && (query as number) >= first && (query as number) < end)) {
        fail('RANGE', list, `must hold integers from ${first} to ${end - 1}, got ${show(query)}`, { image })
      }
      const at = start + (query as number) - first
      if (out[at] !== BACKGROUND) {
        fail('RANGE', list, `holds query ${show(query)} twice`, { image, query: query as number })
      }
      const target: unknown = i < count ? targetIndices[i] : LEFT_OUT
      if (i < count && !(Number.isInteger(target) && (target as number) >= 0 && (target as number) < total)) {
        const rule = total === 0 ? 'there are no targets' : `must hold integers from 0 to ${total - 1}`
        const place = { image, query: query as number }
        fail('RANGE', `${name}[${image}].targetIndices`, `${rule}, got ${show(target)}`, place)
      }
      out[at] = target as number
    }
  }
  return out
}

/** The length of one of the lists of an image's pairs. */
function listLength(list: unknown, pairs: object, name: string, image: number): number {
  if (!Array.isArray(list) && kindOf(list) === undefined) {
    const keys = list === undefined ? `; the pairs are an object ${showKeys(pairs)}` : ''
    fail('DTYPE', name, `must be an array of integers, got ${show(list)}${keys}`, { image })
  }
  if (!Array.isArray(list)) checkMemory(list as Int32Array, name)
  return lengthOf(list as ArrayLike<unknown>, name)
}

/**
 * The targets of the queries of denoising groups: in each group the k-th positive has the k-th target; further
 * positives are padding, and negatives are background.
 */
function packDenoising(part: Part, images: number, targets: PackedTargets): Int32Array {
  const { first, end, denoising } = part
  const name = 'outputs.denoising'
  const { groups, positives, leavesOut, matching } = denoising as NonNullable<typeof denoising>
  const size = (end - first) / groups
  if (matching !== undefined) {
    return packPairs(matching, part, images, targets, `${name}.matching`)
  }
  const queries = end - first
  const out = new Int32Array(images * queries).fill(BACKGROUND)
  for (let image = 0; image < images; image++) {
    const count = (targets.offsets[image + 1] as number) - (targets.offsets[image] as number)
    if (count > positives) {
      const rule = `has room for ${positives} targets of an image in each of ${groups} groups of ${size} queries`
      fail('SHAPE', name, `${rule}, got ${count}`, { image })
    }
    for (let query = 0; query < queries; query++) {
      const place = query % size
      if (place < count) out[image * queries + query] = place
      else if (leavesOut && place < positives) out[image * queries + query] = LEFT_OUT
    }
  }
  return out
}

/** Appends one layer's added costs, a block `[Q, n]` for each image. */
function readAddedCosts(
  cost: unknown,
  { first, end }: Part,
  images: number,
  { offsets }: PackedTargets,
  out: Float32Array[],
  name: string,
): void {
  if (!Array.isArray(cost)) fail('DTYPE', name, `must be an array of { data, shape }, got ${show(cost)}`)
  const blocks = lengthOf(cost, name)
  if (blocks !== images) fail('SHAPE', name, `expected one block for each of ${images} images, got ${blocks}`)
  for (let image = 0; image < images; image++) {
    const given: unknown = cost[image]
    const shape = shapeOf(given, `${name}[${image}]`)
    const [queries, targets] = [end - first, (offsets[image + 1] as number) - (offsets[image] as number)]
    if (shape.length !== 2 || shape[0] !== queries || shape[1] !== targets) {
      const expected = `expected shape [${queries}, ${targets}], queries and targets of the image`
      fail(
        'SHAPE',
        `${name}[${image}]`,
        `${expected}, got ${showShape(shape)}${shapeHint(shape, [queries, targets])}`,
        { image },
      )
    }
    // a copy, since what the caller has may change while the others are read
    out.push(new Float32Array(float32(given, shape, `${name}[${image}]`)))
  }
}
