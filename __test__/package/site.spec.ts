/** The documents as pages of the site: where they lie, what their links become, and that what is missing stops the build. */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { isExternal, linksOf } from '../../docs/site/links.js'
import { PAGES } from '../../docs/site/navigation.js'
import { placeOf, writePages } from '../../docs/site/pages.js'
import { ROOT } from '../support/root.ts'

let folder: string
let root: string

/** A project of which every page is there. */
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'site-'))
  root = join(folder, 'project')
  for (const { file } of PAGES) write(file, `# ${file}\n`)
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

function write(file: string, text: string): void {
  mkdirSync(dirname(join(root, file)), { recursive: true })
  writeFileSync(join(root, file), text)
}

const pages = (repository?: string): string[] => writePages(root, join(folder, 'pages'), repository)
const read = (page: string): string => readFileSync(join(folder, 'pages', page), 'utf8')

test('placeOf: documents of docs/ lie at the root, a README is the index of its folder', () => {
  const files = ['docs/guide/data.md', 'docs/errors.md', 'README.md', 'SECURITY.md', 'benchmarks/README.md']
  expect(files.map(placeOf)).toEqual(['guide/data.md', 'errors.md', 'start.md', 'security.md', 'benchmarks/index.md'])
})

test('links lead to pages and pictures, and to sources where the repository is known', () => {
  write('docs/pictures/a.svg', '<svg/>')
  write('scripts/x.js', '')
  write('tools/README.md', '# Tools\n')
  write(
    'docs/errors.md',
    '# E\n\n[a](guide/data.md#b) [c](../README.md) ![d](pictures/a.svg) [e `f`](../scripts/x.js) [g](../tools/README.md) ' +
      '[h](https://x.org/y.md) `[i](j.md)`\n\n```js\nconst [k] = [l](m)\n```\n',
  )
  write('docs/guide/data.md', '# A\n\n## B\n\n[back](../errors.md#e)\n')
  const files = pages()
  expect(read('errors.md')).toBe(
    '# E\n\n[a](./guide/data.md#b) [c](./start.md) ![d](./pictures/a.svg) e `f` [g](./tools/index.md) ' +
      '[h](https://x.org/y.md) `[i](j.md)`\n\n```js\nconst [k] = [l](m)\n```\n',
  )
  expect(read('guide/data.md')).toContain('[back](../errors.md#e)')
  expect(files).toContain('tools/README.md')
  expect(existsSync(join(folder, 'pages', 'pictures', 'a.svg'))).toBe(true)
  pages('https://x.org/owner/name')
  expect(read('errors.md')).toContain('[e `f`](https://x.org/owner/name/blob/main/scripts/x.js)')
})

test('what is a comment for tests is left out', () => {
  write('docs/errors.md', 'a\n\n<!-- setup\nconst b = 1\n-->\n```js\nb\n```\n')
  pages()
  expect(read('errors.md')).toBe('a\n\n```js\nb\n```\n')
})

test.each([
  ['a page that is not there', () => rmSync(join(root, 'docs/errors.md')), /lists what is not there: docs\/errors.md/],
  ['a link to no file', () => write('docs/errors.md', '\n[a](b.md)'), /docs\/errors.md:2: b.md: there is no such file/],
  [
    'a link to no heading',
    () => write('docs/errors.md', '[a](guide/data.md#b)'),
    /no heading of docs\/guide\/data.md has this anchor/,
  ],
  ['a card that leads nowhere', () => write('docs/index.md', '---\nlink: /guide/x\n---\n'), /\/guide\/x/],
])('%s stops the build', (_, harm, message) => {
  harm()
  expect(() => pages()).toThrow(message)
})

test('of this project, every link of a page leads to a page or a picture that is written', () => {
  root = ROOT
  const files = pages()
  expect(files.length).toBeGreaterThanOrEqual(PAGES.length)
  const dead = files.flatMap((file) =>
    linksOf(read(placeOf(file)))
      .map(({ target }) => target)
      .filter((target) => !isExternal(target) && !target.startsWith('#'))
      .filter((target) => !existsSync(join(folder, 'pages', dirname(placeOf(file)), target.split('#')[0] as string)))
      .map((target) => `${placeOf(file)}: ${target}`),
  )
  expect(dead).toEqual([])
})
