/** Masks as pixels: typed arrays, flat or nested lists, of 0 and 1, false and true. */
import { fail } from '../common/errors.ts'
import type { ErrorPlace } from '../common/errors.ts'
import { bytesOf, checkMemory, kindOf, lengthOfTyped } from '../common/memory.ts'
import { checkHalves, failType, isNumeric, lengthOf, showShape, sizeOf } from '../common/tensors.ts'
import { show } from '../common/validate.ts'

/** Where values stand: the argument, the place of the masks, and the pixels of each. */
export interface PixelPlace {
  readonly argument: string
  readonly place: ErrorPlace | undefined
  /** Pixels of a mask; undefined where there is one mask alone. */
  readonly pixels: number | undefined
}

/** What is looked at. */
export interface PixelScope {
  /** Whether what a `Uint8Array` holds is left to the core to look at, which does so in less time. Default: false. */
  readonly coreChecks?: boolean
  /** How many pixels count; what comes after them is padding, and may be anything. Default: all. */
  readonly counted?: number
}

/**
 * The pixels of some masks, row-major, as bytes of 0 and 1: a `Uint8Array` as it is, all else in memory of its own. `holder`: the object
 * that has the data.
 */
export function readPixels(
  data: unknown,
  shape: readonly number[],
  at: PixelPlace,
  holder?: unknown,
  { coreChecks = false, counted = Infinity }: PixelScope = {},
): Uint8Array {
  const { argument, place } = at
  const kind = kindOf(data)
  if (kind === undefined) {
    if (!Array.isArray(data)) failType(data, 'a typed array or an array of 0 and 1', argument, holder, '', place)
    return readList(data as readonly unknown[], shape, at, counted)
  }
  if (!isNumeric(kind)) failType(data, '0 and 1 as numbers', argument, holder, '', place)
  if (kind === 'Uint16Array') checkHalves(holder, argument)
  checkMemory(data as Uint8Array, argument)
  const [expected, length] = [sizeOf(shape), lengthOfTyped(data as Uint8Array)]
  if (length !== expected) {
    const hint = length === 4 * expected ? ' (RGBA? take one number of each pixel)' : ''
    fail('SHAPE', argument, `expected ${expected} values for ${showShape(shape)}, got ${length}${hint}`, place)
  }
  if (kind === 'Uint8Array') {
    if (!coreChecks) checkBytes(data as Uint8Array, Math.min(length, counted), at)
    return data as Uint8Array
  }
  const bytes = new Uint8Array(sizeOf(shape))
  for (let i = 0; i < Math.min(bytes.length, counted); i++) {
    const value = (data as Uint8Array)[i]
    bytes[i] = value === 0 || value === 1 ? value : failPixel(value, i, at)
  }
  return bytes
}

/**
 * Refuses bytes other than 0 and 1, of the first so many. They are looked at four at a time, and eight times four in a round, which takes
 * half the time.
 */
function checkBytes(data: Uint8Array, byteLength: number, at: PixelPlace): void {
  const { buffer, byteOffset } = bytesOf(data)
  const aligned = -byteOffset & 3
  const head = byteLength < aligned + 4 ? byteLength : aligned
  const words = new Uint32Array(buffer, head === aligned ? byteOffset + head : 0, (byteLength - head) >> 2)
  let seen = 0
  const rounds = words.length & ~7
  const word = (i: number): number => words[i] as number
  for (let i = 0; i < rounds; i += 8) {
    seen |= word(i) | word(i + 1) | word(i + 2) | word(i + 3) | word(i + 4) | word(i + 5) | word(i + 6) | word(i + 7)
  }
  for (let i = rounds; i < words.length; i++) seen |= word(i)
  const bytes = new Uint8Array(buffer, byteOffset, byteLength)
  for (let i = 0; i < head; i++) seen |= bytes[i] as number
  for (let i = head + 4 * words.length; i < byteLength; i++) seen |= bytes[i] as number
  if ((seen & 0xfefefefe) === 0) return
  const wrong = bytes.findIndex((value) => value > 1)
  failPixel(bytes[wrong], wrong, at)
}

/** Plain values, flat or in nested rows, the innermost of which may be flat from any axis on. */
function readList(data: readonly unknown[], shape: readonly number[], at: PixelPlace, counted: number): Uint8Array {
  checkList(data, shape, 0, at)
  const bytes = new Uint8Array(sizeOf(shape))
  let next = 0
  const fill = (list: ArrayLike<unknown>, axis: number): void => {
    const length = checkList(list, shape, axis, at)
    const isRows = isList(list[0])
    for (let i = 0; i < length; i++) {
      const value = list[i]
      if (!isRows && next >= counted) next++
      else if (isRows) {
        if (!isList(value)) fail('DTYPE', at.argument, `expected rows at axis ${axis}, got ${show(value)}`, at.place)
        fill(value, axis + 1)
      } else if (value === 0 || value === false) next++
      else if (value === 1 || value === true) bytes[next++] = 1
      else failPixel(value, next, at)
    }
  }
  fill(data, 0)
  return bytes
}

