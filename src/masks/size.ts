/** The size of masks, as callers have it. */
import { fail } from '../common/errors.ts'
import type { ErrorPlace } from '../common/errors.ts'
import { checkMemory } from '../common/memory.ts'
import { lengthOf, numbersOf } from '../common/tensors.ts'
import { isObject, MAX_SIZE, show, showKeys } from '../common/validate.ts'

/** Rows and columns. */
export interface ReadSize {
  readonly height: number
  readonly width: number
}

const RULE = 'must be [height, width] or { height, width }'

/** Reads a size, whose numbers are integers from 1 on, and `height · width` at most 2^31 − 1. */
export function readMaskSize(value: unknown, argument: string, place?: ErrorPlace): ReadSize {
  const list = numbersOf(value)
  if (list !== undefined) {
    if (ArrayBuffer.isView(list)) checkMemory(list, argument)
    const length = lengthOf(list, argument)
    if (length !== 2) fail('SHAPE', argument, `${RULE}, got ${length} numbers`, place)
    return checkMaskSize(list[0], list[1], argument, place)
  }
  if (!isObject(value)) return fail('DTYPE', argument, `${RULE}, got ${show(value)}`, place)
  const { height, width } = value
  for (const side of [height, width]) {
    if (side === undefined) fail('DTYPE', argument, `${RULE}, got an object ${showKeys(value)}`, place)
  }
  return checkMaskSize(height, width, argument, place)
}

/** Checks the two numbers of a size. */
export function checkMaskSize(height: unknown, width: unknown, argument: string, place?: ErrorPlace): ReadSize {
  for (const side of [height, width]) {
    if (typeof side !== 'number') {
      fail('DTYPE', argument, `height and width must be numbers of pixels, got ${show(side)}`, place)
    }
    if (!Number.isInteger(side) || side < 1 || side > MAX_SIZE) {
      const rule = `height and width must be integers from 1 to ${MAX_SIZE}, got ${side}`
      fail('SHAPE', argument, rule, place)
    }
  }
  const size = { height: height as number, width: width as number }
  if (size.height * size.width > MAX_SIZE) {
    fail('SHAPE', argument, `a mask may have at most ${MAX_SIZE} pixels, got ${height} × ${width}`, place)
  }
  return size
}

/** A size as messages show it. */
export function showSize({ height, width }: ReadSize): string {
  return `[${height}, ${width}]`
}

/** Refuses a size that is not the expected one, if any is expected. `whose`: what has that one. */
export function checkSameSize(
  size: ReadSize,
  expected: ReadSize | undefined,
  whose: string,
  argument: string,
  place?: ErrorPlace,
): void {
  if (expected === undefined || (size.height === expected.height && size.width === expected.width)) return
  const isTurned = size.height === expected.width && size.width === expected.height
  const hint = isTurned ? '; height comes first' : ''
  fail('SHAPE', argument, `expected ${showSize(expected)}, the size of ${whose}, got ${showSize(size)}${hint}`, place)
}
