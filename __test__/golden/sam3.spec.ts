/**
 * SAM 3's criterion against its values: pairs by score, positives' weight, the gate of images, masks of the last layer, presence,
 * and what is not exhaustive.
 */
import { describe, expect, test } from 'vitest'
import { HungarianLoss } from '../../src/index.ts'
import { COST_UNIT, GRADIENT_TOLERANCE, NEAR_ZERO, TOLERANCE, readCases, tensorOf } from '../support/golden.ts'
import type { GoldenMatching, GoldenTensor } from '../support/golden.ts'
import { expectAllClose, expectClose } from '../support/helpers.ts'

interface GoldenCase {
  params: {
    cost: { cls: number; l1: number; giou: number }
    weights: Record<string, number>
    o2m_weight: number
    one_to_many: { topk: number; threshold: number }
    class: { weak_loss: boolean }
    mask: { num_points?: number; oversample_ratio?: number; importance_sample_ratio?: number }
  }
  inputs: {
    tensors: Record<string, GoldenTensor>
    targets: {
      labels: number[]
      boxes: number[]
      masks: number[]
      masks_shape: number[]
      is_valid_mask: boolean[]
      is_exhaustive: boolean
    }[]
  }
  matching: Record<string, (GoldenMatching & { one_to_many?: true })[]>
  oversample_points?: Record<string, GoldenTensor>
  random_points?: Record<string, GoldenTensor>
  losses: Record<string, number>
  weighted_total: number
  grads: Record<string, number[]>
}

type Name = 'logits' | 'boxes' | 'masks' | 'presence'

const CASES = readCases<GoldenCase>('sam3')

/** What the files call the terms. */
const TERMS = [
  ['l1', 'loss_bbox'],
  ['giou', 'loss_giou'],
  ['class', 'loss_ce'],
  ['presence', 'presence_loss'],
  ['maskFocal', 'loss_mask'],
  ['maskDice', 'loss_dice'],
] as const

/** The layers of a part, the final one last: their names, and the suffixes of their terms. */
function layersOf({ inputs: { tensors } }: GoldenCase, part: '' | '_o2m'): { name: string; suffix: string }[] {
  return [
    { name: `aux0${part}`, suffix: `_aux_0${part}` },
    { name: `main${part}`, suffix: part },
  ].filter(({ name }) => `${name}_logits` in tensors)
}

/** The candidates of each pair, and then its other points. */
function drawnPoints({ oversample_points: many, random_points: few }: GoldenCase) {
  if (many?.['main'] === undefined || few?.['main'] === undefined) return undefined
  const lists = [many['main'], few['main']]
  const [pairs] = lists[0]!.shape as [number]
  const data = Array.from({ length: pairs }, (_, i) =>
    lists.flatMap(({ data: all, shape: [, points] }) => all.slice(2 * points! * i, 2 * points! * (i + 1))),
  ).flat()
  return { data: Float32Array.from(data), shape: [pairs, data.length / pairs / 2, 2] }
}

function inputsOf(golden: GoldenCase) {
  const { tensors, targets } = golden.inputs
  const tensor = (name: string) => tensorOf(tensors[name]!)
  const { topk, threshold } = golden.params.one_to_many
  const matching = { by: 'score', class: 0.3, overlap: 0.7, topK: topk, quantile: true, threshold } as const
  const points = drawnPoints(golden)
  const layerOf = (name: string) => ({
    logits: tensor(`${name}_logits`),
    boxes: tensor(`${name}_boxes`),
    ...(`${name}_presence` in tensors && { presence: tensor(`${name}_presence`) }),
    ...(`${name}_masks` in tensors && { masks: tensor(`${name}_masks`) }),
    ...(name === 'main' && points && { maskLossPoints: points }),
    ...(golden.matching[name]!.some((image) => image.one_to_many) && { matching }),
  })
  const partOf = (part: '' | '_o2m') => {
    const layers = layersOf(golden, part).map(({ name }) => layerOf(name))
    return { ...layers.at(-1)!, auxiliary: layers.slice(0, -1) }
  }
  const targetOf = ({ labels, boxes, is_exhaustive: exhaustive, ...own }: (typeof targets)[number]) => ({
    labels,
    boxes,
    exhaustive,
    ...('main_masks' in tensors && {
      masks: { data: Uint8Array.from(own.masks), shape: own.masks_shape },
      hasMask: own.is_valid_mask,
    }),
  })
  const has = layersOf(golden, '_o2m').length > 0
  return {
    outputs: {
      ...partOf(''),
      ...(has && { oneToMany: { ...partOf('_o2m'), repeat: 1, weight: golden.params.o2m_weight } }),
    },
    targets: targets.map(targetOf),
  }
}

