/** Parts of a step against the published implementations, and what else holds of them. */
import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { HungarianLoss } from '../../src/index.ts'
import type { LayerGradients, LayerResult, Outputs, PresetName, Target } from '../../src/index.ts'
import { GRADIENT_TOLERANCE, NEAR_ZERO, TOLERANCE } from '../support/golden.ts'
import { expectAllClose, expectClose } from '../support/helpers.ts'

interface GoldenLayer {
  name: string
  shape: [images: number, queries: number, classes: number]
  logits: number[]
  boxes: number[]
  /** Scores of the edges' bins, and the boxes that these start from, where the layer has them. */
  corners?: number[]
  references?: number[]
  images?: { rows: number; pred: number[]; tgt: number[] }[]
  grad_logits: number[]
  grad_boxes: number[]
  grad_corners?: number[]
}

interface GoldenCase {
  case: string
  params: Record<string, number | number[][]> & { num_classes: number }
  layers: GoldenLayer[]
  targets: Target[]
  losses: Record<string, number>
  weighted_total: number
}

const directory = (folder: string) => new URL(`../fixtures/golden/${folder}/`, import.meta.url)
const read = (folder: string, file: string) => JSON.parse(readFileSync(new URL(file, directory(folder)), 'utf8'))

/** A layer as the criterion takes it. */
const tensors = ({ shape: [images, queries, classes], logits, boxes, corners, references }: GoldenLayer) => {
  const tensor = (values: number[], width: number) => ({
    data: new Float32Array(values),
    shape: [images, queries, width],
  })
  return {
    logits: tensor(logits, classes),
    boxes: tensor(boxes, 4),
    ...(corners && { corners: tensor(corners, corners.length / (images * queries)) }),
    ...(references && { references: tensor(references, 4) }),
  }
}

interface Outcome {
  layer: GoldenLayer
  /** Of the names of the layer's terms. */
  suffix: string
  result: LayerResult
  gradient: LayerGradients
}

/** The outcome of each layer, by the name that it has in the case. */
function outcomes(golden: GoldenCase, outputs: Outputs, criterion: HungarianLoss, names: Names) {
  const result = criterion.compute(outputs, golden.targets)
  const gradients = result.gradients!
  const list = (part: 'main' | 'encoder' | 'denoising' | 'oneToMany') => {
    if (names[part] === undefined) return []
    const [results, gradient] = part === 'main' ? [result, gradients] : [result[part]!, gradients[part]!]
    const { auxiliary = [], ...final } = gradient
    return names[part].map(([name, suffix], i): Outcome => ({
      layer: golden.layers.find((layer) => layer.name === name)!,
      suffix,
      result: results.layers[i]!,
      gradient: [...auxiliary, final][i]!,
    }))
  }
  return { result, layers: [...list('main'), ...list('encoder'), ...list('denoising'), ...list('oneToMany')] }
}

/** The layers of each part, in order, with the suffixes of their terms. */
type Names = { [Part in 'main' | 'encoder' | 'denoising' | 'oneToMany']?: [name: string, suffix: string][] }

interface Structure {
  preset: PresetName
  names: Names
  outputs: (layer: (name: string) => ReturnType<typeof tensors>, golden: GoldenCase) => Outputs
}

const STRUCTURES: Record<string, Structure> = {
  dino: {
    preset: 'dino',
    names: {
      main: [
        ['aux_0', '_0'],
        ['main', ''],
      ],
      encoder: [['interm', '_interm']],
      denoising: [
        ['dn_aux_0', '_dn_0'],
        ['dn_main', '_dn'],
      ],
    },
    outputs: (layer, { params }) => ({
      ...layer('main'),
      auxiliary: [layer('aux_0')],
      encoder: layer('interm'),
      denoising: { ...layer('dn_main'), auxiliary: [layer('dn_aux_0')], groups: params['num_dn_group'] as number },
    }),
  },
  'rtdetr-vfl': {
    preset: 'rtDetr',
    names: {
      main: [
        ['aux_0', '_aux_0'],
        ['main', ''],
      ],
      denoising: [
        ['dn_0', '_dn_0'],
        ['dn_1', '_dn_1'],
      ],
    },
    outputs: (layer, { params }) => ({
      ...layer('main'),
      auxiliary: [layer('aux_0')],
      denoising: { ...layer('dn_1'), auxiliary: [layer('dn_0')], groups: params['num_dn_group'] as number },
    }),
  },
  'hdetr-one2many': {
    preset: 'hDetr',
    names: { main: [['one2one', '']], oneToMany: [['one2many', '_one2many']] },
    outputs: (layer, { params }) => ({
      ...layer('one2one'),
      oneToMany: {
        ...layer('one2many'),
        repeat: params['k_one2many'] as number,
        weight: params['lambda_one2many'] as number,
      },
    }),
  },
  'lwdetr-group': {
    preset: 'lwDetr',
    names: { main: [['main', '']] },
    outputs: (layer, { params }) => ({ ...layer('main'), groups: params['groups'] as number }),
  },
  dfine: {
    preset: 'dFine',
    names: {
      main: [
        ['aux0', '_aux_0'],
        ['pre', '_pre'],
        ['main', ''],
      ],
      encoder: [['enc', '_enc_0']],
    },
    outputs: (layer) => ({
      ...layer('main'),
      auxiliary: [layer('aux0'), layer('pre')],
      encoder: layer('enc'),
    }),
  },
}

