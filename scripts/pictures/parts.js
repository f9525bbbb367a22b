/** The queries of a step by the parts that they belong to, with the targets that they have. */
import { HungarianLoss } from '../../dist/index.js'
import { picture, rect, text } from './svg.js'

const TARGETS = [
  {
    labels: [0, 0],
    boxes: [
      [0.3, 0.3, 0.2, 0.2],
      [0.7, 0.7, 0.3, 0.3],
    ],
  },
]
const [LEFT, SIDE] = [20, 40]

export function drawParts() {
  const { layer, own, many } = predictions()
  const criterion = HungarianLoss.dino({ numClasses: 1 })
  const grouped = criterion.match({ ...own, groups: 2 }, TARGETS)
  const { denoising, oneToMany } = criterion.match(
    { ...own, denoising: { ...layer(8), groups: 2 }, oneToMany: { ...many, repeat: 2 } },
    TARGETS,
  )
  const plain = criterion.match(own, TARGETS)
  return picture('Queries of a decoder, of groups, of denoising and of a one-to-many branch', 520, 372, [
    row(48, 'the decoder: one query for each target; N', plain, 8, 8),
    row(134, 'two groups, each with all targets; N · 2', grouped, 8, 4),
    row(220, 'denoising in two groups, half negatives; N · 2', denoising, 8, 4),
    row(306, 'one-to-many, each target twice; max(1, 2 · targets)', oneToMany, 8, 8),
  ])
}

/** Eight queries with what they have: a target, A or B, or no-object. `size`: queries of a group. */
function row(top, title, { matches: [{ queryIndices, targetIndices }] }, queries, size) {
  const cells = Array.from({ length: queries }, (_, query) => {
    const at = queryIndices.indexOf(query)
    const x = LEFT + query * SIDE + Math.floor(query / size) * 14
    return [
      rect(x, top, SIDE - 4, SIDE - 4, 'tile'),
      at >= 0 ? [rect(x, top, SIDE - 4, SIDE - 4, 'ours-fill shade')] : [],
      text(x + SIDE / 2 - 2, top + 23, at >= 0 ? 'AB'[targetIndices[at]] : '–', at >= 0 ? 'ours-text strong' : 'faint'),
    ]
  })
  return [text(LEFT, top - 12, title, 'text', 'start'), ...cells.flat()]
}

/** Eight boxes, some near the first target and some near the second. */
function predictions() {
  const layer = (queries, boxes = Array.from({ length: queries }, () => [0.5, 0.5, 0.1, 0.1])) => ({
    logits: { data: new Float32Array(queries), shape: [1, queries, 1] },
    boxes: { data: Float32Array.from(boxes.flat()), shape: [1, queries, 4] },
  })
  const near = ([cx, cy, w, h], shift) => [cx + shift, cy, w, h]
  const [first, second] = TARGETS[0].boxes
  const middle = [0.5, 0.5, 0.05, 0.05]
  const own = layer(8, [
    middle,
    near(first, 0.02),
    near(second, 0.02),
    middle,
    near(second, 0.04),
    middle,
    middle,
    near(first, 0.06),
  ])
  const many = layer(8, [
    near(first, 0.03),
    middle,
    near(second, 0.01),
    near(second, 0.05),
    middle,
    near(first, 0.02),
    middle,
    middle,
  ])
  return { layer, own, many }
}
