import { describe, expect, test } from 'vitest'
import { HungarianLoss, linearSumAssignment } from '../../src/index.ts'
import { hungarianLoss } from '../../src/tfjs.ts'
import { errorOf, randomLayer, randomTargets, untyped } from '../support/helpers.ts'

const criterion = HungarianLoss.detr({ numClasses: 4 })
const layer = randomLayer(1)
const other = randomLayer(2)
const targets = randomTargets(1)
const boxes = [0.5, 0.5, 0.2, 0.2]
const of = (outputs: object, given: unknown = targets, call?: object) =>
  errorOf(() => criterion.compute(untyped(outputs), untyped(given), untyped(call)))
const onTarget = (change: object) => of(layer, [{ ...targets[0]!, ...change }, targets[1]!])

describe('checkKeys: keys that are unknown or out of place are refused, and the right ones named:', () => {
  test.each<[string, object, string, RegExp]>([
    // huggingface/transformers #12248: auxiliary outputs under another name are dropped, and training goes on without
    ['aux_outputs', { ...layer, aux_outputs: [other] }, 'outputs.aux_outputs', /mean auxiliary\?/],
    ['auxOutputs', { ...layer, auxOutputs: [other] }, 'outputs.auxOutputs', /mean auxiliary\?/],
    ['pred_logits', { pred_logits: layer.logits, pred_boxes: layer.boxes }, 'outputs.pred_logits', /mean logits\?/],
    ['pred_boxes', { logits: layer.logits, pred_boxes: layer.boxes }, 'outputs.pred_boxes', /mean boxes\?/],
    ['enc_outputs', { ...layer, enc_outputs: other }, 'outputs.enc_outputs', /mean encoder\?/],
    ['dn_outputs', { ...layer, dn_outputs: other }, 'outputs.dn_outputs', /mean denoising\?/],
    ['group', { ...layer, group: 2 }, 'outputs.group', /mean groups\?/],
    ['a slip', { ...layer, auxilary: [other] }, 'outputs.auxilary', /mean auxiliary\?/],
    ['what is like nothing', { ...layer, zzz: 1 }, 'outputs.zzz', /no such key; known are logits, .*oneToMany$/],
    ['masks of DETR', { ...layer, pred_masks: 1 }, 'outputs.pred_masks', /mean masks\?/],
    ['weight', { ...layer, weight: 2 }, 'outputs.weight', /outputs\.encoder or .*options\.weights/],
    ['weights', { ...layer, weights: { l1: 0 } }, 'outputs.weights', /outputs\.encoder or .*options\.weights/],
    ['classAgnostic', { ...layer, classAgnostic: true }, 'outputs.classAgnostic', /belongs to outputs\.encoder$/],
    ['repeat', { ...layer, repeat: 6 }, 'outputs.repeat', /belongs to outputs\.oneToMany$/],
    ['queries', { ...layer, queries: [0, 1] }, 'outputs.queries', /outputs\.denoising or outputs\.oneToMany/],
    ['labels', { ...layer, labels: [] }, 'outputs.labels', /belongs to the targets/],
    ['an option', { ...layer, numClasses: 4 }, 'outputs.numClasses', /options of the criterion/],
    ['a setting of the call', { ...layer, numBoxes: 4 }, 'outputs.numBoxes', /settings of the call/],
    [
      'weight of an auxiliary layer',
      // IDEA-Research/DAB-DETR #75
      { ...layer, auxiliary: [{ ...other, weight: 0 }] },
      'outputs.auxiliary[0].weight',
      /belongs to outputs\.encoder/,
    ],
    [
      'groups of an auxiliary layer',
      { ...layer, groups: 2, auxiliary: [{ ...other, groups: 2 }] },
      'outputs.auxiliary[0].groups',
      /all layers, as outputs\.groups/,
    ],
    [
      'weight of an encoder’s auxiliary layer',
      { ...layer, encoder: { ...other, auxiliary: [{ ...other, weight: 2 }] } },
      'outputs.encoder.auxiliary[0].weight',
      /all layers, as outputs\.encoder\.weight/,
    ],
    [
      'aux_outputs of an auxiliary layer',
      { ...layer, auxiliary: [{ ...other, aux_outputs: [] }] },
      'outputs.auxiliary[0].aux_outputs',
      /auxiliary belongs to all layers, as outputs\.auxiliary/,
    ],
    [
      'an encoder of an auxiliary layer',
      { ...layer, auxiliary: [{ ...other, encoder: other }] },
      'outputs.auxiliary[0].encoder',
      /main outputs, as outputs\.encoder/,
    ],
    ['repeat of the encoder', { ...layer, encoder: { ...other, repeat: 2 } }, 'outputs.encoder.repeat', /oneToMany/],
    [
      'contrastive of one to many',
      { ...layer, oneToMany: { ...other, repeat: 2, contrastive: false } },
      'outputs.oneToMany.contrastive',
      /belongs to outputs\.denoising/,
    ],
    [
      'classAgnostic of denoising queries',
      { ...layer, denoising: { ...other, classAgnostic: true } },
      'outputs.denoising.classAgnostic',
      /belongs to outputs\.encoder/,
    ],
    [
      'queries beside tensors',
      { ...layer, denoising: { ...other, queries: 'garbage' } },
      'outputs.denoising.queries',
      /must be absent/,
    ],
    [
      'a cost beside a matching that is taken over',
      { ...layer, auxiliary: [{ ...other, matching: { from: 1 }, cost: [] }] },
      'outputs.auxiliary[0].cost',
      /must be absent beside a matching/,
    ],
    [
      'a cost beside pairs',
      {
        ...layer,
        matching: [
          { queryIndices: [0], targetIndices: [0] },
          { queryIndices: [], targetIndices: [] },
        ],
        cost: [],
      },
      'outputs.cost',
      /must be absent beside a matching/,
    ],
    [
      'a stray key beside from',
      { ...layer, auxiliary: [{ ...other, matching: { from: 1, layer: 0 } }] },
      'outputs.auxiliary[0].matching.layer',
      /known are from/,
    ],
    [
      'a slip among pairs',
      {
        ...layer,
        matching: [
          { queryIndices: [0], targetIndices: [0], ignoredQuery: [1] },
          { queryIndices: [], targetIndices: [] },
        ],
      },
      'outputs.matching[0].ignoredQuery',
      /mean ignoredQueries\?/,
    ],
  ])('%s', (_, outputs, argument, message) => {
    for (const stage of ['compute', 'match', 'cost'] as const) {
      const error = errorOf(() => criterion[stage](untyped(outputs), targets))
      expect(error).toMatchObject({ code: 'OPTION', argument })
      expect(error.message).toMatch(message)
    }
  })

  test.each<[string, object, RegExp]>([
    ['iscrowd', { iscrowd: [1, 0] }, /mean ignore\?/],
    ['crowd', { crowd: [1, 0] }, /mean ignore\?/],
    ['class', { labels: undefined, class: [0, 1] }, /mean labels\?/],
    ['category_id', { category_id: [0, 1] }, /mean labels\?/],
    ['class_labels', { class_labels: [0, 1] }, /mean labels\?/],
    ['bbox', { bbox: boxes }, /mean boxes\?/],
    ['lables', { lables: [0] }, /mean labels\?/],
    ['image_id', { image_id: 3 }, /known are labels, .*boxes, .*valid, ignore, .*exhaustive \(leave it out\)$/],
    // torchvision's CocoDetection, and DETR's ConvertCocoPolysToMask, give an image's target these beside its boxes
    ['area', { area: [1, 2] }, /\(leave it out\)$/],
    ['orig_size', { orig_size: [480, 640] }, /\(leave it out\)$/],
    ['constructor', { constructor: 1 }, /no such key; known are labels, .*boxes, .*valid, ignore, .*exhaustive$/],
    ['logits', { logits: 3 }, /belongs to the outputs/],
    ['mask_labels', { mask_labels: [] }, /mean masks\?/],
  ])('%s of a target', (key, change, message) => {
    const error = onTarget(change)
    expect(error).toMatchObject({ code: 'OPTION', argument: `targets[0].${key}`, image: 0 })
    expect(error.message).toMatch(message)
  })

  test('options, too, are told the nearest name, and each known one once', () => {
    const error = errorOf(() => HungarianLoss.detr(untyped({ numClasses: 1, num_classes: 1 })))
    expect(error.message).toMatch(/mean numClasses\?/)
    const classification = errorOf(() => HungarianLoss.detr({ numClasses: 1, classification: untyped({ alpa: 1 }) }))
    expect(classification.message.match(/\bkind\b/g)).toHaveLength(1)
    expect(classification.message).toMatch(/mean alpha\?/)
  })

  // the names of facebookresearch/detr, main.py, of huggingface/transformers, DetrConfig, and of trackers' solvers
  test.each<[string, () => unknown, string]>([
    ['eosCoef', () => HungarianLoss.detr(untyped({ numClasses: 1, eosCoef: 0.1 })), 'classification.noObjectWeight'],
    [
      'eos_coefficient within the classification',
      () => HungarianLoss.detr({ numClasses: 1, classification: untyped({ kind: 'softmax', eos_coefficient: 0.1 }) }),
      'noObjectWeight',
    ],
    ['bbox_loss_coef', () => HungarianLoss.detr(untyped({ numClasses: 1, bbox_loss_coef: 5 })), 'weights.l1'],
    ['set_cost_giou', () => HungarianLoss.detr(untyped({ numClasses: 1, set_cost_giou: 5 })), 'cost.giou'],
    ['weights.bbox', () => HungarianLoss.detr({ numClasses: 1, weights: untyped({ bbox: 5 }) }), 'l1'],
    ['weights.ce', () => HungarianLoss.detr({ numClasses: 1, weights: untyped({ ce: 5 }) }), 'class'],
    ['cost.bbox', () => HungarianLoss.detr({ numClasses: 1, cost: untyped({ bbox: 5 }) }), 'l1'],
    ['costThreshold', () => linearSumAssignment([[1]], untyped({ costThreshold: 5 })), 'costLimit'],
  ])('options that others call %s are named', (_, call, name) => {
    const error = errorOf(call)
    expect(error.code).toBe('OPTION')
    expect(error.message).toContain(`; did you mean ${name}? (known are `)
  })
})

