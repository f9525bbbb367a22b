/** What an inspection of a batch reports. */
import type { ErrorPlace } from '../../common/errors.ts'

/**
 * What was found:
 *
 * - `refused`: `compute` throws for the batch; the example is the error's code.
 * - `transposed-logits`: the logits' shape, or their values, are those of `[B, C, Q]`.
 * - `constant-logits`: all logits of a layer are the same number.
 * - `probabilities`: the logits are softmax's or sigmoid's values already, which the criterion applies again.
 * - `non-finite`: predictions, or boxes, spans or points of targets, hold NaN or infinities.
 * - `pixel-predictions`: predicted boxes or points lie far outside [0, 1], where targets are normalised.
 * - `normalized-predictions`: predicted boxes or points lie within [0, 1], where targets are in pixels.
 * - `pixel-targets`: target boxes or points lie far outside [0, 1].
 * - `box-outside-image`: target boxes, as the criterion reads them, leave the image or have sides below 0, as corners do that
 *   are read as centre and size; or half of the predicted ones do, and none in another reading. In pixels, where the size of
 *   the image is unknown, only its left and upper edge can tell.
 * - `span-outside-range`: normalised target spans, as the criterion reads them, leave [0, 1] or have widths below 0, as start and
 *   end do that are read as centre and width.
 * - `point-outside-range`: normalised target points leave [0, 1] by a little.
 * - `degenerate-box`: target boxes without area.
 * - `degenerate-points`: targets of which all known points are the same one.
 * - `no-area`: targets with points whose `pointAreas` are 0.
 * - `no-known-point`: targets without a known point: a warning where all are so, else a note.
 * - `unlabelled-points`: target points exactly at the origin, beside others, in a batch without `visibility`.
 * - `untrained-field`: predictions of a field, such as points, whose terms have no weight: a warning, or a note where they help to
 *   match; the example is that weight.
 * - `constant-masks`: all logits of the masks of a layer are the same number, or all numbers of a factor of them.
 * - `mask-probabilities`: the predicted masks are the sigmoid's values already, which the criterion applies again.
 * - `one-sided-masks`: all logits of the masks of a layer are on one side of 0, as behind a ReLU, as logarithms of probabilities, or as
 *   masks × 255, though targets have both objects and background.
 * - `layers-without-masks`: earlier layers without masks, where the last has some and the matching cost weighs them.
 * - `transposed-masks`: predicted masks have the proportions of the targets' canvas with height and width exchanged; or two images have
 *   masks of the same sides exchanged, and predictions fit one of them.
 * - `prediction-sized-masks`: images whose masks are just as large as the predictions, while those of others are larger.
 * - `canvas-proportions`: predicted masks have other proportions than the targets' canvas, by more than rounding.
 * - `scattered-mask`: target masks that are scattered as they are read, and hold together in another order of their memory.
 * - `unused-masks`: targets have masks, and neither outputs nor weights do.
 * - `empty-mask`: target masks without a pixel, or whose pixels are all void.
 * - `full-mask`: target masks that cover the whole image: a warning where all do, else a note.
 * - `no-known-mask`: targets whose `hasMask` is 0: likewise.
 * - `mask-off-box`: target masks that lie elsewhere than their boxes: a warning where at least half of them do, else a note.
 * - `mask-sizes`: images whose masks are smaller than the canvas of the batch, at whose upper left they lie.
 * - `void-image`: images of which all pixels are void.
 * - `absent-column`: classes whose column of the logits the image lacks.
 * - `no-column`: images that lack all columns.
 * - `normalized-positives`: rows of positives that sum to 1, in sigmoid classification.
 * - `zero-weight`: targets of weight 0: a warning where all are, else a note.
 * - `duplicate-target`: targets of an image with the same labels and the same boxes, spans and whatever else they have.
 * - `label-out-of-range`: class ids that there are not.
 * - `one-based-labels`: class ids that begin at 1: a warning where one is beyond the last, which proves it; a note where only
 *   the first class is absent.
 * - `unseen-class`: classes that no target of the batch has.
 * - `more-targets-than-queries`: images in which not every target can find a query.
 * - `no-targets`: a batch without any target that counts.
 */
export type FindingCode =
  | 'refused'
  | 'transposed-logits'
  | 'constant-logits'
  | 'probabilities'
  | 'non-finite'
  | 'pixel-predictions'
  | 'normalized-predictions'
  | 'pixel-targets'
  | 'box-outside-image'
  | 'span-outside-range'
  | 'point-outside-range'
  | 'degenerate-box'
  | 'degenerate-points'
  | 'no-area'
  | 'no-known-point'
  | 'unlabelled-points'
  | 'untrained-field'
  | 'constant-masks'
  | 'mask-probabilities'
  | 'one-sided-masks'
  | 'layers-without-masks'
  | 'transposed-masks'
  | 'prediction-sized-masks'
  | 'canvas-proportions'
  | 'scattered-mask'
  | 'unused-masks'
  | 'empty-mask'
  | 'full-mask'
  | 'no-known-mask'
  | 'mask-off-box'
  | 'mask-sizes'
  | 'void-image'
  | 'absent-column'
  | 'no-column'
  | 'normalized-positives'
  | 'zero-weight'
  | 'duplicate-target'
  | 'label-out-of-range'
  | 'one-based-labels'
  | 'unseen-class'
  | 'more-targets-than-queries'
  | 'no-targets'

/** One finding of {@link inspectBatch}. */
export interface Finding {
  /** What was found. */
  readonly code: FindingCode
  /**
   * `'error'`: `compute` refuses the batch. `'warning'`: it trains, and most likely badly. `'note'`: worth knowing, and
   * often as it should be.
   */
  readonly severity: 'error' | 'warning' | 'note'
  /** The argument of the example, such as `targets[2].boxes`. */
  readonly argument: string
  /** Where the example lies within the argument; all numbers count from 0. */
  readonly place: ErrorPlace
  /** How many there are of the kind, in the whole batch. */
  readonly count: number
  /** How many were looked at. */
  readonly total: number
  /** What stands there. */
  readonly example: string | number | readonly number[]
  /** What it is and what cures it, in a sentence. */
  readonly message: string
}

/** No rounding brings a normalised coordinate of a target beyond: such are pixels. */
export const PIXELS = 1.5

/** The first of its kind, and how many there are. */
export class Tally {
  count = 0
  total = 0
  first: Pick<Finding, 'argument' | 'place' | 'example'> | undefined

  /** Looks at one of `total`; `describe` is asked for the first only. */
  add(isFound: boolean, describe: () => Pick<Finding, 'argument' | 'place' | 'example'>): void {
    this.total++
    if (!isFound) return
    this.count++
    this.first ??= describe()
  }

  /** The finding, if there is any of the kind. */
  finding(code: FindingCode, severity: Finding['severity'], message: string): Finding[] {
    const { first, count, total } = this
    return first === undefined ? [] : [{ code, severity, ...first, count, total, message }]
  }
}
