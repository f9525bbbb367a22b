/** The caller's own arrays for the gradients: checked, and refused where writing to them would overwrite anything else. */
import { PART_KEYS } from '../binding/plan.ts'
import { fail } from '../common/errors.ts'
import { bytesOf, checkMemory, isUsable, kindOf, lengthOfTyped } from '../common/memory.ts'
import { lengthOf } from '../common/tensors.ts'
import { checkRecord, isObject, show } from '../common/validate.ts'
import { showFields } from '../options/needed.ts'
import type { LayerGradients } from '../terms/index.ts'
import { valuesOf, WRITTEN } from './gradients.ts'
import type { GradientArrays, Gradients, PartGradients, WrittenField } from './gradients.ts'
import type { Layers, LayerTensors } from './layers.ts'
import type { Predictions } from './outputs.ts'
import { checkDisjoint, outName } from './overlap.ts'
import type { ReadTarget } from './read-target.ts'

const OUT = [...WRITTEN.map(({ name }) => name), 'auxiliary']
const ALL_OUT = [...OUT, ...PART_KEYS] as readonly (keyof Gradients)[]

const NO_LAYERS: readonly LayerGradients[] = []

/** The caller's arrays, once it is certain that nothing else can be overwritten with them. */
export function checkOut(given: Gradients, predictions: Predictions, targets: readonly ReadTarget[]): GradientArrays {
  checkRecord(given, ALL_OUT, 'call.out')
  const { encoder, denoising, oneToMany } = given
  const own: readonly unknown[] = [encoder, denoising, oneToMany]
  const gradients: Float32Array[] = []
  const { parts } = predictions
  for (const { key, tensors, layers } of parts) {
    if (key !== tensors) continue
    const part = key === undefined ? given : own[PART_KEYS.indexOf(key)]
    const name = key === undefined ? 'call.out' : `call.out.${key}`
    if (!isObject(part))
      fail('DTYPE', name, `must be ${showWritten(layers.tensors.at(-1) as LayerTensors)}, got ${show(part)}`)
    if (key !== undefined) checkRecord(part, OUT, name)
    checkPart(part as unknown as PartGradients, layers, name, gradients)
  }
  for (let i = 0; i < own.length; i++) {
    const key = PART_KEYS[i]
    if (own[i] === undefined || parts.some((part) => part.key === key && part.tensors === key)) continue
    fail('SHAPE', `call.out.${key}`, `must be absent, since outputs.${key} has no tensors of its own`)
  }
  checkDisjoint(gradients, predictions, targets)
  return gradients
}

/** Checks the arrays of one part, and appends them. */
function checkPart(part: PartGradients, { tensors }: Layers, name: string, gradients: Float32Array[]): void {
  const final = tensors.length - 1
  const auxiliary = part.auxiliary ?? NO_LAYERS
  const earlier = Array.isArray(auxiliary) ? lengthOf(auxiliary, `${name}.auxiliary`) : undefined
  if (earlier !== final) {
    const got = earlier ?? show(auxiliary)
    const input = name.replace('call.out', 'outputs')
    fail('SHAPE', `${name}.auxiliary`, `expected ${final} entries, as ${input}.auxiliary has, got ${got}`)
  }
  for (let i = 0; i <= final; i++) {
    checkLayer(i < final ? auxiliary[i] : part, tensors[i] as LayerTensors, gradients)
  }
}

/** Checks the arrays of one layer, and appends them. */
function checkLayer(layer: unknown, tensors: LayerTensors, gradients: Float32Array[]): void {
  const { name } = tensors
  if (!isObject(layer)) fail('DTYPE', outName(name), `must be ${showWritten(tensors)}, got ${show(layer)}`)
  for (let k = 0; k < WRITTEN.length; k++) {
    const { name: field, of } = WRITTEN[k] as WrittenField
    const array = of(layer)
    const values = valuesOf(tensors, k)
    if (values !== undefined) gradients.push(checkArray(array, values, name, field))
    else if (array !== undefined) fail('SHAPE', `${outName(name)}.${field}`, `must be absent, since ${name} has none`)
  }
}

/** The arrays that a layer's gradients take, as messages say it. */
function showWritten(layer: LayerTensors): string {
  return showFields(WRITTEN.filter((_, k) => valuesOf(layer, k) !== undefined))
}

/** Checks one of the caller's arrays by itself; gives as much of it as is written to. */
function checkArray(array: unknown, { length }: Float32Array, layer: string, key: string): Float32Array {
  const [kind, view] = [kindOf(array), array as Float32Array]
  if (kind === 'Float32Array' && isUsable(view) && lengthOfTyped(view) === length) return view
  const name = `${outName(layer)}.${key}`
  if (kind !== 'Float32Array') fail('DTYPE', name, `must be a Float32Array, got ${kind ?? show(array)}`)
  checkMemory(view, name)
  const got = lengthOfTyped(view)
  const { buffer, byteOffset } = bytesOf(view)
  if (got < length) {
    const isLeft = byteOffset + 4 * length <= buffer.byteLength
    const hint = isLeft ? " (a view that a smaller batch left? keep the first batch's arrays)" : ''
    fail('SHAPE', name, `expected ${length} values or more, got ${got}${hint}`)
  }
  return new Float32Array(buffer, byteOffset, length)
}
