/** Trains the digits' model in several processes. Run with --help for the options. */
import { endianness } from 'node:os'
import { join } from 'node:path'
import { createFolder, UsageError } from '../train-digits/options.js'
import { launch } from './launch.js'
import { HELP, parseOptions } from './options.js'

try {
  const options = parseOptions(process.argv.slice(2))
  if (options.help) console.log(HELP)
  else await run(options)
} catch (error) {
  if (!(error instanceof UsageError)) throw error
  console.error(`${error.message} Try --help.`)
  process.exitCode = 2
}

/** @param {ReturnType<typeof parseOptions>} options */
async function run({ workers, steps, seed, batch, denoising, every, out, timeout, local, server, listen, job }) {
  const keeps = local.includes(0)
  if (keeps) createFolder(out)
  const settings = { steps, seed, batch, denoising }
  const agreement = {
    '--workers': workers,
    ...Object.fromEntries(Object.entries(settings).map(([name, value]) => [`--${name}`, value])),
    '--every': every,
    'byte order': endianness(),
  }
  const { failed, kept } = await launch(
    {
      place: { job, ranks: workers, timeout, agreement },
      local,
      server,
      listen,
      settings,
      checkpoint: keeps ? join(out, 'checkpoint.bin') : undefined,
      every,
    },
    { started: (pids) => console.log(started(local, pids)) },
  )
  if (!failed) return
  process.exitCode = 1
  if (kept !== undefined) console.error(`Start all machines again with the same options to go on from step ${kept}.`)
}

function started(ranks, pids) {
  const [rank, process] = ranks.length === 1 ? ['rank', 'process'] : ['ranks', 'processes']
  return `Started ${rank} ${ranks.join(', ')} as the ${process} ${pids.join(', ')}.`
}
