/**
 * What the core has: fields, terms, options, and the places of all results. Names cross the border here, once; nothing else
 * holds an order or a count of its own.
 */
import { HungarianLossError } from '../common/errors.ts'
import { describe } from './native.ts'

export const DESCRIPTION = describe()

/** An option as the core describes it. */
export type OptionDescription = (typeof DESCRIPTION)['options'][number]

/** Things with names in the core's order. Refuses another set of names than the core's. */
export function inOrder<Thing extends { readonly name: string }>(
  things: readonly Thing[],
  described: readonly { readonly name: string }[],
): readonly Thing[] {
  const ordered = described.map(({ name }) => things.find((thing) => thing.name === name))
  if (ordered.length === things.length && ordered.every((thing) => thing !== undefined)) {
    return ordered as readonly Thing[]
  }
  const [own, core] = [things, described].map((list) => list.map(({ name }) => name).join(', '))
  throw new HungarianLossError('BINARY', `the binary is of another version: it has ${core} for ${own}; build it anew`)
}

/** Every option of the core by its name, `classification.alpha` of each kind of classification. */
const OPTIONS = new Map(
  [...DESCRIPTION.options, ...DESCRIPTION.families.flatMap(({ options }) => options)].map((option) => [
    option.name,
    option,
  ]),
)
const OF_KINDS = new Map(
  DESCRIPTION.kinds.map(({ name, options }) => [name, new Map(options.map((option) => [option.name, option]))]),
)

/** An option by its name. `kind`: of classification, for an option that only some kinds have. */
export function optionOf(name: string, kind?: string): OptionDescription {
  const option = OPTIONS.get(name) ?? OF_KINDS.get(kind ?? '')?.get(name)
  if (option !== undefined) return option
  throw new HungarianLossError('BINARY', `the binary is of another version: it has no option ${name}; build it anew`)
}

/** The names of all options that a criterion of a kind of classification has. */
export function optionNames(kind: string): readonly string[] {
  return [...OPTIONS.keys(), ...(OF_KINDS.get(kind)?.keys() ?? [])]
}
