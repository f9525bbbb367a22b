/**
 * Whether the package works as it is published: its tarballs are installed in an empty folder, without Rust, and used in every way
 * that docs/bundlers.md has, by its very files and commands.
 *
 * Usage: npm run test:package [-- --all | name …] [--packages folder]. Without names: by `import`, by `require`, from the command line
 * and in TypeScript. `--packages`: where the tarballs are; otherwise those of `npm run package`, which are made first where they are
 * missing or older than the sources.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, statSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { readSection, readTenLines } from './package/guide.js'
import { MissingTool } from './cross/toolchain.js'
import { PACKAGES } from './package/pack.js'
import { titleOf } from './package/page.js'
import { MANIFEST, ownPlatform, ROOT, WASM } from './package/platforms.js'
import { Project } from './package/project.js'
import { loadsPackage, LOSS, PAGES, WAYS } from './package/ways.js'

/** What tarballs are made of. */
const SOURCES = [
  'package.json',
  'Cargo.toml',
  'Cargo.lock',
  'crates',
  'src',
  'scripts/cli.js',
  'README.md',
  'CHANGELOG.md',
  'scripts/package',
]
const OWN = ownPlatform()

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { all: { type: 'boolean', default: false }, packages: { type: 'string' } },
})
const unknown = positionals.filter((name) => !WAYS.some((way) => way.name === name))
if (unknown.length > 0)
  fail(`No way is called ${unknown.join(', ')}: there are ${WAYS.map(({ name }) => name).join(', ')}.`)

const chosen = WAYS.filter(
  ({ name, short }) => values.all || (positionals.length > 0 ? positionals.includes(name) : short),
)
if (OWN === undefined) fail(`No binary is published for ${process.platform} ${process.arch}.`)
const folder = values.packages ?? makePackages(chosen.some(({ wasm }) => wasm) ? [OWN, WASM] : [OWN])
const failed = []
for (const way of chosen) {
  if (way.only !== undefined && way.only !== process.platform) {
    console.log(`${way.name}: left out, on ${way.only} alone`)
    continue
  }
  const start = performance.now()
  try {
    await tryWay(way)
    console.log(`${way.name}: works (${((performance.now() - start) / 1000).toFixed(0)} s)`)
  } catch (error) {
    if (!(error instanceof MissingTool)) failed.push(way.name)
    console.error(`${way.name}: ${error instanceof MissingTool ? 'left out: ' : ''}${error.message}`)
  }
}
if (failed.length > 0) fail(`These ways fail: ${failed.join(', ')}.`)
if (chosen.length < WAYS.length) {
  const others = WAYS.filter((way) => !chosen.includes(way)).map(({ name }) => name)
  console.log(`Left out: ${others.join(', ')}; try them by name, or all: npm run test:package -- --all`)
}

/** Makes a project by a section of the guide, runs its commands and compares what they print. */
async function tryWay(way) {
  const { section, packages = [], copies = [], variants = (command) => [command], server, page } = way
  const { prints = LOSS, times = 1 } = way
  const { files, commands } = readSection(section)
  const { program } = readTenLines()
  const project = new Project()
  try {
    project.install([tarballOf(MANIFEST.name), tarballOf((way.wasm ? WASM : OWN).packageName), ...packages])
    for (const name of ['try.mjs', ...copies]) project.write(name, program)
    for (const [name, text] of [...files, ...(page === undefined ? [] : readSection(PAGES).files)]) {
      project.write(name, text)
    }
    let compared = 0
    const compare = (command, printed, expected, count) => {
      expectPrinted(command, printed, expected, count)
      compared += 1
    }
    for (const command of commands.flatMap(variants)) {
      const printed = project.run(command)
      if (loadsPackage(way, command)) compare(command, printed, prints, times)
      if (server !== undefined) compare(command, await project.ask(server.program, server.path), LOSS, 1)
    }
    if (page !== undefined) {
      project.run(
        `node -e "fs.existsSync('${page}/index.html') || fs.copyFileSync('index.html', '${page}/index.html')"`,
      )
      compare('the page', await titleOf(join(project.folder, page)), `${LOSS} by wasm`, 1)
    }
    if (compared === 0) throw new Error(`No command of the section "${section}" loads the package.`)
  } finally {
    project.remove()
  }
}

function expectPrinted(command, printed, expected, times) {
  // some tools colour their words whatever the environment says
  // oxlint-disable-next-line no-control-regex
  const plain = printed.replace(/\u001b\[[\d;]*m/g, '').replaceAll('\r\n', '\n')
  const found = plain.split(expected).length - 1
  if (found !== times) throw new Error(`"${command}" should print ${times} × "${expected}" and printed:\n${printed}`)
}

/** The tarball of a package. */
function tarballOf(name) {
  const path = resolve(folder, `${name}-${MANIFEST.version}.tgz`)
  if (!existsSync(path)) throw new Error(`There is no ${path}.`)
  return path
}

/** The folder with the tarballs of the main package and of the platforms, which are made unless they are fresh. */
function makePackages(platforms) {
  const names = [MANIFEST.name, ...platforms.map(({ packageName }) => packageName)]
  if (!areFresh(names.map((name) => join(PACKAGES, `${name}-${MANIFEST.version}.tgz`)))) {
    const only = platforms.map(({ name }) => name).join(',')
    const args = [join(ROOT, 'scripts', 'package.js'), '--strict', '--only', only, '--install']
    if (spawnSync(process.execPath, args, { stdio: 'inherit' }).status !== 0) fail('The packages could not be made.')
  }
  return PACKAGES
}

function areFresh(paths) {
  if (!paths.every((path) => existsSync(path))) return false
  const newest = Math.max(...SOURCES.map((path) => changed(join(ROOT, path))))
  return paths.every((path) => statSync(path).mtimeMs > newest)
}

/** When a file, or any of a folder, was changed last, in milliseconds. */
function changed(path) {
  const stats = statSync(path)
  return stats.isDirectory() ? Math.max(...readdirSync(path).map((name) => changed(join(path, name)))) : stats.mtimeMs
}

function fail(message) {
  console.error(message)
  process.exit(1)
}
