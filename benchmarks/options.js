/** The command line. */
import { parseArgs } from 'node:util'

export const HELP = `Times the loss and the assignment against plain JavaScript and the npm package munkres.

Usage: npm run bench -- [options]
       node benchmarks/loss.bench.js [options]

  --quick   measures briefly, to see that everything works; such figures are rough
  --json    prints JSON rather than Markdown
  --save    also writes the Markdown to benchmarks/results/, named by date and processor
  --help    shows this text

Before anything is timed, all contenders must give the same results; else the exit code is 1.`

/** A command line that cannot be understood; the message is for the user. */
export class UsageError extends Error {}

/**
 * @typedef {{ quick: boolean, json: boolean, save: boolean, help: boolean }} Options
 * @param {string[]} args the arguments
 * @returns {Options}
 */
export function parseOptions(args) {
  const options = { quick: false, json: false, save: false, help: false }
  for (const token of parseArgs({ args, strict: false, tokens: true }).tokens) {
    if (token.kind === 'positional') throw new UsageError(`Unexpected argument "${token.value}".`)
    if (token.kind !== 'option') continue
    if (!Object.hasOwn(options, token.name)) throw new UsageError(`Unknown option ${token.rawName}.`)
    if (token.value !== undefined) throw new UsageError(`${token.rawName} takes no value.`)
    options[token.name] = true
  }
  if (options.save && options.quick) throw new UsageError('--save needs figures that are worth keeping: leave out --quick.')
  return options
}
