import { Buffer } from 'node:buffer'
import { fail } from './errors.ts'
import { checkMemory, kindOf, overlap } from './memory.ts'
import { PART_KEYS } from './parts.ts'
import type { Layers, Part, PartKey } from './parts.ts'
import { hasCorners, NONE } from './predictions.ts'
import type { Predictions } from './predictions.ts'
import { dataOf } from './targets.ts'
import type { Gradients, LayerGradients, LayerOutputs, PartGradients, Target } from './types.ts'
import { checkRecord, isRecord, show } from './validate.ts'

/** Arrays for the gradients, in the layout of the inputs. */
export interface GradientArrays {
  readonly logits: Float32Array[]
  readonly boxes: Float32Array[]
  /** Empty where no layer has any; else arrays without any values stand for those of layers without. */
  readonly corners: Float32Array[]
}

/** The tensors of a layer. The last are only read. */
const TENSORS = ['logits', 'boxes', 'corners', 'references'] as const

const OUT = ['logits', 'boxes', 'corners', 'auxiliary'] as const
const ALL_OUT = [...OUT, ...PART_KEYS] as const

/** No gradients wanted. */
export const NO_GRADIENTS: GradientArrays = { logits: [], boxes: [], corners: [] }

/**
 * New arrays, all in one buffer, which hold whatever that memory held: the core writes every element. Zeroing them, or
 * making a buffer for each, would cost as much as the loss of a small batch.
 */
export function makeGradients({ logits, boxes, corners }: Predictions): GradientArrays {
  let length = 0
  for (const arrays of [logits, boxes, corners]) {
    for (let i = 0; i < arrays.length; i++) length += (arrays[i] as Float32Array).length
  }
  const { buffer, byteOffset } = Buffer.allocUnsafeSlow(4 * length)
  const gradients = emptyArrays()
  let start = byteOffset
  const next = (like: Float32Array): Float32Array => {
    const array = new Float32Array(buffer, start, like.length)
    start += array.byteLength
    return array
  }
  for (let i = 0; i < logits.length; i++) {
    gradients.logits.push(next(logits[i] as Float32Array))
    gradients.boxes.push(next(boxes[i] as Float32Array))
    if (corners.length > 0) gradients.corners.push(corners[i] === NONE ? NONE : next(corners[i] as Float32Array))
  }
  return gradients
}

const emptyArrays = () => ({
  logits: [] as Float32Array[],
  boxes: [] as Float32Array[],
  corners: [] as Float32Array[],
})

/** The caller's arrays, once it is certain that nothing else can be overwritten with them. */
export function checkOut(out: Gradients, predictions: Predictions, targets: readonly Target[]): GradientArrays {
  checkRecord(out, ALL_OUT, 'call.out')
  const gradients = emptyArrays()
  const own = ownLayers(predictions.parts)
  for (const [key, layers] of own) {
    const part: unknown = key === undefined ? out : out[key]
    const name = key === undefined ? 'call.out' : `call.out.${key}`
    if (!isRecord(part)) fail('DTYPE', name, `must be { logits, boxes }, got ${show(part)}`)
    if (key !== undefined) checkRecord(part, OUT, name)
    checkPart(part as unknown as PartGradients, layers, name, predictions, gradients)
  }
  for (const key of PART_KEYS) {
    if (out[key] === undefined || own.some(([other]) => other === key)) continue
    fail('SHAPE', `call.out.${key}`, `must be absent, since outputs.${key} has no tensors of its own`)
  }
  checkDisjoint(gradients, predictions, targets)
  return gradients
}

/** Checks the arrays of one part, and appends them. */
function checkPart(
  part: PartGradients,
  layers: Layers,
  name: string,
  predictions: Predictions,
  gradients: GradientArrays,
): void {
  const { logits, boxes, corners, names } = predictions
  const { arrays, firstArray } = layers
  const final = arrays - 1
  const auxiliary: readonly LayerGradients[] = part.auxiliary ?? []
  if (!Array.isArray(auxiliary) || auxiliary.length !== final) {
    const got = Array.isArray(auxiliary) ? auxiliary.length : show(auxiliary)
    const input = name.replace('call.out', 'outputs')
    fail('SHAPE', `${name}.auxiliary`, `expected ${final} entries, as ${input}.auxiliary has, got ${got}`)
  }
  for (let i = 0; i <= final; i++) {
    const layer: unknown = i < final ? auxiliary[i] : part
    const layerName = outName(names[firstArray + i] as string)
    if (!isRecord(layer)) fail('DTYPE', layerName, `must be { logits, boxes }, got ${show(layer)}`)
    const at = firstArray + i
    gradients.logits.push(checkArray(layer['logits'], logits[at] as Float32Array, layerName, 'logits'))
    gradients.boxes.push(checkArray(layer['boxes'], boxes[at] as Float32Array, layerName, 'boxes'))
    if (hasCorners(predictions, layers, i)) {
      gradients.corners.push(checkArray(layer['corners'], corners[at] as Float32Array, layerName, 'corners'))
    } else if (layer['corners'] !== undefined) {
      fail('SHAPE', `${layerName}.corners`, `must be absent, since ${names[at]} has none`)
    } else if (corners.length > 0) {
      gradients.corners.push(NONE)
    }
  }
}

