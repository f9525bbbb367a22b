/** Sigmoid criteria with soft labels, pairwise costs and copies of targets, against the values of their published code. */
import { describe, expect, test } from 'vitest'
import { HungarianLoss } from '../../src/index.ts'
import type { HungarianLossOptions, LayerGradients, LayerResult, Outputs, PresetName, Target } from '../../src/index.ts'
import { COST_UNIT, GRADIENT_TOLERANCE, NEAR_ZERO, TOLERANCE, layerTensors, readCases } from '../support/golden.ts'
import type { GoldenImage, GoldenLayer } from '../support/golden.ts'
import { expectAllClose, expectClose } from '../support/helpers.ts'

/** With the copies of each target. */
type Layer = GoldenLayer<GoldenImage & { copies?: number }>

interface GoldenCase {
  params: Record<string, any> & { num_classes: number }
  layers: Layer[]
  targets: { labels: number[]; boxes: number[][] }[]
  losses: Record<string, number>
  weighted_total: number
}

/** A layer with its outcome. */
interface Outcome {
  layer: Layer
  /** Of the names of its terms. */
  suffix: string
  result: LayerResult
  gradient: LayerGradients
  costs: readonly { readonly data: Float32Array }[]
}

/** One layer by itself, as the main part, or as a branch whose targets have copies. */
function alone(
  golden: GoldenCase,
  name: string,
  suffix: string,
  criterion: HungarianLoss,
  { groups = 1, repeat = 1, targets = golden.targets as Target[] } = {},
): Outcome[] {
  const layer = golden.layers.find((other) => other.name === name)
  if (layer === undefined) return []
  const branch = { queries: [0, layer.shape[1]] as const, repeat, adaptive: true }
  const outputs: Outputs =
    repeat > 1 ? { ...layerTensors(layer), oneToMany: branch } : { ...layerTensors(layer), groups }
  const result = criterion.compute(outputs, targets)
  const costs = criterion.cost(outputs, targets)
  if (repeat === 1) {
    return [{ layer, suffix, result: result.layers[0]!, gradient: result.gradients, costs: costs.images }]
  }
  const { oneToMany } = result
  const own = { result: oneToMany!.layers[0]!, costs: costs.oneToMany!.layers[0]!.images }
  return [{ layer, suffix, gradient: result.gradients, ...own }]
}

const preset = (name: PresetName, options: Partial<HungarianLossOptions> = {}) => {
  return ({ params }: GoldenCase) => new HungarianLoss({ numClasses: params.num_classes, ...options }, name)
}

/** The cost that is the product alone, where the case has it. */
const product = ({ params }: GoldenCase): Partial<HungarianLossOptions> =>
  params['cost'].kind.startsWith('product') ? { cost: { class: 1, classForm: 'product', l1: 0, giou: 0 } } : {}

/** DEIMv2: all layers at once, since box terms follow their union. */
function deimV2(golden: GoldenCase): Outcome[] {
  const boxMatching = golden.params['union_of_layers'] === true ? 'union' : 'layer'
  const criterion = preset('deimV2', { boxMatching, ...product(golden) })(golden)
  const layer = (name: string) => golden.layers.find((other) => other.name === name)!
  const outputs = {
    ...layerTensors(layer('main')),
    auxiliary: [layerTensors(layer('aux_0'))],
    encoder: layerTensors(layer('enc')),
  }
  const result = criterion.compute(outputs, golden.targets)
  const costs = criterion.cost(outputs, golden.targets)
  const { auxiliary, encoder, ...final } = result.gradients
  return [
    {
      layer: layer('aux_0'),
      suffix: '_aux_0',
      result: result.layers[0]!,
      gradient: auxiliary![0]!,
      costs: costs.layers[0]!.images,
    },
    { layer: layer('main'), suffix: '', result: result.layers[1]!, gradient: final, costs: costs.layers[1]!.images },
    {
      layer: layer('enc'),
      suffix: '_enc_0',
      result: result.encoder!.layers[0]!,
      gradient: encoder!,
      costs: costs.encoder!.layers[0]!.images,
    },
  ]
}

/** Rank-DETR: its encoder is plain focal loss, all of whose targets have the first label. */
function rankDetr(golden: GoldenCase): Outcome[] {
  const criterion = preset('rankDetr', product(golden))(golden)
  const objects = golden.targets.map(({ labels, boxes }) => ({ labels: labels.map(() => 0), boxes }))
  const encoder = preset('dabDetr', { weights: { class: 2 } })(golden)
  return [
    ...alone(golden, 'main', '', criterion),
    ...alone(golden, 'aux_0', '_0', criterion),
    ...alone(golden, 'enc', '_enc', encoder, { targets: objects }),
  ]
}

