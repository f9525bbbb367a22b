/** What every function of the adapter is handed: TensorFlow.js and a criterion. */
import type * as tfc from '@tensorflow/tfjs-core'
import { fail } from '../common/errors.ts'
import { toReadError } from '../common/reading.ts'
import { isRecord, show } from '../common/validate.ts'

/** The part of TensorFlow.js that is used: `@tensorflow/tfjs-core` or any package that re-exports it. */
export type TensorFlow = Pick<typeof tfc, 'customGrad' | 'mul' | 'scalar' | 'tensor'>

export function checkCriterion(criterion: unknown): void {
  if (hasMethods(criterion, ['compute'], 'criterion')) return
  fail('DTYPE', 'criterion', `must be a HungarianLoss, got ${show(criterion)}`)
}

export function checkTensorFlow(tf: unknown): void {
  const names = ['customGrad', 'mul', 'scalar', 'tensor'] as const
  if (hasMethods(tf, names, 'tf')) return
  fail('DTYPE', 'tf', `must be TensorFlow.js, with ${names.join(', ')}; got ${show(tf)}`)
}

function hasMethods(value: unknown, names: readonly string[], argument: string): boolean {
  try {
    return isRecord(value) && names.every((name) => typeof value[name] === 'function')
  } catch (error) {
    throw toReadError(error, argument)
  }
}
