/** The options as the core takes them. */
import { createCriterion } from '../binding/native.ts'
import type { Criterion } from '../binding/native.ts'
import { toHungarianLossError } from '../common/errors.ts'
import type { ResolvedOptions } from '../options/options.ts'
import type { CostTerms, Terms } from '../terms/index.ts'
import { TERMS } from '../terms/index.ts'

/** Hands the options to the core. */
export function createHandle({ classification, cost, weights, distribution, ...options }: ResolvedOptions): Criterion {
  const { classForm, alpha = 0, gamma = 0, ...costWeights } = cost
  const { classWeights, ...kind } = { classWeights: undefined, ...classification }
  try {
    return createCriterion({
      ...options,
      classification: { ...kind, ...(classWeights && { classWeights: [...classWeights] }) },
      cost: costWeights,
      weights: pickWeights<CostTerms>(weights, true),
      // the core has the terms that are no part of the cost beside the distribution
      distribution: { ...distribution, ...pickWeights<Omit<Terms, keyof CostTerms>>(weights, false) },
      classCost: { form: classForm, alpha, gamma },
    })
  } catch (error) {
    throw toHungarianLossError(error)
  }
}

/** The weights of the terms that the cost may have, or of the others. */
function pickWeights<Some>(weights: Required<Terms>, inCost: boolean): { readonly [Name in keyof Some]-?: number } {
  const some = TERMS.filter((term) => term.inCost === inCost).map(({ name }) => [name, weights[name]] as const)
  return Object.fromEntries(some) as { readonly [Name in keyof Some]-?: number }
}
