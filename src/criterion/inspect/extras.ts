/** What is suspicious of targets that say how much they have of each column, which columns there are, and what targets weigh. */
import type { PackedTargets } from '../../input/packing.ts'
import type { ResolvedOptions } from '../../options/options.ts'
import { isSigmoid } from '../../terms/classification.ts'
import { atTarget, labelsOf } from './entries.ts'
import type { TargetEntry } from './entries.ts'
import { Tally } from './finding.ts'
import type { Finding } from './finding.ts'

/** How far the sum of a row that was divided by it may be from 1. */
const SUM_SLACK = 1e-3

/** Whether an image has a column of the logits. */
export function hasColumn({ columns, offsets }: PackedTargets, image: number, column: number): boolean {
  if (columns === undefined) return true
  const width = columns.length / (offsets.length - 1)
  return column >= width || columns[image * width + column] === 1
}

/** Columns of the logits that some image has. */
export function columnsOfAny({ columns, offsets }: PackedTargets): ReadonlySet<number> | undefined {
  if (columns === undefined) return undefined
  const width = columns.length / (offsets.length - 1)
  return new Set(Array.from(columns.keys(), (i) => (columns[i] === 1 ? i % width : -1)))
}

/** Classes whose columns are absent, images without any column, rows of positives that were divided by their sum, weights of 0. */
export function inspectExtras(
  counted: readonly TargetEntry[],
  targets: PackedTargets,
  { classification: { kind } }: ResolvedOptions,
): Finding[] {
  return [
    ...inspectColumns(counted, targets),
    ...(isSigmoid(kind) ? inspectSums(counted, targets) : []),
    ...inspectWeights(counted, targets),
  ]
}

function inspectColumns(counted: readonly TargetEntry[], targets: PackedTargets): Finding[] {
  const { columns, offsets } = targets
  if (columns === undefined) return []
  const [absent, none] = [new Tally(), new Tally()]
  for (const entry of counted) {
    for (const label of labelsOf(targets, entry)) {
      absent.add(!hasColumn(targets, entry.image, label), () => atTarget(entry, 'labels', label))
    }
  }
  const width = columns.length / (offsets.length - 1)
  for (let image = 0; image + 1 < offsets.length; image++) {
    const own = columns.subarray(image * width, (image + 1) * width)
    none.add(!own.includes(1), () => ({ argument: `targets[${image}].columns`, place: { image }, example: 0 }))
  }
  return [
    ...absent.finding(
      'absent-column',
      'error',
      'Targets have classes whose column of the logits their image lacks. Set such columns to 1, or leave the targets out.',
    ),
    ...none.finding(
      'no-column',
      'warning',
      'An image has no column of the logits, so that nothing teaches it classes. Look whether columns is inverted: 1 is a column that is there.',
    ),
  ]
}

/** Rows of positives of several columns that sum to 1, as softmax takes them. */
function inspectSums(counted: readonly TargetEntry[], targets: PackedTargets): Finding[] {
  const { values, labelOffsets } = targets
  if (values === undefined || labelOffsets === undefined) return []
  const tally = new Tally()
  for (const entry of counted) {
    const row = values.subarray(labelOffsets[entry.index], labelOffsets[entry.index + 1])
    const sum = row.reduce((all, value) => all + value, 0)
    tally.add(row.length > 1 && Math.abs(sum - 1) <= SUM_SLACK, () =>
      atTarget(entry, 'positives', Array.from(row.slice(0, 8))),
    )
  }
  return tally.finding(
    'normalized-positives',
    'warning',
    'Rows of positives sum to 1, as softmax classification wants them (MDETR). In sigmoid classification each value is what its own probability should be: give 1 for each column of a target (Grounding DINO).',
  )
}

/** Targets that all weigh nothing. */
function inspectWeights(counted: readonly TargetEntry[], { weights }: PackedTargets): Finding[] {
  if (weights === undefined) return []
  const tally = new Tally()
  for (const entry of counted) tally.add(weights[entry.index] === 0, () => atTarget(entry, 'weights', 0))
  const severity = tally.count === tally.total ? 'warning' : 'note'
  return tally.finding(
    'zero-weight',
    severity,
    'Targets of weight 0 are matched and counted, and teach their queries nothing. Leave them out, or mark them by ignore.',
  )
}
