/** Where the gradients of L1 and of GIoU push the edges of a predicted box. */
import { HungarianLoss } from '../../dist/index.js'
import { arrow, picture, rect, text } from './svg.js'

const UNIT = 220
const PREDICTION = [0.36, 0.4, 0.44, 0.4]
const TARGET = [0.62, 0.56, 0.4, 0.6]
/** Lengths of arrows by how far an edge moves for a unit of the rate. */
const SCALES = { l1: 22, giou: 16 }

export function drawGradients() {
  const names = { l1: 'L1', giou: 'GIoU' }
  return picture('Arrows at the edges of a predicted box, for L1 and for GIoU', 520, 288, [
    Object.keys(names).map((term, i) => {
      const left = 24 + i * (UNIT + 32)
      return [
        text(left + UNIT / 2, 26, names[term], 'text strong'),
        drawBox(left, TARGET, 'line theirs'),
        drawBox(left, PREDICTION, 'line ours'),
        edges(left, gradientOf(term), SCALES[term]),
      ]
    }),
    text(260, 278, 'blue: prediction, with its edges pushed; orange: target', 'faint small'),
  ])
}

/** The gradient by centre and size of a criterion with one term alone. */
function gradientOf(term) {
  const weights = { class: 0, l1: 0, giou: 0, [term]: 1 }
  const outputs = {
    logits: { data: new Float32Array(2), shape: [1, 1, 2] },
    boxes: { data: Float32Array.from(PREDICTION), shape: [1, 1, 4] },
  }
  const targets = [{ labels: [0], boxes: [TARGET] }]
  return HungarianLoss.detr({ numClasses: 1, weights }).compute(outputs, targets).gradients.boxes
}

/** An arrow at each edge: how a step against the gradient moves it, edges being centre ∓ size / 2. */
function edges(left, [cx, cy, w, h], scale) {
  const [x, y, width, height] = PREDICTION
  const place = (a, b) => [left + a * UNIT, 40 + b * UNIT]
  const moves = [
    [place(x - width / 2, y), [-cx + w / 2, 0]],
    [place(x + width / 2, y), [-cx - w / 2, 0]],
    [place(x, y - height / 2), [0, -cy + h / 2]],
    [place(x, y + height / 2), [0, -cy - h / 2]],
  ]
  return moves
    .filter(([, [dx, dy]]) => Math.hypot(dx, dy) * scale > 1)
    .map(([[a, b], [dx, dy]]) => arrow(a, b, a + dx * scale, b + dy * scale, 'third'))
}

const drawBox = (left, [cx, cy, w, h], classes) =>
  rect(left + (cx - w / 2) * UNIT, 40 + (cy - h / 2) * UNIT, w * UNIT, h * UNIT, classes)
