/** The sizes of images, as callers have them. */
import { fail } from '../common/errors.ts'
import { checkMemory } from '../common/memory.ts'
import { lengthOf, numbersOf } from '../common/tensors.ts'
import { isObject, show, showKeys } from '../common/validate.ts'

/**
 * The size of an image in pixels: `[width, height]`, in this order, or `{ width, height }`, as an entry of COCO's `images` is.
 * (Python's post-processors take height first.)
 */
export type ImageSize = readonly [width: number, height: number] | { readonly width: number; readonly height: number }

const RULE = 'must be [width, height] or { width, height }'

/** Reads a size, whose numbers are finite and above 0. */
export function readSize(value: unknown, argument: string): readonly [width: number, height: number] {
  const list = numbersOf(value)
  if (list !== undefined) {
    if (ArrayBuffer.isView(list)) checkMemory(list, argument)
    const length = lengthOf(list, argument)
    if (length !== 2) fail('SHAPE', argument, `${RULE}, got ${length} numbers`)
    return [readSide(list[0], `${argument}[0]`), readSide(list[1], `${argument}[1]`)]
  }
  if (!isObject(value)) return fail('DTYPE', argument, `${RULE}, got ${show(value)}`)
  const { width, height } = value
  for (const side of [width, height]) {
    if (side === undefined) fail('DTYPE', argument, `${RULE}, got an object ${showKeys(value)}`)
  }
  return [readSide(width, `${argument}.width`), readSide(height, `${argument}.height`)]
}

/** One side of an image. */
export function readSide(value: unknown, argument: string): number {
  if (typeof value !== 'number') return fail('DTYPE', argument, `must be a number of pixels, got ${show(value)}`)
  if (value > 0 && value < Infinity) return value
  const code = Number.isFinite(value) ? 'RANGE' : 'NON_FINITE'
  return fail(code, argument, `must be a finite number of pixels above 0, got ${value}`)
}
