/** The command line. */
import { availableParallelism } from 'node:os'
import { READERS, readOptions, UsageError, wholeNumber } from '../train-digits/options.js'

export const DEFAULTS = {
  workers: Math.min(2, availableParallelism()),
  steps: 2000,
  seed: 1,
  batch: 8,
  denoising: 0,
  every: 100,
  out: 'data-parallel-checkpoint',
  timeout: 60,
  listen: { host: '127.0.0.1', port: 0 },
  job: 'digits',
}

export const HELP = `Trains the digits' model of examples/train-digits in several processes, on this machine or on several.

Usage: node examples/data-parallel/main.js [options]

  --workers K        processes in all, 1 to 64 (default ${DEFAULTS.workers})
  --steps N          training steps (default ${DEFAULTS.steps})
  --batch B          scenes of a step, of all processes together, K to 4096 (default ${DEFAULTS.batch})
  --seed S           whole number that fixes the scenes and the initial weights (default ${DEFAULTS.seed})
  --denoising G      groups of denoising queries in the training, 0 to 10 (default ${DEFAULTS.denoising})
  --out DIR          folder of the checkpoint (default ${DEFAULTS.out})
  --every N          steps from a checkpoint to the next (default ${DEFAULTS.every})
  --timeout SECONDS  how long to wait for another process, when it joins and in each step (default ${DEFAULTS.timeout})
  --help             shows this text

On several machines, with the same options on each but for these:

  --ranks A-B        the processes that this machine starts, counted from 0 (default: all)
  --listen HOST:PORT where the server of this machine listens (default: this machine alone, any free port)
  --server URL       MQTT server to use in place of one's own: HOST:PORT, mqtt://… or, encrypted, mqtts://…
  --job NAME         name of the training, where several use one server (default ${DEFAULTS.job})

Ctrl-C ends the training early and keeps a checkpoint. The same command goes on from the latest one.`

/** What makes the value of each option of what was given. */
const OWN_READERS = {
  ...READERS,
  workers: (token) => wholeNumber(token, 1, 64),
  batch: (token) => wholeNumber(token, 1, 4096),
  every: (token) => wholeNumber(token, 1, 1_000_000),
  timeout: (token) => wholeNumber(token, 1, 86_400),
  ranks: (token) => token,
  listen: address,
  server: url,
  job: jobName,
}

/**
 * @param {string[]} args the arguments
 * @returns {typeof DEFAULTS & { server: string | undefined, local: number[], help: boolean }}
 */
export function parseOptions(args) {
  const { ranks, ...given } = readOptions(args, OWN_READERS)
  const options = { ...DEFAULTS, server: undefined, help: false, ...given }
  const { workers, batch } = options
  if (options.server !== undefined && options.listen !== DEFAULTS.listen) {
    throw new UsageError('--server names a server, and --listen starts another one: give one of the two.')
  }
  if (batch < workers) {
    throw new UsageError(`--batch ${batch} is less than a scene for each of ${workers} processes (--workers).`)
  }
  const local = ranks === undefined ? range(0, workers - 1) : rankRange(ranks, workers)
  const isAlone = options.server === undefined && options.listen === DEFAULTS.listen
  if (local.length < workers && isAlone) {
    throw new UsageError(
      `The processes that are not of --ranks ${ranks.value} cannot join without --listen or --server.`,
    )
  }
  return { ...options, local }
}

function rankRange(token, workers) {
  const match = /^(\d+)(?:-(\d+))?$/.exec(token.value ?? '')
  const [first, last] = match ? [Number(match[1]), Number(match[2] ?? match[1])] : []
  if (first <= last && last < workers) return range(first, last)
  throw new UsageError(`--ranks needs A-B or A, from 0 to ${workers - 1} (--workers), got ${got(token)}.`)
}

const range = (first, last) => Array.from({ length: last - first + 1 }, (_, i) => first + i)

function address(token) {
  const match = /^(?:\[([\da-f:.]+)\]|([\w.-]+)):(\d{1,5})$/i.exec(token.value ?? '')
  const port = Number(match?.[3])
  if (match && port < 2 ** 16) return { host: match[1] ?? match[2], port }
  throw new UsageError(`--listen needs HOST:PORT, got ${got(token)}.`)
}

function url(token) {
  const { value = '' } = token
  const given = /^\w+:\/\//.test(value) ? value : `mqtt://${value}`
  const parsed = URL.canParse(given) ? new URL(given) : undefined
  if (parsed?.hostname && ['mqtt:', 'mqtts:'].includes(parsed.protocol)) return given
  throw new UsageError(`--server needs HOST:PORT or a URL of mqtt:// or mqtts://, got ${got(token)}.`)
}

function jobName(token) {
  if (/^[\w.-]+$/.test(token.value ?? '')) return token.value
  throw new UsageError(`--job needs a name of letters, digits, ".", "_" and "-", got ${got(token)}.`)
}

const got = ({ value }) => (value === undefined ? 'nothing' : `"${value}"`)
