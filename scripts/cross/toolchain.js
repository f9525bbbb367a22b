/**
 * What compiles for a platform. The compiler at hand where it is for that platform, or where rustup has the target (or, on demand, can
 * fetch it), since that is simplest; else Debian's compiler, which builds the standard library from source for any target. zig links.
 *
 * Where something is missing, a `MissingTool` says in one sentence what it is and how to get it. With `install` it is
 * installed first: system packages where this is Debian's apt and root, as in continuous integration.
 */
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
/** A virtual environment of Python, for what is published there alone; in `target`, since `npm ci` clears node_modules. */
const ZIG = join(ROOT, 'target', 'tools', 'zig')
const ZIG_PACKAGES = ['cargo-zigbuild==0.24.1', 'ziglang==0.17.1']

/** Debian's compiler and the sources of its standard library. */
const DEBIAN = { cargo: '/usr/bin/cargo', rustc: '/usr/bin/rustc', std: '/usr/lib/rustlib/src/rust/library/std' }
const DEBIAN_PACKAGES = ['rustc-web', 'cargo-web', 'rust-web-src']

/** A program or library that is not here; the message says how to get it. */
export class MissingTool extends Error {}

/** Does something that takes tools. Where one is not here, says so, and ends the process with 2. */
export async function withTools(use) {
  try {
    await use()
  } catch (error) {
    if (!(error instanceof MissingTool)) throw error
    console.error(error.message)
    process.exit(2)
  }
}

/**
 * The cargo that compiles for a target.
 * @param {string} target such as `aarch64-unknown-linux-gnu`
 * @param {{ install?: boolean, panic?: 'unwind' | 'abort' }} [options] `panic`: what the standard library does, `unwind` by default
 * @returns {{ source: 'host' | 'rustup' | 'debian', cargo: string, args: string[], env: Record<string, string> }} the program, the
 * options that every `build` needs but `--target`, and what its environment needs
 */
export function findCargo(target, { install = false, panic = 'unwind' } = {}) {
  if (isHost(target)) return { source: 'host', cargo: 'cargo', args: [], env: {} }
  if (hasRustupTarget(target) || (install && succeeds('rustup', ['target', 'add', target]))) {
    return { source: 'rustup', cargo: 'cargo', args: [], env: {} }
  }
  const isThere = () => Object.values(DEBIAN).every((path) => existsSync(path))
  need(
    isThere,
    DEBIAN_PACKAGES,
    `No Rust compiler for ${target} is here: run "rustup target add ${target}", or`,
    install,
  )
  return {
    source: 'debian',
    cargo: DEBIAN.cargo,
    args: [`-Zbuild-std=std,panic_${panic}`],
    // the standard library is built from source by an option that is meant for nightly compilers
    env: { CARGO: DEBIAN.cargo, RUSTC: DEBIAN.rustc, RUSTC_BOOTSTRAP: '1' },
  }
}

/**
 * cargo-zigbuild, which links for Linux with the oldest C library wanted, and for macOS.
 * @param {{ install?: boolean }} [options]
 * @returns {{ zigbuild: string, env: Record<string, string> }} the program, whose first argument is `zigbuild`, and its environment
 */
export function findZig({ install = false } = {}) {
  if (succeeds('cargo-zigbuild', ['--version'])) return { zigbuild: 'cargo-zigbuild', env: {} }
  const bin = join(ZIG, 'bin')
  const [zigbuild, python] = [join(bin, 'cargo-zigbuild'), join(bin, 'python')]
  const commands = [
    ['python3', ['-m', 'venv', ZIG]],
    [python, ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', ...ZIG_PACKAGES]],
  ]
  const isThere = () => succeeds(zigbuild, ['--version']) && succeeds(python, ['-m', 'ziglang', 'version'])
  if (!isThere()) {
    const shown = commands.map((command) => command.flat().join(' ')).join(' && ')
    const message = `No cargo-zigbuild is here to link with: install it by "${shown}".`
    if (!install) throw new MissingTool(message)
    if (!succeeds('python3', ['-c', 'import ensurepip'])) installSystemPackages(['python3-venv'])
    for (const [program, args] of commands) if (!succeeds(program, args, 'inherit')) throw new MissingTool(message)
  }
  return { zigbuild, env: { PATH: `${bin}${delimiter}${process.env.PATH}`, CARGO_ZIGBUILD_PYTHON_PATH: python } }
}

/**
 * Makes sure of something that Debian's packages bring.
 * @param {() => boolean} isThere
 * @param {readonly string[]} packages
 * @param {string} message what is missing, before `run "apt-get install …"`
 * @param {boolean} [install]
 */
export function need(isThere, packages, message, install = false) {
  if (isThere()) return
  if (install && installSystemPackages(packages) && isThere()) return
  throw new MissingTool(`${message} run "apt-get install ${packages.join(' ')}" on Debian 12 or later.`)
}

/** Whether a program is there and ends well. */
export function succeeds(program, args, stdio = 'ignore') {
  return spawnSync(program, args, { stdio }).status === 0
}

/** Whether the compiler at hand is one for this very platform. */
function isHost(target) {
  const { status, stdout } = spawnSync('rustc', ['--version', '--verbose'], { encoding: 'utf8' })
  return status === 0 && stdout.includes(`host: ${target}\n`)
}

function hasRustupTarget(target) {
  const { status, stdout } = spawnSync('rustup', ['target', 'list', '--installed'], { encoding: 'utf8' })
  return status === 0 && stdout.split('\n').includes(target)
}

/** Whether the packages could be installed. */
function installSystemPackages(packages) {
  if (process.getuid?.() !== 0 || !succeeds('apt-get', ['--version'])) return false
  const install = ['install', '--yes', '--quiet', '--no-install-recommends', ...packages]
  return (
    succeeds('apt-get', install, 'inherit') ||
    (succeeds('apt-get', ['update', '--quiet'], 'inherit') && succeeds('apt-get', install, 'inherit'))
  )
}
