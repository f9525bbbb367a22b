/** The outcome of `compute`. */
import { classNormalizerIn, lossIn, metricsIn, normalizerIn } from '../binding/values.ts'
import { constructorOf, putOff } from '../common/plain.ts'
import type { Unfinished } from '../common/plain.ts'
import { layOut } from '../input/gradients.ts'
import type { GradientArrays, GradientsOf } from '../input/gradients.ts'
import type { IfGiven, Outputs } from '../input/outputs.ts'
import type { TermsOf } from '../terms/geometry.ts'
import type { Terms } from '../terms/index.ts'
import { readMatches } from './matches.ts'
import type { Matches } from './matches.ts'
import { countNonFinite } from './non-finite.ts'
import type { NonFiniteCounts } from './non-finite.ts'
import { readNormalizers } from './normalizers.ts'
import type { Normalizers } from './normalizers.ts'
import { eachPart, mainPlace, sourceOf } from './source.ts'
import type { Filled, PartSource } from './source.ts'
import { readTerms } from './terms.ts'
import type { GivenFamily } from './terms.ts'

/** Numbers to watch; they carry no gradient. */
export interface Metrics {
  /** Percentage of matched queries whose largest logit is not a label of the target; NaN where nothing was matched. */
  readonly classError: number
  /**
   * Mean over images of |queries that count as objects − targets|, ignored queries among the former, those that are not
   * finite not, and ignored targets not among the latter. With softmax classification the queries whose largest logit is not
   * no-object count, of the sigmoid kinds those with a probability above 0.5 (see {@link HungarianLossOptions.cardinality}).
   */
  readonly cardinalityError: number
}

/** The outcome of one layer. `T` is the type of its terms. */
export interface LayerResult<T = Terms> {
  /** Terms, unweighted. */
  readonly terms: T
  /** One matching for each image. */
  readonly matches: readonly Matches[]
  /** Numbers to watch. */
  readonly metrics: Metrics
  /** What divided the class term. */
  readonly classNormalizer: number
  /**
   * What divided the terms of each family that the layer has, by its name: `{ boxes: 12 }`. With `'per-image'` this is the number
   * of images, after each image's own number of targets.
   */
  readonly normalizers: { readonly [family: string]: number }
}

/** The outcome of one part of a step. `T` is the type of its terms. */
export interface PartResult<T = Terms> {
  /** Terms of the last layer, unweighted. */
  readonly terms: T
  /** All layers, the final one last. */
  readonly layers: ReadonlyArray<LayerResult<T>>
  /** Matchings of the last layer, one for each image. */
  readonly matches: readonly Matches[]
  /** Metrics of the last layer. */
  readonly metrics: Metrics
}

/**
 * The outcome of {@link HungarianLoss.compute}: of the decoder layers, and of each further part of the outputs.
 *
 * As all results, it is plain data: every property is its own and enumerable, so that `structuredClone`, `postMessage`,
 * spread and deep comparison see all of it, and a clone equals it, unless prototypes are compared, as `assert.deepStrictEqual`
 * does. In JSON typed arrays are plain arrays, which a spread result's own ones are not. It holds none of the inputs. Of large batches layers and matchings are made when first read.
 *
 * `O` is the type of the outputs, `G` that of the gradients.
 */
export interface LossResult<O = Outputs, G = GradientsOf<O> | undefined> extends PartResult<TermsOf<O>> {
  /** Sum over all layers of weight × term, times the weight of their part. */
  readonly loss: number
  /** Of the encoder's proposals; absent where the outputs have none. */
  readonly encoder: IfGiven<O, 'encoder', PartResult<TermsOf<O>>>
  /** Of the denoising queries; absent where the outputs have none. */
  readonly denoising: IfGiven<O, 'denoising', PartResult<TermsOf<O>>>
  /** Of the one-to-many branch; absent where the outputs have none. */
  readonly oneToMany: IfGiven<O, 'oneToMany', PartResult<TermsOf<O>>>
  /** What the sums were divided by. */
  readonly normalizers: Normalizers
  /**
   * Gradients of `loss`; absent where `gradients: false` was given. Unless given as `out`, all of a result's lie in one
   * buffer of their own, since making one for each takes as long as the loss of a small batch: a transfer to another
   * thread moves them together, and a clone of one array takes the others' memory along.
   */
  readonly gradients: G
  /** How many values were not finite. */
  readonly nonFinite: NonFiniteCounts
}

