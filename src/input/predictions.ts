import { fail } from '../common/errors.ts'
import { checkKeys } from './keys.ts'
import { makeParts, PART_KEYS } from './parts.ts'
import type { Layers, LayerTensors, PartKey, Predictions } from './parts.ts'
import { toReadError } from '../common/reading.ts'
import { float32, lengthOf, shapeHint, shapeOf, showShape } from '../common/tensors.ts'
import type { LayerOutputs, Outputs, ResolvedOptions } from '../types.ts'
import { checkFlag, isObject, show, showKeys } from '../common/validate.ts'

/** The most layers of all parts, and the most layers times images: each takes memory, even without any queries. */
export const MAX_LAYERS = 2 ** 20
export const MAX_JOBS = 2 ** 22

/** What has been read so far. */
interface Reader {
  readonly options: ResolvedOptions
  /** Images, once they are known. */
  images: number | undefined
  readonly targets: unknown
  readonly tensors: LayerTensors[]
  /** Layers that the tensors hold. */
  layers: number
}

/** Stands for the corners and references of a layer that has none, where another has some, and for their gradient. */
export const NONE = new Float32Array(0)

/** The tensors as the binding takes them: logits, boxes and, where any layer has them, corners and references of each. */
export function listTensors({ tensors, hasCorners }: Predictions): Float32Array[] {
  const list: Float32Array[] = []
  for (const { logits, boxes, corners = NONE, references = NONE } of tensors) {
    list.push(logits, boxes)
    if (hasCorners) list.push(corners, references)
  }
  return list
}

/** What a layer was given, every field read once, and none of them checked. */
interface Fields {
  readonly logits: unknown
  readonly boxes: unknown
  readonly corners: unknown
  readonly references: unknown
  readonly matching: unknown
  readonly cost: unknown
  readonly auxiliary: unknown
}

/** Likewise the outputs. */
interface OutputFields extends Fields {
  readonly groups: unknown
  readonly encoder: unknown
  readonly denoising: unknown
  readonly oneToMany: unknown
}

/** Likewise a further part of them. */
interface PartFields extends Fields {
  readonly groups: unknown
  readonly classAgnostic: unknown
  readonly contrastive: unknown
  readonly padding: unknown
  readonly queries: unknown
  readonly repeat: unknown
  readonly weight: unknown
  readonly weights: unknown
}

/** Reads the predictions of a batch. `targets`: what comes with them, unchecked, by which messages tell how many images there are. */
export function readPredictions(outputs: Outputs, options: ResolvedOptions, targets?: unknown): Predictions {
  const reader: Reader = { options, images: undefined, targets, tensors: [], layers: 0 }
  const given = readOutputs(outputs)
  const main = readLayers(reader, outputs, given, 'outputs')
  const own: { main: Layers } & { [Key in PartKey]?: Layers } = { main }
  const parts: { [Key in PartKey]?: PartFields } = {}
  for (const key of PART_KEYS) {
    const value = given[key]
    if (value === undefined) continue
    const name = `outputs.${key}`
    const part = readPart(value, key, name)
    parts[key] = part
    if (key === 'encoder' || part.logits !== undefined || part.boxes !== undefined) {
      const agnostic = key === 'encoder' ? checkFlag(part.classAgnostic, false, `${name}.classAgnostic`) : undefined
      if (part.queries !== undefined) {
        fail('OPTION', `${name}.queries`, 'must be absent where the part has logits and boxes of its own')
      }
      own[key] = readLayers(reader, value, part, name, agnostic)
    } else {
      for (const field of ['auxiliary', 'corners', 'references'] as const) {
        if (part[field] === undefined) continue
        fail('SHAPE', `${name}.${field}`, 'must be absent where the part is a range of queries')
      }
    }
  }
  const { tensors, layers } = reader
  const images = reader.images as number
  if (layers * images > MAX_JOBS) {
    fail('SHAPE', 'outputs', `may have at most ${MAX_JOBS} layers times images, got ${layers} times ${images}`)
  }
  const hasCorners = tensors.some(({ corners }) => corners !== undefined)
  const { encoder, denoising, oneToMany } = parts
  const structure = { groups: given.groups, encoder, denoising, oneToMany } as unknown as Outputs
  return { images, tensors, hasCorners, parts: makeParts(structure, own, options) }
}

/** Reads the fields of the outputs. Written out like the others, since it is a part of every call. */
function readOutputs(outputs: unknown): OutputFields {
  try {
    checkRecordAt(outputs, 'outputs', 'outputs')
    const { logits, boxes, corners, references, matching, cost, auxiliary } = outputs as unknown as Fields
    const { groups, encoder, denoising, oneToMany } = outputs as unknown as OutputFields
    checkCost(matching, cost, 'outputs')
    return {
      logits,
      boxes,
      corners,
      references,
      matching,
      cost,
      auxiliary,
      groups,
      encoder,
      denoising,
      oneToMany,
    }
  } catch (error) {
    throw toReadError(error, 'outputs')
  }
}

