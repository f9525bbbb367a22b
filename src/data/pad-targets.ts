/** Ragged targets as dense arrays of one length. */
import { DESCRIPTION } from '../binding/description.ts'
import { fail } from '../common/errors.ts'
import { toReadError } from '../common/reading.ts'
import { checkView, lengthOf, sizeOf } from '../common/tensors.ts'
import { checkInteger, checkRecord, isObject, MAX_SIZE, show, showKeys } from '../common/validate.ts'
import type { ForeignNames } from '../common/words.ts'
import { layPlanes } from '../input/canvas.ts'
import { readExhaustive } from '../input/exhaustive.ts'
import { failKey, strayKey } from '../input/keys.ts'
import { checkSizes, readPlanes } from '../input/planes.ts'
import type { ReadField } from '../input/read-target.ts'
import type { EmptyTarget, MappedTarget, Target, TargetWithoutBoxes } from '../input/targets.ts'
import { TARGET_FIELDS } from '../terms/index.ts'
import type { TargetFields } from '../terms/index.ts'
import { countRows, readFlags, readLabels, readRows } from './rows.ts'
import type { Rows } from './rows.ts'

/** Values of all targets of a batch, with their shape. */
export interface PaddedField<Data> {
  /** Row-major. */
  readonly data: Data
  /** As the field of {@link PaddedTargets} says. */
  readonly shape: number[]
}

/** What padded targets have beside labels, flags and numbers of targets. */
export type PaddedName = Exclude<keyof TargetFields, 'labels'> | 'positives' | 'columns' | 'weights'

/** The numbers of a padded field: bytes of 0 and 1, or float32. */
type DataOf<Field> = Field extends 'masks' | 'void' | 'columns' ? Uint8Array : Float32Array

/**
 * The targets of a batch, padded: of B images with room for N targets each. `T`: what the targets of an image were. All is 0 in the
 * padding but labels.
 */
export type PaddedTargets<T = AnyTarget> = {
  /** `[B]`: how many targets of each image count; what comes after them is padding. */
  readonly valid: PaddedField<Int32Array>
  /** `[B, N]`: class ids; −1, which no criterion takes for a class, in the padding, and where targets have `positives` in their place. */
  readonly labels: PaddedField<Int32Array>
  /** `[B, N]`: 1 for targets that are to be ignored; absent where no image has flags. */
  readonly ignore?: PaddedField<Uint8Array> | undefined
  /** `[B]`: 0 for images whose targets are not all of their objects; absent where they are in all images. */
  readonly exhaustive?: PaddedField<Uint8Array> | undefined
} & {
  /**
   * `[B, N, width]` of each field that the targets have, as `boxes` of width 4 and `positives` of a number for each column of the logits;
   * `masks` are of shape `[B, N, H, W]` and `void` of `[B, H, W]`, on a canvas of the greatest height and width, as the loss lays them;
   * `columns` are of `[B, C]`, all 1 where an image does not say, and `weights` of `[B, N]`, likewise.
   */
  readonly [Field in PaddedName as T extends { readonly [F in Field]: object } ? Field : never]: PaddedField<
    DataOf<Field>
  >
} & {
  readonly [Field in PaddedName as T extends { readonly [F in Field]: object } ? never : Field]?:
    | PaddedField<DataOf<Field>>
    | undefined
}

/** Settings of {@link padTargets}. */
export interface PadOptions {
  /** The room for targets of an image, N, the same for all batches of a graph with fixed shapes. Default: the most that an image has. */
  readonly maxTargets?: number | undefined
}

const NAMES: ForeignNames = new Map([
  ['maxnumtargets', ['maxTargets']],
  ['numtargets', ['maxTargets']],
  ['maxlength', ['maxTargets']],
  ['padto', ['maxTargets']],
])

/** The most numbers of a padded field. */
const MAX_NUMBERS = 2 ** 28