/** The layers of a case that stores tensors by name. */
function named({ inputs, matching, grads, ...golden }: Record<string, any>): GoldenCase {
  const layers = Object.keys(matching).map((name): GoldenLayer => ({
    name,
    shape: inputs.tensors[`${name}_logits`].shape,
    logits: inputs.tensors[`${name}_logits`].data,
    boxes: inputs.tensors[`${name}_boxes`].data,
    corners: inputs.tensors[`${name}_corners`]?.data,
    references: inputs.tensors[`${name}_ref`]?.data,
    images: matching[name],
    grad_logits: grads[`${name}_logits`].data ?? grads[`${name}_logits`],
    grad_boxes: grads[`${name}_boxes`].data ?? grads[`${name}_boxes`],
    grad_corners: grads[`${name}_corners`]?.data ?? grads[`${name}_corners`],
  }))
  return { ...golden, layers, targets: inputs.targets } as unknown as GoldenCase
}

/** The cases of a folder that have all layers of its structure. */
function casesOf(folder: string, { names }: Structure): GoldenCase[] {
  const count = Object.values(names).flat().length
  return readdirSync(directory(folder))
    .filter((file) => !file.startsWith('error_'))
    .map((file): GoldenCase => {
      const json = read(folder, file)
      const golden = json.matching === undefined ? json : named(json)
      return Object.assign(golden, { case: file.replace('.json', '') })
    })
    .filter(({ layers }) => layers.length === count)
}

const layersOf = (golden: GoldenCase) => (name: string) =>
  tensors(golden.layers.find((other) => other.name === name) as GoldenLayer)

/** Mean over images of |queries that count as objects − targets|. */
function cardinalityError({ layers, targets }: GoldenCase, isObject: (logits: number[]) => boolean): number {
  const { logits, shape } = layers[0]!
  const [images, queries, classes] = shape
  const rows = Array.from({ length: images * queries }, (_, row) => logits.slice(row * classes, (row + 1) * classes))
  const errors = targets.map(({ labels }, image) => {
    const objects = rows.slice(image * queries, (image + 1) * queries).filter(isObject).length
    return Math.abs(objects - (labels as number[]).length)
  })
  return errors.reduce((sum, error) => sum + error, 0) / images
}

