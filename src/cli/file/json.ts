/** A batch as JSON: `{ outputs, targets }` with our keys or PyTorch's, or `{ pred_logits, pred_boxes, …, targets }`. */
import { isRecord, show, showKeys } from '../../common/validate.ts'
import { isNeedless } from '../../input/keys.ts'
import type { Outputs } from '../../input/outputs.ts'
import type { Target } from '../../input/targets.ts'
import { TARGET_FIELDS } from '../../terms/index.ts'
import { Fault } from '../fault.ts'
import type { Batch } from './batch.ts'
import { isAuxiliary, isSize, partField, queryField, targetField } from './names.ts'
import { put } from './put.ts'

/** The parts of outputs that have layers of their own, by the names of DETR's descendants. */
const PARTS: ReadonlyMap<string, string> = new Map([
  ['enc_outputs', 'encoder'],
  ['interm_outputs', 'encoder'],
  ['dn_outputs', 'denoising'],
  ['encoder', 'encoder'],
  ['denoising', 'denoising'],
  ['oneToMany', 'oneToMany'],
])

/** Keys that hold the outputs. */
const OUTPUTS = ['outputs', 'predictions', 'preds']

/** Makes a batch of a parsed file. */
export function batchOfJson(value: unknown): Batch {
  if (!isRecord(value)) throw new Fault(`it must hold an object { outputs, targets }, and holds ${show(value)}`)
  const { targets, ...others } = value
  const key = OUTPUTS.find((name) => value[name] !== undefined)
  const outputs = key === undefined ? others : value[key]
  const leftOut = key === undefined ? [] : Object.keys(others).filter((name) => name !== key)
  if (!isRecord(outputs) || !Object.keys(outputs).some((name) => queryField(name) === 'logits')) {
    const of = key === undefined ? 'it has' : `"${key}" has`
    const rule = `neither logits nor pred_logits; it is ${isRecord(outputs) ? `an object ${showKeys(outputs)}` : show(outputs)}`
    throw new Fault(`${of} ${rule}`)
  }
  if (!Array.isArray(targets)) {
    throw new Fault(
      targets === undefined
        ? `it has no "targets", an array with { labels, boxes } for each image; it is an object ${showKeys(value)}`
        : `"targets" must be an array with { labels, boxes } for each image, and is ${show(targets)}`,
    )
  }
  const left = new Set(leftOut)
  const sizes: Batch['sizes'][number][] = []
  return {
    outputs: readOutputs(outputs, left) as unknown as Outputs,
    targets: targets.map((target) => readTarget(target, left, sizes)),
    sizes,
    leftOut: [...left],
  }
}

/** Renames keys, and gives nested rows their shape. What has no name of ours stays, and is refused by the library. */
function readOutputs(outputs: Record<string, unknown>, leftOut: Set<string>): Record<string, unknown> {
  const read: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(outputs)) {
    const part = PARTS.get(name)
    const [field, ofPart] = [queryField(name), partField(name)]
    if (field !== undefined) put(read, field, name, toTensor(value))
    else if (ofPart !== undefined) put(read, ofPart, name, ofPart === 'queryWeights' ? toTensor(value) : value)
    else if (isAuxiliary(name)) put(read, 'auxiliary', name, each(value, leftOut))
    else if (part !== undefined && isRecord(value)) put(read, part, name, readOutputs(value, leftOut))
    else if (name === 'cost' && Array.isArray(value)) put(read, name, name, value.map(toTensor))
    else if (isNeedless(name)) leftOut.add(name)
    else define(read, name, value)
  }
  return read
}

function each(layers: unknown, leftOut: Set<string>): unknown {
  if (!Array.isArray(layers)) return layers
  return layers.map((layer: unknown) => (isRecord(layer) ? readOutputs(layer, leftOut) : layer))
}

/** Adds a key of the file's own, which may be `__proto__`. */
function define(read: Record<string, unknown>, name: string, value: unknown): void {
  Object.defineProperty(read, name, { value, enumerable: true, writable: true, configurable: true })
}

/** Nested rows as a tensor; all else as it is. */
function toTensor(value: unknown): unknown {
  if (!Array.isArray(value)) return value
  const shape: number[] = []
  for (let rows: unknown = value; Array.isArray(rows); rows = rows[0]) shape.push(rows.length)
  return { data: value, shape }
}

/** Fields of targets that are pixels. */
const PLANES: ReadonlySet<string> = new Set(TARGET_FIELDS.filter(({ form }) => form !== 'row').map(({ name }) => name))

/** Nested rows of pixels as a tensor; run lengths, polygons and all else as they are. */
function toPlanes(value: unknown): unknown {
  return Array.isArray(value) && Array.isArray(value[0]) ? toTensor(value) : value
}

function readTarget(target: unknown, leftOut: Set<string>, sizes: Batch['sizes'][number][]): Target {
  let size: Batch['sizes'][number]
  const read: Record<string, unknown> = {}
  if (isRecord(target)) {
    for (const [name, value] of Object.entries(target)) {
      const field = targetField(name)
      if (isSize(name)) size = sizeOf(value) ?? size
      else if (field !== undefined) put(read, field, name, PLANES.has(field) ? toPlanes(value) : value)
      else if (isNeedless(name)) leftOut.add(`targets.${name}`)
      else define(read, name, value)
    }
  }
  sizes.push(size)
  return (isRecord(target) ? read : target) as unknown as Target
}

/** Two numbers above 0, which are an image's height and width. */
function sizeOf(value: unknown): readonly [number, number] | undefined {
  if (!Array.isArray(value) || value.length !== 2) return undefined
  return value.every((side) => typeof side === 'number' && side > 0) ? (value as [number, number]) : undefined
}
