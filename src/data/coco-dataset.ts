/** COCO's annotation files: what they hold, read once and checked. */
import { fail } from '../common/errors.ts'
import { isId } from '../common/ids.ts'
import { checkMemory, lengthOfTyped } from '../common/memory.ts'
import { toReadError } from '../common/reading.ts'
import { lengthOf, numbersOf } from '../common/tensors.ts'
import { isObject, isRecord, show, showKeys } from '../common/validate.ts'
import { readSide } from './sizes.ts'

/** What COCO calls an image, a category or an annotation by; data sets of one's own may have strings. */
export type CocoId = number | string

/** An image of a data set. Further fields are ignored, here and in all of the data set. */
export interface CocoImage {
  /** Which image it is. */
  readonly id: CocoId
  /** In pixels. */
  readonly width: number
  /** In pixels. */
  readonly height: number
  /** Where it is found. */
  readonly file_name?: string | undefined
}

/** A category of objects. */
export interface CocoCategory {
  /** Which category it is; ids may have gaps. */
  readonly id: CocoId
  /** What it is called. */
  readonly name?: string | undefined
  /** The names of its keypoints, where objects have them. */
  readonly keypoints?: readonly string[] | undefined
}

/** An object in an image. */
export interface CocoAnnotation {
  /** Which annotation it is. */
  readonly id?: CocoId | undefined
  /** The image it lies in. */
  readonly image_id: CocoId
  /** Its category. */
  readonly category_id: CocoId
  /** Left, top, width and height in pixels. */
  readonly bbox: ArrayLike<number>
  /** The area of its mask, in pixels. Default: that of the box. */
  readonly area?: number | undefined
  /** Whether it is a crowd: 1 or true. Default: 0. */
  readonly iscrowd?: number | boolean | undefined
  /** Its mask: polygons, or run lengths. */
  readonly segmentation?: unknown
  /** x, y and visibility of each keypoint, in pixels; 0 is not labelled, 1 labelled but not visible, 2 visible. */
  readonly keypoints?: ArrayLike<number> | undefined
}

/** A data set as COCO's `instances_*.json` and `person_keypoints_*.json` hold it. */
export interface CocoDataset {
  /** Its images, each with an id of its own. */
  readonly images: readonly CocoImage[]
  /** The objects in all of them, in any order. */
  readonly annotations: readonly CocoAnnotation[]
  /** The categories of objects, each with an id of its own. */
  readonly categories: readonly CocoCategory[]
}

/** An image of a data set, read. */
export interface CocoImageInfo {
  /** What the data set calls it. */
  readonly id: CocoId
  /** In pixels. */
  readonly width: number
  /** In pixels. */
  readonly height: number
  /** Undefined where the data set has none. */
  readonly fileName: string | undefined
}

/** A category, read. */
export interface ReadCategory {
  readonly id: CocoId
  readonly name: string | undefined
  /** How many keypoints its objects have; undefined where it does not say. */
  readonly points: number | undefined
}

/** An annotation, read. */
export interface ReadAnnotation {
  /** Its place in the list. */
  readonly index: number
  readonly id: CocoId | undefined
  readonly imageId: CocoId
  readonly categoryId: CocoId
  /** Left, top, width, height. */
  readonly box: readonly [number, number, number, number]
  readonly area: number
  readonly isCrowd: boolean
  readonly segmentation: unknown
  /** x, y and visibility of each. */
  readonly keypoints: readonly number[] | undefined
}

/** A data set, read. */
export interface ReadDataset {
  readonly images: ReadonlyMap<CocoId, CocoImageInfo>
  readonly categories: ReadonlyMap<CocoId, ReadCategory>
  readonly annotations: readonly ReadAnnotation[]
}

/** The most keypoints of an object. */
const MAX_POINTS = 2 ** 16

/** Reads a data set. `withKeypoints`: whether keypoints are wanted, which are not looked at otherwise. */
export function readDataset(dataset: unknown, withKeypoints: boolean): ReadDataset {
  let argument = 'dataset'
  try {
    if (!isRecord(dataset))
      fail('DTYPE', argument, `must be COCO's { images, annotations, categories }, got ${describe(dataset)}`)
    const { images, annotations, categories } = dataset
    const lists = { images, annotations, categories }
    const [imageList, annotationList, categoryList] = (['images', 'annotations', 'categories'] as const).map((key) => {
      argument = `dataset.${key}`
      return readEntries(lists[key], argument, dataset)
    }) as [readonly unknown[], readonly unknown[], readonly unknown[]]
    argument = 'dataset.images'
    const imagesById = byId(imageList, argument, readImage)
    argument = 'dataset.categories'
    const categoriesById = byId(categoryList, argument, (entry, id, name) =>
      readCategory(entry, id, name, withKeypoints),
    )
    argument = 'dataset.annotations'
    const read = readAnnotations(annotationList, imagesById, categoriesById, withKeypoints)
    return { images: imagesById, categories: categoriesById, annotations: read }
  } catch (error) {
    throw toReadError(error, argument)
  }
}

