/** The targets of one image: its annotations in the units and format of a criterion, without what cannot be a target. */
import { convertBox, SAME_UNITS, TOO_LARGE, toParts } from '../common/box-format.ts'
import { fail } from '../common/errors.ts'
import { constructorOf, WITH_JSON } from '../common/plain.ts'
import type { Unfinished } from '../common/plain.ts'
import { readSegmentation } from '../masks/read.ts'
import type { Segmentation } from '../masks/masks.ts'
import { checkMaskSize } from '../masks/size.ts'
import { BOX_SIZE } from '../terms/boxes.ts'
import type { CocoId, CocoImageInfo, ReadAnnotation, ReadCategory } from './coco-dataset.ts'

/** The targets of an image, as the loss takes them; n may be 0. */
export interface CocoTarget {
  /** `[n]`: classes. */
  readonly labels: Int32Array
  /** `[n · 4]`, in the format and units of the options. */
  readonly boxes: Float64Array
  /** `[n]`: 1 for crowds. */
  readonly ignore: Uint8Array
}

/** {@link CocoTarget} with keypoints, K for each object. */
export interface CocoKeypointTarget extends CocoTarget {
  /** `[n · K · 2]`: x and y, in the units of the options; 0 for those that are not labelled. */
  readonly points: Float64Array
  /** `[n · K]`: 0, not labelled; 1, labelled but not visible; 2, visible. */
  readonly visibility: Uint8Array
}

/** {@link CocoTarget} with masks. */
export interface CocoMaskTarget extends CocoTarget {
  /**
   * Of each object its polygons or run lengths, as annotated, with the size of the image; it is decoded when it is used. Of an image
   * without objects that size alone, which the canvas of a batch has to hold.
   */
  readonly masks: readonly Segmentation[] | NoMasks
  /**
   * `[n]`: 0 for objects without a mask, which have an empty one here. Undefined where all objects of the data set that are targets
   * have one.
   */
  readonly hasMask?: Uint8Array | undefined
}

/** The masks of an image without objects. */
export interface NoMasks {
  /** Empty. */
  readonly data: readonly number[]
  /** `[0, height, width]`. */
  readonly shape: readonly [count: 0, height: number, width: number]
}

/** What is no target, or no point of one. */
export interface DroppedAnnotation {
  /** The annotation; undefined where it has no id. */
  readonly annotationId: CocoId | undefined
  /** Its place in `dataset.annotations`. */
  readonly index: number
  /** Its image. */
  readonly imageId: CocoId
  /**
   * Why: `'no-area'`, a side of the box is 0 or less; `'outside-image'`, nothing of it is left within the image; `'crowd'`, as
   * `crowds: 'drop'` asks; `'point-outside-image'`, one of its keypoints counts as not labelled.
   */
  readonly reason: 'no-area' | 'outside-image' | 'crowd' | 'point-outside-image'
  /** The keypoint, counted from 0. */
  readonly point?: number | undefined
}

/** How targets are to be. */
export interface TargetLayout {
  readonly boxFormat: 'cxcywh' | 'xyxy'
  readonly isNormalized: boolean
  readonly clamps: boolean
  readonly dropsCrowds: boolean
}

type Box = ReadAnnotation['box']

const PlainTarget = constructorOf<CocoTarget, [Int32Array, Float64Array, Uint8Array]>(function (labels, boxes, ignore) {
  this.labels = labels
  this.boxes = boxes
  this.ignore = ignore
}, WITH_JSON)

/** The targets of an image, the annotations that they are, and what is none. `points`: how many keypoints each has, where they are wanted. */
export function targetOf(
  annotations: readonly ReadAnnotation[],
  image: CocoImageInfo,
  labelOf: ReadonlyMap<CocoId, number>,
  layout: TargetLayout,
  points: number | undefined,
): {
  readonly target: CocoTarget
  readonly kept: readonly ReadAnnotation[]
  readonly dropped: readonly DroppedAnnotation[]
} {
  const { boxFormat, isNormalized, clamps, dropsCrowds } = layout
  const scale = isNormalized ? toParts([image.width, image.height]) : SAME_UNITS
  const [kept, boxes, dropped]: [ReadAnnotation[], number[], DroppedAnnotation[]] = [[], [], []]
  for (const annotation of annotations) {
    const corners = cornersOf(annotation.box, clamps ? image : undefined)
    const reason = reasonToDrop(annotation, corners, dropsCrowds)
    if (reason !== undefined) {
      dropped.push(droppedOf(annotation, reason))
      continue
    }
    const at = boxes.push(...corners) - BOX_SIZE
    if (!corners.every(Number.isFinite) || !convertBox(boxes, at, 'xyxy', boxFormat, scale)) {
      fail('NON_FINITE', `dataset.annotations[${annotation.index}].bbox`, TOO_LARGE)
    }
    kept.push(annotation)
  }
  const target: Unfinished<CocoTarget> = new PlainTarget(
    new Int32Array(kept.map(({ categoryId }) => labelOf.get(categoryId) as number)),
    new Float64Array(boxes),
    new Uint8Array(kept.map(({ isCrowd }) => Number(isCrowd))),
  )
  if (points !== undefined) Object.assign(target, keypointsOf(kept, image, layout, points, dropped))
  return { target, kept, dropped }
}

