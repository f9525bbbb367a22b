import { describe, expect, test } from 'vitest'
import { HungarianLoss, threadCount } from '../../src/index.ts'
import type { PresetName } from '../../src/index.ts'
import { errorOf, untyped } from '../support/helpers.ts'

const common = {
  numClasses: 91,
  boxFormat: 'cxcywh',
  normalizedBoxes: true,
  spanFormat: 'cxw',
  normalizedSpans: true,
  pointFormat: 'xy',
  pointWeights: undefined,
  pointSigmas: undefined,
  normalizedPoints: true,
  nonFinite: 'throw',
  cardinality: 'threshold',
  check: 'off',
  ignore: { overlap: 'iof', threshold: 0.5 },
  distribution: { regMax: 32, up: 0.5, regScale: 4, temperature: 5 },
  threads: threadCount(),
}
const others = { spanL1: 0, spanGiou: 0, spanIou: 0, pointL1: 0, maskBce: 0, maskFocal: 0, maskDice: 0 }
const wholeMasks = {
  costSampling: 'grid',
  lossSampling: 'canvas',
  pointCount: 'fixed',
  points: 12544,
  pointSets: 'image',
  outside: 'zeros',
  targetSampling: 'bilinear',
  oversampling: 3,
  importance: 0.75,
  alpha: 0.25,
  gamma: 2,
}
const byPoints = { costSampling: 'points', lossSampling: 'points' }
const bySixteenths = { ...byPoints, pointCount: 'sixteenth', pointSets: 'batch', targetSampling: 'nearest' }
/** What the criteria of masks have in place of that. */
const MASKS: { readonly [Name in PresetName]?: object } = {
  mask2Former: byPoints,
  eoMT: byPoints,
  maskDino: byPoints,
  rfDetrSeg: { ...bySixteenths, outside: 'border' },
  ecSeg: bySixteenths,
}
const terms = (classWeight: number) => ({
  class: classWeight,
  l1: 5,
  giou: 2,
  iou: 0,
  diou: 0,
  ciou: 0,
  ...others,
})
const plain = (classWeight: number) => ({ ...terms(classWeight), fgl: 0, ddf: 0, presence: 0 })
const fine = { ...terms(1), fgl: 0.15, ddf: 1.5, presence: 0 }
const moment = { ...terms(4), l1: 0, giou: 0, spanGiou: 1 }
const softmax = {
  kind: 'softmax',
  noObjectWeight: 0.1,
  noObjectIndex: 91,
  classWeights: undefined,
  normalization: 'weighted-mean',
  minQueries: 0,
  allowNoObjectLabels: false,
  gamma: 0,
}
const divided = { normalization: 'num-boxes', minQueries: 0 }
const ofClasses = { classAlpha: undefined, classWeights: undefined, ...divided }
const focal = { kind: 'focal', alpha: 0.25, gamma: 2, ...ofClasses }
const pairwise = { power: 4, modulation: 0, modulationMaximum: 'none', epsilon: 1e-8, labels: 'sum' }
const focalCost = { ...terms(2), classForm: 'focal', alpha: 0.25, gamma: 2, ...pairwise }
const softmaxCost = {
  classForm: 'probability',
  alpha: undefined,
  gamma: undefined,
  power: undefined,
  modulation: undefined,
  modulationMaximum: undefined,
  epsilon: undefined,
  labels: 'sum',
}
const varifocal = { kind: 'varifocal', alpha: 0.75, gamma: 2, detachWeights: true, classWeights: undefined, ...divided }
const iaBce = { kind: 'ia-bce', alpha: 0.25, gamma: 2, minQuality: 0.01, classWeights: undefined, ...divided }
const mal = { kind: 'mal', alpha: 1, gamma: 1.5, detachWeights: true, classWeights: undefined, ...divided }
const sigmoid = {
  kind: 'sigmoid',
  positiveWeight: 1,
  positiveGamma: 0,
  weighByTarget: false,
  negativeWeight: 1,
  negativeGamma: 2,
  detachWeights: false,
  probabilityPower: 0,
  qualityPower: 1,
  quality: 'iou',
  minQuality: 0,
  imageMaximum: 'none',
  zeroIsNegative: false,
  rankDecay: 0,
  rankTerms: 'all',
  ...ofClasses,
}
/** Focal loss with a soft label. */
const softFocal = { ...sigmoid, positiveWeight: 0.25, positiveGamma: 2, negativeWeight: 0.75 }
const bceDice = { maskBce: 5, maskDice: 5 }
const alone = (weights: object) => ({ ...terms(0), l1: 0, giou: 0, ...weights })

