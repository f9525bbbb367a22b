/** Images whose targets are not all of their objects: what no target says of them is not known. */
import { fail } from '../common/errors.ts'
import { show } from '../common/validate.ts'
import type { Predictions } from './outputs.ts'
import type { ReadTarget } from './read-target.ts'

/** Whether the targets of an image are all of its objects, as they are unless it says otherwise. */
export function readExhaustive(given: unknown, image: number): boolean {
  if (given === undefined || given === true || given === 1) return true
  if (given === false || given === 0) return false
  return fail('DTYPE', `targets[${image}].exhaustive`, `must be true or 1, false or 0, got ${show(given)}`, { image })
}

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
