/**
 * Looks for memory that is misused or never given back.
 *
 * Usage: node scripts/memory.js [--short] [asan] [addon] [valgrind] [miri]
 * `asan`: the core's tests under AddressSanitizer with its search for leaks. `addon`: the addon, so compiled, in Node.
 * `valgrind`: the core's unit tests and the inputs that fuzzing has kept under memcheck. `miri`: these tests, with fewer
 * cases, and the shortest inputs under Miri, which `rustup component add --toolchain nightly miri` installs. Without names:
 * the first three, as far as this machine has what they need. `--short`: of the core the unit tests and the kept inputs
 * alone, and fewer calls of the addon; without valgrind.
 *
 * For `asan` and `addon` Linux and gcc are needed, for `valgrind` valgrind.
 */
import { execFileSync, spawnSync } from 'node:child_process'
import { copyFileSync, existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { fail, hostTarget, ROOT, runOrExit, withFlags } from './instrumented.js'

const { values: options, positionals } = parseArgs({
  options: { short: { type: 'boolean', default: false } },
  allowPositionals: true,
})

/** The tests of the solvers. */
const SOLVER = ['solver', 'sparse', 'certificate', 'grouping']

/** What fuzzing has kept. */
const FUZZ = ['--package', 'hungarian-loss-fuzz', '--test', 'corpus']

/** Tests that ask for more memory than any machine has, which the system refuses, and Miri takes for its own end. */
const IMPOSSIBLE = ['what_no_machine_has_is_refused']

/** Tests that start a pool of threads. */
const POOLED = ['a_share_helps_with_jobs_within_a_job_and_counts_its_threads']

/** The most handles that the script and the package hold until the end. */
const MOST_HANDLES = 32

const CHECKS = { asan, addon, valgrind, miri }
for (const name of positionals) {
  if (!Object.hasOwn(CHECKS, name)) fail(`There are only the checks ${Object.keys(CHECKS).join(', ')}, got "${name}".`)
}
const wanted = positionals.length > 0 ? positionals : options.short ? ['asan', 'addon'] : ['asan', 'addon', 'valgrind']
for (const name of wanted) CHECKS[name](positionals.length > 0)
console.log(`\nNo misuse of memory found: ${wanted.join(', ')}`)

/** The crates without the binding, which needs Node. */
function core() {
  return ['hungarian-loss-simd', 'hungarian-loss-lsap', 'hungarian-loss-evaluate', 'hungarian-loss'].flatMap(
    (crate) => ['--package', crate],
  )
}

function asan() {
  const host = hostTarget()
  const env = {
    ...withFlags(['-Zsanitizer=address']),
    ASAN_OPTIONS: 'detect_leaks=1:allocator_may_return_null=1',
    LSAN_OPTIONS: `suppressions=${join(ROOT, 'scripts', 'memory', 'leaks.txt')}`,
  }
  const where = ['--locked', '--target', host, '--target-dir', join(ROOT, 'target', 'asan')]
  // tests/memory.rs has an allocator of its own, which counts what a sanitizer adds as well
  const tests = options.short ? ['--lib'] : ['--lib', '--test', 'all', ...SOLVER.flatMap((name) => ['--test', name])]
  runOrExit('cargo', ['test', ...where, ...core(), ...tests], env)
  runOrExit('cargo', ['test', ...where, ...FUZZ], env)
}

function addon(isAsked) {
  const runtime = execFileSync('gcc', ['-print-file-name=libasan.so'], { encoding: 'utf8' }).trim()
  if (process.platform !== 'linux' || !existsSync(runtime)) {
    const message = 'The addon under AddressSanitizer was left out: it needs Linux and libasan, which gcc brings.'
    return isAsked ? fail(message) : console.log(message)
  }
  const host = hostTarget()
  const folder = join(ROOT, 'target', 'asan')
  const what = ['--package', 'hungarian-loss-node', '--profile', 'debugging', '--locked']
  const env = withFlags(['-Zsanitizer=address', '-Zexternal-clangrt'])
  runOrExit('cargo', ['build', ...what, '--target', host, '--target-dir', folder], env)
  const built = join(folder, 'addon')
  mkdirSync(built, { recursive: true })
  copyFileSync(join(folder, host, 'debugging', 'libhungarian_loss_node.so'), join(built, 'addon.node'))
  const calls = options.short ? '200' : '5000'
  const { status, stderr, stdout } = spawnSync(
    'node',
    ['--expose-gc', join(ROOT, 'scripts', 'memory', 'calls.js'), calls],
    {
      cwd: ROOT,
      encoding: 'utf8',
      env: {
        ...process.env,
        LD_PRELOAD: runtime,
        NAPI_RS_NATIVE_LIBRARY_PATH: join(built, 'addon.node'),
        // V8 keeps much until the end, so of leaks those count that the addon has a part in
        ASAN_OPTIONS: 'detect_leaks=1:allocator_may_return_null=1:exitcode=0:handle_segv=0',
      },
      maxBuffer: 1 << 28,
    },
  )
  process.stdout.write(stdout)
  const leaks = stderr
    .split(/\n\n/)
    .filter((block) => / leak of /.test(block) && /addon\.node/.test(block) && !isAlive(block))
  const isBad = status !== 0 || /ERROR: AddressSanitizer/.test(stderr) || !/calls made$/m.test(stdout)
  if (isBad || leaks.length > 0) {
    console.error(isBad ? stderr.slice(-6000) : leaks.join('\n\n'))
    fail('The addon misuses memory.')
  }
  console.log(`no error, and no leak with a frame of the addon`)
}

/** Whether a block is what Node.js keeps for handles that were alive at the end, which are few however many calls there were. */
function isAlive(block) {
  const objects = Number(/ in (\d+) object/.exec(block)?.[1])
  return /#1 \S+ in napi_create_(?:external|reference) /.test(block) && objects <= MOST_HANDLES
}

function valgrind(isAsked) {
  if (spawnSync('valgrind', ['--version']).status !== 0) {
    const message = 'valgrind was left out, since it was not found: install it by the package manager of the system.'
    return isAsked ? fail(message) : console.log(message)
  }
  const memcheck = `valgrind --quiet --error-exitcode=9 --leak-check=full --errors-for-leak-kinds=definite --suppressions=${join(ROOT, 'scripts', 'memory', 'valgrind.supp')}`
  const target = hostTarget()
  const key = `CARGO_TARGET_${target.toUpperCase().replaceAll('-', '_')}_RUNNER`
  const env = { ...process.env, [key]: memcheck, PROPTEST_CASES: '4', HUNGARIAN_LOSS_FUZZ_CASES: '20' }
  const where = ['--locked', '--target', target]
  runOrExit('cargo', ['test', ...where, ...core(), '--lib'], env)
  runOrExit('cargo', ['test', ...where, ...FUZZ], env)
}

function miri() {
  if (spawnSync('cargo', ['+nightly', 'miri', '--version']).status !== 0) {
    fail('Miri was not found: rustup toolchain install nightly --component miri, then run this again.')
  }
  const flags = [
    // for tests that read files and the clock
    '-Zmiri-disable-isolation',
    // else Miri varies the last digits of the functions that the tests compare with
    '-Zmiri-deterministic-floats',
  ]
  // it says so of each crate that it does not optimise
  const env = { ...process.env, CARGO_PROFILE_DEV_OPT_LEVEL: '0', PROPTEST_CASES: '16', HUNGARIAN_LOSS_FUZZ_CASES: '0' }
  const run = (what, filters, more = []) =>
    runOrExit('cargo', ['+nightly', 'miri', 'test', '--locked', ...what, '--', ...filters], {
      ...env,
      MIRIFLAGS: [...flags, ...more].join(' '),
    })
  run(
    [...core(), '--lib'],
    [...IMPOSSIBLE, ...POOLED].flatMap((name) => ['--skip', name]),
  )
  run(FUZZ, [])
  run(['--package', 'hungarian-loss-lsap', '--lib'], POOLED, [
    // the usual rules refuse how crossbeam-epoch, by which the pool shares its work, goes from a field to what holds it
    '-Zmiri-tree-borrows',
    '-Zmiri-permissive-provenance',
    // a pool that its caller is one of is there until the process ends
    '-Zmiri-ignore-leaks',
  ])
}
