/** The settings of a solution. */
import { fail } from '../common/errors.ts'
import { toReadError } from '../common/reading.ts'
import { checkFlag, checkRecord, show } from '../common/validate.ts'
import type { ForeignNames } from '../common/words.ts'

/** Settings of {@link linearSumAssignment}. */
export interface AssignmentOptions {
  /** Look for the largest total rather than the least. Default: false. */
  readonly maximize?: boolean | undefined
  /**
   * Where forbidden pairs leave no complete assignment, give the most pairs that can be, and of those sets of pairs the
   * one with the least total, rather than an error. However large and small costs may be: one pair more comes first, and
   * no number is added for it. Default: false.
   */
  readonly partial?: boolean | undefined
  /**
   * Leave pairs dearer than this (when maximising: cheaper) unassigned, as trackers do: of all sets of pairs, the one
   * with the least sum of cost − limit, with as many pairs as that permits. `partial` has then no meaning. Any finite
   * number; of costs in a Float32Array, or in rows that are all Float32Arrays, the nearest float32, so that a cell of 0.3
   * keeps to a limit of 0.3. Default: no limit.
   */
  readonly costLimit?: number | undefined
  /** Give the dual variables, which prove that the total is optimal. Default: false. */
  readonly duals?: boolean | undefined
}

/** Settings of {@link linearSumAssignmentAsync}. */
export interface AsyncAssignmentOptions extends AssignmentOptions {
  /** Stops the solve; it then rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined
}

/** What tells the solver how to read a matrix. */
export interface Settings {
  readonly maximize: boolean
  readonly partial: boolean
  /** NaN for none. */
  readonly limit: number
  /** Whether duals are wanted. */
  readonly wanted: boolean
}

const SOLVE = ['maximize', 'partial', 'costLimit', 'duals'] as const
const VERIFY = ['maximize', 'costLimit'] as const
/** Tells the core that there is no limit. */
const NO_LIMIT = NaN

const DEFAULTS: Settings = { maximize: false, partial: false, limit: NO_LIMIT, wanted: false }

/** What trackers call the limit: `linear_assignment`. */
const NAMES: ForeignNames = new Map(
  ['costthreshold', 'costthresh', 'threshold', 'thresh', 'maxcost', 'maxdistance'].map((name) => [name, ['costLimit']]),
)

/** Checks the settings of a solution and fills in defaults. */
export function readSettings(options: unknown): Settings {
  if (options === undefined) return DEFAULTS
  try {
    const given = checkRecord(options, SOLVE, 'options', NAMES)
    return {
      maximize: checkFlag(given.maximize, false, 'options.maximize'),
      partial: checkFlag(given.partial, false, 'options.partial'),
      limit: checkLimit(given.costLimit),
      wanted: checkFlag(given.duals, false, 'options.duals'),
    }
  } catch (error) {
    throw toReadError(error, 'options')
  }
}

/** The settings of a solution off the event loop, each read once. */
export function readAsyncSettings(options: unknown) {
  try {
    return { ...checkRecord(options, [...SOLVE, 'signal'], 'options', NAMES) }
  } catch (error) {
    throw toReadError(error, 'options')
  }
}

/** The settings that a proof depends on. */
export function readVerifySettings(options: unknown): Pick<Settings, 'maximize' | 'limit'> {
  try {
    const given = checkRecord(options, VERIFY, 'options', NAMES)
    return { maximize: checkFlag(given.maximize, false, 'options.maximize'), limit: checkLimit(given.costLimit) }
  } catch (error) {
    throw toReadError(error, 'options')
  }
}

/** A limit: any finite number, or none. */
function checkLimit(value: unknown): number {
  if (value === undefined) return NO_LIMIT
  if (Number.isFinite(value)) return value as number
  return fail('OPTION', 'options.costLimit', `must be a finite number, got ${show(value)}`)
}
