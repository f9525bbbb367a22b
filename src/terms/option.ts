/**
 * Options as the core describes them. Their defaults, ranges and words stand in the core alone, and by its description they
 * are checked here.
 */
import { DESCRIPTION, optionsOf } from '../binding/description.ts'
import type { OptionDescription } from '../binding/description.ts'
import { fail, HungarianLossError } from '../common/errors.ts'
import { kindOf } from '../common/memory.ts'
import { lengthOf } from '../common/tensors.ts'
import { checkFlag, checkRecord, checkWord, requireNumber, show } from '../common/validate.ts'

/** The largest weight: of a term, of a class, of a part. The least is 0. */
export const MAX_WEIGHT = DESCRIPTION.maxWeight

/** A weight: 0 to 1e12. */
export function checkWeight(value: unknown, fallback: number, argument: string): number {
  return value === undefined ? fallback : requireNumber(value, 0, MAX_WEIGHT, argument)
}

/** What else than the value itself decides about an option. */
interface OptionContext<Value> {
  /** What a preset says, in place of the core's default. */
  readonly usual?: Value | undefined
  /** The kind of classification, where kinds differ in the option. */
  readonly kind?: string | undefined
  /** The number of object classes, where a value depends on it. */
  readonly numClasses?: number | undefined
}

/**
 * The value of an option, or what stands in for an absent one. `name`: the path in the options, as the core has it:
 * `ignore.threshold`. `Value` is what the resolved options say that it is.
 */
export function resolveOption<Value>(name: string, value: unknown, setting: OptionContext<Value> = {}): Value {
  const { usual, kind, numClasses = 0 } = setting
  return checkOption(describedOption(name, kind), value === undefined ? usual : value, numClasses) as Value
}

/** The values of a group of options, frozen: of all whose names begin with the group's. */
export function resolveGroup<Group extends object>(group: string, value: unknown): Group {
  const keys = keysOf(group, optionsOf())
  const given = checkRecord(value, keys, `options.${group}`)
  return Object.freeze(
    Object.fromEntries(keys.map((key) => [key, resolveOption(`${group}.${key}`, given[key])])),
  ) as Group
}

/** The names that options have within a group: `threshold` for `ignore.threshold`. */
export function keysOf(group: string, options: readonly OptionDescription[]): readonly string[] {
  const names = options.map(({ name }) => name).filter((name) => name.startsWith(`${group}.`))
  return names.map((name) => name.slice(group.length + 1))
}

/** What the core says of an option: of the kind where it is given, otherwise of the first that has such an option. */
function describedOption(name: string, kind?: string): OptionDescription {
  const described = optionsOf(kind).find((option) => option.name === name)
  if (described !== undefined) return described
  throw new HungarianLossError('BINARY', `the binary is of another version: it has no option ${name}; build it anew`)
}

/** The value if it is one that the option may have, and the core's default in absence. */
export function checkOption(option: OptionDescription, value: unknown, numClasses: number): unknown {
  const argument = `options.${option.name}`
  const { kind, least = 0, most = MAX_WEIGHT, words = [], number, flag } = option
  switch (kind) {
    case 'number':
      return value === undefined ? number : requireNumber(value, least, most, argument)
    case 'even':
      if (value === undefined) return number
      if (typeof value === 'number' && value >= least && value <= most && value % 2 === 0) return value
      return fail('OPTION', argument, `must be an even number from ${least} to ${most}, got ${show(value)}`)
    case 'flag':
      return checkFlag(value, flag as boolean, argument)
    case 'word':
      return checkWord(value, words, words[0] as string, argument)
    case 'column':
      return checkColumn(value, numClasses, argument)
    case 'perClass':
      return value === undefined ? undefined : checkNumbers(value, numClasses, argument, most)
    case 'list':
      return value === undefined ? undefined : checkNumbers(value, undefined, argument, most)
    default: {
      const rule = `the binary is of another version: ${option.name} is of kind ${show(kind)}; build it anew`
      throw new HungarianLossError('BINARY', rule)
    }
  }
}

/** A column of the logits, by default the last. */
function checkColumn(value: unknown, numClasses: number, argument: string): number {
  if (value === undefined || value === 'last') return numClasses
  if (Number.isInteger(value) && (value as number) >= 0 && (value as number) <= numClasses) return value as number
  const rule = `must be 'last' or an integer from 0 to numClasses = ${numClasses}`
  return fail('OPTION', argument, `${rule}, got ${show(value)}`)
}

/** A list of weights, one for each class where there are classes, otherwise at least one; frozen. */
function checkNumbers(
  value: unknown,
  numClasses: number | undefined,
  argument: string,
  most: number,
): readonly number[] {
  if (!Array.isArray(value) && kindOf(value) === undefined) {
    fail('OPTION', argument, `must be an array, got ${show(value)}`)
  }
  const list = value as ArrayLike<unknown>
  const length = lengthOf(list, argument)
  if (numClasses !== undefined && length !== numClasses) {
    fail('OPTION', argument, `expected one weight for each of ${numClasses} classes, got ${length}`)
  }
  if (length === 0) fail('OPTION', argument, 'must have one number or more')
  const numbers: number[] = []
  for (let i = 0; i < length; i++) numbers.push(requireNumber(list[i], 0, most, `${argument}[${i}]`))
  return Object.freeze(numbers)
}
