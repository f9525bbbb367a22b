/** The options of a criterion: what there are, and every default filled in. */
import { checkRecord, checkWord } from '../common/validate.ts'
import { resolveThreads } from '../binding/threads.ts'
import { CLASS_COST, resolveClassCost } from '../terms/classes.ts'
import type { TermInfo } from '../terms/family.ts'
import { FAMILY_OPTIONS, FOREIGN_NAMES, resolveFamilyOptions, TERMS } from '../terms/index.ts'
import type {
  CostTerms,
  CostWeights,
  FamilyOptions,
  ResolvedCost,
  ResolvedFamilyOptions,
  Terms,
} from '../terms/index.ts'
import { checkWeight, resolveOption } from '../terms/option.ts'
import { resolveNormalization } from './normalization.ts'
import type { FamilyNormalizations, Normalization, ResolvedNormalization } from './normalization.ts'
import { PRESETS } from './presets.ts'
import type { Preset, PresetName } from './presets.ts'

/** What to compute. Everything but `numClasses` defaults to the values of a published criterion, DETR unless said. */
export interface HungarianLossOptions extends FamilyOptions {
  /** Weights of the matching cost's terms, 0 to 1e12, and its form. Default: class 1, l1 5, giou 2, others 0. */
  readonly cost?: Partial<CostWeights> | undefined
  /**
   * Weights of the loss terms in the total, 0 to 1e12; a part may have its own (see {@link PartWeights}). Default: class 1,
   * l1 5, giou 2, others 0.
   */
  readonly weights?: Partial<Terms> | undefined
  /**
   * What the geometric terms are divided by: one word for all of them, or an object with one for each family, such as
   * `{ boxes: 'num-pairs' }`, where the others have the preset's. With `boxMatching: 'union'`, decoder and encoder are divided
   * by the union's pairs. Default: the preset's, `'num-boxes'` for most.
   */
  readonly normalization?: Normalization | FamilyNormalizations | undefined
  /**
   * What to do with NaN and infinities in the predictions: `'throw'` names the first; `'worst'` gives such a query a cost
   * above every other of its image, so that it is matched last, leaves it out of the loss, and counts it. Left out, here and
   * for `ignore`, means out of the class term's divisor too, and of the union matching: the loss is that of the batch
   * without these queries. N stays the number of targets, whether or not they find a query. What is given rather than predicted,
   * such as targets, weights, added costs and the points of masks, is refused either way. Default: `'throw'`.
   */
  readonly nonFinite?: 'throw' | 'worst' | undefined
  /**
   * How many threads a call may use at once, where there is enough work; at least 1, and no more than
   * {@link threadCount}. The results have the same bits with any number. Default: {@link threadCount}.
   */
  readonly threads?: number | undefined
  /**
   * `'warn'`: the first batch is looked through as by {@link inspectBatch}, and one warning of the process tells what was
   * found, but for mere notes. Later batches take no longer for it. Default: `'off'`.
   */
  readonly check?: 'off' | 'warn' | undefined
}

/** Options with every default filled in. */
export interface ResolvedOptions extends ResolvedFamilyOptions {
  /** Weights of the matching cost's terms, and its form. */
  readonly cost: ResolvedCost
  /** Weights of the loss terms. */
  readonly weights: Required<Terms>
  /** What the geometric terms are divided by. */
  readonly normalization: ResolvedNormalization
  /** What to do with NaN and infinities in the predictions. */
  readonly nonFinite: 'throw' | 'worst'
  /** How many threads a call may use at once. */
  readonly threads: number
  /** Whether the first batch is looked through. */
  readonly check: 'off' | 'warn'
}

/** The names of all options. */
export const OPTIONS: readonly (keyof HungarianLossOptions)[] = [
  ...FAMILY_OPTIONS,
  'cost',
  'weights',
  'normalization',
  'nonFinite',
  'threads',
  'check',
]

type WeighedTerm<Name extends keyof Terms> = Pick<TermInfo<Name, string>, 'name' | 'weight'>

const COST_TERMS = TERMS.filter(({ inCost }) => inCost) as readonly WeighedTerm<keyof CostTerms>[]
const COST = [...COST_TERMS.map(({ name }) => name), ...CLASS_COST]
const LOSS = TERMS.map(({ name }) => name)

/** Checks all options and fills in a preset's values where one is absent. The result is frozen throughout. */
export function resolveOptions(options: HungarianLossOptions, name: PresetName): ResolvedOptions {
  const preset: Preset = PRESETS[checkWord(name, Object.keys(PRESETS) as PresetName[], 'detr', 'preset')]
  const given = checkRecord(options, OPTIONS, 'options', FOREIGN_NAMES)
  const families = resolveFamilyOptions(given, preset)
  const resolved: ResolvedOptions = {
    ...families,
    cost: resolveCost(given.cost, preset, families),
    weights: resolveWeights(given.weights, preset.weights, 'options.weights'),
    normalization: resolveNormalization(given.normalization, preset.normalization),
    nonFinite: resolveOption('nonFinite', given.nonFinite),
    threads: resolveThreads(given.threads),
    check: checkWord(given.check, ['off', 'warn'], 'off', 'options.check'),
  }
  return Object.freeze(resolved)
}

/** Weights of the cost, and the form of the class' part. */
function resolveCost(value: unknown, preset: Preset, { classification }: ResolvedFamilyOptions): ResolvedCost {
  const given = checkRecord(value, COST, 'options.cost', FOREIGN_NAMES)
  const weights = resolveTerms(COST_TERMS, given, preset.cost, 'options.cost')
  return Object.freeze({ ...weights, ...resolveClassCost(given, classification, preset.classCost) })
}

/** Weights of the loss terms. */
export function resolveWeights(value: unknown, fallback: Terms, argument: string): Required<Terms> {
  const given = checkRecord(value, LOSS, argument, FOREIGN_NAMES)
  return Object.freeze(resolveTerms(TERMS, given, fallback, argument))
}

/** A weight for each of some terms: the one that is given, or that of the preset, or else the term's own. */
function resolveTerms<Name extends keyof Terms>(
  terms: readonly WeighedTerm<Name>[],
  given: { readonly [K in Name]?: unknown },
  fallback: { readonly [K in Name]?: number | undefined },
  argument: string,
): { readonly [K in Name]: number } {
  const weights: { [K in Name]?: number } = {}
  for (const { name, weight } of terms) {
    weights[name] = checkWeight(given[name], fallback[name] ?? weight, `${argument}.${name}`)
  }
  return weights as { readonly [K in Name]: number }
}
