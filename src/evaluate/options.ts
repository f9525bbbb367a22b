/** The options of an evaluation: what they may be, and their defaults. */
import { DESCRIPTION } from '../binding/description.ts'
import { resolveThreads } from '../binding/threads.ts'
import { BOX_FORMATS } from '../common/box-format.ts'
import type { BoxFormat } from '../common/box-format.ts'
import { fail } from '../common/errors.ts'
import { toReadError } from '../common/reading.ts'
import { lengthOf, numbersOf } from '../common/tensors.ts'
import {
  checkFlag,
  checkInteger,
  checkRecord,
  checkWord,
  isRecord,
  MAX_SIZE,
  shorten,
  show,
} from '../common/validate.ts'
import type { ForeignNames } from '../common/words.ts'

/** Options of {@link DetectionEvaluator}. Default means: as COCO has it. */
export interface EvaluatorOptions {
  /** How many classes there are; labels are from 0 to `numClasses - 1`. 1 to 16,777,215. */
  readonly numClasses: number
  /**
   * The thresholds of IoU, above 0 and at most 1, rising; at most 1000. 1 is taken for 1 − 1e-10. Default: 0.5, 0.55, … 0.95,
   * to the last digit as `numpy.linspace` makes them.
   */
  readonly iouThresholds?: ArrayLike<number> | undefined
  /** Where precision is sampled, 0 to 1, rising; at most 10,000. Default: 0, 0.01, … 1, likewise. */
  readonly recallThresholds?: ArrayLike<number> | undefined
  /**
   * The ranges of areas by name, each the least and the largest area, which both belong to it, in the boxes' unit squared.
   * At most 64, `all` among them: where it is not given, it is the first, with `[0, 1e10]`. Default: `all`, `small`
   * `[0, 32²]`, `medium` `[32², 96²]` and `large` `[96², 1e10]`.
   */
  readonly areas?: { readonly [name: string]: readonly number[] } | undefined
  /**
   * How many detections of a class in an image count at most, the best first; rising, at most 64 numbers. Precision is
   * that with the last, recall is given for each. Default: 1, 10, 100.
   */
  readonly maxDetections?: ArrayLike<number> | undefined
  /** Whether all objects are of one class, whatever their labels, as with `useCats` 0. Default: false. */
  readonly classAgnostic?: boolean | undefined
  /** How the boxes are written of entries that do not say it themselves. Default: every entry with boxes must say it. */
  readonly boxFormat?: BoxFormat | undefined
  /**
   * In how many threads classes may be evaluated at once, where there is enough work; at least 1, and no more than
   * {@link threadCount}. Results have the same bits with any number. Default: {@link threadCount}.
   */
  readonly threads?: number | undefined
}

/** {@link EvaluatorOptions} with every default filled in. */
export interface ResolvedEvaluatorOptions {
  /** How many classes there are. */
  readonly numClasses: number
  /** The thresholds of IoU. */
  readonly iouThresholds: readonly number[]
  /** Where precision is sampled. */
  readonly recallThresholds: readonly number[]
  /** The ranges of areas, in their order. */
  readonly areas: ReadonlyArray<AreaRange>
  /** How many detections of a class in an image count at most. */
  readonly maxDetections: readonly number[]
  /** Whether all objects are of one class. */
  readonly classAgnostic: boolean
  /** How boxes are written of entries that do not say it. */
  readonly boxFormat: BoxFormat | undefined
  /** In how many threads classes may be evaluated at once. */
  readonly threads: number
}

/** A range of areas. */
export interface AreaRange {
  /** Its name. */
  readonly name: string
  /** The least and the largest area that belong to it. */
  readonly range: readonly [least: number, most: number]
}

const OPTIONS = [
  'numClasses',
  'iouThresholds',
  'recallThresholds',
  'areas',
  'maxDetections',
  'classAgnostic',
  'boxFormat',
  'threads',
] as const

/** What pycocotools, torchmetrics and others call them. */
const NAMES: ForeignNames = new Map([
  ['numlabels', ['numClasses']],
  ['iouthrs', ['iouThresholds']],
  ['iouthr', ['iouThresholds']],
  ['ious', ['iouThresholds']],
  ['recthrs', ['recallThresholds']],
  ['recthresholds', ['recallThresholds']],
  ['recthr', ['recallThresholds']],
  ['arearng', ['areas']],
  ['arearanges', ['areas']],
  ['arearnglbl', ['areas']],
  ['maxdets', ['maxDetections']],
  ['maxdet', ['maxDetections']],
  ['maxdetectionthresholds', ['maxDetections']],
  ['usecats', ['classAgnostic']],
  ['format', ['boxFormat']],
])

/** The name of the range that has no limits. */
export const ALL = 'all'
const EVERYTHING = [0, 1e5 ** 2] as const
const AREAS = freezeAreas([
  { name: ALL, range: EVERYTHING },
  { name: 'small', range: [0, 32 ** 2] },
  { name: 'medium', range: [32 ** 2, 96 ** 2] },
  { name: 'large', range: [96 ** 2, 1e5 ** 2] },
])
const MAX_DETECTIONS = [1, 10, 100]

