/** What is suspicious of the masks of targets, by themselves, beside their boxes, and beside the predicted ones. */
import { isRecord } from '../../common/validate.ts'
import type { Predictions } from '../../input/outputs.ts'
import type { Part } from '../../input/part.ts'
import type { PackedTargets } from '../../input/packing.ts'
import type { ResolvedOptions } from '../../options/options.ts'
import { BOX_SIZE } from '../../terms/boxes.ts'
import { TERMS } from '../../terms/index.ts'
import { cornersOf, READINGS } from './boxes.ts'
import type { BoxReading, Corners } from './boxes.ts'
import { atTarget, rowOf, targetValues } from './entries.ts'
import type { TargetEntry } from './entries.ts'
import { Tally } from './finding.ts'
import type { Finding } from './finding.ts'
import { inspectLayout } from './mask-layout.ts'
import { hasMasks, inspectMaskSizes, inspectSizes } from './mask-sizes.ts'
import { extentOf, planesOf } from './planes.ts'
import type { Extent, ImagePlanes } from './planes.ts'

/** A mask and a box of one object overlap by at least this much of their union, or all their sides are as near as so many pixels. */
const LEAST_IOU = 0.5
const NEAR = 2

/** Masks that are known and have a pixel, with what they cover. */
interface KnownMask {
  readonly entry: TargetEntry
  readonly extent: Extent
}

/** Masks that are empty, full, unknown or hidden, that lie elsewhere than their boxes, or are of different sizes. */
export function inspectMasks(
  entries: readonly TargetEntry[],
  targets: PackedTargets,
  options: ResolvedOptions,
): Finding[] {
  const masks = planesOf(targets, 'masks')
  const hidden = planesOf(targets, 'void')
  const findings = inspectVoid(hidden)
  if (masks.length === 0) return findings
  const [empty, full, unknown] = [new Tally(), new Tally(), new Tally()]
  const known: KnownMask[] = []
  for (const entry of entries) {
    if (entry.isIgnored) continue
    const isUnknown = rowOf(targets, 'hasMask', entry)[0] === 0
    unknown.add(isUnknown, () => atTarget(entry, 'hasMask', 0))
    if (isUnknown) continue
    const planes = masks[entry.image] as ImagePlanes
    const extent = extentOf(planes, entry)
    const shown = hidden[entry.image]?.data.length ? extentOf(planes, entry, hidden[entry.image]?.data) : extent
    empty.add(shown.area === 0, () => atTarget(entry, 'masks', shown.area))
    full.add(extent.area > 0 && extent.area === planes.height * planes.width, () =>
      atTarget(entry, 'masks', extent.area),
    )
    if (extent.area > 0) known.push({ entry, extent })
  }
  return [
    ...findings,
    ...empty.finding(
      'empty-mask',
      'warning',
      'Target masks have no pixel, or none but void ones, so that a query learns to predict nothing. Leave such targets out, mark them by ignore, or set hasMask to 0. Polygons, if these were any, are in pixels.',
    ),
    ...full.finding(
      'full-mask',
      full.count === full.total ? 'warning' : 'note',
      'Target masks cover the whole image. Look whether masks are inverted, or made of a class map by comparing with the wrong number.',
    ),
    ...unknown.finding(
      'no-known-mask',
      unknown.count === unknown.total ? 'warning' : 'note',
      'Targets whose hasMask is 0 have no term of masks, in neither loss nor cost: class and other fields alone decide which query they get.',
    ),
    ...inspectPlace(known, targets, masks, options),
    ...inspectLayout(masks),
    ...inspectSizes(masks, targets.planes?.canvas, options),
  ]
}

function inspectVoid(hidden: readonly ImagePlanes[]): Finding[] {
  const tally = new Tally()
  for (const [image, { data }] of hidden.entries()) {
    if (data.length === 0) continue
    const isAll = data.every((pixel) => pixel === 1)
    tally.add(isAll, () => ({ argument: `targets[${image}].void`, place: { image }, example: data.length }))
  }
  return tally.finding(
    'void-image',
    'warning',
    'All pixels of an image are void, so that its masks have no sample. Look whether void is inverted: 1 is a pixel that does not count.',
  )
}

