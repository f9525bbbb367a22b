/** The compiled core. The path is the same from the sources and from the built files. */
import type { createCriterion, createInterrupt } from '../native/binding.cjs'

export {
  assignAsyncF32,
  assignAsyncF64,
  assignBatchF32,
  assignBatchF64,
  assignF32,
  assignF64,
  assignSmall,
  assignSparseAsyncF32,
  assignSparseAsyncF64,
  assignSparseF32,
  assignSparseF64,
  compute,
  computeAsync,
  costMatrix,
  createCriterion,
  createExchange,
  createInterrupt,
  matchTargets,
  raiseInterrupt,
  simdLevel,
  threadCount,
  verifyF32,
  verifyF64,
  verifySparseF32,
  verifySparseF64,
} from '../native/binding.cjs'

export type { FoundAssignment } from '../native/binding.cjs'

/** A configuration that the core has checked. */
export type Criterion = ReturnType<typeof createCriterion>

/** A flag that stops a call in another thread. */
export type Interrupt = ReturnType<typeof createInterrupt>