describe('checkKeys: other objects pass:', () => {
  const expected = criterion.compute(layer, targets).loss
  class Step {
    readonly logits = layer.logits
    get boxes() {
      return layer.boxes
    }
    helper(): void {}
  }
  test.each<[string, unknown, unknown]>([
    ['frozen ones', Object.freeze({ ...layer }), targets.map((target) => Object.freeze(target))],
    ['those without a prototype', Object.assign(Object.create(null), layer), targets],
    ['instances of a class, with getters and methods', new Step(), targets],
    ['inherited keys', Object.assign(Object.create({ anything: 1 }), layer), targets],
    ['keys without a value', { ...layer, masks: undefined, aux_outputs: undefined }, targets],
    ['symbols', { ...layer, [Symbol('mine')]: 1 }, targets],
    [
      'tensors with further keys',
      {
        logits: { ...layer.logits, type: 'float32', size: 60, strides: [30, 5, 1] },
        boxes: { data: layer.boxes.data, dims: layer.boxes.shape, type: 'float32', location: 'cpu' },
      },
      targets,
    ],
  ])('%s', (_, outputs, given) => {
    expect(criterion.compute(untyped(outputs), untyped(given)).loss).toBe(expected)
  })

  test('the matches of a result, as the matching of another call', () => {
    const { matches, loss } = criterion.compute(layer, targets)
    expect(criterion.compute({ ...layer, matching: matches }, targets).loss).toBe(loss)
  })
})

