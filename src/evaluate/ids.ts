/** The ids of images: what they may be, and in which order images count. */
import { fail } from '../common/errors.ts'
import { checkMemory } from '../common/memory.ts'
import { lengthOf, numbersOf } from '../common/tensors.ts'
import { show } from '../common/validate.ts'

/** What an image is called: an integer, or a string that is not empty. */
export type ImageId = number | string

/** Ids of images, typed or not. */
export type ImageIds = ArrayLike<number> | readonly ImageId[]

/** The id of an image. */
export function checkId(value: unknown, argument: string, image: number): ImageId {
  if (Number.isSafeInteger(value) || (typeof value === 'string' && value !== '')) return value as ImageId
  return fail('DTYPE', argument, `must be an integer or a string, got ${show(value)}`, { image })
}

/** A list of ids for so many images, of which nothing else has been checked. */
export function readIds(value: unknown, images: number, argument: string): ArrayLike<unknown> {
  const list: ArrayLike<unknown> | undefined = Array.isArray(value) ? value : numbersOf(value)
  if (list === undefined) fail('DTYPE', argument, `must be an array of integers or strings, got ${show(value)}`)
  if (ArrayBuffer.isView(list)) checkMemory(list, argument)
  const length = lengthOf(list, argument)
  if (length !== images) fail('SHAPE', argument, `expected ${images} entries, one for each image, got ${length}`)
  return list
}

/** The images in the order of their ids: numbers first, ascending; then strings, by their characters. */
export function orderOf(ids: readonly ImageId[]): Uint32Array {
  const order = Uint32Array.from(ids.keys())
  const rises = ids.every((id, i) => i === 0 || compare(ids[i - 1] as ImageId, id) < 0)
  return rises ? order : order.sort((a, b) => compare(ids[a] as ImageId, ids[b] as ImageId))
}

function compare(a: ImageId, b: ImageId): number {
  if (typeof a === 'number' && typeof b === 'number') return a - b
  if (typeof a !== typeof b) return typeof a === 'number' ? -1 : 1
  return a < b ? -1 : 1
}
