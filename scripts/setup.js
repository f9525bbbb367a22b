/**
 * Brings a checkout to where everything can run: dependencies installed, addon compiled, TypeScript compiled. What is
 * fresh is left alone; freshness is judged by the contents of the inputs, so a new clone or another branch is safe.
 *
 * Usage: node scripts/setup.js [--debug | --installed | --dependencies]. With `--debug` the addon is built for a debugger, in place of the release
 * build. The next run without it puts the release build back, so that no other command meets an addon for debugging. With
 * `--installed` the dependencies are taken as npm has just installed them. With `--dependencies` nothing is compiled, and Rust not needed.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { digestOf } from './digest.js'
import { run } from './run.js'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const STAMPS = join(ROOT, 'node_modules', '.cache', 'hungarian-loss')

/** Oldest versions that work. */
const NODE = [20, 19]
const CARGO = [1, 89]

const [option, ...others] = process.argv.slice(2)
if (others.length > 0 || ![undefined, '--debug', '--installed', '--dependencies'].includes(option)) {
  fail(`There are only the options --debug, --installed and --dependencies, got "${[option, ...others].join(' ')}".`)
}
const profile = option === '--debug' ? ' -- --profile debugging' : ''
// npm would run `prepare`, which runs this
process.env.HUNGARIAN_LOSS_SETUP = '1'

const steps = [
  {
    name: 'dependencies',
    inputs: ['package.json', 'package-lock.json', 'benchmarks/package.json', 'examples/data-parallel/package.json'],
    output: () => existsSync(join(ROOT, 'node_modules', 'typescript')),
    command: 'npm ci --no-audit --no-fund --loglevel=error',
  },
  {
    name: 'addon',
    inputs: ['Cargo.toml', 'Cargo.lock', 'crates', 'package.json'],
    output: () => existsSync(join(ROOT, 'native', 'binding.cjs')) && nativeFiles().length > 0,
    command: `npm run --silent build:native${profile}`,
  },
  {
    name: 'TypeScript',
    inputs: [
      'src',
      'native/binding.d.cts',
      'tsconfig.json',
      'tsconfig.build.json',
      'scripts/cli.js',
      'package-lock.json',
    ],
    output: () => existsSync(join(ROOT, 'dist', 'index.js')),
    command: 'npm run --silent build:ts',
  },
]

const chosen = option === '--dependencies' ? steps.slice(0, 1) : steps
checkTools()
for (const step of chosen) {
  const stamp = join(STAMPS, step.name)
  const digest = digestOf(step.command, step.inputs)
  if (step.output() && existsSync(stamp) && readFileSync(stamp, 'utf8') === digest) continue
  if (step.name !== 'dependencies' || option !== '--installed') {
    console.log(`Setting up: ${step.name} (${step.command})`)
    rmSync(stamp, { force: true }) // what a build that is interrupted leaves is not fresh
    if (run(step.command) !== 0) fail(`"${step.command}" failed.`)
  }
  mkdirSync(STAMPS, { recursive: true })
  // the addon's build writes binding.d.cts, an input of the next step, so each digest is taken when its turn comes
  writeFileSync(stamp, digest)
}

function checkTools() {
  const node = process.versions.node.split('.').map(Number)
  if (isOlder(node, NODE)) {
    fail(
      `Node.js ${NODE.join('.')} or later is needed, and this is ${process.versions.node}: install it from https://nodejs.org.`,
    )
  }
  if (option === '--dependencies') return
  const cargo = spawnSync('cargo', ['--version'], { encoding: 'utf8' })
  const version = /cargo (\d+)\.(\d+)/.exec(cargo.stdout ?? '')
  if (cargo.status !== 0 || version === null) {
    fail('Rust is needed to compile the addon, and no cargo was found: install it from https://rustup.rs.')
  }
  if (isOlder([Number(version[1]), Number(version[2])], CARGO)) {
    fail(
      `Rust ${CARGO.join('.')} or later is needed, and this is ${version[1]}.${version[2]}: run "rustup update stable".`,
    )
  }
}

function isOlder([major, minor], [neededMajor, neededMinor]) {
  return major < neededMajor || (major === neededMajor && minor < neededMinor)
}

function nativeFiles() {
  return readdirSync(join(ROOT, 'native')).filter((file) => file.endsWith('.node'))
}

function fail(message) {
  console.error(message)
  process.exit(1)
}
