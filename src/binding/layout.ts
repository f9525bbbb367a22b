/** Where the numbers of a result lie, and what the core writes in place of a match. */
import { DESCRIPTION } from './description.ts'

/** In place of the target of a query: it has none, or it has no part in the loss. */
export const BACKGROUND = -1
export const LEFT_OUT = -2

/** In place of a given match: the query is background, and the rest of the matching leaves it so. */
export const EXCLUDED = -3

const head = (name: string): number => DESCRIPTION.head.indexOf(name)
const layer = (name: string): number => DESCRIPTION.layer.indexOf(name)

/** Places in a result's values: the batch's numbers first, then as many for each layer of every part. */
export const LOSS = head('loss')
export const NUM_BOXES = head('numBoxes')
export const UNION_BOXES = head('unionBoxes')
export const NUM_IMAGES = head('numImages')
export const TARGETS = head('targets')
export const UNION_PAIRS = head('unionPairs')
export const FILLED_COSTS = head('nonFinite.costs')
/** For each field of the queries, the number of its values that were not finite. */
export const NON_FINITE = DESCRIPTION.queryFields.map(({ name }) => head(`nonFinite.${name}`))
export const HEADER = DESCRIPTION.head.length

/** Places within a layer's numbers. */
export const TERM_PLACES = DESCRIPTION.terms.map(({ name }) => layer(name))
export const CLASS_ERROR = layer('classError')
export const CARDINALITY_ERROR = layer('cardinalityError')
export const CLASS_NORMALIZER = layer('classNormalizer')
export const CLASS_SUM = layer('classWeight')
export const LEAST_CLASS_SUM = layer('leastClassWeight')
/** For each family, what its terms are divided by. */
export const NORMALIZERS = DESCRIPTION.families.map(({ name }) => layer(`normalizer.${name}`))
export const NUM_PAIRS = layer('numPairs')
export const PAIRED_QUERIES = layer('distilled.paired')
export const OTHER_QUERIES = layer('distilled.others')
export const PER_LAYER = DESCRIPTION.layer.length
