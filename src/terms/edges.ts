/**
 * The terms of edges that are distributions: fine-grained localisation, and distillation of earlier layers by the last one.
 *
 * Source: Peng et al. 2025, "D-FINE"; Peterande/D-FINE, `dfine_criterion.py`.
 */
import type { TensorLike } from '../common/tensors.ts'
import type { ForeignNames } from '../common/words.ts'
import { BOX_SIZE } from './boxes.ts'
import { USUAL_TERM } from './family.ts'
import type { Family, Unchecked } from './family.ts'
import { resolveGroup } from './option.ts'

/** The terms of edges, of the loss alone. */
export interface EdgeTerms {
  /**
   * Fine-grained localisation of edges (D-FINE): for each edge of the pairs of the box terms, the cross-entropy with
   * the two bins that the target's edge lies between, times the IoU of the boxes; divided as the box terms are.
   */
  readonly fgl?: number | undefined
  /**
   * Distillation of edges (D-FINE): T² · KL(last layer ‖ this one), times the IoU where the query is paired and the
   * last layer's best class probability elsewhere. The means over these two kinds of edges are mixed by the square
   * roots of their numbers; in further parts, of the decoder's numbers. Absent for the last layer. Sigmoid kinds only.
   */
  readonly ddf?: number | undefined
}

/** What the terms of edges read of a layer. */
export interface EdgeOutputs {
  /**
   * `[B, Q, 4 · (regMax + 1)]` or `[B, Q, 4, regMax + 1]`: raw scores of the bins of each box's left, top, right and bottom edge, where the edges
   * are distributions (Peng et al. 2025, D-FINE; see {@link DistributionOptions}). They add the terms `fgl` and `ddf`,
   * which layers without them, as D-FINE's first head and its encoder, lack. Where an earlier layer of a part has
   * corners the last one must, since it teaches the others.
   */
  readonly corners?: TensorLike | undefined
  /**
   * `[B, Q, 4]`, with `corners`: the boxes that the edges' distances start from, in the criterion's `boxFormat`. They
   * get no gradient. In D-FINE, the boxes of the first head, for all layers.
   */
  readonly references?: TensorLike | undefined
}

/** The gradient of the terms of edges. */
export interface EdgeGradients {
  /** With respect to the corners, in their layout, where there are any. */
  readonly corners?: Float32Array | undefined
}

/** Values of the fields of edges that were not finite. */
export interface EdgeCounts {
  /** Scores of edges' bins that were NaN or infinite; such a query has no `fgl` and no `ddf`. */
  readonly corners: number
  /** Components of references that were, likewise. */
  readonly references: number
}

/**
 * Edges as distributions over regMax + 1 offsets, in units of a reference box's side / regScale. An edge of the
 * reference itself has the offset 0. The offsets are ∓2u, 0, and between them ∓(s^i − 1), where u = up · regScale and
 * s = (u + 1)^(2 / (regMax − 2)).
 *
 * Source: Peng et al. 2025, "D-FINE"; Peterande/D-FINE, `dfine_utils.py`.
 */
export interface DistributionOptions {
  /** One less than the number of bins: an even number from 4 to 1024. Default: 32. */
  readonly regMax?: number | undefined
  /** Range of the offsets, 0.001 to 1000. Default: 0.5. */
  readonly up?: number | undefined
  /** Units of a reference's side, 0.001 to 1000. Default: 4. */
  readonly regScale?: number | undefined
  /** T of the distillation, 0.001 to 1000. Default: 5. */
  readonly temperature?: number | undefined
}

/** {@link DistributionOptions} with every default filled in. */
export interface ResolvedDistribution {
  /** One less than the number of bins. */
  readonly regMax: number
  /** Range of the offsets. */
  readonly up: number
  /** Units of a reference's side. */
  readonly regScale: number
  /** T of the distillation. */
  readonly temperature: number
}

/** Options of edges. */
export interface EdgeOptions {
  /** The bins of edges that are distributions, see {@link LayerOutputs.corners}. */
  readonly distribution?: DistributionOptions | undefined
}

/** {@link EdgeOptions} with every default filled in. */
export interface ResolvedEdgeOptions {
  /** The bins of edges that are distributions. */
  readonly distribution: ResolvedDistribution
}

const NAMES: ForeignNames = new Map<string, readonly string[]>([
  ['lossfgl', ['fgl']],
  ['lossddf', ['ddf']],
  ['weightlossfgl', ['fgl', 'weights.fgl']],
  ['weightlossddf', ['ddf', 'weights.ddf']],
  ['regmax', ['distribution.regMax']],
  ['maxnumbins', ['regMax', 'distribution.regMax']],
  ['regscale', ['distribution.regScale']],
])

/** What edges have of everything that families compose. */
export interface EdgeTypes {
  readonly terms: EdgeTerms
  readonly costTerms: object
  readonly outputs: EdgeOutputs
  readonly target: object
  readonly gradients: EdgeGradients
  readonly counts: EdgeCounts
  readonly options: EdgeOptions
  readonly resolved: ResolvedEdgeOptions
  readonly preset: object
}

export const EDGES: Family<EdgeTypes> = {
  terms: [
    { ...USUAL_TERM, name: 'fgl', field: 'corners' },
    { ...USUAL_TERM, name: 'ddf', field: 'corners', comparesLayers: true },
  ],
  fields: [
    {
      name: 'corners',
      of: ({ corners }) => corners,
      owner: 'corners',
      columns: ({ distribution }) => BOX_SIZE * (distribution.regMax + 1),
      axes: ({ distribution }) => [BOX_SIZE, distribution.regMax + 1],
    },
    {
      name: 'references',
      of: ({ references }) => references,
      owner: 'corners',
      columns: () => BOX_SIZE,
    },
  ],
  targets: [],
  options: ['distribution'],
  resolve: resolveEdgeOptions,
  foreign: NAMES,
  foreignFields: {
    queries: { predcorners: 'corners', refpoints: 'references', referencepoints: 'references' },
    targets: {},
  },
}

/** Checks the options of edges and fills in defaults. */
export function resolveEdgeOptions({ distribution }: Unchecked<EdgeOptions>): ResolvedEdgeOptions {
  return { distribution: resolveGroup('distribution', distribution) }
}
