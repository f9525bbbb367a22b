/** The links and headings of Markdown documents. */
import { existsSync, readFileSync } from 'node:fs'
import { join, posix } from 'node:path'

/**
 * @typedef {object} Link
 * @property {string} target as it is written
 * @property {number} line from 1
 */

/** Blocks of code. */
const BLOCK = /^(?<indent> *)(?<fence>`{3,}|~{3,})[^]*?^\k<indent>?\k<fence> *$/gm
/** Code within a line. */
const WITHIN = /(?<!`)(?<ticks>`+)(?!`)(?:(?!\n\n)[^])*?[^`]\k<ticks>(?!`)/gm
/** Both, whose brackets are no links. */
const CODE = new RegExp(`${BLOCK.source}|${WITHIN.source}`, 'gm')
/** `[text](target)`, images among them, also with a title. */
const INLINE = /\]\(\s*<?([^\s)<>]+)>?(?:\s+"[^"]*")?\s*\)/g
/** `[name]: target`. */
const DEFINED = /^ {0,3}\[[^\]]+\]:\s*<?(\S+?)>?\s*$/gm
/** Elements of HTML. */
const ELEMENTS = /<[a-z][^>]*?\b(?:href|src)="([^"]+)"/g

/**
 * Every link of a document, in the order of its lines.
 * @param {string} text
 * @returns {Link[]}
 */
export function linksOf(text) {
  const plain = withoutCode(text)
  const found = [INLINE, DEFINED, ELEMENTS].flatMap((pattern) => Array.from(plain.matchAll(pattern)))
  return found
    .map(({ 1: target, index }) => ({ target, line: plain.slice(0, index).split('\n').length }))
    .sort((a, b) => a.line - b.line)
}

/**
 * The anchors of a document's headings, as GitHub makes them.
 * @param {string} text
 * @returns {Set<string>}
 */
export function anchorsOf(text) {
  const headings = [...text.replace(BLOCK, '').matchAll(/^#{1,6} (.*)$/gm)]
  const anchors = new Set()
  for (const [, heading] of headings) {
    const anchor = slugOf(heading.replace(/\[([^\]]*)\]\([^)]*\)/g, '$1').replace(/[`*]/g, ''))
    let [unique, n] = [anchor, 0]
    while (anchors.has(unique)) unique = `${anchor}-${(n += 1)}`
    anchors.add(unique)
  }
  return anchors
}

/**
 * The anchor of a heading: lower case, blanks as hyphens, no punctuation.
 * @param {string} heading without marks
 * @returns {string}
 */
export function slugOf(heading) {
  return heading
    .trim()
    .toLowerCase()
    .replace(/[^\p{L}\p{M}\p{N}\p{Pc}\- ]/gu, '')
    .replaceAll(' ', '-')
}

/**
 * Whether a link leads elsewhere than to a file.
 * @param {string} target
 */
export function isExternal(target) {
  return /^[a-z][a-z\d+.-]*:/i.test(target)
}

/**
 * Where a link leads, and what is wrong with it.
 * @param {string} root the project's
 * @param {string} document that has it, as a path from the root
 * @param {string} target as it is written
 * @returns {{ file?: string, anchor?: string, fault?: string }} the file as a path from the root; none of a link that is external, or
 * leads to no file
 */
export function follow(root, document, target) {
  if (isExternal(target)) return {}
  const [path, anchor] = target.split('#')
  const file = path === '' ? document : posix.join(posix.dirname(document), decodeURIComponent(path))
  if (file.startsWith('..')) return { fault: 'it leaves the project' }
  if (!existsSync(join(root, file))) return { fault: 'there is no such file' }
  if (anchor === undefined) return { file }
  const isThere = file.endsWith('.md') && anchorsOf(readFileSync(join(root, file), 'utf8')).has(anchor)
  return { file, anchor, ...(!isThere && { fault: `no heading of ${file} has this anchor` }) }
}

/** Blanks in place of code, so that lines keep their numbers. */
function withoutCode(text) {
  return text.replace(CODE, (code) => code.replace(/[^\n]/g, ' '))
}
