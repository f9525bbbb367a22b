/** The settings of a call by name, and what is said of those that are none. */
import { checkRecord, isRecord } from '../common/validate.ts'
import type { ForeignNames } from '../common/words.ts'

/** What {@link combineNormalizers} gives, among else. */
export const NORMALIZERS = ['numBoxes', 'numPairs', 'numImages', 'unionBoxes', 'classNormalizer', 'distilledQueries'] as const
export const CALL = ['gradients', 'out', ...NORMALIZERS] as const
export const ASYNC_CALL = ['gradients', ...NORMALIZERS, 'signal', 'transfer'] as const

/** What settings were called. */
const FORMER: ForeignNames = new Map([['classweight', ['classNormalizer']]])

/** The settings of a call, all of which must be known. */
export function checkCall<Key extends string>(call: unknown, known: readonly Key[]): { readonly [K in Key]?: unknown } {
  return checkRecord(call, known, 'call', FORMER, combineHint)
}

/** What helps where a call is given what {@link combineNormalizers} takes. */
function combineHint(call: unknown): string {
  const isUncombined = isRecord(call) ? 'normalizers' in call || 'counts' in call : Array.isArray(call)
  return isUncombined ? ' (pass combineNormalizers([…]))' : ''
}
