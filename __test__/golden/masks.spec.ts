/** The terms of masks against the values of their published implementations, with the presets that bear their names. */
import { describe, expect, test } from 'vitest'
import { HungarianLoss } from '../../src/index.ts'
import type { HungarianLossOptions, LossResult, Outputs, Target } from '../../src/index.ts'
import { COST_UNIT, GRADIENT_TOLERANCE, NEAR_ZERO, TOLERANCE, readCases, tensorOf } from '../support/golden.ts'
import type { GoldenMatching, GoldenTensor } from '../support/golden.ts'
import { expectAllClose, expectClose } from '../support/helpers.ts'

type Tensors = Record<string, GoldenTensor>

interface GoldenTarget {
  labels: number[]
  boxes: number[]
  masks: number[]
  masks_shape: number[]
}

interface GoldenCase {
  params: {
    num_classes: number
    groups?: number
    num_dn_group?: number
    panoptic_box_loss?: boolean
    mask: { num_points?: number }
  }
  inputs: { tensors: Tensors; targets: GoldenTarget[] }
  /** Of images, or where queries are in groups, of the images of each group. */
  matching: Record<string, (GoldenMatching & { tie?: boolean })[]>
  /** By layer; Mask2Former's, which has but one, by image or at once. */
  matcher_points?: Tensors | number[][]
  oversample_points?: Tensors | GoldenTensor
  random_points?: Tensors | GoldenTensor
  loss_points?: Tensors | GoldenTensor
  losses: Record<string, number>
  weighted_total: number
  grads: Record<string, number[]>
}

type Make = (options: HungarianLossOptions) => HungarianLoss

/** The criteria, how many cases they have, and whether boxes are among their tensors. */
const CRITERIA: [folder: string, make: Make, cases: number][] = [
  ['detr-masks', HungarianLoss.detrMasks, 4],
  ['maskformer', HungarianLoss.maskFormer, 4],
  ['mask2former', HungarianLoss.mask2Former, 5],
  ['eomt', HungarianLoss.eoMT, 3],
  ['maskdino', HungarianLoss.maskDino, 7],
  ['rfdetr-seg', HungarianLoss.rfDetrSeg, 9],
  ['ecseg', HungarianLoss.ecSeg, 4],
]

/** The fields of a layer by what the files call them. */
const FIELDS: [field: string, name: string][] = [
  ['logits', 'logits'],
  ['boxes', 'boxes'],
  ['masks', 'masks'],
  ['maskFeatures', 'mask_features'],
  ['maskQueries', 'mask_queries'],
]

/** What a case has of points for a layer. */
function pointsOf(points: Tensors | GoldenTensor | undefined, layer: string): GoldenTensor | undefined {
  if (points === undefined) return undefined
  return 'data' in points ? (points as GoldenTensor) : (points as Tensors)[layer]
}

/** Rows of two tensors, one after the other: for each pair its candidates and the other points. */
function joined(first: GoldenTensor, second: GoldenTensor): GoldenTensor {
  const [pairs, many] = first.shape as [number, number]
  const few = second.shape[1] as number
  const data = Array.from({ length: pairs }, (_, i) => [
    ...first.data.slice(2 * many * i, 2 * many * (i + 1)),
    ...second.data.slice(2 * few * i, 2 * few * (i + 1)),
  ]).flat()
  return { data, shape: [pairs, many + few, 2] }
}

/** A layer of a case. `drawn`: whether candidates are handed over, rather than the points that were chosen of them. */
function layerOf(golden: GoldenCase, layer: string, drawn: boolean): Record<string, unknown> {
  const { tensors } = golden.inputs
  const prefix = 'logits' in tensors ? '' : `${layer}_`
  const own = FIELDS.flatMap(([field, name]) => {
    const given = tensors[prefix + name]
    return given === undefined ? [] : [[field, tensorOf(given)] as const]
  })
  const fields: Record<string, unknown> = Object.fromEntries(own)
  if (fields['maskFeatures'] !== undefined) fields['maskBias'] = tensorOf(tensors['mask_bias'] as GoldenTensor)
  const { matcher_points: matcher } = golden
  const list = Array.isArray(matcher)
    ? { data: matcher.flat(), shape: [matcher.length, (matcher[0] as number[]).length / 2, 2] }
    : pointsOf(matcher, layer)
  if (list !== undefined) fields['maskCostPoints'] = tensorOf(list)
  const [many, few, chosen] = [golden.oversample_points, golden.random_points, golden.loss_points].map((points) =>
    pointsOf(points, layer),
  )
  if (many !== undefined && chosen !== undefined) {
    fields['maskLossPoints'] = tensorOf(drawn ? joined(many, few as GoldenTensor) : chosen)
  }
  return fields
}