/** Reads the fields of a further part. */
function readPart(part: unknown, place: PartKey, argument: string): PartFields {
  try {
    checkRecordAt(part, place, argument)
    const { logits, boxes, corners, references, matching, cost, auxiliary } = part as unknown as Fields
    const { groups, classAgnostic, contrastive, padding, queries, repeat, weight, weights } =
      part as unknown as PartFields
    checkCost(matching, cost, argument)
    const fields = { logits, boxes, corners, references, matching, cost, auxiliary }
    return { ...fields, groups, classAgnostic, contrastive, padding, queries, repeat, weight, weights }
  } catch (error) {
    throw toReadError(error, argument)
  }
}

/** Reads the fields of an auxiliary layer. */
function readLayer(layer: unknown, argument: string): Fields {
  try {
    checkRecordAt(layer, 'layer', argument)
    const { logits, boxes, corners, references, matching, cost, auxiliary } = layer as unknown as Fields
    checkCost(matching, cost, argument)
    return { logits, boxes, corners, references, matching, cost, auxiliary }
  } catch (error) {
    throw toReadError(error, argument)
  }
}

/** Refuses what is no layer, and keys that would be dropped. */
function checkRecordAt(
  value: unknown,
  place: PartKey | 'outputs' | 'layer',
  argument: string,
): asserts value is Record<string, unknown> {
  if (!isObject(value)) fail('DTYPE', argument, `must be { logits, boxes }, got ${show(value)}`)
  checkKeys(value, place, argument)
}

/** Refuses a cost that would be dropped. */
function checkCost(matching: unknown, cost: unknown, argument: string): void {
  if (cost === undefined || matching === undefined || matching === 'optimal') return
  fail('OPTION', `${argument}.cost`, 'must be absent beside a matching that is given or taken over: nothing is solved')
}

/**
 * Reads the layers of one part: stacked, or the auxiliary ones and then the final one. `outputs`: what `given` was read
 * from. `agnostic`: whether the part is class-agnostic, where it may be.
 */
function readLayers(reader: Reader, outputs: unknown, given: Fields, name: string, agnostic?: boolean): Layers {
  checkGiven(outputs, given, name)
  const shape = shapeOf(given.logits, `${name}.logits`)
  checkLogitShape(shape, reader, name, agnostic)
  const rank = shape.length
  const layers = rank === 4 ? (shape[0] as number) : 1
  const rows = shape[rank - 2] as number
  const classes = shape[rank - 1] as number
  reader.images = shape[rank - 3] as number
  if (reader.layers + layers > MAX_LAYERS) failLayers(`${name}.logits`, reader.layers + layers)
  const final = readTensors(reader, given, shape, name, layers)
  const { auxiliary } = given
  if (auxiliary !== undefined && !Array.isArray(auxiliary)) {
    fail('DTYPE', `${name}.auxiliary`, `must be an array of { logits, boxes }, got ${show(auxiliary)}`)
  }
  const [firstTensors, firstLayer] = [reader.tensors.length, reader.layers]
  const earlier = auxiliary === undefined ? 0 : lengthOf(auxiliary, `${name}.auxiliary`)
  if (auxiliary === undefined || earlier === 0) {
    reader.tensors.push(final)
    reader.layers += layers
    return { tensors: [final], firstTensors, firstLayer, layers, rows, classes }
  }
  if (rank === 4) fail('SHAPE', `${name}.auxiliary`, 'must be empty where the layers are stacked in tensors of rank 4')
  if (reader.layers + earlier + 1 > MAX_LAYERS) failLayers(`${name}.auxiliary`, reader.layers + earlier + 1)
  const tensors: LayerTensors[] = []
  for (let i = 0; i < earlier; i++) tensors.push(readAuxiliary(reader, auxiliary[i], shape, `${name}.auxiliary[${i}]`))
  tensors.push(final)
  if (final.corners === undefined && tensors.some(({ corners }) => corners !== undefined)) {
    fail('SHAPE', `${name}.corners`, 'must be given where an earlier layer has corners, since the last one teaches it')
  }
  for (const layer of tensors) reader.tensors.push(layer)
  reader.layers += tensors.length
  return { tensors, firstTensors, firstLayer, layers: tensors.length, rows, classes }
}

function failLayers(argument: string, layers: number): never {
  return fail('SHAPE', argument, `there may be at most ${MAX_LAYERS} layers, got ${layers}`)
}

function readAuxiliary(reader: Reader, layer: unknown, shape: readonly number[], name: string): LayerTensors {
  const given = readLayer(layer, name)
  checkGiven(layer, given, name)
  const logitShape = shapeOf(given.logits, `${name}.logits`)
  checkShape(logitShape, shape, shape[2] as number, `${name}.logits`)
  return readTensors(reader, given, shape, name, 1)
}

/** Refuses a layer without its tensors, saying what there is instead. */
function checkGiven(layer: unknown, { logits, boxes }: Fields, name: string): void {
  if (logits !== undefined && boxes !== undefined) return
  const missing = logits === undefined ? 'logits' : 'boxes'
  const rule = 'must be { data, shape } or { data, dims }, got undefined'
  fail('DTYPE', `${name}.${missing}`, `${rule}; ${name} is an object ${showKeys(layer)}`)
}

