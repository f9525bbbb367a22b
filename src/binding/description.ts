/**
 * What the core has: fields, terms, options, and the places of all results. Names cross the border here, once; nothing else
 * holds an order or a count of its own.
 */
import { HungarianLossError } from '../common/errors.ts'
import { describe } from './native.ts'

export const DESCRIPTION = describe()

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

/** How many numbers a row of a field has, whose axes have one size each. */
export function rowSize(field: string): number {
  const { axes } = DESCRIPTION.queryFields.find(({ name }) => name === field) ?? { axes: [] }
  return axes.reduce((product, { size = NaN }) => product * size, 1)
}

/** What the core says of an option. */
export type OptionDescription = (typeof DESCRIPTION.options)[number]

/** The options that every criterion has, and those of each kind of classification. */
const COMMON = [DESCRIPTION.options, ...DESCRIPTION.families.map(({ options }) => options)].flat()
const OF_ALL_KINDS = [...COMMON, ...DESCRIPTION.kinds.flatMap(({ options }) => options)]
const OF_KIND: ReadonlyMap<string, readonly OptionDescription[]> = new Map(
  DESCRIPTION.kinds.map(({ name, options }) => [name, [...COMMON, ...options]]),
)

/** The options that a criterion of a kind of classification has; without a kind those of all kinds, one after the other. */
export function optionsOf(kind?: string): readonly OptionDescription[] {
  return kind === undefined ? OF_ALL_KINDS : (OF_KIND.get(kind) ?? COMMON)
}