/** What was given in place of a data set, with what may be behind it. */
function describe(value: unknown): string {
  if (typeof value === 'string' || ArrayBuffer.isView(value))
    return `${show(value)} (the text of the file? JSON.parse it)`
  if (Array.isArray(value)) return `${show(value)} (annotations alone? their images and categories are needed, too)`
  return show(value)
}

/** The entries of a list, which must be there. */
function readEntries(list: unknown, argument: string, dataset: object): readonly unknown[] {
  if (!Array.isArray(list)) {
    const keys = list === undefined ? `; the data set is an object ${showKeys(dataset)}` : ''
    fail('DTYPE', argument, `must be an array, got ${show(list)}${keys}`)
  }
  const length = lengthOf(list, argument)
  const entries: unknown[] = []
  for (let i = 0; i < length; i++) {
    const entry: unknown = list[i]
    if (!isObject(entry)) fail('DTYPE', `${argument}[${i}]`, `must be an object, got ${show(entry)}`)
    entries.push(entry)
  }
  return entries
}

/** Entries by their ids, each of which there is once. */
function byId<Read>(
  list: readonly unknown[],
  argument: string,
  read: (entry: Record<string, unknown>, id: CocoId, name: string) => Read,
): ReadonlyMap<CocoId, Read> {
  const entries = new Map<CocoId, Read>()
  for (const [i, given] of list.entries()) {
    const name = `${argument}[${i}]`
    const entry = given as Record<string, unknown>
    const id = readId(entry['id'], `${name}.id`)
    if (entries.has(id)) fail('RANGE', `${name}.id`, `must be its own, got ${show(id)} a second time`)
    entries.set(id, read(entry, id, name))
  }
  return entries
}

/** An id. */
export function readId(value: unknown, argument: string): CocoId {
  return isId(value) ? value : failId(value, argument)
}

function failId(value: unknown, argument: string): never {
  const code = typeof value === 'number' ? 'RANGE' : 'DTYPE'
  return fail(code, argument, `must be an integer or a string, got ${show(value)}`)
}

function readImage(
  { width, height, file_name: fileName }: Record<string, unknown>,
  id: CocoId,
  name: string,
): CocoImageInfo {
  return {
    id,
    width: readSide(width, `${name}.width`),
    height: readSide(height, `${name}.height`),
    fileName: readText(fileName, `${name}.file_name`),
  }
}

function readCategory(
  { name: given, keypoints }: Record<string, unknown>,
  id: CocoId,
  argument: string,
  withKeypoints: boolean,
): ReadCategory {
  const name = readText(given, `${argument}.name`)
  if (!withKeypoints || keypoints === undefined) return { id, name, points: undefined }
  if (!Array.isArray(keypoints)) {
    fail('DTYPE', `${argument}.keypoints`, `must be an array of names, got ${show(keypoints)}`)
  }
  return { id, name, points: lengthOf(keypoints, `${argument}.keypoints`) }
}

function readText(value: unknown, argument: string): string | undefined {
  if (value === undefined || typeof value === 'string') return value
  return fail('DTYPE', argument, `must be a string, got ${show(value)}`)
}

