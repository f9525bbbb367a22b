/** The benchmark of the loss: all compute the same losses, are compared and timed. `--help` lists the options. */
import { buildExample } from '../scripts/example.js'
import { seriesOf } from './chart.js'
import { eventLoopCases, lossSections } from './loss/cases.js'
import { runCase } from './loss/contest.js'
import * as eventLoop from './loss/event-loop.js'
import { hasFloor } from './loss/floor.js'
import { levelPlayers } from './loss/levels.js'
import { pytorchPlayers } from './loss/pytorch.js'
import { readKind, readShape, shapeOf } from './loss/shape.js'
import { FULL, QUICK } from './measure.js'
import { COMMON_HELP, COMMON_OPTIONS, runBenchmark, UsageError } from './options.js'
import { failIfOursIsWrong } from './outcomes.js'
import { Progress } from './progress.js'
import { describeEnvironment, saveReport, toMarkdown } from './report.js'
import { toTables } from './tables.js'

const HELP = `Times the loss against JavaScript, TensorFlow.js and PyTorch, and for how long it holds up the event loop.

Usage: npm run bench -- [options]
       node benchmarks/loss.bench.js [options]

  --shape s   a shape of your own instead: images x queries x columns of the logits (with softmax, no-object is the last),
              as 8x300x91; with 0 to 14 targets an image, or so many as a fourth number says, as 8x300x91x20
  --layers n  decoder layers of that shape (default 1)
  --kind k    softmax or focal; both unless given
  --python    also against PyTorch, where Python can import torch and scipy, and against transformers where it can as well
  --levels    also ours at each SIMD level of the processor, each in a process of its own
  --seed n    makes other inputs of the same kinds (default 8)
${COMMON_HELP.replace(/^( {2}--\w+)/gm, '$1  ')}

Every contender computes every loss before it is timed. One that is wrong is shown as wrong; if it is ours, the exit code
is 1.`

const DEFAULTS = {
  ...COMMON_OPTIONS,
  shape: undefined,
  layers: undefined,
  kind: undefined,
  python: false,
  levels: false,
  seed: 8,
}

await runBenchmark({ help: HELP, defaults: DEFAULTS, readers: { shape: readShape, kind: readKind }, run })

async function run({ quick, save, python, levels, seed, kind, ...options }) {
  const choice = { quick, kind, shape: shapeOf({ save, kind, ...options }) }
  const { missing, players: rivals = [], versions } = python ? pytorchPlayers() : {}
  if (missing !== undefined) throw new UsageError(`--python has nothing to compare with. ${missing}`)
  const players = [...(levels ? levelPlayers() : []), ...rivals]
  process.once('exit', () => players.forEach((player) => player.close()))
  for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(1))
  const environment = describeEnvironment()
  const [planned, onLoop] = [lossSections(choice), eventLoopCases(choice)]
  const haveFloor = planned.some(({ cases }) => cases.some(({ setting }) => hasFloor(setting)))
  const floorProgram = haveFloor ? buildExample('floor') : undefined
  const setting = { effort: quick ? QUICK : FULL, seed, players, floorProgram }
  const progress = new Progress(planned.reduce((sum, { cases }) => sum + cases.length, onLoop.length))
  const sections = []
  for (const { title, kind: ofSection, cases } of planned) {
    const rows = []
    for (const of of cases) {
      progress.begin(`${title}, ${of.family}, ${of.size}`)
      rows.push({ family: of.family, size: of.size, x: of.x, outcomes: await runCase(of, setting) })
    }
    sections.push({ title, kind: ofSection, rows })
  }
  players.forEach((player) => player.close())
  const heldUp = []
  for (const of of onLoop) {
    progress.begin(`the event loop, ${of.setting.classification}, ${of.size}`)
    heldUp.push(await eventLoop.measureCase(of, { effort: quick ? eventLoop.QUICK : eventLoop.FULL, seed }))
  }
  const title = 'Benchmark of the loss'
  const parts = [notes({ seed, versions }), ...sections.map(toTables), eventLoop.toSection(heldUp)]
  console.log(toMarkdown(title, environment, parts).trimEnd())
  const charts = Object.fromEntries(sections.map((section) => [section.kind, chart(section)]))
  const name = ['loss', ...(python ? ['python'] : []), ...(levels ? ['levels'] : [])].join('-')
  if (save) saveReport(name, environment, { title, parts, charts })
  failIfOursIsWrong(sections)
}

/** Time over the size of the batch, of untrained predictions. */
function chart({ title, rows }) {
  return {
    title: `${title}: time of one step`,
    xLabel: 'queries in the batch (layers × images × queries)',
    series: seriesOf(rows.filter(({ family }) => family === 'random')),
  }
}

function notes({ seed, versions }) {
  return [
    `Seed ${seed}. Medians for one step of a whole batch, gradients included, one thread each unless it says otherwise;`,
    `TensorFlow.js with its WebAssembly backend${versions === undefined ? '' : `; ${versions}`}. Images × queries × classes.`,
    '± is half the distance of the quartiles. The floor is one tight pass over the logits.',
  ].join('\n')
}
