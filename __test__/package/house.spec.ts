/** What holds of every source file: what it begins with, who may know the terms by name and import whom, where specs stand. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { expect, test } from 'vitest'
import { TERMS } from '../../src/terms/index.ts'
import { ROOT } from '../support/root.ts'

/** The files of a folder and of those within it, as paths from that folder. */
const filesIn = (folder: string): string[] =>
  readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts'))
    .map((file) => file.replaceAll('\\', '/'))

const sources = filesIn('src')
const read = (file: string): string => readFileSync(join(ROOT, 'src', file), 'utf8')

/** Code with blanks for its comments, so that lines keep their numbers. */
function withoutComments(code: string): string {
  return code.replace(/\/\*[\s\S]*?\*\/|(?<=^|\s)\/\/.*$/gm, (comment) => comment.replace(/[^\n]/g, ' '))
}

/** Every place in code where one of the words stands, as `file:line: word`. */
function placesOf(words: readonly string[], file: string, code: string): string[] {
  const word = new RegExp(`\\b(?:${words.join('|')})\\b`, 'g')
  return withoutComments(code)
    .split('\n')
    .flatMap((line, i) => Array.from(line.matchAll(word), ([found]) => `src/${file}:${i + 1}: ${found}`))
}

/** The names of terms but for `class`, which is a word of the language. */
const NAMES = TERMS.map(({ name }) => name).filter((name) => name !== 'class')
/** Where they may stand. */
const KNOWS_NAMES = /^(?:terms\/|options\/presets\.ts$)/

test('TERMS: no name of a term stands outside src/terms and the presets', () => {
  expect(NAMES).toContain('giou')
  const others = sources.filter((file) => !KNOWS_NAMES.test(file))
  expect(others.length).toBeGreaterThan(30)
  const found = others.flatMap((file) => placesOf(NAMES, file, read(file)))
  const rule =
    'a term is known by name in src/terms and the presets alone; loop over TERMS of src/terms/index.ts, or give it a name that is no plain word'
  expect(found, `${rule}:\n${found.join('\n')}\n`).toEqual([])
})

test('placesOf: a name in code is found, and one in a comment is not', () => {
  const code = '/**\n * `giou`\n */\nconst a = b.giou // giou\nconst giousque = 1\n'
  expect(placesOf(['giou'], 'x.ts', code)).toEqual(['src/x.ts:4: giou'])
})

/** The Rust files of a crate's sources, without its tests, and the code in them without comments and tests. */
const rustIn = (crate: string): Array<[file: string, code: string]> =>
  readdirSync(join(ROOT, 'crates', crate, 'src'), { recursive: true, encoding: 'utf8' })
    .map((file) => file.replaceAll('\\', '/'))
    .filter((file) => file.endsWith('.rs') && !file.endsWith('tests.rs'))
    .map((file) => [
      `crates/${crate}/src/${file}`,
      readFileSync(join(ROOT, 'crates', crate, 'src', file), 'utf8').replace(/#\[cfg\(test\)\]\s*mod \w+ \{[^]*$/, ''),
    ])

test('TERMS: no name of a term stands in the core outside its terms, its presets and its documentation', () => {
  const others = rustIn('loss').filter(([file]) => !/src\/(?:terms\/|config\.rs$)/.test(file))
  expect(others.length).toBeGreaterThan(20)
  const quoted = new RegExp(`"(?:${NAMES.filter((name) => name !== 'iou').join('|')})"`)
  expect(others.filter(([, code]) => quoted.test(code.replace(/\/\/.*$/gm, ''))).map(([file]) => file)).toEqual([])
})

test('comment: the crates beneath the binding know nothing of what JavaScript calls its arguments', () => {
  const wrong = [...rustIn('loss'), ...rustIn('evaluate'), ...rustIn('lsap'), ...rustIn('simd')].flatMap(
    ([file, code]) => Array.from(code.matchAll(/[`"](?:outputs|call|options)\.\w+/g), ([at]) => `${file}: ${at}`),
  )
  expect(wrong, wrong.join('\n')).toEqual([])
})

/** A comment that belongs to the file, and not to what it declares first. */
const OF_THE_FILE = /^(?:#!.*\n)?\/\*\*(?:(?!\*\/)[\s\S])*\*\/\n(?:import|export (?:type )?\{|\n|\/\*\*)/

test('comment: every file of src and of what specs share begins with what it is', () => {
  const files = [
    ...sources.map((file) => `src/${file}`),
    ...filesIn('__test__/support').map((f) => `__test__/support/${f}`),
  ]
  const wrong = files.filter((file) => !OF_THE_FILE.test(readFileSync(join(ROOT, file), 'utf8')))
  expect(wrong, `without a comment in the first line that says what the file is: ${wrong.join(', ')}`).toEqual([])
})

/** The folders from the ground up. A file imports from its own folder and from those below. */
const FOLDERS = [
  'common',
  'masks',
  'binding',
  'evaluate',
  'terms',
  'assignment',
  'options',
  'input',
  'data',
  'result',
  'criterion',
  'tfjs',
  '.',
  'cli',
]

test('import: folders import one way, from the ground up', () => {
  const rankOf = (file: string): number => FOLDERS.indexOf(dirname(file).split('/')[0] as string)
  const wrong = sources.flatMap((file) => {
    expect(rankOf(file), `src/${file} stands in a folder without a place among ${FOLDERS.join(', ')}`).not.toBe(-1)
    const imported = Array.from(read(file).matchAll(/(?:from|import\() ?'(\.{1,2}\/[^']+\.ts)'/g), ([, path]) =>
      relative(join(ROOT, 'src'), join(ROOT, 'src', dirname(file), path as string)).replaceAll('\\', '/'),
    )
    return imported.filter((path) => rankOf(path) > rankOf(file)).map((path) => `src/${file} imports ${path}`)
  })
  expect(wrong, `folders from the ground up: ${FOLDERS.join(', ')}:\n${wrong.join('\n')}\n`).toEqual([])
})

/** Folders of specs that are about the package as a whole. */
const OF_THE_WHOLE = /^(?:package|golden)\//

test('spec: each stands where its source stands, or is about the whole package', () => {
  const specs = filesIn('__test__').filter((file) => file.endsWith('.spec.ts'))
  const stray = specs.filter((file) => {
    const source = join(ROOT, 'src', file.replace(/(?:\.[a-z]+)?\.spec\.ts$/, '.ts'))
    return !OF_THE_WHOLE.test(file) && !existsSync(source)
  })
  expect(specs.length).toBeGreaterThan(30)
  expect(stray, `without a source of the same name in src/: ${stray.join(', ')}`).toEqual([])
})
