/**
 * The loss as an operation of TensorFlow.js. Nothing is imported from it but types: hand in the `tf` that you use.
 *
 * @module
 */
import type * as tfc from '@tensorflow/tfjs-core'
import type { HungarianLoss } from './criterion.ts'
import { fail } from './errors.ts'
import { PART_KEYS } from './parts.ts'
import type {
  CallOptions,
  DenoisingSettings,
  EncoderSettings,
  ExactOutputs,
  Gradients,
  GradientsOf,
  LayerGradients,
  LayerOutputs,
  LossResult,
  OneToManySettings,
  Outputs,
  PartGradients,
  QueryRange,
  Target,
} from './types.ts'
import { isRecord, show } from './validate.ts'

/** The part of TensorFlow.js that is used: `@tensorflow/tfjs-core` or any package that re-exports it. */
export type TensorFlow = Pick<typeof tfc, 'customGrad' | 'mul' | 'scalar' | 'tensor'>

/** One layer's predictions as float32 tensors, of the shapes of {@link LayerOutputs}, and how it is matched. */
export interface TensorLayer extends Pick<LayerOutputs, 'matching' | 'cost'> {
  readonly logits: tfc.Tensor
  readonly boxes: tfc.Tensor
  readonly corners?: tfc.Tensor | undefined
  /** Only read: the loss passes it no gradient. */
  readonly references?: tfc.Tensor | undefined
}

/** Several layers, either stacked in rank 4 or listed in `auxiliary`. */
export interface TensorPart extends TensorLayer {
  readonly auxiliary?: readonly TensorLayer[] | undefined
  readonly queries?: undefined
}

/** As {@link Outputs}, with tensors. */
export interface TensorOutputs extends Omit<TensorPart, 'queries'>, Pick<Outputs, 'groups'> {
  readonly encoder?: (Omit<TensorPart, 'queries'> & EncoderSettings) | undefined
  readonly denoising?: ((TensorPart | QueryRange) & DenoisingSettings) | undefined
  readonly oneToMany?: ((TensorPart | QueryRange) & OneToManySettings) | undefined
}

/** Settings of one call: what a batch that is split over workers is divided by. */
export type TensorCallOptions = Pick<CallOptions, 'numBoxes' | 'unionBoxes' | 'classWeight'>

/** A differentiable loss. */
export interface TensorLoss {
  /** The loss as a scalar, differentiable with respect to every tensor of `outputs` but `references`. */
  (outputs: TensorOutputs, targets: readonly Target[], call?: TensorCallOptions): tfc.Scalar
  /**
   * What the latest call computed: terms, matches, metrics. Its gradients may be the very memory of the tensors that
   * TensorFlow.js holds, so do not write to them. Throws `OPTION` before the first call has given a result.
   */
  readonly lastResult: LossResult<Outputs, Gradients>
}

/**
 * Makes a criterion differentiable in TensorFlow.js. All layers of all parts are one operation. Values are read with
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
  let last: TensorLoss['lastResult'] | undefined
  const loss = (outputs: TensorOutputs, targets: readonly Target[], call?: TensorCallOptions): tfc.Scalar => {
    const layers = layersOf(outputs)
    const operation = tf.customGrad((...args) => {
      const save = args.pop() as tfc.GradSaveFunc
      const result = criterion.compute(toOutputs(outputs, (tensor) => tensor.dataSync<'float32'>()), targets, call)
      last = result
      save(gradientTensors(tf, layers, result.gradients))
      return {
        value: tf.scalar(result.loss),
        gradFunc: (dy: tfc.Tensor, saved: tfc.Tensor[]) => saved.map((gradient) => tf.mul(gradient, dy)),
      }
    })
    return operation(...layers.flatMap(variablesOf)) as tfc.Scalar
  }
  const get = () => last ?? fail('OPTION', 'lastResult', 'there is none before the first call')
  return Object.defineProperty(loss, 'lastResult', { get, enumerable: true }) as TensorLoss
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
export async function lossGradients<O extends TensorOutputs>(
  criterion: HungarianLoss,
  outputs: ExactOutputs<O>,
  targets: readonly Target[],
  call?: TensorCallOptions,
): Promise<LossResult<O, GradientsOf<O>>> {
  const layers = layersOf(outputs)
  const tensors = layers.flatMap((layer) => variablesOf(layer).concat(layer.references ?? []))
  const values = await Promise.all(tensors.map((tensor) => tensor.data<'float32'>()))
  const data = new Map(tensors.map((tensor, i) => [tensor, values[i] as Float32Array]))
  const result = criterion.compute(toOutputs(outputs, (tensor) => data.get(tensor) as Float32Array), targets, call)
  return result as LossResult<unknown, Gradients> as LossResult<O, GradientsOf<O>>
}

/** The outputs with every layer replaced, in a fixed order: of each part the final layer first. */
function mapLayers(outputs: TensorOutputs, map: (layer: unknown, argument: string) => LayerOutputs): Outputs {
  const mapPart = (part: unknown, argument: string): Outputs => {
    const final = map(part, argument)
    const { auxiliary } = part as TensorPart
    if (auxiliary !== undefined && !Array.isArray(auxiliary)) {
      fail('DTYPE', `${argument}.auxiliary`, `must be an array of { logits, boxes }, got ${show(auxiliary)}`)
    }
    return { ...final, auxiliary: (auxiliary ?? []).map((layer, i) => map(layer, `${argument}.auxiliary[${i}]`)) }
  }
  const mapped: Record<string, unknown> = { ...mapPart(outputs, 'outputs') }
  for (const key of PART_KEYS) {
    const part: unknown = outputs[key]
    if (isRecord(part) && (part['logits'] ?? part['boxes']) !== undefined) mapped[key] = mapPart(part, `outputs.${key}`)
  }
  return mapped as unknown as Outputs
}

