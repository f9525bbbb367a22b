/** What an inspection finds of positives, columns and weights of targets. */
import { describe, expect, test } from 'vitest'
import { HungarianLoss, inspectBatch } from '../../../src/index.ts'
import type { Finding, MappedTarget, Target } from '../../../src/index.ts'
import { errorOf, randomLayer } from '../../support/helpers.ts'

const criterion = HungarianLoss.deformableDetr({ numClasses: 5 })
const BOXES = [[0.3, 0.3, 0.2, 0.2], [0.7, 0.7, 0.4, 0.2]] // prettier-ignore
const labelled = (): Target[] => [
  { labels: [0, 1], boxes: BOXES },
  { labels: [2, 3], boxes: BOXES },
]
const mapped = (rows: number[][]): MappedTarget[] => [0, 1].map(() => ({ positives: rows, boxes: BOXES }))

function found(
  targets: ReadonlyArray<Target | MappedTarget>,
  of = criterion,
  outputs = randomLayer(1),
): Partial<Record<Finding['code'], Finding>> {
  return Object.fromEntries(inspectBatch(outputs, targets, of).map((finding) => [finding.code, finding]))
}

describe('columns', () => {
  const all = [1, 1, 1, 1, 1]
  test('that no image has lack no class, and may hold anything', () => {
    const targets = labelled().map((target) => Object.assign({}, target, { columns: [1, 1, 1, 1, 0] }))
    const outputs = randomLayer(1)
    for (let i = 4; i < outputs.logits.data.length; i += 5) outputs.logits.data[i] = i % 2 === 0 ? -Infinity : NaN
    expect(found(targets, criterion, outputs)).toEqual({})
    expect(found(labelled(), criterion, outputs)['non-finite']).toMatchObject({ severity: 'error', count: 12 })
    expect(Number.isFinite(criterion.compute(outputs, targets).loss)).toBe(true)
  })

  test('that are absent do not hide probabilities', () => {
    const targets = labelled().map((target) => Object.assign({}, target, { columns: [1, 1, 1, 1, 0] }))
    const outputs = randomLayer(1)
    for (const [i, x] of outputs.logits.data.entries())
      outputs.logits.data[i] = i % 5 === 4 ? -1e9 : 1 / (1 + Math.exp(-x))
    expect(found(targets, criterion, outputs)).toMatchObject({ probabilities: { severity: 'warning' } })
  })

  test("that lack a target's class, which is refused", () => {
    const targets = labelled().map((target, image) =>
      Object.assign({}, target, { columns: image === 0 ? all : [1, 1, 0, 1, 1] }),
    )
    expect(found(targets)['absent-column']).toMatchObject({
      severity: 'error',
      count: 1,
      total: 4,
      example: 2,
      argument: 'targets[1].labels',
      place: { image: 1, target: 0 },
    })
    expect(errorOf(() => criterion.compute(randomLayer(1), targets)).argument).toMatch(/^targets\[1\]/)
  })

  test('of which an image has none', () => {
    const [first] = labelled() as [Target]
    const targets: Target[] = [
      { ...first, columns: all },
      { labels: [], boxes: [], columns: [0, 0, 0, 0, 0] },
    ]
    expect(found(targets)['no-column']).toMatchObject({
      severity: 'warning',
      count: 1,
      total: 2,
      argument: 'targets[1].columns',
    })
  })
})

describe('positives', () => {
  test('name no classes that could be unseen or begin at 1', () => {
    const rows = [[0, 1, 1, 0, 0], [0, 0, 0, 1, 0]] // prettier-ignore
    expect(found(mapped(rows))).toEqual({})
  })

  test('that sum to 1 are not meant for sigmoids', () => {
    const rows = [[0, 0.5, 0.5, 0, 0], [0.25, 0.25, 0, 0.5, 0]] // prettier-ignore
    expect(found(mapped(rows))['normalized-positives']).toMatchObject({
      severity: 'warning',
      count: 4,
      total: 4,
      example: [0.5, 0.5],
      argument: 'targets[0].positives',
    })
    const softmax = HungarianLoss.detr({ numClasses: 4 })
    const four = [[0, 0.5, 0.5, 0, 0], [0.25, 0.25, 0, 0.5, 0]] // prettier-ignore
    expect(found(mapped(four), softmax)).toEqual({})
  })

  test('without a column above 0 are refused', () => {
    const rows = [[0, 0, 0, 0, 0], [0, 0, 0, 1, 0]] // prettier-ignore
    expect(found(mapped(rows))).toMatchObject({ refused: { severity: 'error', argument: 'targets[0].positives' } })
  })
})

test('weights of 0 are noted, and warned of where all are', () => {
  const some = labelled().map((target) => Object.assign({}, target, { weights: [0, 2] }))
  expect(found(some)['zero-weight']).toMatchObject({ severity: 'note', count: 2, total: 4 })
  const none = labelled().map((target) => Object.assign({}, target, { weights: [0, 0] }))
  expect(found(none)['zero-weight']).toMatchObject({ severity: 'warning', count: 4, argument: 'targets[0].weights' })
})
