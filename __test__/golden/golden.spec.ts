/** Criteria of boxes against the values of their published implementations. */
import { describe, expect, test } from 'vitest'
import { HungarianLoss } from '../../src/index.ts'
import type { HungarianLossOptions, LayerOutputs, Outputs, PresetName, Target } from '../../src/index.ts'
import { COST_UNIT, GRADIENT_TOLERANCE, NEAR_ZERO, TOLERANCE, layerTensors, readCases } from '../support/golden.ts'
import type { GoldenLayer } from '../support/golden.ts'
import { errorOf, expectAllClose, expectClose } from '../support/helpers.ts'

interface GoldenCase {
  case: string
  params: {
    num_classes: number
    no_object_index?: number
    cost: { cls: number; l1: number; giou: number }
    weights: Record<string, number>
    eos_coef?: number
  }
  layers: GoldenLayer[]
  targets: { labels: number[]; boxes: number[][] }[]
  losses: Record<string, number>
  weighted_total: number
}

/** One call whose outcome is known. */
interface Run {
  name: string
  criterion: HungarianLoss
  outputs: Outputs
  targets: Target[]
  /** Of each layer, the final one last: its values, and the suffix of its terms' names. */
  layers: { layer: GoldenLayer; suffix: string }[]
  golden: GoldenCase
}

/** The cases of a folder, with their inputs at the top. */
function casesOf(folder: string): GoldenCase[] {
  const cases = readCases<GoldenCase & { inputs: object }>(folder)
  return cases.map(([name, golden]) => Object.assign(golden, golden.inputs, { case: name }))
}

const optionsOf = ({ params }: GoldenCase): HungarianLossOptions => ({
  numClasses: params.num_classes,
  classification: { noObjectIndex: params.no_object_index, noObjectWeight: params.eos_coef },
  cost: { class: params.cost.cls, l1: params.cost.l1, giou: params.cost.giou },
  weights: {
    class: params.weights['loss_ce']!,
    l1: params.weights['loss_bbox']!,
    giou: params.weights['loss_giou']!,
  },
})

function detrOf(golden: GoldenCase): HungarianLoss {
  const options = optionsOf(golden)
  const allowNoObjectLabels = golden.case === 'label_is_no_object'
  return HungarianLoss.detr({ ...options, classification: { ...options.classification, allowNoObjectLabels } })
}

/** A preset as it is: its values are those that the reference ran with. */
const preset = (name: PresetName) => (golden: GoldenCase) =>
  new HungarianLoss({ numClasses: golden.params.num_classes, cardinality: 'published' }, name)

function outputsOf(layers: GoldenLayer[]): Outputs {
  const all: LayerOutputs[] = layers.map(layerTensors)
  return { ...(all.at(-1) as LayerOutputs), auxiliary: all.slice(0, -1) }
}

const targetsOf = ({ targets }: GoldenCase): Target[] => targets

/** The layers of these names, as one call. */
function runOf(golden: GoldenCase, criterion: HungarianLoss, suffixes: Record<string, string>): Run {
  const layers = Object.entries(suffixes).flatMap(([name, suffix]) =>
    golden.layers.filter((layer) => layer.name === name).map((layer) => ({ layer, suffix })),
  )
  const outputs = outputsOf(layers.map(({ layer }) => layer))
  return { name: golden.case, criterion, outputs, targets: targetsOf(golden), layers, golden }
}

const DECODER = { aux_0: '_0', aux_1: '_1', main: '' }

/** For each folder of values: how many cases it has, and the calls that a case is. */
const FOLDERS: Record<string, [count: number, runs: (golden: GoldenCase) => Run[]]> = {
  detr: [19, (golden) => [runOf(golden, detrOf(golden), DECODER)]],
  'detr-aux': [5, (golden) => [runOf(golden, detrOf(golden), DECODER)]],
  deformable: [19, (golden) => [runOf(golden, preset('deformableDetr')(golden), DECODER)]],
  'deformable-aux': [2, (golden) => [runOf(golden, preset('conditionalDetr')(golden), DECODER)]],
  dab: [7, (golden) => [runOf(golden, preset('dabDetr')(golden), DECODER)]],
  'rtdetr-vfl': [20, (golden) => [runOf(golden, preset('rtDetr')(golden), { aux_0: '_aux_0', main: '' })]],
}

/** The reference's value of a class term, whatever its name. */
const classOf = (losses: Record<string, number>, suffix: string): number =>
  (losses[`loss_ce${suffix}`] ?? losses[`loss_vfl${suffix}`]) as number

