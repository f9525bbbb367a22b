/**
 * The loss as an operation of TensorFlow.js. Nothing is imported from it but types: hand in the `tf` that you use.
 *
 * @module
 */
import type * as tfc from '@tensorflow/tfjs-core'
import type { HungarianLoss } from './criterion.ts'
import { fail } from './errors.ts'
import type { CallOptions, Gradients, LayerGradients, LayerOutputs, LossResult, Outputs, Target } from './types.ts'
import { isRecord, show } from './validate.ts'

/** The part of TensorFlow.js that is used: `@tensorflow/tfjs-core` or any package that re-exports it. */
export type TensorFlow = Pick<typeof tfc, 'customGrad' | 'mul' | 'scalar' | 'tensor'>

/** One decoder layer's predictions as float32 tensors, `[B, Q, C]` and `[B, Q, 4]`. */
export interface TensorLayer {
  readonly logits: tfc.Tensor
  readonly boxes: tfc.Tensor
}

/** As {@link Outputs}, with tensors: several layers are either stacked in rank 4 or listed in `auxiliary`. */
export interface TensorOutputs extends TensorLayer {
  readonly auxiliary?: readonly TensorLayer[] | undefined
}

/** Settings of one call: what a batch that is split over workers is divided by. */
export type TensorCallOptions = Pick<CallOptions, 'numBoxes' | 'classWeight'>

/** A differentiable loss. */
export interface TensorLoss {
  /** The loss as a scalar, differentiable with respect to every tensor of `outputs`. */
  (outputs: TensorOutputs, targets: readonly Target[], call?: TensorCallOptions): tfc.Scalar
  /**
   * What the latest call computed: terms, matches, metrics. Its gradients may be the very memory of the tensors that
   * TensorFlow.js holds, so do not write to them.
   */
  lastResult: LossResult | undefined
}

/**
 * Makes a criterion differentiable in TensorFlow.js. All decoder layers are one operation. Values are read with
 * `dataSync`; for backends where that is slow or impossible, see {@link lossGradients}.
 *
 * Throws a HungarianLossError as {@link HungarianLoss.compute}, and `DTYPE` for what is no float32 tensor or has been
 * disposed.
 *
 * @example
 * const setLoss = hungarianLoss(tf, HungarianLoss.detr({ numClasses: 10 }))
 * optimizer.minimize(() => setLoss(model(images), targets))
 * console.log(setLoss.lastResult.terms)
 */
export function hungarianLoss(tf: TensorFlow, criterion: HungarianLoss): TensorLoss {
  const loss = (outputs: TensorOutputs, targets: readonly Target[], call?: TensorCallOptions): tfc.Scalar => {
    const layers = layersOf(outputs)
    const operation = tf.customGrad((...args) => {
      const save = args.pop() as tfc.GradSaveFunc
      const values = (args as tfc.Tensor[]).map((tensor) => tensor.dataSync<'float32'>())
      const result = criterion.compute(toOutputs(layers, values), targets, call)
      loss.lastResult = result
      save(gradientTensors(tf, layers, result.gradients as Gradients))
      return {
        value: tf.scalar(result.loss),
        gradFunc: (dy: tfc.Tensor, saved: tfc.Tensor[]) => saved.map((gradient) => tf.mul(gradient, dy)),
      }
    })
    return operation(...layers.flatMap(({ logits, boxes }) => [logits, boxes])) as tfc.Scalar
  }
  loss.lastResult = undefined as LossResult | undefined
  return loss
}

/**
 * Loss and gradients of tensors whose values come asynchronously (`data()`), as from WebGPU. TensorFlow.js cannot
 * differentiate across the wait, so train in two phases: after this, let it differentiate Σ logits · gradient + Σ boxes
 * · gradient, whose gradient with respect to the weights is that of the loss.
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
export async function lossGradients(
  criterion: HungarianLoss,
  outputs: TensorOutputs,
  targets: readonly Target[],
  call?: TensorCallOptions,
): Promise<LossResult> {
  const layers = layersOf(outputs)
  const values = await Promise.all(
    layers.flatMap(({ logits, boxes }) => [logits.data<'float32'>(), boxes.data<'float32'>()]),
  )
  return criterion.compute(toOutputs(layers, values), targets, call)
}

/** All layers, their tensors checked; the final one first. */
function layersOf(outputs: TensorOutputs): TensorLayer[] {
  const layers = [checkLayer(outputs, 'outputs')]
  const auxiliary = outputs.auxiliary ?? []
  if (!Array.isArray(auxiliary)) {
    fail('DTYPE', 'outputs.auxiliary', `must be an array of { logits, boxes }, got ${show(auxiliary)}`)
  }
  for (let i = 0; i < auxiliary.length; i++) layers.push(checkLayer(auxiliary[i], `outputs.auxiliary[${i}]`))
  return layers
}

function checkLayer(layer: unknown, argument: string): TensorLayer {
  if (!isRecord(layer)) fail('DTYPE', argument, `must be { logits, boxes }, got ${show(layer)}`)
  checkTensor(layer['logits'], `${argument}.logits`)
  checkTensor(layer['boxes'], `${argument}.boxes`)
  return layer as unknown as TensorLayer
}

function checkTensor(value: unknown, argument: string): void {
  if (!isRecord(value) || typeof value['dataSync'] !== 'function') {
    fail('DTYPE', argument, `must be a tensor of TensorFlow.js, got ${show(value)}`)
  }
  if (value['isDisposed'] === true) fail('DTYPE', argument, 'has been disposed, so that its values are gone')
  if (value['dtype'] !== 'float32') fail('DTYPE', argument, `must be of dtype float32, got ${show(value['dtype'])}`)
}

/** Tensors and their values, logits and boxes by turns, as the criterion takes them. */
function toOutputs(layers: readonly TensorLayer[], values: readonly Float32Array[]): Outputs {
  const all = layers.map((layer, i): LayerOutputs => ({
    ...layer,
    logits: { data: values[2 * i] as Float32Array, shape: layer.logits.shape },
    boxes: { data: values[2 * i + 1] as Float32Array, shape: layer.boxes.shape },
  }))
  return { ...(all[0] as LayerOutputs), auxiliary: all.slice(1) }
}

/** Gradients as tensors, in the order of the operation's arguments. */
function gradientTensors(tf: TensorFlow, layers: readonly TensorLayer[], gradients: Gradients): tfc.Tensor[] {
  const all: readonly LayerGradients[] = [gradients, ...(gradients.auxiliary ?? [])]
  return layers.flatMap(({ logits, boxes }, i) => {
    const gradient = all[i] as LayerGradients
    return [tf.tensor(gradient.logits, logits.shape), tf.tensor(gradient.boxes, boxes.shape)]
  })
}
