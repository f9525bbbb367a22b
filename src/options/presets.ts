/** The published criteria: what stands in for absent options. */
import type { CostTerms, FamilyPreset, Terms } from '../terms/index.ts'
import type { Normalization } from './normalization.ts'

/** What stands in for absent options. Absent terms have no weight. */
export interface Preset extends FamilyPreset {
  readonly cost: CostTerms
  readonly weights: Terms
  readonly normalization: Normalization
}

/** What a criterion has of its own, beside what most have. */
const preset = (own: Pick<Preset, 'classification' | 'cost' | 'weights'> & Partial<Preset>): Preset => ({
  normalization: 'num-boxes',
  boxEpsilon: 0,
  boxMatching: 'layer',
  ...own,
})

const terms = (classWeight: number): CostTerms => ({ class: classWeight, l1: 5, giou: 2 })

/** What the sigmoid criteria differ in. */
interface PresetChanges extends Partial<Omit<Preset, 'weights'>> {
  readonly weights?: Partial<Terms>
}

const sigmoid = (
  classification: Preset['classification'],
  classWeight: number,
  { weights = {}, ...changes }: PresetChanges = {},
): Preset => preset({ classification, cost: terms(2), weights: { ...terms(classWeight), ...weights }, ...changes })

/** Masks at points, as in Mask2Former; and as in RF-DETR, fewer of them, the same for all images, and targets at their nearest pixel. */
const BY_POINTS = { costSampling: 'points', lossSampling: 'points' } as const
const BY_SIXTEENTHS = { ...BY_POINTS, pointCount: 'sixteenth', pointSets: 'batch', targetSampling: 'nearest' } as const

/** The criteria of masks without boxes, whose cost weighs what the loss does. */
const masksAlone = (weights: Omit<CostTerms, 'l1' | 'giou'>, changes: Partial<Preset> = {}): Preset => {
  const own = { l1: 0, giou: 0, ...weights }
  return preset({ classification: 'softmax', cost: own, weights: own, ...changes })
}

/** How masks are weighed since Mask2Former, in cost and loss. */
const BCE_AND_DICE = { maskBce: 5, maskDice: 5 } as const

/** What D-FINE and DEIM have in common. */
const FINE = { boxMatching: 'union', weights: { fgl: 0.15, ddf: 1.5 }, clampSizes: true } as const

/** What RF-DETR has with masks and without. */
const RF_DETR = {
  clampSizes: true,
  classCost: { classForm: 'log-sigmoid' },
  boxEpsilon: 1e-7,
  boxEpsilonForm: 'clamp',
} as const

/**
 * The published criteria: kind of classification, weights in the loss (those of the cost are 1 for DETR's classes, and
 * for those of all others 2; L1 5 and GIoU 2, where there are boxes), what divides the terms, the ε of the box terms, whose pairs
 * these use, and the numbers of class term and cost where they are not the kind's own.
 * `HungarianLoss` names the sources.
 */