function alignDetr(golden: GoldenCase): Outcome[] {
  const criterion = preset('alignDetr')(golden)
  const numbers = golden.params['match_number'] as Record<string, number>
  return [
    ['main', ''],
    ['aux_0', '_0'],
    ['enc', '_enc'],
  ].flatMap(([name, suffix]) => alone(golden, name!, suffix!, criterion, { repeat: numbers[name!]! }))
}

function stableDino(golden: GoldenCase): Outcome[] {
  const criterion = preset('stableDino')(golden)
  return [
    ['main', ''],
    ['aux_0', '_0'],
    ['enc', '_enc'],
  ].flatMap(([name, suffix]) => alone(golden, name!, suffix!, criterion))
}

/** RF-DETR's other class losses. */
function position(golden: GoldenCase): Outcome[] {
  const common = { kind: 'sigmoid', zeroIsNegative: true, negativeWeight: 0.75 } as const
  const classification =
    golden.params['class'].kind === 'position'
      ? ({ ...common, positiveWeight: 0.25, positiveGamma: 2, imageMaximum: 'divide' } as const)
      : ({ ...common, weighByTarget: true } as const)
  const criterion = preset('rfDetr', { classification, cardinality: 'published' })(golden)
  return alone(golden, 'main', '', criterion, { groups: golden.params['groups'] })
}

/**
 * For each folder: what computes a case, what its cost has beyond ours, and which cases are a defect of the published code or
 * of its digits:
 *
 * - align-detr, fewer_copies: it lowers the number of copies for an image with many targets, and leaves it so for later images;
 * - stable-dino, same_class_twice: it keeps the modulation in a column for each class, so targets of one class overwrite each
 *   other's; two_images: its greatest is that of the targets of all images;
 * - stable-dino, large_logits: its class loss adds 1e-8 to 1 - p, which stops growing near a logit of 18.
 */
const FOLDERS: Record<string, [compute: (golden: GoldenCase) => Outcome[], shift: number, defects: string[]]> = {
  'rank-detr': [rankDetr, 0, []],
  deimv2: [deimV2, 0, []],
  'align-detr': [alignDetr, 0, ['fewer_copies']],
  'stable-dino': [stableDino, 2, ['same_class_twice', 'two_images', 'large_logits']],
  'rfdetr-position': [position, 0, []],
}

/** The value of a term, whatever the code calls it. */
const valueOf = (losses: Record<string, number>, names: string[], suffix: string): number =>
  names.map((name) => losses[`loss_${name}${suffix}`]).find((value) => value !== undefined) as number

for (const [folder, [compute, shift, defects]] of Object.entries(FOLDERS)) {
  const cases = readCases<GoldenCase>(folder)

  test(`compute: ${folder} has its cases`, () => {
    expect(cases.map(([name]) => name)).toEqual(expect.arrayContaining(['all_empty', ...defects]))
  })

  describe.each(cases.filter(([name]) => !defects.includes(name)))(`compute: ${folder}, %s`, (_, golden) => {
    const outcomes = compute(golden)
    const groupOf = ({ layer: { images, shape } }: Outcome) => images.length / shape[0]
    const isTie = golden.layers.some(({ images }) => images.some(({ tie }) => tie))

    test('every layer is computed', () => expect(outcomes.length).toBe(golden.layers.length))

    test('the costs are those of the reference', () => {
      for (const { layer, costs } of outcomes.filter((outcome) => groupOf(outcome) === 1)) {
        layer.images.forEach((image, b) => {
          const expected = image.cost.map((cost) => cost - shift)
          if (image.copies !== 0) expectAllClose(costs[b]!.data, expected, TOLERANCE, COST_UNIT)
        })
      }
    })

    test.skipIf(isTie)('the matching is that of the reference', () => {
      for (const outcome of outcomes) {
        const { layer, result } = outcome
        const groups = groupOf(outcome)
        result.matches.forEach(({ queryIndices, targetIndices }, b) => {
          const pairs = Array.from({ length: groups }, (_, group) => {
            const { pred, tgt, rows } = layer.images[group * layer.shape[0] + b]!
            return pred.map((query, i) => [group * rows + query, tgt[i]!])
          }).flat()
          expect([...queryIndices].map((query, i) => [query, targetIndices[i]])).toEqual(pairs)
        })
      }
    })

    test.runIf(isTie)('the assignment is as good as that of the reference', () => {
      for (const { layer, result } of outcomes) {
        result.matches.forEach(({ queryIndices, targetIndices }, b) => {
          const { cost, cols, total_cost: least, pred } = layer.images[b]!
          expect(queryIndices.length).toBe(pred.length)
          const total = queryIndices.reduce((sum, query, k) => sum + cost[query * cols + targetIndices[k]!]!, 0)
          expectClose(total, least, TOLERANCE, NEAR_ZERO)
        })
      }
    })

    test.skipIf(isTie)('terms and total are those of the reference', () => {
      let total = 0
      for (const { result, suffix } of outcomes) {
        const { losses } = golden
        expectClose(result.terms.class, valueOf(losses, ['class', 'mal', 'ce'], suffix), TOLERANCE, NEAR_ZERO)
        expectClose(result.terms.l1, valueOf(losses, ['bbox'], suffix), TOLERANCE, NEAR_ZERO)
        expectClose(result.terms.giou, valueOf(losses, ['giou'], suffix), TOLERANCE, NEAR_ZERO)
        const { weights } = golden.params as unknown as { weights: Record<string, number> }
        const weight = weights['loss_class'] ?? weights['loss_mal'] ?? weights['loss_ce']!
        total += weight * result.terms.class + 5 * result.terms.l1 + 2 * result.terms.giou
      }
      expectClose(total, golden.weighted_total, TOLERANCE, NEAR_ZERO)
    })

    test.skipIf(isTie)('the gradients are those of the reference', () => {
      for (const { layer, gradient } of outcomes) {
        expectAllClose(gradient.logits, layer.grad_logits, GRADIENT_TOLERANCE)
        expectAllClose(gradient.boxes, layer.grad_boxes, GRADIENT_TOLERANCE)
      }
    })
  })
}

