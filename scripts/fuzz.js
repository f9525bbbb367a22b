/**
 * Looks for inputs that break what holds of the solvers and of the loss, with libFuzzer, and says how many it has tried.
 *
 * Usage: node scripts/fuzz.js [--seconds 60] [--target dense] [--asan] | --report | --keep
 * `--seconds`: for all targets together. `--target`: some alone, separated by commas. `--asan`: with AddressSanitizer and its search for leaks.
 * `--report`: what all runs so far have tried, target by target. `--keep`: adds what they have found, as far as it reaches
 * code that no other input does, to `fuzz/corpus/`.
 *
 * Beside Rust a C++ compiler is needed, which compiles libFuzzer. `cargo fuzz run fuzz-dense` works as well.
 */
import { spawnSync } from 'node:child_process'
import { appendFileSync, existsSync, mkdirSync, readFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { fail, hostTarget, ROOT, runOrExit, withFlags } from './instrumented.js'

/** The part of the time that each target has. */
const SHARES = { dense: 0.25, sparse: 0.2, batch: 0.1, proof: 0.2, step: 0.15, structure: 0.1 }

/** Seconds after which a long run turns to the next target. */
const ROUND = 600

/** Bytes of an input, at most, and of one that is kept. */
const LONGEST = 256

/** Lets libFuzzer see which edges of the code an input reaches. */
const COVERAGE = [
  '--cfg=fuzzing',
  '-Cpasses=sancov-module',
  '-Cllvm-args=-sanitizer-coverage-level=4',
  '-Cllvm-args=-sanitizer-coverage-inline-8bit-counters',
  '-Cllvm-args=-sanitizer-coverage-pc-table',
  '-Cllvm-args=-simplifycfg-branch-fold-threshold=0',
]

const WORK = join(ROOT, 'target', 'fuzz')
const LOG = join(WORK, 'log.jsonl')

const { values: options } = parseArgs({
  options: {
    seconds: { type: 'string', default: '60' },
    target: { type: 'string' },
    asan: { type: 'boolean', default: false },
    report: { type: 'boolean', default: false },
    keep: { type: 'boolean', default: false },
  },
})
const seconds = Number(options.seconds)
if (!(seconds > 0)) fail(`--seconds must be a positive number, got "${options.seconds}".`)
const targets = options.target === undefined ? Object.keys(SHARES) : options.target.split(',')
const unknown = targets.find((target) => !Object.hasOwn(SHARES, target))
if (unknown !== undefined) fail(`--target must be some of ${Object.keys(SHARES).join(', ')}, got "${unknown}".`)

if (options.report) report()
else if (options.keep) keep(build())
else fuzz(build())

/** Compiles the targets, and gives the folder of their programs. */
function build() {
  const host = hostTarget()
  const folder = options.asan ? `${WORK}-asan` : WORK
  const flags = options.asan ? [...COVERAGE, '-Zsanitizer=address'] : COVERAGE
  const what = ['--package', 'hungarian-loss-fuzz', '--features', 'libfuzzer', '--profile', 'fuzz', '--bins']
  runOrExit('cargo', ['build', ...what, '--locked', '--target', host, '--target-dir', folder], withFlags(flags))
  return join(folder, host, 'fuzz')
}

/** Runs the targets in turn until the time is over; ends at the first input that breaks something. */
function fuzz(programs) {
  const total = targets.reduce((sum, target) => sum + SHARES[target], 0)
  for (let left = seconds; left > 0; left -= ROUND) {
    const round = Math.min(left, ROUND)
    for (const target of targets) {
      const run = runTarget(programs, target, Math.max(1, Math.round((round * SHARES[target]) / total)))
      appendFileSync(LOG, `${JSON.stringify(run)}\n`)
    }
  }
  report()
}

function runTarget(programs, target, time) {
  const [found, faults] = [join(WORK, 'corpus', target), join(WORK, 'faults')]
  for (const folder of [found, faults, kept(target)]) mkdirSync(folder, { recursive: true })
  const limits = [`-max_total_time=${time}`, `-max_len=${LONGEST}`, '-timeout=60', '-rss_limit_mb=4096']
  const args = [...limits, '-print_final_stats=1', `-artifact_prefix=${faults}/${target}-`, found, kept(target)]
  const { status, stderr } = spawnSync(join(programs, `fuzz-${target}`), args, {
    encoding: 'utf8',
    maxBuffer: 1 << 28,
  })
  const executions = Number(/stat::number_of_executed_units: (\d+)/.exec(stderr)?.[1])
  if (status !== 0 || Number.isNaN(executions)) {
    console.error(stderr.split('\n').slice(-60).join('\n'))
    fail(`fuzz-${target} failed; what it was given, if it is that, is in ${faults}.`)
  }
  const level = /^level: (.*)$/m.exec(stderr)?.[1]
  const coverage = Number([...stderr.matchAll(/ cov: (\d+)/g)].at(-1)?.[1] ?? 0)
  const run = { target, executions, seconds: time, asan: options.asan, level, processor: cpus()[0]?.model, coverage }
  console.log(`${target.padEnd(10)} ${String(executions).padStart(12)} executions in ${time} s, ${coverage} edges`)
  return { ...run, ended: new Date().toISOString() }
}

function kept(target) {
  return join(ROOT, 'fuzz', 'corpus', target)
}

/** Adds to the corpora what reaches code that they do not. */
function keep(programs) {
  for (const target of targets) {
    const found = join(WORK, 'corpus', target)
    if (!existsSync(found)) continue
    mkdirSync(kept(target), { recursive: true })
    runOrExit(join(programs, `fuzz-${target}`), [
      '-merge=1',
      '-use_counters=0',
      `-max_len=${LONGEST}`,
      kept(target),
      found,
    ])
  }
}

/** Prints what all runs together have tried. */
function report() {
  if (!existsSync(LOG)) fail('Nothing has been run yet: npm run fuzz')
  const runs = readFileSync(LOG, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
  const sum = (of) => of.reduce((total, run) => [total[0] + run.executions, total[1] + run.seconds], [0, 0])
  const line = (name, of) => {
    const [executions, time] = sum(of)
    console.log(`${name.padEnd(24)} ${executions.toLocaleString('en').padStart(15)} ${String(time).padStart(9)} s`)
  }
  console.log(`\n${'target'.padEnd(24)} ${'executions'.padStart(15)} ${'time'.padStart(11)}`)
  for (const asan of [false, true]) {
    for (const target of Object.keys(SHARES)) {
      const own = runs.filter((run) => run.target === target && run.asan === asan)
      if (own.length > 0) line(asan ? `${target}, AddressSanitizer` : target, own)
    }
  }
  line('all', runs)
  const places = new Set(runs.map(({ processor, level }) => `${processor}, ${level}`))
  console.log(`on ${[...places].join('; ')}; ${runs[0].ended.slice(0, 10)} to ${runs.at(-1).ended.slice(0, 10)}`)
}
