/** The result of an evaluation: COCO's numbers, those of each class and range of areas, and the curves behind them. */
import { toHungarianLossError } from '../common/errors.ts'
import { constructorOf, WITH_JSON } from '../common/plain.ts'
import { ALL } from './options.ts'
import type { ResolvedEvaluatorOptions } from './options.ts'

/** COCO's numbers. -1 stands where there is nothing to evaluate: no target that counts, or no such threshold, range or maximum. */
export interface DetectionMetrics {
  /** Average precision: the mean over all thresholds of IoU, of recall, and classes that have targets. */
  readonly ap: number
  /** The same at the IoU 0.5 alone. */
  readonly ap50: number
  /** At 0.75 alone. */
  readonly ap75: number
  /** {@link ap} of the range of areas `small`. */
  readonly apSmall: number
  /** Of `medium`. */
  readonly apMedium: number
  /** Of `large`. */
  readonly apLarge: number
  /** Average recall with at most one detection of a class in an image: the mean over all thresholds of IoU and classes. */
  readonly ar1: number
  /** With at most ten. */
  readonly ar10: number
  /** With at most a hundred. */
  readonly ar100: number
  /** Average recall of the range `small`, with the largest of `maxDetections`. */
  readonly arSmall: number
  /** Of `medium`. */
  readonly arMedium: number
  /** Of `large`. */
  readonly arLarge: number
}

/** The numbers of one range of areas. */
export interface AreaMetrics {
  /** The least and the largest area that belong to it. */
  readonly range: readonly [least: number, most: number]
  /** Average precision. */
  readonly ap: number
  /** At the IoU 0.5. */
  readonly ap50: number
  /** At 0.75. */
  readonly ap75: number
  /** Average recall, with each of `maxDetections`. */
  readonly ar: readonly number[]
  /** How many targets count. */
  readonly targets: number
}

/** The numbers of one class. */
export interface ClassMetrics extends DetectionMetrics {
  /** Which class; 0 where all are of one. */
  readonly class: number
  /** How many targets count in the range `all`. */
  readonly targets: number
  /** How many detections there are, whether they count or not. */
  readonly detections: number
  /** The numbers of each range of areas, by name. */
  readonly areas: { readonly [name: string]: AreaMetrics }
}

/** Numbers with their shape, row-major. */
export interface Curves {
  /** The numbers. */
  readonly data: Float64Array
  /** The size of each axis. */
  readonly shape: readonly number[]
}

/**
 * The result of an evaluation, as plain data; in JSON its arrays are plain ones. Axes: thresholds of IoU T, of recall R, classes K,
 * ranges of areas A, maxima of detections M. -1 stands where there are no targets that count.
 */
export interface EvaluationResult extends DetectionMetrics {
  /** How many images there are. */
  readonly images: number
  /** How many targets count in the range `all`. */
  readonly targets: number
  /** How many detections there are. */
  readonly detections: number
  /** The numbers of each range of areas, by name. */
  readonly areas: { readonly [name: string]: AreaMetrics }
  /** The numbers of each class. */
  readonly perClass: readonly ClassMetrics[]
  /** The thresholds of IoU, `[T]`. */
  readonly iouThresholds: readonly number[]
  /** Where precision is sampled, `[R]`. */
  readonly recallThresholds: readonly number[]
  /** How many detections of a class in an image count at most, `[M]`. */
  readonly maxDetections: readonly number[]
  /** `[T, R, K, A]`: precision where recall reaches each threshold, with the largest of `maxDetections`; 0 where it never does. */
  readonly precision: Curves
  /** `[T, R, K, A]`: the scores of these places: detections from there up are those that have this precision and recall. */
  readonly scores: Curves
  /** `[T, K, A, M]`: the share of targets that are found. */
  readonly recall: Curves
}

/** The arrays that the core writes to. */
export interface ResultArrays {
  readonly precision: Float64Array
  readonly scores: Float64Array
  readonly recall: Float64Array
  /** `[1 + K, A, 1 + T]`: first of all classes; first over all thresholds. */
  readonly averagePrecision: Float64Array
  /** `[1 + K, A, M]`. */
  readonly averageRecall: Float64Array
  /** `[K, A]`. */
  readonly targets: Int32Array
}

/** How many classes a result has. */
function classesOf({ classAgnostic, numClasses }: ResolvedEvaluatorOptions): number {
  return classAgnostic ? 1 : numClasses
}

/** Makes the arrays of a result. */
export function makeArrays(options: ResolvedEvaluatorOptions): ResultArrays {
  const [t, r, a, m] = [options.iouThresholds, options.recallThresholds, options.areas, options.maxDetections].map(
    ({ length }) => length,
  ) as [number, number, number, number]
  const k = classesOf(options)
  try {
    return {
      precision: new Float64Array(t * r * k * a),
      scores: new Float64Array(t * r * k * a),
      recall: new Float64Array(t * k * a * m),
      averagePrecision: new Float64Array((1 + k) * a * (1 + t)),
      averageRecall: new Float64Array((1 + k) * a * m),
      targets: new Int32Array(k * a),
    }
  } catch (error) {
    throw toHungarianLossError(error, 'options')
  }
}

