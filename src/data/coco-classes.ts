/** The classes of a data set, and the label of each of its categories. */
import { fail } from '../common/errors.ts'
import { compareIds } from '../common/ids.ts'
import { show } from '../common/validate.ts'
import type { CocoId, ReadCategory } from './coco-dataset.ts'

/** A class: its place in the list is its label. */
export interface CocoClass {
  /** The category. */
  readonly id: CocoId
  /** Undefined where the data set has none, and for labels of `'category-id'` that no category has. */
  readonly name: string | undefined
}

/** The largest id that may be a label. Every number below it is a class. */
const LARGEST_LABEL = 2 ** 16 - 1

/**
 * The classes, and the labels of the chosen categories. `all`: all categories, which have classes of their own where their ids are the
 * labels. `isSorted`: whether classes are in the order of ids, rather than as they were chosen.
 */
export function classesOf(
  all: ReadonlyMap<CocoId, ReadCategory>,
  chosen: readonly ReadCategory[],
  isSorted: boolean,
  labels: 'contiguous' | 'category-id',
): { readonly classes: readonly CocoClass[]; readonly labelOf: ReadonlyMap<CocoId, number> } {
  if (labels === 'contiguous') {
    const classes = (isSorted ? chosen.toSorted((a, b) => compareIds(a.id, b.id)) : chosen).map(({ id, name }) => ({
      id,
      name,
    }))
    return { classes, labelOf: new Map(classes.map(({ id }, label) => [id, label])) }
  }
  let largest = -1
  for (const id of all.keys()) {
    if (typeof id !== 'number' || id < 0 || id > LARGEST_LABEL) {
      const rule = `'category-id' needs ids that are integers from 0 to ${LARGEST_LABEL}; the data set has ${show(id)}`
      fail('RANGE', 'options.labels', rule)
    }
    largest = Math.max(largest, id)
  }
  const classes = Array.from({ length: largest + 1 }, (_, id) => ({ id, name: all.get(id)?.name }))
  return { classes, labelOf: new Map(chosen.map(({ id }) => [id, id as number])) }
}
