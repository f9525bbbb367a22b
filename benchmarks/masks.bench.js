/** The benchmark of masks: all compute the same matchings and losses, are compared and timed. `--help` lists the options. */
import { buildExample } from '../scripts/example.js'
import { KINDS, maskSections } from './masks/cases.js'
import { runCase } from './masks/contest.js'
import { pytorchPlayers } from './masks/pytorch.js'
import { FULL, QUICK } from './measure.js'
import { COMMON_HELP, COMMON_OPTIONS, runBenchmark, UsageError } from './options.js'
import { failIfOursIsWrong } from './outcomes.js'
import { Progress } from './progress.js'
import { describeEnvironment, saveReport, toMarkdown } from './report.js'
import { toTables } from './tables.js'

const HELP = `Times matchings and losses of masks against JavaScript and PyTorch.

Usage: npm run bench:masks -- [options]
       node benchmarks/masks.bench.js [options]

  --kind k    ${KINDS.join(', ')}: that one alone
  --python    also against PyTorch, where Python can import torch and scipy
  --seed n    makes other inputs of the same kinds (default 8)
${COMMON_HELP.replace(/^( {2}--\w+)/gm, '$1  ')}

Every contender computes every case before it is timed. One that is wrong is shown as wrong; if it is ours, the exit code
is 1.`

const DEFAULTS = { ...COMMON_OPTIONS, kind: undefined, python: false, seed: 8 }

await runBenchmark({ help: HELP, defaults: DEFAULTS, readers: { kind: readKind }, run })

function readKind(text) {
  if (!KINDS.includes(text)) throw new UsageError(`--kind takes one of ${KINDS.join(', ')}, got "${text}".`)
  return text
}

async function run({ quick, save, kind, python, seed }) {
  if (save && kind !== undefined) throw new UsageError('--save keeps figures of all kinds: leave out --kind.')
  const { missing, players = [], versions } = python ? pytorchPlayers() : {}
  if (missing !== undefined) throw new UsageError(`--python has nothing to compare with. ${missing}`)
  process.once('exit', () => players.forEach((player) => player.close()))
  for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(1))
  const environment = describeEnvironment()
  const planned = maskSections({ quick, kind })
  const setting = { effort: quick ? QUICK : FULL, seed, players, floorProgram: buildExample('masks_floor') }
  const progress = new Progress(planned.reduce((sum, { cases }) => sum + cases.length, 0))
  const sections = []
  for (const { title, cases } of planned) {
    const rows = []
    for (const of of cases) {
      progress.begin(`${title}, ${of.size}`)
      rows.push({ family: of.family, size: of.size, outcomes: await runCase(of, setting) })
    }
    sections.push({ title, rows })
  }
  players.forEach((player) => player.close())
  const title = 'Benchmark of masks'
  const parts = [notes({ seed, versions }), ...sections.map(toTables)]
  console.log(toMarkdown(title, environment, parts).trimEnd())
  if (save) saveReport(['masks', ...(python ? ['python'] : [])].join('-'), environment, { title, parts, charts: {} })
  failIfOursIsWrong(sections)
}

function notes({ seed, versions }) {
  return [
    `Seed ${seed}. Medians for one matching, or one step with its gradients, on one thread unless it says otherwise${versions === undefined ? '' : `; ${versions}`}.`,
    'Images × queries × height × width of a prediction. ± is half the distance of the quartiles. The floor is one pass over the',
    'same memory, with the arithmetic of each sample once.',
  ].join('\n')
}
