/** The documents of the project, and the code and the links that they have. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { ROOT } from './root.ts'

/** Folders that hold no documents of the project: what is installed, generated or recorded. */
const OTHERS =
  /^(?:\..*|node_modules|target|dist|native|packages|coverage|site|out|fixtures|train-digits-report|segment-digits-report)$/

/** Every Markdown document of the project, as paths from its root. */
export function documents(folder = ''): string[] {
  return readdirSync(join(ROOT, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = folder === '' ? entry.name : `${folder}/${entry.name}`
    if (entry.isDirectory()) return OTHERS.test(entry.name) ? [] : documents(path)
    return entry.name.endsWith('.md') ? [path] : []
  })
}

/** A block of code. */
export interface Block {
  /** The document, as a path from the project's root. */
  readonly document: string
  /** The document and the line of the fence, from 1. */
  readonly place: string
  /** What stands behind the fence first, empty where nothing does. */
  readonly language: string
  /** The file that the block is, where the fence has `title="…"`. */
  readonly title: string | undefined
  /** The heading of the second level that it stands under. */
  readonly section: string | undefined
  readonly code: string
  /** What a comment `<!-- setup … -->` right before it holds. */
  readonly setup: string
  /** The lines of the block without a language that comes next, if one does. */
  readonly output: readonly string[] | undefined
}

const FENCE = /^( *)(`{3,}|~{3,})(\S*)(?: (.*))?$/

/** All blocks of code of a document. */
export function blocksOf(text: string, name: string): Block[] {
  const lines = text.split('\n')
  const blocks: Block[] = []
  let setup = ''
  let section: string | undefined
  for (let i = 0; i < lines.length; i++) {
    const line = lines[i] as string
    const fence = FENCE.exec(line)
    if (line.trim() === '<!-- setup') {
      const end = lines.findIndex((line, at) => at > i && line.trim() === '-->')
      if (end < 0) throw new Error(`${name}:${i + 1}: a setup without an end`)
      setup = `${lines.slice(i + 1, end).join('\n')}\n`
      i = end
    } else if (fence !== null) {
      const [, indent, mark, language, info] = fence
      const end = closing(lines, i, mark as string, name)
      blocks.push({
        document: name,
        place: `${name}:${i + 1}`,
        language: language as string,
        title: /title="([^"]*)"/.exec(info ?? '')?.[1],
        section,
        code: lines
          .slice(i + 1, end)
          .map((line) => (line.startsWith(indent as string) ? line.slice(indent?.length) : line))
          .join('\n'),
        setup,
        output: outputAfter(lines, end, name),
      })
      setup = ''
      i = end
    } else if (line.trim() !== '') {
      if (setup !== '') throw new Error(`${name}:${i + 1}: a setup without a block`)
      section = /^## (.*)$/.exec(line)?.[1] ?? section
    }
  }
  return blocks
}

/** The line that ends the block that begins at `start`. */
function closing(lines: readonly string[], start: number, mark: string, name: string): number {
  const end = lines.findIndex((line, i) => i > start && line.trim() === mark)
  if (end < 0) throw new Error(`${name}:${start + 1}: a block without an end`)
  return end
}

/** What the block without a language after the line `end` holds, if there is one. */
function outputAfter(lines: readonly string[], end: number, name: string): string[] | undefined {
  const next = lines.findIndex((line, i) => i > end && line.trim() !== '')
  const [, , mark, language] = FENCE.exec(lines[next] ?? '') ?? []
  return mark !== undefined && language === '' ? lines.slice(next + 1, closing(lines, next, mark, name)) : undefined
}

/** A block of JavaScript or TypeScript that is a program. */
export interface Program {
  /** The document and the line that the block begins in. */
  readonly place: string
  /** Whole: what a comment of the document sets up, then the block. */
  readonly source: string
  /** The lines that it prints, where the document tells. */
  readonly printed: readonly string[] | undefined
}

/** Languages of programs. */
export const PROGRAMS: ReadonlySet<string> = new Set(['js', 'ts'])

/**
 * The blocks of a document that are programs: all of JavaScript and TypeScript but those with a title, which are files. What is
 * printed stands in comments behind each `console.log(…)`, or in a block without a language right after.
 */
export function programsOf(text: string, name: string): Program[] {
  return blocksOf(text, name)
    .filter(({ language, title }) => PROGRAMS.has(language) && title === undefined)
    .map(({ place, setup, code, output }) => {
      const told = comments(code)
      if (told !== undefined && output !== undefined) {
        throw new Error(`${place}: what it prints stands in comments or in a block after it, not in both`)
      }
      return { place, source: `${setup}${code}\n`, printed: told ?? output }
    })
}

/** What comments say is printed, where they do. */
function comments(code: string): string[] | undefined {
  const printed = [...code.matchAll(/^console\.log\(.*\) \/\/ (.+)$/gm)].map(([, text]) => text as string)
  return printed.length === 0 ? undefined : printed
}

/** The packages that a program imports, without those of Node.js. */
export function packagesOf(source: string): string[] {
  const imports = source.matchAll(/(?:\bfrom|^import|\bimport\(|\brequire\() ?'([^'.][^']*)'/gm)
  const names = Array.from(imports, ([, path]) => (path as string).match(/^(?:@[^/]+\/)?[^/]+/)?.[0] as string)
  return [...new Set(names)].filter((name) => !name.startsWith('node:'))
}

/** The text of a document. */
export function readDocument(name: string): string {
  return readFileSync(join(ROOT, name), 'utf8')
}
