/** Dual variables of an assignment, and what is left of the costs when they are taken away: 0 at the pairs, nowhere less. */
import { linearSumAssignment, verifyAssignment } from '../../dist/index.js'
import { picture, text } from './svg.js'
import { table } from './table.js'

const COST = [
  [4, 1, 3],
  [2, 0, 5],
  [3, 2, 2],
]

export function drawDuals() {
  const assignment = linearSumAssignment(COST, { duals: true })
  const { rowDuals, columnDuals, columnIndices, total } = assignment
  const { optimal, bound } = verifyAssignment(COST, assignment)
  if (!optimal || bound !== total) throw new Error('the picture would show what is no proof')
  const isPair = (row, column) => columnIndices[row] === column
  const show = (value) => String(value).replace('-', '−')
  const [left, right] = [
    { x: 76, y: 78, width: 46, height: 42 },
    { x: 342, y: 78, width: 46, height: 42 },
  ]
  const reduced = COST.map((row, i) => row.map((cost, j) => show(cost - rowDuals[i] - columnDuals[j])))
  const axis = ({ x, y, width, height }) => [
    Array.from(columnDuals, (dual, j) => text(x + (j + 0.5) * width, y - 10, show(dual), 'third-text')),
    Array.from(rowDuals, (dual, i) => text(x - 14, y + (i + 0.5) * height + 5, show(dual), 'third-text', 'end')),
  ]
  return picture('A cost matrix with dual variables, and its reduced costs', 520, 246, [
    text(left.x + 69, 28, 'cost, and duals', 'faint'),
    axis(left),
    table(
      left,
      COST.map((row) => row.map(show)),
      isPair,
    ),
    text(
      left.x + 69,
      230,
      `pairs: ${COST.map((row, i) => row[columnIndices[i]]).join(' + ')} = ${show(total)}`,
      'ours-text',
    ),
    text(right.x + 69, 28, 'cost − both duals', 'faint'),
    table(right, reduced, isPair),
    text(right.x + 69, 230, `sum of duals: ${show(bound)}`, 'third-text'),
  ])
}
