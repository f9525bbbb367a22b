/**
 * The term of points, such as keypoints or the vertices of a line: L1 over those that are visible; and how well these agree, by
 * object keypoint similarity.
 *
 * Source: Yang et al. 2023, "ED-Pose"; Liu et al. 2023, "GroupPose" (Michel-liu/GroupPose, `keypoint_loss.py`); without visibility
 * Liao et al. 2023, "MapTR" (hustvl/MapTR, `map_loss.py`); with weights Wang et al. 2021, "DETR3D" (`detr3d_head.py`). Similarity: Lin et
 * al. 2014, "Microsoft COCO" (cocodataset/cocoapi, `cocoeval.py`).
 */
import type { TargetRows, TensorLike } from '../common/tensors.ts'
import type { ForeignNames } from '../common/words.ts'
import { USUAL_TERM } from './family.ts'
import type { Family, Unchecked } from './family.ts'
import { resolveOption } from './option.ts'

/** The term of points, in loss and cost. */
export interface PointTerms {
  /** L1 distance of the points: the sum over the coordinates of the visible ones, each times its weight. */
  readonly pointL1?: number | undefined
}

/** What the term of points reads of a layer. */
export interface PointOutputs {
  /**
   * `[B, Q, K, D]` or `[B, Q, K · D]`: K points for each query, each with D coordinates, 2 or 3 by the criterion's
   * `pointFormat`. Absent where no term of points has a weight.
   */
  readonly points?: TensorLike | undefined
}

/**
 * Points of targets: flat, `n × K × D`, or a row for each target, in which each point may be a row of its own. A tensor must be
 * of shape `[n, K · D]` or `[n, K, D]`.
 */
export type Points = TargetRows | ReadonlyArray<ReadonlyArray<ArrayLike<number>>>

/** Which points of targets are known: flat, `n × K`, or a row for each target. A tensor must be of shape `[n, K]`. */
export type Visibility = TargetRows | ReadonlyArray<number | boolean> | ReadonlyArray<ReadonlyArray<number | boolean>>

/** What the term of points reads of an image's targets. */
export interface PointTarget {
  /**
   * `[n, K, D]` or `[n, K · D]`, in the criterion's `pointFormat`; with `normalizedPoints`, all coordinates lie in [0, 1], where
   * up to 1e-4 beyond is taken for rounding and used as it is. Those of points that are not visible are not used, but must be
   * such numbers, too, as COCO's 0 are. Absent where the outputs have none.
   */
  readonly points?: Points | undefined
  /**
   * `[n, K]`: 0 or false for points that are not known, which then count in neither cost nor loss; 1 or 2, as in COCO, or true
   * for the others. All images with targets have it, or none. Default: all are known.
   */
  readonly visibility?: Visibility | undefined
  /**
   * `[n]`: the area of each target in the square of the points' unit, 0 to 1e18, which decides how far points may be off: with
   * `normalizedPoints`, COCO's `area` divided by the image's width times its height, 0 to 1. All images with targets have it, or none.
   * Default: 0.53 of the box around the target's known points, by x and y; that of one point, or of some on an upright or level
   * line, is 0, so that nothing but themselves is alike.
   */
  readonly pointAreas?: ArrayLike<number> | undefined
}

/** The gradient of the term of points. */
export interface PointGradients {
  /** With respect to the points, in their layout; absent where there are none. */
  readonly points?: Float32Array | undefined
}

/** Values of the points that were not finite. */
export interface PointCounts {
  /** Coordinates of points that were NaN or infinite. */
  readonly points: number
}

/** Options of points. */
export interface PointOptions {
  /** The coordinates of a point, two or three. Default: `'xy'`. */
  readonly pointFormat?: 'xy' | 'xyz' | undefined
  /**
   * `[K]`, a weight for each point, or `[K · D]`, one for each coordinate, in the L1 of cost and loss: numbers from 0 to 1e12.
   * Default: 1 for all.
   */
  readonly pointWeights?: ArrayLike<number> | undefined
  /**
   * `[K]`: σ of each point, 0 to 1e12, by which it agrees well or not, exp(-d² / (2 (2σ)² · area)) at the distance d; their mean over the known
   * points is COCO's object keypoint similarity. The class term takes it as the quality of a pair, where it asks for one and the
   * layer has no boxes; a target without a known point agrees fully. It passes no gradient. Default: COCO's for 17 points, otherwise
   * 1 / K, as Ultralytics has it.
   */
  readonly pointSigmas?: ArrayLike<number> | undefined
  /** Whether target points must lie in [0, 1]. Set to false for pixels or metres. Default: true. */
  readonly normalizedPoints?: boolean | undefined
}

