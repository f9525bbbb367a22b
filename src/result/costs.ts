/** The outcome of `cost`. */
import { constructorOf, WITH_JSON } from '../common/plain.ts'
import type { Unfinished } from '../common/plain.ts'
import type { IfGiven, Outputs, Predictions } from '../input/outputs.ts'
import type { PackedTargets } from '../input/packing.ts'
import { countNonFinite } from './non-finite.ts'
import type { NonFiniteCounts } from './non-finite.ts'
import { eachPart, mainPlace } from './source.ts'
import type { Filled, PartPlace } from './source.ts'

/** The matching cost of one image: `data` is row-major, `shape` is `[Q, n]`, with the part's own queries. */
export interface CostBlock {
  /** The costs, row-major. */
  readonly data: Float32Array
  /** `[Q, n]`. */
  readonly shape: readonly [queries: number, targets: number]
}

/** The matching cost of one layer. */
export interface LayerCost {
  /** One block for each image. */
  readonly images: readonly CostBlock[]
}

/** The matching cost of one part of a step. */
export interface PartCost {
  /** Blocks of the last layer, one for each image. */
  readonly images: readonly CostBlock[]
  /** All layers, the final one last. */
  readonly layers: readonly LayerCost[]
}

/** The outcome of {@link HungarianLoss.cost}, plain data as {@link LossResult}. `O` is the type of the outputs. */
export interface CostResult<O = Outputs> extends PartCost {
  /** Of the encoder's proposals; absent where the outputs have none. */
  readonly encoder: IfGiven<O, 'encoder', PartCost>
  /** Of the denoising queries; absent where the outputs have none. */
  readonly denoising: IfGiven<O, 'denoising', PartCost>
  /** Of the one-to-many branch; absent where the outputs have none. */
  readonly oneToMany: IfGiven<O, 'oneToMany', PartCost>
  /** How many values were not finite. */
  readonly nonFinite: NonFiniteCounts
}

/** How many values the costs of all parts have. */
export function countCosts({ parts }: Predictions, { total }: PackedTargets): number {
  return parts.reduce((sum, { layers, first, end }) => sum + layers.layers * (end - first) * total, 0)
}

/** The outcome of `cost`: `costs` holds part after part, layer after layer, image after image. */
export function readCostResult(filled: Filled, costs: Float32Array): CostResult {
  const { predictions, targets } = filled
  const { offsets, total } = targets
  const read = ({ part, entry }: PartPlace) => {
    const queries = part.end - part.first
    const start = (entry / Math.max(predictions.images, 1)) * total
    const block = (layer: number, image: number): CostBlock => {
      const [from, to] = [offsets[image] as number, offsets[image + 1] as number]
      const first = start + layer * total * queries
      return new PlainBlock(costs.subarray(first + from * queries, first + to * queries), [queries, to - from])
    }
    const blocks = (_: unknown, layer: number) => ({
      images: Array.from({ length: predictions.images }, (_image, image) => block(layer, image)),
    })
    const layers = Array.from({ length: part.layers.layers }, blocks)
    return { images: (layers[layers.length - 1] as (typeof layers)[number]).images, layers }
  }
  const result = read(mainPlace(filled)) as Unfinished<PartCost> as Unfinished<CostResult>
  if (predictions.parts.length > 1) Object.assign(result, eachPart(filled, read))
  result.nonFinite = countNonFinite(filled.values)
  return result
}

const PlainBlock = constructorOf<CostBlock, [Float32Array, CostBlock['shape']]>(function (data, shape) {
  this.data = data
  this.shape = shape
}, WITH_JSON)
