/** Labels, flags and fields of an image's targets in plain numbers, whatever holds them. */
import { fail } from '../common/errors.ts'
import { checkMemory, kindOf } from '../common/memory.ts'
import {
  checkHalves,
  dataIn,
  failNumber,
  failType,
  lengthOf,
  numbersOf,
  shapeOf,
  showShape,
  sizeOf,
} from '../common/tensors.ts'
import { isObject, show } from '../common/validate.ts'

/** The most targets of an image, and numbers of a row. */
const MAX_ROWS = 2 ** 24

/** A list's values, and its shape where it is a tensor. */
interface Listed {
  readonly list: ArrayLike<unknown>
  readonly length: number
  readonly shape: readonly number[] | undefined
}

/** Reads what a list is, or a tensor's data; its memory and length are checked. */
function readList(value: unknown, expected: string, argument: string, image: number): Listed {
  const shape = isObject(value) ? shapeOf(value, argument) : undefined
  const data = isObject(value) ? dataIn(value, argument) : value
  const kind = kindOf(data)
  if (!Array.isArray(data) && kind === undefined) failType(data, expected, argument, value, '', { image })
  if (kind === 'Uint16Array') checkHalves(value, argument)
  const list = data as ArrayLike<unknown>
  if (ArrayBuffer.isView(list)) checkMemory(list, argument)
  const length = lengthOf(list, argument)
  if (length > MAX_ROWS) fail('SHAPE', argument, `may have at most ${MAX_ROWS} entries, got ${length}`, { image })
  if (shape !== undefined && !Array.isArray(list[0]) && sizeOf(shape) !== length) {
    fail('SHAPE', argument, `expected ${sizeOf(shape)} values for ${showShape(shape)}, got ${length}`, { image })
  }
  return { list, length, shape }
}

/** Refuses the shape of a tensor that is no list, as of labels that are one-hot. */
function checkFlat(shape: readonly number[] | undefined, length: number, argument: string, image: number): void {
  if (shape === undefined || (shape.length === 1 && shape[0] === length)) return
  fail('SHAPE', argument, `expected [n], one for each target, got shape ${showShape(shape)}`, { image })
}

/** Class ids, one for each target. `image`: which one's they are, here and below. */
export function readLabels(labels: unknown, argument: string, image: number): number[] {
  const { list, length, shape } = readList(labels, 'an array of integers', argument, image)
  checkFlat(shape, length, argument, image)
  const read: number[] = []
  for (let i = 0; i < length; i++) {
    const given = list[i]
    const label = typeof given === 'bigint' ? Number(given) : given
    if (typeof label !== 'number') {
      const hint =
        Array.isArray(label) || ArrayBuffer.isView(label) ? ' (targets of several labels cannot be padded)' : ''
      fail('DTYPE', argument, `must hold integers, got ${show(given)} at target ${i}${hint}`, { image, target: i })
    }
    if ((label | 0) !== label) {
      fail('RANGE', argument, `must hold 32-bit integers, got ${label} at target ${i}`, { image, target: i })
    }
    read.push(label)
  }
  return read
}

/** How many rows there are of what is a tensor `[n, width]` or an array of rows. */
export function countRows(rows: unknown, argument: string, image: number): number {
  const { list, length, shape } = readList(rows, 'an array of rows', argument, image)
  if (shape !== undefined && shape.length !== 2) {
    fail('SHAPE', argument, `must be of shape [n, width], got ${showShape(shape)}`, { image })
  }
  if (shape === undefined && length > 0 && numbersOf(list[0]) === undefined) {
    fail('DTYPE', argument, `must be { data, shape } or an array of rows, got ${show(list[0])} as the first`, { image })
  }
  return shape?.[0] ?? length
}

/** Flags as 0 and 1, one for each of `count` targets where that is known. */
export function readFlags(flags: unknown, count: number | undefined, argument: string, image: number): number[] {
  const { list, length, shape } = readList(flags, 'an array of flags', argument, image)
  checkFlat(shape, length, argument, image)
  if (count !== undefined && length !== count)
    fail('SHAPE', argument, `expected ${count} flags, one for each label, got ${length}`, { image })
  const read: number[] = []
  for (let i = 0; i < length; i++) {
    const flag = list[i]
    if (flag !== true && flag !== false && flag !== 1 && flag !== 0) {
      const [noun, place] = count === undefined ? ['index', { image }] : ['target', { image, target: i }]
      fail('DTYPE', argument, `must hold true or 1, false or 0, got ${show(flag)} at ${noun} ${i}`, place)
    }
    read.push(Number(flag))
  }
  return read
}

