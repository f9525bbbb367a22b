import type { CostTerms, Terms } from '../types.ts'

/** The values of an option's defaults for each kind of classification. */
export const CLASSIFICATIONS = {
  softmax: {
    kind: 'softmax',
    noObjectWeight: 0.1,
    noObjectIndex: 'last',
    normalization: 'weighted-mean',
    allowNoObjectLabels: false,
  },
  focal: { kind: 'focal', alpha: 0.25, gamma: 2 },
  varifocal: { kind: 'varifocal', alpha: 0.75, gamma: 2, detachWeights: true },
  mal: { kind: 'mal', alpha: 1, gamma: 1.5, detachWeights: true },
  'ia-bce': { kind: 'ia-bce', alpha: 0.25, gamma: 2, minQuality: 0.01 },
} as const

/** The terms that the matching cost may have, in the order of all lists. */
export const COST_TERMS = ['class', 'l1', 'giou', 'iou', 'diou', 'ciou'] as const
/** The terms of the loss, likewise. */
export const TERMS = [...COST_TERMS, 'fgl', 'ddf'] as const

/** What stands in for absent options. */
export interface Preset {
  readonly classification: keyof typeof CLASSIFICATIONS
  readonly cost: CostTerms
  readonly weights: Terms
  readonly boxEpsilon: number
  readonly boxMatching: 'layer' | 'union'
}

const terms = (classWeight: number): Required<CostTerms> => ({
  class: classWeight,
  l1: 5,
  giou: 2,
  iou: 0,
  diou: 0,
  ciou: 0,
})

/** What the sigmoid criteria differ in. */
interface Settings extends Partial<Omit<Preset, 'weights'>> {
  readonly weights?: Partial<Terms>
}

const sigmoid = (
  classification: Preset['classification'],
  classWeight: number,
  { boxEpsilon = 0, boxMatching = 'layer', weights = {} }: Settings = {},
): Preset => ({
  classification,
  cost: terms(2),
  weights: { ...terms(classWeight), ...weights },
  boxEpsilon,
  boxMatching,
})

/** What D-FINE and DEIM have in common. */
const FINE = { boxMatching: 'union', weights: { fgl: 0.15, ddf: 1.5 } } as const

/**
 * The published criteria: kind of classification, weights in the loss (those of the cost are 1 for DETR's classes, and
 * for those of all others 2; L1 5 and GIoU 2 throughout), the ε of the box terms, and whose pairs these use.
 * `HungarianLoss` names the sources.
 */
export const PRESETS = {
  detr: { classification: 'softmax', cost: terms(1), weights: terms(1), boxEpsilon: 0, boxMatching: 'layer' } as Preset,
  conditionalDetr: sigmoid('focal', 2),
  deformableDetr: sigmoid('focal', 2),
  dabDetr: sigmoid('focal', 1, { boxEpsilon: 1e-6 }),
  dino: sigmoid('focal', 1, { boxEpsilon: 1e-6 }),
  hDetr: sigmoid('focal', 2),
  groupDetr: sigmoid('focal', 2),
  lwDetr: sigmoid('ia-bce', 1),
  rtDetr: sigmoid('varifocal', 1),
  dFine: sigmoid('varifocal', 1, FINE),
  deim: sigmoid('mal', 1, FINE),
} as const

/** The name of a published criterion. */
export type PresetName = keyof typeof PRESETS

/** Options that no published criterion sets otherwise. */
export const COMMON = {
  boxFormat: 'cxcywh',
  clampSizes: false,
  normalizedBoxes: true,
  nonFinite: 'throw',
  check: 'off',
  cardinality: 'threshold',
  ignore: { overlap: 'iof', threshold: 0.5 },
  distribution: { regMax: 32, up: 0.5, regScale: 4, temperature: 5 },
} as const

/** The cost's α and γ where the loss has none that mean the same. */
export const FOCAL_COST = { alpha: 0.25, gamma: 2 } as const
