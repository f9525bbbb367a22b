import * as tf from '@tensorflow/tfjs-core'
import { describe, expect, test } from 'vitest'
import { HungarianLoss } from '../../src/index.ts'
import { hungarianLoss } from '../../src/tfjs.ts'
import { errorOf, untyped } from '../support/helpers.ts'

const zeros = (...shape: number[]) => ({ data: new Float32Array(shape.reduce((a, b) => a * b, 1)), shape })
const [logits, boxes, spans] = [zeros(1, 2, 3), zeros(1, 2, 4), zeros(1, 2, 2)]

/** Arrays for the gradients of all fields. */
const arraysOf = (outputs: object) =>
  Object.fromEntries(Object.entries(outputs).map(([field, tensor]) => [field, (tensor as typeof logits).data.slice()]))

const none = { class: 1, l1: 0, giou: 0 }

/** Criteria, outputs and targets that suit them, and what messages say that layers and targets must be. */
const CRITERIA: ReadonlyArray<[string, HungarianLoss, object, object, string, string]> = [
  [
    'boxes',
    HungarianLoss.detr({ numClasses: 2 }),
    { logits, boxes },
    { labels: [], boxes: [] },
    '{ logits, boxes }',
    '{ labels, boxes }',
  ],
  [
    'spans',
    HungarianLoss.momentDetr({ numClasses: 2 }),
    { logits, spans },
    { labels: [], spans: [] },
    '{ logits, spans }',
    '{ labels, spans }',
  ],
  [
    'both',
    HungarianLoss.detr({ numClasses: 2, weights: { spanL1: 1 } }),
    { logits, boxes, spans },
    { labels: [], boxes: [], spans: [] },
    '{ logits, boxes, spans }',
    '{ labels, boxes, spans }',
  ],
  [
    'a class cost of pairs',
    HungarianLoss.deformableDetr({ numClasses: 3, cost: { ...none, classForm: 'product' }, weights: none }),
    { logits, boxes },
    { labels: [], boxes: [] },
    '{ logits, boxes }',
    '{ labels, boxes }',
  ],
  [
    'classes alone',
    HungarianLoss.detr({ numClasses: 2, cost: none, weights: none }),
    { logits },
    { labels: [] },
    '{ logits }',
    '{ labels }',
  ],
]

describe.each(CRITERIA)('neededFields: a criterion of %s says what it needs where there is', (...row) => {
  const [, criterion, outputs, target, layer, image] = row
  const compute =
    (given: unknown, targets: unknown = [target], call?: object) =>
    () =>
      criterion.compute(untyped(given), untyped(targets), untyped(call))

  test.each<[string, () => unknown, string, string]>([
    ['no layer', compute(null), 'outputs', `must be ${layer}, got null`],
    ['no part', compute({ ...outputs, encoder: 1 }), 'outputs.encoder', `must be ${layer}, got 1`],
    ['no auxiliary layer', compute({ ...outputs, auxiliary: [3] }), 'outputs.auxiliary[0]', `must be ${layer}, got 3`],
    [
      'no list of layers',
      compute({ ...outputs, auxiliary: 3 }),
      'outputs.auxiliary',
      `must be an array of ${layer}, got 3`,
    ],
    ['no target', compute(outputs, [null]), 'targets[0]', `must be ${image}, got null`],
    [
      'no part of out',
      compute({ ...outputs, encoder: outputs }, [target], { out: { ...arraysOf(outputs), encoder: 5 } }),
      'call.out.encoder',
      `must be ${layer}, got 5`,
    ],
    [
      'no part of a tensor’s step',
      () => hungarianLoss(tf, criterion)(untyped(null), []),
      'outputs',
      `must be ${layer}, got null`,
    ],
  ])('%s', (_, call, argument, rule) => {
    const error = errorOf(call)
    expect(error).toMatchObject({ code: 'DTYPE', argument, message: `${argument}: ${rule}` })
  })

  test('a single target in place of a list', () => {
    const { message } = errorOf(compute(outputs, target))
    expect(message).toMatch(/for a single image, \[target\]/)
  })
})

describe('showNeed: where a field is absent, the message tells what of the options needs it:', () => {
  const points = zeros(1, 2, 3, 2)
  const label = { labels: [0] }
  const box = { ...label, boxes: [0.5, 0.5, 0.2, 0.2] }
  const usual = 'cost.l1, cost.giou, weights.l1 and weights.giou are above 0'
  test.each<[string, object, string, object, object, string, string]>([
    ['boxes', {}, 'detr', { logits }, box, 'outputs.boxes', usual],
    ['boxes of targets', {}, 'detr', { logits, boxes }, label, 'targets[0].boxes', usual],
    [
      'boxes of a layer',
      {},
      'detr',
      { logits, boxes, auxiliary: [{ logits }] },
      box,
      'outputs.auxiliary[0].boxes',
      usual,
    ],
    [
      'boxes of a part',
      { cost: none },
      'detr',
      { logits, boxes, encoder: { logits } },
      box,
      'outputs.encoder.boxes',
      'weights.l1 and weights.giou are above 0',
    ],
    [
      'boxes for their IoU',
      { cost: none, weights: none, classification: { kind: 'mal' } },
      'deim',
      { logits: zeros(1, 2, 2) },
      box,
      'outputs.boxes',
      "classification is of kind 'mal'",
    ],
    [
      'spans',
      {},
      'momentDetr',
      { logits },
      label,
      'outputs.spans',
      'cost.spanL1, cost.spanGiou, weights.spanL1 and weights.spanGiou are above 0',
    ],
    [
      'points of targets',
      { cost: none, weights: { ...none, pointL1: 2 } },
      'detr',
      { logits, points },
      label,
      'targets[0].points',
      'weights.pointL1 is above 0',
    ],
  ])('%s', (_, options, preset, outputs, target, argument, need) => {
    const criterion = new HungarianLoss(untyped({ numClasses: 2, ...options }), untyped(preset))
    for (const stage of ['compute', 'match', 'cost'] as const) {
      const error = errorOf(() => criterion[stage](untyped(outputs), untyped([target])))
      expect(error).toMatchObject({ code: 'DTYPE', argument })
      expect(error.message).toMatch(new RegExp(`; needed, since ${need.replaceAll('.', '\\.')}$`))
    }
  })
})
