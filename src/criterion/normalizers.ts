/** The divisors of a batch that is split over workers or micro-batches. */
import { fail } from '../common/errors.ts'
import { kindOf } from '../common/memory.ts'
import { toReadError } from '../common/reading.ts'
import { lengthOf } from '../common/tensors.ts'
import { MAX_LAYERS } from '../input/layers.ts'
import type { NormalizerCounts, Normalizers } from '../result/normalizers.ts'
import { checkRecord, checkWord, isRecord, show } from '../common/validate.ts'

/** The most results that are combined, far more than there are workers or micro-batches anywhere. */
const MAX_RESULTS = 2 ** 20

/** What {@link combineNormalizers} takes of each worker: a result of `compute` or `match`, or its `normalizers` alone. */
export type NormalizerSource = Normalizers | { readonly normalizers: Normalizers }

/** Settings of {@link combineNormalizers}. */
export interface CombineOptions {
  /**
   * What becomes of the workers' losses and gradients: their `'mean'`, as data-parallel training makes it, or their `'sum'`,
   * as gradients are accumulated over micro-batches. Default: `'mean'`.
   */
  readonly reduce?: 'mean' | 'sum' | undefined
}

/** What {@link combineNormalizers} gives: to be spread into the `call` of each worker. */
export interface CombinedNormalizers {
  /** The share of the targets to divide the geometric terms by. */
  readonly numBoxes: number
  /** What to divide the class term by, one for each layer. Absent where the workers' denoising groups are different in number. */
  readonly classNormalizer?: readonly number[] | undefined
  /** The share of the pairs, one for each layer, with `normalization: 'num-pairs'`. */
  readonly numPairs?: readonly number[] | undefined
  /** The share of the images, where geometric terms are divided by these or by the number of queries. */
  readonly numImages?: number | undefined
  /** The share of the union pairs, with `boxMatching: 'union'`. */
  readonly unionBoxes?: number | undefined
  /** The shares of the queries that `ddf` takes, for each layer, where there is that term. */
  readonly distilledQueries?: ReadonlyArray<readonly [paired: number, others: number]> | undefined
}

/** A worker's counts, checked, with the name that messages have for them. */
interface ReadCounts extends NormalizerCounts {
  readonly name: string
}

/**
 * The divisors that make a batch which is split over workers, or into micro-batches, what it is unsplit: of the results of
 * `match` or `compute` of all of them, or of their `normalizers` alone, which can be posted and stringified, it gives what
 * each spreads into its call. The mean of all losses and gradients (with `reduce: 'sum'` their sum) is then the loss and
 * the gradient of the whole batch, up to rounding: for every kind of classification, all parts and both forms of
 * `boxMatching`, however unequal the shares are, and with shares without any target. All shares have the same criterion and
 * the same parts; one without targets may give a part without queries.
 *
 * With T targets in all W shares, `numBoxes` is max(1, T) / W. The published code takes max(1, T / W), which is another
 * number only where there are fewer targets than workers: there its mean is a smaller gradient than the unsplit batch has.
 * `classNormalizer`, `numPairs` and `unionBoxes` come from the sums of all shares likewise, that of kept queries without the 1e-6
 * which a whole batch adds. Only a layer whose class weights are all 0 has a `classNormalizer` of 1 / W, which divides nothing.
 *
 * Where the workers' denoising groups are different in number, as in DINO, there is no unsplit batch to compare with;
 * `classNormalizer` is then absent, so that each divides by its own groups.
 *
 * Throws `DTYPE` for what is no list of results, or where one lacks its counts, `SHAPE` for an empty list or more than
 * 1,048,576 results and where layers or parts are not those of the first, `RANGE` for counts that no batch has, and `OPTION`. `argument` names the result.
 *
 * @example
 * // each worker
 * const { normalizers } = criterion.match(outputs, targets)
 * // once those of all workers are there
 * const call = combineNormalizers(all)
 * // each worker, whose gradients are then averaged
 * const { gradients } = criterion.compute(outputs, targets, call)
 */
