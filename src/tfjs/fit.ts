/** The loss as `fit` of a LayersModel takes it: targets packed in one tensor, and a function of that and of the outputs. */
import type * as tfc from '@tensorflow/tfjs-core'
import { fail } from '../common/errors.ts'
import { toReadError } from '../common/reading.ts'
import { float32, lengthOf, listOf, shapeOf, showShape } from '../common/tensors.ts'
import { checkInteger, MAX_SIZE, show } from '../common/validate.ts'
import type { HungarianLoss } from '../criterion/criterion.ts'
import type { GradientsOf } from '../input/gradients.ts'
import { packRead } from '../input/packing.ts'
import type { ReadTarget } from '../input/read-target.ts'
import type { Outputs } from '../input/outputs.ts'
import { readTargets as readBatch } from '../input/targets.ts'
import type { EmptyTarget, Target } from '../input/targets.ts'
import type { LossResult } from '../result/loss.ts'
import { TARGET_FIELDS } from '../terms/index.ts'
import { joinGradients, layoutOf, readPacked, splitOutputs, writeTargets } from './packed.ts'
import type { PackedLayout } from './packed.ts'
import { checkTensor, copyTargets } from './step.ts'
import type { Tensors } from './step.ts'
import { checkCriterion, checkTensorFlow } from './tensorflow.ts'
import type { TensorFlow } from './tensorflow.ts'
import type {
  TensorMappedTarget,
  TensorOutputs,
  TensorOutputsWithoutBoxes,
  TensorTarget,
  TensorTargetWithoutBoxes,
} from './tensors.ts'
import { readNow, toTargets } from './values.ts'

/** A loss of packed targets and joined outputs. `O` is the type of the layers that the outputs are joined from. */
export interface FitLoss<O = TensorOutputs> {
  /**
   * The loss as a scalar, differentiable with respect to `outputs`: `[B, Q, L · W]`, of each query the L decoder layers one
   * after the other, the final one last, and of each layer the logits and then the box, W numbers in all. `packed`: `[B, …]`, of
   * {@link packTargets}.
   */
  (packed: tfc.Tensor, outputs: tfc.Tensor): tfc.Scalar
  /** What the latest call computed: terms, matches, metrics. Throws `OPTION` before the first call has given a result. */
  readonly lastResult: LossResult<O, GradientsOf<O>>
}

/**
 * Packs the targets of images in one float32 tensor, as `fit`, `fitDataset`, `trainOnBatch` and `evaluate` of a LayersModel take
 * it as `y`. {@link fitLoss} reads it. Boxes are rounded to float32, as the loss itself does, so nothing is lost.
 *
 * `shape`: that of the model's output, `model.outputs[0].shape`, which TensorFlow.js asks `y` to have: `[B, …]`, where B is the
 * number of images, or null. An image of `[Q, K]` has room for ⌊Q · K / 6⌋ targets: a label, a box and a flag each. What else the batch
 * has takes room besides: `positives`, or several labels of a target, two numbers for each that is not 0 and one more, or a number for each
 * label and one more; `weights` and `hasBox` one of each target; `columns` one for each column of the logits. An image then begins with a
 * number that says what it has.
 *
 * Throws a HungarianLossError: `SHAPE` where an image has more targets than there is room for, `OPTION` for masks, `void` and a criterion of
 * points or masks, and all that {@link HungarianLoss.compute} throws for types and shapes of targets.
 *
 * @example
 * const y = packTargets(tf, criterion, targets, model.outputs[0].shape)
 */
export function packTargets(
  tf: TensorFlow,
  criterion: HungarianLoss,
  targets: ReadonlyArray<
    | EmptyTarget
    | TensorTarget
    | TensorTargetWithoutBoxes
    | TensorMappedTarget
    | TensorMappedTarget<TensorTargetWithoutBoxes>
  >,
  shape: ReadonlyArray<number | null>,
): tfc.Tensor {
  checkTensorFlow(tf)
  checkCriterion(criterion)
  let argument = 'criterion'
  try {
    const layout = layoutOf(criterion)
    argument = 'targets'
    const tensors: Tensors = new Map()
    const copies = copyTargets(targets, tensors)
    if (!Array.isArray(copies)) {
      fail('DTYPE', 'targets', `must be an array with one entry for each image, got ${show(copies)}`)
    }
    const shapeOfTargets = { ...layout.shape, images: copies.length }
    const read = readBatch(toTargets({ targets: copies, tensors }, readNow), shapeOfTargets)
    checkPlanes(read)
    const packed = packRead(read, shapeOfTargets)
    argument = 'shape'
    const full = readShape(shape, copies.length)
    return tf.tensor(writeTargets(layout, read, packed, full), full)
  } catch (error) {
    throw toReadError(error, argument)
  }
}

/** Refuses planes, which have no place in rows of numbers. */
function checkPlanes(read: readonly ReadTarget[]): void {
  for (const [image, { fields }] of read.entries()) {
    const field = TARGET_FIELDS.find(({ form }, i) => form !== 'row' && fields[i] !== undefined)
    if (field === undefined) continue
    const rule = 'must be absent, since packed targets have no place for pixels; hungarianLoss takes them'
    fail('OPTION', `targets[${image}].${field.name}`, rule, { image })
  }
}

