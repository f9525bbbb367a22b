/**
 * Times the steps of the training by the number of processes, and prints a table. The batch is the same for all, so more
 * processes have less to do each.
 *
 * Usage: node examples/data-parallel/measure.js [--workers 1,2,4] [--batch 24] [--steps 60]
 */
import { availableParallelism, cpus } from 'node:os'
import { parseArgs } from 'node:util'
import { UsageError, wholeNumber } from '../train-digits/options.js'
import { launch } from './launch.js'
import { DEFAULTS } from './options.js'

/** Steps that are not counted, since code is still being compiled. */
const WARM_UP = 10

try {
  await run(process.argv.slice(2))
} catch (error) {
  if (!(error instanceof UsageError)) throw error
  console.error(error.message)
  process.exitCode = 2
}

async function run(args) {
  const { counts, batch, steps } = parse(args)
  console.log(
    `${steps} steps of ${batch} scenes. Node.js ${process.versions.node}, ${cpus()[0]?.model.trim()}, ${availableParallelism()} processors.\n`,
  )
  console.log('| processes | ms a step | of it waiting for others and messages | times as fast as the first row |')
  console.log('| --- | --- | --- | --- |')
  let first
  for (const workers of counts) {
    const { milliseconds, waited } = await measure(workers, batch, steps)
    first ??= milliseconds
    console.log(
      `| ${workers} | ${milliseconds.toFixed(1)} | ${waited.toFixed(1)} | ${(first / milliseconds).toFixed(2)} |`,
    )
  }
}

/** Means over the processes, and over their steps but for the first. */
async function measure(workers, batch, steps) {
  const { failed, times } = await launch(
    {
      place: { job: DEFAULTS.job, ranks: workers, timeout: DEFAULTS.timeout, agreement: {} },
      local: Array.from({ length: workers }, (_, rank) => rank),
      listen: DEFAULTS.listen,
      settings: { steps: steps + WARM_UP, seed: DEFAULTS.seed, batch, denoising: 0 },
      every: steps + WARM_UP,
    },
    { output: 'ignore' },
  )
  if (failed) throw new Error(`The training in ${workers} processes failed.`)
  const measured = times.flatMap((list) => list.slice(WARM_UP))
  const mean = (name) => measured.reduce((sum, time) => sum + time[name], 0) / measured.length
  return { milliseconds: mean('milliseconds'), waited: mean('waited') }
}

function parse(args) {
  const text = (value) => ({ type: 'string', default: value })
  let values
  try {
    ;({ values } = parseArgs({ args, options: { workers: text('1,2,4'), batch: text('24'), steps: text('60') } }))
  } catch (error) {
    throw new UsageError(error.message)
  }
  const numberOf = (name, value, least, most) => wholeNumber({ rawName: `--${name}`, value }, least, most)
  const batch = numberOf('batch', values.batch, 1, 4096)
  return {
    counts: values.workers.split(',').map((value) => numberOf('workers', value, 1, Math.min(64, batch))),
    batch,
    steps: numberOf('steps', values.steps, 1, 1_000_000),
  }
}
