/**
 * Plans: what the core makes of the structure of a step, kept for as long as batches have the same one. A structure is
 * compared number by number, which takes far less time than handing it over.
 */
import { toHungarianLossError } from '../common/errors.ts'
import { DESCRIPTION } from './description.ts'
import { createPlan } from './native.ts'
import type { Criterion, Plan } from './native.ts'

/** Parts beside the main one, in the order in which all are reported. */
export const PART_KEYS = ['encoder', 'denoising', 'oneToMany'] as const

/** The name of a part beside the main one. */
export type PartKey = (typeof PART_KEYS)[number]

/** Layers that lie together. */
export interface LayerRange {
  /** Place of the first layer among those of all parts. */
  readonly firstLayer: number
  /** How many there are. */
  readonly layers: number
  /** Queries of each. */
  readonly rows: number
  /** Columns of their logits. */
  readonly classes: number
}

/** Some queries of some layers, which are matched alike. */
export interface PartStructure {
  /** Where its tensors lie: a key, or undefined for those of the main part. */
  readonly tensors: PartKey | undefined
  readonly layers: LayerRange
  /** Its own queries: from `first` to before `end`. */
  readonly first: number
  readonly end: number
  /** Equal groups of queries, each of which is matched with all targets. */
  readonly groups: number
  /** How often every target is repeated. */
  readonly repeat: number
  /** Whether that is less in images with many targets. */
  readonly adaptive: boolean
  /** Whether all targets count as of the first class. */
  readonly classAgnostic: boolean
  /** Whether the geometric terms use the pairs of the union matching. */
  readonly union: boolean
  /** Whether pairs have ranks among those of their target, where the class term gives them any. */
  readonly isRanked: boolean
  /** What the normalisers are multiplied by. */
  readonly normalizerFactor: number
  /** Weight of the whole part. */
  readonly weight: number
  /** Of each layer, beyond that; absent where all are 1. */
  readonly layerWeights: readonly number[] | undefined
  /** Weights of its queries; absent where it has none. */
  readonly queryWeights: object | undefined
  /** Of its terms, in the core's order. */
  readonly weightList: readonly number[]
}

/** Layers in the same tensors. */
export interface Stack {
  readonly layers: number
  /** Queries of each. */
  readonly rows: number
  /** The width of each field in the core's order; 0 where there is none. */
  readonly widths: readonly number[]
  /** The sizes of the axes of rows that may have any, in the same order; undefined where there are none. */
  readonly axes: ReadonlyArray<readonly number[]> | undefined
}

/** What a step is made of. */
export interface StepStructure {
  readonly images: number
  readonly stacks: readonly Stack[]
  readonly parts: readonly PartStructure[]
  /** How the layers of all parts are matched, {@link PER_RULE} numbers each; absent where all are matched optimally. */
  readonly rules: readonly number[] | undefined
  /** Whether the batch has each field of the targets, in the core's order. */
  readonly targets: readonly boolean[]
}

/** Numbers of a rule: its kind, the layer that it takes over, whether a cost is added, and what a matching by score is told. */
export const PER_RULE = 3 + DESCRIPTION.score.length

/** The kinds of rules. */
export const OPTIMAL = 0
export const GIVEN = 1
export const OF_LAYER = 2
export const FIXED = 3
export const BY_SCORE = 4

/** So many plans are kept: batches of training and evaluation, and a smaller last one of each. */
const KEPT = 4

interface KeptPlan {
  readonly key: readonly number[]
  readonly weights: ReadonlyArray<readonly number[]>
  readonly plan: Plan
}

/** The plans of one criterion, the latest first. */
export class Plans {
  readonly #criterion: Criterion
  readonly #kept: KeptPlan[] = []

  constructor(criterion: Criterion) {
    this.#criterion = criterion
  }

