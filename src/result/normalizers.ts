/** What a batch's sums are divided by, and what those numbers come from. */
import {
  classNormalizerIn,
  classSumsIn,
  countsIn,
  distilledIn,
  divisorsIn,
  normalizerIn,
  pairsIn,
} from '../binding/values.ts'
import type { Unfinished } from '../common/plain.ts'
import { mainPlace } from './source.ts'
import type { Filled } from './source.ts'
import { comparesLayers } from './terms.ts'

/** What a batch's sums are divided by. */
export interface Normalizers {
  /**
   * N, the number of targets that are not ignored, at least 1; divides the geometric terms, unless those below do. Parts
   * multiply it: by their groups and by their repetitions.
   */
  readonly numBoxes: number
  /**
   * With `normalization: 'num-pairs'`: the number of the layer's pairs (last layer), at least 1; divides the geometric terms
   * that have this word.
   */
  readonly numPairs?: number | undefined
  /**
   * With `normalization: 'per-image'` or `'num-queries'`: the number of images, by which the geometric terms are divided after
   * each image's own targets, or which the queries of an image multiply. And where `presence` has a weight, which it divides.
   */
  readonly numImages?: number | undefined
  /** With `boxMatching: 'union'`: the number of pairs, at least 1; divides the box terms of decoder and encoder. */
  readonly unionBoxes?: number | undefined
  /**
   * Divides the class term (last layer): the sum of the class weights of all queries that are not left out, or what else
   * `classification.normalization` says: the number of targets, pairs, labels or queries, or with `'per-image'` that of images,
   * after each image's own labels.
   */
  readonly classNormalizer: number
  /** What these numbers come from, for {@link combineNormalizers}. */
  readonly counts: NormalizerCounts
}

/**
 * What a batch's divisors come from: its own numbers before anything is clamped, also where the call was given others, so
 * that they add up over the workers or micro-batches that a batch is split into. Plain numbers and arrays, which survive
 * `postMessage` and JSON. Layers come in the order of `layers`, `encoder.layers`, `denoising.layers` and
 * `oneToMany.layers`.
 */
export interface NormalizerCounts {
  /** Targets that are not ignored. */
  readonly targets: number
  /** With `normalization: 'num-pairs'`: for each layer, the pairs of its matching. */
  readonly pairs?: readonly number[] | undefined
  /** With `normalization: 'per-image'` or `'num-queries'`, or a weight of `presence`: the images of the batch. */
  readonly images?: number | undefined
  /** With `boxMatching: 'union'`: pairs of the union matching. */
  readonly unionPairs?: number | undefined
  /**
   * For each layer, the sum of the class weights of its queries; or where another number divides the class term, that number,
   * those of targets and labels multiplied by the part's groups and repetitions.
   */
  readonly classNormalizers: readonly number[]
  /**
   * For each layer, the least that the class term is divided by, where that sum is smaller: 1 for targets, pairs and labels, of
   * the first and the last for `denoising` its groups; otherwise 0.
   */
  readonly leastClassNormalizers: readonly number[]
  /**
   * For each layer, how many queries `ddf` takes: those of the box terms' pairs, and others; both 0 for a layer that is not
   * taught. Absent where there is no term `ddf`.
   */
  readonly distilledQueries?: ReadonlyArray<readonly [paired: number, others: number]> | undefined
}

/** The normalisers that were in force, and the batch's own counts. */
export function readNormalizers(filled: Filled): Normalizers {
  const { values } = filled
  const { part, layer } = mainPlace(filled)
  const { numBoxes, unionBoxes, numImages } = divisorsIn(values)
  const { divisors } = filled.predictions
  const normalizers: Unfinished<Normalizers> = {
    numBoxes,
    classNormalizer: classNormalizerIn(values, layer + part.layers.layers - 1),
    counts: listCounts(filled, part.union),
  }
  const byPairs = divisors.indexOf('num-pairs')
  if (byPairs >= 0) normalizers.numPairs = normalizerIn(values, layer + part.layers.layers - 1, byPairs)
  if (countsImages(filled)) normalizers.numImages = numImages
  if (part.union) normalizers.unionBoxes = unionBoxes
  return normalizers
}

/** Whether the number of images divides geometric terms, by itself or with that of queries. */
function countsImages({ predictions: { divisors } }: Filled): boolean {
  return divisors.includes('per-image') || divisors.includes('num-queries')
}

function listCounts(filled: Filled, hasUnion: boolean): NormalizerCounts {
  const { values, predictions } = filled
  const { targets, unionPairs } = countsIn(values)
  const { sums, least } = classSumsIn(values)
  const counts: Unfinished<NormalizerCounts> = { targets, classNormalizers: sums, leastClassNormalizers: least }
  if (predictions.divisors.includes('num-pairs')) counts.pairs = pairsIn(values)
  if (countsImages(filled)) counts.images = predictions.images
  if (hasUnion) counts.unionPairs = unionPairs
  if (comparesLayers(predictions)) counts.distilledQueries = distilledIn(values)
  return counts
}
