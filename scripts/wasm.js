/**
 * Builds the binding for WebAssembly, as the package of that platform has it: to `native/wasm/` the module, and its loaders for
 * Node.js and for browsers, each with all that it needs of emnapi. What is fresh is left alone. (wasm-opt would make the module
 * one or two percent smaller to transfer, and not faster.)
 *
 * Usage: node scripts/wasm.js [--install]. With `--install` missing tools are installed first, where that can be done.
 */
import { spawnSync } from 'node:child_process'
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { findCargo, MissingTool, need } from './cross/toolchain.js'
import { BROWSER_LOADER, BUILT, isFresh, MODULE, NODE_LOADER, NOTICES, TARGET, whileStale } from './wasm/package.js'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const NAME = 'hungarian-loss'
const COMPILED = join(ROOT, 'target', 'wasm')
/** Where the compiler looks for all that belongs to a target; Debian's own lacks what it links. */
const SYSROOT = join(ROOT, 'node_modules', '.cache', NAME, 'wasm-sysroot')

/** Debian's linker, and what of its C library every module begins with. */
const LINKER = '/usr/bin/wasm-ld'
const LIBRARY = '/usr/lib/wasm32-wasi'
const STARTS = ['crt1-command.o', 'crt1-reactor.o', 'libc.a']

/** The packages that are bundled, whose licences want to be told. */
const BUNDLED = ['@emnapi/core', '@emnapi/runtime', '@emnapi/wasi-threads', 'tslib', 'emnapi']

const options = process.argv.slice(2)
if (options.length > 1 || (options.length === 1 && options[0] !== '--install')) {
  fail(`There is only the option --install, got "${options.join(' ')}".`)
}
try {
  if (!isFresh()) await whileStale(() => buildAll({ install: options.length > 0 }))
} catch (error) {
  if (!(error instanceof MissingTool)) throw error
  fail(error.message)
}

async function buildAll({ install }) {
  const module = compile({ install })
  mkdirSync(BUILT, { recursive: true })
  copyFileSync(module, join(BUILT, MODULE))
  const entries = join(ROOT, 'crates', 'node', 'wasm')
  const common = { bundle: true, minify: true, target: 'es2022', logLevel: 'warning', legalComments: 'none' }
  await build({
    ...common,
    entryPoints: [join(entries, 'node.cjs')],
    outfile: join(BUILT, NODE_LOADER),
    platform: 'node',
    format: 'cjs',
  })
  await build({
    ...common,
    entryPoints: [join(entries, 'browser.js')],
    outfile: join(BUILT, BROWSER_LOADER),
    platform: 'browser',
    format: 'esm',
  })
  writeFileSync(join(BUILT, NOTICES), licences())
}

/** Compiles the module, and gives its path. */
function compile({ install }) {
  const { source, cargo, args, env } = findCargo(TARGET, { install, panic: 'abort' })
  const flags = ['-Ctarget-feature=+simd128', '-Cstrip=symbols', ...shortened(source)]
  const own = source === 'debian' ? debianToolchain({ install }) : { flags: [], env: {} }
  const options = ['--release', '--locked', '--package', `${NAME}-node`, '--target', TARGET, '--target-dir', COMPILED]
  const { status } = spawnSync(cargo, ['build', ...options, ...args], {
    cwd: ROOT,
    stdio: 'inherit',
    env: {
      ...process.env,
      ...env,
      ...own.env,
      EMNAPI_LINK_DIR: join(ROOT, 'node_modules', 'emnapi', 'lib', TARGET),
      CARGO_ENCODED_RUSTFLAGS: [...flags, ...own.flags].join('\x1f'),
    },
  })
  if (status !== 0) fail(`The binding could not be compiled for ${TARGET}.`)
  return join(COMPILED, TARGET, 'release', `${NAME.replace('-', '_')}_node.wasm`)
}

/** Panics name files of the sources; none of them by its place on this machine. */
function shortened(source) {
  const cargo = process.env.CARGO_HOME ?? join(homedir(), '.cargo')
  const paths = {
    [ROOT]: '',
    [join(cargo, 'registry', 'src')]: 'registry',
    ...(source === 'debian' && { [SYSROOT]: 'rust' }),
  }
  return Object.entries(paths).map(([path, name]) => `--remap-path-prefix=${path}=${name}`)
}

/** Debian's compiler in a place of its own, where the C library lies beside it; nothing is written to the system's. */
function debianToolchain({ install }) {
  const isThere = (paths) => () => paths.every((path) => existsSync(path))
  need(isThere([LINKER]), ['lld'], 'No linker for WebAssembly is here:', install)
  const starts = STARTS.map((file) => join(LIBRARY, file))
  need(isThere(starts), ['wasi-libc'], 'No C library for WebAssembly is here:', install)
  rmSync(SYSROOT, { recursive: true, force: true })
  const [rustlib, theirs] = [join(SYSROOT, 'lib', 'rustlib'), '/usr/lib/rustlib']
  const contained = join(rustlib, TARGET, 'lib', 'self-contained')
  mkdirSync(contained, { recursive: true })
  starts.forEach((path, i) => symlinkSync(path, join(contained, STARTS[i])))
  const host = /^host: (.*)$/m.exec(spawnSync('/usr/bin/rustc', ['-vV'], { encoding: 'utf8' }).stdout)[1]
  for (const folder of ['src', host]) symlinkSync(join(theirs, folder), join(rustlib, folder))
  // build scripts ask the compiler where it is, so that a flag for this target alone would not do
  const rustc = join(SYSROOT, 'rustc')
  writeFileSync(rustc, `#!/bin/sh\nexec /usr/bin/rustc --sysroot '${SYSROOT}' "$@"\n`)
  chmodSync(rustc, 0o755)
  return { flags: ['-Clinker-flavor=wasm-ld', `-Clinker=${LINKER}`], env: { RUSTC: rustc } }
}

function licences() {
  const own = BUNDLED.map((name) => {
    const text = ['LICENSE', 'LICENSE.txt', 'LICENSE.md'].map((file) => tryRead(join(ROOT, 'node_modules', name, file)))
    return `${name}\n\n${text.find((found) => found !== undefined)?.trim() ?? fail(`${name} has no licence.`)}\n`
  })
  return `The loaders and the module contain parts of these packages.\n\n${own.join('\n---\n\n')}`
}

function tryRead(path) {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}

function fail(message) {
  console.error(message)
  process.exit(1)
}
