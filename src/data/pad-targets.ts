/** Ragged targets as dense arrays of one length. */
import { DESCRIPTION } from '../binding/description.ts'
import { fail } from '../common/errors.ts'
import { toReadError } from '../common/reading.ts'
import { lengthOf } from '../common/tensors.ts'
import { checkInteger, checkRecord, isObject, MAX_SIZE, show, showKeys } from '../common/validate.ts'
import type { ForeignNames } from '../common/words.ts'
import { failKey, strayKey } from '../input/keys.ts'
import type { EmptyTarget, Target, TargetWithoutBoxes } from '../input/targets.ts'
import { TARGET_FIELDS } from '../terms/index.ts'
import type { TargetFields } from '../terms/index.ts'
import { readFlags, readLabels, readRows } from './rows.ts'
import type { Rows } from './rows.ts'

/** Values of all targets of a batch, with their shape. */
export interface PaddedField<Data> {
  /** Row-major. */
  readonly data: Data
  /** `[B]`, `[B, N]` or `[B, N, width]`. */
  readonly shape: number[]
}

/** The names of the fields of targets that have rows of numbers; planes, such as masks, have no padded form. */
export type FieldName = Exclude<keyof TargetFields, 'labels' | 'masks' | 'void'>

/** The targets of a batch, padded: of B images with room for N targets each. `T`: what the targets of an image were. */
export type PaddedTargets<T = AnyTarget> = {
  /** `[B]`: how many targets of each image count; what comes after them is padding. */
  readonly valid: PaddedField<Int32Array>
  /** `[B, N]`: class ids; −1 in the padding, which no criterion takes for a class. */
  readonly labels: PaddedField<Int32Array>
  /** `[B, N]`: 1 for targets that are to be ignored; absent where no image has flags. */
  readonly ignore?: PaddedField<Uint8Array> | undefined
} & {
  /** `[B, N, width]` of each field that the targets have, as `boxes` of width 4; 0 in the padding. */
  readonly [
    Field in FieldName as T extends { readonly [F in Field]: object } ? Field : never
  ]: PaddedField<Float32Array>
} & {
  readonly [Field in FieldName as T extends { readonly [F in Field]: object } ? never : Field]?:
    | PaddedField<Float32Array>
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
export type AnyTarget = Target | TargetWithoutBoxes | EmptyTarget

/**
 * Ragged targets as dense arrays, for what needs one shape: tensors of TensorFlow.js, the inputs of a training graph, memory that is shared
 * out to workers. {@link unpadTargets} makes targets of them again, which a criterion takes; a criterion takes the ragged ones, too, so that
 * none is padded for its sake.
 *
 * `targets`: as for {@link HungarianLoss.compute}; where a target has `valid`, the rest of it is left out. Fields become float32, in rows
 * of one length; points of `[n, K, D]` become rows of K · D. Masks have no padded form.
 *
 * Throws `RANGE` where an image has more than `maxTargets`, since none is dropped; `SHAPE` for fields that not all images with targets
 * have; `DTYPE` for targets of several labels, which have no such form; and `OPTION`, also for masks,
 * `positives`, `columns`, `weights` and images that are not `exhaustive`.
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
  /** The rows of each field, in the core's order. */
  readonly fields: ReadonlyArray<Rows | undefined>
}

/** Refuses what has no padded form, so that none of it is lost. */
function checkPlain(target: Record<string, unknown>, name: string, image: number): void {
  for (const key of ['positives', 'columns', 'weights', 'exhaustive']) {
    if (target[key] === undefined || target[key] === true) continue
    fail('OPTION', `${name}.${key}`, 'must be absent, since it has no padded form', { image })
  }
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
    refuseUnpaddable(target, name, image)
    const { labels, valid, ignore } = target
    checkPlain(target, name, image)
    if (labels === undefined)
      fail('DTYPE', `${name}.labels`, `must be given; it is an object ${showKeys(target)}`, { image })
    const all = readLabels(labels, `${name}.labels`, image)
    const count = valid === undefined ? all.length : checkInteger(valid, 0, all.length, `${name}.valid`, 'RANGE')
    read.push({
      count,
      labels: all.slice(0, count),
      ignore: ignore === undefined ? undefined : readFlags(ignore, all.length, `${name}.ignore`, image).slice(0, count),
      fields: TARGET_FIELDS.map(({ name: field, of, takesFlags, form }, place) => {
        const value = of(target)
        if (value === undefined) return undefined
        if (form !== 'row')
          fail('OPTION', `${name}.${field}`, 'must be absent, since planes have no padded form', { image })
        const rows = { given: all.length, counted: count, width: WIDTHS[place] }
        return readRows(value, rows, takesFlags === true, `${name}.${field}`, image)
      }),
    })
  }
  return read
}

/** What targets may have, and padded ones not. */
const UNPADDABLE = ['positives', 'columns', 'weights'] as const

/** Refuses what would be dropped. */
function refuseUnpaddable(target: Record<string, unknown>, name: string, image: number): void {
  const key = UNPADDABLE.find((other) => target[other] !== undefined)
  if (key !== undefined) fail('OPTION', `${name}.${key}`, 'must be absent, since it has no padded form', { image })
  if ((target['exhaustive'] ?? true) === true) return
  fail('OPTION', `${name}.exhaustive`, 'must be absent or true, since it has no padded form', { image })
}

/** Lays the targets of all images out in rows of one length. */
function pad(read: readonly ReadTarget[], room: number): PaddedTargets {
  const images = read.length
  if (images * room > MAX_NUMBERS) failSize(images, room, 1)
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
  for (const [place, { name }] of TARGET_FIELDS.entries()) {
    if (read.every(({ fields }) => fields[place] === undefined)) continue
    const width = widthOf(read, place, name)
    if (images * room * width > MAX_NUMBERS) failSize(images, room, width)
    const data = new Float32Array(images * room * width)
    for (const [image, { fields }] of read.entries()) data.set(fields[place]?.values ?? [], image * room * width)
    padded[name] = { data, shape: [images, room, width] }
  }
  return padded as unknown as PaddedTargets
}

function failSize(images: number, room: number, width: number): never {
  const rule = `would make ${images} × ${room} × ${width} numbers, more than the ${MAX_NUMBERS} that there may be`
  return fail('RANGE', 'options.maxTargets', rule)
}

/** How long the rows of a field are, which all images with targets have alike; 0 where none has any. */
function widthOf(read: readonly ReadTarget[], place: number, name: string): number {
  let width = WIDTHS[place]
  for (const [image, { count, fields }] of read.entries()) {
    if (count === 0) continue
    const argument = `targets[${image}].${name}`
    const rows = fields[place]
    if (rows === undefined) fail('SHAPE', argument, `must be given, as other images' targets have ${name}`, { image })
    width ??= rows.width
    if (rows.width === width) continue
    fail('SHAPE', argument, `expected rows of ${width} numbers, as in other images, got ${rows.width}`, { image })
  }
  return width ?? 0
}