/** Classification, cost, weights and ε as the published code has them. */
const PUBLISHED: Record<PresetName, [object, object, object, number]> = {
  detr: [softmax, { ...terms(1), ...softmaxCost }, plain(1), 0],
  conditionalDetr: [focal, focalCost, plain(2), 0],
  deformableDetr: [focal, focalCost, plain(2), 0],
  dabDetr: [focal, focalCost, plain(1), 1e-6],
  dino: [focal, focalCost, plain(1), 1e-6],
  hDetr: [focal, focalCost, plain(2), 0],
  groupDetr: [focal, focalCost, plain(2), 0],
  lwDetr: [iaBce, focalCost, plain(1), 0],
  rtDetr: [varifocal, focalCost, plain(1), 0],
  dFine: [varifocal, focalCost, fine, 0],
  momentDetr: [
    { ...softmax, normalization: 'num-queries' },
    { ...moment, spanL1: 10, ...softmaxCost },
    { ...moment, spanL1: 5, fgl: 0, ddf: 0, presence: 0 },
    0,
  ],
  groundingDino: [focal, { ...focalCost, ...terms(1), labels: 'mean' }, plain(2), 0],
  mmGroundingDino: [
    { ...focal, normalization: 'num-pairs' },
    { ...focalCost, epsilon: 1e-12, labels: 'all-columns' },
    plain(1),
    0,
  ],
  mdetr: [{ ...softmax, normalization: 'num-boxes' }, { ...terms(1), ...softmaxCost }, plain(1), 0],
  owlViT: [
    { ...focal, alpha: 0.3, normalization: 'per-image' },
    { ...focalCost, ...terms(1), l1: 1, giou: 1, alpha: 0.3, classForm: 'log-sigmoid' },
    { ...plain(1), l1: 1, giou: 1 },
    1e-6,
  ],
  deim: [mal, focalCost, fine, 0],
  deimV2: [mal, focalCost, fine, 0],
  rfDetr: [iaBce, { ...focalCost, classForm: 'log-sigmoid' }, plain(1), 1e-7],
  coDino: [{ ...sigmoid, positiveGamma: 2, normalization: 'num-pairs' }, { ...focalCost, epsilon: 1e-12 }, plain(1), 0],
  rankDetr: [{ ...softFocal, quality: 'giou' }, focalCost, plain(2), 1e-6],
  alignDetr: [
    { ...sigmoid, probabilityPower: 0.25, qualityPower: 0.75, minQuality: 0.01, rankDecay: 1.5 },
    focalCost,
    plain(1),
    1e-6,
  ],
  sam3: [
    {
      ...sigmoid,
      positiveWeight: 10,
      probabilityPower: 0.25,
      qualityPower: 0.75,
      minQuality: 0.01,
      normalization: 'num-queries',
      minQueries: 200,
    },
    { ...focalCost, classForm: 'log-sigmoid' },
    { ...plain(20), presence: 20, maskFocal: 200, maskDice: 10 },
    0,
  ],
  stableDino: [
    { ...softFocal, qualityPower: 2, imageMaximum: 'raise' },
    { ...focalCost, modulation: 0.5, modulationMaximum: 'raise' },
    plain(6),
    1e-6,
  ],
  detrMasks: [softmax, { ...terms(1), ...softmaxCost }, { ...plain(1), maskFocal: 1, maskDice: 1 }, 0],
  maskFormer: [
    softmax,
    { ...alone({ class: 1, maskFocal: 20, maskDice: 1 }), ...softmaxCost },
    { ...alone({ class: 1, maskFocal: 20, maskDice: 1 }), fgl: 0, ddf: 0, presence: 0 },
    0,
  ],
  mask2Former: [
    softmax,
    { ...alone({ class: 2, ...bceDice }), ...softmaxCost },
    { ...alone({ class: 2, ...bceDice }), fgl: 0, ddf: 0, presence: 0 },
    0,
  ],
  eoMT: [
    softmax,
    { ...alone({ class: 2, ...bceDice }), ...softmaxCost },
    { ...alone({ class: 2, ...bceDice }), fgl: 0, ddf: 0, presence: 0 },
    0,
  ],
  maskDino: [focal, { ...focalCost, class: 4, ...bceDice }, { ...plain(4), ...bceDice }, 1e-6],
  rfDetrSeg: [iaBce, { ...focalCost, classForm: 'log-sigmoid', ...bceDice }, { ...plain(1), ...bceDice }, 1e-7],
  ecSeg: [mal, { ...focalCost, l1: 1, giou: 1, ...bceDice }, { ...fine, class: 2, l1: 1, giou: 1, ...bceDice }, 0],
}

