/**
 * The compiled core. The path is the same from the sources and from the built files.
 *
 * It is required rather than imported: where a CommonJS module throws that is imported by name, Node 20 rejects a promise
 * of its own that nobody can catch (nodejs/node #51603).
 */
import { createRequire } from 'node:module'
import { describeLoadFailure, describeMismatch, describeOtherVersion, VERSION } from './binary.ts'
import { HungarianLossError } from '../common/errors.ts'

type Binding = typeof import('../../native/binding.cjs')

export const {
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
  createPlan,
  describe,
  matchTargets,
  raiseInterrupt,
  raiseSmall,
  simdLevel,
  threadCount,
  verifyF32,
  verifyF64,
  verifySparseF32,
  verifySparseF64,
} = load()

/** A configuration that the core has checked. */
export type Criterion = ReturnType<Binding['createCriterion']>

/** The structure of a step that the core has laid out for a criterion. */
export type Plan = ReturnType<Binding['createPlan']>

/** A flag that stops a call in another thread. */
export type Interrupt = ReturnType<Binding['createInterrupt']>

function load(): Binding {
  let binding: Binding
  try {
    binding = createRequire(import.meta.url)('../../native/binding.cjs') as Binding
  } catch (error) {
    throw new HungarianLossError('BINARY', describeLoadFailure(error), { original: error })
  }
  // the loader copies every function by name, so that one which the binary lacks is there as undefined
  const lacking = Object.entries(binding).filter(([, value]) => value === undefined)
  if (lacking.length > 0) throw new HungarianLossError('BINARY', describeMismatch(lacking.map(([name]) => name)))
  const version = binding.version()
  if (version !== VERSION) throw new HungarianLossError('BINARY', describeOtherVersion(version))
  return binding
}
