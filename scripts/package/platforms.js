/**
 * The platforms that packages are made for, by the list of targets in package.json, and where each can be compiled: what is
 * for Linux and macOS on Linux too, what is for Windows on Windows alone.
 */
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { parseTriple } from '@napi-rs/cli'
import * as wasm from '../wasm/package.js'

export const ROOT = fileURLToPath(new URL('../..', import.meta.url))
export const MANIFEST = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'))
const { binaryName, targets } = MANIFEST.napi

/**
 * @typedef {object} Platform
 * @property {string} name as the name of its package ends, such as `linux-x64-gnu`
 * @property {string} target as Rust calls it
 * @property {string} system as `process.platform` calls it
 * @property {string} arch as `process.arch` calls it
 * @property {string | null} abi `gnu`, `musl`, `msvc` or none
 * @property {string} packageName
 * @property {string} file the binary in the package
 */

/** @type {readonly Platform[]} */
export const PLATFORMS = targets.map((target) => {
  const { platformArchABI: name, platform: system, arch, abi } = parseTriple(target)
  const packageName = `${MANIFEST.name}-${name}`
  return { name, target, system, arch, abi, packageName, file: `${binaryName}.${name}.node` }
})

/** What browsers load, and Node.js where there is no binary for the platform. It is compiled by `scripts/wasm.js`. */
export const WASM = {
  name: wasm.TARGET,
  target: wasm.TARGET,
  system: 'wasm',
  arch: 'wasm32',
  abi: null,
  packageName: wasm.MANIFEST.name,
  file: wasm.MODULE,
}

/** All that the main package may need of these. */
export const ALL = [...PLATFORMS, WASM]

/** The platforms whose names have one of the parts; all where none is given. */
export function platformsNamed(parts) {
  if (parts.length === 0) return ALL
  const unknown = parts.filter((part) => !ALL.some(({ name }) => name.includes(part)))
  if (unknown.length > 0) {
    throw new Error(`No platform is called ${unknown.join(', ')}: there are ${ALL.map(({ name }) => name).join(', ')}.`)
  }
  return ALL.filter(({ name }) => parts.some((part) => name.includes(part)))
}

/** Whether this machine's system compiles for a platform. */
export function isWithinReach({ system }) {
  return system === process.platform || system === WASM.system || (process.platform === 'linux' && system === 'darwin')
}

/** The platform of this process, or nothing where no binary is published for it. */
export function ownPlatform() {
  const isMusl = process.platform === 'linux' && process.report.getReport().header.glibcVersionRuntime === undefined
  return PLATFORMS.find(
    ({ system, arch, abi }) => system === process.platform && arch === process.arch && (abi === 'musl') === isMusl,
  )
}
