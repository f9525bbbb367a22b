/** Targets of arrays: one image after the other, padded to one length, or by keys that end in the image's number. */
import { MAX_JOBS } from '../../input/layers.ts'
import type { Target } from '../../input/targets.ts'
import { TARGET_FIELDS } from '../../terms/index.ts'
import { Fault } from '../fault.ts'
import { toNumbers } from './npy.ts'
import type { NumpyArray } from './npy.ts'
import { put } from './put.ts'
import { listNames } from './roles.ts'
import type { Given, Role } from './roles.ts'

/** The targets of each image. `images`: as the logits have it, if they do. */
export function targetsOf(
  given: readonly Given[],
  images: number | undefined,
  names: readonly string[],
): readonly Target[] {
  const targets = given.filter(({ role }) => role.is === 'target')
  const numbered = targets.filter(({ role }) => role.is === 'target' && role.image !== undefined)
  if (numbered.length > 0 && numbered.length < targets.length) {
    const other = targets.find((entry) => !numbered.includes(entry)) as Given
    throw new Fault(`its targets are numbered by image, as "${numbered[0]?.name}", but "${other.name}" is not`)
  }
  if (numbered.length > 0) return numberedTargets(numbered, images)
  const ofField = (field: string) => targets.find(({ role }) => role.is === 'target' && role.field === field)
  const positives = ofField('positives')
  const labels = ofField('labels') ?? positives
  if (labels === undefined) {
    throw new Fault(`it has no "labels" (nor "labels_0" and so on); its arrays are ${listNames(names)}`)
  }
  // rows of positives have an axis more than labels
  const isPadded = labels.array.shape.length > (labels === positives ? 2 : 1)
  const counts = countsOf(given, labels, isPadded, images)
  const length = counts?.length ?? (labels.array.shape[0] as number)
  refuseMany(length)
  return isPadded
    ? paddedTargets(targets, labels, counts)
    : concatenatedTargets(targets, labels, counts as readonly number[])
}

function refuseMany(images: number): void {
  if (images > MAX_JOBS) throw new Fault(`its targets are of ${images} images, and ${MAX_JOBS} are read`)
}

function numberedTargets(given: readonly Given[], images = 0): readonly Target[] {
  const byImage = new Map<number, Record<string, unknown>>()
  for (const { name, role, array } of given) {
    if (role.is !== 'target') continue
    const image = role.image as number
    const target = byImage.get(image) ?? {}
    put(target, role.field, name, rowsOf(role.field, array))
    byImage.set(image, target)
  }
  const length = Array.from(byImage.keys()).reduce((most, image) => Math.max(most, image + 1), images)
  if (length > given.length) {
    const missing = Array.from({ length: given.length + 1 }, (_, i) => i).find((i) => !byImage.has(i)) as number
    throw new Fault(`it has no "labels_${missing}": an image without targets needs an empty array`)
  }
  return Array.from({ length }, (_, image) => {
    const target = byImage.get(image)
    if ((target?.['labels'] ?? target?.['positives']) !== undefined) return target as unknown as Target
    throw new Fault(`it has no "labels_${image}": an image without targets needs an empty array`)
  })
}

/** How many targets each image has; undefined for padded ones of which all count. */
function countsOf(
  given: readonly Given[],
  labels: Given,
  isPadded: boolean,
  images: number | undefined,
): readonly number[] | undefined {
  const counts = given.filter(({ role, array }) => role.is === 'counts' && array.shape.length === 1)
  if (counts.length > 1)
    throw new Fault(`"${counts[1]?.name}" says how many targets each image has, as "${counts[0]?.name}" does`)
  const [found] = counts
  if (found !== undefined) {
    refuseMany(found.array.data.length)
    const numbers = Array.from(toNumbers(found.array.data))
    const wrong = numbers.find((count) => !(Number.isSafeInteger(count) && count >= 0))
    if (wrong !== undefined) throw new Fault(`"${found.name}" must be numbers of targets, and holds ${wrong}`)
    return numbers
  }
  if (isPadded) return undefined
  if (images === undefined || images === 1) return [labels.array.shape[0] ?? 1]
  throw new Fault(
    `it has ${labels.array.shape[0]} "${labels.name}" for ${images} images, and no "counts" that says how many each image has`,
  )
}

