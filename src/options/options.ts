import { fail } from '../common/errors.ts'
import { kindOf } from '../common/memory.ts'
import { CLASSIFICATIONS, COMMON, FOCAL_COST, PRESETS, COST_TERMS, TERMS } from './presets.ts'
import type { PresetName } from './presets.ts'
import { lengthOf } from '../common/tensors.ts'
import { threadCount } from '../binding/threads.ts'
import type {
  CostTerms,
  HungarianLossOptions,
  ResolvedClassification,
  ResolvedCost,
  ResolvedOptions,
  ResolvedSoftmax,
  Terms,
} from '../types.ts'
import {
  checkFlag,
  checkInteger,
  checkNumber,
  checkRecord,
  checkWeight,
  checkWord,
  MAX_SIZE,
  show,
  showKnown,
} from '../common/validate.ts'

export const OPTIONS = [
  'numClasses',
  'classification',
  'cost',
  'weights',
  'boxFormat',
  'boxEpsilon',
  'clampSizes',
  'normalizedBoxes',
  'nonFinite',
  'cardinality',
  'ignore',
  'boxMatching',
  'distribution',
  'threads',
  'check',
] as const
const SOFTMAX = [
  'kind',
  'noObjectWeight',
  'noObjectIndex',
  'classWeights',
  'normalization',
  'allowNoObjectLabels',
] as const
const WEIGHTED = ['kind', 'alpha', 'gamma', 'detachWeights'] as const
const IA_BCE = ['kind', 'alpha', 'gamma', 'minQuality'] as const
const FOCAL = ['kind', 'alpha', 'gamma'] as const
const COST = [...COST_TERMS, 'classForm', 'alpha', 'gamma'] as const
const DISTRIBUTION = ['regMax', 'up', 'regScale', 'temperature'] as const
const IGNORE = ['overlap', 'threshold'] as const
const KINDS = ['softmax', 'focal', 'varifocal', 'mal', 'ia-bce'] as const
type Kind = (typeof KINDS)[number]
/** What each kind of classification has. */
const OF_KIND: { readonly [K in Kind]: readonly string[] } = {
  softmax: SOFTMAX,
  focal: FOCAL,
  varifocal: WEIGHTED,
  mal: WEIGHTED,
  'ia-bce': IA_BCE,
}

/** The largest number of classes, as in the core, where a column's number must be exact in float32. */
const MAX_CLASSES = 2 ** 24 - 1
/** The largest exponent, as in the core. */
const MAX_GAMMA = 100

/** Checks all options and fills in a preset's values where one is absent. The result is frozen throughout. */
export function resolveOptions(options: HungarianLossOptions, name: PresetName): ResolvedOptions {
  const preset = PRESETS[checkWord(name, Object.keys(PRESETS) as PresetName[], 'detr', 'preset')]
  const given = checkRecord(options, OPTIONS, 'options')
  const numClasses = checkInteger(given.numClasses, 1, MAX_CLASSES, 'options.numClasses')
  const classification = resolveClassification(given.classification, preset.classification, numClasses)
  return Object.freeze({
    numClasses,
    classification,
    cost: resolveCost(given.cost, preset.cost, classification),
    weights: resolveWeights(given.weights, preset.weights, 'options.weights'),
    boxFormat: checkWord(given.boxFormat, ['cxcywh', 'xyxy'], COMMON.boxFormat, 'options.boxFormat'),
    boxEpsilon: checkNumber(given.boxEpsilon, 1, preset.boxEpsilon, 'options.boxEpsilon'),
    clampSizes: checkFlag(given.clampSizes, COMMON.clampSizes, 'options.clampSizes'),
    normalizedBoxes: checkFlag(given.normalizedBoxes, COMMON.normalizedBoxes, 'options.normalizedBoxes'),
    nonFinite: checkWord(given.nonFinite, ['throw', 'worst'], COMMON.nonFinite, 'options.nonFinite'),
    cardinality: checkWord(given.cardinality, ['threshold', 'published'], COMMON.cardinality, 'options.cardinality'),
    ignore: resolveIgnore(given.ignore),
    boxMatching: checkWord(given.boxMatching, ['layer', 'union'], preset.boxMatching, 'options.boxMatching'),
    distribution: resolveDistribution(given.distribution),
    threads: resolveThreads(given.threads),
    check: checkWord(given.check, ['off', 'warn'], COMMON.check, 'options.check'),
  })
}

