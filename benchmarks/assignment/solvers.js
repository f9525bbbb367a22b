/**
 * The solvers that run in JavaScript, under one interface. Each gets its matrices ready in the form that it likes best,
 * which is not timed.
 */
import * as hungarianLoss from 'hungarian-loss'
import { linearSumAssignment as mlLinearSumAssignment } from 'linear-sum-assignment'
import { munkres } from 'munkres'
import computeMunkres from 'munkres-js'
import { augmentingPathSolver, transpose } from '../rivals/solvers.js'

/**
 * @typedef {import('./suite.js').DenseMatrix} DenseMatrix
 * @typedef {import('./suite.js').SparseMatrix} SparseMatrix
 *
 * @typedef {object} Prepared
 * @property {() => unknown} run what is timed
 * @property {(result: unknown) => number[][]} columns from its result the column of each row, or −1, of each matrix
 *
 * @typedef {object} Solver
 * @property {(matrix: DenseMatrix) => Prepared} dense
 * @property {(matrices: DenseMatrix[]) => Prepared} batch
 * @property {(matrix: SparseMatrix) => Prepared} [sparse]
 */

/** @type {Solver} */
const ours = {
  dense({ rows, columns, values }) {
    const tensor = { data: values, shape: [rows, columns] }
    return {
      run: () => hungarianLoss.linearSumAssignment(tensor),
      columns: (assignment) => [columnOfRow(rows, assignment)],
    }
  },
  batch(matrices) {
    const data = new matrices[0].values.constructor(matrices.reduce((sum, { values }) => sum + values.length, 0))
    matrices.reduce((start, { values }) => (data.set(values, start), start + values.length), 0)
    const shapes = matrices.map(({ rows, columns }) => [rows, columns])
    return {
      run: () => hungarianLoss.linearSumAssignmentBatch({ data, shapes }),
      columns: (assignments) => assignments.map((assignment, i) => columnOfRow(matrices[i].rows, assignment)),
    }
  },
  sparse({ rows, columns, values, columnIndices, rowStarts }) {
    const matrix = { values, columnIndices, rowStarts, shape: [rows, columns] }
    return {
      run: () => hungarianLoss.linearSumAssignment(matrix),
      columns: (assignment) => [columnOfRow(rows, assignment)],
    }
  },
}

function columnOfRow(rows, { rowIndices, columnIndices }) {
  const columns = Array(rows).fill(-1)
  rowIndices.forEach((row, pair) => (columns[row] = columnIndices[pair]))
  return columns
}

/** Fastest with no more rows than columns, and with rows that are views of one array. */
const munkresPackage = rival('wide', ({ rows, columns, values }) => {
  const views = rowViews(rows, columns, values)
  return { run: () => munkres(views), columns: (pairs) => columnsOfPairs(rows, pairs) }
})

/** Takes nothing but arrays of arrays. */
const munkresJsPackage = rival('wide', ({ rows, columns, values }) => {
  const nested = rowViews(rows, columns, values).map((view) => Array.from(view))
  return { run: () => computeMunkres(nested), columns: (pairs) => columnsOfPairs(rows, pairs) }
})

/** Transposes what has more columns than rows. */
const mlPackage = rival('tall', ({ rows, columns, values }) => {
  const views = rowViews(rows, columns, values)
  return {
    run: () => mlLinearSumAssignment(views, { maximaze: false }),
    columns: ({ rowAssignments }) => Array.from(rowAssignments),
  }
})

const plain = rival('wide', ({ rows, columns, values }) => {
  const solve = augmentingPathSolver()
  return { run: () => solve(values, rows, columns), columns: (found) => Array.from(found) }
})

/** @type {Record<string, Solver>} */
export const SOLVERS = {
  ours,
  munkres: munkresPackage,
  'linear-sum-assignment': mlPackage,
  'munkres-js': munkresJsPackage,
  'plain JS': plain,
}

/**
 * A solver that knows single matrices of one orientation only: others are transposed before, and a batch is a loop over
 * those that are not empty.
 * @param {'wide' | 'tall'} likes no more rows than columns, or no fewer
 * @param {(matrix: DenseMatrix) => { run: () => unknown, columns: (result: unknown) => number[] }} prepare
 * @returns {Solver}
 */
function rival(likes, prepare) {
  const oriented = ({ rows, columns, values }) => {
    if (rows === columns || rows < columns === (likes === 'wide')) return prepare({ rows, columns, values })
    const turned = prepare({ rows: columns, columns: rows, values: transpose(values, rows, columns) })
    return { run: turned.run, columns: (result) => invert(rows, turned.columns(result)) }
  }
  return {
    dense(matrix) {
      const { run, columns } = oriented(matrix)
      return { run, columns: (result) => [columns(result)] }
    },
    batch(matrices) {
      const prepared = matrices.map((matrix) => (matrix.values.length > 0 ? oriented(matrix) : idle(matrix)))
      return {
        run: () => prepared.map(({ run }) => run()),
        columns: (results) => results.map((result, i) => prepared[i].columns(result)),
      }
    },
  }
}

function idle({ rows }) {
  return { run: () => undefined, columns: () => Array(rows).fill(-1) }
}

function rowViews(rows, columns, values) {
  return Array.from({ length: rows }, (_, row) => values.subarray(row * columns, (row + 1) * columns))
}

function columnsOfPairs(rows, pairs) {
  const found = Array(rows).fill(-1)
  for (const [row, column] of pairs) found[row] = column
  return found
}

/** The column of each row, from the row of each column. */
function invert(rows, rowOfColumn) {
  const found = Array(rows).fill(-1)
  rowOfColumn.forEach((row, column) => {
    if (row >= 0) found[row] = column
  })
  return found
}
