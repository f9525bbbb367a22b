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
  for (let i = 0; i < logits.length; i++)
    length += (logits[i] as Float32Array).length + (boxes[i] as Float32Array).length
  const { buffer, byteOffset } = Buffer.allocUnsafeSlow(4 * length)
  const gradients = { logits: [] as Float32Array[], boxes: [] as Float32Array[] }
  let start = byteOffset
  const next = ({ length }: Float32Array): Float32Array => {
    const array = new Float32Array(buffer, start, length)
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
  const { logits, boxes } = predictions
  const final = logits.length - 1
  const auxiliary: readonly LayerGradients[] = out.auxiliary ?? []
  if (!Array.isArray(auxiliary) || auxiliary.length !== final) {
    const got = Array.isArray(auxiliary) ? auxiliary.length : show(auxiliary)
    fail('SHAPE', 'call.out.auxiliary', `expected ${final} entries, as outputs.auxiliary has, got ${got}`)
  }
  const gradients = { logits: [] as Float32Array[], boxes: [] as Float32Array[] }
  for (let i = 0; i <= final; i++) {
    const name = i < final ? `call.out.auxiliary[${i}]` : 'call.out'
    const layer: unknown = i < final ? auxiliary[i] : out
    if (!isRecord(layer)) fail('DTYPE', name, `must be { logits, boxes }, got ${show(layer)}`)
    gradients.logits.push(checkArray(layer['logits'], (logits[i] as Float32Array).length, name, 'logits'))
    gradients.boxes.push(checkArray(layer['boxes'], (boxes[i] as Float32Array).length, name, 'boxes'))
  }
  checkDisjoint(out, outputs, targets)
  return gradients
}

/** Checks one of the caller's arrays by itself. */
function checkArray(array: unknown, length: number, layer: string, name: string): Float32Array {
  const kind = kindOf(array)
  if (kind !== 'Float32Array') fail('DTYPE', `${layer}.${name}`, `must be a Float32Array, got ${kind ?? show(array)}`)
  const view = array as Float32Array
  checkMemory(view, `${layer}.${name}`)
  if (view.length !== length)
    fail('SHAPE', `${layer}.${name}`, `expected ${length} values, as the input has, got ${view.length}`)
  return view
}

/** Refuses arrays that share memory with an input or with each other. */
function checkDisjoint(out: Gradients, outputs: Outputs, targets: readonly Target[]): void {
  const written = layerViews(out)
  const read = layerViews(outputs)
  for (const target of targets) read.push(viewOf(target.labels), viewOf(target.boxes))
  for (let i = 0; i < written.length; i++) {
    const view = written[i] as ArrayBufferView
    for (let j = 0; j < read.length; j++) {
      const other = read[j]
      if (other !== undefined && overlap(view, other)) {
        const isTarget = j >= read.length - 2 * targets.length
        failOverlap(i, isTarget ? targetName(j - (read.length - 2 * targets.length)) : layerName('outputs', j))
      }
    }
    for (let j = 0; j < i; j++) {
      if (overlap(view, written[j] as ArrayBufferView)) failOverlap(i, layerName('call.out', j))
    }
  }
}

function failOverlap(written: number, other: string): never {
  fail('RANGE', layerName('call.out', written), `overlaps ${other} in memory`)
}

/** Logits and boxes by turns, the final layer first. */
function layerViews({ logits, boxes, auxiliary }: Outputs | Gradients): (ArrayBufferView | undefined)[] {
  const views = [viewOf(logits), viewOf(boxes)]
  for (const layer of auxiliary ?? []) views.push(viewOf(layer.logits), viewOf(layer.boxes))
  return views
}

/** The typed array in a tensor or an array that is one; undefined for plain numbers. */
function viewOf(value: unknown): ArrayBufferView | undefined {
  const data = dataOf(value)
  return ArrayBuffer.isView(data) ? data : undefined
}

/** The name of an entry of `layerViews`. */
function layerName(root: string, index: number): string {
  const layer = index < 2 ? root : `${root}.auxiliary[${Math.floor(index / 2) - 1}]`
  return `${layer}.${index % 2 === 0 ? 'logits' : 'boxes'}`
}

/** The name of the typed arrays of targets, labels and boxes by turns. */
function targetName(index: number): string {
  return `targets[${Math.floor(index / 2)}].${index % 2 === 0 ? 'labels' : 'boxes'}`
}

/** The arrays as the caller sees them: the final layer at the top, earlier ones in `auxiliary`. */
export function layOut({ logits, boxes }: GradientArrays): Gradients | undefined {
  const final = logits.length - 1
  if (final < 0) return undefined
  const at = (i: number): LayerGradients => ({ logits: logits[i] as Float32Array, boxes: boxes[i] as Float32Array })
  if (final === 0) return at(0)
  return { ...at(final), auxiliary: Array.from({ length: final }, (_, i) => at(i)) }
}