  /** The plan of a structure. */
  get(structure: StepStructure): Plan {
    writeKey(structure)
    for (let i = 0; i < this.#kept.length; i++) {
      const { key, weights, plan } = this.#kept[i] as KeptPlan
      if (!isWritten(key) || !haveWeights(structure.parts, weights)) continue
      if (i > 0) this.#kept.unshift(...this.#kept.splice(i, 1))
      return plan
    }
    const plan = this.#create(structure)
    const weights = structure.parts.map(({ weightList }) => weightList)
    this.#kept.unshift({ key: written.slice(0, length), weights, plan })
    if (this.#kept.length > KEPT) this.#kept.pop()
    return plan
  }

  #create(structure: StepStructure): Plan {
    try {
      return createPlan(this.#criterion, describeStructure(structure))
    } catch (error) {
      throw toHungarianLossError(error, 'outputs')
    }
  }
}

/** The key that is compared, and how much of the memory it takes. */
const written: number[] = []
let length = 0

function write(number: number): void {
  written[length] = number
  length += 1
}

function isWritten(key: readonly number[]): boolean {
  if (key.length !== length) return false
  for (let i = 0; i < length; i++) if (key[i] !== written[i]) return false
  return true
}

/** Writes all numbers of a structure but the weights. */
function writeKey({ images, stacks, parts, rules, targets }: StepStructure): void {
  length = 0
  write(images)
  write(stacks.length)
  for (let i = 0; i < stacks.length; i++) {
    const { layers, rows, widths, axes } = stacks[i] as Stack
    write(layers)
    write(rows)
    for (let k = 0; k < widths.length; k++) write(widths[k] as number)
    if (axes !== undefined) for (const sizes of axes) for (const size of sizes) write(size)
  }
  write(parts.length)
  for (let i = 0; i < parts.length; i++) writePart(parts[i] as PartStructure)
  for (let i = 0; i < targets.length; i++) write(Number(targets[i]))
  if (rules !== undefined) for (let i = 0; i < rules.length; i++) write(rules[i] as number)
}

function writePart(part: PartStructure): void {
  const { layers } = part
  write(part.tensors === undefined ? 0 : 1 + PART_KEYS.indexOf(part.tensors))
  write(layers.firstLayer)
  write(layers.layers)
  write(part.first)
  write(part.end)
  write(part.groups)
  write(part.repeat)
  write(Number(part.classAgnostic) + 2 * Number(part.union) + 4 * Number(part.adaptive) + 8 * Number(part.isRanked))
  write(Number(part.queryWeights !== undefined))
  write(part.normalizerFactor)
  write(part.weight)
  write(part.layerWeights === undefined ? 0 : 1)
  if (part.layerWeights !== undefined) for (let i = 0; i < layers.layers; i++) write(part.layerWeights[i] as number)
}

/** Whether the terms of parts weigh so much. Nearly always these are the very lists. */
function haveWeights(parts: readonly PartStructure[], weights: ReadonlyArray<readonly number[]>): boolean {
  for (let i = 0; i < parts.length; i++) {
    const [own, other] = [(parts[i] as PartStructure).weightList, weights[i] as readonly number[]]
    if (own !== other && own.some((weight, term) => weight !== other[term])) return false
  }
  return true
}

/** A structure as the core takes it. */
function describeStructure({ images, stacks, parts, rules, targets }: StepStructure) {
  let next = 0
  return {
    images,
    stacks: stacks.map(({ layers, rows, widths, axes = [] }) => {
      return { layers, rows, widths: [...widths], axes: axes.map((sizes) => [...sizes]) }
    }),
    targets: [...targets],
    parts: parts.map((part) => {
      const { layers, weightList, layerWeights } = part
      const own = rules?.slice(PER_RULE * next, PER_RULE * (next + layers.layers))
      next += layers.layers
      return {
        name: part.tensors === undefined ? 'outputs' : `outputs.${part.tensors}`,
        firstLayer: layers.firstLayer,
        layers: layers.layers,
        firstQuery: part.first,
        endQuery: part.end,
        ...(own && { rules: describeRules(own) }),
        groups: part.groups,
        repeat: part.repeat,
        adaptive: part.adaptive,
        classAgnostic: part.classAgnostic,
        union: part.union,
        isRanked: part.isRanked,
        normalizerFactor: part.normalizerFactor,
        weight: part.weight,
        ...(layerWeights && { layerWeights: [...layerWeights] }),
        hasQueryWeights: part.queryWeights !== undefined,
        weights: [...weightList],
      }
    }),
  }
}

function describeRules(rules: readonly number[]) {
  return Array.from({ length: rules.length / PER_RULE }, (_, layer) => {
    const rule = rules.slice(PER_RULE * layer, PER_RULE * (layer + 1))
    const [kind, from, hasCost, ...score] = rule as [number, number, number, ...number[]]
    return {
      isGiven: kind === GIVEN,
      isFixed: kind === FIXED,
      ...(kind === BY_SCORE && { score }),
      ...(kind === OF_LAYER && { from }),
      hasCost: hasCost === 1,
    }
  })
}
