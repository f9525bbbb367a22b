/** A step with the values of its tensors, as the criterion takes it; and gradients as tensors. */
import type * as tfc from '@tensorflow/tfjs-core'
import { PART_KEYS } from '../binding/plan.ts'
import { fail } from '../common/errors.ts'
import { kindOf } from '../common/memory.ts'
import { toReadError } from '../common/reading.ts'
import { showShape } from '../common/tensors.ts'
import { isRecord, show } from '../common/validate.ts'
import type { Gradients, PartGradients } from '../input/gradients.ts'
import type { Outputs } from '../input/outputs.ts'
import type { Target } from '../input/targets.ts'
import type { LayerGradients } from '../terms/index.ts'
import { TARGET_NAMES, TENSORS, VARIABLES, variablesOf } from './step.ts'
import type { KnownTensor, TensorStep } from './step.ts'

/** What a tensor's values come in. */
export type TensorValues = Float32Array | Int32Array | Uint8Array

/** Gives the values of a tensor. */
export type ReadTensor = (tensor: tfc.Tensor, name: string) => TensorValues

export const readNow: ReadTensor = (tensor, name) => {
  try {
    const { dataSync } = tensor
    if (typeof dataSync === 'function') return dataSync.call(tensor) as TensorValues
    return fail('DTYPE', name, `must be a tensor of TensorFlow.js, whose dataSync is a function, got ${show(dataSync)}`)
  } catch (error) {
    throw toReadError(error, name)
  }
}

export async function readLater(tensor: tfc.Tensor, name: string): Promise<TensorValues> {
  try {
    const { data } = tensor
    if (typeof data === 'function') return (await data.call(tensor)) as TensorValues
    return fail('DTYPE', name, `must be a tensor of TensorFlow.js, whose data is a function, got ${show(data)}`)
  } catch (error) {
    throw toReadError(error, name)
  }
}

/** The outputs with the values of their tensors, as the criterion takes them. */
export function toOutputs({ outputs, tensors }: TensorStep, read: ReadTensor): Outputs {
  const toLayer = (layer: unknown, argument: string): Record<string, unknown> => {
    const copy = { ...(layer as Record<string, unknown>) }
    for (const name of TENSORS) {
      const tensor = copy[name] as tfc.Tensor
      const known = tensors.get(tensor)
      if (known !== undefined) copy[name] = toData(tensor, known, read, `${argument}.${name}`)
    }
    return copy
  }
  const toPart = (part: unknown, argument: string): Record<string, unknown> => {
    const { auxiliary } = part as { readonly auxiliary?: readonly unknown[] | undefined }
    const copy = toLayer(part, argument)
    if (auxiliary === undefined) return copy
    return { ...copy, auxiliary: auxiliary.map((layer, i) => toLayer(layer, `${argument}.auxiliary[${i}]`)) }
  }
  const mapped = toPart(outputs, 'outputs')
  for (const key of PART_KEYS) {
    const part = mapped[key]
    if (isRecord(part)) mapped[key] = toPart(part, `outputs.${key}`)
  }
  return mapped as unknown as Outputs
}

/** A tensor with its values. */
function toData(tensor: tfc.Tensor, { shape }: KnownTensor, read: ReadTensor, name: string) {
  return { data: read(tensor, name), shape }
}

/** The targets with the values of their tensors. */
export function toTargets(
  { targets, tensors }: Pick<TensorStep, 'targets' | 'tensors'>,
  read: ReadTensor,
): readonly Target[] {
  if (!Array.isArray(targets)) return targets as readonly Target[]
  return targets.map((target: unknown, image) => {
    if (!isRecord(target)) return target as unknown as Target
    const copy = { ...target }
    for (const field of TARGET_NAMES) {
      const tensor = copy[field] as tfc.Tensor
      const known = tensors.get(tensor)
      if (known === undefined) continue
      const name = `targets[${image}].${field}`
      copy[field] = targetData(field, toData(tensor, known, read, name), name)
    }
    return copy as unknown as Target
  })
}

/** A tensor as a target has it: labels as integers, whatever their type was; flags without a shape. */
function targetData(
  field: string,
  { data, shape }: { readonly data: TensorValues; readonly shape: readonly number[] },
  name: string,
): unknown {
  if (field === 'labels') return { data: kindOf(data) === 'Float32Array' ? Array.from(data) : data, shape }
  if (field !== 'ignore') return { data, shape }
  if (shape.length !== 1) fail('SHAPE', name, `must be of shape [n], got ${showShape(shape)}`)
  return data
}

/** Gradients as tensors, in the order of the operation's arguments. */
export function gradientTensors(
  tf: Pick<typeof tfc, 'tensor'>,
  { layers, tensors }: TensorStep,
  gradients: Gradients,
): tfc.Tensor[] {
  const parts = [gradients, ...PART_KEYS.map((key) => gradients[key])]
  const layersIn = (part: PartGradients | undefined) => (part === undefined ? [] : [part, ...(part.auxiliary ?? [])])
  const all: readonly LayerGradients[] = parts.flatMap(layersIn)
  return layers.flatMap((layer, i) => {
    const of = all[i] as LayerGradients
    const arrays = VARIABLES.map((name) => of[name]).filter((array) => array !== undefined)
    return variablesOf(layer).map((tensor, k) => {
      return tf.tensor(arrays[k] as Float32Array, [...(tensors.get(tensor) as KnownTensor).shape])
    })
  })
}
