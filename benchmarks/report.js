/** Where and when figures were taken, and how they are written down. */
import { spawnSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { cpus, loadavg } from 'node:os'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { simdLevel } from 'hungarian-loss'
import { drawChart } from './chart.js'

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
 */

const RESULTS = fileURLToPath(new URL('results', import.meta.url))

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
  const { status, stdout } = spawnSync('git', args, {
    cwd: fileURLToPath(new URL('.', import.meta.url)),
    encoding: 'utf8',
  })
  return status === 0 ? stdout.trim() : undefined
}

/**
 * The report as Markdown.
 * @param {string} title
 * @param {Environment} environment
 * @param {string[]} parts what follows the header
 */
export function toMarkdown(title, environment, parts) {
  return `${[header(title, environment), ...parts].join('\n\n')}\n`
}

function header(title, { processor, cores, simd, node, platform, date, commit, load }) {
  return [
    `# ${title}`,
    '',
    `- Processor: ${processor}, ${cores} cores, SIMD level ${simd}`,
    `- Node.js ${node}, ${platform}`,
    `- Date: ${date}${commit === undefined ? '' : `, commit ${commit}`}`,
    `- Load before the start: ${load.toFixed(1)}`,
  ].join('\n')
}

/**
 * Keeps a report among the results, with its charts beside it.
 * @param {string} benchmark
 * @param {Environment} environment
 * @param {{ title: string, parts: string[], charts: Record<string, import('./chart.js').Chart> }} report charts by name
 */
export function saveReport(benchmark, environment, { title, parts, charts }) {
  mkdirSync(RESULTS, { recursive: true })
  const drawn = Object.entries(charts).filter(([, { series }]) => series.some(({ points }) => points.length > 0))
  const images = drawn.map(([name, chart]) => {
    const file = fileName(`${benchmark}-${name}`, environment, 'svg')
    save(file, drawChart(chart))
    return `![${chart.title}](${file})`
  })
  save(fileName(benchmark, environment, 'md'), toMarkdown(title, environment, [parts[0], ...images, ...parts.slice(1)]))
}

function save(file, text) {
  const path = join(RESULTS, file)
  writeFileSync(path, text)
  console.error(`Saved as ${relative(process.cwd(), path)}`)
}

/** The name of the file to keep something in. */
export function fileName(what, { date, processor }, type) {
  const slug = processor
    .toLowerCase()
    .replace(/\((r|tm)\)/g, '')
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-|-$/g, '')
  return `${date}-${slug || 'unknown'}-${what}.${type}`
}
