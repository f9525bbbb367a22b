/**
 * The public face of the package: the loss, what goes into it and comes out of it, and the assignment solver.
 *
 * @module
 */
export { linearSumAssignment, linearSumAssignmentAsync } from './assignment/assignment.ts'
export { linearSumAssignmentBatch } from './assignment/batch.ts'
export type { CostMatrices } from './assignment/batch.ts'
export type { CostData, CostMatrix } from './assignment/dense.ts'
export type { AssignmentOptions, AsyncAssignmentOptions } from './assignment/options.ts'
export type { Assignment, AssignmentWithDuals } from './assignment/pairs.ts'
export type { CompressedCostMatrix, IndexData, ListedCostMatrix, SparseCostMatrix } from './assignment/sparse.ts'
export { verifyAssignment } from './assignment/verify.ts'
export type { AssignmentProof, Verification } from './assignment/verify.ts'
export { binding } from './binding/binding.ts'
export type { BindingInfo } from './binding/binding.ts'
export { simdLevel } from './binding/simd.ts'
export { threadCount } from './binding/threads.ts'
export type { BoxFormat } from './common/box-format.ts'
export { HungarianLossError } from './common/errors.ts'
export type { ErrorCause, ErrorCode, ErrorDetails, ErrorPlace } from './common/errors.ts'
export type {
  Float16Data,
  FloatData,
  IntegerData,
  NestedNumbers,
  OnnxTensor,
  Shaped,
  TargetRows,
  TensorLike,
} from './common/tensors.ts'
export type { AsyncCallOptions, CallOptions, MatchOptions } from './criterion/call.ts'
export { HungarianLoss } from './criterion/criterion.ts'
export type { Finding, FindingCode } from './criterion/inspect/finding.ts'
export { inspectBatch } from './criterion/inspect/inspect.ts'
export type { InspectOptions, Inspector } from './criterion/inspect/inspect.ts'
export { combineNormalizers } from './criterion/normalizers.ts'
export type { CombinedNormalizers, CombineOptions, NormalizerSource } from './criterion/normalizers.ts'
export { batchIndices } from './data/batches.ts'
export type { BatchOptions } from './data/batches.ts'
export type { CocoClass } from './data/coco-classes.ts'
export type {
  CocoAnnotation,
  CocoCategory,
  CocoDataset,
  CocoId,
  CocoImage,
  CocoImageInfo,
} from './data/coco-dataset.ts'
export type { CocoGroundTruth } from './data/coco-ground-truth.ts'
export { toCocoResults } from './data/coco-results.ts'
export type { CocoResult, CocoResultOptions, DetectionsLike } from './data/coco-results.ts'
export type { CocoKeypointTarget, CocoMaskTarget, CocoTarget, DroppedAnnotation, NoMasks } from './data/coco-target.ts'
export { cocoTargets } from './data/coco-targets.ts'
export type { CocoOptions, CocoTargets } from './data/coco-targets.ts'
export { convertBoxes } from './data/convert-boxes.ts'
export type { BoxLayout } from './data/convert-boxes.ts'
export { toDetections } from './data/detections.ts'
export type { DetectionOptions, Detections } from './data/detections.ts'
export type { DetectorOptions } from './data/detector.ts'
export { logitsFromProbabilities } from './data/logits.ts'
export type { ProbabilityOptions } from './data/logits.ts'
export type { NumbersLike, SameForm } from './data/numbers.ts'
export { padTargets } from './data/pad-targets.ts'
export type { PaddedField, PaddedTargets, PadOptions } from './data/pad-targets.ts'
export type { ScoreKind } from './data/score-kind.ts'
export type { ImageSize } from './data/sizes.ts'
export { unpadTargets } from './data/unpad-targets.ts'
export type { UnpaddedTarget } from './data/unpad-targets.ts'
export type { Gradients, GradientsOf, GradientsWithoutBoxes, OutOf, PartGradients } from './input/gradients.ts'
export type { FixedMatching, LayerMatching, LayerOutputs, Pairs, PartOutputs, ScoreMatching } from './input/layers.ts'
export type { ExactOutputs, IfGiven, Outputs, OutputsWithoutBoxes } from './input/outputs.ts'
export type { PartWeights, QueryRange } from './input/part.ts'
export type {
  DenoisingOutputs,
  DenoisingSettings,
  EncoderOutputs,
  EncoderSettings,
  OneToManyOutputs,
  OneToManySettings,
} from './input/parts.ts'
export type { Positives } from './input/extras.ts'
export type { EmptyTarget, MappedTarget, Target, TargetsOf, TargetWithoutBoxes } from './input/targets.ts'
export { decodeMasks, encodeMask, maskFromPolygons } from './masks/convert.ts'
export type { DecodedMasks } from './masks/convert.ts'
export type {
  BitMasks,
  EncodedMask,
  Masks,
  MaskSize,
  NestedFlags,
  Polygons,
  RunLengths,
  Segmentation,
} from './masks/masks.ts'
export type { FamilyNormalizations, Normalization, ResolvedNormalization } from './options/normalization.ts'
export type { HungarianLossOptions, ResolvedOptions } from './options/options.ts'
export type { PresetName } from './options/presets.ts'
export type { CostBlock, CostResult, LayerCost, PartCost } from './result/costs.ts'
export type { LayerResult, LossResult, Metrics, PartResult } from './result/loss.ts'
export type { NonFiniteCounts } from './result/non-finite.ts'
export type { Matches } from './result/matches.ts'
export type { LayerMatches, MatchResult, PartMatching } from './result/matching.ts'
export type { NormalizerCounts, Normalizers } from './result/normalizers.ts'
export type { Boxes, IgnoreOptions, ResolvedIgnore } from './terms/boxes.ts'
export type { Labels, LabelSets } from './terms/classes.ts'
export type {
  ClassificationOptions,
  FocalOptions,
  IaBceOptions,
  MalOptions,
  ResolvedClassification,
  ResolvedFocal,
  ResolvedIaBce,
  ResolvedSigmoid,
  ResolvedSigmoidDivisor,
  ResolvedSoftmax,
  ResolvedVarifocal,
  SigmoidDivisor,
  SigmoidNormalization,
  SigmoidOptions,
  SoftmaxNormalization,
  SoftmaxOptions,
  VarifocalOptions,
} from './terms/classification.ts'
export type { DistributionOptions, ResolvedDistribution } from './terms/edges.ts'
export type { TermsOf, TermsWithoutBoxes, WithoutBoxes } from './terms/geometry.ts'
export type {
  CostTerms,
  CostWeights,
  GeometricFamily,
  LayerFields,
  LayerGradients,
  ResolvedCost,
  TargetFields,
  Terms,
} from './terms/index.ts'
export type { MaskSettings, ResolvedMaskSettings, TargetPixels } from './terms/masks.ts'
export type { Points, Visibility } from './terms/points.ts'
export type { Spans } from './terms/spans.ts'
