import { fail } from './errors.ts'
import { float32, shapeOf } from './tensors.ts'
import type { LayerOutputs, Outputs, ResolvedOptions } from './types.ts'
import { isRecord, show } from './validate.ts'

/** The predictions of all decoder layers as the binding takes them, every shape checked. */
export interface Predictions {
  /** Decoder layers, at least 1. */
  readonly layers: number
  readonly images: number
  readonly queries: number
  /** Columns of the logits. */
  readonly classes: number
  /** One array of all layers where they are stacked, else one for each layer, the final one last. */
  readonly logits: Float32Array[]
  readonly boxes: Float32Array[]
  /** Where each of the arrays comes from, for messages: `outputs`, `outputs.auxiliary[0]`. */
  readonly names: readonly string[]
}

const FINAL = ['outputs']

/** Reads the predictions of a batch. */
export function readPredictions(outputs: Outputs, options: ResolvedOptions): Predictions {
  checkLayer(outputs, 'outputs')
  const shape = shapeOf(outputs.logits, 'outputs.logits')
  const rank = shape.length
  if (rank !== 3 && rank !== 4) {
    fail('SHAPE', 'outputs.logits', `must be of shape [B, Q, C] or [L, B, Q, C], got [${shape.join(', ')}]`)
  }
  const stacked = rank === 4
  const layers = stacked ? (shape[0] as number) : 1
  const images = shape[rank - 3] as number
  const queries = shape[rank - 2] as number
  const classes = shape[rank - 1] as number
  if (layers === 0) fail('SHAPE', 'outputs.logits', `must have at least one layer, got [${shape.join(', ')}]`)
  checkClasses(classes, shape, options)
  const boxShape = shapeOf(outputs.boxes, 'outputs.boxes')
  checkShape(boxShape, shape, 4, 'outputs.boxes')
  const { auxiliary } = outputs
  const logits = float32(outputs.logits, shape, 'outputs.logits')
  const boxes = float32(outputs.boxes, boxShape, 'outputs.boxes')
  if (auxiliary !== undefined && !Array.isArray(auxiliary)) {
    fail('DTYPE', 'outputs.auxiliary', `must be an array of { logits, boxes }, got ${show(auxiliary)}`)
  }
  if (auxiliary === undefined || auxiliary.length === 0) {
    return { layers, images, queries, classes, logits: [logits], boxes: [boxes], names: FINAL }
  }
  if (stacked) fail('SHAPE', 'outputs.auxiliary', 'must be empty where the layers are stacked in tensors of rank 4')
  return withAuxiliary(auxiliary, shape, logits, boxes)
}

/** Compares the columns of the logits with the number of classes. */
function checkClasses(classes: number, shape: readonly number[], options: ResolvedOptions): void {
  const { numClasses, classification } = options
  const { kind } = classification
  const softmax = kind === 'softmax'
  const expected = softmax ? numClasses + 1 : numClasses
  if (classes === expected) return
  const rule = `expected C = numClasses${softmax ? ' + 1' : ''} = ${expected}, got ${classes} in [${shape.join(', ')}]`
  const hint =
    softmax && classes === numClasses
      ? '; softmax classification has one column more, for no-object (a model without one is of a sigmoid kind)'
      : !softmax && classes === numClasses + 1
        ? `; ${kind} classification is of the sigmoid kind, without a column for no-object (a model with one is of kind 'softmax', ` +
          'or numClasses is one too small)'
        : ''
  fail('SHAPE', 'outputs.logits', rule + hint)
}

/** The auxiliary layers, then the final one. */
function withAuxiliary(
  auxiliary: readonly LayerOutputs[],
  shape: readonly number[],
  finalLogits: Float32Array,
  finalBoxes: Float32Array,
): Predictions {
  const [images, queries, classes] = shape as [number, number, number]
  const logits: Float32Array[] = []
  const boxes: Float32Array[] = []
  const names: string[] = []
  for (let i = 0; i < auxiliary.length; i++) {
    const name = `outputs.auxiliary[${i}]`
    const layer = auxiliary[i] as LayerOutputs
    checkLayer(layer, name)
    if ((layer as Outputs).auxiliary !== undefined) {
      fail('SHAPE', `${name}.auxiliary`, 'an auxiliary layer has no auxiliary layers of its own')
    }
    const logitShape = shapeOf(layer.logits, `${name}.logits`)
    checkShape(logitShape, shape, classes, `${name}.logits`)
    const boxShape = shapeOf(layer.boxes, `${name}.boxes`)
    checkShape(boxShape, shape, 4, `${name}.boxes`)
    logits.push(float32(layer.logits, logitShape, `${name}.logits`))
    boxes.push(float32(layer.boxes, boxShape, `${name}.boxes`))
    names.push(name)
  }
  logits.push(finalLogits)
  boxes.push(finalBoxes)
  names.push('outputs')
  return { layers: logits.length, images, queries, classes, logits, boxes, names }
}

/** Refuses what is no layer, and what would be dropped. */
function checkLayer(layer: unknown, argument: string): void {
  if (!isRecord(layer)) fail('DTYPE', argument, `must be { logits, boxes }, got ${show(layer)}`)
  if (layer['masks'] !== undefined) fail('OPTION', `${argument}.masks`, 'masks are not supported')
}

/** Compares a shape with that of the final layer's logits, but for the last size. */
function checkShape(shape: readonly number[], logits: readonly number[], last: number, argument: string): void {
  const final = logits.length - 1
  let same = shape.length === logits.length && shape[final] === last
  for (let i = 0; i < final; i++) same &&= shape[i] === logits[i]
  if (same) return
  const expected = [...logits.slice(0, final), last]
  fail('SHAPE', argument, `expected shape [${expected.join(', ')}], got [${shape.join(', ')}]`)
}