/** What {@link padTargets} takes of an image. */
export type AnyTarget = Target | TargetWithoutBoxes | EmptyTarget | MappedTarget | MappedTarget<TargetWithoutBoxes>

/**
 * Ragged targets as dense arrays, for what needs one shape: tensors of TensorFlow.js, the inputs of a training graph, memory that is shared
 * out to workers. {@link unpadTargets} makes targets of them again, which a criterion takes; a criterion takes the ragged ones, too, so that
 * none is padded for its sake.
 *
 * `targets`: as for {@link HungarianLoss.compute}; where a target has `valid`, the rest of it is left out. Fields become float32, in rows
 * of one length; points of `[n, K, D]` become rows of K · D. Masks of any form become bytes, with zeros at the right of images and below
 * where others are larger, as the loss lays them.
 *
 * Throws `RANGE` where an image has more than `maxTargets`, since none is dropped, and for more than 2^28 numbers of a field; `SHAPE` for
 * fields that not all images with targets have; `DTYPE` for targets of several labels, which `positives` are for; and `OPTION`.
 *
 * @example
 * const { labels, boxes, valid } = padTargets(targets, { maxTargets: 100 })
 * const tensor = tf.tensor(boxes.data, boxes.shape) // [B, 100, 4]
 */
export function padTargets<T extends AnyTarget>(targets: readonly T[], options?: PadOptions): PaddedTargets<T>
export function padTargets(targets: unknown, options?: unknown): PaddedTargets {
  let argument = 'options'
  try {
    const { maxTargets } = checkRecord(options, ['maxTargets'], argument, NAMES)
    const most = maxTargets === undefined ? undefined : checkInteger(maxTargets, 0, MAX_SIZE, 'options.maxTargets')
    argument = 'targets'
    const read = readTargets(targets)
    const room = most ?? read.reduce((largest, { count }) => Math.max(largest, count), 0)
    const over = read.findIndex(({ count }) => count > room)
    if (over >= 0) {
      const rule = `has ${read[over]?.count} targets, more than options.maxTargets, ${room}`
      fail('RANGE', `targets[${over}]`, rule, { image: over })
    }
    return pad(read, room)
  } catch (error) {
    throw toReadError(error, argument)
  }
}

/** The targets of an image, copied: those that count. */
interface ReadTarget {
  readonly count: number
  readonly labels: readonly number[]
  readonly ignore: readonly number[] | undefined
  readonly isExhaustive: boolean
  /** The rows of each field, in the core's order; undefined for planes. */
  readonly fields: ReadonlyArray<Rows | undefined>
  /** Likewise the planes. */
  readonly planes: ReadonlyArray<ReadField | undefined>
  /** What stands in the place of labels. */
  readonly positives: Rows | undefined
  readonly weights: readonly number[] | undefined
  readonly columns: readonly number[] | undefined
}

/** How many numbers a row of each field has, in the core's order; undefined where the targets themselves tell. */
const WIDTHS: ReadonlyArray<number | undefined> = DESCRIPTION.targetFields.map(({ axes }) =>
  axes.reduce<number | undefined>((product, { size }) => (product && size ? product * size : undefined), 1),
)

function readTargets(targets: unknown): readonly ReadTarget[] {
  if (!Array.isArray(targets)) {
    return fail('DTYPE', 'targets', `must be an array with one entry for each image, got ${show(targets)}`)
  }
  const images = lengthOf(targets, 'targets')
  const read: ReadTarget[] = []
  for (let image = 0; image < images; image++) {
    const name = `targets[${image}]`
    const target: unknown = targets[image]
    if (!isObject(target)) fail('DTYPE', name, `must be { labels, … }, got ${show(target)}`, { image })
    const stray = strayKey(target, 'target')
    if (stray !== undefined) failKey(stray, 'target', name, { image })
    read.push(readTarget(target, name, image))
  }
  return read
}