/** A box as two corners, clamped to an image where one is given. */
function cornersOf([x, y, width, height]: Box, image: CocoImageInfo | undefined): Box {
  if (image === undefined) return [x, y, x + width, y + height]
  const clamp = (value: number, side: number): number => Math.min(Math.max(value, 0), side)
  return [clamp(x, image.width), clamp(y, image.height), clamp(x + width, image.width), clamp(y + height, image.height)]
}

/** Why an annotation is no target; undefined for one that is. */
function reasonToDrop(
  { box: [, , width, height], isCrowd }: ReadAnnotation,
  [left, top, right, bottom]: Box,
  dropsCrowds: boolean,
): DroppedAnnotation['reason'] | undefined {
  if (isCrowd && dropsCrowds) return 'crowd'
  if (!(width > 0 && height > 0)) return 'no-area'
  return right > left && bottom > top ? undefined : 'outside-image'
}

function droppedOf({ id, index, imageId }: ReadAnnotation, reason: DroppedAnnotation['reason']): DroppedAnnotation {
  return { annotationId: id, index, imageId, reason }
}

/** How many keypoints each object of some categories has: what the categories say, or else the first object that has any. */
export function pointsOf(annotations: readonly ReadAnnotation[], categories: readonly ReadCategory[]): number {
  const ids = new Set(categories.map(({ id }) => id))
  let points = categories.find((category) => category.points !== undefined)?.points
  for (const { index, categoryId, keypoints } of annotations) {
    if (keypoints === undefined || !ids.has(categoryId)) continue
    points ??= keypoints.length / 3
    if (keypoints.length === 3 * points) continue
    const rule = `expected x, y and visibility of ${points} keypoints, as the others have, got ${keypoints.length} numbers`
    fail('SHAPE', `dataset.annotations[${index}].keypoints`, rule)
  }
  if (points === undefined || points === 0) {
    fail('OPTION', 'options.keypoints', 'neither a category nor an annotation of the data set has keypoints')
  }
  return points
}

/** Keypoints of targets. Those that are left out are added to `dropped`. */
function keypointsOf(
  kept: readonly ReadAnnotation[],
  { width, height }: CocoImageInfo,
  { isNormalized, clamps }: TargetLayout,
  count: number,
  dropped: DroppedAnnotation[],
): { readonly points: Float64Array; readonly visibility: Uint8Array } {
  const points = new Float64Array(2 * count * kept.length)
  const visibility = new Uint8Array(count * kept.length)
  for (const [i, annotation] of kept.entries()) {
    const keypoints = annotation.keypoints ?? []
    for (let point = 0; point < keypoints.length / 3; point++) {
      const [x, y, visible] = keypoints.slice(3 * point, 3 * point + 3) as [number, number, number]
      if (visible === 0) continue
      if (clamps && !(x >= 0 && x <= width && y >= 0 && y <= height)) {
        dropped.push({ ...droppedOf(annotation, 'point-outside-image'), point })
        continue
      }
      const at = i * count + point
      const [left, top] = isNormalized ? [x / width, y / height] : [x, y]
      if (!(Number.isFinite(left) && Number.isFinite(top))) {
        const rule = `keypoint ${point} does not stay finite as a part of the image, ${width} by ${height}`
        fail('NON_FINITE', `dataset.annotations[${annotation.index}].keypoints`, rule)
      }
      points[2 * at] = left
      points[2 * at + 1] = top
      visibility[at] = visible
    }
  }
  return { points, visibility }
}

/** Masks of targets, in their order. `hasMask`: which of them are annotated. */
export function masksOf(
  kept: readonly ReadAnnotation[],
  { height, width }: CocoImageInfo,
): { readonly masks: CocoMaskTarget['masks']; readonly hasMask: Uint8Array } {
  if (kept.length === 0) {
    return { masks: { data: [], shape: [0, height, width] }, hasMask: new Uint8Array(0) }
  }
  const hasMask = new Uint8Array(kept.length)
  const masks = kept.map(({ index, segmentation }, target) => {
    const argument = `dataset.annotations[${index}].segmentation`
    const size = checkMaskSize(height, width, argument)
    const isGiven = !isNone(segmentation)
    hasMask[target] = Number(isGiven)
    return readSegmentation(isGiven ? segmentation : [], argument, undefined, size).form
  })
  return { masks, hasMask }
}

/** Whether an object has no mask: data sets that have some with boxes alone write nothing, null, or an empty list. */
function isNone(segmentation: unknown): boolean {
  return (
    segmentation === undefined || segmentation === null || (Array.isArray(segmentation) && segmentation.length === 0)
  )
}
