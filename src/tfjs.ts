/**
 * The loss as an operation of TensorFlow.js. Nothing is imported from it but types: hand in the `tf` that you use.
 *
 * @module
 */
import type * as tfc from '@tensorflow/tfjs-core'
import { fail } from './common/errors.ts'
import { toReadError } from './common/reading.ts'
import { isRecord, show } from './common/validate.ts'
import type { HungarianLoss } from './criterion/criterion.ts'
import type { Gradients, GradientsOf } from './input/gradients.ts'
import type { LayerOutputs } from './input/layers.ts'
import type { ExactOutputs, Outputs } from './input/outputs.ts'
import type { QueryRange } from './input/part.ts'
import type { DenoisingSettings, EncoderSettings, OneToManySettings } from './input/parts.ts'
import type { EmptyTarget, Target } from './input/targets.ts'
import type { LossResult } from './result/loss.ts'
import type { InPlaceOfBoxes, OtherField, SomeOf, WithoutBoxes } from './terms/geometry.ts'
import type { LayerFields, TargetFields } from './terms/index.ts'
import { readStep, variablesOf } from './tfjs/step.ts'
import type { TensorCallOptions, TensorStep } from './tfjs/step.ts'
import { gradientTensors, readLater, readNow, toOutputs, toTargets } from './tfjs/values.ts'
import type { ReadTensor, TensorValues } from './tfjs/values.ts'

export type { TensorCallOptions } from './tfjs/step.ts'

/** The part of TensorFlow.js that is used: `@tensorflow/tfjs-core` or any package that re-exports it. */
export type TensorFlow = Pick<typeof tfc, 'customGrad' | 'mul' | 'scalar' | 'tensor'>

/** The fields of {@link LayerOutputs} as float32 tensors of the same shapes. To `references` the loss passes no gradient. */
export type TensorFields = {
  readonly [Field in keyof LayerFields]: tfc.Tensor | Extract<LayerFields[Field], undefined>
}

/** One layer's predictions, and how it is matched. */
export interface TensorLayer extends TensorFields, Pick<LayerOutputs, 'matching' | 'cost'> {}

/** Several layers, either stacked in rank 4 or listed in `auxiliary`. */
export interface TensorLayers extends TensorLayer {
  /** Earlier layers, first to last. */
  readonly auxiliary?: readonly TensorLayer[] | undefined
}

/** The layers of a part that has tensors of its own. */
export interface TensorPart extends TensorLayers {
  /** Absent, since the part has tensors of its own. */
  readonly queries?: undefined
}

/** As {@link Outputs}, with tensors. */
export interface TensorOutputs extends TensorLayers, Pick<Outputs, 'groups'> {
  /** The proposals of a two-stage encoder. */
  readonly encoder?: (TensorLayers & EncoderSettings) | undefined
  /** Queries made from the targets with noise. */
  readonly denoising?: ((TensorPart | QueryRange) & DenoisingSettings) | undefined
  /** A branch whose targets are repeated. */
  readonly oneToMany?: ((TensorPart | QueryRange) & OneToManySettings) | undefined
}

/**
 * The fields of {@link Target}, as they are or as tensors: labels int32, or float32 of whole numbers; all others float32 or
 * int32, `visibility` also bool.
 */
export type TensorTargetFields = {
  readonly [Field in keyof TargetFields]: TargetFields[Field] | tfc.Tensor
}

/** As {@link Target}, of arrays, of tensors whose values are read, or of both. */
export interface TensorTarget extends TensorTargetFields, Omit<Target, keyof TargetFields | 'ignore'> {
  /** As a tensor bool, int32 or float32. */
  readonly ignore?: Target['ignore'] | tfc.Tensor
}

/** {@link TensorOutputs} of which no term reads boxes, such as those of spans alone. */
export type TensorOutputsWithoutBoxes = InPlaceOfBoxes<TensorLayers, OtherTensors> &
  Pick<Outputs, 'groups'> & {
    /** The proposals of a two-stage encoder. */
    readonly encoder?: (InPlaceOfBoxes<TensorLayers, OtherTensors> & EncoderSettings) | undefined
    /** Queries made from the targets with noise. */
    readonly denoising?: ((InPlaceOfBoxes<TensorPart, OtherTensors> | QueryRange) & DenoisingSettings) | undefined
    /** A branch whose targets are repeated. */
    readonly oneToMany?: ((InPlaceOfBoxes<TensorPart, OtherTensors> | QueryRange) & OneToManySettings) | undefined
  }

/** What layers have in place of boxes. */
type OtherTensors = SomeOf<TensorFields, OtherField>

/** {@link TensorTarget} of which no term reads boxes: it has another geometry in their place. */
export type TensorTargetWithoutBoxes = WithoutBoxes<TensorTarget> & SomeOf<TensorTargetFields, OtherField>

/** The targets that go with outputs of a type: their images have the same geometry, or no object. */
export type TensorTargetsOf<O> = ReadonlyArray<
  | EmptyTarget
  | (O extends { readonly boxes: object }
      ? TensorTarget
      : WithoutBoxes<TensorTarget> & SomeOf<TensorTargetFields, Extract<keyof O, OtherField>>)
>

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

function checkCriterion(criterion: unknown): void {
  if (hasMethods(criterion, ['compute'], 'criterion')) return
  fail('DTYPE', 'criterion', `must be a HungarianLoss, got ${show(criterion)}`)
}

function checkTensorFlow(tf: unknown): void {
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