/** The class error if the target's class wins every tie for the largest logit, and if it loses all of them. */
function classErrorRange({ layers, golden: { targets } }: Run): [number, number] {
  const { shape, logits, images } = layers.at(-1)!.layer
  const [, queries, classes] = shape
  let [pairs, below, notAlone] = [0, 0, 0]
  images.forEach(({ pred, tgt }, b) =>
    pred.forEach((query, k) => {
      const row = logits.slice((b * queries + query) * classes, (b * queries + query + 1) * classes)
      const label = row[targets[b]!.labels[tgt[k]!]!]!
      pairs++
      if (label < Math.max(...row)) below++
      if (row.filter((value) => value >= label).length > 1) notAlone++
    }),
  )
  return [(100 * below) / pairs - 1e-9, (100 * notAlone) / pairs + 1e-9]
}

for (const [folder, [count, runs]] of Object.entries(FOLDERS)) {
  const cases = casesOf(folder)

  test(`compute: ${folder} has its cases`, () => expect(cases.length).toBe(count))

  const valid = cases.filter((golden) => !golden.case.startsWith('error_'))
  describe.each(valid.flatMap(runs))(`compute: ${folder}, $name`, (run) => {
    const { criterion, outputs, targets, layers, golden } = run
    const result = criterion.compute(outputs, targets)
    const sameAssignment = layers.every(({ layer }, l) =>
      layer.images.every((image, b) => {
        const { queryIndices, targetIndices } = result.layers[l]!.matches[b]!
        return `${queryIndices}` === `${image.pred}` && `${targetIndices}` === `${image.tgt}`
      }),
    )

    test('the costs are those of the reference', () => {
      const costs = criterion.cost(outputs, targets)
      layers.forEach(({ layer }, l) =>
        layer.images.forEach((image, b) => {
          const block = costs.layers[l]!.images[b]!
          expect(block.shape).toEqual([image.rows, image.cols])
          expectAllClose(block.data, image.cost, TOLERANCE, COST_UNIT)
        }),
      )
    })

    test('the assignment is that of the reference, or as good where several are optimal', () => {
      layers.forEach(({ layer }, l) =>
        layer.images.forEach((image, b) => {
          const { queryIndices, targetIndices, unmatchedTargets } = result.layers[l]!.matches[b]!
          if (!image.tie) {
            expect([...queryIndices]).toEqual(image.pred)
            expect([...targetIndices]).toEqual(image.tgt)
          }
          const total = queryIndices.reduce(
            (sum, query, k) => sum + image.cost[query * image.cols + targetIndices[k]!]!,
            0,
          )
          expectClose(total, image.total_cost, TOLERANCE)
          expect(unmatchedTargets.length).toBe(image.cols - image.pred.length)
        }),
      )
    })

    test('match gives the assignment that compute gives', () => {
      const { layers: matched, normalizers } = criterion.match(outputs, targets)
      expect(matched.map(({ matches }) => matches)).toEqual(result.layers.map(({ matches }) => matches))
      expect(normalizers).toEqual(result.normalizers)
    })

    test('terms, total and metrics are those of the reference', () => {
      // of `identical_predictions` the terms are the same for each of the optimal assignments
      const { losses } = golden
      let total = 0
      layers.forEach(({ suffix }, l) => {
        const { terms, metrics } = result.layers[l]!
        const expected = {
          class: classOf(losses, suffix),
          l1: losses[`loss_bbox${suffix}`]!,
          giou: losses[`loss_giou${suffix}`]!,
        }
        for (const term of ['class', 'l1', 'giou'] as const) {
          expectClose(terms[term], expected[term], TOLERANCE, NEAR_ZERO)
          total += criterion.options.weights[term] * expected[term]
        }
        const cardinality = losses[`cardinality_error${suffix}`]
        if (cardinality === undefined) return
        expectClose(metrics.cardinalityError, cardinality, TOLERANCE, NEAR_ZERO)
      })
      expectClose(result.loss, total, TOLERANCE, NEAR_ZERO)
      if (layers.length === golden.layers.length) {
        expectClose(result.loss, golden.weighted_total, TOLERANCE, NEAR_ZERO)
      }
      const classError = losses[`class_error${layers.at(-1)!.suffix}`]
      if (classError === undefined) return
      if (golden.case === 'all_empty') {
        // nothing was matched, so there is no percentage; the reference reports 100
        expect(result.metrics.classError).toBeNaN()
      } else if (golden.case === 'extreme_logits') {
        // several logits of a query are equally large, and which of them counts as the largest is left open
        const [least, most] = classErrorRange(run)
        expect(result.metrics.classError).toBeGreaterThanOrEqual(least)
        expect(result.metrics.classError).toBeLessThanOrEqual(most)
        expect(classError).toBeGreaterThanOrEqual(least)
      } else {
        expectClose(result.metrics.classError, classError, TOLERANCE, NEAR_ZERO)
      }
    })

    test.runIf(sameAssignment)('the gradients are those of the reference', () => {
      const { auxiliary = [], ...final } = result.gradients!
      const gradients = [...auxiliary, final]
      expect(gradients.length).toBe(layers.length)
      layers.forEach(({ layer }, l) => {
        expectAllClose(gradients[l]!.logits, layer.grad_logits, GRADIENT_TOLERANCE)
        expectAllClose(gradients[l]!.boxes, layer.grad_boxes, GRADIENT_TOLERANCE)
      })
    })

    test('only ties may be matched otherwise than by the reference', () => {
      const ties = layers.some(({ layer }) => layer.images.some(({ tie }) => tie))
      expect(sameAssignment || ties).toBe(true)
    })
  })
}