function resolveClassification(
  value: unknown,
  usual: keyof typeof CLASSIFICATIONS,
  numClasses: number,
): ResolvedClassification {
  const name = 'options.classification'
  if (value !== undefined) checkRecord(value, [...SOFTMAX, ...WEIGHTED, ...IA_BCE], name)
  const kind = checkWord((value as { kind?: unknown } | undefined)?.kind, KINDS, usual, `${name}.kind`)
  checkOfKind(value, kind)
  switch (kind) {
    case 'softmax':
      return resolveSoftmax(value, numClasses)
    case 'focal':
      return Object.freeze({ kind, ...resolveFocal(checkRecord(value, FOCAL, name), CLASSIFICATIONS.focal, 1) })
    case 'varifocal':
    case 'mal': {
      const given = checkRecord(value, WEIGHTED, name)
      const detachWeights = checkFlag(given.detachWeights, true, `${name}.detachWeights`)
      return Object.freeze({ kind, ...resolveFocal(given, CLASSIFICATIONS[kind], 1e12), detachWeights })
    }
    case 'ia-bce': {
      const given = checkRecord(value, IA_BCE, name)
      const fallback = CLASSIFICATIONS[kind]
      const minQuality = checkNumber(given.minQuality, 1, fallback.minQuality, `${name}.minQuality`)
      return Object.freeze({ kind, ...resolveFocal(given, fallback, 1), minQuality })
    }
  }
}

/** Refuses what is known of other kinds of classification alone. */
function checkOfKind(value: unknown, kind: Kind): void {
  for (const key in value as object) {
    const owners = KINDS.filter((other) => OF_KIND[other].includes(key)).map((other) => `'${other}'`)
    if (OF_KIND[kind].includes(key) || owners.length === 0) continue
    const rule = `there is no such option of kind '${kind}'; ${key} belongs to ${owners.join(', ')}`
    fail('OPTION', `options.classification.${key}`, `${rule}; ${showKnown(key, OF_KIND[kind])}`)
  }
}

/** α, from 0 to `largest`, and γ. */
function resolveFocal(
  { alpha, gamma }: { readonly alpha?: unknown; readonly gamma?: unknown },
  fallback: { readonly alpha: number; readonly gamma: number },
  largest: number,
  name = 'options.classification',
): { alpha: number; gamma: number } {
  return {
    alpha: checkNumber(alpha, largest, fallback.alpha, `${name}.alpha`),
    gamma: checkNumber(gamma, MAX_GAMMA, fallback.gamma, `${name}.gamma`),
  }
}

function resolveSoftmax(value: unknown, numClasses: number): ResolvedSoftmax {
  const name = 'options.classification'
  const given = checkRecord(value, SOFTMAX, name)
  const fallback = CLASSIFICATIONS.softmax
  const { noObjectIndex = fallback.noObjectIndex } = given
  return Object.freeze({
    kind: 'softmax',
    noObjectWeight: checkWeight(given.noObjectWeight, fallback.noObjectWeight, `${name}.noObjectWeight`),
    noObjectIndex: resolveNoObject(noObjectIndex, numClasses),
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
    overlap: checkWord(overlap, ['iof', 'iou'], COMMON.ignore.overlap, 'options.ignore.overlap'),
    threshold: checkNumber(threshold, 1, COMMON.ignore.threshold, 'options.ignore.threshold'),
  })
}