function readAnnotations(
  list: readonly unknown[],
  images: ReadonlyMap<CocoId, unknown>,
  categories: ReadonlyMap<CocoId, unknown>,
  withKeypoints: boolean,
): readonly ReadAnnotation[] {
  const ids = new Set<CocoId>()
  let index = 0
  // made where something is wrong alone: there may be a million annotations
  const nameOf =
    (key: string): Name =>
    () =>
      `dataset.annotations[${index}].${key}`
  const names = {
    id: nameOf('id'),
    image: nameOf('image_id'),
    category: nameOf('category_id'),
    box: nameOf('bbox'),
    area: nameOf('area'),
    crowd: nameOf('iscrowd'),
    keypoints: nameOf('keypoints'),
  }
  const read: ReadAnnotation[] = []
  for (; index < list.length; index++) {
    const { id, image_id, category_id, bbox, area, iscrowd, segmentation, keypoints } = list[index] as Unchecked
    if (id !== undefined) {
      if (!isId(id)) failId(id, names.id())
      if (ids.has(id)) fail('RANGE', names.id(), `must be its own, got ${show(id)} a second time`)
      ids.add(id)
    }
    const box = readBox(bbox, names.box)
    read.push({
      index,
      id,
      imageId: isId(image_id) && images.has(image_id) ? image_id : failKnown(image_id, images, 'image', names.image()),
      categoryId:
        isId(category_id) && categories.has(category_id)
          ? category_id
          : failKnown(category_id, categories, 'category', names.category()),
      box,
      area: readNumber(area === undefined ? box[2] * box[3] : area, names.area),
      isCrowd: readFlag(iscrowd, names.crowd),
      segmentation,
      keypoints: !withKeypoints || keypoints === undefined ? undefined : readPoints(keypoints, names.keypoints),
    })
  }
  return read
}

/** The name of an argument, to be made. */
type Name = () => string

/** The fields of an annotation, of which nothing has been checked. */
type Unchecked = { readonly [Key in keyof CocoAnnotation]?: unknown }

/** An id that there is. `what`: of what it is. */
export function readKnown(
  value: unknown,
  known: ReadonlyMap<CocoId, unknown>,
  what: 'image' | 'category',
  argument: string,
): CocoId {
  return isId(value) && known.has(value) ? value : failKnown(value, known, what, argument)
}

function failKnown(
  value: unknown,
  known: ReadonlyMap<CocoId, unknown>,
  what: 'image' | 'category',
  argument: string,
): never {
  if (!isId(value)) return failId(value, argument)
  const other = typeof value === 'number' ? String(value) : Number(value)
  const hint = known.has(other) ? `; there is ${show(other)}, a ${typeof other}: ids are compared with their types` : ''
  return fail('RANGE', argument, `there is no ${what} ${show(value)} among ${known.size}${hint}`)
}

function readNumber(value: unknown, name: Name): number {
  if (typeof value !== 'number') return fail('DTYPE', name(), `must be a number, got ${show(value)}`)
  if (Number.isFinite(value)) return value
  return fail('NON_FINITE', name(), `must be finite, got ${value}`)
}

function readFlag(value: unknown, name: Name): boolean {
  if (value === undefined || value === 0 || value === false) return false
  if (value === 1 || value === true) return true
  return fail('DTYPE', name(), `must be 0 or 1, false or true, got ${show(value)}`)
}

/** A list of numbers, and how many there are. */
function readList(value: unknown, rule: string, name: Name): readonly [list: ArrayLike<unknown>, length: number] {
  const list = numbersOf(value)
  if (list === undefined) return fail('DTYPE', name(), `${rule}, got ${show(value)}`)
  if (ArrayBuffer.isView(list)) checkMemory(list, name())
  const length: unknown = ArrayBuffer.isView(list) ? lengthOfTyped(list) : list.length
  if (typeof length !== 'number') fail('DTYPE', name(), `must have a length, got ${show(length)} for it`)
  return [list, length]
}

function readBox(value: unknown, name: Name): ReadAnnotation['box'] {
  const rule = 'must be [left, top, width, height]'
  const [list, length] = readList(value, rule, name)
  if (length !== 4) fail('SHAPE', name(), `${rule}, got ${length} numbers`)
  return [readNumber(list[0], name), readNumber(list[1], name), readNumber(list[2], name), readNumber(list[3], name)]
}

/** x, y and visibility of each keypoint. */
function readPoints(value: unknown, name: Name): readonly number[] {
  const rule = 'must be [x, y, visibility, …], three numbers for each keypoint'
  const [list, length] = readList(value, rule, name)
  if (!(length % 3 === 0 && length <= 3 * MAX_POINTS)) fail('SHAPE', name(), `${rule}, got ${length}`)
  const points: number[] = []
  for (let i = 0; i < length; i++) {
    const number = readNumber(list[i], name)
    if (i % 3 === 2 && number !== 0 && number !== 1 && number !== 2) {
      fail('RANGE', name(), `visibility must be 0, 1 or 2, got ${number} for keypoint ${(i - 2) / 3}`)
    }
    points.push(number)
  }
  return points
}
