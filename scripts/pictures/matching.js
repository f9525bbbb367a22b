/** Set prediction: predicted and true boxes of an image, the matching cost of their pairs, and the pairs that are chosen. */
import { HungarianLoss } from '../../dist/index.js'
import { number, picture, rect, text } from './svg.js'
import { table } from './table.js'

const SIDE = 240
const [LEFT, TOP] = [20, 44]

/** Probabilities of the classes dog and cat, and of no-object. */
const PROBABILITIES = [
  [0.7, 0.1, 0.2],
  [0.2, 0.5, 0.3],
  [0.1, 0.8, 0.1],
  [0.1, 0.1, 0.8],
]
const BOXES = [
  [0.34, 0.36, 0.34, 0.36],
  [0.58, 0.5, 0.4, 0.4],
  [0.74, 0.64, 0.3, 0.44],
  [0.22, 0.8, 0.24, 0.24],
]
const TARGETS = [
  {
    labels: [0, 1],
    boxes: [
      [0.3, 0.3, 0.36, 0.4],
      [0.72, 0.6, 0.36, 0.52],
    ],
  },
]

export function drawMatching() {
  const criterion = HungarianLoss.detr({ numClasses: 2 })
  const outputs = {
    logits: { data: Float32Array.from(PROBABILITIES.flat(), Math.log), shape: [1, 4, 3] },
    boxes: { data: Float32Array.from(BOXES.flat()), shape: [1, 4, 4] },
  }
  const [{ data }] = criterion.cost(outputs, TARGETS).images
  const [{ queryIndices, targetIndices }] = criterion.match(outputs, TARGETS).matches
  const targetOf = (query) => targetIndices[queryIndices.indexOf(query)]
  const rows = BOXES.map((_, query) => [0, 1].map((target) => number(data[2 * query + target])))
  const cells = { x: 340, y: 74, width: 74, height: 42 }
  return picture('Four predicted boxes, two true ones, and the cost of each pair', 520, 304, [
    text(LEFT + SIDE / 2, 28, 'an image', 'faint'),
    rect(LEFT, TOP, SIDE, SIDE, 'tile'),
    TARGETS[0].boxes.map((box, target) => drawBox(box, 'AB'[target], 'theirs')),
    BOXES.map((box, query) => drawBox(box, query, 'ours', 'dashed')),
    text(cells.x + cells.width, 28, 'cost of each pair', 'faint'),
    [0, 1].map((target) => text(cells.x + (target + 0.5) * cells.width, 62, `target ${'AB'[target]}`, 'theirs-text')),
    BOXES.map((_, query) => text(cells.x - 8, cells.y + query * cells.height + 26, query, 'ours-text', 'end')),
    table(cells, rows, (query, target) => targetOf(query) === target),
    text(cells.x + cells.width, 270, 'the others learn no-object', 'faint small'),
  ])
}

function drawBox([cx, cy, w, h], name, colour, look = '') {
  const [x, y] = [LEFT + (cx - w / 2) * SIDE, TOP + (cy - h / 2) * SIDE]
  const place = colour === 'ours' ? [x + w * SIDE - 10, y + h * SIDE - 7] : [x + 11, y + 18]
  return [
    rect(x, y, w * SIDE, h * SIDE, `line ${colour} ${look}`),
    text(place[0], place[1], name, `${colour}-text strong`),
  ]
}
