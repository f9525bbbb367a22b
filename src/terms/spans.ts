/** The terms of spans, intervals of one dimension such as moments of a video: L1 distance and the forms of IoU. */
import { rowSize } from '../binding/description.ts'
import type { TargetRows, TensorLike } from '../common/tensors.ts'
import type { ForeignNames } from '../common/words.ts'
import { USUAL_TERM } from './family.ts'
import type { Family, Unchecked } from './family.ts'
import { resolveOption } from './option.ts'

/** Numbers of a span. */
const SPAN_SIZE = rowSize('spans')

/** The terms of spans, in loss and cost. */
export interface SpanTerms {
  /** L1 distance of the spans: the sum over their two numbers. */
  readonly spanL1?: number | undefined
  /** Generalised IoU of the spans (Rezatofighi et al. 2019, in one dimension), as in Moment-DETR. */
  readonly spanGiou?: number | undefined
  /** Plain IoU of the spans. */
  readonly spanIou?: number | undefined
}

/** What the terms of spans read of a layer. */
export interface SpanOutputs {
  /** `[B, Q, 2]`, in the criterion's `spanFormat`. Absent where no term of spans has a weight. */
  readonly spans?: TensorLike | undefined
}

/** Spans, flat `n × 2` or one row for each span. A tensor must be of shape `[n, 2]`. */
export type Spans = TargetRows

/** What the terms of spans read of an image's targets. */
export interface SpanTarget {
  /**
   * `[n, 2]`, in the criterion's `spanFormat`; with `normalizedSpans`, all numbers lie in [0, 1], where up to 1e-4 beyond is
   * taken for rounding and used as it is. Absent where the outputs have none.
   */
  readonly spans?: Spans | undefined
}

/** The gradient of the terms of spans. */
export interface SpanGradients {
  /** With respect to the spans, in their layout; absent where there are none. */
  readonly spans?: Float32Array | undefined
}

/** Values of the spans that were not finite. */
export interface SpanCounts {
  /** Numbers of spans that were NaN or infinite. */
  readonly spans: number
}

/** Options of spans. */
export interface SpanOptions {
  /** What a span's two numbers are: centre and width, or start and end. Default: `'cxw'`. */
  readonly spanFormat?: 'cxw' | 'xx' | undefined
  /** Whether target spans must lie in [0, 1]. Set to false for seconds. Default: true. */
  readonly normalizedSpans?: boolean | undefined
}

/** {@link SpanOptions} with every default filled in. */
export interface ResolvedSpanOptions {
  /** What a span's two numbers are. */
  readonly spanFormat: 'cxw' | 'xx'
  /** Whether target spans must lie in [0, 1]. */
  readonly normalizedSpans: boolean
}

const NAMES: ForeignNames = new Map<string, readonly string[]>([
  ['lossspan', ['spanL1']],
  ['spanlosscoef', ['spanL1', 'weights.spanL1']],
  ['setcostspan', ['spanL1', 'cost.spanL1']],
])

/** What spans have of everything that families compose. */
export interface SpanTypes {
  readonly terms: SpanTerms
  readonly costTerms: SpanTerms
  readonly outputs: SpanOutputs
  readonly target: SpanTarget
  readonly gradients: SpanGradients
  readonly counts: SpanCounts
  readonly options: SpanOptions
  readonly resolved: ResolvedSpanOptions
  readonly preset: object
}

export const SPANS: Family<SpanTypes> = {
  terms: [
    { ...USUAL_TERM, name: 'spanL1', field: 'spans' },
    { ...USUAL_TERM, name: 'spanGiou', field: 'spans' },
    { ...USUAL_TERM, name: 'spanIou', field: 'spans' },
  ],
  fields: [{ name: 'spans', of: ({ spans }) => spans, owner: 'spans', columns: () => SPAN_SIZE }],
  targets: [{ name: 'spans', of: ({ spans }) => spans, columns: () => SPAN_SIZE, noun: 'spans' }],
  options: ['spanFormat', 'normalizedSpans'],
  resolve: resolveSpanOptions,
  foreign: NAMES,
  foreignFields: {
    queries: { predspans: 'spans' },
    targets: {},
  },
}

/** Checks the options of spans and fills in defaults. */
export function resolveSpanOptions(given: Unchecked<SpanOptions>): ResolvedSpanOptions {
  return {
    spanFormat: resolveOption('spanFormat', given.spanFormat),
    normalizedSpans: resolveOption('normalizedSpans', given.normalizedSpans),
  }
}
