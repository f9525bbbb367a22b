/**
 * The term of presence: one logit for each image, whether there is anything to be found in it.
 *
 * Source: Carion et al. 2025, "SAM 3" (facebookresearch/sam3, `sam3/train/loss/loss_fns.py`, `IABCEMdetr` with `use_presence`).
 */
import type { TensorLike } from '../common/tensors.ts'
import type { ForeignNames } from '../common/words.ts'
import { USUAL_TERM } from './family.ts'
import type { Family } from './family.ts'

/** The term of presence, of the loss alone. */
export interface PresenceTerms {
  /**
   * ½ · BCE(x, y) of each image, the mean over the images: x is its logit, and y is 1 if it has a target that can be seen and is
   * not ignored, otherwise 0. A box can be seen if its width and height are above 0. `normalization` does not change it.
   */
  readonly presence?: number | undefined
}

/** What the term of presence reads of a layer. */
export interface PresenceOutputs {
  /**
   * `[B]` or `[B, 1]`; of stacked layers `[L, B]` or `[L, B, 1]`: a logit for each image. A layer or a part may be without, as
   * SAM 3's branch of many queries is; a part that has it has the term, too, as in SAM 3's code, by the weights of the part. Parts that
   * are ranges of the decoder's queries have no term of theirs.
   */
  readonly presence?: TensorLike | undefined
}

/** The gradient of the term of presence. */
export interface PresenceGradients {
  /** With respect to the logits of presence; absent where there are none. */
  readonly presence?: Float32Array | undefined
}

/** Values of presence that were not finite. */
export interface PresenceCounts {
  /** Logits of presence that were NaN or infinite; such an image has no term of it, and all others. */
  readonly presence: number
}

const NAMES: ForeignNames = new Map<string, readonly string[]>([
  ['presenceloss', ['presence']],
  ['presenceweight', ['presence', 'weights.presence']],
])

/** What presence has of everything that families compose. */
export interface PresenceTypes {
  readonly terms: PresenceTerms
  readonly costTerms: object
  readonly outputs: PresenceOutputs
  readonly target: object
  readonly gradients: PresenceGradients
  readonly counts: PresenceCounts
  readonly options: object
  readonly resolved: object
  readonly preset: object
}

export const PRESENCE: Family<PresenceTypes> = {
  terms: [{ ...USUAL_TERM, name: 'presence', field: 'presence' }],
  fields: [{ name: 'presence', of: ({ presence }) => presence, owner: 'presence', columns: () => 1 }],
  targets: [],
  options: [],
  resolve: () => ({}),
  foreign: NAMES,
  foreignFields: { queries: { presencelogit: 'presence', presencelogitdec: 'presence' }, targets: {} },
}
