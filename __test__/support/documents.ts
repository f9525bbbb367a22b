/** The programs that documents show. */
import { readFileSync } from 'node:fs'

/** One block of code. */
export interface Program {
  /** The document and the line that the block begins in. */
  readonly place: string
  /** Whole: what a comment of the document sets up, then the block. */
  readonly source: string
  /** The lines that it prints, where the document tells. */
  readonly printed: readonly string[] | undefined
}

/**
 * Finds the blocks of JavaScript and TypeScript of a Markdown document. A comment `<!-- setup … -->` right before a block holds
 * what the block takes for granted. What is printed stands in comments behind each `console.log(…)`, or in a block without a
 * language right after.
 */
export function programsOf(path: string, name = path): Program[] {
  const lines = readFileSync(path, 'utf8').split('\n')
  const programs: Program[] = []
  let setup = ''
  for (let i = 0; i < lines.length; i++) {
    const line = lines[i] as string
    if (line.trim() === '<!-- setup') {
      const end = lines.indexOf('-->', i)
      setup = lines.slice(i + 1, end).join('\n')
      i = end
    } else if (/^ *```(js|ts)$/.test(line)) {
      const end = closing(lines, i)
      const code = lines.slice(i + 1, end).join('\n')
      programs.push({
        place: `${name}:${i + 1}`,
        source: `${setup}\n${code}\n`,
        printed: comments(code) ?? output(lines, end),
      })
      setup = ''
      i = end
    } else if (line.trim() !== '' && setup !== '') {
      throw new Error(`${name}:${i + 1}: a setup without a block`)
    }
  }
  return programs
}

/** The line that ends the block that begins at `start`. */
function closing(lines: readonly string[], start: number): number {
  const end = lines.findIndex((line, i) => i > start && line.trim() === '```')
  if (end < 0) throw new Error(`line ${start + 1}: a block without an end`)
  return end
}

/** What comments say is printed, where they do. */
function comments(code: string): string[] | undefined {
  const printed = [...code.matchAll(/^console\.log\(.*\) \/\/ (.+)$/gm)].map(([, text]) => text as string)
  return printed.length === 0 ? undefined : printed
}

/** What the block without a language after the line `end` holds, if there is one. */
function output(lines: readonly string[], end: number): string[] | undefined {
  const next = lines.findIndex((line, i) => i > end && line.trim() !== '')
  return next >= 0 && lines[next] === '```' ? lines.slice(next + 1, closing(lines, next)) : undefined
}
