/** How well boxes lie on each other. Pure functions on plain numbers; boxes are left, top, right and bottom. */

/** Intersection over union of two boxes. */
function boxIou(a, b) {
  const overlap = (axis) => Math.max(0, Math.min(a[axis + 2], b[axis + 2]) - Math.max(a[axis], b[axis]))
  const area = (box) => (box[2] - box[0]) * (box[3] - box[1])
  const intersection = overlap(0) * overlap(1)
  const union = area(a) + area(b) - intersection
  return union > 0 ? intersection / union : 0
}

/**
 * Mean, over the true boxes, of their overlap with the detection of their image that overlaps them most; 0 where there is none.
 * @param {{ boxes: Float64Array, scores: Float64Array }[]} detections of each image, boxes `[n, 4]`
 * @param {{ boxes: Float32Array }[]} truths of each image, boxes `[n, 4]`
 * @param {number} least score of a detection that counts
 */
export function meanIou(detections, truths, least) {
  const overlaps = truths.flatMap((truth, image) => {
    const { boxes, scores } = detections[image]
    const found = rows(boxes).filter((_, i) => scores[i] >= least)
    return rows(truth.boxes).map((box) => Math.max(0, ...found.map((other) => boxIou(other, box))))
  })
  return mean(overlaps)
}

const rows = (boxes) => Array.from({ length: boxes.length / 4 }, (_, i) => boxes.subarray(4 * i, 4 * i + 4))

export const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length
