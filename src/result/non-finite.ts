/** How many values were not finite. */
import { nonFiniteIn } from '../binding/values.ts'
import type { FieldCounts } from '../terms/index.ts'

/** How many values were not finite. All 0 unless `nonFinite` is `'worst'`. */
export interface NonFiniteCounts extends FieldCounts {
  /** Cells of the matching cost that were filled, for queries that are not finite. */
  readonly costs: number
}

/** The counts among a result's numbers. */
export function countNonFinite(values: Float64Array): NonFiniteCounts {
  return nonFiniteIn(values) as unknown as NonFiniteCounts
}
