/** The settings of a call by name, and what is said of those that are none. */
import { checkRecord, isRecord } from '../common/validate.ts'
import type { ForeignNames } from '../common/words.ts'

/** What {@link combineNormalizers} gives, among else. */
export const NORMALIZERS = [
  'numBoxes',
  'numPairs',
  'unionBoxes',
  'classNormalizer',
  'distilledQueries',
  'numImages',
] as const
/** Those of a matching, and of its cost. */
export const MATCH_CALL = ['maskSeed', 'maskCanvas'] as const
/** Those that an inspection looks at. */
export const INSPECT_CALL = ['maskCanvas'] as const
export const CALL = ['gradients', 'out', ...NORMALIZERS, ...MATCH_CALL] as const
export const ASYNC_CALL = ['gradients', ...NORMALIZERS, ...MATCH_CALL, 'signal', 'transfer'] as const
/** Those of a call of the adapter for TensorFlow.js. */
export const TENSOR_CALL = [...NORMALIZERS, ...MATCH_CALL] as const

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
