/** What is kept of an image's targets between reading and packing them. */
import type { ReadPositives } from './extras.ts'

/** One image's targets, every field of them read once, their types and shapes checked. */
export interface ReadTarget {
  /** How many count. */
  readonly count: number
  /** The labels, or lists of them; nothing where there are positives. */
  readonly labels: ArrayLike<unknown>
  readonly positives: ReadPositives | undefined
  readonly weights: ArrayLike<unknown> | undefined
  readonly columns: ArrayLike<unknown> | undefined
  /** Whether the targets are all of the image's objects. */
  readonly isExhaustive: boolean
  /** The fields in the core's order, as far as the batch has them. */
  readonly fields: ReadonlyArray<ReadField | undefined>
  readonly ignore: ArrayLike<unknown> | undefined
}

/** What a target has of a field. */
export interface ReadField {
  /** Numbers or rows. */
  readonly values: ArrayLike<unknown>
  /** The rows that count, where they are nested. */
  readonly rows: ReadonlyArray<ArrayLike<unknown>> | undefined
  /** Height and width of planes of bytes, which `values` are then. */
  readonly size?: readonly [height: number, width: number] | undefined
}
