/** The benchmark of the loss: all compute the same losses, are compared and timed. `--help` lists the options. */
import { buildExample } from '../scripts/example.js'
import { seriesOf } from './chart.js'
import { lossSections } from './loss/cases.js'
import { NO_GRADIENTS } from './loss/contenders.js'
import { runCase } from './loss/contest.js'
import { pytorchPlayers } from './loss/pytorch.js'
import { FULL, QUICK } from './measure.js'
import { COMMON_HELP, COMMON_OPTIONS, runBenchmark, UsageError } from './options.js'
import { failIfOursIsWrong } from './outcomes.js'
import { describeEnvironment, saveReport, toMarkdown } from './report.js'
import { toTables } from './tables.js'

const HELP = `Times the loss against JavaScript, TensorFlow.js and PyTorch.

Usage: npm run bench -- [options]
       node benchmarks/loss.bench.js [options]

  --python  also against PyTorch, where Python can import torch and scipy, and against transformers where it can as well
  --seed n  makes other inputs of the same kinds (default 8)
${COMMON_HELP}

Every contender computes every loss before it is timed. One that is wrong is shown as wrong; if it is ours, the exit code
is 1.`

await runBenchmark({ help: HELP, defaults: { ...COMMON_OPTIONS, python: false, seed: 8 }, run })

async function run({ quick, json, save, python, seed }) {
  const { missing, players = [], versions } = python ? pytorchPlayers() : {}
  if (missing !== undefined) throw new UsageError(`--python has nothing to compare with. ${missing}`)
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
  const title = 'Benchmark of the loss'
  const parts = [notes({ seed, versions }), ...sections.map(toTables)]
  const report = toMarkdown(title, environment, parts)
  console.log(json ? JSON.stringify({ environment, quick, seed, sections }, undefined, 2) : report.trimEnd())
  const charts = { softmax: chart(sections[0]), focal: chart(sections[1]) }
  if (save) saveReport(python ? 'loss-python' : 'loss', environment, { title, parts, charts })
  failIfOursIsWrong(sections)
}

/** Time over the size of the batch, of untrained predictions. */
function chart({ title, rows }) {
  return {
    title: `${title}: time of one step`,
    xLabel: 'queries in the batch (layers × images × queries)',
    series: seriesOf(rows.filter(({ family }) => family === 'random'), (name) => name !== NO_GRADIENTS),
  }
}

function notes({ seed, versions }) {
  return [
    `Seed ${seed}. Medians for one step of a whole batch, gradients included, one thread each unless it says otherwise;`,
    `TensorFlow.js with its WebAssembly backend${versions === undefined ? '' : `; ${versions}`}. Images × queries × classes.`,
    '± is half the distance of the quartiles. The floor is one tight pass over the logits.',
  ].join('\n')
}
