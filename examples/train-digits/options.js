/** The command line. */
import { parseArgs } from 'node:util'

export const HELP = `Trains a small DETR to find handwritten digits, with the loss of this package, in about three minutes.

Usage: node examples/train-digits/main.js [options]

  --steps N      training steps (default {steps}); fewer steps end sooner and find less
  --seed S       whole number that fixes the scenes and the initial weights (default {seed})
  --denoising G  groups of denoising queries in the training, 0 to 10 (default {denoising})
  --out DIR      folder for report.html (default {out})
  --help         shows this text

Ctrl-C ends the training early and still writes the report.`

/** A command line that cannot be understood; the message is for the user. */
export class UsageError extends Error {}

/**
 * @typedef {{ steps: number, seed: number, denoising: number, out: string, help: boolean }} Options
 * @param {string[]} args the arguments
 * @param {Options} defaults
 * @returns {Options}
 */
export function parseOptions(args, defaults) {
  const { tokens } = parseArgs({
    args,
    strict: false,
    tokens: true,
    options: {
      steps: { type: 'string' },
      seed: { type: 'string' },
      denoising: { type: 'string' },
      out: { type: 'string' },
      help: { type: 'boolean' },
    },
  })
  const options = { ...defaults }
  for (const token of tokens) {
    if (token.kind === 'positional') throw new UsageError(`Unexpected argument "${token.value}".`)
    if (token.kind !== 'option') continue
    switch (token.name) {
      case 'steps':
        options.steps = wholeNumber(token, 1, 1_000_000)
        break
      case 'seed':
        options.seed = wholeNumber(token, 0, 2 ** 32 - 1)
        break
      case 'denoising':
        options.denoising = wholeNumber(token, 0, 10)
        break
      case 'out':
        if (!token.value) throw new UsageError('--out needs the name of a folder.')
        options.out = token.value
        break
      case 'help':
        options.help = true
        break
      default:
        throw new UsageError(`Unknown option ${token.rawName}.`)
    }
  }
  return options
}

/** The value of an option as a number. Throws a UsageError where it is none, or not in the range. */
export function wholeNumber({ rawName, value }, least, most) {
  const number = /^\d+$/.test(value ?? '') ? Number(value) : NaN
  if (number >= least && number <= most) return number
  const got = value === undefined ? 'nothing' : `"${value}"`
  throw new UsageError(`${rawName} needs a whole number from ${least} to ${most}, got ${got}.`)
}
