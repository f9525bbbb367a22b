import { describe, expect, test } from 'vitest'
import { HungarianLoss, threadCount } from '../../src/index.ts'
import type { PresetName } from '../../src/index.ts'
import { errorOf, untyped } from '../support/helpers.ts'

const common = {
  numClasses: 91,
  boxFormat: 'cxcywh',
  clampSizes: false,
  normalizedBoxes: true,
  spanFormat: 'cxw',
  normalizedSpans: true,
  pointFormat: 'xy',
  pointWeights: undefined,
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
/** What the criteria of masks have beside that. */
const BESIDES: { readonly [Name in PresetName]?: { readonly masks?: object; readonly clampSizes?: boolean } } = {
  mask2Former: { masks: byPoints },
  eoMT: { masks: byPoints },
  maskDino: { masks: byPoints },
  rfDetrSeg: { masks: { ...bySixteenths, outside: 'border' }, clampSizes: true },
  ecSeg: { masks: bySixteenths, clampSizes: true },
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
const plain = (classWeight: number) => ({ ...terms(classWeight), fgl: 0, ddf: 0 })
const fine = { ...terms(1), fgl: 0.15, ddf: 1.5 }
const moment = { ...terms(4), l1: 0, giou: 0, spanGiou: 1 }
const softmax = {
  kind: 'softmax',
  noObjectWeight: 0.1,
  noObjectIndex: 91,
  classWeights: undefined,
  normalization: 'weighted-mean',
  allowNoObjectLabels: false,
}
const focal = { kind: 'focal', alpha: 0.25, gamma: 2 }
const focalCost = { ...terms(2), classForm: 'focal', alpha: 0.25, gamma: 2 }
const probability = { classForm: 'probability', alpha: undefined, gamma: undefined }
const bceDice = { maskBce: 5, maskDice: 5 }
const mal = { kind: 'mal', alpha: 1, gamma: 1.5, detachWeights: true }
const alone = (weights: object) => ({ ...terms(0), l1: 0, giou: 0, ...weights })
const varifocal = { kind: 'varifocal', alpha: 0.75, gamma: 2, detachWeights: true }

/** Classification, cost, weights and ε as the published code has them. */
const PUBLISHED: Record<PresetName, [object, object, object, number]> = {
  detr: [softmax, { ...terms(1), classForm: 'probability', alpha: undefined, gamma: undefined }, plain(1), 0],
  conditionalDetr: [focal, focalCost, plain(2), 0],
  deformableDetr: [focal, focalCost, plain(2), 0],
  dabDetr: [focal, focalCost, plain(1), 1e-6],
  dino: [focal, focalCost, plain(1), 1e-6],
  hDetr: [focal, focalCost, plain(2), 0],
  groupDetr: [focal, focalCost, plain(2), 0],
  lwDetr: [{ kind: 'ia-bce', alpha: 0.25, gamma: 2, minQuality: 0.01 }, focalCost, plain(1), 0],
  rtDetr: [varifocal, focalCost, plain(1), 0],
  dFine: [varifocal, focalCost, fine, 0],
  momentDetr: [
    { ...softmax, normalization: 'num-queries' },
    { ...moment, spanL1: 10, classForm: 'probability', alpha: undefined, gamma: undefined },
    { ...moment, spanL1: 5, fgl: 0, ddf: 0 },
    0,
  ],
  deim: [mal, focalCost, fine, 0],
  detrMasks: [softmax, { ...terms(1), ...probability }, { ...plain(1), maskFocal: 1, maskDice: 1 }, 0],
  maskFormer: [
    softmax,
    { ...alone({ class: 1, maskFocal: 20, maskDice: 1 }), ...probability },
    { ...alone({ class: 1, maskFocal: 20, maskDice: 1 }), fgl: 0, ddf: 0 },
    0,
  ],
  mask2Former: [
    softmax,
    { ...alone({ class: 2, ...bceDice }), ...probability },
    { ...alone({ class: 2, ...bceDice }), fgl: 0, ddf: 0 },
    0,
  ],
  eoMT: [
    softmax,
    { ...alone({ class: 2, ...bceDice }), ...probability },
    { ...alone({ class: 2, ...bceDice }), fgl: 0, ddf: 0 },
    0,
  ],
  maskDino: [focal, { ...focalCost, class: 4, ...bceDice }, { ...plain(4), ...bceDice }, 1e-6],
  rfDetrSeg: [
    { kind: 'ia-bce', alpha: 0.25, gamma: 2, minQuality: 0.01 },
    { ...focalCost, classForm: 'log-sigmoid', ...bceDice },
    { ...plain(1), ...bceDice },
    0,
  ],
  ecSeg: [mal, { ...focalCost, l1: 1, giou: 1, ...bceDice }, { ...fine, class: 2, l1: 1, giou: 1, ...bceDice }, 0],
}

describe.each(Object.entries(PUBLISHED))('PRESETS: %s', (name, [classification, cost, weights, boxEpsilon]) => {
  const boxMatching = ['dFine', 'deim', 'ecSeg'].includes(name) ? 'union' : 'layer'
  const normalization = ['momentDetr', 'eoMT'].includes(name) ? 'num-pairs' : 'num-boxes'
  const { masks, ...besides } = BESIDES[name as PresetName] ?? {}
  const own = { classification, cost, weights, boxEpsilon, boxMatching, normalization }
  const options = { ...common, ...besides, masks: { ...wholeMasks, ...masks }, ...own }

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
      cost: { classForm: 'focal', alpha: 0.25, gamma: 2 },
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