const NAMES = ['pre', 'aux0', 'aux1']

/** The outputs of a case, and the names of its layers by part, in the order of the results. */
function outputsOf(golden: GoldenCase, drawn: boolean) {
  const { matching, params } = golden
  const own = (layer: string) => layerOf(golden, layer, drawn)
  const layers = { main: NAMES.filter((name) => name in matching).concat('main') }
  const outputs: Record<string, unknown> = { ...own('main'), auxiliary: layers.main.slice(0, -1).map(own) }
  if (params.groups !== undefined) outputs['groups'] = params.groups
  const encoder = ['enc', 'interm'].find((name) => name in matching)
  if (encoder !== undefined) {
    outputs['encoder'] = { ...own(encoder), ...(params.groups === undefined ? {} : { groups: params.groups }) }
  }
  const denoising = ['dn_pre', 'dn_aux0', 'dn_main'].filter((name) => name in matching)
  if (denoising.length > 0) {
    const pairs = (matching['dn_main'] as GoldenMatching[]).map(({ pred, tgt }) => ({
      queryIndices: pred,
      targetIndices: tgt,
    }))
    const auxiliary = denoising.slice(0, -1).map(own)
    outputs['denoising'] = { ...own('dn_main'), auxiliary, groups: params.num_dn_group, matching: pairs }
  }
  const named = { ...layers, ...(encoder === undefined ? {} : { encoder: [encoder] }), denoising }
  return { outputs: outputs as unknown as Outputs, layers: named as Record<string, string[]> }
}

/** Classes from here on are stuff to Mask DINO's panoptic option: their boxes are not trained. */
const STUFF = 80

/** The targets of a case. Those of criteria without boxes have boxes in the files all the same. */
const targetsOf = ({ inputs, params }: GoldenCase, hasBoxes: boolean): Target[] =>
  inputs.targets.map(({ labels, boxes, masks, masks_shape: shape }) => {
    const own = { labels, masks: { data: Uint8Array.from(masks), shape } }
    const hasBox = params.panoptic_box_loss === true ? { hasBox: labels.map((label) => label < STUFF) } : {}
    return (hasBoxes ? { ...own, boxes, ...hasBox } : own) as unknown as Target
  })

/** The layers of a result, part after part. */
const resultsOf = (result: LossResult, part: string) =>
  part === 'main' ? result.layers : (result as unknown as Record<string, LossResult>)[part]!.layers

/** What the files call the losses of masks of a layer. */
function lossOf(losses: Record<string, number>, term: 'mask' | 'dice', layer: string): number | undefined {
  const suffixes: Record<string, string[]> = {
    main: [''],
    aux0: ['_0', '_aux_0'],
    pre: ['_pre'],
    enc: ['_enc', '_enc_0'],
    interm: ['_interm'],
    dn_main: ['_dn', '_dn_0'],
    dn_aux0: ['_dn_0'],
    dn_pre: ['_dn_pre'],
  }
  const heads = term === 'mask' ? ['loss_mask', 'loss_mask_ce'] : ['loss_dice', 'loss_mask_dice']
  const names = heads.flatMap((head) => (suffixes[layer] ?? [`_${layer.slice(3)}`]).map((suffix) => head + suffix))
  return losses[names.find((name) => name in losses) ?? '']
}

