/** The benchmark: checks that all contenders agree, times them, and prints tables. `--help` lists the options. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { checkLosses, checkTotals } from './agreement.js'
import { assignmentCases, lossCases } from './cases.js'
import { FULL, measure, QUICK } from './measure.js'
import { HELP, parseOptions, UsageError } from './options.js'
import { describeEnvironment, fileName, toMarkdown } from './report.js'

const RESULTS = fileURLToPath(new URL('results', import.meta.url))

try {
  const options = parseOptions(process.argv.slice(2))
  if (options.help) console.log(HELP)
  else run(options)
} catch (error) {
  if (error instanceof UsageError) {
    console.error(error.message)
    process.exitCode = 2
  } else {
    console.error(error)
    process.exitCode = 1
  }
}

/** @param {import('./options.js').Options} options */
function run({ quick, json, save }) {
  const environment = describeEnvironment()
  const losses = lossCases()
  const assignments = assignmentCases()
  for (const { input, contenders } of losses) checkLosses(input, contenders)
  for (const { input, contenders } of assignments) checkTotals(input, contenders)
  console.error(`All contenders agree. Timing${quick ? ', briefly: figures will be rough' : ''}.`)

  const effort = quick ? QUICK : FULL
  const time = ({ input, contenders }) => {
    console.error(`  ${input}`)
    return { input, timings: measure(contenders, effort) }
  }
  const sections = [
    { title: 'Loss', unit: 'ms', rows: losses.map(time) },
    { title: 'Assignment alone', unit: 'µs', rows: assignments.map(time) },
  ]
  const report = toMarkdown(environment, sections)
  console.log(json ? JSON.stringify({ environment, quick, sections }, undefined, 2) : report.trimEnd())
  if (save) saveReport(fileName(environment), report)
}

function saveReport(name, report) {
  const path = join(RESULTS, name)
  mkdirSync(RESULTS, { recursive: true })
  writeFileSync(path, report)
  console.error(`Saved as ${relative(process.cwd(), path)}`)
}
