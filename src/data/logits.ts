/** Logits of models that end in a softmax or a sigmoid. */
import { fail } from '../common/errors.ts'
import { toReadError } from '../common/reading.ts'
import { checkRecord, requireNumber } from '../common/validate.ts'
import { mapNumbers } from './numbers.ts'
import type { NumbersLike, Run, SameForm } from './numbers.ts'
import { checkScoreKind } from './score-kind.ts'
import type { ScoreKind } from './score-kind.ts'

/** Settings of {@link logitsFromProbabilities}. */
export interface ProbabilityOptions {
  /** What made the probabilities: `'softmax'`, or `'sigmoid'`, as which a criterion's sigmoid kinds count, too. */
  readonly kind: ScoreKind
  /**
   * Probabilities nearer to 0 than this count as it, and those of sigmoid nearer to 1 as 1 less it, since the logit of 0 or 1 is
   * infinite; from 1e-300 to 0.1. Default: 1e-7, as in Keras.
   */
  readonly epsilon?: number | undefined
}

/** How far the sum of a row may be from 1: half precision has 1e-3 in each number. */
const SUM_TOLERANCE = 0.02

/**
 * The logits of probabilities, for a model that ends in softmax or sigmoid, since criteria take raw scores: ln p of softmax, whose
 * softmax is p again; ln(p / (1 − p)) of sigmoid. Better still is to take the model's output before that activation: what has been
 * rounded to 0 or 1 is lost, and no gradient comes through.
 *
 * `probabilities`: numbers in [0, 1], typed or not, in rows or not, or a tensor. They come back in the same form, as those of
 * {@link convertBoxes} do.
 *
 * Throws `RANGE` for numbers outside [0, 1], and for rows of softmax (of a tensor, or of nested lists) that do not sum to 1;
 * `NON_FINITE` for NaN and infinities; `OPTION`, `DTYPE` and `SHAPE`.
 *
 * Source: TensorFlow's `tf.keras.backend.categorical_crossentropy` and `binary_crossentropy`, which clip likewise.
 */
export function logitsFromProbabilities<Probabilities extends NumbersLike>(
  probabilities: Probabilities,
  options: ProbabilityOptions,
): SameForm<Probabilities>
export function logitsFromProbabilities(probabilities: unknown, options: unknown): unknown {
  let argument = 'options'
  try {
    const given = checkRecord(options, ['kind', 'epsilon'], argument)
    const kind = checkScoreKind(given.kind, 'options.kind')
    const epsilon = given.epsilon
    const least = epsilon === undefined ? 1e-7 : requireNumber(epsilon, 1e-300, 0.1, 'options.epsilon')
    argument = 'probabilities'
    return mapNumbers(probabilities, argument, (run, name, shape) => {
      checkProbabilities(run, name)
      if (kind === 'softmax') {
        const row = shape?.at(-1) ?? (name === argument ? 0 : run.length)
        checkSums(run, row, name)
        for (let i = 0; i < run.length; i++) run[i] = Math.log(Math.max(run[i] as number, least))
      } else {
        for (let i = 0; i < run.length; i++) run[i] = logit(run[i] as number, least)
      }
    })
  } catch (error) {
    throw toReadError(error, argument)
  }
}

/** ln(p / (1 − p)), p being clipped; written so that it is finite for any epsilon. */
function logit(p: number, least: number): number {
  const clipped = Math.log(least) - Math.log1p(-least)
  if (p < least) return clipped
  if (1 - p < least) return -clipped
  return Math.log(p) - Math.log1p(-p)
}

function checkProbabilities(run: Run, name: string): void {
  for (let i = 0; i < run.length; i++) {
    const value = run[i] as number
    if (value >= 0 && value <= 1) continue
    const hint = Number.isFinite(value) ? ' (are they logits already?)' : ''
    const code = Number.isFinite(value) ? 'RANGE' : 'NON_FINITE'
    fail(code, name, `must hold probabilities from 0 to 1, got ${value} at index ${i}${hint}`)
  }
}

/** Refuses rows that no softmax gives. */
function checkSums(run: Run, length: number, name: string): void {
  if (length === 0) return
  for (let start = 0; start < run.length; start += length) {
    let sum = 0
    for (let i = start; i < start + length; i++) sum += run[i] as number
    if (Math.abs(sum - 1) <= SUM_TOLERANCE) continue
    const rule = `a row of softmax sums to 1, got ${sum} from index ${start} on (of sigmoid? say kind: 'sigmoid')`
    fail('RANGE', name, rule)
  }
}
