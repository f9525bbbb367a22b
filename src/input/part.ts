/** One part of a step: some queries of some layers, which are matched alike and weigh alike. */
import type { PartKey, PartStructure } from '../binding/plan.ts'
import { fail } from '../common/errors.ts'
import { kindOf } from '../common/memory.ts'
import { float32, lengthOf, shapeOf, showShape } from '../common/tensors.ts'
import { checkInteger, MAX_SIZE, show } from '../common/validate.ts'
import { resolveWeights } from '../options/options.ts'
import type { ResolvedOptions } from '../options/options.ts'
import { checkPartWeights, TERMS } from '../terms/index.ts'
import type { NoFields, Terms } from '../terms/index.ts'
import { checkWeight } from '../terms/option.ts'
import type { Layers, Pairs } from './layers.ts'

/** A range of the main outputs' queries, in every layer, in place of tensors of its own. */
export interface QueryRange extends NoFields {
  /** The range: from the first to before the end. */
  readonly queries: readonly [first: number, end: number]
  /** Absent, as all tensors: the layers are those of the main outputs. */
  readonly auxiliary?: undefined
  /** Absent: what is added to the cost belongs to the main outputs. */
  readonly cost?: undefined
  /** Absent: the range has its share of the main outputs' weights. */
  readonly queryWeights?: undefined
}

/** How much a part counts in the loss. Its matching cost has the criterion's weights either way. */
export interface PartWeights {
  /** As {@link PartOutputs.layerWeights}. */
  readonly layerWeights?: ArrayLike<number> | undefined
  /** Weight of the whole part, 0 to 1e12: λ in H-DETR, and of the encoder `interm_loss_coef` in DINO. Default: 1. */
  readonly weight?: number | undefined
  /**
   * Weights of the part's terms, 0 to 1e12, in place of the criterion's; `{ l1: 0, giou: 0 }` of the encoder is DINO's
   * `no_interm_box_loss`. Default, for each: the criterion's.
   */
  readonly weights?: Partial<Terms> | undefined
}

/** How denoising queries are paired with the targets. */
export interface Denoising {
  readonly groups: number
  /** Leading queries of each group that are positive. */
  readonly positives: number
  /** Whether positives without a target have no part in the loss. */
  readonly leavesOut: boolean
  /** Pairs that the caller gives instead. */
  readonly matching: readonly Pairs[] | undefined
}

/** Some queries of some layers, which are matched alike. */
export interface Part extends PartStructure {
  /** Of its terms. */
  readonly weights: Required<Terms>
  /** Absent for the main part. */
  readonly key: PartKey | undefined
  readonly layers: Layers
  /** Weights of all queries of its layers, `[B, rows]`, of which its own are a range; absent where it has none. */
  readonly queryWeights: Float32Array | undefined
  readonly denoising: Denoising | undefined
  /** Whether layers may say how they are matched. */
  readonly hasRules: boolean
}

/** Everything but the layers and the queries of a part that is matched one to one. */
export const PLAIN = {
  groups: 1,
  repeat: 1,
  adaptive: false,
  classAgnostic: false,
  union: false,
  isRanked: true,
  normalizerFactor: 1,
  denoising: undefined,
  queryWeights: undefined,
} as const

/** A range of queries. */
export type Range = readonly [first: number, end: number]

/** What a part, its layers and its terms weigh. */
export function weightsOf(given: PartWeights, { layers }: Layers, options: ResolvedOptions, name: string) {
  const weight = checkWeight(given.weight, 1, `${name}.weight`)
  const weights = resolveWeights(given.weights, options.weights, `${name}.weights`)
  checkPartWeights(weights, options.classification, `${name}.weights`)
  return {
    weight,
    layerWeights: readLayerWeights(given.layerWeights, layers, name),
    weights,
    weightList: listWeights(weights),
  }
}

/** Weights of so many layers, or none where all are 1. */
export function readLayerWeights(given: unknown, layers: number, part: string): readonly number[] | undefined {
  if (given === undefined) return undefined
  const name = `${part}.layerWeights`
  if (!Array.isArray(given) && kindOf(given) === undefined) {
    fail('DTYPE', name, `must be an array of numbers, got ${show(given)}`)
  }
  const list = given as ArrayLike<unknown>
  const length = lengthOf(list, name)
  if (length !== layers) fail('SHAPE', name, `expected one weight for each of ${layers} layers, got ${length}`)
  const weights: number[] = []
  for (let i = 0; i < layers; i++) weights.push(checkWeight(list[i] ?? Number.NaN, 1, `${name}[${i}]`))
  return weights
}

