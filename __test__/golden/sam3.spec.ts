/** Pairs by score against the values of SAM 3. */
import { describe, expect, test } from 'vitest'
import { HungarianLoss } from '../../src/index.ts'
import { COST_UNIT, GRADIENT_TOLERANCE, NEAR_ZERO, TOLERANCE, readCases } from '../support/golden.ts'
import type { GoldenMatching, GoldenTensor } from '../support/golden.ts'
import { expectAllClose, expectClose } from '../support/helpers.ts'

interface GoldenCase {
  params: {
    cost: { cls: number; l1: number; giou: number }
    weights: Record<string, number>
    o2m_weight: number
    one_to_many: { topk: number; threshold: number }
  }
  inputs: { tensors: Record<string, GoldenTensor>; targets: { labels: number[]; boxes: number[] }[] }
  matching: Record<string, (GoldenMatching & { one_to_many?: true })[]>
  losses: Record<string, number>
  grads: Record<string, number[]>
}

const CASES = readCases<GoldenCase>('sam3')

/** The layers of a part, the final one last: their names, and the suffixes of their terms. */
function layersOf({ inputs: { tensors } }: GoldenCase, part: '' | '_o2m'): { name: string; suffix: string }[] {
  return [
    { name: `aux0${part}`, suffix: `_aux_0${part}` },
    { name: `main${part}`, suffix: part },
  ].filter(({ name }) => `${name}_logits` in tensors)
}

function inputsOf(golden: GoldenCase) {
  const { tensors, targets } = golden.inputs
  const tensor = (name: string) => {
    const { data, shape } = tensors[name] as GoldenTensor
    return { data: Float32Array.from(data), shape }
  }
  const { topk, threshold } = golden.params.one_to_many
  const matching = { by: 'score', class: 0.3, overlap: 0.7, topK: topk, quantile: true, threshold } as const
  const partOf = (part: '' | '_o2m') => {
    const layers = layersOf(golden, part).map(({ name }) => ({
      logits: tensor(`${name}_logits`),
      boxes: tensor(`${name}_boxes`),
      ...(golden.matching[name]!.some((image) => image.one_to_many) && { matching }),
    }))
    return { ...layers.at(-1)!, auxiliary: layers.slice(0, -1) }
  }
  const has = layersOf(golden, '_o2m').length > 0
  return {
    outputs: { ...partOf(''), ...(has && { oneToMany: { ...partOf('_o2m'), repeat: 1, weight: golden.params.o2m_weight } }) },
    targets: targets.map(({ labels, boxes }) => ({ labels, boxes })),
  }
}

test('compute: sam3 has its cases', () => expect(CASES.length).toBe(10))

describe.each(CASES.filter(([name]) => name !== 'stable_cost'))('compute: sam3, %s', (_, golden) => {
  const { outputs, targets } = inputsOf(golden)
  const { cost, weights } = golden.params
  const criterion = new HungarianLoss({
    numClasses: 1,
    classification: { kind: 'ia-bce' },
    cost: { class: cost.cls, l1: cost.l1, giou: cost.giou, classForm: 'log-sigmoid' },
    weights: { class: 0, l1: weights['loss_bbox']!, giou: weights['loss_giou']! },
  })
  const result = criterion.compute(outputs, targets)
  const parts = [['', result, result.gradients, 1] as const]
  if (result.oneToMany !== undefined) {
    parts.push(['_o2m', result.oneToMany, result.gradients.oneToMany, golden.params.o2m_weight] as never)
  }

  test('the costs are those of the reference', () => {
    const costs = criterion.cost(outputs, targets)
    layersOf(golden, '').forEach(({ name }, l) =>
      golden.matching[name]!.forEach((image, b) =>
        expectAllClose(costs.layers[l]!.images[b]!.data, image.cost, TOLERANCE, COST_UNIT),
      ),
    )
  })

  test('the pairs are those of the reference', () => {
    for (const [part, { layers }] of parts) {
      layersOf(golden, part).forEach(({ name }, l) => {
        const found = layers[l]!.matches.map(({ queryIndices, targetIndices }) => [[...queryIndices], [...targetIndices]])
        expect(found).toEqual(golden.matching[name]!.map(({ pred, tgt }) => [pred, tgt]))
      })
    }
  })

  test('terms of boxes and their gradients are those of the reference', () => {
    for (const [part, { layers }, gradients, factor] of parts) {
      const { auxiliary = [], ...final } = gradients as typeof result.gradients
      layersOf(golden, part).forEach(({ name, suffix }, l) => {
        const { terms } = layers[l]!
        expectClose(factor * terms.l1, golden.losses[`loss_bbox${suffix}`]!, TOLERANCE, NEAR_ZERO)
        expectClose(factor * terms.giou, golden.losses[`loss_giou${suffix}`]!, TOLERANCE, NEAR_ZERO)
        const { boxes } = [...auxiliary, final][l]!
        expectAllClose(boxes!, golden.grads[`${name}_boxes`]!, GRADIENT_TOLERANCE)
      })
    }
  })
})
