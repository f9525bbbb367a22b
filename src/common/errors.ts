/** The one class of errors that the package throws, and how whatever else is thrown becomes one. */
import { isNativeError } from '#host'

/** Every code. */
export const CODES = [
  'SHAPE',
  'DTYPE',
  'RANGE',
  'NON_FINITE',
  'INFEASIBLE',
  'ABORTED',
  'OPTION',
  'MEMORY',
  'BINARY',
  'INTERNAL',
] as const

/**
 * What kind of rule an input broke.
 *
 * - `SHAPE`: a shape, a length or a count does not fit, or an array has been detached.
 * - `DTYPE`: a value is of the wrong type, lies in shared memory, or cannot be read: the caller's own error is `original`.
 * - `RANGE`: a value lies outside its range, or memory overlaps.
 * - `NON_FINITE`: NaN or an infinity where a number is needed.
 * - `INFEASIBLE`: forbidden pairs leave no complete assignment.
 * - `ABORTED`: the caller's signal stopped the call.
 * - `OPTION`: an option or key is unknown or out of place, or its value is not allowed.
 * - `MEMORY`: the system refuses the memory that the call needs, of which `argument` needs most. The process goes on.
 * - `BINARY`: the compiled core cannot be loaded; thrown by the import.
 * - `INTERNAL`: a fault of this package or of its surroundings; what was thrown is `original`.
 */
export type ErrorCode = (typeof CODES)[number]

/** Where in the input the fault lies. Absent fields do not apply. All numbers count from 0. */
export interface ErrorPlace {
  /** Decoder layer, the last being the final one. */
  readonly layer?: number | undefined
  /** Image of the batch. */
  readonly image?: number | undefined
  /** Query of the image. */
  readonly query?: number | undefined
  /** Target of the image. */
  readonly target?: number | undefined
  /** Detection of the image. */
  readonly detection?: number | undefined
  /** Matrix of a batch. */
  readonly matrix?: number | undefined
  /** Row of a cost matrix. */
  readonly row?: number | undefined
  /** Column of a cost matrix. */
  readonly column?: number | undefined
  /** Rows that cannot all be assigned (`INFEASIBLE`). */
  readonly rows?: readonly number[] | undefined
  /** Columns that cannot all be assigned (`INFEASIBLE`). */
  readonly columns?: readonly number[] | undefined
}

/** Everything about an error but its code and message. */
export interface ErrorDetails extends ErrorPlace {
  /** The argument at fault, such as `targets[2].boxes`. */
  readonly argument?: string | undefined
  /** What was thrown and led to this error, whatever it is; absent where a check of this package failed. */
  readonly original?: unknown
}

/** The code and whatever applies of argument and place, as plain data. */
export interface ErrorCause extends ErrorPlace {
  /** What kind of rule was broken. */
  readonly code: ErrorCode
  /** The argument at fault. */
  readonly argument?: string | undefined
}

const PLACES = ['layer', 'image', 'query', 'target', 'detection', 'matrix', 'row', 'column', 'rows', 'columns'] as const
const DETAILS = ['argument', ...PLACES] as const

/**
 * The only error that this package throws. Branch on `code`; `argument` and the place say where; the message carries
 * name, rule and value.
 *
 * `postMessage` and `structuredClone` keep of any error no more than message, stack and `cause`. So `cause` repeats code,
 * argument and place: branch on `error.cause.code` in the thread that receives one. It can always be cloned; `original`,
 * which may be anything, is left behind.
 *
 * `instanceof` holds in the realm that imported the package (a test file of Jest has one of its own); `code` everywhere.
 *
 * @example
 * try {
 *   criterion.compute(outputs, targets)
 * } catch (error) {
 *   if (error instanceof HungarianLossError && error.code === 'NON_FINITE') console.log(error.image, error.query)
 * }
 */
export class HungarianLossError extends Error implements ErrorDetails {
  static {
    this.prototype.name = 'HungarianLossError'
  }

