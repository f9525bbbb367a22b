/**
 * The programs of the documents, and the examples of doc comments, compile and run in a project that has the package installed.
 *
 * What needs packages that are not among the dependencies is left out, and named in the end. `npm run test:docs` installs these
 * packages, says so by the variable below, and nothing is left out.
 */
import { execFile, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { buildSync, transformSync } from 'esbuild'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { GUIDE } from '../../scripts/package/guide.js'
import { PAGES, WAYS } from '../../scripts/package/ways.js'
import { checkBuilt } from '../support/built.ts'
import { blocksOf, documents, packagesOf, PROGRAMS, programsOf, readDocument } from '../support/documents.ts'
import type { Program } from '../support/documents.ts'
import { examplesIn } from '../support/examples.ts'
import { ROOT } from '../support/root.ts'

/** The folder in whose `node_modules` all packages are that the documents use; without it, those of the project serve. */
const INSTALLED = process.env.HUNGARIAN_LOSS_DOCUMENTS

const TENSORFLOW = '@tensorflow/tfjs'
const LAYERS = `${TENSORFLOW}-layers`
/** What `@tensorflow/tfjs` has of its layers. */
const USES_LAYERS = /\btf\.(?:layers|sequential|model|input|loadLayersModel|LayersModel|Sequential|SymbolicTensor)\b/
/** What `@tensorflow/tfjs` has of its pipelines of data. */
const USES_DATA = /\btf\.data\b/
/** Spares the advice of TensorFlow.js to install another backend. */
const QUIET = `import { env } from '${TENSORFLOW}-core'\nenv().set('PROD', true)\n`

/** The strict settings of a project that uses the package. */
const SETTINGS = {
  compilerOptions: {
    target: 'es2022',
    lib: ['es2023', 'dom'],
    module: 'nodenext',
    strict: true,
    exactOptionalPropertyTypes: true,
    skipLibCheck: true,
    types: ['node'],
    outDir: 'built',
  },
  include: ['*.ts'],
}

/** Languages of blocks that are shown and are no programs of this package, or are what a program prints. */
const SHOWN = new Set(['', 'html', 'json', 'jsx', 'python', 'sh', 'text'])

const blocks = documents().flatMap((name) => blocksOf(readDocument(name), name))

test('every block is of a language that is known, so that none is left out silently', () => {
  const unknown = blocks.filter(({ language }) => !PROGRAMS.has(language) && !SHOWN.has(language))
  expect(unknown.map(({ place, language }) => `${place}: ${language}`)).toEqual([])
})

test('a block of js is JavaScript, which runs as it is: what has types is ts', () => {
  const typed = blocks.filter(({ language, code }) => {
    if (language !== 'js') return false
    try {
      transformSync(code, { loader: 'js', format: 'esm', target: 'esnext', logLevel: 'silent' })
      return false
    } catch {
      return true
    }
  })
  expect(typed.map(({ place }) => place)).toEqual([])
})

test('a block with a title is a file of one of the ways to load the package, which npm run test:package runs', () => {
  const sections = new Set<string | undefined>([PAGES, ...WAYS.map(({ section }) => section)])
  const titled = blocks.filter(({ title }) => title !== undefined)
  expect(titled.length).toBeGreaterThan(5)
  const stray = titled.filter(({ document, section }) => document !== GUIDE || !sections.has(section))
  expect(stray.map(({ place, title }) => `${place}: ${title}`)).toEqual([])
})

test('every script of npm that a document names is there', () => {
  const { scripts } = readManifest()
  const named = documents().flatMap((name) =>
    Array.from(readDocument(name).matchAll(/\bnpm run ([\w:-]*\w)/g), ([, script]) => ({
      name,
      script: script as string,
    })),
  )
  expect(named.length).toBeGreaterThan(30)
  expect(named.filter(({ script }) => !(script in scripts))).toEqual([])
})

test('sh: every script of Node.js that a document runs is there', () => {
  const run = blocks
    .filter(({ language, document }) => language === 'sh' && document !== GUIDE)
    .flatMap(({ place, code }) =>
      Array.from(code.matchAll(/\bnode ([\w./-]+\/[\w.-]+)/g), ([, file]) => ({ place, file: file as string })),
    )
  expect(run.filter(({ file }) => !existsSync(join(ROOT, file)))).toEqual([])
})

const examples = examplesIn('src')

test('the examples of doc comments are found', () => {
  expect(examples.length).toBeGreaterThan(5)
})

const all = [...documents().flatMap((name) => programsOf(readDocument(name), name)), ...examples]
/** The packages that the programs find without further ones being installed. */
const available = new Set(['hungarian-loss', TENSORFLOW, ...Object.keys(readManifest().devDependencies)])
const missing = (program: Program): string[] =>
  INSTALLED === undefined ? neededBy(program).filter((name) => !available.has(name)) : []
const programs = all.filter((program) => missing(program).length === 0)
const others = all.filter((program) => missing(program).length > 0)

let folder: string

beforeAll(checkBuilt, 60_000)

/** Makes a project with the package and all that its documents use installed, and a file for each program. */
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'documents-'))
  link('hungarian-loss', ROOT)
  link('@types', join(ROOT, 'node_modules', '@types'))
  const used = new Set([...partsOfTensorFlow(), ...programs.flatMap(({ source }) => packagesOf(source))])
  if (INSTALLED === undefined) makeTensorFlow()
  for (const name of used) {
    const isMade = name === 'hungarian-loss' || (name === TENSORFLOW && INSTALLED === undefined)
    if (!isMade) link(name, join(INSTALLED ?? ROOT, 'node_modules', name))
  }
  write('package.json', JSON.stringify({ type: 'module' }))
  write('tsconfig.json', JSON.stringify(SETTINGS))
  write('quiet.mjs', QUIET)
  programs.forEach(({ source }, i) => write(`program${i}.ts`, source))
}, 60_000)

