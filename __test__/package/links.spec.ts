/** Links between documents lead somewhere, and the navigation of the site lists every page. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { PAGES } from '../../docs/site/navigation.js'
import { anchorsOf, follow, linksOf } from '../../docs/site/links.js'
import { documents, readDocument } from '../support/documents.ts'
import { ROOT } from '../support/root.ts'

const all = documents()

test('links between documents lead to files and headings that are there', () => {
  const links = all.flatMap((name) =>
    linksOf(readDocument(name)).map(({ target, line }) => ({ name, target, place: `${name}:${line}` })),
  )
  expect(links.length).toBeGreaterThan(40)
  const dead = links.flatMap(({ name, target, place }) => {
    const { fault } = follow(ROOT, name, target)
    return fault === undefined ? [] : [`${place}: ${target}: ${fault}`]
  })
  expect(dead, `\n${dead.join('\n')}\n`).toEqual([])
})

test('navigation: every page is there, and every document of docs/ is a page', () => {
  const files = PAGES.map(({ file }) => file)
  expect(files.filter((file) => !existsSync(join(ROOT, file)))).toEqual([])
  expect(all.filter((name) => name.startsWith('docs/') && !files.includes(name))).toEqual([])
  expect(new Set(files).size).toBe(files.length)
})

describe('linksOf, anchorsOf, follow', () => {
  test('links are found, those in code are not', () => {
    const text = 'a [b](c.md#d) `[x](y)` ![e](f.svg "title")\n\n```js\n[g](h)\n```\n\n[i]: j.md\n<img src="k.png" />\n'
    expect(linksOf(text)).toEqual([
      { target: 'c.md#d', line: 1 },
      { target: 'f.svg', line: 1 },
      { target: 'j.md', line: 7 },
      { target: 'k.png', line: 8 },
    ])
  })

  test('anchors are those of GitHub', () => {
    const text = '# A `b_c`: d, e\n## [Link](x.md) it\n## Same\n```sh\n# no\n```\n### Same\n## Größe – 2'
    expect([...anchorsOf(text)]).toEqual(['a-b_c-d-e', 'link-it', 'same', 'same-1', 'größe--2'])
  })

  test('a link to what is not there is a fault', () => {
    const from = (document: string, target: string) => follow(ROOT, document, target)
    expect(from('docs/bundlers.md', '../README.md#nowhere').fault).toBe('no heading of README.md has this anchor')
    expect(from('docs/bundlers.md', '../package.json#nowhere').fault).toBe('no heading of package.json has this anchor')
    expect(from('docs/bundlers.md', 'nowhere.md')).toEqual({ fault: 'there is no such file' })
    expect(from('README.md', '../elsewhere')).toEqual({ fault: 'it leaves the project' })
    expect(from('docs/bundlers.md', '#commonjs')).toEqual({ file: 'docs/bundlers.md', anchor: 'commonjs' })
    expect(from('docs/bundlers.md', '../README.md')).toEqual({ file: 'README.md' })
    expect(from('docs/bundlers.md', 'https://x.org')).toEqual({})
  })
})
