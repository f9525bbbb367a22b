/** Assignment solvers in JavaScript, under one interface. */
import { munkres } from 'munkres'

/**
 * Finds the column of each row so that the total is least; −1 for rows that get none.
 * @typedef {(cost: Float64Array, rows: number, columns: number) => Int32Array} Solver `cost` is row-major and may be longer
 */

/**
 * The npm package `munkres`. It is fastest with no more rows than columns and with rows that are views of one array,
 * so that is how it gets its matrix; the views are kept from call to call.
 * @returns {Solver}
 */
export function munkresSolver() {
  let matrix = []
  let source
  let width = 0
  return wide((cost, rows, columns) => {
    if (cost !== source || columns !== width) [matrix, source, width] = [[], cost, columns]
    for (let row = matrix.length; row < rows; row++) matrix.push(cost.subarray(row * columns, (row + 1) * columns))
    const columnOfRow = new Int32Array(rows)
    for (const [row, column] of munkres(matrix.slice(0, rows))) columnOfRow[row] = column
    return columnOfRow
  })
}

/**
 * Shortest augmenting paths: rows take their cheapest column where it is free; each row that is left looks for the path
 * of least reduced cost to a free column (Dijkstra), along which all pairs change over. Dual variables are updated once
 * for each path. Source: Jonker and Volgenant 1987, "A shortest augmenting path algorithm for dense and sparse linear
 * assignment problems".
 * @returns {Solver}
 */
export function augmentingPathSolver() {
  let rowDual = new Float64Array(0)
  let columnDual = new Float64Array(0)
  let distance = new Float64Array(0)
  let rowOfColumn = new Int32Array(0)
  let previousRow = new Int32Array(0)
  let order = new Int32Array(0)

  return wide((cost, rows, columns) => {
    if (order.length < columns) grow(columns)
    const columnOfRow = new Int32Array(rows).fill(-1)
    columnDual.fill(0, 0, columns)
    rowOfColumn.fill(-1, 0, columns)
    for (let column = 0; column < columns; column++) order[column] = column
    for (let row = 0; row < rows; row++) takeCheapest(row, cost, columns, columnOfRow)
    for (let row = 0; row < rows; row++) if (columnOfRow[row] < 0) augment(row, cost, columns, columnOfRow)
    return columnOfRow
  })

  function grow(columns) {
    rowDual = new Float64Array(columns)
    columnDual = new Float64Array(columns)
    distance = new Float64Array(columns)
    rowOfColumn = new Int32Array(columns)
    previousRow = new Int32Array(columns)
    order = new Int32Array(columns)
  }

  /** Pairs a row with its cheapest column, unless an earlier row has it. */
  function takeCheapest(row, cost, columns, columnOfRow) {
    const start = row * columns
    let cheapest = 0
    for (let column = 1; column < columns; column++) {
      if (cost[start + column] < cost[start + cheapest]) cheapest = column
    }
    rowDual[row] = cost[start + cheapest]
    if (rowOfColumn[cheapest] >= 0) return
    rowOfColumn[cheapest] = row
    columnOfRow[row] = cheapest
  }

  /** Finds a column for a row that has none. */
  function augment(firstRow, cost, columns, columnOfRow) {
    distance.fill(Infinity, 0, columns)
    let open = columns // order[0 .. open] holds the columns that are still open, the rest those that have been reached
    let length = 0
    let row = firstRow
    let column
    do {
      const start = row * columns
      const shift = length - rowDual[row]
      let nearest = 0
      let least = Infinity
      for (let k = 0; k < open; k++) {
        const j = order[k]
        const viaRow = cost[start + j] - columnDual[j] + shift
        if (viaRow < distance[j]) {
          distance[j] = viaRow
          previousRow[j] = row
        }
        if (distance[j] < least) {
          least = distance[j]
          nearest = k
        }
      }
      length = least
      column = order[nearest]
      order[nearest] = order[--open]
      order[open] = column
      row = rowOfColumn[column]
    } while (row >= 0)

    rowDual[firstRow] += length
    for (let k = open + 1; k < columns; k++) {
      const gain = length - distance[order[k]]
      rowDual[rowOfColumn[order[k]]] += gain
      columnDual[order[k]] -= gain
    }
    while (row !== firstRow) {
      row = previousRow[column]
      const freed = columnOfRow[row]
      rowOfColumn[column] = row
      columnOfRow[row] = column
      column = freed
    }
  }
}

/** Lets a solver for no more rows than columns solve all shapes. */
function wide(solve) {
  return (cost, rows, columns) => {
    if (rows <= columns) return solve(cost, rows, columns)
    const columnOfRow = new Int32Array(rows).fill(-1)
    solve(transpose(cost, rows, columns), columns, rows).forEach((row, column) => (columnOfRow[row] = column))
    return columnOfRow
  }
}

/** `[rows, columns]` → `[columns, rows]`, in the same type. */
export function transpose(cost, rows, columns) {
  const transposed = new cost.constructor(rows * columns)
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) transposed[column * rows + row] = cost[row * columns + column]
  }
  return transposed
}