/** Weights of the queries of a part's own tensors, `[B, rows]`, copied. */
export function readQueryWeights(given: unknown, images: number, rows: number, part: string): Float32Array | undefined {
  if (given === undefined) return undefined
  const name = `${part}.queryWeights`
  const shape = shapeOf(given, name)
  if (shape.length !== 2 || shape[0] !== images || shape[1] !== rows) {
    fail('SHAPE', name, `expected shape [${images}, ${rows}], images and queries, got ${showShape(shape)}`)
  }
  return Float32Array.from(float32(given, shape, name))
}

/** The latest weights, and the list of them: most parts have the criterion's. */
let [latest, latestList]: [Required<Terms> | undefined, readonly number[]] = [undefined, []]

/** Weights in the order of the terms. */
export function listWeights(weights: Required<Terms>): readonly number[] {
  if (weights !== latest) [latest, latestList] = [weights, TERMS.map(({ name }) => weights[name] as number)]
  return latestList
}

/** Layers and queries of a part that has tensors of its own, or a range of the main part's. */
export function place(key: PartKey, own: Layers | undefined, main: Layers, range: Range | undefined) {
  const layers = own ?? main
  const [first, end] = range ?? [0, layers.rows]
  return { key, tensors: own && key, layers, first, end, hasRules: own !== undefined && hasRules(own) }
}

/** The range of the main part's queries that a part without tensors of its own takes. */
export function rangeOf(
  part: { queries?: unknown; cost?: unknown; matching?: unknown; queryWeights?: unknown } | undefined,
  own: Layers | undefined,
  rows: number,
  key: PartKey,
): Range | undefined {
  if (part === undefined || own !== undefined) return undefined
  const name = `outputs.${key}.queries`
  const { queries } = part
  if (part.cost !== undefined || (key === 'oneToMany' && part.matching !== undefined)) {
    fail('OPTION', `outputs.${key}`, 'a range of queries has neither cost nor matching of its own')
  }
  if (part.queryWeights !== undefined) {
    fail('OPTION', `outputs.${key}.queryWeights`, 'must be absent: a range has its share of outputs.queryWeights')
  }
  if (!Array.isArray(queries) || lengthOf(queries, name) !== 2) {
    fail('DTYPE', name, `must be [first, end], or the part must have tensors of its own, got ${show(queries)}`)
  }
  const first = checkInteger(queries[0], 0, rows, `${name}[0]`, 'RANGE')
  return [first, checkInteger(queries[1], first, rows, `${name}[1]`, 'RANGE')]
}

/** The main part's own queries: what the ranges at either end leave. */
export function rest(ranges: ReadonlyArray<Range | undefined>, rows: number): Range {
  const taken = ranges.filter((range) => range !== undefined && range[0] < range[1]) as Range[]
  taken.sort((a, b) => a[0] - b[0])
  let [first, end] = [0, rows]
  for (const range of taken) if (range[0] === first) first = range[1]
  for (const range of taken.toReversed()) if (range[1] === end && range[0] >= first) end = range[0]
  const free = rows - taken.reduce((sum, range) => sum + range[1] - range[0], 0)
  if (end - first !== free) {
    const shown = taken.map(([from, to]) => `[${from}, ${to}]`)
    const rule = `the queries of its parts must not overlap, and leave one range of ${rows}`
    fail('RANGE', 'outputs', `${rule}, got ${shown.join(' and ')}`)
  }
  return [first, end]
}

/** A number of equal groups. */
export function checkGroups(value: unknown, queries: number, argument: string): number {
  const groups = value === undefined ? 1 : checkInteger(value, 1, MAX_SIZE, argument)
  if (queries % groups === 0) return groups
  return fail('SHAPE', argument, `must divide the number of queries, ${queries}, got ${groups}`)
}

/** Whether any layer says how it is matched. */
export function hasRules({ tensors }: Layers): boolean {
  return tensors.some(({ given }) => given.matching !== undefined || given.cost !== undefined)
}
