/** Padded targets as ragged ones again. */
import { fail } from '../common/errors.ts'
import { constructorOf, WITH_JSON } from '../common/plain.ts'
import type { Unfinished } from '../common/plain.ts'
import { toReadError } from '../common/reading.ts'
import { dataIn, float32, floats, shapeOf, showShape, sizeOf } from '../common/tensors.ts'
import { checkRecord, isRecord, show } from '../common/validate.ts'
import type { Target } from '../input/targets.ts'
import { readPixels } from '../masks/pixels.ts'
import { TARGET_FIELDS } from '../terms/index.ts'
import type { AnyTarget, PaddedName, PaddedTargets } from './pad-targets.ts'

/** What the targets of an image have of a padded field. */
type UnpaddedOf<Field> = Field extends 'masks' | 'void'
  ? { readonly data: Uint8Array; readonly shape: number[] }
  : Field extends 'positives'
    ? { readonly data: Float32Array; readonly shape: number[] }
    : Field extends 'columns'
      ? Uint8Array
      : Float32Array

/** Fields that targets have whatever stands for their classes. */
type Beside = Exclude<PaddedName, 'positives'>

/** The targets of an image, unpadded: the fields that padded ones of this type have for certain, and perhaps others. */
export type UnpaddedTarget<T> = (T extends { readonly positives: object }
  ? {
      /** None beside positives. */
      readonly labels?: undefined
      /** `[n, C]`. */
      readonly positives: UnpaddedOf<'positives'>
    }
  : {
      /** `[n]`: class ids. */
      readonly labels: Int32Array
      /** None beside labels. */
      readonly positives?: undefined
    }) & {
  /** `[n]`: 1 for targets that are to be ignored. */
  readonly ignore?: Uint8Array | undefined
  /** False where the targets are not all of the image's objects. */
  readonly exhaustive?: boolean | undefined
} & {
  /** `[n · width]`; of masks and void pixels with their shape, `[n, H, W]` and `[H, W]`. */
  readonly [Field in Beside as T extends { readonly [F in Field]: object } ? Field : never]: UnpaddedOf<Field>
} & {
  readonly [Field in Beside as T extends { readonly [F in Field]: object } ? never : Field]?:
    | UnpaddedOf<Field>
    | undefined
}

const PlainTarget = constructorOf<Target, [Int32Array | undefined]>(function (labels) {
  if (labels !== undefined) this.labels = labels
}, WITH_JSON)

/** The most images, which are made even where they have no room. */
const MAX_IMAGES = 2 ** 22

const PADDED = [
  'valid',
  'labels',
  'ignore',
  'exhaustive',
  'positives',
  'columns',
  'weights',
  ...TARGET_FIELDS.map(({ name }) => name),
] as const

/** A padded field that was read. */
interface ReadField {
  /** What of it an image's first `count` targets have. */
  readonly of: (image: number, count: number) => unknown
  readonly name: string
}

/**
 * The targets that {@link padTargets} has padded, ragged again, each with memory of its own: as a worker that was sent them hands them to its
 * criterion. The numbers are float32, masks bytes, of the size of the canvas.
 *
 * Throws `SHAPE` and `DTYPE` for what is not so padded, `RANGE` for `valid` beyond the room and flags other than 1 and 0, and `OPTION` for
 * other keys.
 */
export function unpadTargets<T extends AnyTarget = Target>(padded: PaddedTargets<T>): UnpaddedTarget<T>[]
export function unpadTargets(padded: unknown): UnpaddedTarget<AnyTarget>[] {
  try {
    if (!isRecord(padded)) fail('DTYPE', 'padded', `must be what padTargets gives, got ${show(padded)}`)
    const given = checkRecord(padded, PADDED, 'padded')
    const { valid, labels, ignore, exhaustive, positives } = given
    const all = integersOf(labels, 'padded.labels')
    if (all.shape.length !== 2) fail('SHAPE', 'padded.labels', `must be of shape [B, N], got ${showShape(all.shape)}`)
    const [images, room] = all.shape as [number, number]
    if (images > MAX_IMAGES) fail('SHAPE', 'padded.labels', `may be of at most ${MAX_IMAGES} images, got ${images}`)
    const counts = integersOf(valid, 'padded.valid', [images])
    const flags = ignore === undefined ? undefined : integersOf(ignore, 'padded.ignore', [images, room])
    const whole = exhaustive === undefined ? undefined : integersOf(exhaustive, 'padded.exhaustive', [images])
    const fields = readFields(given, images, room)
    return Array.from(counts.values, (count, image) => {
      if (count < 0 || count > room) {
        const rule = `must hold numbers from 0 to ${room}, got ${count} for image ${image}`
        fail('RANGE', 'padded.valid', rule, { image })
      }
      const [start, end] = [image * room, image * room + count]
      const own = positives === undefined ? all.values.slice(start, end) : undefined
      const target: Unfinished<Target> = new PlainTarget(own)
      for (const { name, of } of fields) Object.assign(target, { [name]: of(image, count) })
      if (flags !== undefined) target.ignore = flagsOf(flags.values.slice(start, end), 'padded.ignore', image)
      if (whole !== undefined) {
        const [flag] = flagsOf(whole.values.slice(image, image + 1), 'padded.exhaustive', image)
        target.exhaustive = flag === 1
      }
      return target as unknown as UnpaddedTarget<AnyTarget>
    })
  } catch (error) {
    throw toReadError(error, 'padded')
  }
}

