/** The benchmark of the evaluation: from parsed JSON to COCO's twelve numbers. `--help` lists the options. */
import { runCase } from './evaluation/contest.js'
import { randomInputs, readJson } from './evaluation/inputs.js'
import { evaluationPlayers } from './evaluation/python.js'
import { FULL, QUICK } from './measure.js'
import { COMMON_HELP, COMMON_OPTIONS, runBenchmark, UsageError } from './options.js'
import { failIfOursIsWrong } from './outcomes.js'
import { Progress } from './progress.js'
import { describeEnvironment, saveReport, toMarkdown } from './report.js'
import { toTables } from './tables.js'

const HELP = `Times the evaluation of detections against pycocotools and faster-coco-eval, where Python can import them.

Usage: npm run bench:evaluation -- [options]
       node benchmarks/evaluation.bench.js [options]

  --annotations f  a file of annotations in COCO's format, and
  --results f      a file of results for them, both JSON or JSON.gz: evaluated in place of the random images
  --images n       random images of the largest case (default 5000)
  --seed n         makes other random images (default 8)
${COMMON_HELP.replace(/^( {2}--\w+)/gm, '$1       ')}

Every contender's numbers are compared with those of the first in Python before it is timed. One that is wrong is shown as wrong;
if it is ours, the exit code is 1.`

const DEFAULTS = { ...COMMON_OPTIONS, annotations: undefined, results: undefined, images: 5000, seed: 8 }
const asText = (text) => text

/** Mean numbers of targets and detections of an image, as of COCO's and of a detector that leaves few out. */
const MEANS = { targets: 7, detections: 50 }

/** For cases that take seconds. */
const LONG = { rounds: 3, maxTime: 0, minTime: 0, minSamples: 1 }
const LARGE = 1000

await runBenchmark({ help: HELP, defaults: DEFAULTS, readers: { annotations: asText, results: asText }, run })

async function run({ quick, save, annotations, results, images, seed }) {
  const cases = casesOf({ quick, annotations, results, images, seed })
  const { missing, players = [], versions } = evaluationPlayers()
  if (missing !== undefined) console.error(`Nothing to compare with: ${missing}`)
  process.once('exit', () => players.forEach((player) => player.close()))
  for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(1))
  const environment = describeEnvironment()
  const progress = new Progress(cases.length)
  const rows = []
  for (const { family, make } of cases) {
    const inputs = make()
    const size = sizeOf(inputs)
    progress.begin(`${family}, ${size}`)
    const effort = quick ? QUICK : inputs.dataset.images.length > LARGE ? LONG : FULL
    rows.push({ family, size, outcomes: await runCase(inputs, effort, players) })
  }
  players.forEach((player) => player.close())
  const title = 'Benchmark of the evaluation'
  const sections = [{ title: 'COCO evaluation of boxes', rows }]
  const parts = [notes({ seed, versions }), ...sections.map(toTables)]
  console.log(toMarkdown(title, environment, parts).trimEnd())
  if (save) saveReport('evaluation', environment, { title, parts, charts: {} })
  failIfOursIsWrong(sections)
}

function casesOf({ quick, annotations, results, images, seed }) {
  if ((annotations === undefined) !== (results === undefined)) {
    throw new UsageError('--annotations and --results go together.')
  }
  if (annotations !== undefined) {
    return [{ family: 'given', make: () => ({ dataset: readJson(annotations), results: readJson(results) }) }]
  }
  const counts = quick ? [100] : [100, images]
  return counts.map((count) => ({
    family: 'random',
    make: () => randomInputs({ images: Math.round(count), ...MEANS }, seed),
  }))
}

/** Images × targets × detections. */
function sizeOf({ dataset: { images, annotations }, results }) {
  return [images, annotations, results].map(({ length }) => length.toLocaleString('en-US')).join(' × ')
}

function notes({ seed, versions }) {
  return [
    `Seed ${seed}. Medians for one evaluation, from parsed JSON in memory to the twelve numbers${versions === undefined ? '' : `; ${versions}`}.`,
    'Images × targets × detections. ± is half the distance of the quartiles.',
  ].join('\n')
}
