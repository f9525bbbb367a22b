/**
 * Whether the main kernels need as many instructions as on record, give or take 5 %. Unlike times, instructions are the
 * same on a busy machine. They are counted by callgrind, on the level that valgrind offers.
 *
 * Usage: npm run check:instructions [-- --record]. The exit code is 1 where a kernel differs, and 2 where nothing could be
 * compared. `--record` writes the record anew.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { arch } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { buildExample } from './example.js'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const RECORD = join(ROOT, 'benchmarks', 'instructions.json')
const TOLERANCE = 0.05
const PERCENT = { style: 'percent', signDisplay: 'exceptZero', maximumFractionDigits: 1 }

/** Runs of a kernel in the two counts whose difference leaves start and inputs out. */
const [FEW, MANY] = [4, 12]

const options = process.argv.slice(2)
if (options.length > 1 || (options.length === 1 && options[0] !== '--record')) {
  giveUp(`There is only the option --record, got "${options.join(' ')}".`)
}
const { measured, kernels } = count()
if (options.length === 0) compare()
else record()

function record() {
  writeFileSync(RECORD, `${JSON.stringify({ ...measured, kernels }, undefined, 2)}\n`)
  console.log(`Recorded ${Object.keys(kernels).length} kernels in ${RECORD}.`)
}

function compare() {
  if (!existsSync(RECORD)) giveUp('There is no record yet: make one with --record.')
  const { kernels: recorded, ...conditions } = JSON.parse(readFileSync(RECORD, 'utf8'))
  for (const name of ['arch', 'level']) {
    if (conditions[name] !== measured[name]) {
      giveUp(`The record is for ${name} ${conditions[name]}, and this is ${measured[name]}.`)
    }
  }
  if (conditions.rustc !== measured.rustc) {
    console.log(`The record was made with ${conditions.rustc}, and this is ${measured.rustc}: that alone may matter.`)
  }
  const names = [...new Set([...Object.keys(recorded), ...Object.keys(kernels)])]
  const differing = names.filter((name) => !report(name, recorded[name], kernels[name]))
  if (differing.length === 0) return
  console.error(`More than ${100 * TOLERANCE} % off: ${differing.join('; ')}. If that is as it should be: --record.`)
  process.exit(1)
}

/** Prints a kernel's change; whether it is small. */
function report(name, before, now) {
  const change = now / before - 1
  const shown = Number.isNaN(change) ? 'not in both' : change.toLocaleString('en-US', PERCENT)
  console.log(
    `${name.padEnd(24)} ${String(before ?? '–').padStart(12)} → ${String(now ?? '–').padStart(12)}   ${shown}`,
  )
  return Math.abs(change) <= TOLERANCE
}

/** Instructions for one run of each kernel, and under which conditions. */
function count() {
  if (spawnSync('valgrind', ['--version']).status !== 0) giveUp('valgrind is needed, and was not found.')
  const program = buildExample('kernels')
  const [level, ...names] = run('valgrind', ['--tool=none', '--quiet', program]).stdout.trim().split('\n')
  const counts = names.map((name) => {
    const more = instructions(program, name, MANY) - instructions(program, name, FEW)
    return [name, Math.round(more / (MANY - FEW))]
  })
  const rustc = run('rustc', ['--version']).stdout.trim()
  return { measured: { rustc, arch: arch(), level }, kernels: Object.fromEntries(counts) }
}

function instructions(program, kernel, times) {
  const options = ['--tool=callgrind', '--callgrind-out-file=/dev/null']
  const { stderr } = run('valgrind', [...options, program, kernel, String(times)])
  const found = /Collected : (\d+)/.exec(stderr)
  if (found === null) giveUp(`callgrind gave no count for ${kernel}:\n${stderr}`)
  return Number(found[1])
}

function run(program, args) {
  const result = spawnSync(program, args, { cwd: ROOT, encoding: 'utf8' })
  if (result.status !== 0) giveUp(`${[program, ...args].join(' ')} failed:\n${result.stderr ?? result.error}`)
  return result
}

function giveUp(message) {
  console.error(message)
  process.exit(2)
}
