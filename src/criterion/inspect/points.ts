/** What is suspicious of the points of targets: pixels, coordinates that stand for unknown points, points and areas that say nothing. */
import type { PackedTargets } from '../../input/packing.ts'
import type { ResolvedOptions } from '../../options/options.ts'
import { atTarget, rowOf, targetValues } from './entries.ts'
import type { TargetEntry } from './entries.ts'
import { PIXELS, Tally } from './finding.ts'
import type { Finding } from './finding.ts'

/** By how far a coordinate of a normalised point may leave [0, 1]: `compute` refuses more. */
const SLACK = 1e-4

/** A target's points. */
interface TargetPoints {
  readonly entry: TargetEntry
  /** All coordinates. */
  readonly row: readonly number[]
  /** The coordinates of each known point. */
  readonly known: ReadonlyArray<readonly number[]>
}

/** Points that are not finite or lie outside [0, 1], that are all the same, unknown, or where COCO has unlabelled ones; and areas of 0. */
export function inspectPoints(
  entries: readonly TargetEntry[],
  targets: PackedTargets,
  { pointFormat, normalizedPoints }: ResolvedOptions,
): Finding[] {
  const given = entries.map((entry) => pointsOf(entry, targets, pointFormat.length))
  if (given.every(({ row }) => row.length === 0)) return []
  const [nonFinite, pixels, outside] = [new Tally(), new Tally(), new Tally()]
  const [same, unknown, unlabelled, flat] = [new Tally(), new Tally(), new Tally(), new Tally()]
  const hasVisibility = targetValues(targets, 'visibility').length > 0
  for (const { entry, row, known } of given) {
    const describe = () => atTarget(entry, 'points', row)
    const isFinite = row.every(Number.isFinite)
    nonFinite.add(!isFinite, describe)
    if (!isFinite) continue
    pixels.add(normalizedPoints && row.some((value) => Math.abs(value) > PIXELS), describe)
    outside.add(normalizedPoints && row.some((value) => value < -SLACK || value > 1 + SLACK), describe)
    if (entry.isIgnored) continue
    same.add(known.length > 1 && new Set(known.map((point) => point.join())).size === 1, describe)
    unknown.add(known.length === 0, () => atTarget(entry, 'visibility', rowOf(targets, 'visibility', entry)))
    const area = rowOf(targets, 'pointAreas', entry)
    flat.add(known.length > 0 && area[0] === 0, () => atTarget(entry, 'pointAreas', area))
    const origins = known.filter((point) => point.every((value) => value === 0)).length
    unlabelled.add(!hasVisibility && origins > 0 && origins < known.length, describe)
  }
  return [
    ...nonFinite.finding(
      'non-finite',
      'error',
      'Target points must be finite numbers, also those that are not known. Look where these annotations come from.',
    ),
    ...(pixels.count > 0
      ? pixels.finding(
          'pixel-targets',
          'error',
          'Target points lie far outside [0, 1], as pixels do. Divide them by the width and height of their image, or set normalizedPoints: false and predict pixels.',
        )
      : outside.finding(
          'point-outside-range',
          'error',
          'Target points leave [0, 1]. Clip them, or set them to 0 and mark them by visibility as not known.',
        )),
    ...same.finding(
      'degenerate-points',
      'warning',
      'All known points of a target are the same one. Look how annotations are split into points.',
    ),
    ...unknown.finding(
      'no-known-point',
      unknown.count === unknown.total ? 'warning' : 'note',
      'Targets without a known point have no term of points, in neither loss nor cost: class and other fields alone decide which query they get.',
    ),
    ...flat.finding(
      'no-area',
      'warning',
      'Target points have an area of 0, beside which no distance is small: by their similarity none but the very points are alike. Give the area that the target covers, or leave pointAreas out.',
    ),
    ...unlabelled.finding(
      'unlabelled-points',
      'warning',
      'Target points lie exactly at the origin, as those do that COCO leaves unlabelled, and are learned as such. Give visibility, 0 for points that are not known.',
    ),
  ]
}

function pointsOf(entry: TargetEntry, targets: PackedTargets, size: number): TargetPoints {
  const row = rowOf(targets, 'points', entry)
  const visibility = rowOf(targets, 'visibility', entry)
  const points = Array.from({ length: row.length / size }, (_, k) => row.slice(k * size, (k + 1) * size))
  return { entry, row, known: points.filter((_, k) => visibility[k] !== 0) }
}
