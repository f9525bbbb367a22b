/** A matrix as a table of cells. */
import { rect, text } from './svg.js'

/**
 * @param {{ x: number, y: number, width: number, height: number }} cell place of the first cell, and the size of all
 * @param {string[][]} rows what stands in the cells
 * @param {(row: number, column: number) => boolean} isChosen which cells are filled
 */
export function table({ x, y, width, height }, rows, isChosen) {
  return rows.map((cells, row) =>
    cells.map((content, column) => {
      const [left, top] = [x + column * width, y + row * height]
      const chosen = isChosen(row, column)
      return [
        rect(left, top, width, height, 'tile'),
        chosen ? [rect(left + 2, top + 2, width - 4, height - 4, 'ours-fill shade')] : [],
        text(left + width / 2, top + height / 2 + 5, content, chosen ? 'ours-text strong' : 'text'),
      ]
    }),
  )
}