describe('compute: where the published code differs', () => {
  const caseOf = (folder: string, name: string) => readCases<GoldenCase>(folder).find(([other]) => other === name)![1]

  test('align-detr, fewer_copies: every image has its own number of copies', () => {
    const golden = caseOf('align-detr', 'fewer_copies')
    const [{ layer, result, gradient }] = alignDetr(golden) as [Outcome]
    const counts = result.matches.map(({ queryIndices }) => queryIndices.length)
    expect(counts).toEqual([2 * 3, 3 * 1])
    expect(layer.images.map(({ pred }) => pred.length)).toEqual([2 * 3, 2 * 1])
    // the first image comes before the fault
    const [, queries, classes] = layer.shape
    const ofFirst = (values: ArrayLike<number>, width: number) => Array.from(values).slice(0, queries * width)
    expect([...result.matches[0]!.queryIndices]).toEqual(layer.images[0]!.pred)
    expectAllClose(ofFirst(gradient.logits, classes), ofFirst(layer.grad_logits, classes), GRADIENT_TOLERANCE)
    expectAllClose(ofFirst(gradient.boxes!, 4), ofFirst(layer.grad_boxes, 4), GRADIENT_TOLERANCE)
  })

  test('stable-dino, two_images: what an image costs does not depend on the others', () => {
    const golden = caseOf('stable-dino', 'two_images')
    const [{ costs, layer }] = stableDino(golden) as [Outcome]
    const [, queries, classes] = layer.shape
    golden.targets.forEach((target, b) => {
      const one = (values: number[], width: number) => values.slice(b * queries * width, (b + 1) * queries * width)
      const shape: [number, number, number] = [1, queries, classes]
      const own = { ...layer, shape, logits: one(layer.logits, classes), boxes: one(layer.boxes, 4) }
      const criterion = preset('stableDino')(golden)
      expect(criterion.cost(layerTensors(own), [target]).images[0]!.data).toEqual(costs[b]!.data)
    })
  })

  test('stable-dino, large_logits: the loss is that without 1e-8, and finite', () => {
    const golden = caseOf('stable-dino', 'large_logits')
    const [{ result, layer, gradient }] = stableDino(golden) as [Outcome]
    const { queryIndices, targetIndices } = result.matches[0]!
    expect([...queryIndices]).toEqual(layer.images[0]!.pred)
    const [, , classes] = layer.shape
    const { labels } = golden.targets[0]!
    // of the background alone, which has the most of it: 0.75 p² softplus(x)
    let background = 0
    layer.logits.forEach((x, at) => {
      const target = targetIndices[queryIndices.indexOf(Math.floor(at / classes))]
      if (target !== undefined && labels[target] === at % classes) return
      background += (0.75 * (Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x))))) / (1 + Math.exp(-x)) ** 2
    })
    expect(result.terms.class).toBeGreaterThan(background / labels.length - 1e-3)
    expect(result.terms.class).toBeGreaterThan(golden.losses['loss_class']!)
    expect(gradient.logits.every(Number.isFinite)).toBe(true)
  })
})