describe.each(Object.entries(PUBLISHED))('PRESETS: %s', (name, [classification, cost, weights, boxEpsilon]) => {
  const boxMatching = ['dFine', 'deim', 'deimV2', 'ecSeg'].includes(name) ? 'union' : 'layer'
  const byPairs = ['momentDetr', 'coDino', 'mmGroundingDino', 'eoMT'].includes(name)
  const normalization = byPairs ? 'num-pairs' : name === 'owlViT' ? 'per-image' : 'num-boxes'
  const l1Format = name === 'owlViT' ? 'xyxy' : 'cxcywh'
  const imageGate = name === 'sam3'
  const clampSizes = ['lwDetr', 'dFine', 'deim', 'deimV2', 'rfDetr', 'rfDetrSeg', 'ecSeg'].includes(name)
  const boxEpsilonForm = ['rfDetr', 'rfDetrSeg'].includes(name) ? 'clamp' : 'add'
  const unknownBoxCost = name === 'maskDino' ? 'mean' : 'zero'
  const ofBoxes = { unknownBoxCost, clampSizes, l1Format, boxEpsilon, boxEpsilonForm, boxMatching }
  const masks = { ...wholeMasks, ...MASKS[name as PresetName] }
  const options = { ...common, imageGate, masks, ...ofBoxes, classification, cost, weights, normalization }

  test('has the published values', () => {
    expect(HungarianLoss[name as PresetName]({ numClasses: 91 }).options).toEqual(options)
    expect(new HungarianLoss({ numClasses: 91 }, name as PresetName).options).toEqual(options)
  })

  test('lets any value be overridden', () => {
    const changed = { boxEpsilon: 0.5, weights: { l1: 1, ciou: 3 }, classification: { kind: 'mal', gamma: 3 } } as const
    expect(HungarianLoss[name as PresetName]({ numClasses: 91, ...changed }).options).toMatchObject({
      boxEpsilon: 0.5,
      weights: { ...weights, l1: 1, ciou: 3 },
      classification: { kind: 'mal', alpha: 1, gamma: 3 },
      cost: {
        classForm: ['rfDetr', 'rfDetrSeg', 'owlViT', 'sam3'].includes(name) ? 'log-sigmoid' : 'focal',
        alpha: 0.25,
        gamma: 2,
      },
    })
  })
})

test('PRESETS: the values of DETR are the defaults', () => {
  expect(new HungarianLoss({ numClasses: 91 }).options).toEqual(HungarianLoss.detr({ numClasses: 91 }).options)
})

test('PRESETS: the cost has the focal loss’ α and γ unless it is given its own', () => {
  const classification = { alpha: 0.4, gamma: 1 }
  const shared = HungarianLoss.dabDetr({ numClasses: 3, classification })
  expect(shared.options.cost).toMatchObject(classification)
  const own = HungarianLoss.dabDetr({ numClasses: 3, classification, cost: { alpha: 0.3 } })
  expect(own.options.cost).toMatchObject({ alpha: 0.3, gamma: 1 })
})

test('PRESETS: an unknown preset is refused', () => {
  const error = errorOf(() => new HungarianLoss({ numClasses: 3 }, untyped('yolo')))
  expect(error).toMatchObject({ code: 'OPTION', argument: 'preset' })
  expect(error.message).toMatch(/'detr' or .*'ecSeg', got "yolo"/)
})

// Sense-X/Co-DETR, mmdet/core/bbox/match_costs/match_cost.py, FocalLossCost with eps=1e-12
test('PRESETS: the cost of Co-DINO saturates as its code does, so that of certain queries the box decides', () => {
  const { matches } = HungarianLoss.coDino({ numClasses: 1 }).compute(
    {
      logits: { data: [30, 100], shape: [1, 2, 1] },
      boxes: { data: [0.5, 0.5, 0.2, 0.2, 0.9, 0.9, 0.2, 0.2], shape: [1, 2, 4] },
    },
    [{ labels: [0], boxes: [[0.5, 0.5, 0.2, 0.2]] }],
  )
  expect([...matches[0]!.queryIndices]).toEqual([0])
})