  /** What kind of rule was broken. */
  readonly code: ErrorCode
  /** The argument at fault, such as `targets[2].boxes`. */
  declare readonly argument?: string | undefined
  /** Decoder layer, the last being the final one. */
  declare readonly layer?: number | undefined
  /** Image of the batch. */
  declare readonly image?: number | undefined
  /** Query of the image. */
  declare readonly query?: number | undefined
  /** Target of the image. */
  declare readonly target?: number | undefined
  /** Detection of the image. */
  declare readonly detection?: number | undefined
  /** Matrix of a batch. */
  declare readonly matrix?: number | undefined
  /** Row of a cost matrix. */
  declare readonly row?: number | undefined
  /** Column of a cost matrix. */
  declare readonly column?: number | undefined
  /** Rows that cannot all be assigned (`INFEASIBLE`). */
  declare readonly rows?: readonly number[] | undefined
  /** Columns that cannot all be assigned (`INFEASIBLE`). */
  declare readonly columns?: readonly number[] | undefined
  /** Code, argument and place once more, which clones keep. */
  declare readonly cause: ErrorCause
  /** What was thrown and led to this error, if anything; not enumerable. */
  declare readonly original?: unknown

  /** `message` is the whole text, `details` what else there is to tell. */
  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(message)
    this.code = code
    const cause: Record<string, unknown> = { code }
    for (const detail of DETAILS) {
      const value = details[detail]
      if (value !== undefined) {
        cause[detail] = value
        Object.assign(this, { [detail]: value })
      }
    }
    hide(this, 'cause', cause)
    if (details.original !== undefined) hide(this, 'original', details.original)
  }

  /** Name, message, code, argument and place. */
  toJSON(): { readonly name: string; readonly message: string } & ErrorCause {
    return { name: this.name, message: this.message, ...this.cause }
  }
}

/** Gives an error a property that is not listed, like those that every error has. */
function hide(error: HungarianLossError, name: string, value: unknown): void {
  Object.defineProperty(error, name, { value, writable: true, configurable: true, enumerable: false })
}

/** Throws; the message is `argument: rule`. @internal */
export function fail(code: ErrorCode, argument: string, rule: string, place?: ErrorPlace): never {
  throw new HungarianLossError(code, `${argument}: ${rule}`, { ...place, argument })
}

/** How V8 says that it has no memory for an array or a list, or that none can be as large. */
const REFUSED =
  /^(?:Array buffer allocation failed|Failed to allocate memory|Invalid (?:typed )?array (?:buffer )?(?:max )?length|(?:Set|Map) maximum size exceeded)/

/** `MEMORY`, where something was thrown since V8 has no memory for it. `argument`: what is blamed. @internal */
export function refusalOf(thrown: unknown, argument?: string): HungarianLossError | undefined {
  if (!isNativeError(thrown) || thrown.name !== 'RangeError' || !REFUSED.test(thrown.message)) return undefined
  const rule = `the system refuses the memory that is needed (${thrown.message})`
  const message = argument === undefined ? rule : `${argument}: ${rule}`
  return new HungarianLossError('MEMORY', message, { argument, original: thrown })
}

/**
 * Turns whatever was thrown into a HungarianLossError: the core's own errors field by field; arrays that V8 refuses to
 * make as `MEMORY`; all else as `INTERNAL`.
 *
 * Errors are known by what they are made of, since those of the core, and of other realms, are of other classes.
 *
 * `argument`: what is blamed for the memory.
 * @internal
 */
export function toHungarianLossError(thrown: unknown, argument?: string): HungarianLossError {
  if (!isNativeError(thrown)) return new HungarianLossError('INTERNAL', messageOf(thrown), { original: thrown })
  if (thrown instanceof HungarianLossError) return thrown
  const { message, code, ...details } = thrown as Error & ErrorCause
  if (CODES.includes(code)) return new HungarianLossError(code, message, details)
  return refusalOf(thrown, argument) ?? new HungarianLossError('INTERNAL', message, { original: thrown })
}

/** What a thrown value says, whatever it is. @internal */
export function messageOf(thrown: unknown): string {
  try {
    const { message } = Object(thrown) as { readonly message?: unknown }
    return String(typeof message === 'string' ? message : thrown)
  } catch {
    return 'what was thrown cannot be read either'
  }
}
