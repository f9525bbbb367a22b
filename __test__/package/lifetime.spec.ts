/** Threads that come and go: workers that alone load the package, many at once, or stopped while they work; and one signal for all. */
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { beforeAll, expect, test } from 'vitest'
import { checkBuilt } from '../support/built.ts'

beforeAll(checkBuilt, 60_000)

/** Runs a program, which must end by itself without a word of warning; gives what it printed. */
function run(name: string, ...args: readonly string[]): unknown {
  const path = fileURLToPath(new URL(`lifetime/${name}`, import.meta.url))
  const { NODE_OPTIONS: _, ...env } = process.env
  const { status, signal, stdout, stderr } = spawnSync(process.execPath, [path, ...args], { encoding: 'utf8', env })
  expect({ status, signal, stderr }).toEqual({ status: 0, signal: null, stderr: '' })
  return JSON.parse(stdout)
}

const LONG = { timeout: 300_000 }

test('a worker that alone loads the package may end and be followed by others, 50 times', LONG, () => {
  const results = run('workers.js', 'in-turn', '50') as number[][]
  expect(results).toHaveLength(50)
  for (const numbers of results) {
    expect(numbers).toEqual(results[0])
    expect(numbers.every(Number.isFinite)).toBe(true)
  }
})

test('eight workers at once get the same as one', LONG, () => {
  const results = run('workers.js', 'at-once', '8') as number[][]
  const [one] = run('workers.js', 'in-turn', '1') as number[][]
  expect(results).toEqual(Array.from({ length: 8 }, () => one))
})

test.each(['sync', 'async', 'abort'])('a worker may be terminated while it calls (%s)', LONG, (what) => {
  expect(run('workers.js', 'stopped', '14', what)).toEqual(Array.from({ length: 14 }, () => 1))
})

test('one signal serves a thousand calls, with one listener, and leaves none behind', LONG, () => {
  const { listeners, ends } = run('signal.js') as { listeners: number; ends: Record<string, number> }
  expect(listeners).toBe(1)
  expect(ends['others']).toBe(0)
  expect(ends['fulfilled']).toBeGreaterThan(0)
  expect(ends['aborted']).toBeGreaterThan(0)
  expect((ends['fulfilled'] as number) + (ends['aborted'] as number)).toBe(1000)
})
