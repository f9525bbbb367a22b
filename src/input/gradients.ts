import { Buffer } from 'node:buffer'
import { fail } from '../common/errors.ts'
import { bufferOf, bytesOf, checkMemory, isUsable, kindOf, lengthOfTyped, overlap } from '../common/memory.ts'
import type { Bytes } from '../common/memory.ts'
import { PART_KEYS } from './parts.ts'
import type { Layers, LayerTensors, Part, Predictions } from './parts.ts'
import { NONE } from './predictions.ts'
import { constructorOf, WITH_JSON } from '../common/plain.ts'
import type { Unfinished } from '../common/plain.ts'
import type { ReadTarget } from './targets.ts'
import { lengthOf } from '../common/tensors.ts'
import type { Gradients, LayerGradients, LayerOutputs, PartGradients, Shaped } from '../types.ts'
import { checkRecord, isObject, isRecord, show } from '../common/validate.ts'

/**
 * Arrays for the gradients, in the layout of the inputs: for each of the predictions' tensors those of logits, boxes and,
 * where any layer has them, corners, without any values for layers without. None where no gradients are wanted.
 */
export type GradientArrays = Float32Array[]

/** What the arrays of a layer are for, in their order. */
const WRITTEN = ['logits', 'boxes', 'corners'] as const

const OUT = [...WRITTEN, 'auxiliary'] as const
const ALL_OUT = [...OUT, ...PART_KEYS] as const

/** No gradients wanted. */
export const NO_GRADIENTS: GradientArrays = []

const NO_LAYERS: readonly LayerGradients[] = []

/** How many arrays a layer has. */
const perLayer = ({ hasCorners }: Predictions): number => (hasCorners ? 3 : 2)

/**
 * New arrays, all in one buffer, which hold whatever that memory held: the core writes every element. Zeroing them, or
 * making a buffer for each, would cost as much as the loss of a small batch.
 */
export function makeGradients({ tensors, hasCorners }: Predictions): GradientArrays {
  let length = 0
  for (const { logits, boxes, corners = NONE } of tensors) length += logits.length + boxes.length + corners.length
  const { buffer, byteOffset } = Buffer.allocUnsafeSlow(4 * length)
  let start = byteOffset
  const next = (like: Float32Array): Float32Array => {
    const array = new Float32Array(buffer, start, like.length)
    start += array.byteLength
    return array
  }
  const gradients: Float32Array[] = []
  for (const { logits, boxes, corners } of tensors) {
    gradients.push(next(logits), next(boxes))
    if (hasCorners) gradients.push(corners === undefined ? NONE : next(corners))
  }
  return gradients
}

/** The caller's arrays, once it is certain that nothing else can be overwritten with them. */
export function checkOut(given: Gradients, predictions: Predictions, targets: readonly ReadTarget[]): GradientArrays {
  checkRecord(given, ALL_OUT, 'call.out')
  const { logits, boxes, corners, auxiliary, encoder, denoising, oneToMany } = given
  const out: Gradients = { logits, boxes, corners, auxiliary, encoder, denoising, oneToMany }
  const gradients: Float32Array[] = []
  const { parts, hasCorners } = predictions
  for (const { key, tensors, layers } of parts) {
    if (key !== tensors) continue
    const part: unknown = key === undefined ? out : out[key]
    const name = key === undefined ? 'call.out' : `call.out.${key}`
    if (!isObject(part)) fail('DTYPE', name, `must be { logits, boxes }, got ${show(part)}`)
    if (key !== undefined) checkRecord(part, OUT, name)
    checkPart(part as unknown as PartGradients, layers, name, hasCorners, gradients)
  }
  for (const key of PART_KEYS) {
    if (out[key] === undefined || parts.some((part) => part.key === key && part.tensors === key)) continue
    fail('SHAPE', `call.out.${key}`, `must be absent, since outputs.${key} has no tensors of its own`)
  }
  checkDisjoint(gradients, predictions, targets)
  return gradients
}

/** Checks the arrays of one part, and appends them. */
function checkPart(
  part: PartGradients,
  { tensors }: Layers,
  name: string,
  hasCorners: boolean,
  gradients: Float32Array[],
): void {
  const final = tensors.length - 1
  const auxiliary = part.auxiliary ?? NO_LAYERS
  const earlier = Array.isArray(auxiliary) ? lengthOf(auxiliary, `${name}.auxiliary`) : undefined
  if (earlier !== final) {
    const got = earlier ?? show(auxiliary)
    const input = name.replace('call.out', 'outputs')
    fail('SHAPE', `${name}.auxiliary`, `expected ${final} entries, as ${input}.auxiliary has, got ${got}`)
  }
  for (let i = 0; i <= final; i++) {
    checkLayer(i < final ? auxiliary[i] : part, tensors[i] as LayerTensors, hasCorners, gradients)
  }
}

