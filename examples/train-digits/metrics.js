/** How good detections are. Pure functions on plain numbers. */

/**
 * @typedef {[number, number, number, number]} Box centre and size: cx, cy, w, h
 * @typedef {{ image: number, label: number, box: Box }} Truth one true object
 * @typedef {Truth & { score: number }} Detection one predicted object; the higher the score, the surer
 */

/** Intersection over union of two boxes. */
export function boxIou(a, b) {
  const start = (box, axis) => box[axis] - box[axis + 2] / 2
  const end = (box, axis) => box[axis] + box[axis + 2] / 2
  const overlap = (axis) => Math.max(0, Math.min(end(a, axis), end(b, axis)) - Math.max(start(a, axis), start(b, axis)))
  const intersection = overlap(0) * overlap(1)
  const union = a[2] * a[3] + b[2] * b[3] - intersection
  return union > 0 ? intersection / union : 0
}

/**
 * Average precision as COCO counts it, for one overlap threshold: detections are taken by falling score, each claims the
 * free true object of its label that it overlaps most; the precision is averaged over 101 levels of recall, and the result
 * over the labels that occur.
 * @param {Detection[]} detections
 * @param {Truth[]} truths
 * @param {number} threshold least intersection over union of a hit
 */
export function averagePrecision(detections, truths, threshold) {
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
