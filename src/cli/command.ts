/** The command line: what it may say, and what is done. */
import { parseArgs } from 'node:util'
import { VERSION } from '../binding/kind.ts'
import { nearestName } from '../common/words.ts'
import { inspectBatch } from '../criterion/inspect/inspect.ts'
import { diagnose } from './doctor.ts'
import { Fault, sentence, UsageFault } from './fault.ts'
import { readBatch } from './file/read.ts'
import { reportOn } from './report.ts'
import { chooseCriterion } from './settings.ts'

/** Where the command writes. */
export interface Streams {
  readonly out: (text: string) => void
  readonly error: (text: string) => void
}

/** What the process ends with. */
export const EXIT = { good: 0, found: 1, fault: 2 } as const

export const USAGE = `Usage:
  hungarian-loss report FILE [options]   write a page about a batch: findings, matches, costs, what the loss is made of
  hungarian-loss doctor FILE [options]   print what looks wrong with a batch

FILE: predictions and targets, as .npz (numpy.savez) or JSON.

Options:
  --preset NAME        the published criterion: detr (default), deformableDetr, rtDetr, dFine, …
  --num-classes N      object classes; by default as many as the logits have columns for
  --options FILE.json  options of the criterion, as for new HungarianLoss(…)
  --help, --version
Of report alone:
  --output FILE.html   the page; by default the name of FILE with .html, in this folder
  --image K            an image to show, from 0; may be repeated; by default the 6 that lose most
  --layer L            the decoder layer to show, from 0; by default the last one

Exit codes of doctor: 0 nothing but notes, 1 warnings or errors, 2 the file or the command line is wrong.
Exit codes of report: 0 the page is written, 2 the file or the command line is wrong.
`

const COMMANDS = ['report', 'doctor']

const OPTIONS = {
  preset: { type: 'string' },
  'num-classes': { type: 'string' },
  options: { type: 'string' },
  output: { type: 'string' },
  image: { type: 'string', multiple: true },
  layer: { type: 'string' },
  help: { type: 'boolean' },
  version: { type: 'boolean' },
} as const

const OF_REPORT = ['output', 'image', 'layer'] as const

/** Runs a command line; gives the exit code. */
export async function run(args: readonly string[], streams: Streams): Promise<number> {
  try {
    return await runCommand(args, streams.out)
  } catch (error) {
    if (!(error instanceof Fault)) throw error
    streams.error(`hungarian-loss: ${sentence(error.message)}\n`)
    if (error instanceof UsageFault) streams.error(`\n${USAGE}`)
    return EXIT.fault
  }
}

async function runCommand(args: readonly string[], out: Streams['out']): Promise<number> {
  const { values, positionals } = parse(args)
  if (values.help === true) {
    out(USAGE)
    return EXIT.good
  }
  if (values.version === true) {
    out(`${VERSION}\n`)
    return EXIT.good
  }
  const [command, path] = commandOf(positionals)
  const stray = OF_REPORT.find((name) => values[name] !== undefined)
  if (command === 'doctor' && stray !== undefined) throw new UsageFault(`--${stray} belongs to report`)
  const given = { preset: values.preset, numClasses: countOf('num-classes', values, 1), options: values.options }
  const images = (values.image ?? []).map((text) => integer(text, 'image', 0))
  const layer = countOf('layer', values, 0)
  const batch = await readBatch(path)
  const chosen = await chooseCriterion(given, batch)
  if (command === 'report') {
    out(await reportOn(path, batch, chosen, { images, layer, output: values.output, options: values.options }))
    return EXIT.good
  }
  const findings = inspectBatch(batch.outputs, batch.targets, chosen.criterion)
  out(diagnose(findings, batch.leftOut, chosen))
  return findings.some(({ severity }) => severity !== 'note') ? EXIT.found : EXIT.good
}

function parse(args: readonly string[]) {
  try {
    const { values, positionals, tokens } = parseArgs({
      args: [...args],
      options: OPTIONS,
      allowPositionals: true,
      tokens: true,
    })
    refuseRepeated(tokens.flatMap((token) => (token.kind === 'option' ? [token.name] : [])))
    const empty = Object.entries(values).find(([, value]) => value === '')
    if (empty !== undefined) throw new UsageFault(`--${empty[0]} must not be empty`)
    return { values, positionals }
  } catch (error) {
    if (error instanceof UsageFault) throw error
    const [first] = (error as Error).message.split('. ')
    const name = /Unknown option '-*([^']*)'/.exec(first as string)?.[1]
    const known = Object.keys(OPTIONS)
    const meant = name && (known.find((option) => option.startsWith(name)) ?? nearestName(name, known))
    throw new UsageFault(meant ? `${first} (did you mean --${meant}?)` : (first as string))
  }
}

/** Of an option that is given twice one would be dropped without a word. */
function refuseRepeated(names: readonly string[]): void {
  const repeated = names.find((name, i) => names.indexOf(name) < i && name !== 'image')
  if (repeated !== undefined) throw new UsageFault(`--${repeated} is given more than once`)
}

function commandOf(positionals: readonly string[]): readonly [command: string, path: string] {
  const [command, path, ...others] = positionals
  if (command === undefined) throw new UsageFault('say report or doctor, and a file')
  if (!COMMANDS.includes(command)) {
    const meant = nearestName(command, COMMANDS)
    throw new UsageFault(`there is no command "${command}"${meant === undefined ? '' : ` (did you mean ${meant}?)`}`)
  }
  if (path === undefined || path === '') throw new UsageFault(`${command} needs a file`)
  if (others.length > 0) throw new UsageFault(`${command} takes one file, got ${positionals.length - 1}`)
  return [command, path]
}

function countOf(name: 'num-classes' | 'layer', values: { readonly [key: string]: unknown }, least: number) {
  const text = values[name]
  return typeof text === 'string' ? integer(text, name, least) : undefined
}

function integer(text: string, name: string, least: number): number {
  const value = Number(text)
  if (/^\d+$/.test(text) && value >= least && Number.isSafeInteger(value)) return value
  throw new UsageFault(`--${name} must be an integer from ${least} on, got "${text}"`)
}
