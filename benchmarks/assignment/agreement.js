/** Whether what a contender found is a complete assignment with the least total. */

/**
 * How far a total may lie above the least one, relative to the sum of the pairs' magnitudes: what the rounding of sums
 * in float64 explains, and no more.
 */
const TOLERANCE = 1e-12

/**
 * Judges what all contenders found for the same matrices: for each what is wrong with it, or undefined.
 * @param {(import('./suite.js').DenseMatrix | import('./suite.js').SparseMatrix)[]} matrices
 * @param {number[][][]} found by each contender, for each matrix: the column of each row, or −1
 * @returns {(string | undefined)[]}
 */
export function judge(matrices, found) {
  const sums = found.map((columns) => matrices.map((matrix, i) => sumPairs(matrix, columns[i])))
  const complete = sums.filter((ofMatrices) => !ofMatrices.includes(undefined))
  const least = matrices.map((_, i) => Math.min(...complete.map((ofMatrices) => ofMatrices[i].total)))
  return sums.map((ofMatrices) => {
    if (ofMatrices.includes(undefined)) return 'incomplete'
    const excesses = ofMatrices.map(({ total, scale }, i) => (total === least[i] ? 0 : (total - least[i]) / scale))
    const excess = Math.max(...excesses)
    return excess > TOLERANCE ? `not optimal by ${excess.toPrecision(1)}` : undefined
  })
}

/**
 * The total of an assignment and the sum of its magnitudes; undefined unless as many pairs as fit are made, all of them
 * present in the matrix and no column twice.
 */
export function sumPairs(matrix, columnOfRow) {
  const { rows, columns } = matrix
  if (columnOfRow.length !== rows) return undefined
  const taken = new Set()
  let [total, scale] = [0, 0]
  for (let row = 0; row < rows; row++) {
    const column = columnOfRow[row]
    if (column === -1) continue
    const value = valueAt(matrix, row, column)
    if (value === undefined || taken.has(column)) return undefined
    taken.add(column)
    total += value
    scale += Math.abs(value)
  }
  return taken.size === Math.min(rows, columns) ? { total, scale } : undefined
}

function valueAt({ columns, values, columnIndices, rowStarts }, row, column) {
  if (!Number.isInteger(column) || column < 0 || column >= columns) return undefined
  if (rowStarts === undefined) return values[row * columns + column]
  const place = columnIndices.subarray(rowStarts[row], rowStarts[row + 1]).indexOf(column)
  return place < 0 ? undefined : values[rowStarts[row] + place]
}
