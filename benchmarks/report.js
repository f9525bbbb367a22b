/** Where and when figures were taken, and how they are written down. */
import { spawnSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { cpus, loadavg } from 'node:os'
import { join, relative } from 'node:path'
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
  const { status, stdout } = spawnSync('git', args, { cwd: fileURLToPath(new URL('.', import.meta.url)), encoding: 'utf8' })
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
 * Keeps a report among the results.
 * @param {'loss' | 'assignment' | 'assignment-python'} benchmark
 * @param {Environment} environment
 * @param {string} report
 */
export function saveReport(benchmark, environment, report) {
  const path = join(RESULTS, fileName(benchmark, environment))
  mkdirSync(RESULTS, { recursive: true })
  writeFileSync(path, report)
  console.error(`Saved as ${relative(process.cwd(), path)}`)
}

/** The name of the file to keep a report in. */
export function fileName(benchmark, { date, processor }) {
  const slug = processor
    .toLowerCase()
    .replace(/\((r|tm)\)/g, '')
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-|-$/g, '')
  return `${date}-${slug || 'unknown'}-${benchmark}.md`
}
