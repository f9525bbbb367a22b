/** A state as the hash of a link, and back: `#preset=detr&cost=1,5,2&weights=1,5,2&no-object=0.1&q=…;…&t=…;…`. */
import { isPreset } from './presets.ts'
import type { Box } from './geometry.ts'
import { CLASSES, LIMITS, SCORES, settle, TERMS } from './state.ts'
import type { Query, State, Target, Weights } from './state.ts'

/** A link that is none of a playground, with what is wrong of it. */
export class BadLink extends Error {}

/** The hash of a state, without `#`. Every number has all of its digits. */
export function toHash({ preset, cost, weights, noObject, queries, targets }: State): string {
  const list = (values: readonly number[]): string => values.join(',')
  const ofWeights = (of: Weights): string => list(TERMS.map((term) => of[term]))
  const entries = {
    preset,
    cost: ofWeights(cost),
    weights: ofWeights(weights),
    'no-object': String(noObject),
    q: queries.map(({ box, logits }) => list([...box, ...logits])).join(';'),
    t: targets.map(({ box, label }) => list([...box, label])).join(';'),
  }
  return Object.entries(entries)
    .map(([key, value]) => `${key}=${value}`)
    .join('&')
}

/** The state of a hash, with or without `#`; undefined where it is empty. Throws {@link BadLink}. */
export function fromHash(hash: string): State | undefined {
  const text = hash.replace(/^#/, '')
  if (text === '') return undefined
  const entries = new URLSearchParams(text)
  const get = (key: string): string => entries.get(key) ?? fail(`${key} is missing`)
  const preset = get('preset')
  if (!isPreset(preset)) return fail(`there is no preset ${shorten(preset)}`)
  const queries = rows(get('q'), 'q', 4 + SCORES, LIMITS.queries).map(toQuery)
  if (queries.length === 0) return fail('q has no query')
  return settle({
    preset,
    cost: toWeights(get('cost'), 'cost'),
    weights: toWeights(get('weights'), 'weights'),
    noObject: numbers(get('no-object'), 'no-object', 1)[0] as number,
    queries,
    targets: rows(get('t'), 't', 5, LIMITS.targets).map(toTarget),
  })
}

const toQuery = (row: readonly number[]): Query => ({ box: row.slice(0, 4) as unknown as Box, logits: row.slice(4) })

function toTarget(row: readonly number[]): Target {
  const label = row[4] as number
  if (!Number.isInteger(label) || label < 0 || label >= CLASSES.length) return fail(`there is no label ${label}`)
  return { box: row.slice(0, 4) as unknown as Box, label }
}

function toWeights(text: string, key: string): Weights {
  const values = numbers(text, key, TERMS.length)
  return Object.fromEntries(TERMS.map((term, i) => [term, values[i]])) as unknown as Weights
}

function rows(text: string, key: string, length: number, most: number): number[][] {
  const found = text === '' ? [] : text.split(';')
  if (found.length > most) fail(`${key} has ${found.length} rows, and ${most} are the most`)
  return found.map((row) => numbers(row, key, length))
}

function numbers(text: string, key: string, length: number): number[] {
  const found = text.split(',').map((part) => (part.trim() === '' ? NaN : Number(part)))
  if (found.length !== length || !found.every(Number.isFinite))
    fail(`${key} needs ${length} numbers, got ${shorten(text)}`)
  return found
}

/** A link may be of any length, and what is said of it is not. */
const shorten = (text: string): string => (text.length > 40 ? `${text.slice(0, 40)}…` : text)

function fail(rule: string): never {
  throw new BadLink(rule)
}
