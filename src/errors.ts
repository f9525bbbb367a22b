/**
 * What kind of rule an input broke.
 *
 * - `SHAPE`: a shape, a length or a count does not fit, or an array has been detached.
 * - `DTYPE`: a value is of the wrong type, lies in shared memory, or cannot be read: the caller's own error is the `cause`.
 * - `RANGE`: a value lies outside its range, or memory overlaps.
 * - `NON_FINITE`: NaN or an infinity where a number is needed.
 * - `INFEASIBLE`: forbidden pairs leave no complete assignment.
 * - `ABORTED`: the caller's signal stopped the call.
 * - `OPTION`: an option or key is unknown or out of place, or its value is not allowed.
 * - `MEMORY`: the memory that a call needs was refused.
 * - `INTERNAL`: a fault of this package or of its surroundings; the original error is the `cause`.
 */
export type ErrorCode =
  'SHAPE' | 'DTYPE' | 'RANGE' | 'NON_FINITE' | 'INFEASIBLE' | 'ABORTED' | 'OPTION' | 'MEMORY' | 'INTERNAL'

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
  /** The error that led to this one. */
  readonly cause?: unknown
}

const PLACES = ['layer', 'image', 'query', 'target', 'matrix', 'row', 'column', 'rows', 'columns'] as const

/**
 * The only error that this package throws. Branch on `code`; `argument` and the place say where; the message carries
 * name, rule and value.
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
  declare readonly layer?: number | undefined
  declare readonly image?: number | undefined
  declare readonly query?: number | undefined
  declare readonly target?: number | undefined
  declare readonly matrix?: number | undefined
  declare readonly row?: number | undefined
  declare readonly column?: number | undefined
  declare readonly rows?: readonly number[] | undefined
  declare readonly columns?: readonly number[] | undefined

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause })
    this.code = code
    if (details.argument !== undefined) this.argument = details.argument
    for (const place of PLACES) {
      if (details[place] !== undefined) Object.assign(this, { [place]: details[place] })
    }
  }
}

/** Throws; the message is `argument: rule`. @internal */
export function fail(code: ErrorCode, argument: string, rule: string, place?: ErrorPlace): never {
  throw new HungarianLossError(code, `${argument}: ${rule}`, { ...place, argument })
}

const CODES: ReadonlySet<unknown> = new Set<ErrorCode>([
  'SHAPE',
  'DTYPE',
  'RANGE',
  'NON_FINITE',
  'INFEASIBLE',
  'ABORTED',
  'OPTION',
  'MEMORY',
  'INTERNAL',
])

/**
 * Turns whatever was thrown into a HungarianLossError: the binding's own errors field by field, others as `INTERNAL`.
 * @internal
 */
export function toHungarianLossError(thrown: unknown): HungarianLossError {
  if (thrown instanceof HungarianLossError) return thrown
  const message = thrown instanceof Error ? thrown.message : String(thrown)
  if (!(thrown instanceof Error && 'code' in thrown && CODES.has(thrown.code))) {
    return new HungarianLossError('INTERNAL', message, { cause: thrown })
  }
  return new HungarianLossError(thrown.code as ErrorCode, message, { ...(thrown as ErrorDetails), cause: thrown })
}
