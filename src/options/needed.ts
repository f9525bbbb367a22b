/** Which fields of queries and of targets a criterion cannot do without. */
import { DESCRIPTION } from '../binding/description.ts'
import { FIELDS, neededFamilies, TARGET_FIELDS } from '../terms/index.ts'
import type { ResolvedOptions } from './options.ts'

/** For each field in the core's order, whether every layer, or every image's targets, must have it. */
export interface Needed {
  readonly queries: readonly boolean[]
  readonly targets: readonly boolean[]
}

const KNOWN = new WeakMap<ResolvedOptions, Needed>()

/** What a criterion with these options needs. */
export function neededFields(options: ResolvedOptions): Needed {
  const known = KNOWN.get(options)
  if (known !== undefined) return known
  const isNeeded = neededFamilies(options)
  const families = DESCRIPTION.families.filter((_, i) => isNeeded[i])
  const needed = {
    queries: FIELDS.map(({ name, owner }) => {
      return owner === undefined || families.some(({ queryFields }) => queryFields.includes(name))
    }),
    targets: TARGET_FIELDS.map(({ name, isOptional }) => {
      return !isOptional && families.some(({ targetFields }) => targetFields.includes(name))
    }),
  }
  KNOWN.set(options, needed)
  return needed
}

/**
 * What of the options needs a field, as messages say it: the weights of its family above 0, or else the form of the class cost or
 * the kind of classification, which ask how well pairs agree. Empty for what every criterion needs.
 */
export function showNeed({ cost, weights, classification }: ResolvedOptions, field: string): string {
  const family = DESCRIPTION.families.find(({ queryFields, targetFields }) =>
    [...queryFields, ...targetFields].includes(field),
  )
  if (family === undefined) return ''
  const above = (list: object, group: string) =>
    family.terms.filter((term) => ((list as Weights)[term] ?? 0) > 0).map((term) => `${group}.${term}`)
  const names = [...above(cost, 'cost'), ...above(weights, 'weights')]
  if (names.length === 0) {
    if (cost.classForm === 'product') return `; needed, since cost.classForm is 'product'`
    if ((cost.modulation ?? 0) > 0) return '; needed, since cost.modulation is above 0'
    return `; needed, since classification is of kind '${classification.kind}'`
  }
  const list = names.length === 1 ? `${names[0]} is` : `${names.slice(0, -1).join(', ')} and ${names.at(-1)} are`
  return `; needed, since ${list} above 0`
}

type Weights = { readonly [term: string]: number | undefined }

/** The fields that a layer must have, as messages say it: `{ logits, boxes }`. */
export function showLayer({ queries }: Needed): string {
  return showFields(FIELDS.filter((_, i) => queries[i]))
}

/** What every image's targets must have, likewise: `{ labels, boxes }`. `needed`: as {@link Needed.targets}. */
export function showTarget(needed: readonly boolean[]): string {
  return showFields([{ name: 'labels' }, ...TARGET_FIELDS.filter((_, i) => needed[i])])
}

/** Fields as messages say it. */
export function showFields(fields: ReadonlyArray<{ readonly name: string }>): string {
  return `{ ${fields.map(({ name }) => name).join(', ')} }`
}
