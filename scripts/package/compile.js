/**
 * Compiles the addon for a platform as it is published: without symbols, without the paths of this machine, and on Linux for
 * C libraries far older than this machine's.
 */
import { spawnSync } from 'node:child_process'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { findCargo, findZig } from '../cross/toolchain.js'
import { ROOT } from './platforms.js'

/** The C library that binaries for Linux are linked with: older than any that Node.js 20 runs on. */
const GLIBC = '2.17'
const LIBRARY = {
  linux: 'libhungarian_loss_node.so',
  darwin: 'libhungarian_loss_node.dylib',
  win32: 'hungarian_loss_node.dll',
}

/**
 * @param {import('./platforms.js').Platform} platform
 * @param {{ install: boolean }} options whether to install what is missing of the toolchain
 * @returns {string} the path of the binary
 */
export function compile({ target, system, abi, file }, { install }) {
  const { cargo, args, env } = findCargo(target, { install })
  const needsZig = system === 'linux' || system !== process.platform
  const zig = needsZig ? findZig({ install }) : undefined
  const build = [
    '--locked',
    '--release',
    '--package',
    'hungarian-loss-node',
    '--target',
    abi === 'gnu' ? `${target}.${GLIBC}` : target,
    ...args,
  ]
  const [program, command] = zig === undefined ? [cargo, 'build'] : [zig.zigbuild, 'zigbuild']
  const { status } = spawnSync(program, [command, ...build], {
    cwd: ROOT,
    stdio: 'inherit',
    env: {
      ...process.env,
      ...env,
      ...zig?.env,
      CARGO_PROFILE_RELEASE_STRIP: 'symbols',
      CARGO_ENCODED_RUSTFLAGS: flagsFor(abi ?? system, file).join('\x1f'),
    },
  })
  if (status !== 0) throw new Error(`The addon could not be compiled for ${target}.`)
  return join(ROOT, 'target', target, 'release', LIBRARY[system])
}

function flagsFor(abi, file) {
  const cargoHome = process.env.CARGO_HOME ?? join(homedir(), '.cargo')
  const rustupHome = process.env.RUSTUP_HOME ?? join(homedir(), '.rustup')
  // the last that fits is taken, so the project is where it is even within a home folder
  const renamed = [
    ['/usr/lib/rustlib/src', 'rust'],
    ['/usr/src', 'rust'],
    [homedir(), 'home'],
    [rustupHome, 'rustup'],
    [cargoHome, 'cargo'],
    [ROOT, ''],
  ]
  const remap = renamed.map(([path, name]) => `--remap-path-prefix=${path}=${name}`)
  // with musl, an addon is loaded by a program that has the C library already; with msvc, Node.js brings its own and no other
  const others = {
    musl: ['-Ctarget-feature=-crt-static'],
    msvc: ['-Ctarget-feature=+crt-static'],
    // its own name, where the linker would write down the path that it is linked at
    darwin: [`-Clink-arg=-Wl,-install_name,@rpath/${file}`],
  }
  return [...remap, ...(others[abi] ?? [])]
}