/** Checks the arrays of one layer, and appends them. */
function checkLayer(layer: unknown, tensors: LayerTensors, hasCorners: boolean, gradients: Float32Array[]): void {
  const { name } = tensors
  if (!isObject(layer)) fail('DTYPE', outName(name), `must be { logits, boxes }, got ${show(layer)}`)
  const { logits, boxes, corners } = layer
  gradients.push(checkArray(logits, tensors.logits, name, 'logits'))
  gradients.push(checkArray(boxes, tensors.boxes, name, 'boxes'))
  if (tensors.corners !== undefined) {
    gradients.push(checkArray(corners, tensors.corners, name, 'corners'))
  } else if (corners !== undefined) {
    fail('SHAPE', `${outName(name)}.corners`, `must be absent, since ${name} has none`)
  } else if (hasCorners) {
    gradients.push(NONE)
  }
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

/**
 * Refuses arrays that share memory with an input or with each other. The core relies on that, so that the arrays
 * compared are the very ones that it gets; what was converted or packed from the caller's arrays is compared in both
 * forms.
 */
function checkDisjoint(gradients: GradientArrays, predictions: Predictions, targets: readonly ReadTarget[]): void {
  if (gradients.length > FEW) {
    const pair = findOverlap(gradients, predictions, targets)
    if (pair !== undefined) fail('RANGE', writtenName(pair[0], predictions), `overlaps ${pair[1]} in memory`)
    return
  }
  const buffers: unknown[] = []
  for (let i = 0; i < gradients.length; i++) buffers.push(bufferOf(gradients[i] as Float32Array))
  const apart = areApart(buffers, predictions, targets)
  for (let i = 0; i < gradients.length; i++) {
    if (apart && buffers.indexOf(buffers[i]) === i) continue
    const bytes = bytesOf(gradients[i] as Float32Array)
    let other = apart ? undefined : sharedInput(bytes, predictions, targets)
    for (let j = 0; j < i && other === undefined; j++) {
      if (overlap(bytes, bytesOf(gradients[j] as Float32Array))) other = writtenName(j, predictions)
    }
    if (other !== undefined) fail('RANGE', writtenName(i, predictions), `overlaps ${other} in memory`)
  }
}

/** So many arrays are compared one with the other; of more, whose pairs would be too many, only neighbours. */
const FEW = 64

/** Bytes that are read or, where they have a number, written. */
interface Span {
  readonly start: number
  readonly end: number
  readonly written: number | undefined
}

/** An array to be written, by its number, and the name of what it shares memory with, if any does. */
function findOverlap(
  gradients: GradientArrays,
  predictions: Predictions,
  targets: readonly ReadTarget[],
): readonly [written: number, other: string] | undefined {
  const spans = new Map<ArrayBufferLike, Span[]>()
  const add = (data: unknown, written: number | undefined): void => {
    for (const { buffer, byteOffset: start, byteLength } of bytesIn(data)) {
      if (byteLength === 0) continue
      const span = { start, end: start + byteLength, written }
      const list = spans.get(buffer)
      if (list === undefined) spans.set(buffer, [span])
      else list.push(span)
    }
  }
  gradients.forEach((array, i) => add(array, i))
  for (const layer of predictions.tensors) {
    for (const tensor of [...tensorsIn(layer), ...tensorsIn(layer.given), ...ruleArrays(layer.given)])
      add(tensor, undefined)
  }
  for (const { labels, boxes, ignore } of targets) for (const data of [labels, boxes, ignore]) add(data, undefined)
  for (const list of spans.values()) {
    list.sort((a, b) => a.start - b.start)
    let [lastRead, lastWritten] = [undefined as Span | undefined, undefined as Span | undefined]
    for (const span of list) {
      const other = [lastWritten, span.written === undefined ? undefined : lastRead].find(
        (last) => (last?.end ?? 0) > span.start,
      )
      if (other !== undefined) {
        const written = (span.written ?? other.written) as number
        const partner = other.written === written ? undefined : other.written
        const name = partner === undefined ? undefined : writtenName(partner, predictions)
        return [
          written,
          name ?? sharedInput(bytesOf(gradients[written] as Float32Array), predictions, targets) ?? 'an input',
        ]
      }
      if (span.written === undefined) lastRead = further(lastRead, span)
      else lastWritten = further(lastWritten, span)
    }
  }
  return undefined
}

const further = (a: Span | undefined, b: Span): Span => (a !== undefined && a.end >= b.end ? a : b)

const tensorsIn = ({ logits, boxes, corners, references }: LayerTensors | LayerOutputs) => [
  logits,
  boxes,
  corners,
  references,
]

/**
 * Whether gradients in these buffers lie in others than all inputs, as they do if they are nothing but gradients. It is found
 * out sooner than what overlaps, since each input is asked for its buffer but once.
 */
function areApart(
  buffers: readonly unknown[],
  { tensors, parts }: Predictions,
  targets: readonly ReadTarget[],
): boolean {
  for (let i = 0; i < tensors.length; i++) {
    const { given, logits, boxes, corners, references } = tensors[i] as LayerTensors
    if (!isApart(logits, given.logits, buffers) || !isApart(boxes, given.boxes, buffers)) return false
    if (corners === undefined) continue
    if (!isApart(corners, given.corners, buffers) || !isApart(references, given.references, buffers)) return false
  }
  for (let i = 0; i < targets.length; i++) {
    const { labels, boxes, ignore } = targets[i] as ReadTarget
    if (!isElsewhere(labels, buffers) || !isElsewhere(boxes, buffers) || !isElsewhere(ignore, buffers)) return false
  }
  return !parts.some(({ hasRules }) => hasRules)
}

/** Whether neither a tensor's values nor what they were made from lies in any of the buffers. */
function isApart(values: unknown, given: unknown, buffers: readonly unknown[]): boolean {
  return isElsewhere(values, buffers) && ((given as Shaped<unknown>).data === values || isElsewhere(given, buffers))
}

/** Whether what the caller gave certainly lies in none of the buffers; rows within rows are looked at elsewhere. */
function isElsewhere(given: unknown, buffers: readonly unknown[]): boolean {
  const data = dataOf(given)
  if (data === undefined) return true
  if (kindOf(data) !== undefined) return !buffers.includes(bufferOf(data as Float32Array))
  if (!Array.isArray(data)) return true
  const length = lengthOf(data, 'call.out')
  if (length > MOST_ROWS) return false
  for (let i = 0; i < length; i++) {
    const row: unknown = data[i]
    if (typeof row === 'object' && !isPlain(row)) return false
  }
  return true
}

/** Whether a row is an array of numbers that is not typed. */
function isPlain(row: unknown): boolean {
  return Array.isArray(row) && typeof row[0] === 'number'
}

/** The name of the first input that shares memory with an array, if there is one. */
function sharedInput(
  bytes: Bytes,
  { tensors, parts }: Predictions,
  targets: readonly ReadTarget[],
): string | undefined {
  for (const layer of tensors) {
    const key = sharedTensor(bytes, layer)
    if (key !== undefined) return `${layer.name}.${key}`
  }
  for (const { name, given } of tensors) {
    const key = sharedTensor(bytes, given)
    if (key !== undefined) return `${name}.${key}`
  }
  for (let image = 0; image < targets.length; image++) {
    const { labels, boxes, rows, ignore } = targets[image] as ReadTarget
    if (shares(bytes, labels)) return `targets[${image}].labels`
    if (rows === undefined ? shares(bytes, boxes) : anyShares(bytes, rows)) return `targets[${image}].boxes`
    if (ignore !== undefined && shares(bytes, ignore)) return `targets[${image}].ignore`
  }
  const isRule = ({ given }: LayerTensors): boolean => ruleArrays(given).some((rule) => shares(bytes, rule))
  if (parts.some(({ hasRules, layers }) => hasRules && layers.tensors.some(isRule))) {
    return 'a cost or matching of the outputs'
  }
  return undefined
}

/** The first of a layer's tensors that shares memory with an array. */
function sharedTensor(bytes: Bytes, layer: LayerTensors | LayerOutputs): string | undefined {
  if (shares(bytes, layer.logits)) return 'logits'
  if (shares(bytes, layer.boxes)) return 'boxes'
  if (shares(bytes, layer.corners)) return 'corners'
  return shares(bytes, layer.references) ? 'references' : undefined
}

/** Whether an array shares memory with what the caller gave, or what was made of it. */
function shares(bytes: Bytes, given: unknown): boolean {
  if (Array.isArray(given) && typeof given[0] === 'number') return false
  const data = dataOf(given)
  if (kindOf(data) !== undefined) return overlap(bytes, bytesOf(data as Float32Array))
  return Array.isArray(data) && holdsArrays(data) && bytesIn(data).some((other) => overlap(bytes, other))
}

/** Whether one of some rows shares memory with an array. */
function anyShares(bytes: Bytes, rows: ReadonlyArray<ArrayLike<unknown>>): boolean {
  for (let i = 0; i < rows.length; i++) {
    const row = rows[i] as ArrayLike<unknown>
    if (!Array.isArray(row) && overlap(bytes, bytesOf(row as Float32Array))) return true
  }
  return false
}

/** Whether a list may hold typed arrays: not where its entries are numbers, or lists of numbers. */
function holdsArrays(list: readonly unknown[]): boolean {
  const length = Math.min(lengthOf(list, 'call.out'), MOST_ROWS)
  for (let i = 0; i < length; i++) {
    const row = list[i]
    if (typeof row !== 'object' || row === null) continue
    if (!Array.isArray(row) || typeof row[0] !== 'number') return true
  }
  return false
}

/** Entries and levels of nested rows whose memory is looked at; what are more are numbers. */
const MOST_ROWS = 2 ** 20
const DEEPEST = 4

/** The memory of a typed array, of a tensor's data, or of nested rows. */
function bytesIn(given: unknown, depth = 0): Bytes[] {
  const data = dataOf(given)
  if (kindOf(data) !== undefined) return [bytesOf(data as Float32Array)]
  if (!Array.isArray(data)) return []
  const found: Bytes[] = []
  const length = lengthOf(data, 'call.out')
  if (length > MOST_ROWS || depth === DEEPEST) return found
  for (let i = 0; i < length; i++) {
    const row: unknown = data[i]
    if (typeof row === 'object' && row !== null) for (const bytes of bytesIn(row, depth + 1)) found.push(bytes)
  }
  return found
}

/** The data of a tensor; anything else as it is. */
function dataOf(value: unknown): unknown {
  return isObject(value) ? value['data'] : value
}

/** Whatever a layer's matching and cost are read from. */
function ruleArrays({ matching, cost }: LayerOutputs): unknown[] {
  const pairs = Array.isArray(matching) ? matching : []
  const lists = pairs.flatMap((image: unknown) => (isRecord(image) ? Object.values(image) : []))
  return [cost, ...lists]
}

/** The name of one of the caller's arrays. */
function writtenName(index: number, predictions: Predictions): string {
  const width = perLayer(predictions)
  const { name } = predictions.tensors[Math.floor(index / width)] as LayerTensors
  return `${outName(name)}.${WRITTEN[index % width]}`
}

/** The place in `call.out` that belongs to a place in `outputs`. */
function outName(name: string): string {
  return name.replace('outputs', 'call.out')
}

/** The arrays as the caller sees them: of each part the final layer at the top, earlier ones in `auxiliary`. */
export function layOut(gradients: GradientArrays, predictions: Predictions): Gradients {
  const { parts } = predictions
  const width = perLayer(predictions)
  const result: Unfinished<Gradients> = ofLayers(gradients, width, (parts[0] as Part).layers)
  for (let i = 1; i < parts.length; i++) {
    const { key, tensors, layers } = parts[i] as Part
    if (key !== undefined && key === tensors) result[key] = ofLayers(gradients, width, layers)
  }
  return result
}

/** The arrays of one part. */
function ofLayers(gradients: GradientArrays, width: number, { firstTensors, tensors }: Layers): PartGradients {
  const final = tensors.length - 1
  const result = ofLayer(gradients, width, firstTensors + final)
  if (final === 0) return result
  return Object.assign(result, {
    auxiliary: tensors.slice(0, final).map((_, i) => ofLayer(gradients, width, firstTensors + i)),
  })
}

type Layer = [logits: Float32Array, boxes: Float32Array, corners: Float32Array | undefined]

const PlainGradients = constructorOf<LayerGradients, Layer>(function (logits, boxes, corners) {
  this.logits = logits
  this.boxes = boxes
  if (corners !== undefined) this.corners = corners
}, WITH_JSON)

/** The arrays of one layer. */
function ofLayer(gradients: GradientArrays, width: number, layer: number): LayerGradients {
  const logits = gradients[width * layer] as Float32Array
  const boxes = gradients[width * layer + 1] as Float32Array
  const corners = width > 2 ? (gradients[width * layer + 2] as Float32Array) : NONE
  return new PlainGradients(logits, boxes, corners === NONE ? undefined : corners)
}
