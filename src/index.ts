export {
  linearSumAssignment,
  linearSumAssignmentAsync,
  linearSumAssignmentBatch,
  verifyAssignment,
} from './assignment/assignment.ts'
export { HungarianLoss } from './criterion/criterion.ts'
export { HungarianLossError } from './common/errors.ts'
export type { ErrorCause, ErrorCode, ErrorDetails, ErrorPlace } from './common/errors.ts'
export { inspectBatch } from './criterion/inspect/inspect.ts'
export type { Finding, FindingCode } from './criterion/inspect/finding.ts'
export { combineNormalizers } from './criterion/normalizers.ts'
export type { PresetName } from './options/presets.ts'
export { simdLevel } from './binding/simd.ts'
export { threadCount } from './binding/threads.ts'
export type * from './types.ts'