function isList(value: unknown): value is ArrayLike<unknown> {
  return Array.isArray(value) || kindOf(value) !== undefined
}

/** Compares the length of a list at an axis with the shape: rows at that axis, or all that is left of it. Gives the length. */
function checkList(list: ArrayLike<unknown>, shape: readonly number[], axis: number, at: PixelPlace): number {
  if (ArrayBuffer.isView(list)) checkMemory(list, at.argument)
  const length = ArrayBuffer.isView(list) ? lengthOfTyped(list) : lengthOf(list, at.argument)
  const isRows = length > 0 && isList(list[0]) && axis + 1 < shape.length
  const expected = isRows ? (shape[axis] as number) : sizeOf(shape.slice(axis))
  if (length === expected) return length
  const what = isRows ? 'rows' : 'values'
  const rule = `expected ${expected} ${what} at axis ${axis} of ${showShape(shape)}, got ${length}`
  return fail('SHAPE', at.argument, rule, at.place)
}

/** Refuses what is no flag, saying what it may have been meant for. */
export function failPixel(value: unknown, index: number, { argument, place, pixels }: PixelPlace): never {
  const where = pixels === undefined ? place : { ...place, target: Math.floor(index / pixels) }
  const got = `must hold 0 and 1, got ${show(value)} at index ${index}`
  if (typeof value !== 'number') return fail('DTYPE', argument, got, where)
  if (!Number.isFinite(value)) return fail('NON_FINITE', argument, got, where)
  return fail('RANGE', argument, `${got}${pixelHint(value)}`, where)
}

/** What a number may be that is neither 0 nor 1. */
function pixelHint(value: number): string {
  if (value === 255) return ' (divide by 255)'
  if (value > 0 && value < 1) return ' (compare with a threshold)'
  if (!Number.isInteger(value)) return ' (logits? compare with 0)'
  return value > 1 ? ' (ids in one map? each object has a mask of its own: where the map is its id)' : ''
}

/** What may be behind a shape of another number of axes. */
export function axisHint(shape: readonly number[], rank: number): string {
  if (shape.length === rank - 1 && rank === 3) {
    const [height, width] = shape as readonly [number, number]
    return `; a single mask has the shape [1, ${height}, ${width}], and of a map of ids each object has a mask of its own`
  }
  const axis = shape.length === rank + 1 ? shape.lastIndexOf(1) : -1
  return axis < 0 ? '' : `; leave out the axis of 1: ${showShape(shape.toSpliced(axis, 1))}`
}

/** What may be behind a wrong number of bytes: an axis that was packed by itself, so that its bits end within a byte. */
function bitsHint(length: number, shape: readonly number[]): string {
  const isByItself = [1, 2].some(
    (axis) => length === sizeOf(shape.slice(0, axis)) * Math.ceil(sizeOf(shape.slice(axis)) / 8),
  )
  if (isByItself) return ' (each mask or row packed by itself? pack all pixels as one string of bits)'
  return length === sizeOf(shape) ? ' (a byte for each pixel? these are data)' : ''
}

/** Pixels from bits, the least significant of each byte first. */
export function readBits(bits: unknown, shape: readonly number[], { argument, place }: PixelPlace): Uint8Array {
  if (kindOf(bits) !== 'Uint8Array') fail('DTYPE', argument, `must be a Uint8Array, got ${show(bits)}`, place)
  const packed = bits as Uint8Array
  checkMemory(packed, argument)
  const size = sizeOf(shape)
  const [expected, length] = [Math.ceil(size / 8), lengthOfTyped(packed)]
  if (length !== expected) {
    const rule = `expected ${expected} bytes, eight pixels of ${showShape(shape)} in each, got ${length}`
    fail('SHAPE', argument, `${rule}${bitsHint(length, shape)}`, place)
  }
  const left = size % 8
  if (left > 0 && (packed[length - 1] as number) >> left !== 0) {
    const rule = `the last ${8 - left} bits, which are no pixels, must be 0 (bits go from the least significant on)`
    fail('RANGE', argument, rule, place)
  }
  const bytes = new Uint8Array(size)
  for (let i = 0; i < size; i++) bytes[i] = ((packed[i >> 3] as number) >> (i & 7)) & 1
  return bytes
}
