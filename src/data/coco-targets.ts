/** From COCO's annotations to targets for the loss, and to ground truth for the evaluation. */
import { fail } from '../common/errors.ts'
import { checkMemory } from '../common/memory.ts'
import { toReadError } from '../common/reading.ts'
import { lengthOf, numbersOf } from '../common/tensors.ts'
import { checkFlag, checkRecord, checkWord, show } from '../common/validate.ts'
import type { ForeignNames } from '../common/words.ts'
import { classesOf } from './coco-classes.ts'
import type { CocoClass } from './coco-classes.ts'
import { readDataset, readKnown } from './coco-dataset.ts'
import type { CocoDataset, CocoId, CocoImageInfo, ReadAnnotation } from './coco-dataset.ts'
import { groundTruthOf } from './coco-ground-truth.ts'
import type { CocoGroundTruth } from './coco-ground-truth.ts'
import { masksOf, pointsOf, targetOf } from './coco-target.ts'
import type { CocoKeypointTarget, CocoMaskTarget, CocoTarget, DroppedAnnotation } from './coco-target.ts'

/** Settings of {@link cocoTargets}. */
export interface CocoOptions {
  /** Which images, in this order. Default: all, in the order of the data set. */
  readonly imageIds?: readonly CocoId[] | undefined
  /**
   * Which categories; objects of others are left out. With contiguous labels their order is that of the classes. Default: all,
   * by ascending id.
   */
  readonly categoryIds?: readonly CocoId[] | undefined
  /**
   * What the labels are: `'contiguous'`, 0 to the number of categories − 1; or `'category-id'`, the ids themselves, as in DETR, which
   * has 91 classes for the 80 categories of COCO. Default: `'contiguous'`.
   */
  readonly labels?: 'contiguous' | 'category-id' | undefined
  /** The criterion's `boxFormat`. Default: `'cxcywh'`. */
  readonly boxFormat?: 'cxcywh' | 'xyxy' | undefined
  /** Whether boxes and points are divided by the size of their image, as `normalizedBoxes` asks. Default: true. */
  readonly normalized?: boolean | undefined
  /**
   * Whether boxes of targets are clamped to their image, as by DETR's data set. Keypoints outside it then count as not labelled.
   * Default: true.
   */
  readonly clamp?: boolean | undefined
  /**
   * What becomes of crowds: `'ignore'`, targets that are ignored, so that queries on them are left out of the loss; or `'drop'`, no
   * targets at all, as in DETR. Default: `'ignore'`.
   */
  readonly crowds?: 'ignore' | 'drop' | undefined
  /** Whether targets have `points` and `visibility`. Default: false. */
  readonly keypoints?: boolean | undefined
  /**
   * Whether targets have `masks`, and `hasMask` where objects lack them; of an image without targets, its size alone. Default: false.
   */
  readonly masks?: boolean | undefined
  /** Whether the masks of targets are handed on as they were annotated, unread, as `segmentations`. Default: false. */
  readonly segmentations?: boolean | undefined
}

/** What {@link cocoTargets} makes of a data set. All lists but `classes` and `dropped` have an entry for each image. */
export interface CocoTargets<Target extends CocoTarget = CocoTarget> {
  /** For the loss: a batch is some of them. */
  readonly targets: readonly Target[]
  /** Ids, sizes and file names. */
  readonly images: readonly CocoImageInfo[]
  /** The classes; a criterion's `numClasses` is their number. */
  readonly classes: readonly CocoClass[]
  /** For the evaluation. */
  readonly groundTruth: readonly CocoGroundTruth[]
  /** What is left out of the targets; nothing is without being listed here. */
  readonly dropped: readonly DroppedAnnotation[]
  /** For each target of each image its mask as it was annotated; undefined unless the options ask for it. */
  readonly segmentations?: ReadonlyArray<readonly unknown[]> | undefined
}

const OPTIONS = [
  'imageIds',
  'categoryIds',
  'labels',
  'boxFormat',
  'normalized',
  'clamp',
  'crowds',
  'keypoints',
  'masks',
  'segmentations',
] as const

/** What COCO's tools, and criteria, call these options. */
const NAMES: ForeignNames = new Map([
  ['imgids', ['imageIds']],
  ['images', ['imageIds']],
  ['catids', ['categoryIds']],
  ['categories', ['categoryIds']],
  ['classes', ['categoryIds']],
  ['iscrowd', ['crowds']],
  ['normalizedboxes', ['normalized']],
  ['returnmasks', ['masks']],
  ['withmask', ['masks']],
  ['points', ['keypoints']],
])

/**
 * Turns COCO's annotations, or those of any data set in its format, into targets of the loss and ground truth of the evaluation: ids with
 * gaps into classes from 0, corners and sizes in pixels into normalised boxes of the criterion's format, crowds into ignored targets. Images
 * without objects stay, with empty targets.
 *
 * `dataset`: what `JSON.parse` makes of an annotation file; nothing of it is changed. Targets keep the order of the annotations. What cannot
 * be a target, as a box without area, is listed in `dropped`, and stays in `groundTruth`.
 *
 * Throws, with the place in the data set: `RANGE` for an image or a category that there is not, an id that there is twice, sides of images
 * of 0 or less; `NON_FINITE` for NaN and infinities; `SHAPE` and `DTYPE` for fields of another form, or missing; `OPTION`.
 *
 * Source: facebookresearch/detr, `datasets/coco.py` (`ConvertCocoPolysToMask`) and `datasets/transforms.py` (`Normalize`);
 * cocodataset/cocoapi, `pycocotools/cocoeval.py`.
 *
 * @example
 * const { targets, images, classes } = cocoTargets(JSON.parse(await readFile('instances_val2017.json', 'utf8')))
 * const criterion = HungarianLoss.detr({ numClasses: classes.length })
 */