export function combineNormalizers(
  results: readonly NormalizerSource[],
  options: CombineOptions = {},
): CombinedNormalizers {
  const isMean = readReduce(options) === 'mean'
  const all = readResults(results)
  const shares = isMean ? all.length : 1
  const [first] = all as [ReadCounts, ...ReadCounts[]]
  const targets = sumOf(all, ({ targets }) => targets)
  const classNormalizer = combineClassNormalizers(all, targets, shares)
  const { pairs, images, unionPairs, distilledQueries } = first
  return {
    numBoxes: Math.max(1, targets) / shares,
    ...(classNormalizer && { classNormalizer }),
    ...(pairs && { numPairs: pairs.map((_, layer) => Math.max(1, sumOf(all, pairsOf(layer))) / shares) }),
    ...(images !== undefined && {
      numImages:
        Math.max(
          1,
          sumOf(all, (counts) => counts.images as number),
        ) / shares,
    }),
    ...(unionPairs !== undefined && {
      unionBoxes:
        Math.max(
          1,
          sumOf(all, (counts) => counts.unionPairs as number),
        ) / shares,
    }),
    ...(distilledQueries && {
      distilledQueries: distilledQueries.map((_, layer) => {
        const mean = (k: 0 | 1) => sumOf(all, (counts) => pairOf(counts, layer)[k]) / shares
        return [mean(0), mean(1)] as const
      }),
    }),
  }
}

function readReduce(options: unknown): 'mean' | 'sum' {
  try {
    const { reduce } = checkRecord(options, ['reduce'], 'options')
    return checkWord(reduce, ['mean', 'sum'], 'mean', 'options.reduce')
  } catch (error) {
    throw toReadError(error, 'options')
  }
}

/** One for each layer, or none where the divisors of the shares are not one and the same. */
function combineClassNormalizers(all: readonly ReadCounts[], targets: number, shares: number): number[] | undefined {
  const { classNormalizers, leastClassNormalizers } = all[0] as ReadCounts
  const leastOf = ({ leastClassNormalizers: least }: ReadCounts, layer: number): number => least[layer] as number
  const differ = leastClassNormalizers.some((least, layer) => all.some((counts) => leastOf(counts, layer) !== least))
  if (differ && targets > 0) return undefined
  return classNormalizers.map((_, layer) => {
    const least = sumOf(all, (counts) => leastOf(counts, layer)) / all.length
    const sum = sumOf(all, ({ classNormalizers: weights }) => weights[layer] as number)
    return (Math.max(least, sum) || 1) / shares
  })
}

function sumOf(all: readonly ReadCounts[], number: (counts: ReadCounts) => number): number {
  return all.reduce((sum, counts) => sum + number(counts), 0)
}

const pairsOf =
  (layer: number) =>
  ({ pairs }: ReadCounts): number =>
    (pairs as readonly number[])[layer] as number

function pairOf({ distilledQueries }: ReadCounts, layer: number): readonly [number, number] {
  return (distilledQueries as NonNullable<typeof distilledQueries>)[layer] as readonly [number, number]
}

/** Reads all counts. Whatever stops that, such as a getter that throws, is the fault of what was given. */
function readResults(results: unknown): ReadCounts[] {
  const all: ReadCounts[] = []
  let name = 'results'
  try {
    if (!Array.isArray(results)) fail('DTYPE', name, `must be an array of results, got ${show(results)}`)
    const length = lengthOf(results, name)
    if (length === 0) fail('SHAPE', name, 'there is no result to combine')
    if (length > MAX_RESULTS) fail('SHAPE', name, `there may be at most ${MAX_RESULTS} results, got ${length}`)
    for (let i = 0; i < length; i++) {
      name = `results[${i}]`
      const counts = readCounts(results[i], name)
      if (i > 0) checkLike(counts, all[0] as ReadCounts)
      all.push(counts)
    }
    return all
  } catch (error) {
    throw toReadError(error, name)
  }
}

