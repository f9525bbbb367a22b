/**
 * The documents of the project as pages of the site: those that the navigation lists and those that they link to, each where the site
 * has it, with links that lead there. They are written by themselves, so what is a comment for tests is left out.
 */
import { cpSync, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join, posix } from 'node:path'
import { follow, linksOf } from './links.js'
import { PAGES } from './navigation.js'

/** Where a page lies that has a place of its own; all others follow {@link placeOf}. */
const PLACES = new Map([['README.md', 'start.md']])

/** What an image ends with. */
const IMAGE = /\.(?:svg|png|jpe?g|gif)$/

/**
 * Where the site has a document: those of `docs/` at its root, a README as the index of its folder.
 * @param {string} file from the project's root
 * @returns {string} from the site's root
 */
export function placeOf(file) {
  const path = file.replace(/^docs\//, '').toLowerCase()
  return PLACES.get(file) ?? path.replace(/(^|\/)readme\.md$/, '$1index.md')
}

/**
 * Writes all pages. Throws where a page is not there, or where a link leads nowhere.
 * @param {string} root the project's
 * @param {string} folder where they are written to
 * @param {string | undefined} repository where files are shown that are no pages, such as sources; without it they are not linked
 * @returns {string[]} the files of the pages
 */
export function writePages(root, folder, repository) {
  const lost = PAGES.filter(({ file }) => !existsSync(join(root, file)))
  if (lost.length > 0) {
    throw new Error(`docs/site/navigation.js lists what is not there: ${lost.map(({ file }) => file).join(', ')}`)
  }
  const files = PAGES.map(({ file }) => file)
  const faults = []
  // the list grows by what is linked
  for (const file of files) {
    const text = readFileSync(join(root, file), 'utf8')
    const targets = new Map()
    for (const { target, line } of linksOf(text)) {
      const found = lookUp(root, file, target)
      if (found.fault !== undefined) faults.push(`${file}:${line}: ${target}: ${found.fault}`)
      if (found.kind === 'page' && !files.includes(found.file)) files.push(found.file)
      if (found.kind === 'image') cpSync(join(root, found.file), join(folder, placeOf(found.file)))
      targets.set(target, found)
    }
    faults.push(...faultsOfCards(text, file))
    write(join(folder, placeOf(file)), toPage(text, file, targets, repository))
  }
  if (faults.length > 0) throw new Error(`Links that lead nowhere:\n${faults.join('\n')}`)
  return files
}

/** What a link of a document leads to. */
function lookUp(root, from, target) {
  const found = follow(root, from, target)
  return { kind: found.file === undefined ? 'external' : kindOf(root, found.file), ...found }
}

function kindOf(root, file) {
  if (IMAGE.test(file)) return 'image'
  if (file.endsWith('.md')) return 'page'
  return statSync(join(root, file)).isDirectory() ? 'folder' : 'source'
}

/** The links of a document's head, which are the site's own, that lead to no page. */
function faultsOfCards(text, file) {
  const [head = ''] = /^---\n[^]*?\n---\n/.exec(text) ?? []
  const places = new Set(PAGES.map(({ file }) => `/${placeOf(file).replace(/\.md$/, '')}`))
  return Array.from(head.matchAll(/\blink: ([^\s,}]+)/g), ([, link]) => link)
    .filter((link) => link !== '/api/' && !places.has(link))
    .map((link) => `${file}: ${link}: there is no such page`)
}

/** A document as a page: without what is for tests, and with links as the site has them. */
function toPage(text, file, targets, repository) {
  const place = placeOf(file)
  const toTarget = (target) => {
    const { kind, file: to, anchor } = targets.get(target) ?? { kind: 'external' }
    if (kind === 'external') return target
    if (kind === 'page' || kind === 'image') {
      const path = posix.relative(posix.dirname(place), placeOf(to))
      return `${path.startsWith('.') ? path : `./${path}`}${anchor === undefined ? '' : `#${anchor}`}`
    }
    return repository === undefined ? undefined : `${repository}/${kind === 'folder' ? 'tree' : 'blob'}/main/${to}`
  }
  return outsideCode(text.replace(/^ *<!-- setup\n[^]*?^ *-->\n/gm, ''), (part) =>
    part.replace(/(!?)\[((?:[^[\]]|!?\[[^\]]*\]\([^)]*\))*)\]\(([^()\s]+)\)/g, (whole, mark, words, target) => {
      const to = toTarget(target)
      const inner = words.replace(/(!\[[^\]]*\])\(([^()\s]+)\)/g, (_, image, source) => `${image}(${toTarget(source)})`)
      return to === undefined ? inner : `${mark}[${inner}](${to})`
    }),
  )
}

/** Changes a text but for its blocks of code. */
function outsideCode(text, change) {
  return text
    .split(/(^(?<indent> *)(?:`{3,}|~{3,})[^]*?^\k<indent>(?:`{3,}|~{3,}) *$)/m)
    .map((part, i) => (i % 3 === 0 ? change(part) : i % 3 === 1 ? part : ''))
    .join('')
}

function write(path, text) {
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, text)
}