/** As many as are wanted, but no more than the process uses. */
function resolveThreads(value: unknown): number {
  const most = threadCount()
  return value === undefined ? most : Math.min(checkInteger(value, 1, MAX_SIZE, 'options.threads'), most)
}

function resolveDistribution(value: unknown): ResolvedOptions['distribution'] {
  const name = 'options.distribution'
  const given = checkRecord(value, DISTRIBUTION, name)
  const size = (key: 'up' | 'regScale' | 'temperature'): number => {
    const { [key]: number = COMMON.distribution[key] } = given
    if (typeof number === 'number' && number >= 0.001 && number <= 1000) return number
    return fail('OPTION', `${name}.${key}`, `must be a number from 0.001 to 1000, got ${show(number)}`)
  }
  const { regMax = COMMON.distribution.regMax } = given
  if (!(typeof regMax === 'number' && regMax >= 4 && regMax <= 1024 && regMax % 2 === 0)) {
    fail('OPTION', `${name}.regMax`, `must be an even number from 4 to 1024, got ${show(regMax)}`)
  }
  return Object.freeze({ regMax, up: size('up'), regScale: size('regScale'), temperature: size('temperature') })
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
  if (!Array.isArray(value) && kindOf(value) === undefined) fail('OPTION', name, `must be an array, got ${show(value)}`)
  const list = value as ArrayLike<unknown>
  const length = lengthOf(list, name)
  if (length !== numClasses) {
    fail('OPTION', name, `expected one weight for each of ${numClasses} classes, got ${length}`)
  }
  const weights: number[] = []
  for (let i = 0; i < length; i++) {
    const weight = list[i]
    if (weight === undefined) fail('OPTION', `${name}[${i}]`, 'must be a number from 0 to 1e12, got undefined')
    weights.push(checkWeight(weight, 1, `${name}[${i}]`))
  }
  return Object.freeze(weights)
}

/** Weights, and the form of the class' part: by default that of the loss, with its α and γ where it is focal. */
function resolveCost(value: unknown, fallback: CostTerms, classification: ResolvedClassification): ResolvedCost {
  const given = checkRecord(value, COST, 'options.cost')
  const weights = resolveTerms(given, fallback, 'options.cost')
  if (classification.kind === 'softmax') {
    for (const key of ['alpha', 'gamma'] as const) {
      if (given[key] !== undefined) fail('OPTION', `options.cost.${key}`, 'has no meaning for softmax classification')
    }
    const classForm = checkWord(given.classForm, ['probability'], 'probability', 'options.cost.classForm')
    return Object.freeze({ ...weights, classForm, alpha: undefined, gamma: undefined })
  }
  const forms = ['focal', 'log-sigmoid', 'probability'] as const
  const classForm = checkWord(given.classForm, forms, 'focal', 'options.cost.classForm')
  const usual = classification.kind === 'focal' ? classification : FOCAL_COST
  return Object.freeze({ ...weights, classForm, ...resolveFocal(given, usual, 1, 'options.cost') })
}

/** Weights of the loss terms. */
export function resolveWeights(value: unknown, fallback: Terms, argument: string): Required<Terms> {
  const given = checkRecord(value, TERMS, argument)
  return Object.freeze({
    ...resolveTerms(given, fallback, argument),
    fgl: checkWeight(given.fgl, fallback.fgl ?? 0, `${argument}.fgl`),
    ddf: checkWeight(given.ddf, fallback.ddf ?? 0, `${argument}.ddf`),
  })
}

function resolveTerms(
  given: { readonly [K in keyof CostTerms]?: unknown },
  fallback: CostTerms,
  argument: string,
): Required<CostTerms> {
  const weight = (term: keyof CostTerms): number => checkWeight(given[term], fallback[term] ?? 0, `${argument}.${term}`)
  return {
    class: weight('class'),
    l1: weight('l1'),
    giou: weight('giou'),
    iou: weight('iou'),
    diou: weight('diou'),
    ciou: weight('ciou'),
  }
}
