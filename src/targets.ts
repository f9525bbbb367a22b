import { fail } from './errors.ts'
import { checkMemory, isUsable, kindOf } from './memory.ts'
import { float32s, int32s, uint32s } from './slab.ts'
import { failType, isNumeric, numbersOf, shapeOf, showShape } from './tensors.ts'
import type { Target } from './types.ts'
import { checkInteger, isRecord, show } from './validate.ts'

/** Numbers of a box. */
const COMPONENTS = 4

/** The targets of all images one after the other, as the binding takes them. */
export interface PackedTargets {
  /** Targets of the batch, T. */
  readonly total: number
  /** `[T]`, or as many as there are labels. */
  readonly labels: Int32Array
  /** `[T + 1]`: the labels of target t are `labelOffsets[t]` to `labelOffsets[t + 1]`; absent where each has one. */
  readonly labelOffsets: Uint32Array | undefined
  /** `[T, 4]`. */
  readonly boxes: Float32Array
  /** `[B + 1]`: the targets of image b are `offsets[b]` to `offsets[b + 1]`. */
  readonly offsets: Uint32Array
  /** `[T]`: 1 for those to be ignored, else 0; absent where there are none. */
  readonly ignores: Uint8Array | undefined
}

/** Copies the targets of a batch together: first all shapes are checked, then all labels, then all boxes. */
export function packTargets(targets: readonly Target[], images: number): PackedTargets {
  if (!Array.isArray(targets)) {
    fail('DTYPE', 'targets', `must be an array with one entry for each image, got ${show(targets)}`)
  }
  if (targets.length !== images) {
    fail('SHAPE', 'targets', `expected one entry for each of ${images} images, got ${targets.length}`)
  }
  let total = 0
  for (let image = 0; image < images; image++) total += countTargets(targets[image], image)

  const sets = countLabelSets(targets)
  const labels = int32s(sets ?? total)
  const labelOffsets = sets === undefined ? undefined : uint32s(total + 1)
  const boxes = float32s(COMPONENTS * total)
  const offsets = uint32s(images + 1)
  for (let image = 0; image < images; image++) {
    const start = offsets[image] as number
    offsets[image + 1] =
      labelOffsets === undefined
        ? packLabels(targets[image], image, labels, start)
        : packLabelSets(targets[image], image, labels, labelOffsets, start)
  }
  for (let image = 0; image < images; image++) {
    packBoxes(targets[image], image, boxes, offsets[image] as number, offsets[image + 1] as number)
  }
  const ignores = targets.some(({ ignore }) => ignore !== undefined) ? packIgnores(targets, offsets, total) : undefined
  return { total, labels, labelOffsets, boxes, offsets, ignores }
}

/** Checks the shapes of one image's targets; gives how many count. */
function countTargets(target: Target, image: number): number {
  if (!isRecord(target)) {
    fail('DTYPE', `targets[${image}]`, `must be { labels, boxes }, got ${show(target)}`, { image })
  }
  if (target['masks'] !== undefined) fail('OPTION', `targets[${image}].masks`, 'masks are not supported', { image })
  const { labels, boxes, valid } = target as unknown as Target
  const given = countLabels(labels, image)
  const counted = valid === undefined ? given : checkInteger(valid, 0, given, `targets[${image}].valid`, 'RANGE')
  checkBoxes(boxes, image, given, counted)
  if (target.ignore !== undefined) checkIgnores(target.ignore, image, given)
  return counted
}

/** Checks the type and shape of one image's labels; gives their number. */
function countLabels(labels: unknown, image: number): number {
  const data = dataOf(labels)
  const kind = kindOf(data)
  if (kind === undefined ? !Array.isArray(data) : kind.startsWith('Float')) {
    failType(data, 'an array of integers', `targets[${image}].labels`)
  }
  const { length } = data as ArrayLike<unknown>
  if (kind !== undefined && !isUsable(data as Int32Array)) checkMemory(data as Int32Array, `targets[${image}].labels`)
  if (data !== labels) checkTensorShape(labels, [length], `targets[${image}].labels`)
  return length
}

/** Checks the type and shape of one image's boxes, of which `counted` count. */
function checkBoxes(boxes: unknown, image: number, given: number, counted: number): void {
  const data = dataOf(boxes)
  const kind = kindOf(data)
  if (kind === undefined ? !Array.isArray(data) : !isNumeric(kind)) {
    failType(data, 'an array of numbers or of rows of 4', `targets[${image}].boxes`)
  }
  const values = data as ArrayLike<unknown>
  const nested = isNested(values)
  if (kind !== undefined && !isUsable(data as Float32Array)) checkMemory(data as Float32Array, `targets[${image}].boxes`)
  if (data !== boxes) checkTensorShape(boxes, [given, COMPONENTS], `targets[${image}].boxes`)
  if (values.length !== (nested ? given : COMPONENTS * given)) {
    const got = nested ? `${values.length} rows` : `${values.length} numbers`
    fail('SHAPE', `targets[${image}].boxes`, `expected ${given} boxes of 4 numbers, one for each label, got ${got}`, {
      image,
    })
  }
  if (!nested) return
  for (let target = 0; target < counted; target++) {
    const row = numbersOf(values[target])
    if (row?.length === COMPONENTS) continue
    const got = row === undefined ? show(values[target]) : `${row.length}`
    fail('SHAPE', `targets[${image}].boxes`, `expected 4 numbers for target ${target}, got ${got}`, { image, target })
  }
}