/** The parts that have tensors of their own, with the main one first. */
function ownLayers(parts: readonly Part[]): Array<[PartKey | undefined, Layers]> {
  const own = parts.filter(({ key, tensors }) => key === tensors)
  return own.map(({ key, layers }) => [key, layers])
}

/** Checks one of the caller's arrays by itself. */
function checkArray(array: unknown, { length }: Float32Array, layer: string, name: string): Float32Array {
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
function checkDisjoint(gradients: GradientArrays, predictions: Predictions, targets: readonly Target[]): void {
  const read: unknown[] = layerArrays(predictions)
  for (const layer of predictions.given) for (const name of TENSORS) read.push(dataOf(layer[name]))
  for (const { labels, boxes, ignore } of targets) read.push(dataOf(labels), dataOf(boxes), ignore)
  for (const { layers, hasRules } of predictions.parts) {
    if (hasRules) for (const source of layers.sources) read.push(...ruleArrays(source))
  }
  const written = layerArrays(gradients)
  for (let i = 0; i < written.length; i++) {
    const array = written[i]
    if (array === undefined) continue
    for (let j = 0; j < read.length; j++) {
      const other = read[j]
      if (ArrayBuffer.isView(other) && overlap(array, other)) {
        failOverlap(i, readName(j, predictions, targets.length), predictions)
      }
    }
    for (let j = 0; j < i; j++) {
      const other = written[j]
      if (other && overlap(array, other)) failOverlap(i, outName(arrayName(j, predictions)), predictions)
    }
  }
}

/** Whatever a layer's matching and cost are read from. */
function ruleArrays({ matching, cost }: LayerOutputs): unknown[] {
  const pairs = Array.isArray(matching) ? matching.flatMap((image: object) => Object.values(image)) : []
  return [...(cost ?? []).map(dataOf), ...pairs]
}

/** The arrays for each of a layer's tensors in turn, layer by layer; undefined where there is none. */
function layerArrays(arrays: GradientArrays & { references?: Float32Array[] }): Array<Float32Array | undefined> {
  const all: Array<Float32Array | undefined> = []
  for (let i = 0; i < arrays.logits.length; i++) for (const name of TENSORS) all.push(arrays[name]?.[i])
  return all
}

function failOverlap(index: number, other: string, predictions: Predictions): never {
  fail('RANGE', outName(arrayName(index, predictions)), `overlaps ${other} in memory`)
}

/** The name of an entry of `layerArrays`. */
function arrayName(index: number, { names }: Predictions): string {
  return `${names[Math.floor(index / TENSORS.length)]}.${TENSORS[index % TENSORS.length]}`
}

/**
 * The name of an array that is read: those of the layers twice, as converted and as given, then those of the targets,
 * then whatever layers are matched by.
 */
function readName(index: number, predictions: Predictions, images: number): string {
  const arrays = TENSORS.length * predictions.names.length
  if (index < 2 * arrays) return arrayName(index % arrays, predictions)
  const target = index - 2 * arrays
  if (target >= 3 * images) return 'a cost or matching of the outputs'
  return `targets[${Math.floor(target / 3)}].${['labels', 'boxes', 'ignore'][target % 3]}`
}

/** The place in `call.out` that belongs to a place in `outputs`. */
function outName(name: string): string {
  return name.replace('outputs', 'call.out')
}

/** The arrays as the caller sees them: of each part the final layer at the top, earlier ones in `auxiliary`. */
export function layOut({ logits, boxes, corners }: GradientArrays, parts: readonly Part[]): Gradients | undefined {
  if (logits.length === 0) return undefined
  const at = (i: number): LayerGradients => {
    const own = { logits: logits[i] as Float32Array, boxes: boxes[i] as Float32Array }
    const edges = corners[i]
    return edges === undefined || edges === NONE ? own : { ...own, corners: edges }
  }
  const partAt = ({ firstArray, arrays }: Layers): PartGradients => {
    const final = firstArray + arrays - 1
    if (arrays === 1) return at(final)
    return { ...at(final), auxiliary: Array.from({ length: arrays - 1 }, (_, i) => at(firstArray + i)) }
  }
  const [[, main], ...others] = ownLayers(parts) as [[undefined, Layers], ...Array<[PartKey, Layers]>]
  return { ...partAt(main), ...Object.fromEntries(others.map(([key, layers]) => [key, partAt(layers)])) }
}
