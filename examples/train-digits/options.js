/** The command line. */
import { mkdirSync } from 'node:fs'
import { parseArgs } from 'node:util'

export const HELP = `Trains a small DETR to find handwritten digits, with the loss of this package, in two to three minutes.

Usage: node examples/train-digits/main.js [options]

  --steps N      training steps (default {steps}); fewer steps end sooner and find less
  --seed S       whole number that fixes the scenes and the initial weights (default {seed})
  --denoising G  groups of denoising queries in the training, 0 to 10 (default {denoising})
  --out DIR      folder for report.html (default {out})
  --help         shows this text

Ctrl-C ends the training early and still writes the report.`

/** A command line that cannot be understood; the message is for the user. */
export class UsageError extends Error {}

/** The options of a training, each with what makes its value of what was given. */
export const READERS = {
  steps: (token) => wholeNumber(token, 1, 1_000_000),
  seed: (token) => wholeNumber(token, 0, 2 ** 32 - 1),
  denoising: (token) => wholeNumber(token, 0, 10),
  out: folder,
}

/**
 * @typedef {{ steps: number, seed: number, denoising: number, out: string, help: boolean }} Options
 * @param {string[]} args the arguments
 * @param {Options} defaults
 * @returns {Options}
 */
export function parseOptions(args, defaults) {
  return { ...defaults, ...readOptions(args, READERS) }
}

/**
 * The options that are given, `help` among them. Throws a UsageError where there is anything else, or a bad value.
 * @param {string[]} args the arguments
 * @param {{ [name: string]: (token: { rawName: string, value?: string }) => unknown }} readers
 */
export function readOptions(args, readers) {
  const known = Object.fromEntries(Object.keys(readers).map((name) => [name, { type: 'string' }]))
  const options = { ...known, help: { type: 'boolean' } }
  const read = {}
  for (const token of parseArgs({ args, options, strict: false, tokens: true }).tokens) {
    if (token.kind === 'positional') throw new UsageError(`Unexpected argument "${token.value}".`)
    if (token.kind !== 'option') continue
    if (!Object.hasOwn(options, token.name)) throw new UsageError(`Unknown option ${token.rawName}.`)
    read[token.name] = token.name === 'help' || readers[token.name](token)
  }
  return read
}

function folder({ rawName, value }) {
  if (value) return value
  throw new UsageError(`${rawName} needs the name of a folder.`)
}

/** The value of an option as a number. Throws a UsageError where it is none, or not in the range. */
export function wholeNumber({ rawName, value }, least, most) {
  const number = /^\d+$/.test(value ?? '') ? Number(value) : NaN
  if (number >= least && number <= most) return number
  const got = value === undefined ? 'nothing' : `"${value}"`
  throw new UsageError(`${rawName} needs a whole number from ${least} to ${most}, got ${got}.`)
}

/** Creates a folder before the training rather than after it, so that a bad name costs no time. */
export function createFolder(name) {
  try {
    mkdirSync(name, { recursive: true })
  } catch (error) {
    throw new UsageError(`Cannot create the folder "${name}" (${error.code}).`)
  }
}