export const PRESETS = {
  detr: preset({
    classification: 'softmax',
    cost: terms(1),
    weights: terms(1),
  }),
  conditionalDetr: sigmoid('focal', 2),
  deformableDetr: sigmoid('focal', 2),
  dabDetr: sigmoid('focal', 1, { boxEpsilon: 1e-6 }),
  dino: sigmoid('focal', 1, { boxEpsilon: 1e-6 }),
  hDetr: sigmoid('focal', 2),
  groupDetr: sigmoid('focal', 2),
  lwDetr: sigmoid('ia-bce', 1, { clampSizes: true }),
  rtDetr: sigmoid('varifocal', 1),
  dFine: sigmoid('varifocal', 1, FINE),
  deim: sigmoid('mal', 1, FINE),
  deimV2: sigmoid('mal', 1, FINE),
  rfDetr: sigmoid('ia-bce', 1, RF_DETR),
  coDino: sigmoid('sigmoid', 1, {
    classNumbers: { positiveGamma: 2 },
    classCost: { epsilon: 1e-12 },
    classNormalization: 'num-pairs',
    normalization: 'num-pairs',
  }),
  rankDetr: sigmoid('sigmoid', 2, {
    classNumbers: { positiveWeight: 0.25, positiveGamma: 2, quality: 'giou', negativeWeight: 0.75 },
    boxEpsilon: 1e-6,
  }),
  alignDetr: sigmoid('sigmoid', 1, {
    classNumbers: { probabilityPower: 0.25, qualityPower: 0.75, minQuality: 0.01, rankDecay: 1.5 },
    boxEpsilon: 1e-6,
  }),
  stableDino: sigmoid('sigmoid', 6, {
    classNumbers: {
      positiveWeight: 0.25,
      positiveGamma: 2,
      qualityPower: 2,
      imageMaximum: 'raise',
      negativeWeight: 0.75,
    },
    classCost: { classForm: 'focal', modulation: 0.5, modulationMaximum: 'raise' },
    boxEpsilon: 1e-6,
  }),
  sam3: sigmoid('sigmoid', 20, {
    weights: { presence: 20, maskFocal: 200, maskDice: 10 },
    classNumbers: {
      positiveWeight: 10,
      probabilityPower: 0.25,
      qualityPower: 0.75,
      minQuality: 0.01,
      minQueries: 200,
    },
    classNormalization: 'num-queries',
    classCost: { classForm: 'log-sigmoid' },
    imageGate: true,
  }),
  groundingDino: sigmoid('focal', 2, { cost: terms(1), classCost: { labels: 'mean' } }),
  mmGroundingDino: sigmoid('focal', 1, {
    classCost: { labels: 'all-columns', epsilon: 1e-12 },
    classNormalization: 'num-pairs',
    normalization: 'num-pairs',
  }),
  mdetr: preset({
    classification: 'softmax',
    classNormalization: 'num-boxes',
    cost: terms(1),
    weights: terms(1),
  }),
  owlViT: sigmoid('focal', 1, {
    classNumbers: { alpha: 0.3 },
    classCost: { classForm: 'log-sigmoid' },
    classNormalization: 'per-image',
    cost: { class: 1, l1: 1, giou: 1 },
    weights: { l1: 1, giou: 1 },
    normalization: 'per-image',
    boxEpsilon: 1e-6,
    l1Format: 'xyxy',
  }),
  momentDetr: preset({
    classification: 'softmax',
    classNormalization: 'num-queries',
    cost: { class: 4, l1: 0, giou: 0, spanL1: 10, spanGiou: 1 },
    // the published L1 is the mean over a span's two numbers, and its weight 10
    weights: { class: 4, l1: 0, giou: 0, spanL1: 5, spanGiou: 1 },
    normalization: 'num-pairs',
  }),
  detrMasks: preset({
    classification: 'softmax',
    cost: terms(1),
    weights: { ...terms(1), maskFocal: 1, maskDice: 1 },
  }),
  maskFormer: masksAlone({ class: 1, maskFocal: 20, maskDice: 1 }),
  mask2Former: masksAlone({ class: 2, ...BCE_AND_DICE }, { masks: BY_POINTS }),
  eoMT: masksAlone({ class: 2, ...BCE_AND_DICE }, { masks: BY_POINTS, normalization: 'num-pairs' }),
  maskDino: preset({
    classification: 'focal',
    cost: { ...terms(4), ...BCE_AND_DICE },
    weights: { ...terms(4), ...BCE_AND_DICE },
    boxEpsilon: 1e-6,
    unknownBoxCost: 'mean',
    masks: BY_POINTS,
  }),
  rfDetrSeg: preset({
    ...RF_DETR,
    classification: 'ia-bce',
    cost: { ...terms(2), ...BCE_AND_DICE },
    weights: { ...terms(1), ...BCE_AND_DICE },
    masks: { ...BY_SIXTEENTHS, outside: 'border' },
  }),
  ecSeg: preset({
    classification: 'mal',
    cost: { class: 2, l1: 1, giou: 1, ...BCE_AND_DICE },
    weights: { class: 2, l1: 1, giou: 1, fgl: 0.15, ddf: 1.5, ...BCE_AND_DICE },
    clampSizes: true,
    boxMatching: 'union',
    masks: BY_SIXTEENTHS,
  }),
} as const

/** The name of a published criterion. */
export type PresetName = keyof typeof PRESETS
