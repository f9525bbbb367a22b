/** The outcome of `match`. */
import { classNormalizerIn } from '../binding/values.ts'
import type { Unfinished } from '../common/plain.ts'
import type { IfGiven, Outputs } from '../input/outputs.ts'
import { countNonFinite } from './non-finite.ts'
import type { NonFiniteCounts } from './non-finite.ts'
import { readMatches } from './matches.ts'
import type { Matches } from './matches.ts'
import { readNormalizers } from './normalizers.ts'
import type { Normalizers } from './normalizers.ts'
import { eachPart, mainPlace, sourceOf } from './source.ts'
import type { Filled, PartPlace } from './source.ts'

/** The matching of one layer. */
export interface LayerMatches {
  /** One matching for each image. */
  readonly matches: readonly Matches[]
  /** What would divide the class term. */
  readonly classNormalizer: number
}

/** The matching of one part of a step. */
export interface PartMatching {
  /** Matchings of the last layer, one for each image. */
  readonly matches: readonly Matches[]
  /** All layers, the final one last. */
  readonly layers: readonly LayerMatches[]
}

/** The outcome of {@link HungarianLoss.match}, plain data as {@link LossResult}. `O` is the type of the outputs. */
export interface MatchResult<O = Outputs> extends PartMatching {
  /** Of the encoder's proposals; absent where the outputs have none. */
  readonly encoder: IfGiven<O, 'encoder', PartMatching>
  /** Of the denoising queries; absent where the outputs have none. */
  readonly denoising: IfGiven<O, 'denoising', PartMatching>
  /** Of the one-to-many branch; absent where the outputs have none. */
  readonly oneToMany: IfGiven<O, 'oneToMany', PartMatching>
  /** What the sums were divided by. */
  readonly normalizers: Normalizers
  /** How many values were not finite. */
  readonly nonFinite: NonFiniteCounts
}

/** The outcome of `match`. */
export function readMatching(filled: Filled): MatchResult {
  const read = (place: PartPlace): PartMatching => {
    const source = sourceOf(filled, place)
    const layers: LayerMatches[] = []
    for (let layer = 0; layer < source.layers; layer++) {
      layers.push({
        matches: readMatches(source, layer),
        classNormalizer: classNormalizerIn(filled.values, source.firstLayer + layer),
      })
    }
    return { matches: (layers[layers.length - 1] as LayerMatches).matches, layers }
  }
  const result = read(mainPlace(filled)) as Unfinished<MatchResult>
  if (filled.predictions.parts.length > 1) Object.assign(result, eachPart(filled, read))
  result.normalizers = readNormalizers(filled)
  result.nonFinite = countNonFinite(filled.values)
  return result
}
