/** What queries and targets are called, in short and in a sentence. */
import { classOf } from '../scores.ts'
import { CLASSES } from '../state.ts'
import type { Place } from '../state.ts'
import type { Scenery } from '../store.ts'

export const nameOf = ({ side, index }: Place): string => `${side === 'query' ? 'Q' : 'T'}${index + 1}`

/** The class that a box shows: a target's own, or the one that a query speaks for. */
export function labelOf(
  { state, study }: Pick<Scenery, 'state' | 'study'>,
  { side, index }: Place,
): number | undefined {
  if (side === 'target') return state.targets[index]?.label
  const query = state.queries[index]
  return query === undefined ? undefined : classOf(query.logits, study.columns)
}

/** The other of its pair. */
export function partnerOf({ study }: Pick<Scenery, 'study'>, { side, index }: Place): Place | undefined {
  const found = (side === 'query' ? study.targetOf : study.queryOf)[index]
  return found === undefined ? undefined : { side: side === 'query' ? 'target' : 'query', index: found }
}

/** For those who do not see the box. */
export function describe(scenery: Scenery, place: Place): string {
  const { side, index } = place
  const box = (side === 'query' ? scenery.state.queries : scenery.state.targets)[index]?.box ?? []
  const label = labelOf(scenery, place)
  const partner = partnerOf(scenery, place)
  const [x, y, w, h] = box.map((value) => `${Math.round(value * 100)}`)
  const pair = partner === undefined ? 'not matched' : `matched with ${nameOf(partner)}`
  const kind = label === undefined ? 'no object' : CLASSES[label]
  return `${side === 'query' ? 'Query' : 'Target'} ${nameOf(place)}, ${kind}, ${pair}, centre ${x}, ${y}, size ${w} by ${h}`
}