function readCounts(result: unknown, argument: string): ReadCounts {
  if (!isRecord(result)) fail('DTYPE', argument, `must be a result or its normalizers, got ${show(result)}`)
  const inner = result['normalizers']
  const [normalizers, outer] = inner === undefined ? [result, argument] : [inner, `${argument}.normalizers`]
  const counts = isRecord(normalizers) ? normalizers['counts'] : undefined
  const name = `${outer}.counts`
  if (!isRecord(counts)) {
    fail('DTYPE', name, `must be the counts of a result of compute or match, got ${show(counts)}`)
  }
  const { targets, pairs, images, unionPairs, classNormalizers, leastClassNormalizers, distilledQueries } = counts
  const weights = readNumbers(classNormalizers, `${name}.classNormalizers`)
  const layers = weights.length
  const leastName = `${name}.leastClassNormalizers`
  const least = readNumbers(leastClassNormalizers, leastName)
  checkLayers(least.length, layers, leastName, `${name}.classNormalizers`)
  return {
    name,
    targets: readCount(targets, `${name}.targets`),
    pairs: pairs === undefined ? undefined : readLayerCounts(pairs, layers, `${name}.pairs`),
    images: images === undefined ? undefined : readCount(images, `${name}.images`),
    unionPairs: unionPairs === undefined ? undefined : readCount(unionPairs, `${name}.unionPairs`),
    classNormalizers: weights,
    leastClassNormalizers: least,
    distilledQueries:
      distilledQueries === undefined
        ? undefined
        : readNumberPairs(distilledQueries, layers, `${name}.distilledQueries`),
  }
}

/** Refuses counts of another criterion, or of other parts, than the first result's. */
function checkLike(counts: ReadCounts, first: ReadCounts): void {
  const { name } = counts
  checkLayers(counts.classNormalizers.length, first.classNormalizers.length, `${name}.classNormalizers`, first.name)
  for (const key of ['pairs', 'images', 'unionPairs', 'distilledQueries'] as const) {
    if ((counts[key] === undefined) !== (first[key] === undefined)) {
      const rule = first[key] === undefined ? 'must be absent' : 'must be there'
      fail('SHAPE', `${name}.${key}`, `${rule}, as in ${first.name}: all results have the same criterion and parts`)
    }
  }
  counts.leastClassNormalizers.forEach((least, layer) => {
    const expected = first.leastClassNormalizers[layer] as number
    if ((least === 0) !== (expected === 0)) {
      const rule = `${expected} as in ${first.name}, got ${least}: all results have the same criterion`
      fail('RANGE', `${name}.leastClassNormalizers[${layer}]`, `expected ${rule}`)
    }
  })
}

function checkLayers(length: number, expected: number, name: string, where: string): void {
  if (length === expected) return
  fail('SHAPE', name, `expected one number for each of ${expected} layers, as in ${where}, got ${length}`)
}

/** A number of things. */
function readCount(value: unknown, name: string): number {
  if (Number.isSafeInteger(value) && (value as number) >= 0) return value as number
  return fail(typeof value === 'number' ? 'RANGE' : 'DTYPE', name, `must be an integer from 0 on, got ${show(value)}`)
}

function readNumbers(list: unknown, name: string): number[] {
  if (!isList(list)) fail('DTYPE', name, `must be an array of numbers, got ${show(list)}`)
  const numbers: number[] = []
  const length = lengthOf(list, name)
  if (length > MAX_LAYERS) fail('SHAPE', name, `there may be at most ${MAX_LAYERS} layers, got ${length}`)
  for (let i = 0; i < length; i++) {
    const value = list[i]
    if (!(typeof value === 'number' && value >= 0 && value < Infinity)) {
      const code = typeof value === 'number' ? 'RANGE' : 'DTYPE'
      fail(code, `${name}[${i}]`, `must be a finite number from 0 on, got ${show(value)}`)
    }
    numbers.push(value)
  }
  return numbers
}

/** A number of things for each layer. */
function readLayerCounts(list: unknown, layers: number, name: string): number[] {
  const numbers = readNumbers(list, name)
  checkLayers(numbers.length, layers, name, 'classNormalizers')
  return numbers.map((number, i) => readCount(number, `${name}[${i}]`))
}

function readNumberPairs(list: unknown, layers: number, name: string): [number, number][] {
  if (!isList(list)) fail('DTYPE', name, `must be an array of pairs of numbers, got ${show(list)}`)
  checkLayers(lengthOf(list, name), layers, name, 'classNormalizers')
  const pairs: [number, number][] = []
  for (let i = 0; i < layers; i++) {
    const pair = list[i]
    if (!isList(pair) || lengthOf(pair, `${name}[${i}]`) !== 2) {
      fail('DTYPE', `${name}[${i}]`, `must be a pair of numbers, got ${show(pair)}`)
    }
    pairs.push([readCount(pair[0], `${name}[${i}][0]`), readCount(pair[1], `${name}[${i}][1]`)])
  }
  return pairs
}

function isList(value: unknown): value is ArrayLike<unknown> {
  return Array.isArray(value) || kindOf(value) !== undefined
}
