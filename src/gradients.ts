import { Buffer } from 'node:buffer'
import { fail } from './errors.ts'
import { checkMemory, kindOf, overlap } from './memory.ts'
import type { Predictions } from './predictions.ts'
import { dataOf } from './targets.ts'
import type { Gradients, LayerGradients, Outputs, Target } from './types.ts'
import { checkRecord, isRecord, show } from './validate.ts'

/** Arrays for the gradients, in the layout of the inputs. */
export interface GradientArrays {
  readonly logits: Float32Array[]
  readonly boxes: Float32Array[]
}

const OUT = ['logits', 'boxes', 'auxiliary'] as const

/** No gradients wanted. */
export const NO_GRADIENTS: GradientArrays = { logits: [], boxes: [] }

/**
 * New arrays, all in one buffer, which hold whatever that memory held: the core writes every element. Zeroing them, or
 * making a buffer for each, would cost as much as the loss of a small batch.
 */
export function makeGradients({ logits, boxes }: Predictions): GradientArrays {
  let length = 0
  for (let i = 0; i < logits.length; i++) {
    length += (logits[i] as Float32Array).length + (boxes[i] as Float32Array).length
  }
  const { buffer, byteOffset } = Buffer.allocUnsafeSlow(4 * length)
  const gradients = { logits: [] as Float32Array[], boxes: [] as Float32Array[] }
  let start = byteOffset
  const next = (like: Float32Array): Float32Array => {
    const array = new Float32Array(buffer, start, like.length)
    start += array.byteLength
    return array
  }
  for (let i = 0; i < logits.length; i++) {
    gradients.logits.push(next(logits[i] as Float32Array))
    gradients.boxes.push(next(boxes[i] as Float32Array))
  }
  return gradients
}

/** The caller's arrays, once it is certain that nothing else can be overwritten with them. */
export function checkOut(
  out: Gradients,
  predictions: Predictions,
  outputs: Outputs,
  targets: readonly Target[],
): GradientArrays {
  checkRecord(out, OUT, 'call.out')
  const { logits, boxes, names } = predictions
  const final = logits.length - 1
  const auxiliary: readonly LayerGradients[] = out.auxiliary ?? []
  if (!Array.isArray(auxiliary) || auxiliary.length !== final) {
    const got = Array.isArray(auxiliary) ? auxiliary.length : show(auxiliary)
    fail('SHAPE', 'call.out.auxiliary', `expected ${final} entries, as outputs.auxiliary has, got ${got}`)
  }
  const gradients = { logits: [] as Float32Array[], boxes: [] as Float32Array[] }
  for (let i = 0; i <= final; i++) {
    const layer: unknown = i < final ? auxiliary[i] : out
    const name = outName(names[i] as string)
    if (!isRecord(layer)) fail('DTYPE', name, `must be { logits, boxes }, got ${show(layer)}`)
    gradients.logits.push(checkArray(layer['logits'], (logits[i] as Float32Array).length, name, 'logits'))
    gradients.boxes.push(checkArray(layer['boxes'], (boxes[i] as Float32Array).length, name, 'boxes'))
  }
  checkDisjoint(gradients, predictions, outputs, targets)
  return gradients
}

/** Checks one of the caller's arrays by itself. */
function checkArray(array: unknown, length: number, layer: string, name: string): Float32Array {
  const kind = kindOf(array)
  if (kind !== 'Float32Array') fail('DTYPE', `${layer}.${name}`, `must be a Float32Array, got ${kind ?? show(array)}`)
  const view = array as Float32Array
  checkMemory(view, `${layer}.${name}`)
  if (view.length !== length) {
    fail('SHAPE', `${layer}.${name}`, `expected ${length} values, as the input has, got ${view.length}`)
  }
  return view
}

/**
 * Refuses arrays that share memory with an input or with each other. The core relies on that, so that the arrays
 * compared are the very ones that it gets; what was converted or packed from the caller's arrays is compared in both
 * forms.
 */
function checkDisjoint(
  gradients: GradientArrays,
  predictions: Predictions,
  outputs: Outputs,
  targets: readonly Target[],
): void {
  const read: unknown[] = layerArrays(predictions)
  for (const layer of outputs.auxiliary ?? []) read.push(dataOf(layer.logits), dataOf(layer.boxes))
  read.push(dataOf(outputs.logits), dataOf(outputs.boxes))
  for (const target of targets) read.push(dataOf(target.labels), dataOf(target.boxes))
  const written = layerArrays(gradients)
  for (let i = 0; i < written.length; i++) {
    const array = written[i] as Float32Array
    for (let j = 0; j < read.length; j++) {
      const other = read[j]
      if (ArrayBuffer.isView(other) && overlap(array, other)) failOverlap(i, readName(j, predictions), predictions)
    }
    for (let j = 0; j < i; j++) {
      if (overlap(array, written[j] as Float32Array)) failOverlap(i, outName(arrayName(j, predictions)), predictions)
    }
  }
}

/** Logits and boxes by turns, layer by layer. */
function layerArrays({ logits, boxes }: GradientArrays): Float32Array[] {
  const arrays: Float32Array[] = []
  for (let i = 0; i < logits.length; i++) arrays.push(logits[i] as Float32Array, boxes[i] as Float32Array)
  return arrays
}

function failOverlap(index: number, other: string, predictions: Predictions): never {
  fail('RANGE', outName(arrayName(index, predictions)), `overlaps ${other} in memory`)
}

/** The name of an entry of `layerArrays`. */
function arrayName(index: number, { names }: Predictions): string {
  return `${names[index >> 1]}.${index % 2 === 0 ? 'logits' : 'boxes'}`
}

/**
 * The name of an array that is read: those of the layers twice, as converted and as given, then those of the targets.
 */
function readName(index: number, predictions: Predictions): string {
  const arrays = 2 * predictions.names.length
  if (index < 2 * arrays) return arrayName(index % arrays, predictions)
  const target = index - 2 * arrays
  return `targets[${target >> 1}].${target % 2 === 0 ? 'labels' : 'boxes'}`
}

/** The place in `call.out` that belongs to a place in `outputs`. */
function outName(name: string): string {
  return name.replace('outputs', 'call.out')
}

/** The arrays as the caller sees them: the final layer at the top, earlier ones in `auxiliary`. */
export function layOut({ logits, boxes }: GradientArrays): Gradients | undefined {
  const final = logits.length - 1
  if (final < 0) return undefined
  const at = (i: number): LayerGradients => ({ logits: logits[i] as Float32Array, boxes: boxes[i] as Float32Array })
  if (final === 0) return at(0)
  return { ...at(final), auxiliary: Array.from({ length: final }, (_, i) => at(i)) }
}
