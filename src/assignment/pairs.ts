/** Assignments as plain data: the pairs, and who is left over. */
import { toHungarianLossError } from '../common/errors.ts'
import { constructorOf, ownInt32s, putOff, WITH_JSON } from '../common/plain.ts'
import type { Unfinished } from '../common/plain.ts'

/**
 * An assignment of rows to columns. It is plain data, as {@link LossResult}, and in JSON its arrays are plain ones. Every
 * array has a buffer of its own, but for the duals, of which rows and columns may share one.
 */
export interface Assignment {
  /** Assigned rows, ascending. */
  readonly rowIndices: Int32Array
  /** The column of each of them. */
  readonly columnIndices: Int32Array
  /** Sum of the assigned cells, in float64. */
  readonly total: number
  /** Rows without a column, ascending. */
  readonly unassignedRows: Int32Array
  /** Columns without a row, ascending. */
  readonly unassignedColumns: Int32Array
  /**
   * `[rows]`, with `duals: true`: no cell costs less (when maximising: more) than the sum of its row's and its column's
   * dual. With `costLimit`, no cell's cost less the limit does, and no dual is above (below) 0.
   */
  readonly rowDuals: Float64Array | undefined
  /** `[columns]`, with `duals: true`. */
  readonly columnDuals: Float64Array | undefined
}

/** An assignment with its dual variables, as `duals: true` gives it. */
export interface AssignmentWithDuals extends Assignment {
  /** `[rows]`, as in {@link Assignment}. */
  readonly rowDuals: Float64Array
  /** `[columns]`, likewise. */
  readonly columnDuals: Float64Array
}

/** In place of the column of a row that has none. */
export const UNASSIGNED = -1

const LEFT_OVER = ['unassignedRows', 'unassignedColumns'] as const

/** So many who are left over are listed in less time than a getter takes to be defined. */
const QUICK = 256

/** So many duals get a buffer for each list; to make two takes longer for more, so that these share one. */
const SHORT = 8

/** Up to so many pairs are listed without being counted. */
const UNCOUNTED = 1024

/** So many values are copied one by one sooner than a view of them is made. */
const COPIED_SINGLY = 64

/**
 * Lists the pairs in order of rows, and who is left over. `columnOfRow`: the column of each row, from `firstRow` on.
 * `duals`: those of the rows, then of the columns, from `firstDual` on. All lists have memory of their own, but for the
 * duals, of which rows and columns may share it.
 */
export function listPairs(
  columnOfRow: Int32Array | Float64Array,
  rows: number,
  columns: number,
  total: number,
  duals: Float64Array | undefined,
  firstRow = 0,
  firstDual = 0,
): Assignment {
  // as many as there can be, which most often are, unless that may take much memory for nothing
  const most = Math.min(rows, columns)
  const room = most <= UNCOUNTED ? most : countPairs(columnOfRow, firstRow, rows)
  let rowIndices = ownInt32s(room)
  let columnIndices = ownInt32s(room)
  let pairs = 0
  for (let row = 0; row < rows; row++) {
    const column = columnOfRow[firstRow + row] as number
    if (column === UNASSIGNED) continue
    rowIndices[pairs] = row
    columnIndices[pairs++] = column
  }
  if (pairs < room) {
    rowIndices = rowIndices.slice(0, pairs)
    columnIndices = columnIndices.slice(0, pairs)
  }
  const assignment = new PlainAssignment(rowIndices, columnIndices, total, rows, columns)
  if (duals === undefined) return assignment
  const given: Unfinished<Assignment> = assignment
  if (Math.max(rows, columns) <= SHORT) {
    given.rowDuals = copy(duals, firstDual, rows)
    given.columnDuals = copy(duals, firstDual + rows, columns)
  } else {
    const own = copy(duals, firstDual, rows + columns)
    given.rowDuals = own.subarray(0, rows)
    given.columnDuals = own.subarray(rows)
  }
  return assignment
}

function countPairs(columnOfRow: ArrayLike<number>, firstRow: number, rows: number): number {
  let pairs = 0
  for (let row = firstRow; row < firstRow + rows; row++) if (columnOfRow[row] !== UNASSIGNED) pairs++
  return pairs
}

const PlainAssignment = constructorOf<Assignment, [Int32Array, Int32Array, number, number, number]>(function (
  rowIndices,
  columnIndices,
  total,
  rows,
  columns,
) {
  const quick = rows + columns - 2 * rowIndices.length <= QUICK
  this.rowIndices = rowIndices
  this.columnIndices = columnIndices
  this.total = total
  if (quick) {
    this.unassignedRows = others(rowIndices, rows)
    this.unassignedColumns = others(columnIndices, columns)
  } else {
    // the caller may have written to the lists by then
    const takenRows = rows > rowIndices.length ? new Int32Array(rowIndices) : rowIndices
    const takenColumns = columns > columnIndices.length ? new Int32Array(columnIndices) : columnIndices
    putOff(this, LEFT_OVER, {
      unassignedRows: () => others(takenRows, rows),
      unassignedColumns: () => others(takenColumns, columns),
    })
  }
  this.rowDuals = undefined
  this.columnDuals = undefined
}, WITH_JSON)

/** Some values in memory of their own, of this realm. */
function copy(values: Float64Array, start: number, length: number): Float64Array {
  const own = new Float64Array(length)
  if (length > COPIED_SINGLY) own.set(values.subarray(start, start + length))
  else for (let i = 0; i < length; i++) own[i] = values[start + i] as number
  return own
}

/** The assignment of a matrix without cells: nothing is made that the caller does not ask for. */
export function noPairs(rows: number, columns: number, wantsDuals: boolean): Assignment {
  const assignment: Unfinished<Assignment> = new PlainAssignment(ownInt32s(0), ownInt32s(0), 0, rows, columns)
  if (wantsDuals) {
    assignment.rowDuals = new Float64Array(rows)
    assignment.columnDuals = new Float64Array(columns)
  }
  return assignment
}

/** The lines that are not among those given, ascending. They may be listed when the caller asks, and be too many. */
function others(taken: Int32Array, lines: number): Int32Array {
  try {
    const free = ownInt32s(lines - taken.length)
    if (free.length === 0) return free
    const isTaken = new Uint8Array(taken.length === 0 ? 0 : lines)
    for (let pair = 0; pair < taken.length; pair++) isTaken[taken[pair] as number] = 1
    for (let line = 0, place = 0; line < lines; line++) {
      if (isTaken[line] !== 1) free[place++] = line
    }
    return free
  } catch (error) {
    throw toHungarianLossError(error, 'cost')
  }
}
