/** The guide to all ways to load the package, as the files and commands that its sections show. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { ROOT } from './platforms.js'

/** The document, as a path from the project's root. */
export const GUIDE = 'docs/bundlers.md'

/**
 * A section by its heading.
 * @param {string} heading
 * @returns {{ files: Map<string, string>, commands: string[] }} blocks that have a title, by that, and the lines of blocks of `sh`
 */
export function readSection(heading) {
  const text = readFileSync(join(ROOT, GUIDE), 'utf8')
  const section = text.split(/^## /m).find((part) => part.startsWith(`${heading}\n`))
  if (section === undefined) throw new Error(`${GUIDE} has no section "${heading}".`)
  const blocks = [...section.matchAll(/^```(\w+)(?: title="(.+)")?\n([^]*?)^```$/gm)]
  return {
    files: new Map(blocks.filter(([, , title]) => title !== undefined).map(([, , title, code]) => [title, code])),
    commands: blocks.filter(([, language]) => language === 'sh').flatMap(([, , , code]) => code.trim().split('\n')),
  }
}

/** The program and what it prints first, of the README. */
export function readTenLines() {
  const text = readFileSync(join(ROOT, 'README.md'), 'utf8')
  const [, program, printed] = /^## Ten lines that run\n+```js\n([^]*?)^```\n+```\n([^]*?)^```$/m.exec(text)
  return { program, printed }
}
