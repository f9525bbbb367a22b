/** How the cost of the loss grows with each axis of its inputs. `--help` lists the options. */
import { fittedExponent, isCliff, localExponents } from './growth/exponents.js'
import { describeBase, inputsAt, sweeps } from './growth/sweeps.js'
import { findFault } from './loss/agreement.js'
import { plainJs, yardstick } from './loss/contenders.js'
import { ours } from './loss/ours.js'
import { measure, QUICK } from './measure.js'
import { COMMON_HELP, COMMON_OPTIONS, runBenchmark } from './options.js'
import { Progress } from './progress.js'
import { describeEnvironment, saveReport, toMarkdown } from './report.js'
import { showTime, table } from './tables.js'

const HELP = `Times the loss while one axis of its inputs grows, and fits the exponents of growth.

Usage: npm run bench:growth -- [options]
       node benchmarks/growth.bench.js [options]

  --seed n  makes other inputs of the same kinds (default 8)
${COMMON_HELP}

A step that grows by more than expected is marked as a cliff. The exit code is 1 if a loss is wrong.`

const FULL = { rounds: 4, maxTime: 0.1, minTime: 0.01, minSamples: 3 }

/** What is measured, how it is drawn, and with which class term. */
const COLUMNS = [
  { name: 'ours, softmax', kind: 'ours', classification: 'softmax', make: ours },
  { name: 'ours, focal', kind: 'variant', classification: 'focal', make: ours },
  { name: 'JS, softmax', kind: 'rival', classification: 'softmax', make: plainJs },
]

await runBenchmark({ help: HELP, defaults: { ...COMMON_OPTIONS, seed: 8 }, run })

async function run({ quick, save, seed }) {
  const environment = describeEnvironment()
  const planned = sweeps({ quick })
  const progress = new Progress(planned.length)
  const results = []
  for (const sweep of planned) {
    progress.begin(sweep.axis)
    results.push(await runSweep(sweep, seed, quick ? QUICK : FULL))
  }
  const title = 'Growth of the cost of the loss'
  const parts = [notes(seed), ...results.map(toTable)]
  console.log(toMarkdown(title, environment, parts).trimEnd())
  const charts = Object.fromEntries(results.map((result) => [result.axis, chart(result)]))
  if (save) saveReport('growth', environment, { title, parts, charts })
}

/** All points of a sweep take turns, so that a change of the machine's speed does not look like a cliff. */
async function runSweep({ axis, values, expected }, seed, effort) {
  const contenders = COLUMNS.flatMap(({ name, classification, make }) =>
    values.map((value) => {
      const inputs = inputsAt(axis, value, classification, seed)
      const contender = make(inputs)
      const fault = findFault(contender.result(), yardstick(inputs), contender.precision)
      if (fault !== undefined) throw new Error(`${name}, ${value} ${axis} is wrong: ${fault}`)
      return contender
    }),
  )
  const timings = await measure(contenders, effort)
  const columns = COLUMNS.map(({ name, kind }, i) => {
    const figures = timings.slice(i * values.length, (i + 1) * values.length)
    const points = values.map((value, k) => [value, figures[k].least])
    const local = localExponents(points)
    const cliffs = local.map((exponent) => isCliff(exponent, expected))
    return { name, kind, figures, points, fitted: fittedExponent(points), local, cliffs }
  })
  return { axis, base: describeBase(axis), expected, values, columns }
}

function toTable({ axis, base, expected, values, columns }) {
  const head = [axis, ...columns.flatMap(({ name }) => [name, 'exponent'])]
  const rows = values.map((value, i) => [
    value.toLocaleString('en-US'),
    ...columns.flatMap(({ points, local, cliffs }) => [
      showTime(points[i][1]),
      `${showExponent(local[i])}${cliffs[i] ? ' ▲' : ''}`,
    ]),
  ])
  const fit = ['fitted', ...columns.flatMap(({ fitted }) => ['', `**${showExponent(fitted)}**`])]
  return `## ${axis}\n\nWith ${base}; expected exponent at most ${expected}.\n\n${table(head, [...rows, fit])}`
}

function showExponent(exponent) {
  return exponent === undefined ? '' : exponent.toFixed(2)
}

function chart({ axis, base, columns }) {
  return {
    title: `Time of one step with ${base}`,
    xLabel: axis,
    series: columns.map(({ name, kind, points }) => ({ name, kind, points: points.filter(([x]) => x > 0) })),
  }
}

function notes(seed) {
  return [
    `Seed ${seed}. Least times of one step of a whole batch, gradients included, on one thread: what else the machine does`,
    'only ever adds. The exponent of a row is that of the step from the row above: time grows with its power of the size.',
    '▲ marks a step that grows by more than expected: a cliff. “JS” is plain JavaScript with augmenting paths.',
  ].join('\n')
}