/** All layers, their tensors checked. */
function layersOf(outputs: TensorOutputs): TensorLayer[] {
  const layers: TensorLayer[] = []
  mapLayers(outputs, (layer, argument) => {
    if (!isRecord(layer)) fail('DTYPE', argument, `must be { logits, boxes }, got ${show(layer)}`)
    checkTensor(layer['logits'], `${argument}.logits`)
    checkTensor(layer['boxes'], `${argument}.boxes`)
    for (const name of ['corners', 'references'] as const) {
      if (layer[name] !== undefined) checkTensor(layer[name], `${argument}.${name}`)
    }
    layers.push(layer as unknown as TensorLayer)
    return layer as unknown as LayerOutputs
  })
  return layers
}

function checkTensor(value: unknown, argument: string): void {
  if (!isRecord(value) || typeof value['dataSync'] !== 'function') {
    fail('DTYPE', argument, `must be a tensor of TensorFlow.js, got ${show(value)}`)
  }
  if (value['isDisposed'] === true) fail('DTYPE', argument, 'has been disposed, so that its values are gone')
  if (value['dtype'] !== 'float32') fail('DTYPE', argument, `must be of dtype float32, got ${show(value['dtype'])}`)
}

/** The tensors of a layer that the loss is differentiated by. */
function variablesOf({ logits, boxes, corners }: TensorLayer): tfc.Tensor[] {
  return corners === undefined ? [logits, boxes] : [logits, boxes, corners]
}

/** The outputs with the values of their tensors, as the criterion takes them. */
function toOutputs(outputs: TensorOutputs, valuesOf: (tensor: tfc.Tensor) => Float32Array): Outputs {
  const toData = (tensor: tfc.Tensor) => ({ data: valuesOf(tensor), shape: tensor.shape })
  return mapLayers(outputs, (given) => {
    const { logits, boxes, corners, references, ...rules } = given as TensorLayer
    return {
      ...rules,
      logits: toData(logits),
      boxes: toData(boxes),
      corners: corners && toData(corners),
      references: references && toData(references),
    }
  })
}

/** Gradients as tensors, in the order of the operation's arguments. */
function gradientTensors(tf: TensorFlow, layers: readonly TensorLayer[], gradients: Gradients): tfc.Tensor[] {
  const parts = [gradients, ...PART_KEYS.map((key) => gradients[key])]
  const layersIn = (part: PartGradients | undefined) => (part === undefined ? [] : [part, ...(part.auxiliary ?? [])])
  const all: readonly LayerGradients[] = parts.flatMap(layersIn)
  return layers.flatMap((layer, i) => {
    const { logits, boxes, corners } = all[i] as LayerGradients
    const arrays = [logits, boxes, corners] as Float32Array[]
    return variablesOf(layer).map(({ shape }, k) => tf.tensor(arrays[k] as Float32Array, shape))
  })
}
