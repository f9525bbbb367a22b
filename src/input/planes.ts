/** Planes of bytes that targets have, such as masks: checked, and borrowed as they are. */
import { uint32s } from '../binding/slab.ts'
import { fail } from '../common/errors.ts'
import { checkMemory, kindOf, lengthOfTyped } from '../common/memory.ts'
import { dataIn, failType, shapeOf, showShape, sizeOf } from '../common/tensors.ts'
import { isObject } from '../common/validate.ts'
import { TARGET_FIELDS } from '../terms/index.ts'
import type { TargetField } from '../terms/index.ts'
import type { ReadField, ReadTarget } from './targets.ts'

/** What planes are, as messages say it. */
export const PLANES = 'a { data, shape } of bytes'

/** The planes of a batch, those of one field after the other, each of all images. */
export interface PackedPlanes {
  readonly arrays: Uint8Array[]
  /** Height and width of each. */
  readonly sizes: Uint32Array
}

const NONE = new Uint8Array(0)

/** Reads planes: of `given` targets of which `counted` count, or the one of an image where `given` is undefined. */
export function readPlanes(value: unknown, given: number | undefined, counted: number, argument: string): ReadField {
  if (!isObject(value)) failType(value, PLANES, argument)
  const data = dataIn(value, argument)
  const kind = kindOf(data)
  if (kind !== 'Uint8Array' && kind !== 'Uint8ClampedArray') failType(data, 'a Uint8Array', argument, value)
  const bytes = data as Uint8Array
  checkMemory(bytes, argument)
  const shape = shapeOf(value, argument)
  const expected = given === undefined ? '[height, width]' : `[${given}, height, width]`
  if (shape.length !== (given === undefined ? 2 : 3) || (given !== undefined && shape[0] !== given)) {
    fail('SHAPE', argument, `expected shape ${expected}, got ${showShape(shape)}`)
  }
  const length = sizeOf(shape)
  if (lengthOfTyped(bytes) !== length) {
    fail('SHAPE', argument, `expected ${length} bytes for shape ${showShape(shape)}, got ${lengthOfTyped(bytes)}`)
  }
  const size = shape.slice(-2) as [number, number]
  const kept = given === undefined ? length : counted * size[0] * size[1]
  return { values: new Uint8Array(bytes.buffer, bytes.byteOffset, kept), rows: undefined, size }
}

/** The planes of all images. `has`: which fields the batch has. Undefined where it has none that are planes. */
export function packPlanes(targets: readonly ReadTarget[], has: readonly boolean[]): PackedPlanes | undefined {
  const fields = TARGET_FIELDS.flatMap(({ form }, field) => (form !== 'row' && has[field] === true ? [field] : []))
  if (fields.length === 0) return undefined
  const arrays: Uint8Array[] = []
  const sizes = uint32s(2 * fields.length * targets.length)
  for (const field of fields) {
    for (const target of targets) {
      const planes = target.fields[field]
      const [height, width] = planes?.size ?? [0, 0]
      sizes[2 * arrays.length] = height
      sizes[2 * arrays.length + 1] = width
      arrays.push((planes?.values as Uint8Array | undefined) ?? NONE)
    }
  }
  return { arrays, sizes }
}

/** Whether a field is made of rows of numbers. */
export const isRow = (field: number): boolean => (TARGET_FIELDS[field] as TargetField).form === 'row'
