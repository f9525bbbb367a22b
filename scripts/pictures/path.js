/** A shortest augmenting path: one row more gets a column, and all pairs along the path change over. */
import { linearSumAssignment } from '../../dist/index.js'
import { circle, line, number, picture, text } from './svg.js'

const COST = [
  [1, 2, 3],
  [2, 4, 9],
  [1, 5, 8],
]
const ROWS = ['a', 'b', 'c']
const [LEFT, STEP] = [40, 88]

export function drawPath() {
  const [before, after] = [COST.slice(0, 2), COST].map((cost) => linearSumAssignment(cost))
  const path = pathOf(before, after)
  return picture('A path of rows and columns: pairs before and after a third row joins', 520, 274, [
    text(LEFT - 20, 30, `rows a and b have their columns: ${number(before.total, 0)}`, 'text', 'start'),
    chain(74, path, (place) => place % 2 === 1),
    text(LEFT - 20, 158, `row c takes 0, b moves to 1, a to 2: ${number(after.total, 0)}`, 'text', 'start'),
    chain(202, path, (place) => place % 2 === 0),
    text(LEFT - 20, 256, 'orange: rows; blue: columns; solid: pairs, with their costs', 'faint small', 'start'),
  ])
}

const columnOf = ({ rowIndices, columnIndices }, row) => columnIndices[rowIndices.indexOf(row)]
const rowOf = ({ rowIndices, columnIndices }, column) => rowIndices[columnIndices.indexOf(column)]

/** Rows and columns by turns, from the new row to a column that was free. */
function pathOf(before, after) {
  const path = []
  for (let row = COST.length - 1; row !== undefined; row = rowOf(before, path.at(-1))) {
    path.push(row, columnOf(after, row))
  }
  if (path.length !== 2 * COST.length) throw new Error('the path does not reach all rows')
  return path
}

/** The path as a line. `isPair`: whether what stands at a place and the next are a pair. */
function chain(y, path, isPair) {
  const x = (place) => LEFT + place * STEP
  const links = path.slice(1).map((_, place) => {
    const [row, column] = place % 2 === 0 ? [path[place], path[place + 1]] : [path[place + 1], path[place]]
    const pair = isPair(place)
    return [
      line(x(place) + 17, y, x(place + 1) - 17, y, pair ? 'ours' : 'quiet dashed thin'),
      text((x(place) + x(place + 1)) / 2, y - 10, COST[row][column], pair ? 'ours-text strong' : 'faint'),
    ]
  })
  const ends = path.map((index, place) => {
    const colour = place % 2 === 0 ? 'theirs' : 'ours'
    const name = place % 2 === 0 ? ROWS[index] : index
    return [circle(x(place), y, 16, `frame ${colour}`), text(x(place), y + 5, name, `${colour}-text`)]
  })
  return [...links, ...ends]
}
