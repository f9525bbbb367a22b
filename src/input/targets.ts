/** The targets of a batch: read once, checked, and packed one after the other. */
import { fail } from '../common/errors.ts'
import { failKey, strayKey } from './keys.ts'
import { checkMemory, isUsable, kindOf } from '../common/memory.ts'
import { toReadError } from '../common/reading.ts'
import { float32s, int32s, uint32s } from '../binding/slab.ts'
import {
  checkHalves,
  dataIn,
  failNumber,
  failType,
  isNumeric,
  lengthOf,
  numbersOf,
  shapeHint,
  shapeOf,
  showShape,
} from '../common/tensors.ts'
import { BOX_SIZE } from '../terms/boxes.ts'
import { MAX_CLASSES } from '../terms/classes.ts'
import type { TargetFields } from '../terms/index.ts'
import { checkInteger, isObject, isRecord, show } from '../common/validate.ts'

/** The ground truth of one image: `n` objects, `n ≥ 0`. */
export interface Target extends TargetFields {
  /** How many leading entries count, 0 to n; the rest is padding and never looked at. Default: all. */
  readonly valid?: number | undefined
  /**
   * `[n]`: which targets are to be ignored, as crowds are: true or 1, otherwise false or 0. An ignored target is not
   * matched and not counted, and its label has no meaning; unmatched queries that lie on it have no part in the loss (see
   * {@link HungarianLossOptions.ignore}). Default: none.
   */
  readonly ignore?: ArrayLike<boolean | number> | undefined
}

/** The most labels of a target: there are no more columns that they could name. */
const MAX_LABELS = MAX_CLASSES + 1

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

/** One image's targets, every field of them read once, their types and shapes checked. */
export interface ReadTarget {
  /** How many count. */
  readonly count: number
  /** The labels, or lists of them. */
  readonly labels: ArrayLike<unknown>
  /** Numbers or rows. */
  readonly boxes: ArrayLike<unknown>
  /** The rows of boxes that count, where they are nested. */
  readonly rows: ReadonlyArray<ArrayLike<unknown>> | undefined
  readonly ignore: ArrayLike<unknown> | undefined
}

/** Copies the targets of a batch together: first all shapes are checked, then all labels, then all boxes. */
export function packTargets(targets: readonly Target[], images: number): PackedTargets {
  return packRead(readTargets(targets, images))
}

/** Reads the targets of a batch. */
export function readTargets(targets: readonly Target[], images: number): readonly ReadTarget[] {
  if (!Array.isArray(targets)) {
    const hint =
      isRecord(targets) && ('labels' in targets || 'boxes' in targets) ? ' (for a single image, [target])' : ''
    fail('DTYPE', 'targets', `must be an array with one entry for each image, got ${show(targets)}${hint}`)
  }
  const length = lengthOf(targets, 'targets')
  if (length !== images) {
    fail('SHAPE', 'targets', `expected one entry for each of ${images} images, got ${length}`)
  }
  const read: ReadTarget[] = []
  for (let image = 0; image < images; image++) {
    try {
      read.push(readTarget(targets[image], image))
    } catch (error) {
      throw toReadError(error, `targets[${image}]`)
    }
  }
  return read
}

/** Copies what was read together. */
export function packRead(targets: readonly ReadTarget[]): PackedTargets {
  const images = targets.length
  let total = 0
  for (let image = 0; image < images; image++) total += (targets[image] as ReadTarget).count

  const offsets = uint32s(images + 1)
  for (let image = 0; image < images; image++) {
    offsets[image + 1] = (offsets[image] as number) + (targets[image] as ReadTarget).count
  }
  const several = targets.some(hasLabelSets)
  const labelOffsets = several ? uint32s(total + 1) : undefined
  const labels = labelOffsets === undefined ? packLabels(targets, total) : packLabelSets(targets, labelOffsets)
  const boxes = float32s(BOX_SIZE * total)
  for (let image = 0; image < images; image++) {
    packBoxes(targets[image] as ReadTarget, image, boxes, offsets[image] as number)
  }
  const ignores = targets.some(({ ignore }) => ignore !== undefined) ? packIgnores(targets, offsets, total) : undefined
  return { total, labels, labelOffsets, boxes, offsets, ignores }
}

