/** Starts the processes of this machine, and a server where none is given, and waits until all have ended. */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { UsageError } from '../train-digits/options.js'
import { startServer } from './server.js'

/** Seconds beyond the time-out after which a process is ended that has not noticed how another one failed. */
const GRACE = 15
const WORKER = fileURLToPath(new URL('worker.js', import.meta.url))

/**
 * @typedef {object} LaunchOptions
 * @property {Omit<import('./exchange/post.js').Place, 'rank' | 'server'>} place of all ranks
 * @property {number[]} local the ranks of this machine
 * @property {string} [server] URL of an MQTT server; one is started where there is none
 * @property {{ host: string, port: number }} listen where that one listens
 * @property {import('./train.js').Settings} settings
 * @property {string} [checkpoint]
 * @property {number} every
 *
 * @typedef {object} Outcome
 * @property {boolean} failed
 * @property {number | undefined} kept the step of the latest checkpoint that was written here
 * @property {{ milliseconds: number, waited: number }[][]} times of each step, of the ranks that have come to the end; waited: in
 *   which the rank waited for the others and for messages
 */

/**
 * @param {LaunchOptions} options
 * @param {{ output?: 'inherit' | 'ignore', started?: (pids: number[]) => void }} [how]
 *   output: what becomes of what the processes print, errors aside; started: is told their ids
 * @returns {Promise<Outcome>}
 */
export async function launch(
  { place, local, server, listen, settings, checkpoint, every },
  { output = 'inherit', started } = {},
) {
  const own = server === undefined ? await serve(listen) : undefined
  const outcome = { failed: false, kept: undefined, times: [] }
  let processes = []
  const kill = () => processes.forEach(({ child }) => child.kill('SIGKILL'))
  let patience
  let interrupted = false
  const interrupt = () => {
    if (interrupted) return kill()
    interrupted = true
    processes.forEach(({ child }) => child.kill('SIGINT'))
  }
  process.on('SIGINT', interrupt)
  try {
    processes = local.map((rank) => {
      const options = { settings, place: { ...place, rank, server: server ?? own.url }, checkpoint, every }
      const child = fork(WORKER, [JSON.stringify(options)], { stdio: ['ignore', output, 'inherit', 'ipc'] })
      child.on('message', (message) => {
        if ('kept' in message) outcome.kept = message.kept
        else outcome.times.push(message.times)
      })
      return { rank, child }
    })
    started?.(processes.map(({ child }) => child.pid))
    await Promise.all(
      processes.map(async ({ rank, child }) => {
        // the last messages may come after the exit
        const [[code, signal]] = await Promise.all([once(child, 'exit'), once(child, 'disconnect')])
        if (code === 0) return
        outcome.failed = true
        if (signal !== null) console.error(`Rank ${rank} was ended by ${signal}.`)
        patience ??= setTimeout(kill, 1000 * (place.timeout + GRACE))
      }),
    )
  } finally {
    clearTimeout(patience)
    process.off('SIGINT', interrupt)
    await own?.close()
  }
  return outcome
}

async function serve(listen) {
  try {
    return await startServer(listen)
  } catch (error) {
    throw new UsageError(`Cannot listen at ${listen.host}:${listen.port} (${error.code ?? error.message}).`)
  }
}
