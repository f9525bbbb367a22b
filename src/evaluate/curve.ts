/** One curve of precision over recall, of those that a result holds. */
import { fail } from '../common/errors.ts'
import { checkMemory } from '../common/memory.ts'
import { constructorOf, WITH_JSON } from '../common/plain.ts'
import { toReadError } from '../common/reading.ts'
import { failType, lengthOf, numbersOf } from '../common/tensors.ts'
import { checkInteger, checkRecord, isRecord, show, showKnown } from '../common/validate.ts'
import { readNumbers } from './numbers.ts'
import { ALL, MOST } from './options.ts'
import type { EvaluationResult } from './result.ts'

/** Which curve. */
export interface CurveOptions {
  /** A class, from 0. Default: the mean of all classes that have targets. */
  readonly class?: number | undefined
  /**
   * A threshold of IoU of the evaluation, up to 1e-9: 0.9 is that of 0.8999999999999999. Default: the first, 0.5 where options do not say
   * otherwise.
   */
  readonly iouThreshold?: number | undefined
  /** A range of areas, by name. Default: `all`. */
  readonly area?: string | undefined
}

/** A curve of precision over recall, as plain data. */
export interface PrecisionRecallCurve {
  /** `[R]`: the recall thresholds, rising. */
  readonly recall: Float64Array
  /** `[R]`: the precision where recall reaches each, falling; 0 where it never does. Empty where there are no targets. */
  readonly precision: Float64Array
  /** `[R]`: the score from which on detections have this precision and recall; 0 where there is none. Of one class alone. */
  readonly scores: Float64Array | undefined
}

/** The part of a result that its curves come from. */
export type CurveSource = Pick<
  EvaluationResult,
  'precision' | 'scores' | 'areas' | 'iouThresholds' | 'recallThresholds'
>

const PlainCurve = constructorOf<PrecisionRecallCurve, [Float64Array, Float64Array, Float64Array | undefined]>(
  function (recall, precision, scores) {
    this.recall = recall
    this.precision = precision
    this.scores = scores
  },
  WITH_JSON,
)

/**
 * One curve of a result of {@link DetectionEvaluator.result}, or of a clone of it: what precision is at each recall. Its mean is the
 * average precision. A curve without targets is empty.
 *
 * Throws `OPTION` for a class, threshold or range that was not evaluated, and `DTYPE` and `SHAPE` for what is no result.
 *
 * @example
 * const { recall, precision } = precisionRecall(result, { class: 3, iouThreshold: 0.75 })
 */
export function precisionRecall(result: CurveSource, options?: CurveOptions): PrecisionRecallCurve {
  const source = readSource(result)
  const { recallThresholds } = source
  const [, r, k, a] = source.shape
  const chosen = readOptions(options, source)
  const at = (key: 'precision' | 'scores', sample: number, index: number): number => {
    const place = ((chosen.threshold * r + sample) * k + index) * a + chosen.area
    const value = source[key][place]
    if (typeof value === 'number') return value
    return fail('DTYPE', `result.${key}`, `must hold numbers only, got ${show(value)} at index ${place}`)
  }
  const classes = chosen.class === undefined ? Array.from({ length: k }, (_, index) => index) : [chosen.class]
  const evaluated = classes.filter((index) => at('precision', 0, index) > -1)
  if (evaluated.length === 0) return new PlainCurve(new Float64Array(0), new Float64Array(0), undefined)
  const samples = Array.from({ length: r }, (_, sample) => sample)
  const mean = (sample: number): number =>
    evaluated.reduce((sum, index) => sum + at('precision', sample, index), 0) / evaluated.length
  const only = chosen.class
  return new PlainCurve(
    Float64Array.from(recallThresholds),
    Float64Array.from(samples, mean),
    only === undefined ? undefined : Float64Array.from(samples, (sample) => at('scores', sample, only)),
  )
}

/** What is used of a result, each field read once. */
interface Source {
  readonly precision: ArrayLike<unknown>
  readonly scores: ArrayLike<unknown>
  readonly shape: readonly [number, number, number, number]
  readonly areas: readonly string[]
  readonly iouThresholds: readonly number[]
  readonly recallThresholds: readonly number[]
}

