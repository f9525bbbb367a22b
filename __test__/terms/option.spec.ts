import { describe, expect, test } from 'vitest'
import { DESCRIPTION, optionsOf } from '../../src/binding/description.ts'
import type { OptionDescription } from '../../src/binding/description.ts'
import { createCriterion } from '../../src/binding/native.ts'
import { HungarianLoss } from '../../src/index.ts'
import type { HungarianLossOptions, PresetName, ResolvedOptions } from '../../src/index.ts'
import { PRESETS } from '../../src/options/presets.ts'
import type { Preset } from '../../src/options/presets.ts'
import { checkOption, checkWeight, MAX_WEIGHT, resolveOption } from '../../src/terms/option.ts'
import { errorOf, untyped } from '../support/helpers.ts'

const numClasses = 3

/** The value at a path. */
const at = (options: object, name: string): unknown =>
  name.split('.').reduce<unknown>((group, key) => (group as Record<string, unknown>)[key], options)

/** Options with a value at a path. */
function optionsWith(kind: string, name: string, value: unknown): HungarianLossOptions {
  const [group, key] = name.split('.') as [string, string | undefined]
  const classification = { kind }
  if (key === undefined) return untyped({ numClasses, classification, [group]: value })
  const given = { numClasses, classification, [group]: { [key]: value } }
  return untyped(group === 'classification' ? { numClasses, classification: { kind, [key]: value } } : given)
}

/** What the core has in absence, as resolved options have it. */
function defaultOf({ kind, number, flag, words }: OptionDescription): unknown {
  return kind === 'column' ? numClasses : (number ?? flag ?? words?.[0])
}

/** The next numbers below and above. */
const below = (x: number) => (x === 0 ? -Number.MIN_VALUE : x * (1 - Number.EPSILON))
const above = (x: number) => x * (1 + Number.EPSILON)

/** The greatest number of a list: the largest weight, where the core says nothing else. */
const greatest = (most: number): number => (Number.isNaN(most) ? MAX_WEIGHT : most)

/** Values that an option takes, of a range both ends. */
function taken({ kind, least = NaN, most = NaN, words = [] }: OptionDescription): readonly unknown[] {
  switch (kind) {
    case 'number':
    case 'even':
      return [least, most]
    case 'flag':
      return [false, true]
    case 'word':
      return words
    case 'column':
      return [0, numClasses]
    default:
      return [[0, 1, greatest(most)]]
  }
}

/** Values that it does not, of a range those next to it. */
function refused({ kind, least = NaN, most = NaN }: OptionDescription): readonly unknown[] {
  switch (kind) {
    case 'number':
      return [below(least), above(most), NaN]
    case 'even':
      return [least - 2, least + 1, most + 2, NaN]
    case 'flag':
      return [0, 1, 'true']
    case 'word':
      return ['', 'other']
    case 'column':
      return [-1, 0.5, numClasses + 1]
    default: {
      const lists = [[], [0, 1, below(0)], [0, 1, above(greatest(most))]]
      return kind === 'perClass' ? [...lists, [0, 1]] : lists
    }
  }
}

const CASES = DESCRIPTION.kinds.flatMap(({ name: kind }) => {
  return optionsOf(kind).map((option) => [kind, option.name, option] as const)
})

test('optionsOf: every option of a criterion is described once', () => {
  for (const { name: kind } of DESCRIPTION.kinds) {
    const names = optionsOf(kind).map(({ name }) => name)
    expect(names.length).toBeGreaterThan(15)
    expect(new Set(names).size).toBe(names.length)
  }
})

describe.each(CASES)('resolveOption: %s, %s:', (kind, name, option) => {
  const resolve = (value: unknown) => new HungarianLoss(optionsWith(kind, name, value)).options

  test('absent, it has the core’s default', () => {
    expect(at(resolve(undefined), name)).toEqual(defaultOf(option))
  })

  test('both ends of its range, or all its words, are taken', () => {
    for (const value of taken(option)) expect(at(resolve(value), name)).toEqual(value)
  })

  test('what is next to its range is refused by its name, here and by the core', () => {
    for (const value of refused(option)) {
      const { code, argument } = errorOf(() => resolve(value))
      expect(code).toBe('OPTION')
      expect(argument).toMatch(new RegExp(`^options\\.${name}(?:\\[2\\])?$`))
      const settings = untyped<Record<string, number>>({ 'classification.kind': kind, [name]: value })
      const weights = DESCRIPTION.terms.map(() => 0)
      expect(() => createCriterion({ numClasses, cost: weights, weights, options: settings, threads: 1 })).toThrow(name)
    }
  })
})