for (const [folder, structure] of Object.entries(STRUCTURES)) {
  const { preset, names, outputs } = structure
  const cases = casesOf(folder, structure)

  test(`compute: ${folder} has its cases`, () => expect(cases.length).toBeGreaterThan(0))

  describe.each(cases)(`compute: ${folder}, $case`, (golden) => {
    const { num_classes: numClasses, reg_max, up, reg_scale, ddf_temperature } = golden.params as Record<string, any>
    const distribution = { regMax: reg_max, up, regScale: reg_scale, temperature: ddf_temperature }
    // transformers, whose values those of LW-DETR are, counts by probability, and all published criteria otherwise
    const cardinality = folder === 'lwdetr-group' ? 'threshold' : 'published'
    const criterion = new HungarianLoss({ numClasses, distribution, cardinality }, preset)
    const { result, layers } = outcomes(golden, outputs(layersOf(golden), golden), criterion, names)
    const repeat = (golden.params['k_one2many'] as number | undefined) ?? 1

    test('the matching is that of the reference', () => {
      for (const {
        layer: expected,
        result: { matches },
        suffix,
      } of layers) {
        const { images = [], shape } = expected
        const of = suffix === '_one2many' ? repeat : 1
        // where queries are in groups, each of them has its own list, and numbers of its own
        const groups = images.length / shape[0]
        matches.forEach(({ queryIndices, targetIndices }, image) => {
          const pairs = Array.from({ length: groups }, (_, group) => {
            const { pred, tgt, rows } = images[group * shape[0] + image]!
            const targets = golden.targets[image]!.labels as number[]
            return pred.map((query, i) => [group * rows + query, tgt[i]! % (of > 1 ? targets.length : Infinity)])
          }).flat()
          if (images.length > 0) expect([...queryIndices].map((query, i) => [query, targetIndices[i]])).toEqual(pairs)
        })
      }
    })

    test('terms and total are those of the reference', () => {
      for (const {
        result: { terms, metrics },
        suffix,
      } of layers) {
        const { losses } = golden
        const classTerm = losses[`loss_ce${suffix}`] ?? losses[`loss_vfl${suffix}`]!
        expectClose(terms.class, classTerm, TOLERANCE, NEAR_ZERO)
        expectClose(terms.l1, losses[`loss_bbox${suffix}`]!, TOLERANCE, NEAR_ZERO)
        expectClose(terms.giou, losses[`loss_giou${suffix}`]!, TOLERANCE, NEAR_ZERO)
        const expectedCardinality = losses[`cardinality_error${suffix}`]
        if (expectedCardinality !== undefined) {
          expectClose(metrics.cardinalityError, expectedCardinality, TOLERANCE, NEAR_ZERO)
        }
        for (const term of ['fgl', 'ddf'] as const) {
          const expected = losses[`loss_${term}${suffix}`]
          expect(terms[term] === undefined).toBe(expected === undefined)
          if (expected !== undefined) expectClose(terms[term]!, expected, TOLERANCE, NEAR_ZERO)
        }
      }
      expectClose(result.loss, golden.weighted_total, TOLERANCE, NEAR_ZERO)
    })

    if (folder === 'lwdetr-group') {
      test('the cardinality error counts by the definitions of transformers and of Atten4Vis/LW-DETR', () => {
        const given = outputs(layersOf(golden), golden)
        const published = new HungarianLoss({ numClasses, cardinality: 'published' }, preset)
        const errors = [criterion, published].map((of) => of.compute(given, golden.targets).metrics.cardinalityError)
        const isLast = (logits: number[]) => logits.indexOf(Math.max(...logits)) === logits.length - 1
        expect(errors).toEqual([
          cardinalityError(golden, (logits) => Math.max(...logits) > 0),
          cardinalityError(golden, (logits) => !isLast(logits)),
        ])
      })
    }

    test('gradients are those of the reference', () => {
      for (const { layer: expected, gradient } of layers) {
        expectAllClose(gradient.logits, expected.grad_logits, GRADIENT_TOLERANCE)
        expectAllClose(gradient.boxes, expected.grad_boxes, GRADIENT_TOLERANCE)
        expect(gradient.corners === undefined).toBe(expected.grad_corners === undefined)
        expectAllClose(gradient.corners ?? [], expected.grad_corners ?? [], GRADIENT_TOLERANCE)
      }
    })
  })
}

describe.each(casesOf('dino', STRUCTURES['dino']!))(
  'compute: dino, $case, with interm_loss_coef and no_interm_box_loss',
  (golden) => {
    const { preset, names, outputs } = STRUCTURES['dino']!
    const criterion = new HungarianLoss({ numClasses: golden.params.num_classes }, preset)
    const given = outputs(layersOf(golden), golden)
    const encoder = { ...given.encoder!, weight: 0.25, weights: { l1: 0, giou: 0 } }
    const { result, layers } = outcomes(golden, { ...given, encoder }, criterion, names)

    test('the encoder counts by its classes alone', () => {
      const { losses, weighted_total: total } = golden
      const { weights } = criterion.options
      const boxes = weights.l1 * losses['loss_bbox_interm']! + weights.giou * losses['loss_giou_interm']!
      const classes = weights.class * losses['loss_ce_interm']!
      expectClose(result.loss, total - boxes - 0.75 * classes, TOLERANCE, NEAR_ZERO)
      for (const { layer: expected, gradient, suffix } of layers) {
        const [ofLogits, ofBoxes] = suffix === '_interm' ? [0.25, 0] : [1, 1]
        expectAllClose(
          gradient.logits,
          expected.grad_logits.map((value) => ofLogits * value),
          GRADIENT_TOLERANCE,
        )
        expectAllClose(
          gradient.boxes,
          expected.grad_boxes.map((value) => ofBoxes * value),
          GRADIENT_TOLERANCE,
        )
      }
    })
  },
)
