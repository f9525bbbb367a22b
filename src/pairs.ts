import { toHungarianLossError } from './errors.ts'
import type { Assignment } from './types.ts'
import { View } from './view.ts'

/** In place of the column of a row that has none. */
export const UNASSIGNED = -1

/** An assignment; who is left over is listed on first use. */
class AssignmentView extends View implements Assignment {
  readonly rowIndices: Int32Array
  readonly columnIndices: Int32Array
  readonly total: number
  readonly rowDuals: Float64Array | undefined
  readonly columnDuals: Float64Array | undefined
  readonly #rows: number
  readonly #columns: number
  #unassignedRows: Int32Array | undefined
  #unassignedColumns: Int32Array | undefined

  constructor(
    rowIndices: Int32Array,
    columnIndices: Int32Array,
    [rows, columns]: readonly [number, number],
    total: number,
    duals: Float64Array | undefined,
  ) {
    super()
    this.rowIndices = rowIndices
    this.columnIndices = columnIndices
    this.total = total
    this.rowDuals = duals?.subarray(0, rows)
    this.columnDuals = duals?.subarray(rows)
    this.#rows = rows
    this.#columns = columns
  }

  get unassignedRows(): Int32Array {
    return (this.#unassignedRows ??= others(this.rowIndices, this.#rows))
  }

  get unassignedColumns(): Int32Array {
    return (this.#unassignedColumns ??= others(this.columnIndices, this.#columns))
  }
}

/** Lists the pairs in order of rows. `columnOfRow`: `[rows]` and more. `duals`: `[rows + columns]`. */
export function listPairs(
  columnOfRow: Int32Array | Float64Array,
  rows: number,
  columns: number,
  total: number,
  duals: Float64Array | undefined,
): Assignment {
  let pairs = 0
  for (let row = 0; row < rows; row++) {
    if (columnOfRow[row] !== UNASSIGNED) pairs++
  }
  const rowIndices = new Int32Array(pairs)
  const columnIndices = new Int32Array(pairs)
  for (let row = 0, pair = 0; pair < pairs; row++) {
    const column = columnOfRow[row] as number
    if (column === UNASSIGNED) continue
    rowIndices[pair] = row
    columnIndices[pair++] = column
  }
  return new AssignmentView(rowIndices, columnIndices, [rows, columns], total, duals)
}

/** The assignment of a matrix without cells: nothing is made that the caller does not ask for. */
export function noPairs(rows: number, columns: number, wantsDuals: boolean): Assignment {
  const duals = wantsDuals ? new Float64Array(rows + columns) : undefined
  return new AssignmentView(new Int32Array(0), new Int32Array(0), [rows, columns], 0, duals)
}

/** The lines that are not among those given, ascending. They are listed when the caller asks, and may then be too many. */
function others(taken: Int32Array, lines: number): Int32Array {
  try {
    const free = new Int32Array(lines - taken.length)
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