/** {@link PointOptions} with every default filled in. */
export interface ResolvedPointOptions {
  /** The coordinates of a point. */
  readonly pointFormat: 'xy' | 'xyz'
  /** A weight for each point, or for each coordinate; undefined for 1. */
  readonly pointWeights: readonly number[] | undefined
  /** σ of each point; undefined for COCO's of 17 points, or 1 / K. */
  readonly pointSigmas: readonly number[] | undefined
  /** Whether target points must lie in [0, 1]. */
  readonly normalizedPoints: boolean
}

const NAMES: ForeignNames = new Map<string, readonly string[]>([
  ['keypoints', ['pointL1']],
  ['losskeypoints', ['pointL1']],
  ['losspts', ['pointL1']],
  ['keypointslosscoef', ['pointL1', 'weights.pointL1']],
  ['setcostkeypoints', ['pointL1', 'cost.pointL1']],
])

/** How many coordinates a point has. */
const dimensions = ({ pointFormat }: ResolvedPointOptions): number => pointFormat.length

/** The columns of `given` that make whole points, as many as there are sigmas or weights for. */
function columnsOf(options: ResolvedPointOptions, given: number): number {
  const [size, weights, sigmas] = [dimensions(options), options.pointWeights?.length, options.pointSigmas?.length]
  if (sigmas !== undefined) return sigmas * size
  if (weights !== undefined && weights !== given) return weights * size
  return Math.max(Math.ceil(given / size), 1) * size
}

/** What may be behind the sizes of a row that does not fit. */
function hintOf(options: ResolvedPointOptions, row: readonly number[]): string | undefined {
  const [size, weights, sigmas] = [dimensions(options), options.pointWeights?.length, options.pointSigmas?.length]
  const last = row[row.length - 1] as number
  if (row.length > 1 && last !== size) {
    return last === 2 || last === 3 ? `; points of ${last} coordinates need pointFormat: '${'xyz'.slice(0, last)}'` : ''
  }
  if (row.includes(0)) return '; there must be at least one point'
  if (sigmas !== undefined) return `; options.pointSigmas has ${sigmas} numbers, for each point one`
  if (weights !== undefined)
    return `; options.pointWeights has ${weights} weights, for each point or for each coordinate`
  return last % size === 0 ? undefined : `; a row has ${size} numbers for each point`
}

/** What points have of everything that families compose. */
export interface PointTypes {
  readonly terms: PointTerms
  readonly costTerms: PointTerms
  readonly outputs: PointOutputs
  readonly target: PointTarget
  readonly gradients: PointGradients
  readonly counts: PointCounts
  readonly options: PointOptions
  readonly resolved: ResolvedPointOptions
  readonly preset: object
}

export const POINTS: Family<PointTypes> = {
  terms: [{ ...USUAL_TERM, name: 'pointL1', field: 'points' }],
  fields: [
    {
      name: 'points',
      of: ({ points }) => points,
      owner: 'points',
      columns: columnsOf,
      hint: hintOf,
      axes: (options, columns) => [columns / dimensions(options), dimensions(options)],
    },
  ],
  targets: [
    {
      name: 'points',
      of: ({ points }) => points,
      columns: (_, widthOf) => widthOf('points'),
      axes: (options, columns) => [columns / dimensions(options), dimensions(options)],
      noun: 'sets of points',
    },
    {
      name: 'visibility',
      of: ({ visibility }) => visibility,
      columns: (options, widthOf) => widthOf('points') / dimensions(options),
      noun: 'rows',
      takesFlags: true,
    },
    {
      name: 'pointAreas',
      of: ({ pointAreas }) => pointAreas,
      columns: (_, widthOf) => (widthOf('points') > 0 ? 1 : 0),
      noun: 'areas',
    },
  ],
  options: ['pointFormat', 'pointWeights', 'pointSigmas', 'normalizedPoints'],
  resolve: resolvePointOptions,
  foreign: NAMES,
  foreignFields: {
    queries: { keypoints: 'points', predkeypoints: 'points', predpoints: 'points' },
    targets: { keypoints: 'points', visible: 'visibility' },
  },
}

/** Checks the options of points and fills in defaults. */
export function resolvePointOptions(given: Unchecked<PointOptions>): ResolvedPointOptions {
  return {
    pointFormat: resolveOption('pointFormat', given.pointFormat),
    pointWeights: resolveOption('pointWeights', given.pointWeights),
    pointSigmas: resolveOption('pointSigmas', given.pointSigmas),
    normalizedPoints: resolveOption('normalizedPoints', given.normalizedPoints),
  }
}