/** Masks that lie elsewhere than their boxes. */
function inspectPlace(
  known: readonly KnownMask[],
  targets: PackedTargets,
  masks: readonly ImagePlanes[],
  { boxFormat, normalizedBoxes }: ResolvedOptions,
): Finding[] {
  const boxes = targetValues(targets, 'boxes')
  const pairs = known.filter(({ entry }) => {
    return rowOf(targets, 'hasBox', entry)[0] !== 0 && rowOf(targets, 'boxes', entry).every(Number.isFinite)
  })
  if (boxes.length === 0 || pairs.length === 0) return []
  const boxOf = ({ index }: TargetEntry, reading: BoxReading = boxFormat) => cornersOf(boxes, BOX_SIZE * index, reading)
  const planes = ({ image }: TargetEntry) => masks[image] as ImagePlanes
  /** Boxes in pixels of their masks, as far as their own side is known to be the masks'. */
  const inPixels = (entry: TargetEntry, reading?: BoxReading): Corners => {
    const [x, y] = normalizedBoxes ? [planes(entry).width, planes(entry).height] : [1, 1]
    const [left, top, right, bottom] = boxOf(entry, reading)
    return [left * x, top * y, right * x, bottom * y]
  }
  const all = pairs.map(({ entry, extent }) => ({ entry, mask: extent.corners, box: inPixels(entry) }))
  // a padded image's boxes may be of the image without its padding, and pixels those of an image before it was made smaller
  const groups = new Map<number, typeof all>()
  for (const pair of all) {
    const group = normalizedBoxes ? pair.entry.image : 0
    groups.set(group, [...(groups.get(group) ?? []), pair])
  }
  const found = Array.from(groups.values()).flatMap((group) => {
    const scale = scaleOf(group, normalizedBoxes ? 1 : Infinity)
    return group.map((pair) => ({
      ...pair,
      agrees: agree(pair.mask, pair.box) || agree(pair.mask, scaled(pair.box, scale)),
    }))
  })
  const tally = new Tally()
  for (const { entry, agrees } of found)
    tally.add(!agrees, () => atTarget(entry, 'boxes', rowOf(targets, 'boxes', entry)))
  const wrong = found.filter(({ agrees }) => !agrees)
  const cure = placeCure(wrong, all, planes, (entry, reading) => inPixels(entry, reading), boxFormat)
  const severity = 2 * tally.count >= tally.total ? 'warning' : 'note'
  return tally.finding('mask-off-box', severity, `Target masks lie elsewhere than their boxes. ${cure}`)
}

interface Placed {
  readonly entry: TargetEntry
  readonly mask: Corners
  readonly box: Corners
}

/** What is likely to be wrong where masks and boxes do not agree. */
function placeCure(
  wrong: readonly Placed[],
  all: readonly Placed[],
  planes: (entry: TargetEntry) => ImagePlanes,
  inPixels: (entry: TargetEntry, reading: BoxReading) => Corners,
  boxFormat: BoxReading,
): string {
  const areAll = (test: (placed: Placed) => boolean) => wrong.every(test)
  const isTransposed = ({ entry, mask, box }: Placed) => {
    const [left, top, right, bottom] = mask
    const { height, width } = planes(entry)
    // pixels of the mask as it would be with its axes exchanged, and the box on that
    const [x, y] = [height / width, width / height]
    return (
      agree([top, left, bottom, right], [box[0] * x, box[1] * y, box[2] * x, box[3] * y]) ||
      agree([top, left, bottom, right], box)
    )
  }
  if (areAll(isTransposed))
    return 'With x and y exchanged they agree: masks are [n, height, width], and boxes have x before y.'
  const isFlipped = ({ entry, mask: [left, top, right, bottom], box }: Placed) => {
    const { height } = planes(entry)
    return agree([left, height - bottom, right, height - top], box)
  }
  if (areAll(isFlipped)) return 'Upside down they agree: y grows downwards in both.'
  const reading = READINGS.find((other) => {
    return other !== boxFormat && areAll(({ entry, mask }) => agree(mask, inPixels(entry, other)))
  })
  if (reading !== undefined)
    return `With boxes read as '${reading}' they agree: look at boxFormat, '${boxFormat}' here.`
  const hasOther = ({ entry, box }: Placed) =>
    all.some((other) => other.entry.image === entry.image && other.entry !== entry && agree(other.mask, box))
  if (areAll(hasOther))
    return 'They agree with those of other targets of the image: look whether both are in one order.'
  return 'Look whether both are of the same image, resized, cropped and flipped alike, and in the same order.'
}

