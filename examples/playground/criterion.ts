/** The criteria of a state: the one that is played with, and those of single terms of its cost. */
import { HungarianLoss } from 'hungarian-loss'
import type { HungarianLossOptions } from 'hungarian-loss'
import type { BoxPreset } from './presets.ts'
import { CLASSES, TERMS } from './state.ts'
import type { State, Term, Weights } from './state.ts'

/** A criterion, and one for each term of the cost, which weighs that term 1 and no other. */
export interface Criteria {
  readonly whole: HungarianLoss
  readonly single: Readonly<Record<Term, HungarianLoss>>
  /** How many of a query's scores it takes. */
  readonly columns: number
}

/** What a state can choose. */
export type Choices = Pick<State, 'preset' | 'cost' | 'weights' | 'noObject'>

const numClasses = CLASSES.length

/** The choices that a preset stands for. */
export function choicesOf(preset: BoxPreset): Choices {
  const { cost, weights, classification } = new HungarianLoss({ numClasses }, preset).options
  const pick = ({ class: ofClass, l1, giou }: Weights): Weights => ({ class: ofClass, l1, giou })
  const noObject = classification.kind === 'softmax' ? classification.noObjectWeight : 0
  return { preset, cost: pick(cost), weights: pick(weights), noObject }
}

let latest: { readonly key: string; readonly criteria: Criteria } | undefined

/** The criteria of a state's choices. Those of the latest are kept, since most changes are of boxes. */
export function criteriaOf({ preset, cost, weights, noObject }: Choices): Criteria {
  const key = JSON.stringify([preset, cost, weights, noObject])
  if (latest?.key !== key) latest = { key, criteria: make({ preset, cost, weights, noObject }) }
  return latest.criteria
}

function make({ preset, cost, weights, noObject }: Choices): Criteria {
  const isSoftmax = new HungarianLoss({ numClasses }, preset).options.classification.kind === 'softmax'
  const classification = isSoftmax ? ({ kind: 'softmax', noObjectWeight: noObject } as const) : undefined
  const options: HungarianLossOptions = { numClasses, classification, weights }
  const none: Weights = { class: 0, l1: 0, giou: 0 }
  const ofTerm = (term: Term) => [term, new HungarianLoss({ ...options, cost: { ...none, [term]: 1 } }, preset)]
  return {
    whole: new HungarianLoss({ ...options, cost }, preset),
    single: Object.fromEntries(TERMS.map(ofTerm)) as Criteria['single'],
    columns: isSoftmax ? numClasses + 1 : numClasses,
  }
}
