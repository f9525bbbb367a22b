/** Which fields of the predictions nothing trains. */
import type { Predictions } from '../../input/outputs.ts'
import { FIELDS, TERMS } from '../../terms/index.ts'
import { Tally } from './finding.ts'
import type { Finding } from './finding.ts'

/** Fields that are given and have a gradient, while no part weighs any of their terms. */
export function inspectWeights({ parts, tensors, needed }: Predictions): Finding[] {
  return FIELDS.flatMap(({ name: field, hasGradient, owner, inPlaceOf }, place) => {
    const terms = TERMS.filter((term) => term.field === (inPlaceOf ?? field)).map(({ name }) => name)
    if (!hasGradient || owner !== field) return []
    if (terms.some((term) => parts.some(({ weight, weights }) => weight * (weights[term] as number) > 0))) return []
    const tally = new Tally()
    for (const { name, values } of tensors) {
      tally.add(values[place] !== undefined, () => ({ argument: `${name}.${field}`, place: {}, example: 0 }))
    }
    const names = terms.map((term) => `weights.${term}`).join(', ')
    const cure = `Give ${terms.length > 1 ? 'one of ' : ''}${names} a value above 0`
    const [severity, message] =
      needed.queries[place] === true
        ? (['note', `The ${field} help to match, and no term trains them. ${cure}, if they are to learn.`] as const)
        : (['warning', `Nothing trains the ${field}, whose terms have no weight. ${cure}, or leave them out.`] as const)
    return tally.finding('untrained-field', severity, message)
  })
}
