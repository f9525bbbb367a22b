/** The compiled core: its functions, as both the native addon and WebAssembly have them. */
import { load } from '#binding'
import type { Binding } from './kind.ts'

/** What runs. */
export const LOADED = load()

export const {
  assignAsyncF32,
  assignAsyncF64,
  assignBatchF32,
  assignBatchF64,
  assignF32,
  assignF64,
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
  createPlan,
  describe,
  evaluateDetections,
  evaluateDetectionsAsync,
  matchTargets,
  raiseInterrupt,
  raiseSmall,
  simdLevel,
  threadCount,
  verifyF32,
  verifyF64,
  verifySparseF32,
  verifySparseF64,
} = LOADED.binding

/** A configuration that the core has checked. */
export type Criterion = ReturnType<Binding['createCriterion']>

/** The structure of a step that the core has laid out for a criterion. */
export type Plan = ReturnType<Binding['createPlan']>

/** A flag that stops a call in another thread. */
export type Interrupt = ReturnType<Binding['createInterrupt']>
