/**
 * Whether the addon for Linux on arm64 computes the very bits that are on record, and passes the specs: it is compiled here, and
 * run by Node.js for arm64 under qemu, at the level `neon`, which every such processor has.
 *
 * Usage: npm run test:arm64 [-- --all] [--install]. By default one of so many batches and problems is compared, and the specs of
 * terms, reference values and assignments run; with `--all` everything that is on record and all specs but those that
 * `scripts/cross/exceptions.js` names. `--install` installs what is missing, where that is possible.
 */
import { spawnSync } from 'node:child_process'
import { copyFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { findArm64Node } from './cross/arm64.js'
import { MissingTool } from './cross/toolchain.js'
import { compile } from './package/compile.js'
import { PLATFORMS, ROOT } from './package/platforms.js'

/** Of how many batches and problems one is compared in the short form. */
const EVERY = 20
/** The specs of the short form. */
const SPECS = ['__test__/terms', '__test__/golden', '__test__/assignment/assignment.spec.ts']

const { all, install } = parseArgs({
  options: { all: { type: 'boolean', default: false }, install: { type: 'boolean', default: false } },
}).values

try {
  test()
} catch (error) {
  if (!(error instanceof MissingTool)) throw error
  fail(error.message)
}

function test() {
  const platform = PLATFORMS.find(({ name }) => name === 'linux-arm64-gnu')
  const node = findArm64Node({ install })
  // where the loader looks first
  const binary = join(ROOT, 'native', platform.file)
  copyFileSync(compile(platform, { install }), binary)
  try {
    const bits = run(process.execPath, ['scripts/bits.js', '--by', node, '--every', String(all ? 1 : EVERY)], 'pipe')
    process.stdout.write(bits)
    if (!/^neon: (\d+) of \1 digests/m.test(bits)) fail('Nothing was compared at the level neon.')
    const vitest = ['node_modules/vitest/vitest.mjs', 'run', '--config', 'vitest.arm64.config.ts']
    run(process.execPath, [...vitest, ...(all ? [] : SPECS)], 'inherit', { HUNGARIAN_LOSS_ARM64_NODE: node })
  } finally {
    rmSync(binary)
  }
}

/** Runs a program to its end; what it prints, where that is not shown. */
function run(program, args, stdout, env = {}) {
  const result = spawnSync(program, args, {
    cwd: ROOT,
    stdio: ['ignore', stdout, 'inherit'],
    encoding: 'utf8',
    env: { ...process.env, ...env },
  })
  if (result.status !== 0) {
    process.stdout.write(result.stdout ?? '')
    throw new Error(`${[program, ...args].join(' ')} ended with ${result.status}.`)
  }
  return result.stdout ?? ''
}

function fail(message) {
  console.error(message)
  process.exit(1)
}