/** Reads tensors whose sizes follow from those of the logits. */
function readTensors(
  { options }: Reader,
  fields: Fields,
  shape: readonly number[],
  name: string,
  layers: number,
): LayerTensors {
  const given = fields as LayerOutputs
  const boxShape = shapeOf(given.boxes, `${name}.boxes`)
  checkShape(boxShape, shape, 4, `${name}.boxes`)
  const logits = float32(given.logits, shape, `${name}.logits`)
  const boxes = float32(given.boxes, boxShape, `${name}.boxes`)
  if (given.corners === undefined) {
    if (given.references === undefined) {
      return { name, given, layers, logits, boxes, corners: undefined, references: undefined }
    }
    fail('SHAPE', `${name}.references`, 'must be absent where there are no corners')
  }
  const cornerShape = shapeOf(given.corners, `${name}.corners`)
  checkShape(cornerShape, shape, 4 * (options.distribution.regMax + 1), `${name}.corners`)
  const referenceShape = shapeOf(given.references, `${name}.references`)
  checkShape(referenceShape, shape, 4, `${name}.references`)
  const corners = float32(given.corners, cornerShape, `${name}.corners`)
  const references = float32(given.references, referenceShape, `${name}.references`)
  return { name, given, layers, logits, boxes, corners, references }
}

/** Checks the shape of a part's logits; the images must be those of the parts before. */
function checkLogitShape(
  shape: readonly number[],
  { options, images, targets }: Reader,
  name: string,
  agnostic: boolean | undefined,
): void {
  const rank = shape.length
  if (rank !== 3 && rank !== 4) {
    const hint = rank === 2 ? batchHint(shape as readonly [number, number], targets) : ''
    fail('SHAPE', `${name}.logits`, `must be of shape [B, Q, C] or [L, B, Q, C], got ${showShape(shape)}${hint}`)
  }
  if (rank === 4 && shape[0] === 0) {
    fail('SHAPE', `${name}.logits`, `must have at least one layer, got ${showShape(shape)}`)
  }
  checkClasses(shape[rank - 1] as number, shape, options, name, agnostic)
  if (images !== undefined && shape[rank - 3] !== images) {
    fail('SHAPE', `${name}.logits`, `expected B = ${images} images, as in outputs.logits, got ${showShape(shape)}`)
  }
}

/** What the shape of logits without a batch axis may be meant for: the images of all targets, one after the other, or one. */
function batchHint([rows, classes]: readonly [number, number], targets: unknown): string {
  const images = Array.isArray(targets) ? lengthOf(targets, 'targets') : 1
  const [count, whose] =
    images > 1 && rows % images === 0 ? [images, `${images} images have`] : [1, 'a single image has']
  return `; the batch axis is missing: ${whose} the shape ${showShape([count, rows / count, classes])}`
}

/**
 * Compares the columns of the logits with the number of classes; class-agnostic logits may have those of the first class
 * alone.
 */
function checkClasses(
  classes: number,
  shape: readonly number[],
  options: ResolvedOptions,
  name: string,
  agnostic: boolean | undefined,
): void {
  const { numClasses, classification } = options
  const extra = classification.kind === 'softmax' ? 1 : 0
  const expected = numClasses + extra
  if (classes === expected || (agnostic === true && classes === 1 + extra)) return
  const formula = `numClasses${extra === 1 ? ' + 1' : ''} = ${expected}`
  const also = agnostic === true ? `, or ${1 + extra} for the first class alone` : ''
  const axis = shape.length - 2
  const swapped =
    shape[axis] === expected ? `; axis ${axis} has ${expected}: are they [B, C, Q]? transpose them to [B, Q, C]` : ''
  const hint = agnostic === false && classes === 1 + extra ? AGNOSTIC_HINT : kindHint(classes, options) || swapped
  fail('SHAPE', `${name}.logits`, `expected C = ${formula}${also}, got ${classes} in ${showShape(shape)}${hint}`)
}

const AGNOSTIC_HINT = '; logits of the first class alone need classAgnostic: true'

/** What may be behind one column too few or too many. */
function kindHint(classes: number, { numClasses, classification: { kind } }: ResolvedOptions): string {
  if (kind === 'softmax' && classes === numClasses) {
    return '; softmax classification has one column more, for no-object (a model without one is of a sigmoid kind)'
  }
  if (kind !== 'softmax' && classes === numClasses + 1) {
    const rule = `; ${kind} classification is of the sigmoid kind, without a column for no-object`
    return `${rule} (a model with one is of kind 'softmax', or numClasses is one too small)`
  }
  return ''
}

/** Compares a shape with that of the final layer's logits, but for the last size. */
function checkShape(shape: readonly number[], logits: readonly number[], last: number, argument: string): void {
  const final = logits.length - 1
  let same = shape.length === logits.length && shape[final] === last
  for (let i = 0; i < final; i++) same &&= shape[i] === logits[i]
  if (same) return
  const expected = [...logits.slice(0, final), last]
  fail('SHAPE', argument, `expected shape ${showShape(expected)}, got ${showShape(shape)}${shapeHint(shape, expected)}`)
}
