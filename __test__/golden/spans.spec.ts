/** The criterion of spans against the values of its published implementation. */
import { describe, expect, test } from 'vitest'
import { HungarianLoss } from '../../src/index.ts'
import {
  COST_UNIT,
  GRADIENT_TOLERANCE,
  NEAR_ZERO,
  TOLERANCE,
  decoderLayers,
  readCases,
  tensorOf,
} from '../support/golden.ts'
import type { GoldenMatching, GoldenTensor } from '../support/golden.ts'
import { errorOf, expectAllClose, expectClose } from '../support/helpers.ts'

interface GoldenCase {
  inputs: { tensors: Record<string, GoldenTensor>; targets: { labels: number[]; spans: number[] }[] }
  matching: Record<string, GoldenMatching[]>
  losses: Record<string, number>
  weighted_total: number
  grads: Record<string, number[]>
}

const CASES = readCases<GoldenCase>('moment-detr')
const caseOf = (name: string): GoldenCase => new Map(CASES).get(name) as GoldenCase

const criterion = HungarianLoss.momentDetr({ numClasses: 1 })

function inputsOf(golden: GoldenCase) {
  const { tensors, targets } = golden.inputs
  const tensor = (name: string) => tensorOf(tensors[name]!)
  const layers = decoderLayers(tensors).map(({ name }) => ({
    logits: tensor(`${name}_logits`),
    spans: tensor(`${name}_spans`),
  }))
  return {
    outputs: { ...layers.at(-1)!, auxiliary: layers.slice(0, -1) },
    targets: targets.map(({ labels, spans }) => ({ labels, spans })),
  }
}

test('compute: moment-detr has its cases', () => expect(CASES.length).toBe(10))

describe.each(CASES.filter(([name]) => !name.startsWith('error_')))('compute: moment-detr, %s', (_, golden) => {
  const { outputs, targets } = inputsOf(golden)
  const layers = decoderLayers(golden.inputs.tensors)
  const result = criterion.compute(outputs, targets)

  test('the costs are those of the reference', () => {
    const costs = criterion.cost(outputs, targets)
    layers.forEach(({ name }, l) =>
      golden.matching[name]!.forEach(({ cost }, image) =>
        expectAllClose(costs.layers[l]!.images[image]!.data, cost, TOLERANCE, COST_UNIT),
      ),
    )
  })

  test('the assignment is that of the reference', () => {
    const matched = criterion.match(outputs, targets)
    layers.forEach(({ name }, l) => {
      const expected = golden.matching[name]!.map(({ pred, tgt }) => [pred, tgt])
      for (const { matches } of [result.layers[l]!, matched.layers[l]!]) {
        const found = matches.map(({ queryIndices, targetIndices }) => [[...queryIndices], [...targetIndices]])
        expect(found).toEqual(expected)
      }
    })
    expect(matched.normalizers).toEqual(result.normalizers)
  })

  test('terms, total and class error are those of the reference', () => {
    const { losses } = golden
    layers.forEach(({ suffix }, l) => {
      const { terms, metrics } = result.layers[l]!
      expectClose(terms.class, losses[`loss_label${suffix}`]!, TOLERANCE, NEAR_ZERO)
      // theirs is the mean over a span's two numbers
      expectClose(terms.spanL1!, 2 * losses[`loss_span${suffix}`]!, TOLERANCE, NEAR_ZERO)
      expectClose(terms.spanGiou!, losses[`loss_giou${suffix}`]!, TOLERANCE, NEAR_ZERO)
      expectClose(metrics.classError, losses[`class_error${suffix}`]!, TOLERANCE, NEAR_ZERO)
    })
    expectClose(result.loss, golden.weighted_total, TOLERANCE, NEAR_ZERO)
  })

  test('the gradients are those of the reference', () => {
    const { auxiliary = [], ...final } = result.gradients
    const gradients = [...auxiliary, final]
    layers.forEach(({ name }, l) => {
      expectAllClose(gradients[l]!.logits, golden.grads[`${name}_logits`]!, GRADIENT_TOLERANCE)
      expectAllClose(gradients[l]!.spans!, golden.grads[`${name}_spans`]!, GRADIENT_TOLERANCE)
    })
  })
})

test('compute: without any span the terms of spans are 0, where the reference divides by 0', () => {
  const { outputs, targets } = inputsOf(caseOf('error_all_empty'))
  const { loss, terms, normalizers } = criterion.compute(outputs, targets)
  expect(terms).toMatchObject({ spanL1: 0, spanGiou: 0 })
  expect(loss).toBe(4 * terms.class)
  expect(normalizers).toMatchObject({ numPairs: 1, counts: { pairs: [0] } })
})

test('compute: a span of negative width is refused with its place', () => {
  const { outputs, targets } = inputsOf(caseOf('error_negative_width_pred'))
  const error = errorOf(() => criterion.compute(outputs, targets))
  expect(error).toMatchObject({ code: 'RANGE', argument: 'outputs.spans', layer: 0, image: 0, query: 2 })
  expect(error.message).toMatch(/-0\.18.*a span's width must not be negative/)
})
