/** Checks of single values, and how messages show what was given. */
import { fail } from './errors.ts'
import type { ErrorCode } from './errors.ts'
import { foreignName, nearestName } from './words.ts'
import type { ForeignNames } from './words.ts'

/** The largest size of one dimension: indices are 32-bit integers. */
export const MAX_SIZE = 2 ** 31 - 1

/** Keys that a message lists at most. */
const SHOWN_KEYS = 8

/** A value as an error message shows it: short, strings in quotes, and objects by their keys. Never throws. */
export function show(value: unknown): string {
  try {
    return describe(value)
  } catch {
    return 'an object that cannot be read' // a revoked proxy
  }
}

function describe(value: unknown): string {
  if (typeof value === 'string') return showText(value)
  if (typeof value === 'bigint') return value < MAX_SHOWN && value > -MAX_SHOWN ? `${value}n` : 'a large bigint'
  if (typeof value === 'function') return 'a function'
  if (typeof value !== 'object' || value === null) return String(value)
  if (Array.isArray(value)) {
    const first: unknown = value[0]
    const content = isRecord(first) ? ` objects ${showKeys(first)}` : ''
    return `an array of ${Number(value.length)}${content}`
  }
  if (ArrayBuffer.isView(value)) return Object.prototype.toString.call(value).slice(8, -1)
  const kind = builtinKind(value)
  if (kind?.endsWith('Buffer')) return `an object (${kind})`
  if (kind === 'Promise') return 'a Promise (is an await missing?)'
  if (kind !== undefined) return `${/^[AEIOU]/.test(kind) ? 'an' : 'a'} ${kind}`
  return Object.keys(value).length === 0 ? 'an object' : `an object ${showKeys(value)}`
}

const MAX_SHOWN = 10n ** 40n

/** `JSON.stringify` makes an object with a key for each index of a typed array. */
const JSON_HINT = ' (JSON of a cloned typed array? turn it into an array first)'

function showText(text: string): string {
  return JSON.stringify(shorten(text))
}

/** As much of a text, or of a key, as a message shows. */
export function shorten(text: string): string {
  return text.length > 40 ? `${text.slice(0, 40)}…` : text
}

/** Which keys an object has, as messages say it: `with the keys labels, boxes`. Never throws. */
export function showKeys(value: unknown): string {
  try {
    const keys = Object.keys(value as object)
    if (keys.length === 0) return 'without any keys'
    const shown = keys.slice(0, SHOWN_KEYS).map(shorten)
    const more = keys.length > SHOWN_KEYS ? ` and ${keys.length - SHOWN_KEYS} more` : ''
    const hint = keys[0] === '0' ? JSON_HINT : ''
    return `with the key${keys.length === 1 ? '' : 's'} ${shown.join(', ')}${more}${hint}`
  } catch {
    return 'whose keys cannot be read'
  }
}

/** Objects of JavaScript itself whose content is not in fields, so that as a record of named fields they would be empty. */
const BUILTIN = new Set(
  ['Map', 'Set', 'WeakMap', 'WeakSet', 'WeakRef', 'Promise', 'Date', 'RegExp', 'Number', 'String', 'Boolean', 'Symbol']
    .concat(['Error', 'ArrayBuffer', 'SharedArrayBuffer', 'DataView', 'Generator', 'AsyncGenerator'])
    .map((name) => `[object ${name}]`),
)

/** The class of an object that can be no record, as `'Map'`; undefined for all others. */
function builtinKind(value: object): string | undefined {
  const tag = Object.prototype.toString.call(value)
  return BUILTIN.has(tag) ? tag.slice(8, -1) : undefined
}

/** Whether a value is an object of named fields; arrays, and maps, dates and promises, are not. */
export function isRecord(value: unknown): value is Record<string, unknown> {
  if (!isObject(value)) return false
  return Object.getPrototypeOf(value) === Object.prototype || builtinKind(value) === undefined
}

