/** What must hold of the workflows of continuous integration and of releases, as far as it can be known here. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { ALL, platformsNamed } from '../../scripts/package/platforms.js'
import { ROOT } from '../support/root.ts'

const FOLDER = join(ROOT, '.github', 'workflows')
const workflows = readdirSync(FOLDER).map((file) => [file, readFileSync(join(FOLDER, file), 'utf8')] as const)
const { scripts } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { scripts: Record<string, string> }

test.each(workflows)('%s: every action is one commit, whose version a comment tells', (_, text) => {
  const uses = Array.from(text.matchAll(/^ *- uses: (.*)$/gm), ([, used]) => used as string)
  expect(uses.length).toBeGreaterThan(0)
  for (const used of uses) expect(used).toMatch(/^[\w-]+\/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/)
})

test('uses: an action is the same commit in all workflows', () => {
  const pins = workflows.flatMap(([, text]) =>
    Array.from(text.matchAll(/uses: ([\w/-]+)@(.*)$/gm), ([, action, pin]) => `${action} ${pin}`),
  )
  const actions = new Set(pins.map((pin) => pin.split(' ')[0]))
  expect(new Set(pins).size).toBe(actions.size)
})

test.each(workflows)('%s: every script that it runs is there', (_, text) => {
  const runs = Array.from(text.matchAll(/npm run ([\w:]+)/g), ([, name]) => name as string)
  const files = Array.from(text.matchAll(/node (scripts\/[\w/-]+\.js)/g), ([, file]) => file as string)
  expect(runs.filter((name) => !(name in scripts))).toEqual([])
  expect(files.filter((file) => !existsSync(join(ROOT, file)))).toEqual([])
})

test('release.yml: every platform is built by one of its systems', () => {
  const release = workflows.find(([file]) => file === 'release.yml')?.[1] as string
  const parts = Array.from(release.matchAll(/\{ for: '?([\w,]+)'?, os/g), ([, names]) => (names as string).split(','))
  const built = parts.flatMap((names) => platformsNamed(names).map(({ name }) => name))
  expect(built.toSorted()).toEqual(ALL.map(({ name }) => name).toSorted())
})

/** The jobs that publish; no other may prove who it is. */
const PUBLISHING: Readonly<Record<string, string>> = { 'release.yml': 'publish', 'docs.yml': 'deploy' }

test.each(workflows)('%s: the publishing job alone may prove who it is, and there is no secret', (file, text) => {
  const jobs = text.split(/^ {2}(?=[\w-]+:$)/m)
  const proving = jobs.filter((job) => job.includes('id-token: write')).map((job) => job.split(':')[0])
  expect(proving).toEqual(file in PUBLISHING ? [PUBLISHING[file]] : [])
  expect(text).not.toContain('secrets.')
})
