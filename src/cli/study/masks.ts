/** Masks of images that are looked at by themselves: on the canvas of the batch, at the points that they have in it. */
import { PART_KEYS } from '../../binding/plan.ts'
import type { PartKey } from '../../binding/plan.ts'
import { float32, shapeOf, sizeOf } from '../../common/tensors.ts'
import { isObject } from '../../common/validate.ts'
import { padded } from '../../input/canvas.ts'
import type { Outputs } from '../../input/outputs.ts'
import { onlyPlane } from '../../input/planes.ts'
import type { Target } from '../../input/targets.ts'
import { readMasks } from '../../masks/read.ts'
import type { ResolvedOptions } from '../../options/options.ts'
import type { LossResult } from '../../result/loss.ts'
import type { Matches } from '../../result/matches.ts'
import { FIELDS, TERMS } from '../../terms/index.ts'
import { drawPoints } from './draws.ts'

/** Targets whose masks and void pixels all have the size of the batch's canvas, with zeros at the right and below. */
export function targetsOnCanvas(targets: readonly Target[]): readonly Target[] {
  const read = targets.map((target, image) => {
    const [masks, hidden] = [`targets[${image}].masks`, `targets[${image}].void`]
    return {
      masks: target.masks === undefined ? undefined : readMasks(target.masks, masks),
      hidden: target.void === undefined ? undefined : readMasks(onlyPlane(target.void, hidden), hidden),
    }
  })
  const planes = read.flatMap(({ masks, hidden }) => [masks, hidden]).filter((own) => own !== undefined)
  const most = (sizes: readonly number[]) => sizes.reduce((a, b) => Math.max(a, b), 0)
  const canvas = [most(planes.map(({ height }) => height)), most(planes.map(({ width }) => width))] as const
  const pad = ({ data, count, height, width }: (typeof planes)[number]) => padded(data, count, [height, width], canvas)
  return targets.map((target, image) => {
    const { masks, hidden } = read[image] as (typeof read)[number]
    if (masks === undefined && hidden === undefined) return target
    const own = { data: masks === undefined ? new Uint8Array(0) : pad(masks), shape: [masks?.count ?? 0, ...canvas] }
    const also = hidden && { void: { data: pad(hidden), shape: [...canvas] } }
    return Object.assign({}, target, { masks: own }, also)
  })
}

/** The layers of a part that lie in tensors of their own, each by itself. */
type Layer = Record<string, unknown>

/** Whether masks are compared at other points where an image is by itself: at drawn ones, where a part is a range of other queries. */
export function isRedrawn(outputs: Outputs, options: ResolvedOptions): boolean {
  const { costSampling, lossSampling } = options.masks
  const hasMasks = [outputs, ...(outputs.auxiliary ?? [])].some(({ masks, maskFeatures }) => masks ?? maskFeatures)
  return hasMasks && [costSampling, lossSampling].includes('points') && !hasOwnParts(outputs)
}

/** Whether the points of a batch can be told beforehand. */
function hasOwnParts(outputs: Outputs): boolean {
  return PART_KEYS.every((key) => outputs[key] === undefined || outputs[key].logits !== undefined)
}

/**
 * An image's outputs with the points that its masks are compared at in the batch, as far as they have none of their own. `sliced`: the
 * image's; `result`: what the batch came to.
 */
export function withPoints(sliced: Outputs, image: number, result: LossResult, options: ResolvedOptions): Outputs {
  const { costSampling, lossSampling } = options.masks
  const isDrawn = [costSampling, lossSampling].includes('points')
  if (!isDrawn || !hasOwnParts(sliced)) return sliced
  const keys = [undefined, ...PART_KEYS.filter((key) => sliced[key] !== undefined)]
  const parts = keys.map((key, part) => {
    const given = (key === undefined ? sliced : sliced[key]) as unknown as Layer
    const found = (key === undefined ? result : (result[key as PartKey] as LossResult)).layers
    const layers = unstack(given).map((layer, i) => {
      return addPoints(layer, { part, layer: i, image }, found[i]?.matches[image], options)
    })
    return [key, Object.assign({}, layers.at(-1), { auxiliary: layers.slice(0, -1) })] as const
  })
  const [main, ...others] = parts
  return Object.assign({}, main?.[1], Object.fromEntries(others)) as unknown as Outputs
}

/** The layers of a part one by one; the last one has what belongs to the part. */
function unstack(part: Layer): readonly Layer[] {
  const { auxiliary, ...final } = part
  const shape = shapeOf(part['logits'], 'logits')
  if (shape.length < 4) return [...((auxiliary ?? []) as readonly Layer[]), final]
  const count = shape[0] as number
  return Array.from({ length: count }, (_, layer) => {
    const isLast = layer === count - 1
    const own: Layer = isLast ? { ...final } : { matching: part['matching'], cost: part['cost'] }
    for (const { name } of FIELDS) {
      const tensor = part[name]
      if (!isObject(tensor)) continue
      const all = shapeOf(tensor, name)
      const size = sizeOf(all.slice(1))
      const data = float32(tensor, all, name).subarray(layer * size, (layer + 1) * size)
      own[name] = { data, shape: all.slice(1) }
    }
    return own
  })
}

/** Adds what a layer of an image lacks of its points. */
function addPoints(
  layer: Layer,
  at: { readonly part: number; readonly layer: number; readonly image: number },
  matches: Matches | undefined,
  { masks, cost, weights }: ResolvedOptions,
): Layer {
  const tensor = layer['masks'] ?? layer['maskFeatures']
  if (tensor === undefined) return layer
  const weighs = (list: object) =>
    TERMS.some(({ name, field }) => field === 'masks' && ((list as { readonly [term: string]: number })[name] ?? 0) > 0)
  const [height, width] = shapeOf(tensor, 'masks').slice(-2) as [number, number]
  const sixteenth = Math.floor((height * width) / 16)
  const countOf = (least: number) =>
    masks.pointCount === 'fixed' ? Math.floor(masks.points) : Math.max(sixteenth, least)
  const added: Layer = {}
  if (masks.costSampling === 'points' && (weighs(cost) || at.part > 0) && layer['maskCostPoints'] === undefined) {
    const image = masks.pointSets === 'batch' ? 0 : at.image
    const count = countOf(1)
    const data = drawPoints({ ...at, seed: 0, purpose: 'cost', image, row: 0 }, count)
    added['maskCostPoints'] = { data, shape: [1, count, 2] }
  }
  const queries = Array.from(matches?.queryIndices ?? []).sort((a, b) => a - b)
  if (
    masks.lossSampling === 'points' &&
    (weighs(weights) || at.part > 0) &&
    layer['maskLossPoints'] === undefined &&
    queries.length > 0
  ) {
    const points = countOf(height)
    const kept = Math.min(Math.floor(points * masks.importance), points)
    const drawn = kept > 0 ? Math.max(Math.floor(points * masks.oversampling), kept) : 0
    const each = drawn + points - kept
    const data = new Float32Array(2 * each * queries.length)
    for (const [i, row] of queries.entries()) {
      data.set(drawPoints({ ...at, seed: 0, purpose: 'candidates', row }, drawn), 2 * each * i)
      data.set(drawPoints({ ...at, seed: 0, purpose: 'fresh', row }, points - kept), 2 * (each * i + drawn))
    }
    added['maskLossPoints'] = { data, shape: [queries.length, each, 2] }
  }
  return Object.assign({}, layer, added)
}