/** Whether two boxes are, roughly, the same. */
function agree(one: Corners, other: Corners): boolean {
  if (one.every((value, i) => Math.abs(value - (other[i] as number)) <= NEAR)) return true
  const area = ([left, top, right, bottom]: Corners) => Math.max(right - left, 0) * Math.max(bottom - top, 0)
  const both = area([
    Math.max(one[0], other[0]),
    Math.max(one[1], other[1]),
    Math.min(one[2], other[2]),
    Math.min(one[3], other[3]),
  ])
  return both >= LEAST_IOU * (area(one) + area(other) - both)
}

/** What boxes are best multiplied by along x and y to lie on their masks, no more than `most`. */
function scaleOf(group: readonly Placed[], most: number): readonly [x: number, y: number] {
  const along = (axis: 0 | 1) => {
    let [product, square] = [0, 0]
    for (const { mask, box } of group) {
      for (const side of [axis, axis + 2] as const) {
        product += (mask[side] as number) * (box[side] as number)
        square += (box[side] as number) ** 2
      }
    }
    return Math.min(Math.max(product / square || 1, 0), most)
  }
  return [along(0), along(1)]
}

const scaled = ([left, top, right, bottom]: Corners, [x, y]: readonly [number, number]): Corners => [
  left * x,
  top * y,
  right * x,
  bottom * y,
]

/** What is suspicious of predicted masks beside those of targets: sizes, layers without any, and target masks that nothing looks at. */
export function inspectMaskOutputs(
  { parts, tensors }: Predictions,
  targets: PackedTargets,
  { weights, cost }: ResolvedOptions,
): Finding[] {
  const masks = planesOf(targets, 'masks')
  const own = TERMS.filter(({ field }) => field === 'masks').map(({ name }) => name)
  const weighs = (list: object) => own.filter((name) => ((list as { readonly [term: string]: number })[name] ?? 0) > 0)
  const inCost = weighs(cost).map((name) => `cost.${name}`)
  const names = [...weighs(weights).map((name) => `weights.${name}`), ...inCost]
  const given = tensors.filter(hasMasks)
  const findings: Finding[] = []
  if (names.length === 0 && masks.length > 0 && given.length === 0) {
    const image = masks.findIndex(({ data }) => data.length > 0)
    findings.push({
      code: 'unused-masks',
      severity: 'note',
      argument: `targets[${Math.max(image, 0)}].masks`,
      place: { image: Math.max(image, 0) },
      count: masks.filter(({ data }) => data.length > 0).length,
      total: masks.length,
      example: 0,
      message: `Targets have masks, and nothing looks at them. Give ${own.map((name) => `weights.${name}`).join(' or ')} a value above 0, if masks are to be learned.`,
    })
  }
  return [...findings, ...inspectLayers(parts, inCost), ...inspectMaskSizes(given, masks, targets.planes?.canvas)]
}

/** Earlier layers without masks where the last of their part has some. `inCost`: the terms of masks that the cost weighs. */
function inspectLayers(parts: readonly Part[], inCost: readonly string[]): Finding[] {
  if (inCost.length === 0) return []
  const tally = new Tally()
  for (const { key, tensors, denoising, layers } of parts) {
    const last = layers.tensors.at(-1)
    if (key !== tensors || denoising !== undefined || last === undefined || !hasMasks(last)) continue
    for (const layer of layers.tensors.slice(0, -1)) {
      tally.add(!hasMasks(layer) && isSolved(layer.given.matching), () => {
        return { argument: `${layer.name}.masks`, place: {}, example: 0 }
      })
    }
  }
  return tally.finding(
    'layers-without-masks',
    'warning',
    `Earlier layers have no masks, where the last one has some, and the matching cost weighs them (${inCost.join(', ')}): such layers are matched by class and other fields alone, and no term trains masks in them. Give each layer its masks, or take its matching over from the last one, by matching: { from }.`,
  )
}

/** Whether a layer's matching comes from a cost, as far as pairs are not given. */
function isSolved(matching: unknown): boolean {
  return matching === undefined || matching === 'optimal' || (isRecord(matching) && 'fixed' in matching)
}
