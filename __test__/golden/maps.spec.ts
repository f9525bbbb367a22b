/** Criteria whose targets are maps over the columns of the logits, against the values of their published implementations. */
import { describe, expect, test } from 'vitest'
import { HungarianLoss } from '../../src/index.ts'
import type { HungarianLossOptions, PresetName } from '../../src/index.ts'
import { COST_UNIT, GRADIENT_TOLERANCE, NEAR_ZERO, TOLERANCE, readCases, tensorOf } from '../support/golden.ts'
import type { GoldenMatching, GoldenTensor } from '../support/golden.ts'
import { expectAllClose, expectClose } from '../support/helpers.ts'

interface GoldenCase {
  params: { logits_width: number; normalization?: 'per_example' | 'global' }
  inputs: {
    tensors: Record<string, GoldenTensor>
    targets: { boxes: number[]; positive_map: number[]; positive_map_shape: [number, number] }[]
  }
  matching: Record<string, (GoldenMatching & { tie: boolean })[]>
  losses: Record<string, number>
  weighted_total: number
  grads: Record<string, number[]>
}

/** The names of a layer's terms: class, L1 and GIoU. */
type Names = readonly [classTerm: string, l1: string, giou: string]

interface Criterion {
  readonly count: number
  readonly preset: PresetName
  /** What of a case is no part of the preset. */
  readonly options: (golden: GoldenCase) => HungarianLossOptions
  readonly names: (layer: string) => Names
}

const numClasses = ({ params }: GoldenCase) => ({ numClasses: params.logits_width })
const suffixOf = (layer: string) => ({ main: '', aux0: '_0', aux1: '_1', enc: '_enc' })[layer] as string
const prefixOf = (layer: string) => ({ main: '', aux0: 'd0.', enc: 'enc_' })[layer] as string
const detrNames = (layer: string): Names => {
  const suffix = suffixOf(layer)
  return [`loss_ce${suffix}`, `loss_bbox${suffix}`, `loss_giou${suffix}`]
}

const CRITERIA: Record<string, Criterion> = {
  'grounding-dino': { count: 8, preset: 'groundingDino', options: numClasses, names: detrNames },
  'mm-grounding-dino': {
    count: 5,
    preset: 'mmGroundingDino',
    options: numClasses,
    names: (layer) => {
      const prefix = prefixOf(layer)
      return [`${prefix}loss_cls`, `${prefix}loss_bbox`, `${prefix}loss_iou`]
    },
  },
  mdetr: {
    count: 7,
    preset: 'mdetr',
    options: ({ params }) => ({ numClasses: params.logits_width - 1 }),
    names: detrNames,
  },
  owlvit: {
    count: 6,
    preset: 'owlViT',
    options: (golden) => ({
      ...numClasses(golden),
      ...(golden.params.normalization === 'global' && {
        normalization: 'num-boxes',
        classification: { normalization: 'num-labels' },
      }),
    }),
    names: () => ['loss_class', 'loss_bbox', 'loss_giou'],
  },
}

const LAYERS = ['aux0', 'aux1', 'main', 'enc']

function inputsOf({ inputs: { tensors, targets } }: GoldenCase) {
  const tensor = (name: string) => tensorOf(tensors[name]!)
  const names = LAYERS.filter((name) => `${name}_logits` in tensors)
  const layer = (name: string) => ({ logits: tensor(`${name}_logits`), boxes: tensor(`${name}_boxes`) })
  const decoder = names.filter((name) => name !== 'enc')
  const mask = tensors['text_mask']
  const columnsOf = (image: number) => {
    const width = mask?.shape[1] as number
    return mask?.data.slice(image * width, (image + 1) * width)
  }
  return {
    names,
    outputs: {
      ...layer('main'),
      auxiliary: decoder.slice(0, -1).map(layer),
      ...(names.includes('enc') && { encoder: layer('enc') }),
    },
    targets: targets.map(({ boxes, positive_map: data, positive_map_shape: shape }, image) => ({
      boxes,
      positives: { data, shape },
      columns: columnsOf(image),
    })),
  }
}