function readSource(result: unknown): Source {
  try {
    if (!isRecord(result)) fail('DTYPE', 'result', `must be the result of an evaluation, got ${show(result)}`)
    const { precision, scores, areas, iouThresholds, recallThresholds } = result
    if (!isRecord(areas)) fail('DTYPE', 'result.areas', `must be the ranges of areas, got ${show(areas)}`)
    const names = Object.keys(areas)
    const thresholds = readNumbers(iouThresholds, [1, MOST.iouThresholds], 'result.iouThresholds')
    const recalls = readNumbers(recallThresholds, [1, MOST.recallThresholds], 'result.recallThresholds')
    const curves = readCurves(precision, 'result.precision')
    const others = readCurves(scores, 'result.scores')
    const [t, r, k, a] = curves.shape
    const expected = [thresholds.length, recalls.length, k, names.length]
    for (const [i, size] of [t, r, k, a].entries()) {
      if (size !== expected[i] || others.shape[i] !== size) {
        fail('SHAPE', 'result.precision', 'does not have the shape of the thresholds, ranges and scores of the result')
      }
    }
    return {
      precision: curves.data,
      scores: others.data,
      shape: curves.shape,
      areas: names,
      iouThresholds: thresholds,
      recallThresholds: recalls,
    }
  } catch (error) {
    throw toReadError(error, 'result')
  }
}

/** Curves with a shape of four sizes, which the data fill. */
function readCurves(value: unknown, argument: string) {
  if (!isRecord(value)) fail('DTYPE', argument, `must be { data, shape }, got ${show(value)}`)
  const { data, shape } = value
  const list = numbersOf(data)
  if (list === undefined) failType(data, 'an array of numbers', argument, value)
  if (ArrayBuffer.isView(list)) checkMemory(list, argument)
  const sizes = readNumbers(shape, [4, 4], `${argument}.shape`)
  const length = lengthOf(list, argument)
  const product = sizes.reduce((size, factor) => size * factor, 1)
  if (product !== length || !sizes.every(Number.isInteger)) {
    fail('SHAPE', argument, `must have the shape [thresholds, recalls, classes, areas] of its ${length} numbers`)
  }
  return { data: list as ArrayLike<unknown>, shape: sizes as unknown as readonly [number, number, number, number] }
}

/** So many thresholds a message lists. */
const SHOWN = 12

/** How far a threshold that is asked for may be from one that was evaluated. */
const TOLERANCE = 1e-9

/** The place of the threshold that is nearest to a value, or -1 where none is it. */
function placeOf(value: unknown, thresholds: readonly number[]): number {
  if (typeof value !== 'number') return -1
  const distance = (place: number): number => Math.abs((thresholds[place] as number) - value)
  let nearest = 0
  for (let place = 1; place < thresholds.length; place++) {
    if (distance(place) < distance(nearest)) nearest = place
  }
  return distance(nearest) <= TOLERANCE ? nearest : -1
}

/** The places of what was chosen. */
function readOptions(options: unknown, { iouThresholds, areas, shape }: Source) {
  try {
    const given = checkRecord(options, ['class', 'iouThreshold', 'area'], 'options')
    const { class: index, iouThreshold, area = ALL } = given
    const classes = shape[2]
    const threshold = iouThreshold === undefined ? 0 : placeOf(iouThreshold, iouThresholds)
    if (threshold < 0) {
      const rule = `must be one of ${iouThresholds.slice(0, SHOWN).join(', ')}${iouThresholds.length > SHOWN ? ', …' : ''}`
      fail('OPTION', 'options.iouThreshold', `${rule}, got ${show(iouThreshold)}`)
    }
    const place = areas.indexOf(area as string)
    if (place < 0) {
      const known = typeof area === 'string' ? `; ${showKnown(area, areas)}` : ''
      fail('OPTION', 'options.area', `must be the name of a range that was evaluated, got ${show(area)}${known}`)
    }
    return {
      class: index === undefined ? undefined : checkInteger(index, 0, classes - 1, 'options.class'),
      threshold,
      area: place,
    }
  } catch (error) {
    throw toReadError(error, 'options')
  }
}