describe.each(['detr', 'deformable', 'rtdetr-vfl'])('compute: where the reference of %s fails', (folder) => {
  const cases = new Map(casesOf(folder).map((golden) => [golden.case, golden]))
  const criterionOf = (golden: GoldenCase) => {
    if (folder === 'detr') return HungarianLoss.detr(optionsOf(golden))
    return preset(folder === 'deformable' ? 'deformableDetr' : 'rtDetr')(golden)
  }
  const run = (name: string) => {
    const golden = cases.get(name) as GoldenCase
    return criterionOf(golden).compute(outputsOf(golden.layers), targetsOf(golden))
  }

  test.each([
    ['error_label_minus_one', { code: 'RANGE', argument: 'targets[1].labels', image: 1, target: 1 }, /-1/],
    [
      'error_label_out_of_range',
      { code: 'RANGE', argument: 'targets[1].labels', image: 1, target: 1 },
      /(8|9) is not a class id.*0 to 4/,
    ],
    ['error_negative_height_target', { code: 'RANGE', argument: 'targets[1].boxes', image: 1, target: 0 }, /-0.05/],
    ['error_negative_width_pred', { code: 'RANGE', argument: 'outputs.boxes', layer: 0, image: 0, query: 1 }, /-0.05/],
  ])('%s is refused with its place', (name, details, message) => {
    const error = errorOf(() => run(name))
    expect(error).toMatchObject(details)
    expect(error.message).toMatch(message)
  })

  test.runIf(cases.has('error_label_is_num_classes'))('a label past the last class is refused', () => {
    const error = errorOf(() => run('error_label_is_num_classes'))
    expect(error).toMatchObject({ code: 'RANGE', argument: 'targets[1].labels' })
    expect(error.message).toMatch(/5 is not a class id; allowed are 0 to 4 \(the ids may be 1-based/)
  })

  // the sigmoid criteria run on and give NaN
  test('error_nan_logit is refused with its place', () => {
    const { layers } = cases.get('error_nan_logit') as GoldenCase
    const [, queries, classes] = layers[0]!.shape
    const at = layers[0]!.logits.findIndex((value) => Number.isNaN(value))
    const place = { image: Math.floor(at / classes / queries), query: Math.floor(at / classes) % queries }
    expect(errorOf(() => run('error_nan_logit'))).toMatchObject({
      code: 'NON_FINITE',
      argument: 'outputs.logits',
      layer: 0,
      ...place,
    })
  })

  test('error_zero_area_pair is finite', () => {
    // Two boxes that are the same point have union 0 and hull 0. The reference divides 0 by 0 and refuses the NaN; a
    // quotient whose divisor is 0 counts as 0 here, which is also what implementations with an epsilon in the divisor give.
    const golden = cases.get('error_zero_area_pair') as GoldenCase
    const result = run('error_zero_area_pair')
    expect(result.loss).toBeTypeOf('number')
    expect(Number.isFinite(result.loss)).toBe(true)
    expect(result.gradients!.boxes.every(Number.isFinite)).toBe(true)
    const { classification } = criterionOf(golden).options
    const onlyGiou = new HungarianLoss({ numClasses: 5, classification, cost: { class: 0, l1: 0, giou: 1 } })
    const { data } = onlyGiou.cost(outputsOf(golden.layers), targetsOf(golden)).images[0]!
    expect(data[0]).toBeCloseTo(0)
  })

  test.runIf(folder === 'detr')('a label that is the no-object index is refused unless allowed', () => {
    expect(errorOf(() => run('label_is_no_object'))).toMatchObject({ code: 'RANGE' })
  })
})
