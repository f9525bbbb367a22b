/** Links between documents lead somewhere, and the navigation of the site lists every page. */
import { existsSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { describe, expect, test } from 'vitest'
import { PAGES } from '../../docs/site/navigation.js'
import { anchorsIn, anchorsOf, isExternal, linksOf } from '../../docs/site/links.js'
import { documents, readDocument } from '../support/documents.ts'
import { ROOT } from '../support/root.ts'

/** What is wrong with a link of a document; undefined where nothing is. */
function faultOf(document: string, target: string): string | undefined {
  if (isExternal(target)) return undefined
  const [path, anchor] = target.split('#') as [string, string?]
  const file = path === '' ? join(ROOT, document) : resolve(ROOT, dirname(document), decodeURIComponent(path))
  if (relative(ROOT, file).startsWith('..')) return 'leaves the project'
  if (!existsSync(file)) return 'there is no such file'
  if (anchor === undefined || anchorsIn(file).has(anchor)) return undefined
  return `no heading of ${relative(ROOT, file)} has this anchor`
}

const all = documents()

test('links between documents lead to files and headings that are there', () => {
  const links = all.flatMap((name) =>
    linksOf(readDocument(name)).map(({ target, line }) => ({ name, target, place: `${name}:${line}` })),
  )
  expect(links.length).toBeGreaterThan(40)
  const dead = links.flatMap(({ name, target, place }) => {
    const fault = faultOf(name, target)
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

describe('linksOf and anchorsOf', () => {
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
    expect(faultOf('docs/bundlers.md', '../README.md#nowhere')).toMatch(/anchor/)
    expect(faultOf('docs/bundlers.md', 'nowhere.md')).toMatch(/no such file/)
    expect(faultOf('README.md', '../elsewhere')).toMatch(/leaves/)
    expect(faultOf('docs/bundlers.md', '#commonjs')).toBeUndefined()
  })
})