function readTarget(target: Record<string, unknown>, name: string, image: number): ReadTarget {
  const { labels, positives, valid, ignore, weights, columns, exhaustive } = target
  if (labels === undefined && positives === undefined)
    fail('DTYPE', `${name}.labels`, `must be given; it is an object ${showKeys(target)}`, { image })
  if (labels !== undefined && positives !== undefined)
    fail('OPTION', `${name}.labels`, 'must be absent beside positives, which say the classes of each target', { image })
  const isExhaustive = readExhaustive(exhaustive, image)
  const ids = labels === undefined ? undefined : readLabels(labels, `${name}.labels`, image)
  const given = ids?.length ?? countRows(positives, `${name}.positives`, image)
  const counted = valid === undefined ? given : checkInteger(valid, 0, given, `${name}.valid`, 'RANGE')
  const rowsOf = (value: unknown, field: string, width: number | undefined, takesFlags = false) =>
    value === undefined ? undefined : readRows(value, { given, counted, width }, takesFlags, `${name}.${field}`, image)
  const planes = TARGET_FIELDS.map(({ name: field, of, form, noun }) => {
    const value = form === 'row' ? undefined : of(target)
    if (value === undefined) return undefined
    return readPlanes(value, noun, form === 'planes' ? given : undefined, counted, `${name}.${field}`, image)
  })
  checkSizes(planes, image)
  return {
    count: counted,
    labels: ids?.slice(0, counted) ?? [],
    ignore: ignore === undefined ? undefined : readFlags(ignore, given, `${name}.ignore`, image).slice(0, counted),
    isExhaustive,
    fields: TARGET_FIELDS.map(({ name: field, of, takesFlags, form }, place) =>
      form === 'row' ? rowsOf(of(target), field, WIDTHS[place], takesFlags) : undefined,
    ),
    planes,
    positives: rowsOf(positives, 'positives', undefined),
    weights: rowsOf(weights, 'weights', 1)?.values,
    columns: columns === undefined ? undefined : readFlags(columns, undefined, `${name}.columns`, image),
  }
}

/** Lays the targets of all images out in rows of one length. */
function pad(read: readonly ReadTarget[], room: number): PaddedTargets {
  const images = read.length
  if (images * room > MAX_NUMBERS) failSize('labels', [images, room])
  const labels = new Int32Array(images * room).fill(-1)
  for (const [image, target] of read.entries()) labels.set(target.labels, image * room)
  const padded: Record<string, PaddedField<Int32Array | Uint8Array | Float32Array>> = {
    valid: { data: Int32Array.from(read, ({ count }) => count), shape: [images] },
    labels: { data: labels, shape: [images, room] },
  }
  if (read.some(({ ignore }) => ignore !== undefined)) {
    const ignore = new Uint8Array(images * room)
    for (const [image, target] of read.entries()) ignore.set(target.ignore ?? [], image * room)
    padded['ignore'] = { data: ignore, shape: [images, room] }
  }
  if (read.some(({ isExhaustive }) => !isExhaustive)) {
    padded['exhaustive'] = { data: Uint8Array.from(read, ({ isExhaustive }) => Number(isExhaustive)), shape: [images] }
  }
  for (const [place, { name, form }] of TARGET_FIELDS.entries()) {
    if (form === 'row') padRows(padded, read, room, name, ({ fields }) => fields[place], WIDTHS[place])
    else if (read.some(({ planes }) => planes[place] !== undefined)) {
      padded[name] = padPlanes(read, place, form === 'planes' ? room : undefined, name)
    }
  }
  padRows(padded, read, room, 'positives', ({ positives }) => positives)
  if (read.some(({ weights }) => weights !== undefined)) {
    const weights = new Float32Array(images * room)
    for (const [image, own] of read.entries())
      weights.set(own.weights ?? new Float32Array(own.count).fill(1), image * room)
    padded['weights'] = { data: weights, shape: [images, room] }
  }
  const width = read.find(({ columns }) => columns !== undefined)?.columns?.length
  if (width !== undefined) {
    if (images * width > MAX_NUMBERS) failSize('columns', [images, width])
    const columns = new Uint8Array(images * width).fill(1)
    for (const [image, { columns: own }] of read.entries()) {
      if (own !== undefined && own.length !== width) {
        const rule = `expected ${width} flags, as in other images, got ${own.length}`
        fail('SHAPE', `targets[${image}].columns`, rule, { image })
      }
      columns.set(own ?? [], image * width)
    }
    padded['columns'] = { data: columns, shape: [images, width] }
  }
  return padded as unknown as PaddedTargets
}

