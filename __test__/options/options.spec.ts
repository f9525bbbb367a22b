import { describe, expect, test } from 'vitest'
import { HungarianLoss } from '../../src/index.ts'
import { errorOf, randomLayer, randomTargets, untyped } from '../support/helpers.ts'

test('resolveOptions: any value may be overridden, the others stay', () => {
  const { options } = HungarianLoss.detr({
    numClasses: 2,
    classification: { noObjectIndex: 0, classWeights: Float32Array.of(1, 2), normalization: 'num-boxes' },
    cost: { giou: 0 },
    weights: { l1: 3.5, class: undefined },
    boxFormat: 'xyxy',
    nonFinite: 'worst',
  })
  expect(options.classification).toMatchObject({
    noObjectIndex: 0,
    classWeights: [1, 2],
    normalization: 'num-boxes',
    noObjectWeight: 0.1,
  })
  expect(options.cost).toMatchObject({ class: 1, l1: 5, giou: 0, iou: 0 })
  expect(options.weights).toEqual({ ...HungarianLoss.detr({ numClasses: 2 }).options.weights, l1: 3.5 })
  expect(options).toMatchObject({ boxFormat: 'xyxy', nonFinite: 'worst', normalizedBoxes: true })
})

test('resolveOptions: options are frozen and independent of what was handed in', () => {
  const classWeights = [1, 2]
  const { options } = HungarianLoss.detr({ numClasses: 2, classification: { classWeights } })
  classWeights[0] = 9
  const { classification } = options
  if (classification.kind !== 'softmax') throw new Error('DETR is softmax')
  expect(classification.classWeights).toEqual([1, 2])
  for (const part of [
    options,
    options.classification,
    classification.classWeights,
    options.cost,
    options.weights,
    options.distribution,
  ]) {
    expect(Object.isFrozen(part)).toBe(true)
  }
})

