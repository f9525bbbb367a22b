/** What share of the class term objects and no-object have, with no-object's weight and without. */
import { HungarianLoss } from '../../dist/index.js'
import { number, picture, rect, text } from './svg.js'

const [QUERIES, OBJECTS] = [100, 7]
const [LEFT, WIDTH] = [20, 480]

export function drawWeights() {
  return picture('Shares of objects and no-object in the class term', 520, 196, [...bar(48, 1), ...bar(132, 0.1)])
}

/** One bar: the shares by weight. */
function bar(top, noObjectWeight) {
  const sum = classNormalizer(noObjectWeight)
  const share = OBJECTS / sum
  const split = LEFT + share * WIDTH
  return [
    text(LEFT, top - 12, `no-object's weight ${noObjectWeight}: Σ w = ${number(sum, 1)}`, 'text', 'start'),
    rect(LEFT, top, split - LEFT, 38, 'ours-fill'),
    rect(split, top, LEFT + WIDTH - split, 38, 'tile'),
    text(split + 12, top + 24, `${OBJECTS} objects: ${number(100 * share, 0)} % of the weight`, 'text', 'start'),
  ]
}

/** The divisor of the class term of an image with as many targets as there are objects. */
function classNormalizer(noObjectWeight) {
  const outputs = {
    logits: { data: new Float32Array(2 * QUERIES), shape: [1, QUERIES, 2] },
    boxes: { data: new Float32Array(4 * QUERIES).fill(0.5), shape: [1, QUERIES, 4] },
  }
  const targets = [
    { labels: Array(OBJECTS).fill(0), boxes: Array.from({ length: OBJECTS }, () => [0.5, 0.5, 0.2, 0.2]) },
  ]
  const criterion = HungarianLoss.detr({ numClasses: 1, classification: { noObjectWeight } })
  return criterion.match(outputs, targets).normalizers.classNormalizer
}
