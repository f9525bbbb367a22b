/** Whether what is written shares memory with what is read, or with itself. */
import { fail } from '../common/errors.ts'
import { bufferOf, bytesOf, kindOf, overlap } from '../common/memory.ts'
import type { Bytes } from '../common/memory.ts'
import { lengthOf } from '../common/tensors.ts'
import type { Shaped } from '../common/tensors.ts'
import { isObject, isRecord } from '../common/validate.ts'
import { FIELDS, TARGET_FIELDS } from '../terms/index.ts'
import { valuesOf, WRITTEN } from './gradients.ts'
import type { GradientArrays } from './gradients.ts'
import type { GivenLayer, LayerTensors } from './layers.ts'
import type { Predictions } from './outputs.ts'
import type { ReadField, ReadTarget } from './targets.ts'

/**
 * Refuses arrays that share memory with an input or with each other. The core relies on that, so that the arrays
 * compared are the very ones that it gets; what was converted or packed from the caller's arrays is compared in both
 * forms.
 */
export function checkDisjoint(
  gradients: GradientArrays,
  predictions: Predictions,
  targets: readonly ReadTarget[],
): void {
  if (gradients.length > MAX_PAIRWISE) {
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
const MAX_PAIRWISE = 64

/** Bytes that are read or, where they have a number, written. */
interface Stretch {
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
  const spans = new Map<ArrayBufferLike, Stretch[]>()
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
    for (const tensor of [...layer.values, ...layer.given.fields, ...ruleArrays(layer.given)]) add(tensor, undefined)
  }
  for (const target of targets) for (const data of arraysOf(target)) add(data, undefined)
  for (const list of spans.values()) {
    list.sort((a, b) => a.start - b.start)
    let [lastRead, lastWritten] = [undefined as Stretch | undefined, undefined as Stretch | undefined]
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

const further = (a: Stretch | undefined, b: Stretch): Stretch => (a !== undefined && a.end >= b.end ? a : b)

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
    const { values, given } = tensors[i] as LayerTensors
    for (let k = 0; k < values.length; k++) {
      if (values[k] !== undefined && !isApart(values[k], given.fields[k], buffers)) return false
    }
  }
  for (let i = 0; i < targets.length; i++) {
    const { labels, positives, fields, ignore, weights, columns } = targets[i] as ReadTarget
    if (!isElsewhere(labels, buffers) || !isElsewhere(ignore, buffers)) return false
    if (!isElsewhere(weights, buffers) || !isElsewhere(columns, buffers)) return false
    if (!isElsewhere(positives?.values, buffers)) return false
    for (let k = 0; k < fields.length; k++) {
      const field = fields[k]
      if (field !== undefined && !isElsewhere(field.values, buffers)) return false
    }
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
  for (const { name, values } of tensors) {
    const key = sharedTensor(bytes, values)
    if (key !== undefined) return `${name}.${key}`
  }
  for (const { name, given } of tensors) {
    const key = sharedTensor(bytes, given.fields)
    if (key !== undefined) return `${name}.${key}`
  }
  for (let image = 0; image < targets.length; image++) {
    const { labels, positives, fields, ignore, weights, columns } = targets[image] as ReadTarget
    if (shares(bytes, labels)) return `targets[${image}].labels`
    for (const [name, given] of Object.entries({ positives: positives?.values, weights, columns })) {
      if (given !== undefined && shares(bytes, given)) return `targets[${image}].${name}`
    }
    const field = fields.findIndex((field) => field !== undefined && sharesRows(bytes, field))
    if (field >= 0) return `targets[${image}].${(TARGET_FIELDS[field] as (typeof TARGET_FIELDS)[number]).name}`
    if (ignore !== undefined && shares(bytes, ignore)) return `targets[${image}].ignore`
  }
  const isRule = ({ given }: LayerTensors): boolean => ruleArrays(given).some((rule) => shares(bytes, rule))
  if (parts.some(({ hasRules, layers }) => hasRules && layers.tensors.some(isRule))) {
    return 'a cost or matching of the outputs'
  }
  return undefined
}

/** The first of a layer's tensors, as they were given or read, that shares memory with an array. */
function sharedTensor(bytes: Bytes, tensors: readonly unknown[]): string | undefined {
  return FIELDS.find((_, i) => shares(bytes, tensors[i]))?.name
}

/** Whether an array shares memory with what the caller gave, or what was made of it. */
function shares(bytes: Bytes, given: unknown): boolean {
  if (Array.isArray(given) && typeof given[0] === 'number') return false
  const data = dataOf(given)
  if (kindOf(data) !== undefined) return overlap(bytes, bytesOf(data as Float32Array))
  return Array.isArray(data) && holdsArrays(data) && bytesIn(data).some((other) => overlap(bytes, other))
}

/** Whether a field of a target, or one of its rows, shares memory with an array. */
function sharesRows(bytes: Bytes, { values, rows }: ReadField): boolean {
  return shares(bytes, values) || (rows !== undefined && anyShares(bytes, rows))
}

/** Whatever a target was read from. */
const arraysOf = ({ labels, positives, fields, ignore, weights, columns }: ReadTarget): unknown[] => [
  labels,
  positives?.values,
  ...fields.map((field) => field?.values),
  ignore,
  weights,
  columns,
]

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
function ruleArrays({ matching, cost }: GivenLayer): unknown[] {
  const pairs = Array.isArray(matching) ? matching : []
  const lists = pairs.flatMap((image: unknown) => (isRecord(image) ? Object.values(image) : []))
  return [cost, ...lists]
}

/** The name of one of the caller's arrays. */
function writtenName(index: number, { tensors }: Predictions): string {
  let first = 0
  for (const layer of tensors) {
    const names = WRITTEN.filter((_, k) => valuesOf(layer, k) !== undefined).map(({ name }) => name)
    if (index < first + names.length) return `${outName(layer.name)}.${names[index - first]}`
    first += names.length
  }
  return 'call.out'
}

/** The place in `call.out` that belongs to a place in `outputs`. */
export function outName(name: string): string {
  return name.replace('outputs', 'call.out')
}
