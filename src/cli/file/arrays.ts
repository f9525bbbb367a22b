/** A batch of arrays. */
import { MAX_LAYERS } from '../../input/layers.ts'
import type { Outputs } from '../../input/outputs.ts'
import { FIELDS } from '../../terms/index.ts'
import type { Field } from '../../terms/index.ts'
import { Fault } from '../fault.ts'
import type { Batch } from './batch.ts'
import { toNumbers } from './npy.ts'
import type { Numbers, NumpyArray } from './npy.ts'
import { put } from './put.ts'
import { listNames } from './roles.ts'
import type { Given } from './roles.ts'
import { targetsOf } from './targets.ts'

/** Puts arrays together. `names`: those of all arrays, of which the others are left out. */
export function batchOfArrays(given: readonly Given[], names: readonly string[]): Batch {
  const used = new Set(given.map(({ name }) => name))
  const outputs: Record<string, unknown> = {}
  for (const { name, role, array } of given) {
    if (role.is === 'output') put(outputs, role.field, name, tensorOf(array))
    if (role.is === 'part') put(outputs, role.field, name, weightsOf(role.field, array))
  }
  const logits = outputs['logits'] as { readonly shape: readonly number[] } | undefined
  if (logits === undefined)
    throw new Fault(`it has neither "logits" nor "pred_logits"; its arrays are ${listNames(names)}`)
  const auxiliary = auxiliaryOf(given)
  if (auxiliary.length > 0) outputs['auxiliary'] = auxiliary
  const images = logits.shape.length < 3 ? undefined : logits.shape.at(-3)
  return {
    outputs: outputs as unknown as Outputs,
    targets: targetsOf(given, images, names),
    sizes: sizesOf(given, images ?? 0),
    leftOut: names.filter((name) => !used.has(name)),
  }
}

/** Predictions; integers become numbers that a loss is made of. */
function tensorOf({ data, shape }: NumpyArray): { readonly data: Numbers; readonly shape: readonly number[] } {
  if (data instanceof Float32Array || data instanceof Float64Array) return { data, shape }
  const Type = data.BYTES_PER_ELEMENT < Float32Array.BYTES_PER_ELEMENT ? Float32Array : Float64Array
  return { data: new Type(toNumbers(data)), shape }
}

/** What a part has beside its layers: a number for each layer, or for each query. */
function weightsOf(field: string, array: NumpyArray): unknown {
  const tensor = tensorOf(array)
  return field === 'layerWeights' ? tensor.data : tensor
}

/** The fewest axes of earlier layers' tensors, and what these begin with, by what has a row. */
const HELD: { readonly [Holder in Field['heldBy']]: readonly [least: number, axes: string] } = {
  query: [4, 'B, Q, '],
  image: [3, ''],
  layer: [2, ''],
  pair: [4, 'pairs, '],
}

/** Earlier layers: stacked along the first axis, or one by one. */
function auxiliaryOf(given: readonly Given[]): readonly Record<string, unknown>[] {
  const layers: Record<string, unknown>[] = []
  const putInto = (layer: number, field: string, name: string, tensor: unknown) => {
    if (layer > layers.length + given.length) throw new Fault(`"${name}" is of a layer far beyond the others`)
    while (layers.length <= layer) layers.push({})
    put(layers[layer] as Record<string, unknown>, field, name, tensor, ` of layer ${layer}`)
  }
  for (const { name, role, array } of given) {
    if (role.is !== 'auxiliary') continue
    const { data, shape } = tensorOf(array)
    if (role.layer !== undefined) {
      putInto(role.layer, role.field, name, { data, shape })
      continue
    }
    const { heldBy } = FIELDS.find((field) => field.name === role.field) as Field
    const [least, axes] = HELD[heldBy]
    if (shape.length < least)
      throw new Fault(`"${name}" must be of shape [layers, ${axes}…], and is [${shape.join(', ')}]`)
    if ((shape[0] as number) > MAX_LAYERS)
      throw new Fault(`"${name}" has ${shape[0]} layers, and ${MAX_LAYERS} are read`)
    const length = shape.slice(1).reduce((size, axis) => size * axis, 1)
    for (let layer = 0; layer < (shape[0] as number); layer++) {
      const values = data.subarray(layer * length, (layer + 1) * length)
      putInto(layer, role.field, name, { data: values, shape: shape.slice(1) })
    }
  }
  return layers
}

/** Heights and widths of the images, `[B, 2]`. */
function sizesOf(given: readonly Given[], images: number): Batch['sizes'] {
  const found = given.find(({ role, array }) => {
    return (role.is === 'size' || role.is === 'counts') && array.shape.length === 2 && array.shape[1] === 2
  })
  if (found === undefined) return []
  const length = Math.min(found.array.shape[0] as number, images)
  const sides = toNumbers(found.array.data.subarray(0, 2 * length))
  return Array.from({ length }, (_, image) => {
    const [height, width] = [sides[2 * image] as number, sides[2 * image + 1] as number]
    return height > 0 && width > 0 ? [height, width] : undefined
  })
}
