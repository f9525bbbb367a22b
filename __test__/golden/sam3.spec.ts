/** SAM 3's criterion of boxes against its values: pairs by score, positives' weight, the gate of images, and what is not exhaustive. */
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
    class: { weak_loss: boolean }
  }
  inputs: {
    tensors: Record<string, GoldenTensor>
    targets: { labels: number[]; boxes: number[]; is_exhaustive: boolean }[]
  }
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
    outputs: {
      ...partOf(''),
      ...(has && { oneToMany: { ...partOf('_o2m'), repeat: 1, weight: golden.params.o2m_weight } }),
    },
    targets: targets.map(({ labels, boxes, is_exhaustive: exhaustive }) => ({ labels, boxes, exhaustive })),
  }
}

/** What divides the class term of each layer where background is left out: the cells that are kept. */
function keptCells(golden: GoldenCase, parts: readonly ('' | '_o2m')[]): number[] {
  return parts.flatMap((part) =>
    layersOf(golden, part).map(({ name }) => {
      const [, queries] = golden.inputs.tensors[`${name}_logits`]!.shape as [number, number]
      const own = (image: number) => new Set(golden.matching[name]![image]!.pred).size
      const kept = golden.inputs.targets.map((target, image) => (target.is_exhaustive ? queries : own(image)))
      return kept.reduce((sum, count) => sum + count, 1e-6)
    }),
  )
}

test('compute: sam3 has its cases', () => expect(CASES.length).toBe(10))

describe.each(CASES.filter(([name]) => name !== 'stable_cost'))('compute: sam3, %s', (_, golden) => {
  const { outputs, targets } = inputsOf(golden)
  const { weights } = golden.params
  const criterion = HungarianLoss.sam3({ numClasses: 1 })
  const names = outputs.oneToMany === undefined ? ([''] as const) : (['', '_o2m'] as const)
  const result = criterion.compute(
    outputs,
    targets,
    golden.params.class.weak_loss ? { classNormalizer: keptCells(golden, names) } : {},
  )
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
        const found = layers[l]!.matches.map(({ queryIndices, targetIndices }) => [
          [...queryIndices],
          [...targetIndices],
        ])
        expect(found).toEqual(golden.matching[name]!.map(({ pred, tgt }) => [pred, tgt]))
      })
    }
  })

  test('terms and their gradients are those of the reference', () => {
    for (const [part, { layers }, gradients, factor] of parts) {
      const { auxiliary = [], ...final } = gradients as typeof result.gradients
      layersOf(golden, part).forEach(({ name, suffix }, l) => {
        const { terms } = layers[l]!
        expectClose(factor * terms.l1, golden.losses[`loss_bbox${suffix}`]!, TOLERANCE, NEAR_ZERO)
        expectClose(factor * terms.giou, golden.losses[`loss_giou${suffix}`]!, TOLERANCE, NEAR_ZERO)
        expectClose(factor * terms.class, golden.losses[`loss_ce${suffix}`]!, TOLERANCE, NEAR_ZERO)
        const { boxes, logits } = [...auxiliary, final][l]!
        // a slope is a difference of numbers up to 1, each rounded to float32, times this
        const unit = (factor * weights['loss_ce']! * 10) / layers[l]!.classNormalizer
        expectAllClose(logits, golden.grads[`${name}_logits`]!, GRADIENT_TOLERANCE, Math.max(unit, 1))
        expectAllClose(boxes!, golden.grads[`${name}_boxes`]!, GRADIENT_TOLERANCE)
      })
    }
  })

  test('the total is that of the reference, but for masks and presence', () => {
    const { losses, params } = golden
    const isHere = (name: string) => /^loss_(ce|bbox|giou)(_aux_0)?(_o2m)?$/.test(name)
    const weighed = Object.keys(losses)
      .filter(isHere)
      .map((name) => losses[name]! * params.weights[/^loss_[a-z]+/.exec(name)![0]]!)
    expectClose(
      result.loss,
      weighed.reduce((sum, value) => sum + value, 0),
      TOLERANCE,
      NEAR_ZERO,
    )
  })
})

test('compute: sam3, stable_cost: the cost may be modulated by how well query and target agree', () => {
  const [, golden] = CASES.find(([name]) => name === 'stable_cost')!
  const { outputs, targets } = inputsOf(golden)
  const criterion = HungarianLoss.sam3({ numClasses: 1, cost: { modulation: 1 } })
  const { layers } = criterion.cost(outputs, targets)
  golden.matching['main']!.forEach((image, b) =>
    expectAllClose(layers[0]!.images[b]!.data, image.cost, TOLERANCE, COST_UNIT),
  )
  const { matches } = criterion.match(outputs, targets)
  const found = matches.map(({ queryIndices, targetIndices }) => [[...queryIndices], [...targetIndices]])
  expect(found).toEqual(golden.matching['main']!.map(({ pred, tgt }) => [pred, tgt]))
})
