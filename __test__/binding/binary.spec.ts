import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { PLATFORMS } from '../../src/binding/binary.ts'
import { VERSION } from '../../src/binding/kind.ts'
import { checkBuilt } from '../support/built.ts'
import { ROOT } from '../support/root.ts'

/** What is left of a project that has the package as it is published, without the package of its platform. */
const project = mkdtempSync(join(tmpdir(), 'hungarian-loss-'))
const native = join(project, 'node_modules', 'hungarian-loss', 'native')
const prefix = `hungarian-loss.${process.platform}-${process.arch}`
const binary = readdirSync(join(ROOT, 'native')).find(
  (file) => file.startsWith(prefix) && file.endsWith('.node'),
) as string
const platform = (/^hungarian-loss\.(.*)\.node$/.exec(binary) as RegExpExecArray)[1] as string

beforeAll(() => {
  checkBuilt()
  mkdirSync(native, { recursive: true })
  for (const path of ['package.json', 'dist', 'native/binding.cjs']) {
    cpSync(join(ROOT, path), join(native, '..', path), { recursive: true })
  }
}, 60_000)

afterAll(() => rmSync(project, { recursive: true }))

interface Caught {
  readonly name: string
  readonly code: string
  readonly message: string
  readonly cause: unknown
  readonly original: string
}

const SHOW = `({ name, code, message, cause, original }) =>
  console.log(JSON.stringify({ name, code, message, cause, original: String(original) }))`

const BY_IMPORT = `try { await import('hungarian-loss') } catch (error) { (${SHOW})(error) }
  setTimeout(() => console.log('alive'), 50)`

const BY_REQUIRE = `try { require('hungarian-loss') } catch (error) { (${SHOW})(error) }
  setTimeout(() => console.log('alive'), 50)`

/** Runs a program in the project; it must live to the end, with nothing on stderr but warnings. */
function run(program: string, type: 'module' | 'commonjs' = 'module', env: NodeJS.ProcessEnv = {}): Caught {
  const args = ['--no-warnings', `--input-type=${type}`, '--eval', program]
  const { NODE_OPTIONS: _, ...own } = process.env
  const options = { cwd: project, encoding: 'utf8', env: { ...own, ...env } } as const
  const { status, stdout, stderr } = spawnSync(process.execPath, args, options)
  expect(stderr).toBe('')
  expect(status).toBe(0)
  const [caught, alive] = stdout.trim().split('\n')
  expect(alive).toBe('alive')
  return JSON.parse(caught as string) as Caught
}

// nodejs/node #51603; css-inline, pull request 503: caught, and then the process died of an unhandled rejection
describe.each([
  ['import', BY_IMPORT, 'module'],
  ['require', BY_REQUIRE, 'commonjs'],
] as const)('describeLoadFailure: a binary that is not there, by %s', (_, program, type) => {
  test('can be caught; the error says for which platform, what was looked for, and what helps', () => {
    const error = run(program, type)
    expect(error).toMatchObject({ name: 'HungarianLossError', code: 'BINARY', cause: { code: 'BINARY' } })
    expect(error.message).toContain(`${process.platform} ${process.arch}`)
    expect(error.message).toContain(`Node.js ${process.versions.node}`)
    expect(error.message).toContain(`./${binary} (not there); hungarian-loss-${platform} (not there).`)
    expect(error.message).toContain(`Install hungarian-loss-${platform} in the same version.`)
    expect(error.message).toContain('--omit=optional')
    expect(error.message).not.toMatch(/wasi|Require stack/)
    expect(error.original).toMatch(/^Error: Cannot find native binding/)
  })

  test('or damaged: the error says what the system says', () => {
    const file = join(native, binary)
    writeFileSync(file, 'no binary')
    const error = run(program, type)
    rmSync(file)
    expect(error.code).toBe('BINARY')
    expect(error.message).toContain(`Looked for: ${process.platform === 'win32' ? '' : file}`)
    if (process.platform === 'linux') expect(error.message).toContain(`${file}: file too short;`)
    expect(error.message).toContain('A binary is there and cannot be loaded')
  })
})

