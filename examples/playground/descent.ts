/** Gradient descent on the queries themselves: their boxes and logits are moved as a step of training would wish them to be. */
import type { Box } from './geometry.ts'
import { settle } from './state.ts'
import type { State } from './state.ts'
import type { Study } from './study.ts'

/**
 * Logits take steps so many times as large as boxes: a box lies within 0 and 1, and a logit has to go some units. (In a network the
 * two come from layers of their own, whose weights say how far one step moves them.)
 */
export const LOGIT_RATE = 200

/** A state after one step: each number less `rate` times its gradient. */
export function stepped(state: State, { gradients }: Pick<Study, 'gradients'>, rate: number): State {
  const queries = state.queries.map(({ box, logits }, q) => {
    const [ofBox, ofLogits] = [gradients.boxes[q], gradients.logits[q]]
    return {
      box: box.map((value, i) => value - rate * (ofBox?.[i] ?? 0)) as unknown as Box,
      logits: logits.map((value, i) => value - LOGIT_RATE * rate * (ofLogits?.[i] ?? 0)),
    }
  })
  return settle({ ...state, queries })
}
