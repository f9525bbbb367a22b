/** The package of WebAssembly: which files it has, and how users reach them. */
import { copyFileSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { digestOf } from '../digest.js'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const { name, version, license, engines } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'))

/** Where they lie once built, apart from the addon, whose build removes what it does not know. */
export const BUILT = join(ROOT, 'native', 'wasm')

/** As Rust calls the platform, and packages. */
export const TARGET = 'wasm32-wasip1'
/** The module, and its loaders for Node.js and for browsers. */
export const MODULE = `${name}.${TARGET}.wasm`
export const NODE_LOADER = `${name}.wasip1.cjs`
export const BROWSER_LOADER = `${name}.wasip1-browser.js`
/** What the licences of the bundled packages ask to be told. */
export const NOTICES = `${name}.wasip1.licenses.txt`

/** All of them. */
export const FILES = [MODULE, NODE_LOADER, BROWSER_LOADER, NOTICES]

/** Its package.json. It is for every processor: browsers are no platform that package managers know of. */
export const MANIFEST = {
  name: `${name}-${TARGET}`,
  version,
  description: `${name} as WebAssembly, for browsers and platforms without a native addon`,
  license,
  engines,
  type: 'module',
  main: NODE_LOADER,
  browser: BROWSER_LOADER,
  exports: {
    '.': { browser: `./${BROWSER_LOADER}`, default: `./${NODE_LOADER}` },
    [`./${MODULE}`]: `./${MODULE}`,
    './package.json': './package.json',
  },
  files: FILES,
}

/** Of what it is built. */
const INPUTS = ['Cargo.toml', 'Cargo.lock', 'crates', 'package-lock.json', 'scripts/wasm.js', 'scripts/wasm/package.js']
const STAMP = join(ROOT, 'node_modules', '.cache', name, 'wasm')

/** Whether all of it is built, and nothing has changed since. */
export function isFresh() {
  const isThere = [STAMP, ...FILES.map((file) => join(BUILT, file))].every((path) => existsSync(path))
  return isThere && readFileSync(STAMP, 'utf8') === digestOf(TARGET, INPUTS)
}

/** Runs what builds it, and remembers of what. */
export async function whileStale(build) {
  const digest = digestOf(TARGET, INPUTS)
  rmSync(STAMP, { force: true }) // what a build that is interrupted leaves is not fresh
  await build()
  mkdirSync(join(STAMP, '..'), { recursive: true })
  writeFileSync(STAMP, digest)
}

/** Makes a folder what the package is once installed. */
export function layOutPackage(folder) {
  mkdirSync(folder, { recursive: true })
  for (const file of FILES) copyFileSync(join(BUILT, file), join(folder, file))
  writeFileSync(join(folder, 'package.json'), `${JSON.stringify(MANIFEST, undefined, 2)}\n`)
}