export function cocoTargets(
  dataset: CocoDataset,
  options: CocoOptions & { readonly keypoints: true; readonly masks: true },
): CocoTargets<CocoKeypointTarget & CocoMaskTarget>
/** As above, with keypoints alone. */
export function cocoTargets(
  dataset: CocoDataset,
  options: CocoOptions & { readonly keypoints: true },
): CocoTargets<CocoKeypointTarget>
/** As above, with masks alone. */
export function cocoTargets(
  dataset: CocoDataset,
  options: CocoOptions & { readonly masks: true },
): CocoTargets<CocoMaskTarget>
/** As above, without the certainty of either. */
export function cocoTargets(dataset: CocoDataset, options?: CocoOptions): CocoTargets
export function cocoTargets(dataset: unknown, options?: unknown): CocoTargets {
  let argument = 'options'
  try {
    const { imageIds, categoryIds, labels, layout, keypoints, masks, segmentations } = readOptions(options)
    argument = 'dataset'
    const read = readDataset(dataset, keypoints)
    argument = 'options'
    const images = choose(imageIds, read.images, 'image', 'options.imageIds')
    const categories = choose(categoryIds, read.categories, 'category', 'options.categoryIds')
    argument = 'dataset'
    const { classes, labelOf } = classesOf(read.categories, categories, categoryIds === undefined, labels)
    const points = keypoints ? pointsOf(read.annotations, categories) : undefined
    const annotationsOf = new Map<CocoId, ReadAnnotation[]>(images.map(({ id }) => [id, []]))
    for (const annotation of read.annotations) {
      if (labelOf.has(annotation.categoryId)) annotationsOf.get(annotation.imageId)?.push(annotation)
    }
    const all = images.map((image) => {
      const annotations = annotationsOf.get(image.id) as ReadAnnotation[]
      return { ...targetOf(annotations, image, labelOf, layout, points), annotations, image }
    })
    return {
      targets: masks ? withMasks(all) : all.map(({ target }) => target),
      images,
      classes,
      groundTruth: all.map(({ annotations, image }) => groundTruthOf(annotations, image.id, labelOf)),
      dropped: all.flatMap(({ dropped }) => dropped),
      ...(segmentations && { segmentations: all.map(({ kept }) => kept.map(({ segmentation }) => segmentation)) }),
    }
  } catch (error) {
    throw toReadError(error, argument)
  }
}

/** The options, read once; lists of ids are read with the data set. */
function readOptions(options: unknown) {
  const given = checkRecord(options, OPTIONS, 'options', NAMES)
  const { imageIds, categoryIds, labels, boxFormat, normalized, clamp, crowds, keypoints, masks, segmentations } = given
  return {
    imageIds,
    categoryIds,
    labels: checkWord(labels, ['contiguous', 'category-id'], 'contiguous', 'options.labels'),
    layout: {
      boxFormat: checkWord(boxFormat, ['cxcywh', 'xyxy'], 'cxcywh', 'options.boxFormat'),
      isNormalized: checkFlag(normalized, true, 'options.normalized'),
      clamps: checkFlag(clamp, true, 'options.clamp'),
      dropsCrowds: checkWord(crowds, ['ignore', 'drop'], 'ignore', 'options.crowds') === 'drop',
    },
    keypoints: checkFlag(keypoints, false, 'options.keypoints'),
    masks: checkFlag(masks, false, 'options.masks'),
    segmentations: checkFlag(segmentations, false, 'options.segmentations'),
  }
}

/** The targets of each image with their masks; and with flags, where any has none. */
function withMasks(
  all: ReadonlyArray<{
    readonly target: CocoTarget
    readonly kept: readonly ReadAnnotation[]
    readonly image: CocoImageInfo
  }>,
): readonly CocoMaskTarget[] {
  const masks = all.map(({ kept, image }) => masksOf(kept, image))
  const isComplete = masks.every(({ hasMask }) => !hasMask.includes(0))
  return all.map(({ target }, i) => {
    const { masks: list, hasMask } = masks[i] as (typeof masks)[number]
    return Object.assign(target, { masks: list }, isComplete ? undefined : { hasMask })
  })
}

/** Those that are asked for, each once, in their order; or all. */
function choose<Entry>(
  ids: unknown,
  known: ReadonlyMap<CocoId, Entry>,
  what: 'image' | 'category',
  argument: string,
): readonly Entry[] {
  if (ids === undefined) return [...known.values()]
  const list = Array.isArray(ids) ? ids : numbersOf(ids)
  if (list === undefined) return fail('DTYPE', argument, `must be an array of ids, got ${show(ids)}`)
  if (ArrayBuffer.isView(list)) checkMemory(list, argument)
  const length = lengthOf(list, argument)
  const found = new Map<CocoId, Entry>()
  for (let i = 0; i < length; i++) {
    const id = readKnown(list[i], known, what, `${argument}[${i}]`)
    if (found.has(id)) fail('RANGE', `${argument}[${i}]`, `must be another one, got ${show(id)} a second time`)
    found.set(id, known.get(id) as Entry)
  }
  return [...found.values()]
}