const PlainCurves = constructorOf<Curves, [Float64Array, readonly number[]]>(function (data, shape) {
  this.data = data
  this.shape = shape
}, WITH_JSON)

/** What is counted of the inputs. */
export interface Counts {
  readonly images: number
  /** `[K]`. */
  readonly detections: ArrayLike<number>
}

/** Makes a result of what the core has written. */
export function makeResult(options: ResolvedEvaluatorOptions, arrays: ResultArrays, counts: Counts): EvaluationResult {
  const { iouThresholds, recallThresholds, areas, maxDetections } = options
  const [t, r, a, m] = [iouThresholds.length, recallThresholds.length, areas.length, maxDetections.length]
  const k = classesOf(options)
  const places = placesOf(options)
  const perClass = Array.from({ length: k }, (_, index): ClassMetrics => {
    const targetsOf = (area: number): number => arrays.targets[index * a + area] as number
    const ofAreas = areaMetrics(options, places, arrays, 1 + index, targetsOf)
    const own = metricsOf(ofAreas, places)
    const { targets } = ofAreas[ALL] as AreaMetrics
    return { class: index, ...own, targets, detections: counts.detections[index] as number, areas: ofAreas }
  })
  const total = (area: number): number => {
    let sum = 0
    for (let index = 0; index < k; index++) sum += arrays.targets[index * a + area] as number
    return sum
  }
  const ofAreas = areaMetrics(options, places, arrays, 0, total)
  return {
    ...metricsOf(ofAreas, places),
    images: counts.images,
    targets: (ofAreas[ALL] as AreaMetrics).targets,
    detections: perClass.reduce((sum, { detections }) => sum + detections, 0),
    areas: ofAreas,
    perClass,
    iouThresholds: [...iouThresholds],
    recallThresholds: [...recallThresholds],
    maxDetections: [...maxDetections],
    precision: new PlainCurves(arrays.precision, [t, r, k, a]),
    scores: new PlainCurves(arrays.scores, [t, r, k, a]),
    recall: new PlainCurves(arrays.recall, [t, k, a, m]),
  }
}

/** Where COCO's thresholds and maxima stand among those of the options, or -1. */
interface Places {
  readonly half: number
  readonly threeQuarters: number
  readonly maxima: readonly [one: number, ten: number, hundred: number]
  readonly last: number
}

function placesOf({ iouThresholds, maxDetections }: ResolvedEvaluatorOptions): Places {
  return {
    half: iouThresholds.indexOf(0.5),
    threeQuarters: iouThresholds.indexOf(0.75),
    maxima: [maxDetections.indexOf(1), maxDetections.indexOf(10), maxDetections.indexOf(100)],
    last: maxDetections.length - 1,
  }
}

/** The numbers of every range of areas. `row`: 0 for all classes, then one for each. */
function areaMetrics(
  { areas, iouThresholds, maxDetections }: ResolvedEvaluatorOptions,
  { half, threeQuarters }: Places,
  { averagePrecision, averageRecall }: ResultArrays,
  row: number,
  targetsOf: (area: number) => number,
): { readonly [name: string]: AreaMetrics } {
  const entries = areas.map(({ name, range }, area): [string, AreaMetrics] => {
    const precisions = (row * areas.length + area) * (1 + iouThresholds.length)
    const recalls = (row * areas.length + area) * maxDetections.length
    const at = (threshold: number): number =>
      threshold < 0 ? -1 : (averagePrecision[precisions + 1 + threshold] as number)
    return [
      name,
      {
        range: [...range],
        ap: averagePrecision[precisions] as number,
        ap50: at(half),
        ap75: at(threeQuarters),
        ar: Array.from(averageRecall.subarray(recalls, recalls + maxDetections.length)),
        targets: targetsOf(area),
      },
    ]
  })
  return Object.fromEntries(entries)
}

/** COCO's numbers, of those of the ranges. */
function metricsOf(areas: { readonly [name: string]: AreaMetrics }, { maxima, last }: Places): DetectionMetrics {
  const of = (name: string): AreaMetrics | undefined => (Object.hasOwn(areas, name) ? areas[name] : undefined)
  const { ap, ap50, ap75, ar } = of(ALL) as AreaMetrics
  const [small, medium, large] = [of('small'), of('medium'), of('large')]
  const recallAt = (place: number): number => ar[place] ?? -1
  return {
    ap,
    ap50,
    ap75,
    apSmall: small?.ap ?? -1,
    apMedium: medium?.ap ?? -1,
    apLarge: large?.ap ?? -1,
    ar1: recallAt(maxima[0]),
    ar10: recallAt(maxima[1]),
    ar100: recallAt(maxima[2]),
    arSmall: small?.ar[last] ?? -1,
    arMedium: medium?.ar[last] ?? -1,
    arLarge: large?.ar[last] ?? -1,
  }
}
