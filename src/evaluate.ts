/**
 * Evaluation of detections as COCO has it: `hungarian-loss/evaluate`.
 *
 * @module
 */
export type { BoxFormat } from './common/box-format.ts'
export { precisionRecall } from './evaluate/curve.ts'
export type { CurveOptions, CurveSource, PrecisionRecallCurve } from './evaluate/curve.ts'
export { DetectionEvaluator } from './evaluate/evaluator.ts'
export type { AddOptions, AsyncResultOptions } from './evaluate/evaluator.ts'
export type { BoxRows, ClassLabels, ImageDetections, ImageGroundTruth } from './evaluate/images.ts'
export type { AreaRange, EvaluatorOptions, ResolvedEvaluatorOptions } from './evaluate/options.ts'
export type { AreaMetrics, ClassMetrics, Curves, DetectionMetrics, EvaluationResult } from './evaluate/result.ts'
export type { EvaluatorState, PackedDetectionState, PackedTargetState } from './evaluate/state.ts'
export { formatSummary } from './evaluate/summary.ts'
export type { SummarySource } from './evaluate/summary.ts'
