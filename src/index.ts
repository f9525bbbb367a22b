export {
  linearSumAssignment,
  linearSumAssignmentAsync,
  linearSumAssignmentBatch,
  verifyAssignment,
} from './assignment.ts'
export { HungarianLoss } from './criterion.ts'
export { HungarianLossError } from './errors.ts'
export type { ErrorCause, ErrorCode, ErrorDetails, ErrorPlace } from './errors.ts'
export { inspectBatch } from './inspect/inspect.ts'
export type { Finding, FindingCode } from './inspect/finding.ts'
export { combineNormalizers } from './normalizers.ts'
export type { PresetName } from './presets.ts'
export { simdLevel } from './simd.ts'
export { threadCount } from './threads.ts'
export type * from './types.ts'
