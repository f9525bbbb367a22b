/** The benchmark of the loss: all compute the same losses, are compared and timed. `--help` lists the options. */
import { buildExample } from '../scripts/example.js'
import { seriesOf } from './chart.js'
import { eventLoopCases, lossSections } from './loss/cases.js'
import { NO_GRADIENTS } from './loss/contenders.js'
import { runCase } from './loss/contest.js'
import * as eventLoop from './loss/event-loop.js'
import { levelPlayers } from './loss/levels.js'
import { pytorchPlayers } from './loss/pytorch.js'
import { FULL, QUICK } from './measure.js'
import { COMMON_HELP, COMMON_OPTIONS, runBenchmark, UsageError } from './options.js'
import { failIfOursIsWrong } from './outcomes.js'
import { describeEnvironment, saveReport, toMarkdown } from './report.js'
import { toTables } from './tables.js'

const HELP = `Times the loss against JavaScript, TensorFlow.js and PyTorch, and for how long it holds up the event loop.

Usage: npm run bench -- [options]
       node benchmarks/loss.bench.js [options]

  --python  also against PyTorch, where Python can import torch and scipy, and against transformers where it can as well
  --levels  also ours at each SIMD level of the processor, each in a process of its own
  --seed n  makes other inputs of the same kinds (default 8)
${COMMON_HELP}

Every contender computes every loss before it is timed. One that is wrong is shown as wrong; if it is ours, the exit code
is 1. Ours at a level is wrong if one bit differs.`

await runBenchmark({ help: HELP, defaults: { ...COMMON_OPTIONS, python: false, levels: false, seed: 8 }, run })

async function run({ quick, json, save, python, levels, seed }) {
  const { missing, players: rivals = [], versions } = python ? pytorchPlayers() : {}
  if (missing !== undefined) throw new UsageError(`--python has nothing to compare with. ${missing}`)
  const players = [...(levels ? levelPlayers() : []), ...rivals]
  process.once('exit', () => players.forEach((player) => player.close()))
  for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(1))
  const environment = describeEnvironment()
  const setting = { effort: quick ? QUICK : FULL, seed, players, floorProgram: buildExample('floor') }
  const sections = []
  for (const { title, cases } of lossSections({ quick })) {
    console.error(title)
    const rows = []
    for (const of of cases) {
      console.error(`  ${of.family}, ${of.size}`)
      rows.push({ family: of.family, size: of.size, x: of.x, outcomes: await runCase(of, setting) })
    }
    sections.push({ title, rows })
  }
  players.forEach((player) => player.close())
  const heldUp = await measureEventLoop({ quick, seed })
  const title = 'Benchmark of the loss'
  const parts = [notes({ seed, versions }), ...sections.map(toTables), eventLoop.toSection(heldUp)]
  const report = toMarkdown(title, environment, parts)
  const figures = { environment, quick, seed, sections, eventLoop: heldUp }
  console.log(json ? JSON.stringify(figures, undefined, 2) : report.trimEnd())
  const charts = { softmax: chart(sections[0]), focal: chart(sections[1]) }
  const name = ['loss', ...(python ? ['python'] : []), ...(levels ? ['levels'] : [])].join('-')
  if (save) saveReport(name, environment, { title, parts, charts })
  failIfOursIsWrong(sections)
}

async function measureEventLoop({ quick, seed }) {
  console.error('The event loop')
  const rows = []
  for (const of of eventLoopCases()) {
    console.error(`  ${of.size}`)
    rows.push(await eventLoop.measureCase(of, { effort: quick ? eventLoop.QUICK : eventLoop.FULL, seed }))
  }
  return rows
}

/** Time over the size of the batch, of untrained predictions. */
function chart({ title, rows }) {
  return {
    title: `${title}: time of one step`,
    xLabel: 'queries in the batch (layers × images × queries)',
    series: seriesOf(
      rows.filter(({ family }) => family === 'random'),
      (name) => name !== NO_GRADIENTS,
    ),
  }
}

function notes({ seed, versions }) {
  return [
    `Seed ${seed}. Medians for one step of a whole batch, gradients included, one thread each unless it says otherwise;`,
    `TensorFlow.js with its WebAssembly backend${versions === undefined ? '' : `; ${versions}`}. Images × queries × classes.`,
    '± is half the distance of the quartiles. The floor is one tight pass over the logits.',
  ].join('\n')
}