/** Reads one image's targets. */
function readTarget(target: unknown, image: number): ReadTarget {
  if (!isObject(target)) {
    fail('DTYPE', `targets[${image}]`, `must be { labels, boxes }, got ${show(target)}`, { image })
  }
  const stray = strayKey(target, 'target')
  if (stray !== undefined) failKey(stray, 'target', `targets[${image}]`, { image })
  const { labels, boxes, valid, ignore } = target as unknown as Target
  const labelData = isObject(labels) ? dataIn(labels, `targets[${image}].labels`) : labels
  const given = countLabels(labelData, labels, target, image)
  const count = valid === undefined ? given : checkInteger(valid, 0, given, `targets[${image}].valid`, 'RANGE')
  const boxData = isObject(boxes) ? dataIn(boxes, `targets[${image}].boxes`) : boxes
  const rows = checkBoxes(boxData, boxes, target, image, given, count)
  if (ignore !== undefined) checkIgnores(ignore, image, given)
  return {
    count,
    labels: labelData as ArrayLike<unknown>,
    boxes: boxData as ArrayLike<unknown>,
    rows,
    ignore: ignore as ArrayLike<unknown> | undefined,
  }
}

/** Checks the type and shape of one image's labels; gives their number. */
function countLabels(data: unknown, labels: unknown, target: object, image: number): number {
  const kind = kindOf(data)
  if (kind === undefined ? !Array.isArray(data) : kind.startsWith('Float')) {
    failData(data, labels, 'an array of integers', target, `targets[${image}].labels`)
  }
  if (kind !== undefined && !isUsable(data as Int32Array)) checkMemory(data as Int32Array, `targets[${image}].labels`)
  const length = lengthOf(data as ArrayLike<unknown>, 'targets')
  if (data !== labels) checkLabelTensor(labels, kind, length, `targets[${image}].labels`)
  return length
}

/** Refuses labels whose tensor says that they are something else. */
function checkLabelTensor(tensor: unknown, kind: string | undefined, length: number, argument: string): void {
  if (kind === 'Uint16Array') checkHalves(tensor, argument)
  const shape = shapeOf(tensor, argument)
  if (shape.length === 1 && shape[0] === length) return
  const [rows, columns] = shape as readonly [number, number]
  if (shape.length !== 2 || columns === 1)
    fail('SHAPE', argument, `expected shape [${length}], got ${showShape(shape)}`)
  const axis = rows === 1 ? '; a batch axis? drop it' : ''
  fail('SHAPE', argument, `expected [n] class ids, got ${showShape(shape)} (one-hot? take argMax${axis})`)
}

/** Refuses what is no data, saying which keys there are where they are missing. */
function failData(data: unknown, given: unknown, expected: string, target: object, argument: string): never {
  return failType(data, expected, argument, data === given ? target : given)
}

/**
 * Checks the type and shape of one image's boxes, of which `counted` count. Gives the rows of those where there are rows.
 */
function checkBoxes(
  data: unknown,
  boxes: unknown,
  target: object,
  image: number,
  given: number,
  counted: number,
): ReadonlyArray<ArrayLike<unknown>> | undefined {
  const kind = kindOf(data)
  if (kind === undefined ? !Array.isArray(data) : !isNumeric(kind)) {
    failData(data, boxes, 'an array of numbers or of rows of 4', target, `targets[${image}].boxes`)
  }
  if (kind === 'Uint16Array') checkHalves(boxes, `targets[${image}].boxes`)
  const values = data as ArrayLike<unknown>
  const nested = kind === undefined && isNested(values)
  if (kind !== undefined && !isUsable(data as Float32Array))
    checkMemory(data as Float32Array, `targets[${image}].boxes`)
  if (data !== boxes) checkTensorShape(boxes, [given, BOX_SIZE], `targets[${image}].boxes`)
  const length = lengthOf(values, 'targets')
  if (length !== (nested ? given : BOX_SIZE * given)) {
    const got = nested ? `${length} rows` : `${length} numbers`
    const rule = `expected ${given} boxes of 4 numbers, one for each label, got ${got}${rowsHint(values, nested, length, given)}`
    fail('SHAPE', `targets[${image}].boxes`, rule, { image })
  }
  if (!nested) return undefined
  const rows: ArrayLike<unknown>[] = []
  for (let target = 0; target < counted; target++) {
    const value = values[target]
    if (Array.isArray(value) && value.length === BOX_SIZE) {
      rows.push(value)
      continue
    }
    const row = numbersOf(value)
    const length = row === undefined ? undefined : lengthOf(row, 'targets')
    if (row === undefined || length !== BOX_SIZE) {
      const got = row === undefined ? show(value) : `${length}`
      fail('SHAPE', `targets[${image}].boxes`, `expected 4 numbers for target ${target}, got ${got}`, { image, target })
    }
    if (ArrayBuffer.isView(row) && !isUsable(row)) checkMemory(row, `targets[${image}].boxes[${target}]`)
    rows.push(row)
  }
  return rows
}

