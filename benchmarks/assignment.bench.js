/** The benchmark of the assignment: all solve the same matrices, are compared and timed. `--help` lists the options. */
import { npmRivals, ours, pythonRivals } from './assignment/contenders.js'
import { FULL, QUICK, runSection } from './assignment/contest.js'
import { suite } from './assignment/suite.js'
import { seriesOf } from './chart.js'
import { COMMON_HELP, COMMON_OPTIONS, runBenchmark } from './options.js'
import { failIfOursIsWrong } from './outcomes.js'
import { Player } from './player.js'
import { Progress } from './progress.js'
import { describeEnvironment, saveReport, toMarkdown } from './report.js'
import { toTables } from './tables.js'

const HELP = `Times linearSumAssignment against other solvers, on many kinds of matrices.

Usage: npm run bench:assignment -- [options]
       node benchmarks/assignment.bench.js [options]

  --python      against those of the Python packages scipy, laprust, lapcpp and lapx that can be imported, rather than
                against packages of npm; also on sparse matrices
  --seed n      makes other matrices of the same kinds (default 1)
  --largest n   most rows and columns of dense matrices (default 2000, with --quick 100; there are some of 4000)
  --limit n     seconds after which a solve is stopped (default 10, with --quick 0.5); who is stopped is not tried on
                larger matrices of that kind
${COMMON_HELP.replace(/^( {2}--\w+)/gm, '$1    ')}

Every contender solves every matrix before it is timed. One that is wrong is shown as wrong; if it is ours, the exit
code is 1.`

const DEFAULTS = { ...COMMON_OPTIONS, python: false, seed: 1, largest: undefined, limit: undefined }

await runBenchmark({ help: HELP, defaults: DEFAULTS, run })

async function run({ quick, save, python, seed, largest, limit }) {
  const opponents = python ? pythonRivals() : { rivals: npmRivals() }
  if (opponents.missing !== undefined) return console.error(`Nothing to compare with. ${opponents.missing}`)
  const environment = describeEnvironment()
  const players = [...ours(), ...opponents.rivals].map((contender) => new Player(contender))
  const setting = {
    effort: quick ? QUICK : FULL,
    limit: limit ?? (quick ? 0.5 : 10),
  }
  process.once('exit', () => players.forEach((player) => player.close()))
  for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(1))
  const planned = suite({ seed, largest: largest ?? (quick ? 100 : 2000), sparse: python })
  const progress = new Progress(planned.reduce((sum, { instances }) => sum + instances.length, 0))
  const sections = []
  for (const section of planned) {
    const onStart = ({ family, size }) => progress.begin(`${section.title}, ${family}, ${size}`)
    sections.push({ title: section.title, rows: await runSection(section, players, { ...setting, onStart }) })
  }
  const title = 'Benchmark of the assignment'
  const parts = [notes({ seed, versions: opponents.versions }), ...sections.map(toTables)]
  console.log(toMarkdown(title, environment, parts).trimEnd())
  const charts = { uniform: chart(sections) }
  if (save) saveReport(python ? 'assignment-python' : 'assignment', environment, { title, parts, charts })
  failIfOursIsWrong(sections)
}

/** Time over the size of uniform square matrices. */
function chart(sections) {
  const rows = sections.find(({ title }) => title === 'Square, float64')?.rows ?? []
  return {
    title: 'Assignment of n rows to n columns, uniform costs in float64: time of one solve',
    xLabel: 'n',
    series: seriesOf(rows.filter(({ family }) => family === 'uniform')),
  }
}

function notes({ seed, versions }) {
  return [
    `Seed ${seed}. Medians for one matrix or batch, each solver on one thread unless it says otherwise;`,
    ...(versions === undefined ? [] : [`against ${versions};`]),
    '± is half the distance of the quartiles. “> 10 s” was stopped; “–” was not tried, having been stopped at a',
    'smaller size. What is wrong does not count as the fastest rival: “not optimal by” is relative to the sum of the',
    'magnitudes of the pairs.',
  ].join('\n')
}
