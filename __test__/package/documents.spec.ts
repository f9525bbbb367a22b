/** The programs of the documents compile and run in a project that has the package installed. */
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { checkBuilt } from '../support/built.ts'
import { programsOf } from '../support/documents.ts'
import { ROOT } from '../support/root.ts'

const DOCUMENTS = ['README.md']

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

/** A package that is all of TensorFlow.js as far as the documents use it. */
const TENSORFLOW = "import '@tensorflow/tfjs-backend-cpu'\nexport * from '@tensorflow/tfjs-core'\n"
/** Spares its advice to install another backend. */
const QUIET = "import { env } from '@tensorflow/tfjs-core'\nenv().set('PROD', true)\n"

const programs = DOCUMENTS.flatMap((name) => programsOf(join(ROOT, name), name))
let folder: string

beforeAll(checkBuilt, 60_000)

/** Makes a project with the package and all that its documents use installed, and a file for each program. */
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'documents-'))
  const write = (path: string, text: string) => {
    mkdirSync(dirname(join(folder, path)), { recursive: true })
    writeFileSync(join(folder, path), text)
  }
  const link = (path: string, target: string) => {
    mkdirSync(dirname(join(folder, 'node_modules', path)), { recursive: true })
    symlinkSync(join(ROOT, target), join(folder, 'node_modules', path), 'junction')
  }
  link('hungarian-loss', '.')
  link('@types', 'node_modules/@types')
  for (const name of ['@tensorflow/tfjs-core', '@tensorflow/tfjs-backend-cpu']) link(name, `node_modules/${name}`)
  write(
    'node_modules/@tensorflow/tfjs/package.json',
    JSON.stringify({ name: '@tensorflow/tfjs', type: 'module', exports: './index.js' }),
  )
  write('node_modules/@tensorflow/tfjs/index.js', QUIET + TENSORFLOW)
  write('node_modules/@tensorflow/tfjs/index.d.ts', TENSORFLOW)
  write('package.json', JSON.stringify({ type: 'module' }))
  write('tsconfig.json', JSON.stringify(SETTINGS))
  programs.forEach(({ source }, i) => write(`program${i}.ts`, source))
})

afterAll(() => rmSync(folder, { recursive: true, force: true }))

describe('README.md: the programs of the documents', () => {
  test('are compiled under strict', () => {
    const compiler = join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc')
    const { stdout, status } = spawnSync(process.execPath, [compiler, '-p', folder], { encoding: 'utf8' })
    const places = programs.map(({ place }, i) => `program${i}.ts is ${place}`)
    expect(stdout, places.join('\n')).toBe('')
    expect(status).toBe(0)
  })

  test.each(programs.map(({ place, printed }, i) => ({ place, printed, i })))('run: $place', ({ printed, i }) => {
    const { stdout, stderr, status } = spawnSync(process.execPath, [join(folder, 'built', `program${i}.js`)], {
      encoding: 'utf8',
    })
    expect(stderr).toBe('')
    expect(status).toBe(0)
    if (printed !== undefined) expect(stdout.trimEnd().split('\n')).toEqual(printed)
  })
})
