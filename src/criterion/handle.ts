/** The options as the core takes them. */
import { DESCRIPTION, optionsOf } from '../binding/description.ts'
import { createCriterion } from '../binding/native.ts'
import type { Criterion } from '../binding/native.ts'
import { toHungarianLossError } from '../common/errors.ts'
import type { ResolvedOptions } from '../options/options.ts'

type OptionValue = number | boolean | string | number[]

/** Hands the options to the core. */
export function createHandle(options: ResolvedOptions): Criterion {
  const { numClasses, classification, cost, weights, threads } = options
  const settings: Record<string, OptionValue> = { 'classification.kind': classification.kind }
  for (const { name } of optionsOf(classification.kind)) {
    const value = valueAt(options, name)
    if (isValue(value)) settings[name] = Array.isArray(value) ? [...value] : (value as OptionValue)
  }
  const listed = (named: object) =>
    DESCRIPTION.terms.map(({ name }) => (named as { readonly [term: string]: number })[name] ?? 0)
  try {
    return createCriterion({ numClasses, cost: listed(cost), weights: listed(weights), options: settings, threads })
  } catch (error) {
    throw toHungarianLossError(error)
  }
}

/** Whether there is a value, rather than a group of options. */
const isValue = (value: unknown): boolean =>
  value !== undefined && (typeof value !== 'object' || value === null || Array.isArray(value))

/** The value of an option whose name leads through groups: `classification.alpha`. */
function valueAt(options: object, name: string): unknown {
  return name.split('.').reduce<unknown>((group, key) => (group as Record<string, unknown> | undefined)?.[key], options)
}
