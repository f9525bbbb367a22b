/** The parts of a step as the core takes them: one row of numbers for each. */
import { TERMS } from '../terms/index.ts'
import type { Terms } from '../terms/index.ts'
import { FIRST_WEIGHT, PER_PART } from './layout.ts'
import { float64s } from './slab.ts'

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
  /** Whether all targets count as of the first class. */
  readonly classAgnostic: boolean
  /** Whether the box terms use the pairs of the union matching. */
  readonly union: boolean
  /** What the normalisers are multiplied by. */
  readonly normalizerFactor: number
  /** Weight of the whole part. */
  readonly weight: number
  /** Of its terms. */
  readonly weights: Required<Terms>
}

/** What a step is made of: how many layers each of the given tensors hold, and the parts. */
export interface StepStructure {
  readonly tensors: ReadonlyArray<{ readonly layers: number }>
  readonly parts: readonly PartStructure[]
}

/** The number of tensors, how many layers each of these hold, then the parts. */
export function packParts({ tensors, parts }: StepStructure): Float64Array {
  const first = 1 + tensors.length
  const numbers = float64s(first + PER_PART * parts.length)
  numbers[0] = tensors.length
  for (let i = 0; i < tensors.length; i++) numbers[1 + i] = (tensors[i] as { readonly layers: number }).layers
  for (let i = 0; i < parts.length; i++) packPart(parts[i] as PartStructure, numbers, first + PER_PART * i)
  return numbers
}

function packPart(part: PartStructure, numbers: Float64Array, at: number): void {
  const { layers, weights } = part
  numbers[at] = part.tensors === undefined ? 0 : 1 + PART_KEYS.indexOf(part.tensors)
  numbers[at + 1] = layers.firstLayer
  numbers[at + 2] = layers.layers
  numbers[at + 3] = layers.rows
  numbers[at + 4] = part.first
  numbers[at + 5] = part.end
  numbers[at + 6] = layers.classes
  numbers[at + 7] = part.groups
  numbers[at + 8] = part.repeat
  numbers[at + 9] = Number(part.classAgnostic)
  numbers[at + 10] = Number(part.union)
  numbers[at + 11] = part.normalizerFactor
  numbers[at + 12] = part.weight
  const list = listWeights(weights)
  for (let i = 0; i < list.length; i++) numbers[at + FIRST_WEIGHT + i] = list[i] as number
}

/** The latest weights, and the list of them: most parts have the criterion's. */
let [latest, latestList]: [Required<Terms> | undefined, readonly number[]] = [undefined, []]

/** The weights in the order of the terms. */
function listWeights(weights: Required<Terms>): readonly number[] {
  if (weights !== latest) [latest, latestList] = [weights, TERMS.map(({ name }) => weights[name] as number)]
  return latestList
}
