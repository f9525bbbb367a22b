/**
 * Makes tarballs: the main package, and one for each platform.
 *
 * The main package's manifest gets its `optionalDependencies` here and has none in the checkout: they name this very version,
 * which is not published before it is packed, so a lock file could not hold them, and `npm ci` would ask a registry for them. What
 * only a checkout needs (scripts, development dependencies) is left out.
 */
import { spawnSync } from 'node:child_process'
import { copyFileSync, cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { NapiCli } from '@napi-rs/cli'
import { layOutPackage, MANIFEST as WASM_MANIFEST } from '../wasm/package.js'
import { ALL, MANIFEST, ROOT } from './platforms.js'

/** Where the tarballs are put; not part of the checkout. */
export const PACKAGES = join(ROOT, 'packages')
const STAGE = join(PACKAGES, 'stage')

/** Manifest fields that users have no use for. */
const OF_CHECKOUT = new Set(['scripts', 'devDependencies', 'workspaces', 'napi', 'files'])

/** Packs what users install first; returns the tarball's path. */
export function packMain() {
  const folder = join(STAGE, MANIFEST.name)
  // without the addon, which a dependency from git has in place of a platform's package
  for (const path of MANIFEST.files) if (!path.includes('*')) copy(path, folder)
  const kept = Object.entries(MANIFEST).filter(([key]) => !OF_CHECKOUT.has(key))
  const optionalDependencies = Object.fromEntries(ALL.map(({ packageName }) => [packageName, MANIFEST.version]))
  return pack(folder, { ...Object.fromEntries(kept), optionalDependencies })
}

/**
 * Packs a binary.
 * @param {import('./platforms.js').Platform} platform
 * @param {string} binary its path
 * @returns {string} the tarball's path
 */
export function packPlatform({ name, file }, binary) {
  const folder = join(STAGE, name)
  copyFileSync(binary, join(folder, file))
  copyFileSync(join(ROOT, 'LICENSE'), join(folder, 'LICENSE'))
  return pack(folder, JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')))
}

/** Packs the WebAssembly build as it lies in the checkout; returns the tarball's path. */
export function packWasm() {
  const folder = join(STAGE, WASM_MANIFEST.name)
  layOutPackage(folder)
  copyFileSync(join(ROOT, 'LICENSE'), join(folder, 'LICENSE'))
  return pack(folder, WASM_MANIFEST)
}

/** Removes all that earlier runs left, and makes a folder with its manifest for each platform. */
export async function preparePackages() {
  rmSync(PACKAGES, { recursive: true, force: true })
  mkdirSync(STAGE, { recursive: true })
  await new NapiCli().createNpmDirs({ cwd: ROOT, npmDir: relative(ROOT, STAGE) })
}

function copy(path, folder) {
  mkdirSync(dirname(join(folder, path)), { recursive: true })
  cpSync(join(ROOT, path), join(folder, path), { recursive: true })
}

/** `npm pack` of a folder under a manifest. */
function pack(folder, manifest) {
  writeFileSync(join(folder, 'package.json'), `${JSON.stringify({ ...manifest, ...home() }, undefined, 2)}\n`)
  const command = ['pack', '--json', '--ignore-scripts', '--pack-destination', PACKAGES]
  const options = { cwd: folder, encoding: 'utf8', shell: process.platform === 'win32' }
  const { status, stdout, stderr } = spawnSync('npm', command, options)
  if (status !== 0) throw new Error(`${manifest.name} could not be packed:\n${stderr}`)
  return join(PACKAGES, JSON.parse(stdout)[0].filename)
}

/** Where the sources are, which the registry compares with the provenance. Only the place that publishes knows. */
function home() {
  const { GITHUB_SERVER_URL: server, GITHUB_REPOSITORY: repository } = process.env
  return repository === undefined ? {} : { repository: { type: 'git', url: `git+${server}/${repository}.git` } }
}
