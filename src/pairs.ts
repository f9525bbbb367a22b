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

/** The lines that are not among those given, ascending. */
function others(taken: Int32Array, lines: number): Int32Array {
  const free = new Int32Array(lines - taken.length)
  if (free.length === 0) return free
  const isTaken = new Uint8Array(lines)
  for (let pair = 0; pair < taken.length; pair++) isTaken[taken[pair] as number] = 1
  for (let line = 0, place = 0; line < lines; line++) {
    if (isTaken[line] === 0) free[place++] = line
  }
  return free
}
