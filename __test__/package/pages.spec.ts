/** What must be on certain pages: the README is short, every error code has its section, every export is at a glance. */
import { pathToFileURL } from 'node:url'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { entriesOf } from '../../scripts/entries.js'
import { CODES } from '../../src/common/errors.ts'
import { blocksOf, readDocument } from '../support/documents.ts'
import { ROOT } from '../support/root.ts'

test('README.md: at most 150 lines, with two programs and what they print', () => {
  const text = readDocument('README.md')
  expect(text.trimEnd().split('\n').length).toBeLessThanOrEqual(150)
  const programs = blocksOf(text, 'README.md').filter(({ language }) => language === 'js')
  expect(programs.length).toBeGreaterThanOrEqual(2)
  for (const { output, setup } of programs) expect(output !== undefined && setup === '').toBe(true)
})

const errors = readDocument('docs/errors.md')

test.each(CODES)('docs/errors.md: %s has a message that a program prints, causes and cures', (code) => {
  expect(errors).toContain(`| [\`${code}\`](#${code.toLowerCase()}) |`)
  const section = errors.split(/^## /m).find((part) => part.startsWith(`${code}\n`)) as string
  expect(section).toContain('\n| cause | cure |\n')
  const programs = blocksOf(section, code).filter(({ language }) => language === 'js')
  expect(programs.map(({ output }) => output?.length).filter((length) => length === undefined || length === 0)).toEqual(
    [],
  )
  expect(programs.length).toBeGreaterThan(0)
})

test.each(entriesOf(ROOT))('docs/guide/glance.md: every function and class of $name is there', async ({ source }) => {
  const names = Object.keys((await import(pathToFileURL(join(ROOT, source)).href)) as object)
  expect(names.length).toBeGreaterThan(0)
  const glance = readDocument('docs/guide/glance.md')
  expect(names.filter((name) => !new RegExp(`\\b${name}\\b`).test(glance))).toEqual([])
})
