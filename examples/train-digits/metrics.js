/** How good detections are. Pure functions on plain numbers. */

/**
 * @typedef {ArrayLike<number>} Box left, top, right and bottom
 * @typedef {{ labels: Int32Array, boxes: ArrayLike<number> }} Truth the true objects of one image, boxes `[n · 4]`
 */

/** The boxes of `[n · 4]` numbers, one by one. */
const rows = (boxes) => Array.from({ length: boxes.length / 4 }, (_, i) => boxes.subarray(4 * i, 4 * i + 4))

/** Intersection over union of two boxes. */
export function boxIou(a, b) {
  const overlap = (axis) => Math.max(0, Math.min(a[axis + 2], b[axis + 2]) - Math.max(a[axis], b[axis]))
  const area = (box) => (box[2] - box[0]) * (box[3] - box[1])
  const intersection = overlap(0) * overlap(1)
  const union = area(a) + area(b) - intersection
  return union > 0 ? intersection / union : 0
}

/**
 * Mean, over the true boxes, of their overlap with the detection of their image that overlaps them most; 0 where there is none.
 * @param {{ boxes: Float64Array }[]} detections of each image
 * @param {Truth[]} truths of each image
 */
export function meanIou(detections, truths) {
  return mean(
    truths.flatMap(({ boxes }, image) =>
      rows(boxes).map((box) => Math.max(0, ...rows(detections[image].boxes).map((found) => boxIou(found, box)))),
    ),
  )
}

/**
 * Average precision as COCO counts it, for one overlap threshold: detections are taken by falling score, each claims the
 * free true object of its label that it overlaps most; the precision is averaged over 101 levels of recall, and the result
 * over the labels that occur.
 * @param {import('hungarian-loss').Detections[]} detections
 * @param {Truth[]} truths
 * @param {number} threshold least intersection over union of a hit
 */
export function averagePrecision(detections, truths, threshold) {
  const flat = (images) =>
    images.flatMap(({ labels, boxes, scores }, image) =>
      rows(boxes).map((box, i) => ({ image, label: labels[i], box, score: scores?.[i] })),
    )
  return averageOfLabels(flat(detections), flat(truths), threshold)
}

function averageOfLabels(detections, truths, threshold) {
  const labels = [...new Set(truths.map(({ label }) => label))]
  const ofLabel = (items, label) => items.filter((item) => item.label === label)
  return mean(
    labels.map((label) => {
      const relevant = ofLabel(truths, label)
      return interpolatedPrecision(findHits(ofLabel(detections, label), relevant, threshold), relevant.length)
    }),
  )
}

/** Whether each detection, by falling score, hits a true object that no earlier one has claimed. */
function findHits(detections, truths, threshold) {
  const free = new Set(truths)
  const ranked = [...detections].sort((a, b) => b.score - a.score)
  return ranked.map(({ image, box }) => {
    let best
    let bestIou = threshold
    for (const truth of free) {
      const iou = truth.image === image ? boxIou(box, truth.box) : 0
      if (iou >= bestIou) [best, bestIou] = [truth, iou]
    }
    return free.delete(best)
  })
}

/**
 * Mean, over the recalls 0, 0.01, …, 1, of the best precision that is reached at that recall or a higher one.
 * @param {boolean[]} hits by falling score
 * @param {number} total number of true objects
 */
export function interpolatedPrecision(hits, total) {
  const best = new Float64Array(101)
  let found = 0
  hits.forEach((hit, i) => {
    if (!hit) return
    found++
    const reached = Math.floor((100 * found) / total + 1e-9)
    best[reached] = Math.max(best[reached], found / (i + 1))
  })
  for (let recall = 99; recall >= 0; recall--) best[recall] = Math.max(best[recall], best[recall + 1])
  return mean([...best])
}

export const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length