test('describeLoadFailure: an override that names no binary is named itself', () => {
  const error = run(BY_IMPORT, 'module', { NAPI_RS_NATIVE_LIBRARY_PATH: join(project, 'none.node') })
  expect(error.code).toBe('BINARY')
  expect(error.message).toContain(
    `Looked for: ${join(project, 'none.node')} (not there). Correct or unset NAPI_RS_NATIVE`,
  )
})

test('describeMismatch: a binary of another version is refused by the functions that it lacks', () => {
  const file = join(project, 'older.cjs')
  writeFileSync(file, 'exports.compute = () => {}')
  const error = run(BY_IMPORT, 'module', { NAPI_RS_NATIVE_LIBRARY_PATH: file })
  expect(error.code).toBe('BINARY')
  expect(error.message).toMatch(
    /is of another version: it lacks .*assignF64, .*verifySparseF64, version\. Correct or unset/,
  )
  expect(error.message).not.toContain('compute,')
})

// napi-rs/napi-rs, package-template: a lock file that pins one package and not the other pairs two versions without a word
test('describeOtherVersion: a binary of another version is refused, though it has all functions', () => {
  const file = join(project, 'other.cjs')
  writeFileSync(
    file,
    `module.exports = { ...require(${JSON.stringify(join(ROOT, 'native', binary))}), version: () => '0.0.9' }`,
  )
  const error = run(BY_IMPORT, 'module', { NAPI_RS_NATIVE_LIBRARY_PATH: file })
  expect(error.code).toBe('BINARY')
  expect(error.message).toContain(`is of version 0.0.9, and hungarian-loss is of version ${VERSION}`)
  expect(error.message).toContain('Correct or unset NAPI_RS_NATIVE_LIBRARY_PATH.')
})

test('describeOtherVersion: so is the package of a platform in another version', () => {
  const folder = join(project, 'node_modules', `hungarian-loss-${platform}`)
  mkdirSync(folder)
  writeFileSync(
    join(folder, 'package.json'),
    JSON.stringify({ name: `hungarian-loss-${platform}`, version: '0.0.9', main: 'other.cjs' }),
  )
  writeFileSync(
    join(folder, 'other.cjs'),
    `module.exports = { ...require(${JSON.stringify(join(ROOT, 'native', binary))}), version: () => '0.0.9' }`,
  )
  const error = run(BY_REQUIRE, 'commonjs')
  rmSync(folder, { recursive: true })
  expect(error.code).toBe('BINARY')
  expect(error.message).toContain('is of version 0.0.9')
  expect(error.message).toContain('Remove node_modules and the lock file')
})

test('VERSION: package, core and TypeScript layer have one version', () => {
  const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { version: string }
  const cargo = /^\[workspace\.package\]\nversion = "(.*)"$/m.exec(readFileSync(join(ROOT, 'Cargo.toml'), 'utf8'))
  expect(VERSION).toBe(version)
  expect(cargo?.[1]).toBe(version)
})

test('describeLoadFailure: on a platform without binaries, the error names those that have one', () => {
  const disguise = `Object.defineProperty(process, 'arch', { value: 'riscv64' });`
  const error = run(disguise + BY_IMPORT)
  expect(error.message).toContain(`${process.platform} riscv64`)
  expect(error.message).toContain(`only for ${PLATFORMS.join(', ')}: build one from the sources with "npm run build".`)
})

test('PLATFORMS: the platforms are those that binaries are built for', () => {
  const { napi } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { napi: { targets: string[] } }
  const [systems, arches] = [
    { linux: 'linux', apple: 'darwin', pc: 'win32' },
    { x86_64: 'x64', aarch64: 'arm64' },
  ]
  const names = napi.targets.map((target) => {
    const [arch, vendor, system, abi] = target.split('-') as [keyof typeof arches, string, string, string | undefined]
    const name = systems[(vendor === 'unknown' ? system : vendor) as keyof typeof systems]
    return [name, arches[arch], ...(abi === undefined ? [] : [abi])].join('-')
  })
  expect(names).toEqual(PLATFORMS)
})
