/** One image of a batch, as a batch of its own. */
import { PART_KEYS } from '../../binding/plan.ts'
import { float32, shapeOf, sizeOf } from '../../common/tensors.ts'
import { isObject } from '../../common/validate.ts'
import type { Outputs } from '../../input/outputs.ts'
import type { LossResult } from '../../result/loss.ts'
import { FIELDS } from '../../terms/index.ts'
import type { Field } from '../../terms/index.ts'

const HOLDERS: ReadonlyMap<string, Field['heldBy']> = new Map(FIELDS.map(({ name, heldBy }) => [name, heldBy]))
const PARTS: ReadonlySet<string> = new Set(PART_KEYS)

/** Where a layer's tensors lie: the image, and the pairs that are the image's among those of the layer. */
interface Place {
  readonly image: number
  readonly pairs: readonly [from: number, to: number]
}

/** The outputs of one image. They must be such that a criterion accepts them. `result`: what the batch came to. */
export function sliceImage(outputs: Outputs, image: number, result: LossResult): Outputs {
  return slicePart(outputs, image, result, result.layers, 'outputs') as unknown as Outputs
}

/** A part, whose earlier layers come first among those of the result. */
function slicePart(
  part: object,
  image: number,
  result: LossResult,
  layers: LossResult['layers'],
  argument: string,
): Record<string, unknown> {
  const placeOf = (layer: number): Place => {
    const counts = layers[layer]?.matches.map(({ queryIndices }) => queryIndices.length) ?? []
    const from = counts.slice(0, image).reduce((sum, count) => sum + count, 0)
    return { image, pairs: [from, from + (counts[image] ?? 0)] }
  }
  const { auxiliary } = part as { readonly auxiliary?: readonly object[] }
  const sliced = sliceLayers(part, placeOf(layers.length - 1), argument)
  if (auxiliary !== undefined) {
    sliced['auxiliary'] = auxiliary.map((layer, i) => sliceLayers(layer, placeOf(i), `${argument}.auxiliary`))
  }
  for (const key of PART_KEYS) {
    const own = (part as Partial<Record<string, unknown>>)[key]
    if (isObject(own)) sliced[key] = slicePart(own, image, result, result[key]?.layers ?? [], `${argument}.${key}`)
  }
  return sliced
}

function sliceLayers(layers: object, place: Place, argument: string): Record<string, unknown> {
  const { image } = place
  const { logits } = layers as { readonly logits?: unknown }
  const isStacked = logits !== undefined && shapeOf(logits, argument).length === 4
  const sliced: Record<string, unknown> = {}
  for (const [key, value] of Object.entries(layers)) {
    const name = `${argument}.${key}`
    if (value === undefined) continue
    const holder = HOLDERS.get(key)
    if (holder !== undefined) sliced[key] = sliceField(value, holder, place, isStacked, name)
    else if (key === 'queryWeights') sliced[key] = sliceTensor(value, [image, image + 1], false, name)
    else if (key === 'auxiliary' || PARTS.has(key)) continue
    else if ((key === 'matching' || key === 'cost') && Array.isArray(value)) sliced[key] = [value[image]]
    else sliced[key] = value
  }
  return sliced
}

/** What of a field is the image's, by what has a row of it. */
function sliceField(
  tensor: unknown,
  holder: Field['heldBy'],
  { image, pairs }: Place,
  isStacked: boolean,
  argument: string,
): unknown {
  if (holder === 'layer') return tensor
  if (holder === 'pair') return pairs[0] === pairs[1] ? undefined : sliceTensor(tensor, pairs, isStacked, argument)
  // one row for all images has an axis less
  const isShared = holder === 'image' && shapeOf(tensor, argument).length === (isStacked ? 3 : 2)
  return isShared ? tensor : sliceTensor(tensor, [image, image + 1], isStacked, argument)
}

/** Some rows of the first axis, or where layers are stacked of the second. */
function sliceTensor(tensor: unknown, [begin, end]: readonly [number, number], isStacked: boolean, argument: string) {
  const shape = shapeOf(tensor, argument)
  const data = float32(tensor, shape, argument)
  const [layers, rows] = isStacked ? (shape as readonly [number, number]) : [1, shape[0] as number]
  const row = shape.slice(isStacked ? 2 : 1)
  const length = sizeOf(row)
  const count = end - begin
  const sliced = new Float32Array(layers * count * length)
  for (let layer = 0; layer < layers; layer++) {
    const from = (layer * rows + begin) * length
    sliced.set(data.subarray(from, from + count * length), layer * count * length)
  }
  return { data: sliced, shape: isStacked ? [layers, count, ...row] : [count, ...row] }
}