/** The number of all labels if a target has a list of them, else undefined. */
function countLabelSets(targets: readonly Target[]): number | undefined {
  let count = 0
  let several = false
  for (let image = 0; image < targets.length; image++) {
    const { labels, valid } = targets[image] as Target
    const data = dataOf(labels) as ArrayLike<unknown>
    const length = valid ?? data.length
    if (kindOf(data) !== undefined) {
      count += length
      continue
    }
    for (let i = 0; i < length; i++) {
      const set = labelsOf(data[i])
      several ||= set !== undefined
      count += set?.length ?? 1
    }
  }
  return several ? count : undefined
}

/** A list of labels; undefined for everything else. */
function labelsOf(value: unknown): ArrayLike<unknown> | undefined {
  if (typeof value !== 'object') return undefined
  const kind = kindOf(value)
  const isList = kind === undefined ? Array.isArray(value) : !kind.startsWith('Float')
  return isList ? (value as ArrayLike<unknown>) : undefined
}

/** Copies one image's lists of labels to `out`, and where each ends to `offsets` from `start`; gives the place after. */
function packLabelSets(target: Target, image: number, out: Int32Array, offsets: Uint32Array, start: number): number {
  const data = dataOf(target.labels) as ArrayLike<unknown>
  const count = target.valid ?? data.length
  for (let i = 0; i < count; i++) {
    const set = labelsOf(data[i]) ?? [data[i]]
    const first = offsets[start + i] as number
    for (let k = 0; k < set.length; k++) out[first + k] = readLabel(set[k], image, i)
    offsets[start + i + 1] = first + set.length
  }
  return start + count
}

/** Copies one image's labels to `out` from `start`; gives the place after the last. */
function packLabels(target: Target, image: number, out: Int32Array, start: number): number {
  const data = dataOf(target.labels) as ArrayLike<unknown>
  const count = target.valid ?? data.length
  for (let i = 0; i < count; i++) {
    out[start + i] = readLabel(data[i], image, i)
  }
  return start + count
}

/** One label of a target. */
function readLabel(given: unknown, image: number, target: number): number {
  const label = typeof given === 'bigint' ? Number(given) : given
  if (typeof label !== 'number') {
    const rule = `must hold integers, got ${show(given)} at target ${target}`
    fail('DTYPE', `targets[${image}].labels`, rule, { image, target })
  }
  if ((label | 0) !== label) {
    const rule = Number.isInteger(label) ? 'must hold 32-bit integers' : 'must hold integers'
    fail('RANGE', `targets[${image}].labels`, `${rule}, got ${show(given)} at target ${target}`, { image, target })
  }
  return label
}

/** Copies one image's boxes to the rows `start` to `end` of `out`. */
function packBoxes(target: Target, image: number, out: Float32Array, start: number, end: number): void {
  const data = dataOf(target.boxes) as ArrayLike<unknown>
  const nested = isNested(data)
  for (let row = 0; row < end - start; row++) {
    const from = nested ? (data[row] as ArrayLike<unknown>) : data
    const first = nested ? 0 : COMPONENTS * row
    for (let i = 0; i < COMPONENTS; i++) {
      const value = from[first + i]
      if (typeof value !== 'number') {
        fail('DTYPE', `targets[${image}].boxes`, `must hold numbers only, got ${show(value)} at target ${row}`, {
          image,
          target: row,
        })
      }
      out[COMPONENTS * (start + row) + i] = value
    }
  }
}

/** Checks the type and length of one image's flags. */
function checkIgnores(ignore: unknown, image: number, given: number): void {
  const name = `targets[${image}].ignore`
  if (!Array.isArray(ignore) && kindOf(ignore) === undefined) failType(ignore, 'an array of flags', name)
  if (!Array.isArray(ignore)) checkMemory(ignore as Uint8Array, name)
  const { length } = ignore as ArrayLike<unknown>
  if (length !== given) fail('SHAPE', name, `expected ${given} flags, one for each label, got ${length}`, { image })
}

/** Copies the flags of all images. */
function packIgnores(targets: readonly Target[], offsets: Uint32Array, total: number): Uint8Array {
  const ignores = new Uint8Array(total)
  for (let image = 0; image < targets.length; image++) {
    const { ignore } = targets[image] as Target
    if (ignore === undefined) continue
    const start = offsets[image] as number
    for (let target = 0; target < (offsets[image + 1] as number) - start; target++) {
      const flag: unknown = ignore[target]
      if (flag !== true && flag !== false && flag !== 1 && flag !== 0) {
        const rule = `must hold true or 1, false or 0, got ${show(flag)} at target ${target}`
        fail('DTYPE', `targets[${image}].ignore`, rule, { image, target })
      }
      ignores[start + target] = Number(flag)
    }
  }
  return ignores
}

/** The data of a tensor; anything else as it is. */
export function dataOf(value: unknown): unknown {
  return isRecord(value) ? value['data'] : value
}

/** Whether an array holds rows. */
function isNested(values: ArrayLike<unknown>): boolean {
  return typeof values[0] === 'object' && values[0] !== null
}

/** Compares the shape that a tensor states with the one it must have. */
function checkTensorShape(tensor: unknown, expected: readonly number[], argument: string): void {
  const shape = shapeOf(tensor, argument)
  if (shape.length === expected.length && shape.every((size, i) => size === expected[i])) return
  fail('SHAPE', argument, `expected shape ${showShape(expected)}, got ${showShape(shape)}`)
}