describe.each(Object.keys(PRESETS) as PresetName[])('resolveOption: the preset %s', (preset) => {
  test('has the core’s default wherever it says nothing', () => {
    const { options } = new HungarianLoss({ numClasses }, preset)
    const { classification: kind, boxEpsilon, normalization, classNormalization, ...rest } = PRESETS[preset] as Preset
    const own = new Map<string, unknown>([
      ['boxEpsilon', boxEpsilon],
      ['normalization', normalization],
      ...Object.entries(rest.masks ?? {}).map(([key, value]) => [`masks.${key}`, value] as const),
    ])
    const { boxEpsilonForm, clampSizes, unknownBoxCost, l1Format, imageGate, classNumbers = {}, classCost = {} } = rest
    if (boxEpsilonForm !== undefined) own.set('boxEpsilonForm', boxEpsilonForm)
    if (unknownBoxCost !== undefined) own.set('unknownBoxCost', unknownBoxCost)
    if (l1Format !== undefined) own.set('l1Format', l1Format)
    if (imageGate !== undefined) own.set('imageGate', imageGate)
    // where the loss is focal, the cost has its α
    if (kind === 'focal') own.set('cost.alpha', classNumbers.alpha)
    if (clampSizes !== undefined) own.set('clampSizes', clampSizes)
    for (const [key, value] of Object.entries(classNumbers)) own.set(`classification.${key}`, value)
    for (const [key, value] of Object.entries(classCost)) own.set(`cost.${key}`, value)
    if (classNormalization !== undefined) own.set('classification.normalization', classNormalization)
    // one word stands for all families
    const described = optionsOf(kind).filter(({ name }) => !name.startsWith('normalization.'))
    for (const option of described) {
      expect([option.name, at(options, option.name)]).toEqual([option.name, own.get(option.name) ?? defaultOf(option)])
    }
  })
})

/** All words of a type: more of them or fewer do not compile. */
type Words<Word> = Record<Extract<Word, string>, true>
type OfKind<Kind extends string> = Extract<ResolvedOptions['classification'], { readonly kind: Kind }>

const NORMALIZATIONS = { 'num-boxes': true, 'num-pairs': true, 'num-queries': true, 'per-image': true } as const

/** Of each option that has words, those of its type. */
const WORDS: ReadonlyArray<[string, object]> = [
  ['nonFinite', { throw: true, worst: true } satisfies Words<ResolvedOptions['nonFinite']>],
  ['normalization', NORMALIZATIONS satisfies Words<Extract<ResolvedOptions['normalization'], string>>],
  ['normalization.boxes', NORMALIZATIONS],
  ['normalization.edges', NORMALIZATIONS],
  ['normalization.spans', NORMALIZATIONS],
  ['normalization.points', NORMALIZATIONS],
  ['normalization.masks', NORMALIZATIONS],
  ['l1Format', { cxcywh: true, xyxy: true } satisfies Words<ResolvedOptions['l1Format']>],
  ['cost.labels', { sum: true, mean: true, 'all-columns': true } satisfies Words<ResolvedOptions['cost']['labels']>],
  ['ignore.overlap', { iof: true, iou: true } satisfies Words<ResolvedOptions['ignore']['overlap']>],
  ['boxEpsilonForm', { add: true, clamp: true } satisfies Words<ResolvedOptions['boxEpsilonForm']>],
  ['unknownBoxCost', { zero: true, mean: true } satisfies Words<ResolvedOptions['unknownBoxCost']>],
  ['boxFormat', { cxcywh: true, xyxy: true } satisfies Words<ResolvedOptions['boxFormat']>],
  ['pointFormat', { xy: true, xyz: true } satisfies Words<ResolvedOptions['pointFormat']>],
  ['spanFormat', { cxw: true, xx: true } satisfies Words<ResolvedOptions['spanFormat']>],
  ['masks.costSampling', { grid: true, points: true } satisfies Words<ResolvedOptions['masks']['costSampling']>],
  ['masks.lossSampling', { canvas: true, points: true } satisfies Words<ResolvedOptions['masks']['lossSampling']>],
  ['masks.pointCount', { fixed: true, sixteenth: true } satisfies Words<ResolvedOptions['masks']['pointCount']>],
  ['masks.pointSets', { image: true, batch: true } satisfies Words<ResolvedOptions['masks']['pointSets']>],
  ['masks.outside', { zeros: true, border: true } satisfies Words<ResolvedOptions['masks']['outside']>],
  [
    'masks.targetSampling',
    { bilinear: true, nearest: true } satisfies Words<ResolvedOptions['masks']['targetSampling']>,
  ],
  ['cardinality', { threshold: true, published: true } satisfies Words<ResolvedOptions['cardinality']>],
  [
    'cost.classForm',
    { probability: true, focal: true, 'log-sigmoid': true, product: true } satisfies Words<
      ResolvedOptions['cost']['classForm']
    >,
  ],
  [
    'cost.modulationMaximum',
    { none: true, divide: true, raise: true } satisfies Words<ResolvedOptions['cost']['modulationMaximum']>,
  ],
  ['classification.quality', { iou: true, giou: true } satisfies Words<OfKind<'sigmoid'>['quality']>],
  [
    'classification.imageMaximum',
    { none: true, divide: true, raise: true } satisfies Words<OfKind<'sigmoid'>['imageMaximum']>,
  ],
  [
    'classification.rankTerms',
    { all: true, overlap: true, none: true } satisfies Words<OfKind<'sigmoid'>['rankTerms']>,
  ],
  [
    'classification.normalization',
    {
      'weighted-mean': true,
      'num-boxes': true,
      'num-queries': true,
      'num-pairs': true,
      'num-labels': true,
      'num-kept-queries': true,
      'per-image': true,
    } satisfies Words<OfKind<'softmax' | 'focal'>['normalization']>,
  ],
]

