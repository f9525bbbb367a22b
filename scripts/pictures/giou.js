/** Intersection, union and hull of two boxes, for boxes that overlap, that do not, and of which one holds the other. */
import { HungarianLoss } from '../../dist/index.js'
import { number, picture, rect, text } from './svg.js'

const UNIT = 150
const CASES = [
  ['overlapping', [0.1, 0.2, 0.7, 0.75], [0.4, 0.4, 0.95, 0.95]],
  ['apart', [0.05, 0.15, 0.4, 0.55], [0.6, 0.5, 0.95, 0.95]],
  ['one in the other', [0.1, 0.1, 0.95, 0.95], [0.35, 0.4, 0.75, 0.75]],
]

export function drawGiou() {
  const criterion = HungarianLoss.detr({ numClasses: 1, boxFormat: 'xyxy', weights: { iou: 1 } })
  return picture('IoU and generalised IoU of two boxes', 520, 274, [
    CASES.map(([name, prediction, target], i) => {
      const left = 16 + i * (UNIT + 19)
      const { terms } = criterion.compute(
        {
          logits: { data: new Float32Array(2), shape: [1, 1, 2] },
          boxes: { data: Float32Array.from(prediction), shape: [1, 1, 4] },
        },
        [{ labels: [0], boxes: [target] }],
      )
      const hull = [0, 1, 2, 3].map((k) => (k < 2 ? Math.min : Math.max)(prediction[k], target[k]))
      const shared = [0, 1, 2, 3].map((k) => (k < 2 ? Math.max : Math.min)(prediction[k], target[k]))
      const overlaps = shared[0] < shared[2] && shared[1] < shared[3]
      return [
        text(left + UNIT / 2, 26, name, 'faint'),
        drawBox(left, hull, 'third-fill shade'),
        drawBox(left, hull, 'frame third dashed'),
        overlaps ? [drawBox(left, shared, 'ours-fill shade')] : [],
        drawBox(left, target, 'line theirs'),
        drawBox(left, prediction, 'line ours'),
        text(left + UNIT / 2, 214, `IoU ${number(1 - terms.iou)}`),
        text(left + UNIT / 2, 238, `GIoU ${number(1 - terms.giou)}`, 'text strong'),
      ]
    }),
    text(260, 264, 'blue: prediction; orange: target; violet: hull', 'faint small'),
  ])
}

const drawBox = (left, [x1, y1, x2, y2], classes) =>
  rect(left + x1 * UNIT, 42 + y1 * UNIT, (x2 - x1) * UNIT, (y2 - y1) * UNIT, classes)
