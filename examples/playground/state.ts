/** What the playground shows: a criterion's choices, one image's queries and targets. Plain data, never written to. */
import type { Box } from './geometry.ts'
import { fit } from './geometry.ts'
import type { BoxPreset } from './presets.ts'

/** The object classes; an index is a label. */
export const CLASSES = ['person', 'dog', 'kite'] as const
/** Scores of a query: one for each class, and the last for no-object, which only softmax has a column for. */
export const SCORES = CLASSES.length + 1

/** The terms whose weights can be chosen. */
export const TERMS = ['class', 'l1', 'giou'] as const
export type Term = (typeof TERMS)[number]
export type Weights = Readonly<Record<Term, number>>

export interface Query {
  readonly box: Box
  /** Logits, `[SCORES]`. */
  readonly logits: readonly number[]
}

export interface Target {
  readonly box: Box
  /** A class' index. */
  readonly label: number
}

export interface State {
  readonly preset: BoxPreset
  /** Of the matching cost. */
  readonly cost: Weights
  /** Of the loss. */
  readonly weights: Weights
  /** Weight of no-object in softmax cross-entropy; the other kinds have none. */
  readonly noObject: number
  readonly queries: readonly Query[]
  readonly targets: readonly Target[]
}

/** How many there may be, and how large the numbers. */
export const LIMITS = { queries: 8, targets: 6, logit: 6, weight: 10, noObject: 1 } as const

/** Numbers have six decimals, so that a link holds all of their digits. */
const round = (value: number): number => Math.round(value * 1e6) / 1e6 + 0
const within = (value: number, least: number, most: number): number => round(Math.min(Math.max(value, least), most))
const weightsWithin = (weights: Weights): Weights => ({
  class: within(weights.class, 0, LIMITS.weight),
  l1: within(weights.l1, 0, LIMITS.weight),
  giou: within(weights.giou, 0, LIMITS.weight),
})

/** A box within the image. Half a side has no more decimals than a centre, so that what touches the edge stays where it is. */
function settleBox(box: Box): Box {
  const half = (side: number): number => 2 * round(side / 2)
  const [cx, cy, w, h] = fit(box)
  return fit([round(cx), round(cy), half(w), half(h)]).map(round) as unknown as Box
}

/** A state whose numbers are within their limits. */
export function settle(state: State): State {
  return {
    preset: state.preset,
    cost: weightsWithin(state.cost),
    weights: weightsWithin(state.weights),
    noObject: within(state.noObject, 0, LIMITS.noObject),
    queries: state.queries.map(({ box, logits }) => ({
      box: settleBox(box),
      logits: logits.map((logit) => within(logit, -LIMITS.logit, LIMITS.logit)),
    })),
    targets: state.targets.map(({ box, label }) => ({ box: settleBox(box), label })),
  }
}

/** A list with another item at one place. */
export const withItem = <T>(items: readonly T[], index: number, item: T): readonly T[] =>
  items.map((old, i) => (i === index ? item : old))

/** A list without the item at one place. */
export const without = <T>(items: readonly T[], index: number): readonly T[] => items.filter((_, i) => i !== index)

/** Which box of a state is meant. */
export interface Place {
  readonly side: 'query' | 'target'
  readonly index: number
}

export const isSame = (a: Place | undefined, b: Place | undefined): boolean =>
  a?.side === b?.side && a?.index === b?.index

/** The box at a place. */
export const boxAt = (state: State, { side, index }: Place): Box | undefined =>
  (side === 'query' ? state.queries : state.targets)[index]?.box

/** A state with another box at a place. */
export function withBox(state: State, { side, index }: Place, box: Box): State {
  if (side === 'query') {
    const query = state.queries[index]
    return query === undefined ? state : { ...state, queries: withItem(state.queries, index, { ...query, box }) }
  }
  const target = state.targets[index]
  return target === undefined ? state : { ...state, targets: withItem(state.targets, index, { ...target, box }) }
}
