/** What a file holds, in the library's own terms. */
import type { Outputs } from '../../input/outputs.ts'
import type { Target } from '../../input/targets.ts'

/** Predictions and targets of a batch. Their shapes and values are unchecked: an inspection says what is wrong with them. */
export interface Batch {
  readonly outputs: Outputs
  readonly targets: readonly Target[]
  /** Height and width of each image, where the file has them; pictures have their proportions. */
  readonly sizes: ReadonlyArray<readonly [height: number, width: number] | undefined>
  /** What the file holds besides, by its names; it is not looked at. */
  readonly leftOut: readonly string[]
}
