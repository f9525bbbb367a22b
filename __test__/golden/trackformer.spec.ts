/** Fixed pairs with the rest optimal against the values of TrackFormer. */
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
  params: { num_classes: number }
  inputs: {
    tensors: Record<string, GoldenTensor>
    targets: {
      labels: number[]
      boxes: number[]
      fixed: { pred: number[]; tgt: number[] }
      false_positives: number[]
    }[]
  }
  matching: Record<string, GoldenMatching[]>
  losses: Record<string, number>
  weighted_total: number
  grads: Record<string, number[]>
}

const CASES = readCases<GoldenCase>('trackformer')

const criterionOf = (name: string, { params }: GoldenCase): HungarianLoss =>
  name === 'focal'
    ? HungarianLoss.deformableDetr({ numClasses: params.num_classes })
    : HungarianLoss.detr({ numClasses: params.num_classes })

function inputsOf(golden: GoldenCase) {
  const { tensors, targets } = golden.inputs
  const tensor = (name: string) => tensorOf(tensors[name]!)
  const fixed = targets.map((target) => ({ queryIndices: target.fixed.pred, targetIndices: target.fixed.tgt }))
  const excluded = targets.map((target) => target.false_positives)
  const matching = { fixed, excluded, rest: 'optimal' } as const
  const layers = decoderLayers(tensors).map(({ name }) => ({
    logits: tensor(`${name}_logits`),
    boxes: tensor(`${name}_boxes`),
    matching,
  }))
  return {
    outputs: { ...layers.at(-1)!, auxiliary: layers.slice(0, -1) },
    targets: targets.map(({ labels, boxes }) => ({ labels, boxes })),
  }
}

test('compute: trackformer has its cases', () => expect(CASES.length).toBe(9))

describe.each(CASES.filter(([name]) => !name.startsWith('error_')))('compute: trackformer, %s', (name, golden) => {
  const { outputs, targets } = inputsOf(golden)
  const criterion = criterionOf(name, golden)
  const layers = decoderLayers(golden.inputs.tensors)
  const result = criterion.compute(outputs, targets)
  /** Of softmax, the reference weighs the background of false positives otherwise. */
  const weighsAlike = name === 'focal' || golden.inputs.targets.every(({ false_positives: { length } }) => length === 0)

  test('the costs are those of the reference, but where it forbids or fixes pairs', () => {
    const costs = criterion.cost(outputs, targets)
    layers.forEach((layer, l) =>
      golden.matching[layer.name]!.forEach(({ cost }, image) => {
        const own = costs.layers[l]!.images[image]!.data
        const isOpen = (value: number) => Number.isFinite(value) && value !== -1
        expectAllClose(
          own.filter((_, i) => isOpen(cost[i]!)),
          cost.filter(isOpen),
          TOLERANCE,
          COST_UNIT,
        )
      }),
    )
  })

  test('the assignment is that of the reference', async () => {
    const matched = criterion.match(outputs, targets)
    const later = await criterion.computeAsync(outputs, targets)
    layers.forEach((layer, l) => {
      const expected = golden.matching[layer.name]!.map(({ pred, tgt }) => [pred, tgt])
      for (const { matches } of [result.layers[l]!, matched.layers[l]!, later.layers[l]!]) {
        const found = matches.map(({ queryIndices, targetIndices }) => [[...queryIndices], [...targetIndices]])
        expect(found).toEqual(expected)
      }
    })
    expect(matched.normalizers).toEqual(result.normalizers)
    expect(later.loss).toBe(result.loss)
  })

  test('terms and gradients are those of the reference', () => {
    const { losses } = golden
    const { auxiliary = [], ...final } = result.gradients
    const gradients = [...auxiliary, final]
    layers.forEach((layer, l) => {
      const { terms } = result.layers[l]!
      expectClose(terms.l1, losses[`loss_bbox${layer.suffix}`]!, TOLERANCE, NEAR_ZERO)
      expectClose(terms.giou, losses[`loss_giou${layer.suffix}`]!, TOLERANCE, NEAR_ZERO)
      expectAllClose(gradients[l]!.boxes, golden.grads[`${layer.name}_boxes`]!, GRADIENT_TOLERANCE)
      if (!weighsAlike) return
      expectClose(terms.class, losses[`loss_ce${layer.suffix}`]!, TOLERANCE, NEAR_ZERO)
      expectAllClose(gradients[l]!.logits, golden.grads[`${layer.name}_logits`]!, GRADIENT_TOLERANCE)
    })
    if (weighsAlike) expectClose(result.loss, golden.weighted_total, TOLERANCE, NEAR_ZERO)
  })
})

test('compute: where a target has no query but a false positive, it is refused, as the reference raises', () => {
  const [name, golden] = CASES.find(([known]) => known === 'error_too_many_targets')!
  const { outputs, targets } = inputsOf(golden)
  const excluded = golden.inputs.targets[0]!.false_positives[0]
  const error = errorOf(() => criterionOf(name, golden).compute(outputs, targets))
  expect(error).toMatchObject({ code: 'INFEASIBLE', argument: 'outputs.matching', image: 0, query: excluded })
})
