/** The targets of a batch one by one, and what findings say of them. */
import type { PackedTargets } from '../../input/packing.ts'
import { TARGET_FIELDS } from '../../terms/index.ts'
import type { Finding } from './finding.ts'

/** One target of a batch. */
export interface TargetEntry {
  readonly image: number
  /** Within its image. */
  readonly target: number
  /** Among all. */
  readonly index: number
  readonly isIgnored: boolean
}

/** All of them. */
export function listEntries({ offsets, ignores }: PackedTargets): TargetEntry[] {
  const entries: TargetEntry[] = []
  for (let image = 0; image + 1 < offsets.length; image++) {
    const first = offsets[image] as number
    for (let index = first; index < (offsets[image + 1] as number); index++) {
      entries.push({ image, target: index - first, index, isIgnored: ignores?.[index] === 1 })
    }
  }
  return entries
}

/** A field of all targets, one after the other; empty where the batch lacks it. */
export function targetValues({ fields }: PackedTargets, field: string): Float32Array {
  return fields[TARGET_FIELDS.findIndex(({ name }) => name === field)] ?? new Float32Array(0)
}

/** The labels of a target, or the columns that it has any of. */
export function labelsOf({ labels, labelOffsets }: PackedTargets, { index }: TargetEntry): Int32Array {
  if (labelOffsets === undefined) return labels.subarray(index, index + 1)
  return labels.subarray(labelOffsets[index], labelOffsets[index + 1])
}

/** What a target has of a field; nothing where the batch lacks it. */
export function rowOf(targets: PackedTargets, field: string, { index }: TargetEntry): number[] {
  const values = targetValues(targets, field)
  const width = values.length / targets.total
  return Array.from(values.slice(width * index, width * (index + 1)))
}

/** An example that a target gives. */
export function atTarget({ image, target }: TargetEntry, field: string, example: Finding['example']) {
  return { argument: `targets[${image}].${field}`, place: { image, target }, example }
}
