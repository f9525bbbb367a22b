/**
 * Where the numbers lie that cross the border to the core, and what some of them mean. The order of terms is that in which
 * the families are composed.
 */
import { FIELDS, TERMS } from '../terms/index.ts'

/** In place of the target of a query: it has none, or it has no part in the loss. */
export const BACKGROUND = -1
export const LEFT_OUT = -2

/** Numbers of a part: those of its structure, then the weights of its terms. */
export const FIRST_WEIGHT = 13
export const PER_PART = FIRST_WEIGHT + TERMS.length

/** Places in a result's values: the batch's numbers first, then as many for each layer of every part. */
export const LOSS = 0
export const NUM_BOXES = 1
export const UNION_BOXES = 2
/** The counts of values that were not finite, one for each field; then that of costs. */
export const NON_FINITE = 3
export const FILLED_COSTS = NON_FINITE + FIELDS.length
export const TARGETS = FILLED_COSTS + 1
export const UNION_PAIRS = TARGETS + 1
export const HEADER = UNION_PAIRS + 1

/** Places within a layer's numbers, after those of the terms. */
export const CLASS_ERROR = TERMS.length
export const CARDINALITY_ERROR = CLASS_ERROR + 1
export const CLASS_NORMALIZER = CLASS_ERROR + 2
export const CLASS_SUM = CLASS_ERROR + 3
export const LEAST_CLASS_SUM = CLASS_ERROR + 4
export const PAIRED_QUERIES = CLASS_ERROR + 5
export const OTHER_QUERIES = CLASS_ERROR + 6
export const PER_LAYER = CLASS_ERROR + 7
