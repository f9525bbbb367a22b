/**
 * Publishes the tarballs of a folder to the npm registry, with their provenance: all of one version, that of the tag; every platform's
 * before the main one, which asks for them. What a run that failed has published already is left alone.
 *
 * Usage: node scripts/publish.js packages v0.1.0 [--dry-run]. The registry must trust the workflow that runs this, see CONTRIBUTING.md.
 */
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { faultsOfMain, faultsOfPlatform, faultsOfWasm } from './package/inspect.js'
import { ALL, MANIFEST, WASM } from './package/platforms.js'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { 'dry-run': { type: 'boolean', default: false } },
})
const [folder, tag] = positionals
const { name, version } = MANIFEST
if (tag !== `v${version}`) fail(`The tag is ${tag}, and the version is ${version}.`)

const faultsOf = (platform) => (tarball) =>
  platform === WASM ? faultsOfWasm(tarball) : faultsOfPlatform(tarball, platform)
const packages = [
  ...ALL.map((platform) => ({ name: platform.packageName, faults: faultsOf(platform) })),
  { name, faults: faultsOfMain },
].map(({ name, faults }) => ({ name, faults, tarball: join(resolve(folder), `${name}-${version}.tgz`) }))

const missing = packages.filter(({ tarball }) => !existsSync(tarball)).map(({ name }) => name)
if (missing.length > 0) fail(`These are missing: ${missing.join(', ')}.`)
const faults = packages.flatMap(({ name, faults, tarball }) => faults(tarball).map((fault) => `${name}: ${fault}`))
if (faults.length > 0) fail(faults.join('\n'))

for (const { name, tarball } of packages) {
  if (npm(['view', `${name}@${version}`, 'version'], 'pipe').stdout?.trim() === version) {
    console.log(`${name}: is published already.`)
    continue
  }
  const publish = ['publish', tarball, '--provenance', '--access', 'public']
  if (npm(values['dry-run'] ? [...publish, '--dry-run'] : publish, 'inherit').status !== 0) {
    fail(`${name} could not be published.`)
  }
}

function npm(args, stdout) {
  return spawnSync('npm', args, {
    stdio: ['ignore', stdout, stdout === 'pipe' ? 'ignore' : 'inherit'],
    encoding: 'utf8',
  })
}

function fail(message) {
  console.error(message)
  process.exit(1)
}
