/** What terms and columns are called on the page. */
import { CLASSES } from '../state.ts'
import type { Term } from '../state.ts'

export const TERM_NAMES: Readonly<Record<Term, string>> = { class: 'class', l1: 'L1', giou: 'GIoU' }

/** The columns of a query's scores: the classes, and no-object behind them. */
export const COLUMN_NAMES: readonly string[] = [...CLASSES, 'no object']
/** The same in short, as a key for colours. */
export const COLUMN_KEYS: readonly string[] = [...CLASSES, 'none']
