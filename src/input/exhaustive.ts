/** Images whose targets are not all of their objects: what no target says of them is not known. */
import type { Predictions } from './outputs.ts'
import type { ReadTarget } from './read-target.ts'

/**
 * The predictions, with weights of 0 for the queries of images that are not exhaustive: as background, they have no part in
 * the class term, which has only what targets say (facebookresearch/sam3, `IABCEMdetr` with `weak_loss`).
 */
export function withoutBackground(predictions: Predictions, targets: readonly ReadTarget[]): Predictions {
  if (targets.every(({ isExhaustive }) => isExhaustive)) return predictions
  const parts = predictions.parts.map((part) => {
    const { rows } = part.layers
    const queryWeights = part.queryWeights?.slice() ?? new Float32Array(targets.length * rows).fill(1)
    targets.forEach(({ isExhaustive }, image) => {
      if (!isExhaustive) queryWeights.fill(0, image * rows, (image + 1) * rows)
    })
    return { ...part, queryWeights }
  })
  return { ...predictions, parts }
}
