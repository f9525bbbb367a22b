/**
 * The loss as an operation of TensorFlow.js. Nothing is imported from it but types: hand in the `tf` that you use.
 *
 * @module
 */
import type * as tfc from '@tensorflow/tfjs-core'
import { fail } from './common/errors.ts'
import { toReadError } from './common/reading.ts'
import type { HungarianLoss } from './criterion/criterion.ts'
import type { Gradients, GradientsOf } from './input/gradients.ts'
import type { ExactOutputs, Outputs } from './input/outputs.ts'
import type { LossResult } from './result/loss.ts'
import { readStep, variablesOf } from './tfjs/step.ts'
import type { TensorCallOptions, TensorStep } from './tfjs/step.ts'
import { checkCriterion, checkTensorFlow } from './tfjs/tensorflow.ts'
import type { TensorFlow } from './tfjs/tensorflow.ts'
import type { TensorOutputs, TensorOutputsWithoutBoxes, TensorTargetsOf } from './tfjs/tensors.ts'
import { gradientTensors, readLater, readNow, toOutputs, toTargets } from './tfjs/values.ts'
import type { ReadTensor, TensorValues } from './tfjs/values.ts'

export { fitLoss, packTargets } from './tfjs/fit.ts'
export type { FitLoss } from './tfjs/fit.ts'
export type { TensorCallOptions } from './tfjs/step.ts'
export type { TensorFlow } from './tfjs/tensorflow.ts'
export type {
  TensorFields,
  TensorLayer,
  TensorLayers,
  TensorOutputs,
  TensorOutputsWithoutBoxes,
  TensorPart,
  TensorTarget,
  TensorTargetFields,
  TensorMappedTarget,
  TensorTargetsOf,
  TensorTargetWithoutBoxes,
} from './tfjs/tensors.ts'

/** A differentiable loss. `O` is the type of the outputs. */
export interface TensorLoss<O = TensorOutputs> {
  /** The loss as a scalar, differentiable with respect to every tensor of `outputs` but `references`. */
  (outputs: O, targets: TensorTargetsOf<O>, call?: TensorCallOptions): tfc.Scalar
  /**
   * What the latest call computed: terms, matches, metrics. Its gradients may be the very memory of the tensors that
   * TensorFlow.js holds, so do not write to them. Throws `OPTION` before the first call has given a result.
   */
  readonly lastResult: LossResult<O, GradientsOf<O>>
}

/**
 * Makes a criterion differentiable in TensorFlow.js. All layers of all parts are one operation. Values are read with
 * `dataSync`; for backends where that is slow or impossible, see {@link lossGradients}.
 *
 * Throws a HungarianLossError as {@link HungarianLoss.compute}, and `DTYPE` for what is no float32 tensor or has been
 * disposed. `O` is the type of the outputs, where they have no boxes or further parts that `lastResult` is to be certain of:
 * `hungarianLoss<TensorOutputsWithoutBoxes>(tf, criterion)`.
 *
 * @example
 * const setLoss = hungarianLoss(tf, HungarianLoss.detr({ numClasses: 10 }))
 * optimizer.minimize(() => setLoss(model(images), targets))
 * console.log(setLoss.lastResult.terms)
 */
export function hungarianLoss<O extends TensorOutputs | TensorOutputsWithoutBoxes = TensorOutputs>(
  tf: TensorFlow,
  criterion: HungarianLoss,
): TensorLoss<O> {
  checkTensorFlow(tf)
  checkCriterion(criterion)
  let last: LossResult<Outputs, Gradients> | undefined
  const loss = (outputs: unknown, targets: unknown, call?: TensorCallOptions): tfc.Scalar => {
    const step = readStep(criterion, outputs, targets, call)
    const operation = tf.customGrad((...args) => {
      const save = args.pop() as tfc.GradSaveFunc
      const result = computeStep(criterion, step, readNow)
      last = result
      save(gradientTensors(tf, step, result.gradients))
      return {
        value: tf.scalar(result.loss),
        gradFunc: (dy: tfc.Tensor, saved: tfc.Tensor[]) => saved.map((gradient) => tf.mul(gradient, dy)),
      }
    })
    return operation(...step.layers.flatMap(variablesOf)) as tfc.Scalar
  }
  const get = () => last ?? fail('OPTION', 'lastResult', 'there is none before the first call')
  return Object.defineProperty(loss, 'lastResult', { get, enumerable: true }) as TensorLoss<O>
}

/**
 * Loss and gradients of tensors whose values come asynchronously (`data()`), as from WebGPU. TensorFlow.js cannot
 * differentiate across the wait, so train in two phases: after this, let it differentiate Σ logits · gradient + Σ boxes
 * · gradient (and likewise for `corners`), whose gradient with respect to the weights is that of the loss.
 *
 * Throws as {@link hungarianLoss}.
 *
 * @example
 * const { gradients } = await lossGradients(criterion, model(images), targets)
 * const logitsGradient = tf.tensor(gradients.logits, [B, Q, C])
 * const boxesGradient = tf.tensor(gradients.boxes, [B, Q, 4])
 * const { grads } = tf.variableGrads(() => {
 *   const { logits, boxes } = model(images)
 *   return tf.add(tf.sum(tf.mul(logits, logitsGradient)), tf.sum(tf.mul(boxes, boxesGradient)))
 * })
 * optimizer.applyGradients(grads)
 */
export async function lossGradients<O extends TensorOutputs | TensorOutputsWithoutBoxes>(
  criterion: HungarianLoss,
  outputs: ExactOutputs<O>,
  targets: TensorTargetsOf<O>,
  call?: TensorCallOptions,
): Promise<LossResult<O, GradientsOf<O>>> {
  checkCriterion(criterion)
  const step = readStep(criterion, outputs, targets, call)
  const read = new Map<tfc.Tensor, Promise<TensorValues>>()
  for (const [tensor, { name }] of step.tensors) read.set(tensor, readLater(tensor, name))
  const values = new Map<tfc.Tensor, TensorValues>()
  for (const [tensor, promise] of await settled(read)) values.set(tensor, await promise)
  const result: LossResult<unknown, Gradients> = computeStep(
    criterion,
    step,
    (tensor) => values.get(tensor) as TensorValues,
  )
  return result as LossResult<O, GradientsOf<O>>
}

/** Computes a step from its tensors' values. */
function computeStep(criterion: HungarianLoss, step: TensorStep, read: ReadTensor): LossResult<Outputs, Gradients> {
  let argument = 'outputs'
  try {
    const outputs = toOutputs(step, read)
    argument = 'targets'
    const targets = toTargets(step, read)
    argument = 'criterion'
    return criterion.compute(outputs, targets, step.call)
  } catch (error) {
    throw toReadError(error, argument)
  }
}

/** The same promises once all are settled, so that none of them fails unheard. */
async function settled<Key, Value>(promises: ReadonlyMap<Key, Promise<Value>>) {
  await Promise.allSettled(promises.values())
  return promises
}