/** The preset, and what a case has otherwise. */
function criterionOf(
  name: string,
  {
    inputs,
    params: {
      mask,
      class: { weak_loss: isWeak },
    },
  }: GoldenCase,
) {
  const { num_points: points, oversample_ratio: oversampling, importance_sample_ratio: importance } = mask
  return HungarianLoss.sam3({
    numClasses: 1,
    ...(isWeak && { classification: { normalization: 'num-kept-queries' } }),
    ...(name === 'stable_cost' && { cost: { modulation: 1 } }),
    ...(points !== undefined && { masks: { lossSampling: 'points', points, oversampling, importance } }),
    ...(!('main_masks' in inputs.tensors) && { weights: { maskFocal: 0, maskDice: 0 } }),
  })
}

test('compute: sam3 has its cases', () => expect(CASES.length).toBe(10))

describe.each(CASES)('compute: sam3, %s', (name, golden) => {
  const { outputs, targets } = inputsOf(golden)
  const { weights } = golden.params
  const criterion = criterionOf(name, golden)
  const result = criterion.compute(outputs, targets)
  const parts = [['', result, result.gradients, 1] as const]
  if (result.oneToMany !== undefined) {
    parts.push(['_o2m', result.oneToMany, result.gradients.oneToMany, golden.params.o2m_weight] as never)
  }

  test('the costs are those of the reference', () => {
    const costs = criterion.cost(outputs, targets)
    layersOf(golden, '').forEach(({ name: layer }, l) =>
      golden.matching[layer]!.forEach((image, b) =>
        expectAllClose(costs.layers[l]!.images[b]!.data, image.cost, TOLERANCE, COST_UNIT),
      ),
    )
  })

  test('the pairs are those of the reference', () => {
    for (const [part, { layers }] of parts) {
      layersOf(golden, part).forEach(({ name: layer }, l) => {
        const found = layers[l]!.matches.map(({ queryIndices, targetIndices }) => [
          [...queryIndices],
          [...targetIndices],
        ])
        expect(found).toEqual(golden.matching[layer]!.map(({ pred, tgt }) => [pred, tgt]))
      })
    }
  })

  test('terms and their gradients are those of the reference', () => {
    for (const [part, { layers }, gradients, factor] of parts) {
      const { auxiliary = [], ...final } = gradients as typeof result.gradients
      layersOf(golden, part).forEach(({ name: layer, suffix }, l) => {
        const { terms } = layers[l]!
        for (const [term, loss] of TERMS) {
          // in that part the published code has 0 for the term that it leaves out
          const expected = golden.losses[`${loss}${suffix}`] ?? 0
          expectClose(factor * (terms[term] ?? 0), expected, TOLERANCE, NEAR_ZERO)
        }
        const own = [...auxiliary, final][l]! as { readonly [Field in Name]?: Float32Array }
        // a slope is a difference of numbers up to 1, each rounded to float32, times this
        const unit = (factor * weights['loss_ce']! * 10) / layers[l]!.classNormalizer
        for (const field of ['logits', 'boxes', 'masks', 'presence'] as const) {
          const expected = golden.grads[`${layer}_${field}`]
          expect(own[field] === undefined).toBe(expected === undefined)
          if (expected === undefined) continue
          expectAllClose(own[field]!, expected, GRADIENT_TOLERANCE, field === 'logits' ? Math.max(unit, 1) : 1)
        }
      })
    }
  })

  test('the total is that of the reference', () => {
    expectClose(result.loss, golden.weighted_total, TOLERANCE, NEAR_ZERO)
  })
})
