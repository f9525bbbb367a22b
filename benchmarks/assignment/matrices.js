/**
 * Cost matrices of the kinds that assignment solvers meet: easy and hard, with ties, with structure, far from zero.
 * Each family makes a square matrix of `n` rows, row-major in float64.
 */

/**
 * @typedef {import('../random.js').Random} Random
 * @type {Record<string, (random: Random, n: number) => Float64Array>}
 */
export const SQUARE_FAMILIES = {
  uniform: (random, n) => fill(n, () => random.uniform()),
  'integers 1 to 100': (random, n) => fill(n, () => 1 + random.integer(100)),
  'integers 1 to n': (random, n) => fill(n, () => 1 + random.integer(n)),
  'products i·j': (_, n) => fill(n, (row, column) => (row + 1) * (column + 1)),
  'Euclidean clusters': clusterDistances,
  'near-diagonal': nearDiagonal,
  'low rank': lowRank,
  'all equal': (_, n) => fill(n, () => 3.5),
  '1e6 ± 1': (random, n) => fill(n, () => 1e6 + 2 * random.uniform() - 1),
}

/**
 * Matrices as callers pad them, or with much that repeats.
 * @type {Record<string, (random: Random, n: number) => Float64Array>}
 */
export const PADDED_FAMILIES = {
  '6 % real rows, the rest 0': (random, n) => padded(random, n, { rows: 0.06, columns: 1, constant: 0 }),
  'half real rows, the rest 1': (random, n) => padded(random, n, { rows: 0.5, columns: 1, constant: 1 }),
  '6 % real columns, the rest 0': (random, n) => padded(random, n, { rows: 1, columns: 0.06, constant: 0 }),
  'half real columns, the rest 1': (random, n) => padded(random, n, { rows: 1, columns: 0.5, constant: 1 }),
  'half real rows and columns, the rest 1': (random, n) => padded(random, n, { rows: 0.5, columns: 0.5, constant: 1 }),
  '90 % real rows and columns, the rest 0.01': (random, n) =>
    padded(random, n, { rows: 0.9, columns: 0.9, constant: 0.01 }),
  'half real rows, the rest alike': alikeRows,
  'blocks of ten equal rows': (random, n) => repeated(random, n, { rows: 10, columns: 1 }),
  'rows and columns twice': (random, n) => repeated(random, n, { rows: 2, columns: 2 }),
  'integers 0 to 2': (random, n) => fill(n, () => random.integer(3)),
  'two zeros in a row, the rest 1': (random, n) => fill(n, () => (random.uniform() < 2 / n ? 0 : 1)),
  'three costs in a row, the rest 1e6': (random, n) =>
    fill(n, () => (random.uniform() < 3 / n ? random.uniform() : 1e6)),
}

/** Uniform noise of any shape. */
export function uniformMatrix(random, rows, columns) {
  return Float64Array.from({ length: rows * columns }, () => random.uniform())
}

function fill(n, valueAt) {
  const cost = new Float64Array(n * n)
  for (let row = 0, i = 0; row < n; row++) {
    for (let column = 0; column < n; column++) cost[i++] = valueAt(row, column)
  }
  return cost
}

/** Uniform noise in the first rows and columns, shares of all, and a constant everywhere else. */
function padded(random, n, { rows, columns, constant }) {
  const [realRows, realColumns] = [rows, columns].map((share) => Math.max(1, Math.round(share * n)))
  return fill(n, (row, column) => (row < realRows && column < realColumns ? random.uniform() : constant))
}

/** Half of the rows real, and what it costs to leave each column to nobody in all others. */
function alikeRows(random, n) {
  const padding = Array.from({ length: n }, () => random.uniform())
  return fill(n, (row, column) => (row < n / 2 ? random.uniform() : padding[column]))
}

/** Uniform noise in which each row and each column comes so many times, side by side. */
function repeated(random, n, { rows, columns }) {
  const [height, width] = [rows, columns].map((times) => Math.ceil(n / times))
  const noise = uniformMatrix(random, height, width)
  return fill(n, (row, column) => noise[Math.floor(row / rows) * width + Math.floor(column / columns)])
}

/** Distances of points that lie around the same few centres. */
function clusterDistances(random, n) {
  const centres = Array.from({ length: Math.max(2, Math.floor(n / 50)) }, () => [
    100 * random.uniform(),
    100 * random.uniform(),
  ])
  const makePoints = () =>
    Array.from({ length: n }, () => {
      const [x, y] = centres[random.integer(centres.length)]
      return [x + 2 * random.normal(), y + 2 * random.normal()]
    })
  const [from, to] = [makePoints(), makePoints()]
  return fill(n, (row, column) => Math.hypot(from[row][0] - to[column][0], from[row][1] - to[column][1]))
}

/** As in tracking: a cheap partner for each row, in random order, and a twentieth of the rows with a second one. */
function nearDiagonal(random, n) {
  const cost = fill(n, () => 0.5 + 0.5 * random.uniform())
  const partner = random.permutation(n)
  for (let row = 0; row < n; row++) cost[row * n + partner[row]] = 0.2 * random.uniform()
  for (let i = 0; i < Math.floor(n / 20); i++) cost[random.integer(n) * n + random.integer(n)] = 0.2 * random.uniform()
  return cost
}

/** Inner products of random vectors with six components. */
function lowRank(random, n) {
  const RANK = 6
  const makeVectors = () => Float64Array.from({ length: n * RANK }, () => random.normal())
  const [left, right] = [makeVectors(), makeVectors()]
  return fill(n, (row, column) => {
    let sum = 0
    for (let k = 0; k < RANK; k++) sum += left[row * RANK + k] * right[column * RANK + k]
    return sum
  })
}

/**
 * A square sparse matrix in CSR form with at most `perRow` entries in a row; a complete assignment is hidden in it.
 * @param {Random} random
 * @param {number} n
 * @param {number} perRow
 * @returns {SparseMatrix}
 *
 * @typedef {object} SparseMatrix
 * @property {number} rows
 * @property {number} columns
 * @property {Float64Array} values
 * @property {Int32Array} columnIndices of the values, ascending in each row
 * @property {Int32Array} rowStarts where each row starts among the values, and their number at the end
 */
export function sparseMatrix(random, n, perRow) {
  const partner = random.permutation(n)
  const rowStarts = new Int32Array(n + 1)
  const columnIndices = []
  for (let row = 0; row < n; row++) {
    const columns = new Set([partner[row]])
    for (let k = 1; k < perRow; k++) columns.add(random.integer(n))
    columnIndices.push(...[...columns].sort((a, b) => a - b))
    rowStarts[row + 1] = columnIndices.length
  }
  const values = Float64Array.from(columnIndices, () => 0.001 + random.uniform())
  return { rows: n, columns: n, values, columnIndices: Int32Array.from(columnIndices), rowStarts }
}