describe('resolveOptions: options that are refused:', () => {
  test.each<[string, unknown, string, RegExp]>([
    ['none', undefined, 'options.numClasses', /integer from 1 to \d+, got undefined/],
    ['null', null, 'options', /an object, got null/],
    ['a number', 91, 'options', /an object, got 91/],
    ['no classes', { numClasses: 0 }, 'options.numClasses', /got 0/],
    ['a fraction of classes', { numClasses: 1.5 }, 'options.numClasses', /got 1.5/],
    ['too many classes', { numClasses: 2 ** 31 }, 'options.numClasses', /got 2147483648/],
    ['classes as a string', { numClasses: '3' }, 'options.numClasses', /got "3"/],
    ['an unknown option', { nonfinite: 'worst' }, 'options.nonfinite', /known are numClasses, .*nonFinite/],
    ['a prototype’s option', Object.create({ thread: 2 }), 'options.thread', /no such option/],
    ['classification as a string', { classification: 'softmax' }, 'options.classification', /object, got "softmax"/],
    ['another kind', { classification: { kind: 'hinge' } }, 'options.classification.kind', /'focal'.*got "hinge"/],
    ['an unknown part', { classification: { weight: 1 } }, 'options.classification.weight', /known are kind/],
    [
      'a part of another kind',
      { classification: { alpha: 1 } },
      'options.classification.alpha',
      /known are kind, noObj/,
    ],
    [
      'a part of another kind, which is told whose it is',
      { classification: { kind: 'softmax', alpha: 3 } },
      'options.classification.alpha',
      /no such option of kind 'softmax'; alpha belongs to 'focal', 'varifocal', 'mal', 'ia-bce'; known are kind, noObj/,
    ],
    [
      'no-object for a sigmoid kind',
      { classification: { kind: 'focal', noObjectWeight: 0.1 } },
      'options.classification.noObjectWeight',
      /known are kind, alpha, gamma/,
    ],
    [
      'minQuality for another kind',
      { classification: { kind: 'mal', minQuality: 0.1 } },
      'options.classification.minQuality',
      /known are/,
    ],
    [
      'an α of a class above 1',
      { classification: { kind: 'focal', classAlpha: [0.5, 2, 1] } },
      'options.classification.classAlpha[1]',
      /0 to 1, got 2/,
    ],
    [
      'a modulated cost of softmax',
      { cost: { modulation: 1 } },
      'options.cost.modulation',
      /no meaning for softmax/,
    ],
    ['α above 1', { classification: { kind: 'focal', alpha: 1.5 } }, 'options.classification.alpha', /0 to 1, got 1.5/],
    ['γ below 0', { classification: { kind: 'mal', gamma: -1 } }, 'options.classification.gamma', /0 to 100, got -1/],
    [
      'a quality above 1',
      { classification: { kind: 'ia-bce', minQuality: 2 } },
      'options.classification.minQuality',
      /0 to 1, got 2/,
    ],
    [
      'a number for detached',
      { classification: { kind: 'varifocal', detachWeights: 1 } },
      'options.classification.detachWeights',
      /true or false/,
    ],
    [
      'the focal cost for softmax',
      { cost: { classForm: 'focal' } },
      'options.cost.classForm',
      /'probability', got "focal"/,
    ],
    ['α in the cost of softmax', { cost: { alpha: 0.5 } }, 'options.cost.alpha', /no meaning/],
    [
      'another form of the cost',
      { classification: { kind: 'focal' }, cost: { classForm: 'bce' } },
      'options.cost.classForm',
      /'focal' or 'log-sigmoid' or 'probability'/,
    ],
    [
      'γ of the cost too large',
      { classification: { kind: 'focal' }, cost: { gamma: 101 } },
      'options.cost.gamma',
      /101/,
    ],
    ['an ε below 0', { boxEpsilon: -1e-6 }, 'options.boxEpsilon', /0 to 1, got/],
    ['a word for clamping', { clampSizes: 'yes' }, 'options.clampSizes', /true or false/],
    ['a form of IoU with a bad weight', { weights: { ciou: -1 } }, 'options.weights.ciou', /got -1/],
    [
      'a negative weight',
      { classification: { noObjectWeight: -0.1 } },
      'options.classification.noObjectWeight',
      /got -0.1/,
    ],
    ['a NaN weight', { classification: { noObjectWeight: NaN } }, 'options.classification.noObjectWeight', /got NaN/],
    [
      'a negative index',
      { classification: { noObjectIndex: -1 } },
      'options.classification.noObjectIndex',
      /numClasses = 3, got -1/,
    ],
    ['an index too large', { classification: { noObjectIndex: 4 } }, 'options.classification.noObjectIndex', /got 4/],
    [
      'another word for an index',
      { classification: { noObjectIndex: 'first' } },
      'options.classification.noObjectIndex',
      /'last'.*"first"/,
    ],
    ['null for an index', { classification: { noObjectIndex: null } }, 'options.classification.noObjectIndex', /null/],
    [
      'too few class weights',
      { classification: { classWeights: [1, 2] } },
      'options.classification.classWeights',
      /3 classes, got 2/,
    ],
    [
      'a weight for no-object too',
      { classification: { classWeights: [1, 2, 3, 4] } },
      'options.classification.classWeights',
      /got 4/,
    ],
    [
      'a bad class weight',
      { classification: { classWeights: [1, -2, 3] } },
      'options.classification.classWeights[1]',
      /got -2/,
    ],
    [
      'a missing class weight',
      { classification: { classWeights: Object.assign(Array(3), [1]) } },
      'options.classification.classWeights[1]',
      /undefined/,
    ],
    [
      'class weights that are no list',
      { classification: { classWeights: 1 } },
      'options.classification.classWeights',
      /array, got 1/,
    ],
    [
      'another normalisation',
      { classification: { normalization: 'mean' } },
      'options.classification.normalization',
      /'weighted-mean' or 'num-boxes'/,
    ],
    [
      'a flag as a string',
      { classification: { allowNoObjectLabels: 'no' } },
      'options.classification.allowNoObjectLabels',
      /true or false/,
    ],
    ['a negative cost', { cost: { giou: -2 } }, 'options.cost.giou', /0 to 1e12, got -2/],
    ['an infinite cost', { cost: { class: Infinity } }, 'options.cost.class', /got Infinity/],
    ['an unknown cost', { cost: { bbox: 5 } }, 'options.cost.bbox', /known are class, l1, giou, iou, diou, ciou/],
    ['a cost as a string', { cost: { l1: '5' } }, 'options.cost.l1', /got "5"/],
    ['costs as an array', { cost: [1, 5, 2] }, 'options.cost', /object, got an array/],
    ['a cost that is a loss alone', { cost: { fgl: 1 } }, 'options.cost.fgl', /known are class, l1/],
    ['a bad weight of edges', { weights: { fgl: -1 } }, 'options.weights.fgl', /got -1/],
    ['distillation with softmax', { weights: { ddf: 1 } }, 'options.weights.ddf', /0 for softmax .*got 1/],
    ['an odd number of steps', { distribution: { regMax: 7 } }, 'options.distribution.regMax', /even .*got 7/],
    ['too few steps', { distribution: { regMax: 2 } }, 'options.distribution.regMax', /4 to 1024, got 2/],
    ['steps as a string', { distribution: { regMax: '32' } }, 'options.distribution.regMax', /got "32"/],
    ['no range of offsets', { distribution: { up: 0 } }, 'options.distribution.up', /0.001 to 1000, got 0/],
    ['no temperature', { distribution: { temperature: null } }, 'options.distribution.temperature', /got null/],
    ['a scale of NaN', { distribution: { regScale: NaN } }, 'options.distribution.regScale', /got NaN/],
    ['an unknown setting of edges', { distribution: { bins: 33 } }, 'options.distribution.bins', /known are regMax/],
    ['a bad loss weight', { weights: { l1: NaN } }, 'options.weights.l1', /got NaN/],
    ['another box format', { boxFormat: 'xywh' }, 'options.boxFormat', /'cxcywh' or 'xyxy', got "xywh"/],
    ['a number for a flag', { normalizedBoxes: 1 }, 'options.normalizedBoxes', /got 1/],
    ['another cardinality', { cardinality: 'argmax' }, 'options.cardinality', /'threshold' or 'published'/],
    ['another way with NaN', { nonFinite: 'ignore' }, 'options.nonFinite', /'throw' or 'worst'/],
  ])('%s', (_, options, argument, message) => {
    const complete =
      typeof options === 'object' && options !== null && !('numClasses' in options)
        ? Object.assign(options, { numClasses: 3 })
        : options
    const error = errorOf(() => new HungarianLoss(untyped(complete)))
    expect(error).toMatchObject({ code: 'OPTION', argument })
    expect(error.message).toMatch(message)
    expect(errorOf(() => HungarianLoss.detr(untyped(complete))).message).toBe(error.message)
  })
})

