/** One image of a batch, as a batch of its own. */
import { PART_KEYS } from '../../binding/plan.ts'
import { float32, shapeOf, sizeOf } from '../../common/tensors.ts'
import { isObject } from '../../common/validate.ts'
import type { Outputs } from '../../input/outputs.ts'
import { FIELDS } from '../../terms/index.ts'

const NAMES: ReadonlySet<string> = new Set(FIELDS.map(({ name }) => name))
const PARTS: ReadonlySet<string> = new Set(PART_KEYS)

/** The outputs of one image. They must be such that a criterion accepts them. */
export function sliceImage(outputs: Outputs, image: number): Outputs {
  return sliceLayers(outputs, image, 'outputs') as unknown as Outputs
}

function sliceLayers(layers: object, image: number, argument: string): Record<string, unknown> {
  const { logits } = layers as { readonly logits?: unknown }
  const isStacked = logits !== undefined && shapeOf(logits, argument).length === 4
  const sliced: Record<string, unknown> = {}
  for (const [key, value] of Object.entries(layers)) {
    const name = `${argument}.${key}`
    if (value === undefined) continue
    if (NAMES.has(key)) sliced[key] = sliceTensor(value, image, isStacked, name)
    else if (key === 'queryWeights') sliced[key] = sliceTensor(value, image, false, name)
    else if (key === 'auxiliary') sliced[key] = (value as object[]).map((layer) => sliceLayers(layer, image, name))
    else if (PARTS.has(key) && isObject(value)) sliced[key] = sliceLayers(value, image, name)
    else if ((key === 'matching' || key === 'cost') && Array.isArray(value)) sliced[key] = [value[image]]
    else sliced[key] = value
  }
  return sliced
}

/** `[B, …]` to `[1, …]`, or where layers are stacked `[L, B, …]` to `[L, 1, …]`. */
function sliceTensor(tensor: unknown, image: number, isStacked: boolean, argument: string) {
  const shape = shapeOf(tensor, argument)
  const data = float32(tensor, shape, argument)
  const [layers, images] = isStacked ? (shape as readonly [number, number]) : [1, shape[0] as number]
  const row = shape.slice(isStacked ? 2 : 1)
  const length = sizeOf(row)
  const sliced = new Float32Array(layers * length)
  for (let layer = 0; layer < layers; layer++) {
    const from = (layer * images + image) * length
    sliced.set(data.subarray(from, from + length), layer * length)
  }
  return { data: sliced, shape: isStacked ? [layers, 1, ...row] : [1, ...row] }
}
