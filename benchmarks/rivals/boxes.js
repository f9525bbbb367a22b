/**
 * IoU and generalised IoU of two boxes, in float64, for the plain-JavaScript loss.
 *
 * GIoU = I/U − (H − U)/H with the areas I of the overlap, U of the union and H of the smallest enclosing box. A quotient
 * whose divisor is 0 counts as 0. In gradients, equal operands of min and max take half each, and an overlap of exactly
 * 0 passes none. Source: Rezatofighi et al. 2019, "Generalized Intersection over Union".
 */

/** IoU of the boxes at `boxes[p]` and `targetBoxes[t]`, both cxcywh. */
export function iou(boxes, p, targetBoxes, t) {
  const overlapX = side(boxes, p, targetBoxes, t, 0)
  const overlapY = side(boxes, p, targetBoxes, t, 1)
  const overlap = overlapX * overlapY
  const union = boxes[p + 2] * boxes[p + 3] + targetBoxes[t + 2] * targetBoxes[t + 3] - overlap
  return union > 0 ? overlap / union : 0
}

/** How far two boxes overlap along an axis. */
function side(boxes, p, targetBoxes, t, axis) {
  const [half, targetHalf] = [boxes[p + 2 + axis] / 2, targetBoxes[t + 2 + axis] / 2]
  const end = Math.min(boxes[p + axis] + half, targetBoxes[t + axis] + targetHalf)
  return Math.max(0, end - Math.max(boxes[p + axis] - half, targetBoxes[t + axis] - targetHalf))
}

/** GIoU of two boxes given by their corners. */
export function giou(x1, y1, x2, y2, tx1, ty1, tx2, ty2) {
  const overlapX = Math.min(x2, tx2) - Math.max(x1, tx1)
  const overlapY = Math.min(y2, ty2) - Math.max(y1, ty1)
  const overlap = overlapX > 0 && overlapY > 0 ? overlapX * overlapY : 0
  const union = (x2 - x1) * (y2 - y1) + (tx2 - tx1) * (ty2 - ty1) - overlap
  const hull = (Math.max(x2, tx2) - Math.min(x1, tx1)) * (Math.max(y2, ty2) - Math.min(y1, ty1))
  return (union > 0 ? overlap / union : 0) - (hull > 0 ? (hull - union) / hull : 0)
}

/**
 * Loss 1 − GIoU of the box at `boxes[p]` and the target at `targetBoxes[t]`, both cxcywh. Its gradient by the former's
 * four components, times `scale`, is added to `gradient[p]` to `gradient[p + 3]`.
 */
export function addGiou(boxes, p, targetBoxes, t, gradient, scale) {
  const w = boxes[p + 2]
  const h = boxes[p + 3]
  const tw = targetBoxes[t + 2]
  const th = targetBoxes[t + 3]
  const x1 = boxes[p] - w / 2
  const y1 = boxes[p + 1] - h / 2
  const x2 = boxes[p] + w / 2
  const y2 = boxes[p + 1] + h / 2
  const tx1 = targetBoxes[t] - tw / 2
  const ty1 = targetBoxes[t + 1] - th / 2
  const tx2 = targetBoxes[t] + tw / 2
  const ty2 = targetBoxes[t + 1] + th / 2

  const overlapX = Math.max(0, Math.min(x2, tx2) - Math.max(x1, tx1))
  const overlapY = Math.max(0, Math.min(y2, ty2) - Math.max(y1, ty1))
  const hullX = Math.max(x2, tx2) - Math.min(x1, tx1)
  const hullY = Math.max(y2, ty2) - Math.min(y1, ty1)
  const overlap = overlapX * overlapY
  const hull = hullX * hullY
  const union = w * h + tw * th - overlap
  const perUnion = union > 0 ? 1 / union : 0
  const perHull = hull > 0 ? 1 / hull : 0

  // slopes of the loss by the union, by the overlap (which also takes from the union) and by the hull
  const byUnion = overlap * perUnion * perUnion - perHull
  const byOverlap = -perUnion - byUnion
  const byHull = union * perHull * perHull

  // how much each side of the predicted box bounds the overlap; the rest of it bounds the hull
  const left = isLess(tx1, x1)
  const right = isLess(x2, tx2)
  const top = isLess(ty1, y1)
  const bottom = isLess(y2, ty2)
  const overlapByX = overlapX > 0 ? byOverlap * overlapY : 0
  const overlapByY = overlapY > 0 ? byOverlap * overlapX : 0
  const hullByX = byHull * hullY
  const hullByY = byHull * hullX
  const byX1 = -overlapByX * left - hullByX * (1 - left)
  const byX2 = overlapByX * right + hullByX * (1 - right)
  const byY1 = -overlapByY * top - hullByY * (1 - top)
  const byY2 = overlapByY * bottom + hullByY * (1 - bottom)

  gradient[p] += scale * (byX1 + byX2)
  gradient[p + 1] += scale * (byY1 + byY2)
  gradient[p + 2] += scale * ((byX2 - byX1) / 2 + byUnion * h)
  gradient[p + 3] += scale * ((byY2 - byY1) / 2 + byUnion * w)
  return 1 - overlap * perUnion + (hull - union) * perHull
}

/** 1 if a < b, ½ if they are equal, else 0. */
function isLess(a, b) {
  return a < b ? 1 : a === b ? 0.5 : 0
}
