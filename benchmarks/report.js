/** Where and when figures were taken, and how they are written down. */
import { spawnSync } from 'node:child_process'
import { cpus, loadavg } from 'node:os'
import { fileURLToPath } from 'node:url'
import { simdLevel } from 'hungarian-loss'

/**
 * @typedef {object} Environment
 * @property {string} processor
 * @property {number} cores
 * @property {string} simd the instruction set that the addon uses
 * @property {string} node version
 * @property {string} platform
 * @property {string} date YYYY-MM-DD
 * @property {string | undefined} commit with `-dirty` where files differ from it; undefined outside a git checkout
 * @property {number} load processes that wanted a core in the minute before; 0 on an idle machine
 *
 * @typedef {object} Section timings of one kind
 * @property {string} title
 * @property {'ms' | 'µs'} unit
 * @property {{ input: string, timings: import('./measure.js').Timing[] }[]} rows
 */

const PER_SECOND = { ms: 1e3, µs: 1e6 }

/** @returns {Environment} */
export function describeEnvironment() {
  const processors = cpus()
  return {
    processor: processors[0].model.trim(),
    cores: processors.length,
    simd: simdLevel(),
    node: process.versions.node,
    platform: `${process.platform}-${process.arch}`,
    date: new Date().toISOString().slice(0, 10),
    commit: readCommit(),
    load: Math.round(loadavg()[0] * 10) / 10,
  }
}

function readCommit() {
  const args = ['--no-optional-locks', 'describe', '--always', '--dirty', '--exclude=*']
  const { status, stdout } = spawnSync('git', args, { cwd: fileURLToPath(new URL('.', import.meta.url)), encoding: 'utf8' })
  return status === 0 ? stdout.trim() : undefined
}

/**
 * The report as Markdown.
 * @param {Environment} environment
 * @param {Section[]} sections
 */
export function toMarkdown(environment, sections) {
  return `${[header(environment), ...sections.map(section)].join('\n\n')}\n`
}

function header({ processor, cores, simd, node, platform, date, commit, load }) {
  return [
    '# Benchmark',
    '',
    `- Processor: ${processor}, ${cores} cores, SIMD level ${simd}`,
    `- Node.js ${node}, ${platform}`,
    `- Date: ${date}${commit === undefined ? '' : `, commit ${commit}`}`,
    `- Load before the start: ${load.toFixed(1)}`,
  ].join('\n')
}

function section({ title, unit, rows }) {
  const lines = rows.flatMap(({ input, timings }) =>
    timings.map(({ name, median, spread, ratio }, i) => [
      i === 0 ? input : '',
      name,
      threeDigits(median * PER_SECOND[unit]),
      `± ${(spread * 100).toFixed(1)} %`,
      `${threeDigits(ratio)} ×`,
    ]),
  )
  return [
    `## ${title}`,
    '',
    `| input | contender | ${unit} per call | ± | ratio to ours |`,
    '| --- | --- | ---: | ---: | ---: |',
    ...lines.map((cells) => `| ${cells.join(' | ')} |`),
  ].join('\n')
}

/** Three significant digits, but all digits before the point. */
function threeDigits(value) {
  return value >= 100 ? value.toFixed(0) : value.toPrecision(3)
}

/**
 * The name of the file to keep a report in.
 * @param {Environment} environment
 */
export function fileName({ date, processor }) {
  const slug = processor
    .toLowerCase()
    .replace(/\((r|tm)\)/g, '')
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-|-$/g, '')
  return `${date}-${slug || 'unknown'}.md`
}