describe('resolveOptions: options have their effect:', () => {
  const outputs = randomLayer(1)
  const targets = randomTargets(1)
  const compute = (options: object) => HungarianLoss.detr({ numClasses: 4, ...options }).compute(outputs, targets)
  const usual = compute({})

  test('weights scale the terms of the total', () => {
    const { loss, terms } = compute({ weights: { class: 2, l1: 0, giou: 3 } })
    expect(loss).toBeCloseTo(2 * terms.class + 3 * terms.giou, 10)
    expect(terms).toEqual(usual.terms)
  })

  test('the class term’s normalisation is the number of targets in the paper’s form', () => {
    const { terms, normalizers } = compute({ classification: { normalization: 'num-boxes' } })
    expect(normalizers).toMatchObject({ numBoxes: 5, classNormalizer: 5 })
    expect(usual.normalizers.classNormalizer).toBeCloseTo(5 + 7 * 0.1, 12)
    expect(terms.class * 5).toBeCloseTo(usual.terms.class * usual.normalizers.classNormalizer, 5)
  })

  test('class weights count as if a target of weight 2 were there twice', () => {
    const { normalizers } = compute({ classification: { classWeights: [2, 2, 2, 2] } })
    expect(normalizers.classNormalizer).toBeCloseTo(10 + 7 * 0.1, 12)
  })

  test('cost weights decide the matching', () => {
    const { matches } = compute({ cost: { class: 1, l1: 0, giou: 0 } })
    expect(matches).not.toEqual(usual.matches)
  })
})