describe.each(CRITERIA)('compute: %s', (folder, make, count) => {
  const cases = readCases<GoldenCase>(folder)
  test('has its cases', () => expect(cases.length).toBe(count))

  describe.each(cases)('%s', (name, golden) => {
    const { params, matching, losses, grads } = golden
    const points = params.mask.num_points
    const hasBoxes = 'boxes' in golden.inputs.tensors || 'main_boxes' in golden.inputs.tensors
    const fixed = points === undefined || folder === 'rfdetr-seg' || folder === 'ecseg' ? {} : { masks: { points } }
    const criterion = make({ numClasses: params.num_classes, ...fixed })
    const targets = targetsOf(golden, hasBoxes)

    test.each([true, false])('loss, terms, matches and gradients are those of the reference, drawn: %s', (drawn) => {
      const { outputs, layers } = outputsOf(golden, drawn)
      const queries = (outputs.logits as GoldenTensor).shape[1] as number
      const result = criterion.compute(outputs, targets) as LossResult
      expectClose(result.loss, golden.weighted_total, TOLERANCE, NEAR_ZERO)
      for (const [part, names] of Object.entries(layers)) {
        names.forEach((layer, i) => {
          const { terms, matches } = resultsOf(result, part)[i]!
          const { maskBce, maskFocal, maskDice } = terms
          const [mask, dice] = [lossOf(losses, 'mask', layer), lossOf(losses, 'dice', layer)]
          const hasMasks = mask !== undefined
          expect(maskDice !== undefined).toBe(hasMasks)
          if (hasMasks) {
            expectClose((maskBce ?? maskFocal)!, mask, TOLERANCE, NEAR_ZERO)
            expectClose(maskDice!, dice!, TOLERANCE, NEAR_ZERO)
          }
          const pairs = matching[layer]!
          if (pairs.some(({ tie }) => tie === true)) return
          matches.forEach(({ queryIndices, targetIndices }, image) => {
            const own = pairs.flatMap(({ pred, tgt }, k) => {
              const first = Math.floor(k / targets.length) * (queries / (params.groups ?? 1))
              return k % targets.length === image ? pred.map((query, p) => [first + query, tgt[p]!]) : []
            })
            own.sort(([a], [b]) => a! - b!)
            expect(Array.from(queryIndices, (query, p) => [query, targetIndices[p]])).toEqual(own)
          })
        })
      }
      const { gradients } = result as unknown as { gradients: Record<string, unknown> }
      const bias: number[] = []
      for (const [part, names] of Object.entries(layers)) {
        const own = (part === 'main' ? gradients : gradients[part]) as Record<string, unknown>
        names.forEach((layer, i) => {
          const earlier = own['auxiliary'] as Record<string, Float32Array>[] | undefined
          const found = (i === names.length - 1 ? own : earlier![i]!) as Record<string, Float32Array>
          if (found['maskBias'] !== undefined) bias.push(found['maskBias'][0]!)
          for (const [field, name] of FIELDS) {
            const expected = grads[name] ?? grads[`${layer}_${name}`]
            if (expected !== undefined) expectAllClose(found[field]!, expected, GRADIENT_TOLERANCE)
          }
        })
      }
      if (grads['mask_bias'] !== undefined) {
        expectClose(
          bias.reduce((sum, value) => sum + value, 0),
          grads['mask_bias'][0]!,
          GRADIENT_TOLERANCE,
        )
      }
    })

    test('costs are those of the reference', () => {
      const { outputs, layers } = outputsOf(golden, true)
      const found = criterion.cost(outputs, targets)
      for (const [part, names] of Object.entries(layers).filter(([name]) => name !== 'denoising')) {
        const own = (part === 'main' ? found : (found as unknown as Record<string, typeof found>)[part])!
        names.forEach((layer, i) => {
          const { images } = i === names.length - 1 ? own : own.layers[i]!
          images.forEach(({ data }, image) => {
            const groups = matching[layer]!.filter((_, k) => k % targets.length === image)
            expectAllClose(
              data,
              groups.flatMap(({ cost }) => cost),
              TOLERANCE,
              COST_UNIT,
            )
          })
        })
      }
    })
  })
})