describe('showKeys: messages show which keys there are:', () => {
  test.each<[string, () => unknown, RegExp]>([
    [
      'no boxes',
      () => criterion.compute(untyped({ logits: layer.logits }), targets),
      /outputs\.boxes: .*with the key logits/,
    ],
    ['no logits', () => criterion.compute(untyped({}), targets), /outputs\.logits: .*without any keys/],
    [
      'no shape',
      () => criterion.compute({ ...layer, logits: untyped({ data: [], size: [1] }) }, targets),
      /outputs\.logits: needs a shape.*with the keys data, size/,
    ],
    [
      'no data',
      () => criterion.compute({ ...layer, logits: untyped({ values: [], shape: [2, 6, 5] }) }, targets),
      /outputs\.logits: .*with the keys values, shape/,
    ],
    [
      'no labels',
      () => criterion.compute(layer, untyped([{ boxes }, targets[1]])),
      /targets\[0\]\.labels: .*the key boxes/,
    ],
    [
      'one target alone',
      () => criterion.compute(layer, untyped({ labels: [], boxes: [] })),
      /keys labels, boxes.*\[target\]/,
    ],
    [
      'a list of outputs',
      () => criterion.compute(untyped([layer, layer]), targets),
      /an array of 2 objects with the keys logits, boxes/,
    ],
  ])('%s', (_, call, message) => {
    expect(errorOf(call).message).toMatch(message)
  })
})

test('hungarianLoss: the adapter for TensorFlow.js refuses the same keys', () => {
  const tensor = ({ data, shape }: { data: Float32Array; shape: number[] }) => ({
    shape,
    dtype: 'float32',
    dataSync: () => data,
  })
  const tf = { customGrad: () => () => 0, mul: () => 0, scalar: () => 0, tensor: () => 0 }
  const loss = hungarianLoss(untyped(tf), criterion)
  const given = { logits: tensor(layer.logits), boxes: tensor(layer.boxes) }
  for (const [outputs, argument] of [
    [{ ...given, aux_outputs: [given] }, 'outputs.aux_outputs'],
    [{ pred_logits: given.logits, pred_boxes: given.boxes }, 'outputs.pred_logits'],
    [{ ...given, auxiliary: [{ ...given, weight: 1 }] }, 'outputs.auxiliary[0].weight'],
    [{ ...given, encoder: { ...given, repeat: 1 } }, 'outputs.encoder.repeat'],
  ] as const) {
    expect(errorOf(() => loss(untyped(outputs), targets))).toMatchObject({ code: 'OPTION', argument })
  }
  expect(errorOf(() => loss(untyped(given), targets, untyped({ gradients: false })))).toMatchObject({
    code: 'OPTION',
    argument: 'call.gradients',
  })
})