afterAll(() => rmSync(folder, { recursive: true, force: true }))
afterAll(() => {
  if (others.length === 0) return
  const list = others.map((program) => `  ${program.place}: ${missing(program).join(', ')}`)
  console.log(`Left out, for npm run test:docs, since their packages are not installed:\n${list.join('\n')}`)
})

describe('the programs of the documents', () => {
  test('are compiled under strict', () => {
    const compiler = join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc')
    const { stdout, status } = spawnSync(process.execPath, [compiler, '-p', folder], { encoding: 'utf8' })
    const told = stdout.replace(/program(\d+)\.ts/g, (file, i) => `${file} of ${programs[i]?.place}`)
    expect(told).toBe('')
    expect(status).toBe(0)
  })

  const runs = programs.map((program, i) => ({ place: program.place, program, file: `program${i}.js` }))
  test.concurrent.each(runs)('run: $place', async ({ program, file }) => {
    const { stdout, stderr, status } = await run(file, program)
    expect(stderr).toBe('')
    expect(status).toBe(0)
    if (program.printed !== undefined) expect(stdout.trimEnd().split('\n')).toEqual(program.printed)
  })
})

/** Runs a compiled program to its end. */
function run(file: string, { source }: Program): Promise<{ stdout: string; stderr: string; status: number }> {
  const quiet = source.includes(`'${TENSORFLOW}`) ? ['--import', './quiet.mjs'] : []
  return new Promise((resolve) => {
    execFile(process.execPath, [...quiet, join('built', file)], { cwd: folder }, (error, stdout, stderr) =>
      resolve({ stdout, stderr, status: error === null ? 0 : Number(error.code ?? 1) }),
    )
  })
}

function readManifest(): { readonly scripts: object; readonly devDependencies: object } {
  return JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'))
}

/** The packages that a program imports, and those that are behind what it uses of TensorFlow.js. */
function neededBy({ source }: Program): string[] {
  const parts = [USES_LAYERS.test(source) ? LAYERS : '', USES_DATA.test(source) ? `${TENSORFLOW}-data` : '']
  return [...packagesOf(source), ...parts.filter((name) => name !== '')]
}

function write(path: string, text: string): void {
  mkdirSync(dirname(join(folder, path)), { recursive: true })
  writeFileSync(join(folder, path), text)
}

function link(name: string, target: string): void {
  const path = join(folder, 'node_modules', name)
  mkdirSync(dirname(path), { recursive: true })
  symlinkSync(target, path, 'junction')
}

/** Its operations, and its layers where they are there. */
function partsOfTensorFlow(): string[] {
  return [`${TENSORFLOW}-core`, LAYERS].filter((name) => INSTALLED !== undefined || available.has(name))
}

/** Makes `@tensorflow/tfjs` of those of its packages that are there, on the CPU. */
function makeTensorFlow(): void {
  const core = `${TENSORFLOW}-core`
  const names = partsOfTensorFlow()
    .map((name) => `export * from '${name}'`)
    .join('\n')
  const operations = `import '${core}/dist/public/chained_ops/register_all_chained_ops.js'`
  const gradients = `import '${core}/dist/register_all_gradients.js'`
  const place = `node_modules/${TENSORFLOW}`
  write(`${place}/package.json`, JSON.stringify({ name: TENSORFLOW, type: 'module', exports: './index.js' }))
  write(`${place}/index.d.ts`, `${operations}\n${names}\n`)
  write(`${place}/all.js`, [operations, gradients, `import '${TENSORFLOW}-backend-cpu'`, names].join('\n'))
  buildSync({
    entryPoints: [join(folder, place, 'all.js')],
    outfile: join(folder, place, 'index.js'),
    nodePaths: [join(ROOT, 'node_modules')],
    bundle: true,
    platform: 'node',
    format: 'esm',
    mainFields: ['module', 'main'],
    banner: { js: "import { createRequire } from 'node:module'\nconst require = createRequire(import.meta.url)" },
    logLevel: 'error',
  })
}