/**
 * Whether a value may be an object of named fields, for who looks at one of its fields next and finds none in dates and
 * the like. It takes a fraction of the time of {@link isRecord}.
 */
export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !ArrayBuffer.isView(value)
}

/**
 * An object of options all of whose keys are known; absent means empty. `foreign`: what other code calls them. `hintFor`: what
 * may help where it is none.
 */
export function checkRecord<Key extends string>(
  value: unknown,
  known: readonly Key[],
  argument: string,
  foreign: ForeignNames = NO_NAMES,
  hintFor: (value: unknown) => string = noHint,
): { readonly [K in Key]?: unknown } {
  if (value === undefined) return {}
  if (!isRecord(value)) fail('OPTION', argument, `must be an object, got ${show(value)}${hintFor(value)}`)
  for (const key in value) {
    if (!(known as readonly string[]).includes(key)) {
      const meant = foreignName(key, known, foreign) ?? nearestName(key, known)
      const rule = `there is no such option; ${showKnown(key, known, meant)}${hintFor(value)}`
      fail('OPTION', `${argument}.${shorten(key)}`, rule)
    }
  }
  return value as { readonly [K in Key]?: unknown }
}

const NO_NAMES: ForeignNames = new Map()
const noHint = (): string => ''

/** Which of the known names may be meant, and all of them, each once. */
export function showKnown(key: string, known: readonly string[], meant = nearestName(key, known)): string {
  const names = `known are ${[...new Set(known)].join(', ')}`
  return meant === undefined ? names : `did you mean ${meant}? (${names})`
}

/** One of a few words. */
export function checkWord<Word extends string, Fallback extends Word | undefined>(
  value: unknown,
  words: readonly Word[],
  fallback: Fallback,
  argument: string,
): Word | Fallback {
  if (value === undefined) return fallback
  if ((words as readonly unknown[]).includes(value)) return value as Word
  return fail('OPTION', argument, `must be ${words.map((word) => `'${word}'`).join(' or ')}, got ${show(value)}`)
}

/** True or false. */
export function checkFlag(value: unknown, fallback: boolean, argument: string): boolean {
  if (value === undefined) return fallback
  if (typeof value === 'boolean') return value
  return fail('OPTION', argument, `must be true or false, got ${show(value)}`)
}

/** A limit as messages have it: `1e12` rather than all its zeros. */
function showLimit(limit: number): string {
  const [plain, short] = [`${limit}`, limit.toExponential().replace('+', '')]
  return limit < 1e6 || plain.length <= short.length ? plain : short
}

/** A number in a range, both ends included. */
export function requireNumber(value: unknown, low: number, high: number, argument: string): number {
  if (typeof value === 'number' && value >= low && value <= high) return value
  return fail('OPTION', argument, `must be a number from ${low} to ${showLimit(high)}, got ${show(value)}`)
}

/** What a batch's sums may be divided by. Beyond these, gradients of ordinary predictions leave the range of float32. */
const DIVISORS = [1e-12, 1e24] as const

/** What a batch's sums are divided by. */
export function checkDivisor(value: unknown, argument: string): number {
  if (typeof value === 'number' && value > 0 && value < Infinity) {
    if (value >= DIVISORS[0] && value <= DIVISORS[1]) return value
    fail('OPTION', argument, `must be a number from ${DIVISORS.map(showLimit).join(' to ')}, got ${value}`)
  }
  return fail('OPTION', argument, `must be a finite number above 0, got ${show(value)}`)
}

/** An integer in a range, both ends included. */
export function checkInteger(
  value: unknown,
  low: number,
  high: number,
  argument: string,
  code: ErrorCode = 'OPTION',
): number {
  if (Number.isInteger(value) && (value as number) >= low && (value as number) <= high) return value as number
  return fail(code, argument, `must be an integer from ${low} to ${high}, got ${show(value)}`)
}
