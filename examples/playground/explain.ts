/** What is to be seen, in sentences. */
import { overlaps } from './geometry.ts'
import { PRESETS } from './presets.ts'
import { CLASSES } from './state.ts'
import type { State } from './state.ts'
import type { Study } from './study.ts'
import { number } from './text.ts'

/** Some sentences about a state, the most general first. */
export function explain(state: State, study: Study): string[] {
  return [
    ...ofMatching(study),
    ...ofDetours(study),
    ...ofOthers(state, study),
    ...ofTargets(study),
    ...ofDistance(state, study),
    ofClasses(state, study),
  ]
}

function ofMatching({ cost, targetOf }: Study): string[] {
  const pairs = targetOf.flatMap((target, query) => (target === undefined ? [] : [{ query, target }]))
  if (pairs.length === 0) return ['There is no target, so nothing is matched: every query learns to find nothing.']
  const total = pairs.reduce((sum, { query, target }) => sum + (cost[query]?.[target] as number), 0)
  const marked =
    pairs.length === 1
      ? 'One pair is matched, and marked in the matrix. It costs'
      : `${pairs.length} pairs are matched, and marked in the matrix. Together they cost`
  return [`${marked} ${number(total)}, and no other choice costs less.`]
}

/** Targets whose cheapest query serves another one. */
function ofDetours({ cost, queryOf, targetOf }: Study): string[] {
  return queryOf.flatMap((query, target) => {
    if (query === undefined) return []
    const column = cost.map((row) => row[target] as number)
    const best = column.indexOf(Math.min(...column))
    const served = targetOf[best]
    if (served === undefined || column[best] === column[query]) return []
    return [`The cheapest for T${target + 1} is Q${best + 1}, which serves T${served + 1}: so the total is less.`]
  })
}

function ofOthers({ queries }: State, { targetOf, options }: Study): string[] {
  const left = queries.flatMap((_, q) => (targetOf[q] === undefined ? [`Q${q + 1}`] : []))
  if (left.length === 0) return []
  const aim =
    options.classification.kind === 'softmax' ? 'its scores are drawn to no-object' : 'all its scores are drawn down'
  const [have, box] =
    left.length === 1
      ? ['has no target', 'its box gets no gradient']
      : ['have no target', 'their boxes get no gradient']
  return [`${listed(left)} ${have}: ${left.length === 1 ? aim : aim.replace('its', 'their')}, and ${box}.`]
}

function ofTargets({ queryOf }: Study): string[] {
  const left = queryOf.flatMap((query, t) => (query === undefined ? [`T${t + 1}`] : []))
  if (left.length === 0) return []
  const [finds, adds] = left.length === 1 ? ['finds no query', 'It adds'] : ['find no query', 'They add']
  return [
    `${listed(left)} ${finds}. ${adds} nothing to the sums; those of L1 and GIoU are still divided by the number of all targets.`,
  ]
}

/** Pairs that do not touch. */
function ofDistance({ queries, targets, weights }: State, { targetOf }: Study): string[] {
  const apart = targetOf.flatMap((target, query) => {
    const [a, b] = [queries[query]?.box, target === undefined ? undefined : targets[target]?.box]
    return a !== undefined && b !== undefined && !overlaps(a, b) ? [`Q${query + 1} and T${(target as number) + 1}`] : []
  })
  if (apart.length === 0) return []
  const draws = weights.giou > 0 ? ' GIoU has a gradient there all the same, where IoU has none.' : ''
  return [`${listed(apart, '; ')} do not overlap.${draws}`]
}

const KINDS = {
  softmax: `one softmax over ${CLASSES.length} classes and no-object`,
  focal: 'a sigmoid for each class, with the focal loss',
  varifocal: 'a sigmoid for each class, drawn to the IoU of the pair',
  mal: 'a sigmoid for each class, drawn to a power of the IoU of the pair',
  'ia-bce': 'a sigmoid for each class, drawn to a mean of score and IoU of the pair',
  sigmoid: 'a sigmoid for each class, drawn to how well the pair agrees',
} as const

function ofClasses({ preset }: State, { options }: Study): string {
  const edges =
    options.weights.fgl > 0
      ? ' Its terms of edges have no part here: they need distributions, which these queries lack.'
      : ''
  return `${PRESETS[preset]} classifies by ${KINDS[options.classification.kind]}.${edges}`
}

function listed(names: readonly string[], between = ', '): string {
  if (between !== ', ' || names.length < 2) return names.join(between)
  return `${names.slice(0, -1).join(between)} and ${names.at(-1)}`
}
