/**
 * Masks as the lengths of their runs: pixels down the columns from the left, outside first. So are COCO's, as lists and in the code of
 * pycocotools.
 *
 * Source: cocodataset/cocoapi, `common/maskApi.c` (`rleEncode`, `rleDecode`, `rleToString`, `rleFrString`).
 */
import { fail } from '../common/errors.ts'
import type { ErrorPlace } from '../common/errors.ts'
import { checkMemory, kindOf } from '../common/memory.ts'
import { lengthOf, numbersOf } from '../common/tensors.ts'
import { show } from '../common/validate.ts'
import type { EncodedMask } from './masks.ts'
import { showSize } from './size.ts'
import type { ReadSize } from './size.ts'

const RULE = "must be run lengths, or pycocotools' code of them"

/** Reads run lengths, plain or in code, which must add up to the pixels of a mask. */
export function readCounts(value: unknown, size: ReadSize, argument: string, place?: ErrorPlace): readonly number[] {
  if (typeof value === 'string' && /^b["']/.test(value)) {
    const rule = `${RULE}, got ${show(value)} (how Python shows bytes? decode them: counts.decode())`
    return fail('RANGE', argument, rule, place)
  }
  if (typeof value === 'string') return checkSum(decodeCounts(value, argument, place), size, argument, place)
  const list = numbersOf(value)
  if (list === undefined) {
    const hint = ArrayBuffer.isView(value) ? " (Python's bytes? decode them as a string)" : ''
    return fail('DTYPE', argument, `${RULE}, got ${show(value)}${hint}`, place)
  }
  if (ArrayBuffer.isView(list)) checkMemory(list, argument)
  const length = lengthOf(list, argument)
  const counts: number[] = []
  for (let i = 0; i < length; i++) {
    const count = list[i]
    if (typeof count !== 'number') fail('DTYPE', argument, `${RULE}, got ${show(count)} at index ${i}`, place)
    if (!Number.isFinite(count)) fail('NON_FINITE', argument, `must be finite, got ${count} at index ${i}`, place)
    counts.push(count)
  }
  const isCode = kindOf(value) === 'Uint8Array' && counts.every((code) => code >= FIRST && code < FIRST + 64)
  return checkSum(counts, size, argument, place, isCode ? ' (the code as bytes? make it a string)' : '')
}

/** Refuses run lengths that are no integers from 0 on, or do not add up to the pixels of a mask. */
function checkSum(
  counts: number[],
  size: ReadSize,
  argument: string,
  place?: ErrorPlace,
  hint = '',
): readonly number[] {
  const pixels = size.height * size.width
  let sum = 0
  for (const [i, count] of counts.entries()) {
    if (!Number.isInteger(count) || count < 0) {
      fail('RANGE', argument, `must hold integers from 0 on, got ${count} at index ${i}`, place)
    }
    sum += count
  }
  if (sum === pixels) return counts
  const rule = `must add up to ${pixels}, the pixels of ${showSize(size)}, got ${sum} from ${counts.length} runs${hint}`
  return fail('SHAPE', argument, rule, place)
}

/** Characters of the code start at `'0'`, five bits and a flag that more follow in each. */
const FIRST = 48
/** No run takes more characters: these are 35 bits. */
const MAX_CHARACTERS = 7

/** Run lengths from pycocotools' code: numbers of five bits a character, from the fourth on the difference to the last but one. */
function decodeCounts(code: string, argument: string, place?: ErrorPlace): number[] {
  const counts: number[] = []
  let at = 0
  while (at < code.length) {
    let [value, factor, more] = [0, 1, true]
    const start = at
    while (more) {
      const bits = code.charCodeAt(at) - FIRST
      if (!(bits >= 0 && bits < 64)) failCode(code, at, argument, place)
      if (at - start === MAX_CHARACTERS)
        fail('RANGE', argument, `a number of the code is too long, at character ${start}`, place)
      more = (bits & 32) !== 0
      value += (bits & 31) * factor
      factor *= 32
      // the highest bit is the sign
      if (!more && (bits & 16) !== 0) value -= factor
      at++
    }
    if (counts.length > 2) value += counts[counts.length - 2] as number
    counts.push(value)
  }
  return counts
}

function failCode(code: string, at: number, argument: string, place?: ErrorPlace): never {
  if (at === code.length) return fail('SHAPE', argument, `the code ends within a number, after ${at} characters`, place)
  const rule = `the code has characters from '0' to 'o', got ${show(code.charAt(at))} at character ${at}`
  return fail('RANGE', argument, rule, place)
}

/** A mask, given as pixels of 0 and 1, row-major, in pycocotools' code. */
export function encodePixels(pixels: Uint8Array, size: ReadSize): EncodedMask {
  return { size: [size.height, size.width], counts: encodeCounts(countsOf(pixels, size)) }
}

/** Run lengths in pycocotools' code. */
function encodeCounts(counts: readonly number[]): string {
  let code = ''
  for (const [i, count] of counts.entries()) {
    let value = i > 2 ? count - (counts[i - 2] as number) : count
    for (let more = true; more;) {
      const bits = value & 31
      value >>= 5
      more = (bits & 16) !== 0 ? value !== -1 : value !== 0
      code += String.fromCharCode(FIRST + (more ? bits | 32 : bits))
    }
  }
  return code
}

/** The lengths of the runs of a mask, given as pixels of 0 and 1, row-major. */
function countsOf(pixels: Uint8Array, { height, width }: ReadSize): number[] {
  const counts: number[] = []
  let [last, run] = [0, 0]
  for (let x = 0; x < width; x++) {
    for (let y = 0; y < height; y++) {
      const pixel = pixels[y * width + x] as number
      if (pixel !== last) {
        counts.push(run)
        ;[last, run] = [pixel, 0]
      }
      run++
    }
  }
  counts.push(run)
  return counts
}

/** The box around a mask, given as pixels of 0 and 1: left, top, width and height; zeros for an empty one, as pycocotools gives it. */
export function boxOf(pixels: Uint8Array, { height, width }: ReadSize): [number, number, number, number] {
  let [left, top, right, bottom] = [width, height, 0, 0]
  for (let y = 0; y < height; y++) {
    const row = pixels.subarray(y * width, (y + 1) * width)
    const first = row.indexOf(1)
    if (first < 0) continue
    left = Math.min(left, first)
    right = Math.max(right, row.lastIndexOf(1) + 1)
    top = Math.min(top, y)
    bottom = y + 1
  }
  return bottom === 0 ? [0, 0, 0, 0] : [left, top, right - left, bottom - top]
}

/** Sets the pixels of a mask to 1 that lie within its runs. `pixels`: those of the mask, row-major, all 0. */
export function paintCounts(counts: readonly number[], size: ReadSize, pixels: Uint8Array): void {
  let start = 0
  for (const [i, count] of counts.entries()) {
    if (i % 2 === 1) paintRun(start, start + count, size, pixels)
    start += count
  }
}

/** Sets a run to 1: pixels from `start` to before `end`, counted down the columns. */
export function paintRun(start: number, end: number, { height, width }: ReadSize, pixels: Uint8Array): void {
  let x = Math.floor(start / height)
  let y = start - x * height
  for (let at = start; at < end; at++) {
    pixels[y * width + x] = 1
    if (++y === height) [x, y] = [x + 1, 0]
  }
}