test.each(WORDS)('ResolvedOptions: %s has the words that the core has', (name, words) => {
  const described = optionsOf().filter((option) => option.name === name)
  const core = new Set(described.flatMap((option) => option.words))
  expect(core).toEqual(new Set(Object.keys(words)))
})

test('ResolvedOptions: the words of every option are compared', () => {
  const names = optionsOf().flatMap(({ name, kind }) => (kind === 'word' ? [name] : []))
  expect(new Set(names)).toEqual(new Set(WORDS.map(([name]) => name)))
})

test('ResolvedOptions: the kinds of classification are those of the core', () => {
  const kinds = {
    softmax: true,
    focal: true,
    varifocal: true,
    mal: true,
    'ia-bce': true,
    sigmoid: true,
  } satisfies Words<ResolvedOptions['classification']['kind']>
  expect(DESCRIPTION.kinds.map(({ name }) => name)).toEqual(Object.keys(kinds))
})

test('checkOption: a list has one number or more', () => {
  const list = { name: 'numbers', kind: 'list' }
  expect(checkOption(list, undefined, 0)).toBe(undefined)
  expect(checkOption(list, Float64Array.of(0, 1e12), 0)).toEqual([0, 1e12])
  const message = (value: unknown) => errorOf(() => checkOption(list, value, 0)).message
  expect(message([])).toBe('options.numbers: must have one number or more')
  expect(message([1, -1])).toBe('options.numbers[1]: must be a number from 0 to 1e12, got -1')
  expect(message(1)).toBe('options.numbers: must be an array, got 1')
})

test('checkOption: a kind that is not known is a binary of another version', () => {
  for (const value of [undefined, [1]]) {
    const error = errorOf(() => checkOption({ name: 'boxes.roundness', kind: 'matrix' }, value, 0))
    expect(error).toMatchObject({ code: 'BINARY' })
    expect(error.message).toMatch(/boxes\.roundness is of kind "matrix"; build it anew/)
  }
})

test('checkWeight: absent it has the fallback, and is a number from 0 to 1e12', () => {
  expect(checkWeight(undefined, 5, 'x')).toBe(5)
  expect([0, MAX_WEIGHT].map((weight) => checkWeight(weight, 5, 'x'))).toEqual([0, 1e12])
  expect(errorOf(() => checkWeight(-1, 1, 'x')).message).toBe('x: must be a number from 0 to 1e12, got -1')
})

test('resolveOption: an option that the core lacks is a binary of another version', () => {
  const error = errorOf(() => resolveOption('boxes.roundness', 1))
  expect(error).toMatchObject({ code: 'BINARY' })
  expect(error.message).toMatch(/no option boxes\.roundness; build it anew/)
})