/** Labels `[N]` of all images, one after the other. */
function concatenatedTargets(targets: readonly Given[], labels: Given, counts: readonly number[]): readonly Target[] {
  const total = labels.array.shape[0] ?? 1
  const sum = counts.reduce((all, count) => all + count, 0)
  if (sum !== total) throw new Fault(`its counts add up to ${sum} targets, and "${labels.name}" has ${total}`)
  for (const { name, role, array } of targets) {
    if (array.shape[0] !== total && array !== labels.array && !isOfImage(role)) {
      throw new Fault(`"${name}" has ${array.shape[0] ?? 1} rows, and "${labels.name}" has ${total}`)
    }
  }
  let first = 0
  return counts.map((count, image) => {
    const [from, to] = [first, (first += count)]
    return targetOf(targets, (array, role) => {
      if (isOfImage(role)) return rowOf(array, image)
      const length = array.shape.slice(1).reduce((size, axis) => size * axis, 1)
      return { data: array.data.subarray(from * length, to * length), shape: [count, ...array.shape.slice(1)] }
    })
  })
}

/** Labels `[B, T]`, of which the first of each image count. */
function paddedTargets(
  targets: readonly Given[],
  labels: Given,
  counts: readonly number[] | undefined,
): readonly Target[] {
  const [images, length] = labels.array.shape as readonly [number, number]
  for (const { name, role, array } of targets) {
    if (isOfImage(role) || (array.shape[0] === images && array.shape[1] === length)) continue
    throw new Fault(`"${name}" is of shape [${array.shape.join(', ')}], and "${labels.name}" of [${images}, ${length}]`)
  }
  if (counts !== undefined && (counts.length !== images || counts.some((count) => count > length))) {
    throw new Fault(
      `"${labels.name}" is of shape [${images}, ${length}], which its counts [${counts.join(', ')}] do not fit`,
    )
  }
  return Array.from({ length: images }, (_, image) => {
    const target = targetOf(targets, (array, role) => {
      if (isOfImage(role)) return rowOf(array, image)
      const { data, shape } = array
      const size = shape.slice(1).reduce((all, axis) => all * axis, 1)
      return { data: data.subarray(image * size, (image + 1) * size), shape: shape.slice(1) }
    })
    return counts === undefined ? target : { ...target, valid: counts[image] as number }
  })
}

const OF_IMAGES: ReadonlySet<string> = new Set([
  'columns',
  'exhaustive',
  ...TARGET_FIELDS.filter(({ form }) => form === 'plane').map(({ name }) => name),
])

/** Whether an array has a row for each image and not for each target. */
const isOfImage = (role: Role): boolean => role.is === 'target' && OF_IMAGES.has(role.field)

/** The row, or plane, of an image; none where the array has fewer, which the library refuses. */
function rowOf({ data, shape }: NumpyArray, image: number): NumpyArray {
  const size = shape.slice(1).reduce((all, axis) => all * axis, 1)
  return { data: data.subarray(image * size, (image + 1) * size), shape: shape.slice(1) }
}

function targetOf(targets: readonly Given[], take: (array: NumpyArray, role: Role) => NumpyArray): Target {
  const target: Record<string, unknown> = {}
  for (const { name, role, array } of targets) {
    if (role.is === 'target') put(target, role.field, name, rowsOf(role.field, take(array, role)))
  }
  // those of padded targets are all -1 beside positives
  const { labels, positives } = target
  if (positives !== undefined && ArrayBuffer.isView(labels) && isPadding(labels as NumpyArray['data'])) {
    delete target['labels']
  }
  return target as unknown as Target
}

const isPadding = (labels: NumpyArray['data']): boolean => Array.from(toNumbers(labels)).every((label) => label === -1)

/** What is one number for each target, or column. */
const FLAT: ReadonlySet<string> = new Set(['ignore', 'hasMask', 'hasBox', 'columns', 'weights'])

/**
 * A field of one image's targets as the library takes it: labels, flags and weights flat, all else with its shape. An empty array of one
 * axis is no mask at all. An empty array has the dtype float64 unless it is told another, so labels that are none are of any.
 */
function rowsOf(field: string, { data, shape }: NumpyArray): unknown {
  const isFlat = shape.length === 1
  if (field === 'labels') {
    if (isFlat && data.length === 0) return new Int32Array(0)
    return isFlat ? data : { data, shape }
  }
  const numbers = toNumbers(data)
  if (field === 'masks' && isFlat && data.length === 0) return []
  if (field === 'exhaustive')
    return numbers.length === 1 && (numbers[0] === 0 || numbers[0] === 1) ? numbers[0] === 1 : numbers
  if (field === 'positives') return isFlat && data.length === 0 ? [] : { data: Float32Array.from(numbers), shape }
  return FLAT.has(field) || (isFlat && data.length === 0) ? numbers : { data: numbers, shape }
}
