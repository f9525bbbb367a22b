/** The command line of a benchmark. */
import { parseArgs } from 'node:util'

/** @typedef {{ quick: boolean, save: boolean }} Common */
export const COMMON_OPTIONS = { quick: false, save: false }

export const COMMON_HELP = `  --quick   measures briefly, to see that everything works; such figures are rough
  --save    also writes the Markdown to benchmarks/results/, named by date, processor and benchmark
  --help    shows this text`

/** A command line that cannot be understood; the message is for the user. */
export class UsageError extends Error {}

/**
 * Runs a benchmark as the command line says. The exit code is 2 where that cannot be understood, and 1 after an error.
 * @template Options
 * @param {object} benchmark
 * @param {string} benchmark.help
 * @param {Options} benchmark.defaults
 * @param {Record<string, (text: string) => unknown>} [benchmark.readers]
 * @param {(options: Options) => unknown} benchmark.run
 */
export async function runBenchmark({ help, defaults, readers, run }) {
  try {
    const options = parseOptions(process.argv.slice(2), { ...defaults, help: false }, readers)
    if (options.help) console.log(help)
    else await run(options)
  } catch (error) {
    console.error(error instanceof UsageError ? error.message : error)
    process.exitCode = error instanceof UsageError ? 2 : 1
  }
}

/**
 * Reads options.
 * @template Options
 * @param {string[]} args the arguments
 * @param {Options} defaults flags are false; all others take a number above 0, unless a reader says otherwise
 * @param {Record<string, (text: string) => unknown>} [readers] what the text of other options means
 * @returns {Options}
 */
export function parseOptions(args, defaults, readers = {}) {
  const typeOf = (value) => ({ type: value === false ? 'boolean' : 'string' })
  const types = Object.entries(defaults).map(([name, value]) => [name, typeOf(value)])
  const options = { ...defaults }
  for (const [name, value] of Object.entries(parse(args, Object.fromEntries(types)))) {
    options[name] = value === true ? true : (readers[name]?.(value) ?? readNumber(name, value))
  }
  if (options.save && options.quick) throw new UsageError('--save needs figures worth keeping: leave out --quick.')
  return options
}

function parse(args, options) {
  try {
    return parseArgs({ args, options }).values
  } catch (error) {
    throw new UsageError(error.message)
  }
}

function readNumber(name, text) {
  const value = Number(text)
  if (!(value > 0 && value < Infinity)) throw new UsageError(`--${name} takes a number above 0, got "${text}".`)
  return value
}