/** Adds the rows of a field, where any image has them. `known`: how long they are, where that is known. */
function padRows(
  padded: Record<string, PaddedField<Int32Array | Uint8Array | Float32Array>>,
  read: readonly ReadTarget[],
  room: number,
  name: string,
  rowsOf: (target: ReadTarget) => Rows | undefined,
  known?: number,
): void {
  if (read.every((target) => rowsOf(target) === undefined)) return
  const width = widthOf(read, name, rowsOf, known)
  const shape = [read.length, room, width]
  if (sizeOf(shape) > MAX_NUMBERS) failSize(name, shape)
  const data = new Float32Array(sizeOf(shape))
  for (const [image, target] of read.entries()) data.set(rowsOf(target)?.values ?? [], image * room * width)
  padded[name] = { data, shape }
}

/** The planes of all images on one canvas, of `room` targets each, or of the images themselves. */
function padPlanes(
  read: readonly ReadTarget[],
  place: number,
  room: number | undefined,
  name: string,
): PaddedField<Uint8Array> {
  const sizes = read.flatMap(({ planes }) => planes.flatMap((own) => (own?.size === undefined ? [] : [own.size])))
  const [height, width] = [0, 1].map((side) => sizes.reduce((most, size) => Math.max(most, size[side] as number), 0))
  const canvas = [height as number, width as number] as const
  const shape = [read.length, ...(room === undefined ? [] : [room]), ...canvas]
  if (sizeOf(shape) > MAX_NUMBERS) failSize(name, shape)
  const data = new Uint8Array(sizeOf(shape))
  for (const [image, { count, planes }] of read.entries()) {
    const own = planes[place]
    if (own?.size === undefined) {
      if (room === undefined || count === 0) continue
      fail('SHAPE', `targets[${image}].${name}`, `must be given, as other images' targets have ${name}`, { image })
    }
    const bytes = own.values as Uint8Array
    const planesOfImage = room === undefined ? 1 : count
    // what was read later may have taken it away
    checkView(bytes, [planesOfImage, ...own.size], `targets[${image}].${name}`)
    layPlanes(bytes, planesOfImage, own.size, data, image * (room ?? 1), canvas)
  }
  return { data, shape }
}

function failSize(name: string, shape: readonly number[]): never {
  const rule = `would make ${shape.join(' × ')} numbers of ${name}, more than the ${MAX_NUMBERS} that there may be`
  return fail('RANGE', 'options.maxTargets', rule)
}

/** How long the rows of a field are, which all images with targets have alike; 0 where none has any. */
function widthOf(
  read: readonly ReadTarget[],
  name: string,
  rowsOf: (target: ReadTarget) => Rows | undefined,
  known: number | undefined,
): number {
  let width = known
  for (const [image, target] of read.entries()) {
    const rows = rowsOf(target)
    if (target.count === 0) continue
    const argument = `targets[${image}].${name}`
    if (rows === undefined) fail('SHAPE', argument, `must be given, as other images' targets have ${name}`, { image })
    width ??= rows.width
    if (rows.width === width) continue
    fail('SHAPE', argument, `expected rows of ${width} numbers, as in other images, got ${rows.width}`, { image })
  }
  return width ?? 0
}
