import { fail } from './errors.ts'
import { makeParts, PART_KEYS } from './parts.ts'
import type { Layers, LayerTensors, Part, PartKey } from './parts.ts'
import { float32, shapeOf, showShape } from './tensors.ts'
import type { EncoderSettings, LayerOutputs, Outputs, PartOutputs, ResolvedOptions } from './types.ts'
import { checkFlag, isRecord, show } from './validate.ts'

/** The predictions of all layers, every shape checked. */
export interface Predictions {
  readonly images: number
  /** Those of the main part first; of each part the final layer last. */
  readonly tensors: readonly LayerTensors[]
  /** Whether any layer has corners. */
  readonly hasCorners: boolean
  readonly parts: readonly Part[]
}

/** What has been read so far. */
interface Reader {
  readonly options: ResolvedOptions
  /** Images, once they are known. */
  images: number | undefined
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

/** Reads the predictions of a batch. */
export function readPredictions(outputs: Outputs, options: ResolvedOptions): Predictions {
  const reader: Reader = { options, images: undefined, tensors: [], layers: 0 }
  const main = readLayers(reader, outputs, 'outputs')
  const own: { main: Layers } & { [Key in PartKey]?: Layers } = { main }
  for (const key of PART_KEYS) {
    const part = outputs[key] as (Partial<PartOutputs> & EncoderSettings) | undefined
    if (part === undefined) continue
    if (!isRecord(part)) fail('DTYPE', `outputs.${key}`, `must be { logits, boxes }, got ${show(part)}`)
    if (key === 'encoder' || part.logits !== undefined || part.boxes !== undefined) {
      const name = `outputs.${key}`
      const agnostic = key === 'encoder' ? checkFlag(part.classAgnostic, false, `${name}.classAgnostic`) : undefined
      own[key] = readLayers(reader, part as unknown as PartOutputs, name, agnostic)
    } else {
      for (const name of ['auxiliary', 'corners', 'references'] as const) {
        if (part[name] === undefined) continue
        fail('SHAPE', `outputs.${key}.${name}`, 'must be absent where the part is a range of queries')
      }
    }
  }
  const { tensors } = reader
  const hasCorners = tensors.some(({ corners }) => corners !== undefined)
  return { images: reader.images as number, tensors, hasCorners, parts: makeParts(outputs, own, options) }
}

/**
 * Reads the layers of one part: stacked, or the auxiliary ones and then the final one. `agnostic`: whether it is
 * class-agnostic, where it may be.
 */
function readLayers(reader: Reader, outputs: PartOutputs, name: string, agnostic?: boolean): Layers {
  checkLayer(outputs, name)
  const shape = shapeOf(outputs.logits, `${name}.logits`)
  checkLogitShape(shape, reader, name, agnostic)
  const rank = shape.length
  const layers = rank === 4 ? (shape[0] as number) : 1
  const rows = shape[rank - 2] as number
  const classes = shape[rank - 1] as number
  reader.images = shape[rank - 3] as number
  const final = readTensors(reader, outputs, shape, name, layers)
  const { auxiliary } = outputs
  if (auxiliary !== undefined && !Array.isArray(auxiliary)) {
    fail('DTYPE', `${name}.auxiliary`, `must be an array of { logits, boxes }, got ${show(auxiliary)}`)
  }
  const [firstTensors, firstLayer] = [reader.tensors.length, reader.layers]
  if (auxiliary === undefined || auxiliary.length === 0) {
    reader.tensors.push(final)
    reader.layers += layers
    return { tensors: [final], firstTensors, firstLayer, layers, rows, classes }
  }
  if (rank === 4) fail('SHAPE', `${name}.auxiliary`, 'must be empty where the layers are stacked in tensors of rank 4')
  const tensors = Array.from(auxiliary, (layer, i) => readAuxiliary(reader, layer, shape, `${name}.auxiliary[${i}]`))
  tensors.push(final)
  if (final.corners === undefined && tensors.some(({ corners }) => corners !== undefined)) {
    fail('SHAPE', `${name}.corners`, 'must be given where an earlier layer has corners, since the last one teaches it')
  }
  reader.tensors.push(...tensors)
  reader.layers += tensors.length
  return { tensors, firstTensors, firstLayer, layers: tensors.length, rows, classes }
}

function readAuxiliary(reader: Reader, layer: LayerOutputs, shape: readonly number[], name: string): LayerTensors {
  checkLayer(layer, name)
  if ((layer as PartOutputs).auxiliary !== undefined) {
    fail('SHAPE', `${name}.auxiliary`, 'an auxiliary layer has no auxiliary layers of its own')
  }
  const logitShape = shapeOf(layer.logits, `${name}.logits`)
  checkShape(logitShape, shape, shape[2] as number, `${name}.logits`)
  return readTensors(reader, layer, shape, name, 1)
}

/** Reads tensors whose sizes follow from those of the logits. */
function readTensors(
  { options }: Reader,
  given: LayerOutputs,
  shape: readonly number[],
  name: string,
  layers: number,
): LayerTensors {
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

/** Refuses what is no layer, and what would be dropped. */
function checkLayer(layer: unknown, argument: string): void {
  if (!isRecord(layer)) fail('DTYPE', argument, `must be { logits, boxes }, got ${show(layer)}`)
  if (layer['masks'] !== undefined) fail('OPTION', `${argument}.masks`, 'masks are not supported')
  if (argument === 'outputs') return
  for (const key of PART_KEYS) {
    if (layer[key] !== undefined) fail('OPTION', `${argument}.${key}`, `belongs to the main outputs, as outputs.${key}`)
  }
}

/** Checks the shape of a part's logits; the images must be those of the parts before. */
function checkLogitShape(
  shape: readonly number[],
  { options, images }: Reader,
  name: string,
  agnostic: boolean | undefined,
): void {
  const rank = shape.length
  if (rank !== 3 && rank !== 4) {
    fail('SHAPE', `${name}.logits`, `must be of shape [B, Q, C] or [L, B, Q, C], got ${showShape(shape)}`)
  }
  if (rank === 4 && shape[0] === 0) {
    fail('SHAPE', `${name}.logits`, `must have at least one layer, got ${showShape(shape)}`)
  }
  checkClasses(shape[rank - 1] as number, shape, options, name, agnostic)
  if (images !== undefined && shape[rank - 3] !== images) {
    fail('SHAPE', `${name}.logits`, `expected B = ${images} images, as in outputs.logits, got ${showShape(shape)}`)
  }
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
  const hint = agnostic === false && classes === 1 + extra ? AGNOSTIC_HINT : kindHint(classes, options)
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
  fail('SHAPE', argument, `expected shape ${showShape(expected)}, got ${showShape(shape)}`)
}