/** The fields that there are, in the order in which targets have them. */
function readFields(given: { readonly [Name in (typeof PADDED)[number]]?: unknown }, images: number, room: number) {
  const fields: ReadField[] = []
  const add = (
    name: string,
    value: unknown,
    lead: readonly number[],
    axes: number,
    of: (field: ReadTensor) => ReadField['of'],
  ) => {
    if (value === undefined) return
    const argument = `padded.${name}`
    const shape = shapeOf(value, argument)
    if (shape.length !== lead.length + axes || lead.some((size, axis) => size !== shape[axis])) {
      const rest = Array.from({ length: axes }, (_, axis) => (axes === 1 ? 'width' : ['H', 'W'][axis]))
      fail('SHAPE', argument, `must be of shape [${[...lead, ...rest].join(', ')}], got ${showShape(shape)}`)
    }
    fields.push({ name, of: of({ value, argument, shape, size: sizeOf(shape.slice(lead.length)) }) })
  }
  const rows = (field: ReadTensor): ReadField['of'] => {
    const values = float32(field.value, field.shape, field.argument)
    const { size } = field
    return (image, count) => copyOf(values, image * room * size, (image * room + count) * size)
  }
  const shaped = (field: ReadTensor): ReadField['of'] => {
    const of = rows(field)
    return (image, count) => ({ data: of(image, count), shape: [count, field.size] })
  }
  const planes = (field: ReadTensor): ReadField['of'] => {
    const bytes = bytesIn(field)
    const [size, sides] = [field.size, field.shape.slice(-2)]
    return (image, count) => ({
      data: bytes.slice(image * room * size, (image * room + count) * size),
      shape: [count, ...sides],
    })
  }
  const plane = (field: ReadTensor): ReadField['of'] => {
    const bytes = bytesIn(field)
    const [size, shape] = [field.size, field.shape.slice(-2)]
    return (image) => ({ data: bytes.slice(image * size, (image + 1) * size), shape: [...shape] })
  }
  const flags = (field: ReadTensor): ReadField['of'] => {
    const bytes = bytesIn(field)
    const { size } = field
    return (image) => bytes.slice(image * size, (image + 1) * size)
  }
  add('positives', given.positives, [images, room], 1, shaped)
  for (const { name, of, form } of TARGET_FIELDS) {
    if (form === 'row') add(name, of(given), [images, room], 1, rows)
    else if (form === 'planes') add(name, of(given), [images, room], 2, planes)
    else add(name, of(given), [images], 2, plane)
  }
  add('columns', given.columns, [images], 1, flags)
  add('weights', given.weights, [images, room], 0, rows)
  return fields
}

/** A tensor of padded targets whose shape was checked. */
interface ReadTensor {
  readonly value: unknown
  readonly argument: string
  readonly shape: readonly number[]
  /** How many numbers a row, or a plane, has. */
  readonly size: number
}

/** Values of 0 and 1 as bytes. */
function bytesIn({ value, argument, shape }: ReadTensor): Uint8Array {
  const place = { argument, place: undefined, pixels: undefined }
  return Uint8Array.from(readPixels(dataIn(value as object, argument), shape, place, value))
}

/** Some of an array's values, by its own length and class, whatever it was made of. */
function copyOf(values: Float32Array, start: number, end: number): Float32Array {
  const copy = new Float32Array(end - start)
  for (let i = start; i < end; i++) copy[i - start] = values[i] as number
  return copy
}

/** The flags of an image's targets. */
function flagsOf(flags: Int32Array, argument: string, image: number): Uint8Array {
  const target = flags.findIndex((flag) => flag !== 0 && flag !== 1)
  if (target < 0) return Uint8Array.from(flags)
  const rule = `must hold 1 or 0, got ${flags[target]} for target ${target} of image ${image}`
  return fail('RANGE', argument, rule, { image, target })
}

/** A tensor of integers, of a shape where one is expected. */
function integersOf(
  tensor: unknown,
  argument: string,
  expected?: readonly number[],
): { readonly values: Int32Array; readonly shape: readonly number[] } {
  const shape = shapeOf(tensor, argument)
  if (expected !== undefined && showShape(shape) !== showShape(expected)) {
    fail('SHAPE', argument, `expected shape ${showShape(expected)}, got ${showShape(shape)}`)
  }
  const values = floats(dataIn(tensor as object, argument), shape, argument, tensor)
  const integers = new Int32Array(sizeOf(shape))
  for (let i = 0; i < integers.length; i++) {
    const value = values[i]
    integers[i] = value as number
    if (integers[i] !== value) fail('RANGE', argument, `must hold 32-bit integers, got ${value} at index ${i}`)
  }
  return { values: integers, shape }
}