const LAYER_LATER = ['matches'] as const
const PART_LATER = ['layers', 'matches'] as const

/** So many queries of all images and layers are listed in less time than it takes to put that off. */
const QUICK = 64

const isQuick = ({ layers, images, queries }: PartSource): boolean => layers * images * queries <= QUICK

/**
 * Adds what is known of a part. Where there is much to list, layers and matchings, which most calls have no use for, are
 * made when first read.
 */
function addPart(part: Unfinished<PartResult>, source: PartSource): void {
  const last = source.layers - 1
  part.terms = readTerms(source, last)
  if (isQuick(source)) {
    const matches = readMatches(source, last)
    const metrics = readMetrics(source, last)
    part.layers = listLayers(source, part.terms, metrics, () => matches)
    part.matches = matches
    part.metrics = metrics
    return
  }
  putOff(part, PART_LATER, {
    layers: () => listLayers(source, part.terms, part.metrics, () => part.matches),
    matches: () => readMatches(source, last),
  })
  part.metrics = readMetrics(source, last)
}

/** All layers of a part. The last has what the part itself has, which is handed in. */
function listLayers(
  source: PartSource,
  terms: Terms,
  metrics: Metrics,
  matches: () => readonly Matches[],
): readonly LayerResult[] {
  const last = source.layers - 1
  const layers: LayerResult[] = []
  for (let layer = 0; layer < last; layer++) {
    const read = () => readMatches(source, layer)
    layers.push(new PlainLayer(source, layer, readTerms(source, layer), readMetrics(source, layer), read))
  }
  layers.push(new PlainLayer(source, last, terms, metrics, matches))
  return layers
}

const PlainLayer = constructorOf<LayerResult, [PartSource, number, Terms, Metrics, () => readonly Matches[]]>(
  function (source, layer, terms, metrics, matches) {
    const quick = isQuick(source)
    this.terms = terms
    if (quick) this.matches = matches()
    else putOff(this, LAYER_LATER, { matches })
    this.metrics = metrics
    this.classNormalizer = classNormalizerIn(source.values, source.firstLayer + layer)
    this.normalizers = readNormalizersOf(source, layer, terms)
  },
)

const PlainPart = constructorOf<PartResult, [PartSource]>(function (source) {
  addPart(this, source)
})

const PlainLoss = constructorOf<LossResult, [Filled, GradientArrays]>(function (filled, gradients) {
  const { predictions, values } = filled
  const source = sourceOf(filled, mainPlace(filled))
  this.loss = lossIn(values)
  addPart(this, source)
  if (predictions.parts.length > 1) {
    Object.assign(
      this,
      eachPart(filled, (place) => new PlainPart(sourceOf(filled, place))),
    )
  }
  this.normalizers = readNormalizers(filled)
  if (gradients.length > 0) this.gradients = layOut(gradients, predictions)
  this.nonFinite = countNonFinite(values)
})

/** The outcome of `compute`. */
export function readLoss(filled: Filled, gradients: GradientArrays): LossResult {
  return new PlainLoss(filled, gradients)
}

/** What divided the terms of the families that a layer has. */
function readNormalizersOf({ values, firstLayer, terms: { families } }: PartSource, layer: number, terms: Terms) {
  const normalizers: { [family: string]: number } = {}
  for (let i = 0; i < families.length; i++) {
    const { name, place, isEverywhere, terms: own } = families[i] as GivenFamily
    if (isEverywhere || own.some((term) => term in terms)) {
      normalizers[name] = normalizerIn(values, firstLayer + layer, place)
    }
  }
  return normalizers
}

/** A layer's metrics. */
function readMetrics({ values, firstLayer }: PartSource, layer: number): Metrics {
  return metricsIn(values, firstLayer + layer)
}
