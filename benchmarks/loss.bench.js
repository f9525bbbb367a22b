/** The benchmark of the loss: checks that all contenders agree, and times them. `--help` lists the options. */
import { checkLosses } from './agreement.js'
import { lossCases } from './cases.js'
import { FULL, measure, QUICK } from './measure.js'
import { COMMON_HELP, COMMON_OPTIONS, runBenchmark } from './options.js'
import { describeEnvironment, saveReport, timingTable, toMarkdown } from './report.js'

const HELP = `Times the loss against plain JavaScript with the npm package munkres.

Usage: npm run bench -- [options]
       node benchmarks/loss.bench.js [options]

${COMMON_HELP}

Before anything is timed, all contenders must give the same results; else the exit code is 1.`

await runBenchmark({ help: HELP, defaults: COMMON_OPTIONS, run })

/** @param {import('./options.js').Common} options */
function run({ quick, json, save }) {
  const environment = describeEnvironment()
  const cases = lossCases()
  for (const { input, contenders } of cases) checkLosses(input, contenders)
  console.error(`All contenders agree. Timing${quick ? ', briefly: figures will be rough' : ''}.`)

  const effort = quick ? QUICK : FULL
  const rows = cases.map(({ input, contenders }) => {
    console.error(`  ${input}`)
    return { input, timings: measure(contenders, effort) }
  })
  const section = { title: 'Loss', unit: 'ms', rows }
  const report = toMarkdown('Benchmark of the loss', environment, [timingTable(section)])
  console.log(json ? JSON.stringify({ environment, quick, sections: [section] }, undefined, 2) : report.trimEnd())
  if (save) saveReport('loss', environment, report)
}