/** What is likely where there are as many rows as a box has numbers. */
function rowsHint(values: ArrayLike<unknown>, nested: boolean, length: number, given: number): string {
  const first = nested && length === BOX_SIZE ? numbersOf(values[0]) : undefined
  return first?.length === given ? `; they are of shape [4, n]: transpose them to [n, 4]` : ''
}

/** Whether a target has a list of labels. */
function hasLabelSets({ labels, count }: ReadTarget): boolean {
  if (kindOf(labels) !== undefined) return false
  for (let i = 0; i < count; i++) {
    if (labelSetOf(labels[i]) !== undefined) return true
  }
  return false
}

/** A list of labels; undefined for everything else. */
function labelSetOf(value: unknown): ArrayLike<unknown> | undefined {
  if (typeof value !== 'object') return undefined
  const kind = kindOf(value)
  const isList = kind === undefined ? Array.isArray(value) : !kind.startsWith('Float')
  return isList ? (value as ArrayLike<unknown>) : undefined
}

/** The labels of all targets, of which some are lists. Writes where each ends. */
function packLabelSets(targets: readonly ReadTarget[], offsets: Uint32Array): Int32Array {
  const all: number[] = []
  let place = 0
  for (let image = 0; image < targets.length; image++) {
    const { labels, count } = targets[image] as ReadTarget
    for (let i = 0; i < count; i++) {
      const value = labels[i]
      const set = labelSetOf(value)
      if (set === undefined) {
        all.push(readLabel(value, image, i))
      } else {
        if (ArrayBuffer.isView(set)) checkMemory(set, `targets[${image}].labels[${i}]`)
        const length = lengthOf(set, `targets[${image}].labels[${i}]`)
        if (length > MAX_LABELS) failLabels(image, i, length)
        for (let k = 0; k < length; k++) all.push(readLabel(set[k], image, i))
      }
      offsets[++place] = all.length
    }
  }
  return Int32Array.from(all)
}

function failLabels(image: number, target: number, length: number): never {
  const rule = `target ${target} has ${length} labels; there are no more than ${MAX_LABELS} classes`
  return fail('RANGE', `targets[${image}].labels`, rule, { image, target })
}

/** The labels of all targets. */
function packLabels(targets: readonly ReadTarget[], total: number): Int32Array {
  const out = int32s(total)
  let place = 0
  for (let image = 0; image < targets.length; image++) {
    const { labels, count } = targets[image] as ReadTarget
    for (let i = 0; i < count; i++) out[place++] = readLabel(labels[i], image, i)
  }
  return out
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

/** Copies one image's boxes to the rows of `out` from `start`. */
function packBoxes({ boxes, rows, count }: ReadTarget, image: number, out: Float32Array, start: number): void {
  for (let row = 0; row < count; row++) {
    const from = rows === undefined ? boxes : (rows[row] as ArrayLike<unknown>)
    const first = rows === undefined ? BOX_SIZE * row : 0
    for (let i = 0; i < BOX_SIZE; i++) {
      const value = from[first + i]
      if (typeof value !== 'number') {
        failNumber(value, `targets[${image}].boxes`, `at target ${row}`, { image, target: row })
      }
      out[BOX_SIZE * (start + row) + i] = value
    }
  }
}

/** Checks the type and length of one image's flags. */
function checkIgnores(ignore: unknown, image: number, given: number): void {
  const name = `targets[${image}].ignore`
  if (!Array.isArray(ignore) && kindOf(ignore) === undefined) failType(ignore, 'an array of flags', name)
  if (!Array.isArray(ignore)) checkMemory(ignore as Uint8Array, name)
  const length = lengthOf(ignore as ArrayLike<unknown>, name)
  if (length !== given) fail('SHAPE', name, `expected ${given} flags, one for each label, got ${length}`, { image })
}

/** Copies the flags of all images. */
function packIgnores(targets: readonly ReadTarget[], offsets: Uint32Array, total: number): Uint8Array {
  const ignores = new Uint8Array(total)
  for (let image = 0; image < targets.length; image++) {
    const { ignore, count } = targets[image] as ReadTarget
    if (ignore === undefined) continue
    const start = offsets[image] as number
    for (let target = 0; target < count; target++) {
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

/** Whether an array holds rows. */
function isNested(values: ArrayLike<unknown>): boolean {
  return typeof values[0] === 'object' && values[0] !== null
}

/** Compares the shape that a tensor states with the one it must have. */
function checkTensorShape(tensor: unknown, expected: readonly number[], argument: string): void {
  const shape = shapeOf(tensor, argument)
  if (shape.length === expected.length && shape.every((size, i) => size === expected[i])) return
  fail('SHAPE', argument, `expected shape ${showShape(expected)}, got ${showShape(shape)}${shapeHint(shape, expected)}`)
}
