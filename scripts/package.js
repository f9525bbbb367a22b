/**
 * The packages as they are published, in the folder `packages`: the main one, and one for each platform that this machine can
 * compile for: WebAssembly everywhere, Linux (x64 and arm64, glibc and musl) and macOS on Linux, macOS on macOS, Windows on Windows.
 * Each tarball is checked.
 *
 * Usage: npm run package [-- --only x64-gnu,darwin] [--install] [--strict]. `--only`: parts of the platforms' names.
 * `--install` installs what is missing of the toolchain, where that is possible; `--strict` makes it an error if a platform that
 * was asked for is left out.
 */
import { spawnSync } from 'node:child_process'
import { statSync } from 'node:fs'
import { basename, join } from 'node:path'
import { parseArgs } from 'node:util'
import { MissingTool } from './cross/toolchain.js'
import { compile } from './package/compile.js'
import { faultsOfMain, faultsOfPlatform, faultsOfWasm, needsOfBinary } from './package/inspect.js'
import { PACKAGES, packMain, packPlatform, packWasm, preparePackages } from './package/pack.js'
import { isWithinReach, platformsNamed, ROOT, WASM } from './package/platforms.js'

const { only, install, strict } = parseArgs({
  options: {
    only: { type: 'string', default: '' },
    install: { type: 'boolean', default: false },
    strict: { type: 'boolean', default: false },
  },
}).values

await preparePackages()
const main = packMain()
const rows = [{ tarball: main, needs: '', faults: faultsOfMain(main) }]
const leftOut = []
for (const platform of platformsNamed(only.split(',').filter((part) => part !== ''))) {
  try {
    rows.push(make(platform))
  } catch (error) {
    if (!(error instanceof MissingTool)) throw error
    leftOut.push(`${platform.name}: ${error.message}`)
  }
}

console.log(`\nIn ${PACKAGES}:`)
console.table(
  rows.map(({ tarball, needs, faults }) => ({
    tarball: basename(tarball),
    kilobytes: Math.round(statSync(tarball).size / 1000),
    needs,
    faults: faults.length,
  })),
)
for (const line of leftOut) console.log(`Left out: ${line}`)
const faults = rows.flatMap(({ tarball, faults: own }) => own.map((fault) => `${basename(tarball)}: ${fault}.`))
for (const fault of faults) console.error(fault)
if (faults.length > 0 || (strict && leftOut.length > 0)) process.exit(1)

/** Compiles, packs and checks the package of a platform. */
function make(platform) {
  if (!isWithinReach(platform)) {
    throw new MissingTool(`Nothing on ${process.platform} compiles for ${platform.system}: run this command there.`)
  }
  if (platform === WASM) return makeWasm()
  const binary = compile(platform, { install })
  const tarball = packPlatform(platform, binary)
  return { tarball, needs: needsOfBinary(binary), faults: faultsOfPlatform(tarball, platform) }
}

function makeWasm() {
  const build = [join(ROOT, 'scripts', 'wasm.js'), ...(install ? ['--install'] : [])]
  const { status } = spawnSync(process.execPath, build, { cwd: ROOT, stdio: 'inherit' })
  if (status !== 0) throw new MissingTool('What the build of WebAssembly lacks stands above.')
  const tarball = packWasm()
  return { tarball, needs: '', faults: faultsOfWasm(tarball) }
}
