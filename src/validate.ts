import { fail } from './errors.ts'
import type { ErrorCode } from './errors.ts'

/** The largest size of one dimension: indices are 32-bit integers. */
export const MAX_SIZE = 2 ** 31 - 1

/** The largest weight, as in the core. */
const MAX_WEIGHT = 1e12

/** A value as an error message shows it: short, and strings in quotes. */
export function show(value: unknown): string {
  try {
    return describe(value)
  } catch {
    return 'an object that cannot be read' // a revoked proxy
  }
}

function describe(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.length > 40 ? `${value.slice(0, 40)}…` : value)
  if (typeof value === 'bigint') return `${value}n`
  if (typeof value === 'function') return 'a function'
  if (typeof value !== 'object' || value === null) return String(value)
  if (Array.isArray(value)) return `an array of ${value.length}`
  if (ArrayBuffer.isView(value)) return Object.prototype.toString.call(value).slice(8, -1)
  return 'an object'
}

/** Whether a value is an object of named fields; arrays are not. */
export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !ArrayBuffer.isView(value)
}

/** An object of options all of whose keys are known; absent means empty. */
export function checkRecord<Key extends string>(
  value: unknown,
  known: readonly Key[],
  argument: string,
): { readonly [K in Key]?: unknown } {
  if (value === undefined) return {}
  if (!isRecord(value)) fail('OPTION', argument, `must be an object, got ${show(value)}`)
  for (const key in value) {
    if (!(known as readonly string[]).includes(key)) {
      fail('OPTION', `${argument}.${key}`, `there is no such option; known are ${known.join(', ')}`)
    }
  }
  return value as { readonly [K in Key]?: unknown }
}

/** One of a few words. */
export function checkWord<Word extends string>(
  value: unknown,
  words: readonly Word[],
  fallback: Word,
  argument: string,
): Word {
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

/** A weight: 0 to 1e12. */
export function checkWeight(value: unknown, fallback: number, argument: string): number {
  return checkNumber(value, MAX_WEIGHT, fallback, argument)
}

/** A number from 0 to `largest`. */
export function checkNumber(value: unknown, largest: number, fallback: number, argument: string): number {
  if (value === undefined) return fallback
  if (typeof value === 'number' && value >= 0 && value <= largest) return value
  return fail('OPTION', argument, `must be a number from 0 to ${largest === MAX_WEIGHT ? '1e12' : largest}, got ${show(value)}`)
}

/** A divisor: finite and above 0. */
export function checkDivisor(value: unknown, argument: string): number {
  if (typeof value === 'number' && value > 0 && value < Infinity) return value
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
