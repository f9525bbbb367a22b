/** What is suspicious of targets by themselves. */
import type { PackedTargets } from '../../input/packing.ts'
import type { ResolvedOptions } from '../../options/options.ts'
import { BOX_SIZE } from '../../terms/boxes.ts'
import { TARGET_FIELDS } from '../../terms/index.ts'
import { cornersOf, cureFor, isInside, READINGS, sidesOf } from './boxes.ts'
import type { Corners, BoxReading } from './boxes.ts'
import { atTarget, labelsOf, listEntries, rowOf, targetValues } from './entries.ts'
import type { TargetEntry } from './entries.ts'
import { columnsOfAny, inspectExtras } from './extras.ts'
import { PIXELS, Tally } from './finding.ts'
import type { Finding } from './finding.ts'
import { inspectMasks } from './masks.ts'
import { extentOf, planesOf } from './planes.ts'
import { inspectPoints } from './points.ts'
import { inspectSpans } from './spans.ts'

/** Normalised sides below are none. */
const NO_SIDE = 1e-6

/** Everything suspicious of a batch's targets. `areMapped`: whether they have positives in place of labels. */
export function inspectTargets(targets: PackedTargets, options: ResolvedOptions, areMapped: boolean): Finding[] {
  const entries = listEntries(targets)
  const counted = entries.filter(({ isIgnored }) => !isIgnored)
  const geometry = [inspectTargetBoxes, inspectSpans, inspectPoints, inspectMasks].flatMap((inspect) =>
    inspect(entries, targets, options),
  )
  if (counted.length === 0) return [noTargets(targets), ...geometry]
  return [
    ...(areMapped ? [] : inspectLabels(counted, targets, options)),
    ...inspectExtras(counted, targets, options),
    ...geometry,
    ...inspectDuplicates(counted, targets),
  ]
}

function noTargets({ total, offsets }: PackedTargets): Finding {
  const images = offsets.length - 1
  const ignored = total === 0 ? '' : ` that is not ignored (all ${total} are)`
  return {
    code: 'no-targets',
    severity: 'warning',
    argument: 'targets',
    place: {},
    count: images,
    total: images,
    example: total,
    message: `No image has a target${ignored}: every query learns background alone. Check how annotations and images are joined.`,
  }
}

/** The class ids that targets may have: from the least to the most, but for one of them where `except` is given. */
interface Allowed {
  readonly least: number
  readonly most: number
  readonly except: number | undefined
  readonly count: number
}

function allowedLabels({ numClasses, classification }: ResolvedOptions): Allowed {
  if (!('noObjectIndex' in classification))
    return { least: 0, most: numClasses - 1, except: undefined, count: numClasses }
  const { noObjectIndex: except, allowNoObjectLabels } = classification
  if (allowNoObjectLabels) return { least: 0, most: numClasses, except: undefined, count: numClasses + 1 }
  return { least: Number(except === 0), most: numClasses - Number(except === numClasses), except, count: numClasses }
}

const isAllowed = ({ least, most, except }: Allowed, label: number): boolean =>
  label >= least && label <= most && label !== except

/** So many of the classes that no target has are named. */
const NAMED = 5

/** The class ids that are not among those seen, of the columns that some image has. */
function listUnseen(allowed: Allowed, seen: ReadonlySet<number>, there: ReadonlySet<number> | undefined): number[] {
  const unseen: number[] = []
  for (let label = allowed.least; label <= allowed.most; label++) {
    if (isAllowed(allowed, label) && !seen.has(label) && there?.has(label) !== false) unseen.push(label)
  }
  return unseen
}

function inspectLabels(counted: readonly TargetEntry[], targets: PackedTargets, options: ResolvedOptions): Finding[] {
  const allowed = allowedLabels(options)
  const seen = new Set<number>()
  const outside = new Tally()
  for (const entry of counted) {
    for (const label of labelsOf(targets, entry)) {
      seen.add(label)
      outside.add(!isAllowed(allowed, label), () => atTarget(entry, 'labels', label))
    }
  }
  const { least, most, count } = allowed
  const range = `${least} to ${most}`
  const labels = [...seen]
  // ids that are certainly shifted by one: never the first, and one beyond the last
  const isShifted = seen.has(most + 1) && labels.every((label) => label > least && label <= most + 1)
  const findings = outside.finding(
    'label-out-of-range',
    'error',
    `Class ids run from ${range} here. Map the data set's ids to them${isShifted ? ', by taking 1 from each' : ''}, ` +
      `or set numClasses to the number of classes.`,
  )
  const unseen = listUnseen(allowed, seen, columnsOfAny(targets))
  const missing = unseen.length
  const lacksFirst = count > 2 && missing === 1 && unseen[0] === least
  if (isShifted || lacksFirst) {
    const first = counted[0] as TargetEntry
    const message = isShifted
      ? `No label is ${least}, and there is ${most + 1}: ids that begin at 1, as COCO's. Take 1 from each, since class ids ` +
        `run from ${range} here.`
      : `No label is ${least}, though all others are there. If the ids begin at 1, take 1 from each; if class ${least} is ` +
        `merely absent from this batch, all is well.`
    findings.push({
      code: 'one-based-labels',
      severity: isShifted ? 'warning' : 'note',
      ...atTarget(first, 'labels', labelsOf(targets, first)[0] as number),
      count: outside.total,
      total: outside.total,
      message,
    })
  } else if (missing > 0) {
    findings.push({
      code: 'unseen-class',
      severity: 'note',
      argument: 'targets',
      place: {},
      count: missing,
      total: count,
      example: unseen[0] as number,
      message:
        `No target of this batch has class ${unseen.slice(0, NAMED).join(', ')}${missing > NAMED ? ', …' : ''}. If that is so of every ` +
        `batch, compare numClasses and the map of ids with the annotations.`,
    })
  }
  return findings
}

