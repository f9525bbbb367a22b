/** The outputs of a model, as far as detections come of them. */
import { fail } from '../common/errors.ts'
import { dataIn, floats, shapeHint, shapeOf, showShape } from '../common/tensors.ts'
import { isObject, show, showKeys } from '../common/validate.ts'
import { checkKeys } from '../input/keys.ts'
import { MAX_JOBS } from '../input/layers.ts'
import { checkGroups, rangeOf, rest } from '../input/part.ts'
import type { Range } from '../input/part.ts'
import { BOX_SIZE } from '../terms/boxes.ts'
import type { Detector } from './detector.ts'

/** Logits and boxes of a layer for all images, one after the other. */
export interface DetectionTensors {
  /** `[B, Q, C]`, and what stands before it where layers are stacked. */
  readonly logits: Float32Array | Float64Array
  /** `[B, Q, 4]`, likewise. */
  readonly boxes: Float32Array | Float64Array
  readonly images: number
  readonly queries: number
  readonly columns: number
  /** How many images of earlier layers stand before the first. */
  readonly before: number
  /** The queries that detect. */
  readonly range: Range
  /** The column of no-object, as a number; undefined where there is none. */
  readonly noObject: number | undefined
}

/** Reads the logits and boxes of the last layer; all shapes are checked. */
export function readDetectionOutputs(outputs: unknown, detector: Detector): DetectionTensors {
  if (!isObject(outputs)) fail('DTYPE', 'outputs', `must be { logits, boxes }, got ${show(outputs)}`)
  checkKeys(outputs, 'outputs', 'outputs')
  const { logits, boxes, groups, denoising, oneToMany } = outputs
  for (const [name, tensor] of Object.entries({ logits, boxes })) {
    if (tensor !== undefined) continue
    const rule = `must be { data, shape } or { data, dims }, got undefined; outputs is an object ${showKeys(outputs)}`
    fail('DTYPE', `outputs.${name}`, rule)
  }
  const shape = shapeOf(logits, 'outputs.logits')
  const rank = shape.length
  if (rank !== 3 && rank !== 4) {
    const hint =
      rank === 2 ? `; the batch axis is missing: a single image has the shape ${showShape([1, ...shape])}` : ''
    fail('SHAPE', 'outputs.logits', `must be of shape [B, Q, C] or [L, B, Q, C], got ${showShape(shape)}${hint}`)
  }
  const [images, queries, columns] = shape.slice(-3) as [number, number, number]
  const layers = rank === 4 ? (shape[0] as number) : 1
  if (layers === 0) fail('SHAPE', 'outputs.logits', `must have at least one layer, got ${showShape(shape)}`)
  if (layers * images > MAX_JOBS) {
    fail('SHAPE', 'outputs.logits', `may have at most ${MAX_JOBS} layers times images, got ${layers} times ${images}`)
  }
  const noObject = checkColumns(columns, shape, detector)
  const boxShape = shapeOf(boxes, 'outputs.boxes')
  const expected = [...shape.slice(0, -1), BOX_SIZE]
  if (boxShape.length !== rank || boxShape.some((size, axis) => size !== expected[axis])) {
    const rule = `expected shape ${showShape(expected)}, got ${showShape(boxShape)}${shapeHint(boxShape, expected)}`
    fail('SHAPE', 'outputs.boxes', rule)
  }
  return {
    logits: floats(dataIn(logits as object, 'outputs.logits'), shape, 'outputs.logits', logits),
    boxes: floats(dataIn(boxes as object, 'outputs.boxes'), boxShape, 'outputs.boxes', boxes),
    images,
    queries,
    columns,
    before: (layers - 1) * images,
    range: rangeThatDetects({ groups, denoising, oneToMany }, queries),
    noObject,
  }
}

/** Compares the columns of the logits with what the model has; gives the column of no-object. */
function checkColumns(columns: number, shape: readonly number[], detector: Detector): number | undefined {
  const { columns: expected, noObjectIndex } = detector
  if (expected !== undefined && columns !== expected) {
    const rule = noObjectIndex === undefined ? 'numClasses' : 'numClasses + 1'
    fail('SHAPE', 'outputs.logits', `expected C = ${rule} = ${expected}, got ${columns} in ${showShape(shape)}`)
  }
  const least = noObjectIndex === undefined ? 1 : 2
  if (columns < least) {
    fail('SHAPE', 'outputs.logits', `must have at least ${least} columns, got ${columns} in ${showShape(shape)}`)
  }
  if (noObjectIndex === 'last') return columns - 1
  if (noObjectIndex !== undefined && noObjectIndex >= columns) {
    fail('OPTION', 'options.noObjectIndex', `must be a column of the logits, 0 to ${columns - 1}, got ${noObjectIndex}`)
  }
  return noObjectIndex
}

/** The queries that are not for training alone: what ranges of other parts leave, and of groups the first. */
function rangeThatDetects(
  { groups, denoising, oneToMany }: { readonly [Key in 'groups' | 'denoising' | 'oneToMany']: unknown },
  queries: number,
): Range {
  const ranges = [
    rangeOf(rangeIn(denoising, 'denoising'), undefined, queries, 'denoising'),
    rangeOf(rangeIn(oneToMany, 'oneToMany'), undefined, queries, 'oneToMany'),
  ]
  const [first, end] = rest(ranges, queries)
  return [first, first + (end - first) / checkGroups(groups, end - first, 'outputs.groups')]
}

/** A part that is a range of the queries; undefined for one with tensors of its own. */
function rangeIn(part: unknown, key: string): { readonly queries: unknown } | undefined {
  if (part === undefined) return undefined
  if (!isObject(part)) return fail('DTYPE', `outputs.${key}`, `must be an object, got ${show(part)}`)
  const { queries } = part
  return queries === undefined ? undefined : { queries }
}
