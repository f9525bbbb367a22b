/** Ids of images as callers have them. */
import { fail } from '../common/errors.ts'
import { isId } from '../common/ids.ts'
import { checkMemory } from '../common/memory.ts'
import { toReadError } from '../common/reading.ts'
import { lengthOf, numbersOf } from '../common/tensors.ts'
import { show } from '../common/validate.ts'

/** A copy of a list of ids, one for each of `images`. */
export function readIds(value: unknown, images: number, argument: string): ReadonlyArray<number | string> {
  try {
    const list = numbersOf(value)
    if (list === undefined)
      return fail('DTYPE', argument, `must be an array of integers or strings, got ${show(value)}`)
    if (ArrayBuffer.isView(list)) checkMemory(list, argument)
    const length = lengthOf(list, argument)
    if (length !== images) fail('SHAPE', argument, `expected ${images} entries, one for each image, got ${length}`)
    const ids: Array<number | string> = []
    for (let image = 0; image < images; image++) ids.push(readId(list[image], `${argument}[${image}]`, image))
    return ids
  } catch (error) {
    throw toReadError(error, argument)
  }
}

/** An id. */
export function readId(value: unknown, argument: string, image: number): number | string {
  return isId(value) ? value : fail('DTYPE', argument, `must be an integer or a string, got ${show(value)}`, { image })
}