function inspectTargetBoxes(
  entries: readonly TargetEntry[],
  targets: PackedTargets,
  options: ResolvedOptions,
): Finding[] {
  const { boxFormat, normalizedBoxes } = options
  const boxes = targetValues(targets, 'boxes')
  if (boxes.length === 0) return []
  const corners = (entry: TargetEntry, reading: BoxReading) => cornersOf(boxes, BOX_SIZE * entry.index, reading)
  const isFinite = (entry: TargetEntry) => boxOf(targets, entry).every(Number.isFinite)
  const [nonFinite, pixels, outside, degenerate] = [new Tally(), new Tally(), new Tally(), new Tally()]
  for (const entry of entries) {
    const box = boxOf(targets, entry)
    const describe = () => atTarget(entry, 'boxes', box)
    nonFinite.add(!isFinite(entry), describe)
    if (!isFinite(entry)) continue
    pixels.add(normalizedBoxes && box.some((value) => Math.abs(value) > PIXELS), describe)
    if (rowOf(targets, 'hasBox', entry)[0] === 0) continue
    const sides = sidesOf(corners(entry, boxFormat))
    const isNegative = sides.some((side) => side < 0)
    outside.add(!isInside(corners(entry, boxFormat), normalizedBoxes), describe)
    const least = normalizedBoxes ? NO_SIDE : 0
    degenerate.add(!entry.isIgnored && !isNegative && sides.some((side) => side <= least), describe)
  }
  const hasBox = (entry: TargetEntry) => isFinite(entry) && rowOf(targets, 'hasBox', entry)[0] !== 0
  const shape = formatCure(entries.filter(hasBox), options, corners)
  return [
    ...nonFinite.finding(
      'non-finite',
      'error',
      'Target boxes must be finite numbers. Look where these annotations come from.',
    ),
    ...(pixels.count > 0
      ? pixels.finding(
          'pixel-targets',
          'error',
          'Target boxes lie far outside [0, 1], as pixels do. Divide them by the width and height of their image, or set normalizedBoxes: false and predict pixels.',
        )
      : outside.finding('box-outside-image', 'warning', shape)),
    ...degenerate.finding(
      'degenerate-box',
      'warning',
      'Target boxes without area have no IoU with any query. Leave them out, or mark them by ignore.',
    ),
  ]
}

/** What cures boxes that leave the image: another reading, where all of them fit into one, or clipping. */
function formatCure(
  entries: readonly TargetEntry[],
  { boxFormat, normalizedBoxes }: ResolvedOptions,
  corners: (entry: TargetEntry, reading: BoxReading) => Corners,
): string {
  const found = `Read as boxFormat '${boxFormat}', target boxes leave the image or have sides below 0.`
  const others = READINGS.filter(
    (reading) => reading !== boxFormat && entries.every((entry) => isInside(corners(entry, reading), normalizedBoxes)),
  )
  if (others.length === 0) return `${found} Check their format, or clip them to the image.`
  return `${found} ${others.map((reading) => cureFor(reading, boxFormat)).join(' ')}`
}

function inspectDuplicates(counted: readonly TargetEntry[], targets: PackedTargets): Finding[] {
  const fields = TARGET_FIELDS.filter(({ form }, i) => targets.has[i] && form !== 'plane')
  const [first] = fields
  if (first === undefined) return []
  const seen = new Set<string>()
  const duplicates = new Tally()
  for (const entry of counted) {
    const rows = fields.map(({ name, form }) => {
      return form === 'row' ? rowOf(targets, name, entry) : maskOf(targets, name, entry)
    })
    const key = `${entry.image}: ${labelsOf(targets, entry).toSorted().join()}; ${rows.join('; ')}`
    duplicates.add(seen.has(key), () => atTarget(entry, first.name, rows[0] as number[]))
    seen.add(key)
  }
  const nouns = fields.map(({ noun }) => noun).join(' and ')
  return duplicates.finding(
    'duplicate-target',
    'warning',
    `Targets of an image have the same labels and the same ${nouns}, so two queries learn one object. Leave the copies out.`,
  )
}

/** What tells a mask from others. */
function maskOf(targets: PackedTargets, field: string, entry: TargetEntry): number[] {
  const planes = planesOf(targets, field)[entry.image]
  if (planes === undefined) return []
  const { area, corners, hash } = extentOf(planes, entry)
  return [area, ...corners, hash]
}

const boxOf = (targets: PackedTargets, entry: TargetEntry): number[] => rowOf(targets, 'boxes', entry)