/** The shape of packed targets, with the number of images in its first place. */
function readShape(shape: unknown, images: number): number[] {
  if (!Array.isArray(shape)) {
    fail('DTYPE', 'shape', `must be that of the model's output, as [null, 100, 96], got ${show(shape)}`)
  }
  const rank = lengthOf(shape, 'shape')
  if (rank < 2 || rank > 6) fail('SHAPE', 'shape', `must have 2 to 6 axes, the first of images, got ${rank}`)
  const first: unknown = shape[0]
  if (first !== null && first !== images) {
    fail('SHAPE', 'shape', `must begin with null or the number of targets' images, ${images}, got ${show(first)}`)
  }
  const full = listOf(rank)
  full[0] = images
  for (let axis = 1; axis < rank; axis++) full[axis] = checkInteger(shape[axis], 1, MAX_SIZE, `shape[${axis}]`, 'SHAPE')
  return full
}

/**
 * A criterion as the loss that a LayersModel is compiled with: `model.compile({ optimizer, loss: fitLoss(tf, criterion) })`.
 *
 * A LayersModel has one loss for each output, and this loss needs logits and boxes together: join them by
 * `tf.layers.concatenate()`, of several decoder layers `[logits, boxes, logits, boxes, …]`, the final layer last. All
 * layers are one operation. What else a step has (denoising parts, groups, points) needs {@link hungarianLoss}.
 *
 * Values are read with `dataSync`, so WebGPU cannot have it. Throws a HungarianLossError as {@link hungarianLoss}, from
 * `fit` as well; and `OPTION` for a criterion of points.
 *
 * @example
 * // of symbolic tensors [null, Q, numClasses + 1] and [null, Q, 4]
 * const joined = tf.layers.concatenate().apply([logits, boxes]) as tf.SymbolicTensor
 * const model = tf.model({ inputs, outputs: joined })
 * const loss = fitLoss(tf, criterion)
 * model.compile({ optimizer: 'adam', loss })
 * await model.fit(images, packTargets(tf, criterion, targets, model.outputs[0].shape))
 */
export function fitLoss<O extends TensorOutputs | TensorOutputsWithoutBoxes = TensorOutputs>(
  tf: TensorFlow,
  criterion: HungarianLoss,
): FitLoss<O> {
  checkTensorFlow(tf)
  checkCriterion(criterion)
  const layout = readLayout(criterion)
  let last: LossResult | undefined
  const loss = (packed: unknown, outputs: unknown): tfc.Scalar => {
    const shape = readOutputs(outputs, layout)
    const targets = readTargets(packed, shape[0] as number, layout)
    const operation = tf.customGrad((...args) => {
      const [joined, save] = args as unknown as [tfc.Tensor, tfc.GradSaveFunc]
      const values = readValues(joined, shape, 'outputs')
      const { result, gradient } = compute(criterion, layout, values, shape, targets)
      last = result
      save([tf.tensor(gradient, shape)])
      return {
        value: tf.scalar(result.loss),
        gradFunc: (dy: tfc.Tensor, saved: tfc.Tensor[]) => saved.map((gradient) => tf.mul(gradient, dy)),
      }
    })
    return operation(outputs as tfc.Tensor) as tfc.Scalar
  }
  const get = () => last ?? fail('OPTION', 'lastResult', 'there is none before the first call')
  // not enumerable, since a LayersModel that is saved takes what it can list of its loss for the names of outputs
  return Object.defineProperty(loss, 'lastResult', { get }) as FitLoss<O>
}

/** The result for joined outputs, and its gradient in their layout. */
function compute(
  criterion: HungarianLoss,
  layout: PackedLayout,
  values: Float32Array,
  shape: readonly number[],
  targets: readonly Target[],
) {
  try {
    const result = criterion.compute(splitOutputs(layout, values, shape) as Outputs, targets)
    return { result, gradient: joinGradients(layout, result.gradients, shape) }
  } catch (error) {
    throw toReadError(error, 'criterion')
  }
}

function readLayout(criterion: HungarianLoss): PackedLayout {
  try {
    return layoutOf(criterion)
  } catch (error) {
    throw toReadError(error, 'criterion')
  }
}

/** The shape of joined outputs, checked. */
function readOutputs(outputs: unknown, { outputs: fields, outputWidth }: PackedLayout): number[] {
  try {
    checkTensor(outputs, 'outputs', ['float32'])
    const shape = [...shapeOf(outputs, 'outputs')]
    const [, , columns = 0] = shape
    if (shape.length === 3 && columns > 0 && columns % outputWidth === 0) return shape
    const list = fields.map(({ name, width }) => `${width} of ${name}`).join(' and ')
    return fail(
      'SHAPE',
      'outputs',
      `expected [B, Q, L · ${outputWidth}], ${list} for each layer, got ${showShape(shape)}`,
    )
  } catch (error) {
    throw toReadError(error, 'outputs')
  }
}

/** The values of a tensor, as many as its shape says. */
function readValues(tensor: tfc.Tensor, shape: readonly number[], argument: string): Float32Array {
  return float32({ data: readNow(tensor, argument) }, shape, argument)
}

/** The targets in a tensor of packed ones. */
function readTargets(packed: unknown, images: number, layout: PackedLayout) {
  try {
    checkTensor(packed, 'packed', ['float32'])
    const shape = shapeOf(packed, 'packed')
    if (shape.length < 2 || shape[0] !== images) {
      fail('SHAPE', 'packed', `expected [${images}, …], as many images as outputs, got ${showShape(shape)}`)
    }
    return readPacked(layout, readValues(packed, shape, 'packed'), images)
  } catch (error) {
    throw toReadError(error, 'packed')
  }
}