/** The most entries of each list. */
export const MOST = { iouThresholds: 1000, recallThresholds: 10_000, areas: 64, maxDetections: 64 }

/** Evenly spaced numbers, with the bits of `numpy.linspace`. */
function spaced(start: number, stop: number, count: number): number[] {
  const step = (stop - start) / (count - 1)
  return Array.from({ length: count }, (_, i) => (i === count - 1 ? stop : i * step + start))
}

const IOU_THRESHOLDS = spaced(0.5, 0.95, 10)
const RECALL_THRESHOLDS = spaced(0, 1, 101)

/** Checks all options and fills in defaults. The result is frozen throughout. */
export function resolveOptions(options: unknown): ResolvedEvaluatorOptions {
  try {
    const given = checkRecord(options, OPTIONS, 'options', NAMES)
    return Object.freeze({
      numClasses: checkInteger(given.numClasses, 1, DESCRIPTION.maxClasses, 'options.numClasses'),
      iouThresholds: readList(given.iouThresholds, 'iouThresholds', IOU_THRESHOLDS, [Number.MIN_VALUE, 1]),
      recallThresholds: readList(given.recallThresholds, 'recallThresholds', RECALL_THRESHOLDS, [0, 1]),
      areas: readAreas(given.areas),
      maxDetections: readList(given.maxDetections, 'maxDetections', MAX_DETECTIONS, [1, MAX_SIZE], Number.isInteger),
      classAgnostic: checkFlag(given.classAgnostic, false, 'options.classAgnostic'),
      boxFormat: checkWord(given.boxFormat, BOX_FORMATS, undefined, 'options.boxFormat'),
      threads: resolveThreads(given.threads),
    })
  } catch (error) {
    throw toReadError(error, 'options')
  }
}

/** A list of numbers that rise. */
function readList(
  value: unknown,
  name: 'iouThresholds' | 'recallThresholds' | 'maxDetections',
  fallback: readonly number[],
  [low, high]: readonly [number, number],
  isSound: (value: number) => boolean = Number.isFinite,
): readonly number[] {
  if (value === undefined) return Object.freeze([...fallback])
  const argument = `options.${name}`
  const list = numbersOf(value)
  if (list === undefined) fail('OPTION', argument, `must be an array of numbers, got ${show(value)}`)
  const length = lengthOf(list, argument)
  if (length === 0 || length > MOST[name]) {
    fail('OPTION', argument, `must have 1 to ${MOST[name]} entries, got ${length}`)
  }
  const numbers: number[] = []
  for (let i = 0; i < length; i++) {
    const number: unknown = list[i]
    if (typeof number !== 'number' || !(number >= low && number <= high) || !isSound(number)) {
      const kind = isSound === Number.isInteger ? 'integers' : 'numbers'
      const range = low === Number.MIN_VALUE ? `above 0 and at most ${high}` : `from ${low} to ${high}`
      fail('OPTION', `${argument}[${i}]`, `must be ${kind} ${range}, got ${show(number)}`)
    }
    if (i > 0 && number <= (numbers[i - 1] as number)) {
      fail('OPTION', `${argument}[${i}]`, `must rise, got ${number} after ${numbers[i - 1]}`)
    }
    numbers.push(number)
  }
  return Object.freeze(numbers)
}

function readAreas(value: unknown): readonly AreaRange[] {
  if (value === undefined) return AREAS
  if (!isRecord(value)) fail('OPTION', 'options.areas', `must be an object of [least, largest], got ${show(value)}`)
  const names = Object.keys(value)
  const areas = names.map((name) => ({ name, range: readRange(value[name], `options.areas.${shorten(name)}`) }))
  if (!names.includes(ALL)) areas.unshift({ name: ALL, range: EVERYTHING })
  if (areas.length > MOST.areas) {
    fail('OPTION', 'options.areas', `must have at most ${MOST.areas} ranges, got ${areas.length}`)
  }
  // the order in which results have them, where names that are integers come first
  const ranges = new Map(areas.map((area) => [area.name, area]))
  return freezeAreas(Object.keys(Object.fromEntries(ranges)).map((name) => ranges.get(name) as AreaRange))
}

function freezeAreas(areas: readonly AreaRange[]): readonly AreaRange[] {
  return Object.freeze(areas.map(({ name, range }) => Object.freeze({ name, range: Object.freeze(range) })))
}

function readRange(value: unknown, argument: string): readonly [number, number] {
  const list = numbersOf(value)
  if (list === undefined || lengthOf(list, argument) !== 2) {
    fail('OPTION', argument, `must be [least, largest], got ${show(value)}`)
  }
  const [least, most]: readonly unknown[] = [list[0], list[1]]
  if (typeof least === 'number' && typeof most === 'number' && least >= 0 && most >= least && most < Infinity) {
    return [least, most]
  }
  return fail(
    'OPTION',
    argument,
    `must be two finite numbers from 0 on, the larger last, got ${show(least)} and ${show(most)}`,
  )
}
