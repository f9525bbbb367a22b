/** Targets that were read, packed one after the other: labels and fields as the core takes them. */
import { float32s, int32s, uint32s } from '../binding/slab.ts'
import { fail } from '../common/errors.ts'
import { checkMemory, kindOf } from '../common/memory.ts'
import { failNumber, lengthOf, listOf } from '../common/tensors.ts'
import { show } from '../common/validate.ts'
import { MAX_CLASSES } from '../terms/classes.ts'
import { TARGET_FIELDS } from '../terms/index.ts'
import type { TargetField } from '../terms/index.ts'
import type { Canvas, PackedPlanes } from './canvas.ts'
import { addPositives, packColumns, packWeights } from './extras.ts'
import { isRow, packPlanes } from './planes.ts'
import { readTargets } from './targets.ts'
import type { ReadField, ReadTarget } from './read-target.ts'
import type { Target, TargetShape } from './targets.ts'

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
  /** `[T, width]` of each field in the core's order; undefined where the batch lacks it. */
  readonly fields: ReadonlyArray<Float32Array | undefined>
  /** Whether the batch has each of them. */
  readonly has: readonly boolean[]
  /** `[B + 1]`: the targets of image b are `offsets[b]` to `offsets[b + 1]`. */
  readonly offsets: Uint32Array
  /** `[T]`: 1 for those to be ignored, else 0; absent where there are none. */
  readonly ignores: Uint8Array | undefined
  /** The fields that are planes of bytes. */
  readonly planes: PackedPlanes | undefined
  /** One for each label: how much its target has of it; absent where all are 1. */
  readonly values: Float32Array | undefined
  /** `[B, C]`: 1 for the columns of the logits that an image has, else 0; absent where all have all. */
  readonly columns: Uint8Array | undefined
  /** `[T]`: what the terms of each target's pairs are multiplied by; absent where all are 1. */
  readonly weights: Float32Array | undefined
}

/** Copies the targets of a batch together: first all shapes are checked, then all labels, then all fields. */
export function packTargets(targets: readonly Target[], shape: TargetShape): PackedTargets {
  return packRead(readTargets(targets, shape), shape)
}

/** Copies what was read together. `canvas`: what planes of bytes lie on, if that is more than they take. */
export function packRead(
  targets: readonly ReadTarget[],
  { rowOf, needed, columns }: TargetShape,
  canvas?: Canvas,
): PackedTargets {
  const images = targets.length
  let total = 0
  for (let image = 0; image < images; image++) total += (targets[image] as ReadTarget).count

  const offsets = uint32s(images + 1)
  for (let image = 0; image < images; image++) {
    offsets[image + 1] = (offsets[image] as number) + (targets[image] as ReadTarget).count
  }
  let [several, ignored] = [false, false]
  for (let image = 0; image < images; image++) {
    several ||= hasLabelSets(targets[image] as ReadTarget)
    ignored ||= (targets[image] as ReadTarget).ignore !== undefined
  }
  const labelOffsets = several ? uint32s(total + 1) : undefined
  const sets = labelOffsets === undefined ? undefined : packLabelSets(targets, labelOffsets)
  const labels = sets?.labels ?? packLabels(targets, total)
  const has = listOf<boolean>(TARGET_FIELDS.length)
  const fields = listOf<Float32Array | undefined>(TARGET_FIELDS.length)
  for (let field = 0; field < TARGET_FIELDS.length; field++) {
    const isGiven = needed[field] === true || isAnywhere(targets, field)
    has[field] = isGiven
    fields[field] = isGiven && isRow(field) ? packField(targets, field, rowOf(field).size, offsets) : undefined
  }
  const ignores = ignored ? packIgnores(targets, offsets, total) : undefined
  return {
    total,
    labels,
    labelOffsets: sets?.isSingle === true ? undefined : labelOffsets,
    fields,
    has,
    offsets,
    ignores,
    planes: packPlanes(targets, has, canvas),
    values: sets?.values,
    columns: packColumns(targets, columns),
    weights: packWeights(targets, offsets),
  }
}

/** Whether any image has a field: all that have targets do, or none, but of what belongs to the image. */
function isAnywhere(targets: readonly ReadTarget[], field: number): boolean {
  for (let image = 0; image < targets.length; image++) {
    const { fields, count } = targets[image] as ReadTarget
    if (fields[field] !== undefined) return true
    if (count > 0 && isRow(field)) return false
  }
  return false
}

/** Whether a target has a list of labels. */
function hasLabelSets({ labels, positives, count }: ReadTarget): boolean {
  if (positives !== undefined) return true
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

/** The labels of several of a target, or with values. */
interface LabelSets {
  readonly labels: Int32Array
  /** One for each label; absent where all are 1. */
  readonly values: Float32Array | undefined
  /** Whether each target has one. */
  readonly isSingle: boolean
}

/** The labels of all targets, of which some are lists or maps. Writes where each ends. */
function packLabelSets(targets: readonly ReadTarget[], offsets: Uint32Array): LabelSets {
  const all: number[] = []
  const values: number[] = []
  let place = 0
  for (let image = 0; image < targets.length; image++) {
    const { labels, positives, ignore, count } = targets[image] as ReadTarget
    for (let i = 0; i < count; i++) {
      if (positives !== undefined) {
        while (values.length < all.length) values.push(1)
        const isIgnored = ignore?.[i] === true || ignore?.[i] === 1
        addPositives(positives, i, [all, values], { argument: `targets[${image}].positives`, image, isIgnored })
        offsets[++place] = all.length
        continue
      }
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
  const isPlain = values.every((value) => value === 1)
  while (values.length < all.length) values.push(1)
  return {
    labels: Int32Array.from(all),
    values: isPlain ? undefined : Float32Array.from(values),
    isSingle: all.length === place && offsets.every((end, i) => end === i),
  }
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

/** A field of all targets, `width` numbers each. */
function packField(targets: readonly ReadTarget[], field: number, width: number, offsets: Uint32Array): Float32Array {
  const out = float32s(width * (offsets[targets.length] as number))
  if (out.length === 0) return out
  const { name, takesFlags } = TARGET_FIELDS[field] as TargetField
  for (let image = 0; image < targets.length; image++) {
    const { fields, count } = targets[image] as ReadTarget
    if (count === 0) continue
    const { values, rows } = fields[field] as ReadField
    const start = offsets[image] as number
    for (let row = 0; row < count; row++) {
      const from = rows === undefined ? values : (rows[row] as ArrayLike<unknown>)
      const first = rows === undefined ? width * row : 0
      for (let i = 0; i < width; i++) {
        const value = from[first + i]
        if (typeof value !== 'number' && !(takesFlags === true && typeof value === 'boolean')) {
          const kinds = takesFlags === true ? 'numbers, or true and false, only' : undefined
          failNumber(value, `targets[${image}].${name}`, `at target ${row}`, { image, target: row }, kinds)
        }
        out[width * (start + row) + i] = value as number
      }
    }
  }
  return out
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