describe.each(Object.entries(CRITERIA))('compute: %s', (folder, { count, preset, options, names }) => {
  const cases = readCases<GoldenCase>(folder)

  test('has its cases', () => expect(cases.length).toBe(count))

  describe.each(cases.filter(([name]) => !name.startsWith('error_')))('%s', (_, golden) => {
    const { names: layers, outputs, targets } = inputsOf(golden)
    const criterion = new HungarianLoss(options(golden), preset)
    const result = criterion.compute(outputs, targets)
    const decoder = layers.filter((name) => name !== 'enc')
    const layerOf = (name: string) =>
      name === 'enc' ? result.encoder!.layers[0]! : result.layers[decoder.indexOf(name)]!

    test('the costs are those of the reference', () => {
      const costs = criterion.cost(outputs, targets)
      for (const name of layers) {
        const { images } = name === 'enc' ? costs.encoder!.layers[0]! : costs.layers[decoder.indexOf(name)]!
        golden.matching[name]!.forEach(({ cost }, image) =>
          expectAllClose(images[image]!.data, cost, TOLERANCE, COST_UNIT),
        )
      }
    })

    test('the assignment is that of the reference', () => {
      for (const name of layers) {
        const expected = golden.matching[name]!.map(({ pred, tgt }) => [pred, tgt])
        const found = layerOf(name).matches.map(({ queryIndices, targetIndices }) => [
          [...queryIndices],
          [...targetIndices],
        ])
        expect(found).toEqual(expected)
      }
      expect(criterion.match(outputs, targets).normalizers).toEqual(result.normalizers)
    })

    test('terms and total are those of the reference', () => {
      for (const name of layers) {
        const { terms } = layerOf(name)
        const [classTerm, l1, giou] = names(name)
        expectClose(terms.class, golden.losses[classTerm]!, TOLERANCE, NEAR_ZERO)
        expectClose(terms.l1, golden.losses[l1]!, TOLERANCE, NEAR_ZERO)
        expectClose(terms.giou, golden.losses[giou]!, TOLERANCE, NEAR_ZERO)
      }
      expectClose(result.loss, golden.weighted_total, TOLERANCE, NEAR_ZERO)
    })

    test('the gradients are those of the reference', () => {
      const { auxiliary = [], encoder, ...final } = result.gradients
      const gradients = [...auxiliary, final]
      for (const name of layers) {
        const own = name === 'enc' ? encoder! : gradients[decoder.indexOf(name)]!
        expectAllClose(own.logits, golden.grads[`${name}_logits`]!, GRADIENT_TOLERANCE)
        expectAllClose(own.boxes, golden.grads[`${name}_boxes`]!, GRADIENT_TOLERANCE)
      }
    })
  })
})

test('compute: owlvit with more targets than queries, which the reference cannot do, matches all queries', () => {
  const [, golden] = readCases<GoldenCase>('owlvit').find(([name]) => name === 'error_more_targets_than_queries')!
  const { outputs, targets } = inputsOf(golden)
  const { loss, matches } = HungarianLoss.owlViT(numClasses(golden)).compute(outputs, targets)
  expect(loss).toBeGreaterThan(0)
  expect(matches.map(({ queryIndices }) => queryIndices.length)).toContain(outputs.logits.shape[1])
})

test('compute: with three images of unequal captions each target keeps the rows of its own (transformers 5.24 does not)', () => {
  // its label maps of image b are offset by the number of phrases of image b, not by that of all images before it
  const [, golden] = readCases<GoldenCase>('grounding-dino').find(([name]) => name === 'typical')!
  const { outputs, targets } = inputsOf(golden)
  const criterion = HungarianLoss.groundingDino(numClasses(golden))
  const [images, queries, width] = outputs.logits.shape as [number, number, number]
  const order = [0, 1, 0, 1]
  const repeat = ({ data }: { data: Float32Array }, size: number) => ({
    data: Float32Array.from(
      order.flatMap((image) => [...data.subarray(image * queries * size, (image + 1) * queries * size)]),
    ),
    shape: [order.length, queries, size],
  })
  expect(images).toBe(2)
  const doubled = { logits: repeat(outputs.logits, width), boxes: repeat(outputs.boxes, 4) }
  // the phrases of the third image: one more token, and one target less
  const fewer = { ...targets[0]!, boxes: targets[0]!.boxes.slice(0, 4) }
  const row = golden.inputs.targets[0]!.positive_map.slice(0, width)
  const free = row.findIndex((value, column) => value === 0 && targets[0]!.columns![column] === 1)
  row[free] = 1
  const third = { ...fewer, positives: { data: row, shape: [1, width] } }
  const all = [targets[0]!, targets[1]!, third, targets[1]!]
  const { gradients, matches, normalizers } = criterion.compute(doubled, all)
  order.forEach((image, place) => {
    const one = (tensor: { data: Float32Array }, size: number) => ({
      data: tensor.data.slice(image * queries * size, (image + 1) * queries * size),
      shape: [1, queries, size],
    })
    const alone = criterion.compute(
      { logits: one(outputs.logits, width), boxes: one(outputs.boxes, 4) },
      [all[place]!],
      { numBoxes: normalizers.numBoxes },
    )
    const length = queries * width
    expect(gradients.logits.slice(place * length, (place + 1) * length)).toEqual(alone.gradients.logits)
    expect(matches[place]).toEqual(alone.matches[0])
  })
})
