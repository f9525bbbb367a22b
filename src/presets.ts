import { fail } from './errors.ts'
import type { HungarianLossOptions, ResolvedOptions, Terms } from './types.ts'
import { checkFlag, checkInteger, checkRecord, checkShare, checkWeight, checkWord, show } from './validate.ts'

const OPTIONS = [
  'numClasses',
  'classification',
  'cost',
  'weights',
  'boxFormat',
  'normalizedBoxes',
  'nonFinite',
  'ignore',
  'boxMatching',
] as const
const CLASSIFICATION = [
  'kind',
  'noObjectWeight',
  'noObjectIndex',
  'classWeights',
  'normalization',
  'allowNoObjectLabels',
] as const
const TERMS = ['class', 'l1', 'giou'] as const
const IGNORE = ['overlap', 'threshold'] as const

/** The largest number of classes, as in the core, where a column's number must be exact in float32. */
const MAX_CLASSES = 2 ** 24 - 1

/**
 * DETR as published, and the default of every option.
 *
 * Source: Carion et al. 2020, "End-to-End Object Detection with Transformers"; facebookresearch/detr, `main.py`
 * (`--set_cost_*`, `--*_loss_coef`, `--eos_coef`) and `models/detr.py`.
 */
export const DETR = {
  classification: {
    kind: 'softmax',
    noObjectWeight: 0.1,
    noObjectIndex: 'last',
    normalization: 'weighted-mean',
    allowNoObjectLabels: false,
  },
  cost: { class: 1, l1: 5, giou: 2 },
  weights: { class: 1, l1: 5, giou: 2 },
  boxFormat: 'cxcywh',
  normalizedBoxes: true,
  nonFinite: 'throw',
  ignore: { overlap: 'iof', threshold: 0.5 },
  boxMatching: 'layer',
} as const

/** Checks all options and fills in DETR's values where one is absent. The result is frozen throughout. */
export function resolveOptions(options: HungarianLossOptions): ResolvedOptions {
  const given = checkRecord(options, OPTIONS, 'options')
  const numClasses = checkInteger(given.numClasses, 1, MAX_CLASSES, 'options.numClasses')
  return Object.freeze({
    numClasses,
    classification: resolveClassification(given.classification, numClasses),
    cost: resolveTerms(given.cost, DETR.cost, 'options.cost'),
    weights: resolveTerms(given.weights, DETR.weights, 'options.weights'),
    boxFormat: checkWord(given.boxFormat, ['cxcywh', 'xyxy'], DETR.boxFormat, 'options.boxFormat'),
    normalizedBoxes: checkFlag(given.normalizedBoxes, DETR.normalizedBoxes, 'options.normalizedBoxes'),
    nonFinite: checkWord(given.nonFinite, ['throw', 'worst'], DETR.nonFinite, 'options.nonFinite'),
    ignore: resolveIgnore(given.ignore),
    boxMatching: checkWord(given.boxMatching, ['layer', 'union'], DETR.boxMatching, 'options.boxMatching'),
  })
}

function resolveClassification(value: unknown, numClasses: number): ResolvedOptions['classification'] {
  const name = 'options.classification'
  const given = checkRecord(value, CLASSIFICATION, name)
  const fallback = DETR.classification
  return Object.freeze({
    kind: checkWord(given.kind, ['softmax'], fallback.kind, `${name}.kind`),
    noObjectWeight: checkWeight(given.noObjectWeight, fallback.noObjectWeight, `${name}.noObjectWeight`),
    noObjectIndex: resolveNoObject(
      given.noObjectIndex === undefined ? fallback.noObjectIndex : given.noObjectIndex,
      numClasses,
    ),
    classWeights: resolveClassWeights(given.classWeights, numClasses),
    normalization: checkWord(
      given.normalization,
      ['weighted-mean', 'num-boxes'],
      fallback.normalization,
      `${name}.normalization`,
    ),
    allowNoObjectLabels: checkFlag(
      given.allowNoObjectLabels,
      fallback.allowNoObjectLabels,
      `${name}.allowNoObjectLabels`,
    ),
  })
}

function resolveIgnore(value: unknown): ResolvedOptions['ignore'] {
  const { overlap, threshold } = checkRecord(value, IGNORE, 'options.ignore')
  return Object.freeze({
    overlap: checkWord(overlap, ['iof', 'iou'], DETR.ignore.overlap, 'options.ignore.overlap'),
    threshold: checkShare(threshold, DETR.ignore.threshold, 'options.ignore.threshold'),
  })
}

function resolveNoObject(value: unknown, numClasses: number): number {
  if (value === 'last') return numClasses
  if (Number.isInteger(value) && (value as number) >= 0 && (value as number) <= numClasses) return value as number
  const rule = `must be 'last' or an integer from 0 to numClasses = ${numClasses}`
  return fail('OPTION', 'options.classification.noObjectIndex', `${rule}, got ${show(value)}`)
}

function resolveClassWeights(value: unknown, numClasses: number): readonly number[] | undefined {
  if (value === undefined) return undefined
  const name = 'options.classification.classWeights'
  if (!Array.isArray(value) && !ArrayBuffer.isView(value)) fail('OPTION', name, `must be an array, got ${show(value)}`)
  const { length } = value as unknown as ArrayLike<unknown>
  if (length !== numClasses) {
    fail('OPTION', name, `expected one weight for each of ${numClasses} classes, got ${length}`)
  }
  const weights = Array.from(value as unknown as ArrayLike<unknown>, (weight, i) => {
    if (weight === undefined) fail('OPTION', `${name}[${i}]`, 'must be a number from 0 to 1e12, got undefined')
    return checkWeight(weight, 1, `${name}[${i}]`)
  })
  return Object.freeze(weights)
}

function resolveTerms(value: unknown, fallback: Terms, name: string): Terms {
  const given = checkRecord(value, TERMS, name)
  return Object.freeze({
    class: checkWeight(given.class, fallback.class, `${name}.class`),
    l1: checkWeight(given.l1, fallback.l1, `${name}.l1`),
    giou: checkWeight(given.giou, fallback.giou, `${name}.giou`),
  })
}
