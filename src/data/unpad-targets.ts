/** Padded targets as ragged ones again. */
import { fail } from '../common/errors.ts'
import { constructorOf, WITH_JSON } from '../common/plain.ts'
import type { Unfinished } from '../common/plain.ts'
import { toReadError } from '../common/reading.ts'
import { dataIn, float32, floats, shapeOf, showShape, sizeOf } from '../common/tensors.ts'
import { checkRecord, isRecord, show } from '../common/validate.ts'
import type { Target } from '../input/targets.ts'
import { TARGET_FIELDS } from '../terms/index.ts'
import type { AnyTarget, FieldName, PaddedTargets } from './pad-targets.ts'

/** The targets of an image, unpadded: the fields that padded ones of this type have for certain, and perhaps others. */
export type UnpaddedTarget<T> = {
  /** `[n]`: class ids. */
  readonly labels: Int32Array
  /** `[n]`: 1 for targets that are to be ignored. */
  readonly ignore?: Uint8Array | undefined
} & {
  /** `[n · width]`. */
  readonly [Field in FieldName as T extends { readonly [F in Field]: object } ? Field : never]: Float32Array
} & {
  readonly [Field in FieldName as T extends { readonly [F in Field]: object } ? never : Field]?:
    | Float32Array
    | undefined
}

const PlainTarget = constructorOf<Target, [Int32Array]>(function (labels) {
  this.labels = labels
}, WITH_JSON)

/** The most images, which are made even where they have no room. */
const MAX_IMAGES = 2 ** 22

const ROW_FIELDS = TARGET_FIELDS.filter(({ form }) => form === 'row')

const PADDED = ['valid', 'labels', 'ignore', ...ROW_FIELDS.map(({ name }) => name)] as const

/**
 * The targets that {@link padTargets} has padded, ragged again, each with memory of its own: as a worker that was sent them hands them to its
 * criterion. The numbers are float32.
 *
 * Throws `SHAPE` and `DTYPE` for what is not so padded, `RANGE` for `valid` beyond the room and flags other than 1 and 0, and `OPTION` for
 * other keys.
 */
export function unpadTargets<T extends AnyTarget = Target>(padded: PaddedTargets<T>): UnpaddedTarget<T>[]
export function unpadTargets(padded: unknown): UnpaddedTarget<AnyTarget>[] {
  try {
    if (!isRecord(padded)) fail('DTYPE', 'padded', `must be what padTargets gives, got ${show(padded)}`)
    const given = checkRecord(padded, PADDED, 'padded')
    const { valid, labels, ignore } = given
    const all = integersOf(labels, 'padded.labels')
    if (all.shape.length !== 2) fail('SHAPE', 'padded.labels', `must be of shape [B, N], got ${showShape(all.shape)}`)
    const [images, room] = all.shape as [number, number]
    if (images > MAX_IMAGES) fail('SHAPE', 'padded.labels', `may be of at most ${MAX_IMAGES} images, got ${images}`)
    const counts = integersOf(valid, 'padded.valid', [images])
    const flags = ignore === undefined ? undefined : integersOf(ignore, 'padded.ignore', [images, room])
    const fields = ROW_FIELDS.flatMap(({ name, of }) => {
      const tensor = of(given)
      if (tensor === undefined) return []
      const argument = `padded.${name}`
      const shape = shapeOf(tensor, argument)
      if (shape.length !== 3 || shape[0] !== images || shape[1] !== room) {
        fail('SHAPE', argument, `must be of shape [${images}, ${room}, width], got ${showShape(shape)}`)
      }
      return [{ name, values: float32(tensor, shape, argument), width: shape[2] as number }]
    })
    return Array.from(counts.values, (count, image) => {
      if (count < 0 || count > room) {
        const rule = `must hold numbers from 0 to ${room}, got ${count} for image ${image}`
        fail('RANGE', 'padded.valid', rule, { image })
      }
      const rows = (width: number) => [image * room * width, (image * room + count) * width] as const
      const target: Unfinished<Target> = new PlainTarget(all.values.slice(...rows(1)))
      for (const { name, values, width } of fields) {
        Object.assign(target, { [name]: copyOf(values, ...rows(width)) })
      }
      if (flags !== undefined) target.ignore = flagsOf(flags.values.slice(...rows(1)), image)
      return target as unknown as UnpaddedTarget<AnyTarget>
    })
  } catch (error) {
    throw toReadError(error, 'padded')
  }
}

/** Some of an array's values, by its own length and class, whatever it was made of. */
function copyOf(values: Float32Array, start: number, end: number): Float32Array {
  const copy = new Float32Array(end - start)
  for (let i = start; i < end; i++) copy[i - start] = values[i] as number
  return copy
}

/** The flags of an image's targets. */
function flagsOf(flags: Int32Array, image: number): Uint8Array {
  const target = flags.findIndex((flag) => flag !== 0 && flag !== 1)
  if (target < 0) return Uint8Array.from(flags)
  const rule = `must hold 1 or 0, got ${flags[target]} for target ${target} of image ${image}`
  return fail('RANGE', 'padded.ignore', rule, { image, target })
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