/** The rows of a field that count, and how long each is; undefined where there is no row to tell. */
export interface Rows {
  readonly values: readonly number[]
  readonly width: number | undefined
}

/**
 * Rows of a field, flat or nested, of which the first `counted` are read. `given`: how many there are. `width`: what a row must be
 * long, where that is known. `takesFlags`: whether true and false may stand for 1 and 0.
 */
export function readRows(
  value: unknown,
  { given, counted, width }: { readonly given: number; readonly counted: number; readonly width: number | undefined },
  takesFlags: boolean,
  argument: string,
  image: number,
): Rows {
  const { list, length, shape } = readList(value, 'an array of numbers or of rows', argument, image)
  const first = list[0]
  const isNested = typeof first === 'object' && first !== null
  if (shape !== undefined && shape[0] !== given) {
    fail('SHAPE', argument, `expected a row for each of ${given} labels, got shape ${showShape(shape)}`, { image })
  }
  if (isNested ? length !== given : given === 0 ? length > 0 : length % given !== 0) {
    const rule = `expected a row for each of ${given} labels, got ${length} ${isNested ? 'rows' : 'numbers'}`
    fail('SHAPE', argument, rule, { image })
  }
  const size = isNested || given === 0 ? width : length / given
  const values: number[] = []
  if (!isNested) {
    checkWidth(size, width, argument, { image, target: 0 })
    const columns = size ?? 0
    for (let target = 0; target < counted; target++) {
      const place = { image, target }
      for (let i = columns * target; i < columns * (target + 1); i++) {
        values.push(readNumber(list[i], takesFlags, i, argument, place))
      }
    }
    return { values, width: size }
  }
  let known = width
  for (let target = 0; target < counted; target++) {
    const start = values.length
    const place = { image, target }
    addRow(list[target], takesFlags, values, `${argument}[${target}]`, place)
    checkWidth(values.length - start, known, argument, place)
    known = values.length - start
  }
  return { values, width: known }
}

/** Where a target stands. */
interface TargetPlace {
  readonly image: number
  readonly target: number
}

/** Adds the numbers of a row, whose axes may be given one by one. */
function addRow(row: unknown, takesFlags: boolean, values: number[], argument: string, place: TargetPlace): void {
  const list = numbersOf(row)
  if (list === undefined) {
    return fail('SHAPE', argument, `must be a row of numbers, as the first one, got ${show(row)}`, place)
  }
  const length = rowLength(list, argument, place)
  for (let i = 0; i < length; i++) {
    const value = list[i]
    const inner = numbersOf(value)
    if (inner === undefined) {
      values.push(readNumber(value, takesFlags, i, argument, place))
      continue
    }
    const count = rowLength(inner, argument, place)
    for (let k = 0; k < count; k++) {
      values.push(readNumber(inner[k], takesFlags, k, argument, place))
    }
  }
}

/** How many entries a row, or an axis of it, has. */
function rowLength(list: ArrayLike<unknown>, argument: string, place: TargetPlace): number {
  if (ArrayBuffer.isView(list)) checkMemory(list, argument)
  const length = lengthOf(list, argument)
  if (length > MAX_ROWS) fail('SHAPE', argument, `may have at most ${MAX_ROWS} numbers, got ${length}`, place)
  return length
}

function checkWidth(size: number | undefined, width: number | undefined, argument: string, place: TargetPlace): void {
  if (size === undefined || width === undefined || size === width) return
  fail('SHAPE', argument, `expected ${width} numbers for target ${place.target}, got ${size}`, place)
}

function readNumber(value: unknown, takesFlags: boolean, index: number, argument: string, place: TargetPlace): number {
  if (typeof value === 'number') return value
  if (takesFlags && typeof value === 'boolean') return Number(value)
  return failNumber(value, argument, `at index ${index}`, place)
}
