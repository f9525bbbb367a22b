import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { beforeAll, describe, expect, test } from 'vitest'
import { checkBuilt } from './built.ts'

const program = (name: string): string => fileURLToPath(new URL(`limits/${name}`, import.meta.url))

/** V8 ends the process where its own heap may not grow, and frees buffers late where another thread does it. */
const STEADY = ['--single-threaded-gc', '--min-semi-space-size=4', '--max-semi-space-size=4']

beforeAll(checkBuilt, 60_000)

/** Runs a program, which must end by itself; gives what it printed. */
function run<Printed>(args: string[], variables: NodeJS.ProcessEnv = {}): Printed {
  const { NODE_OPTIONS: _, ...own } = process.env
  const env = { ...own, ...variables }
  const result = spawnSync(process.execPath, ['--no-warnings', ...STEADY, ...args], { encoding: 'utf8', env })
  expect({ status: result.status, signal: result.signal, stderr: result.stderr }).toEqual({ status: 0, signal: null, stderr: '' })
  return JSON.parse(result.stdout) as Printed
}

const canLimit = process.platform === 'linux' && spawnSync('prlimit', ['--version']).status === 0

// sibling of scipy/scipy #13421
describe.runIf(canLimit)('where the system refuses memory, a call ends in an error, and the process goes on', () => {
  const found = new Map<number, Record<string, string>>()
  const endsWith = (megabytes: number): Record<string, string> => {
    const ends = found.get(megabytes) ?? run<Record<string, string>>([program('refused.js'), String(megabytes)])
    found.set(megabytes, ends)
    return ends
  }

  test.each([40, 100, 200, 400, 2000])('with %i MB left', (megabytes) => {
    const ends = endsWith(megabytes)
    expect(Object.keys(ends).length).toBeGreaterThan(30)
    for (const [call, end] of Object.entries(ends)) expect(end, call).toMatch(/^right$|^MEMORY (?:costs?|outputs|call)$/)
  })

  test('large calls are refused where there is little left', () => {
    const large = ['maximize f64', 'tall', 'long', 'async', 'batch', 'sparse', 'sparse, async', 'verify', 'compute', 'match', 'cost']
    for (const call of large) expect(endsWith(40)[call], call).toMatch(/^MEMORY/)
    expect(endsWith(40)).toMatchObject({ 'dense f32': 'right', 'dense list': 'right' })
  })

  test('no call is refused where there is enough but those that no machine has memory for', () => {
    const refused = Object.entries(endsWith(2000)).filter(([, end]) => end !== 'right')
    const huge = ['no rows, duals', 'no columns, left over', 'cells unlisted']
    expect(refused.map(([call]) => call)).toEqual(huge)
  })

  test('a matrix without cells needs no memory however long its other side is', () => {
    const without = ['no rows', 'no columns', 'no rows, listed', 'no rows, async', 'no columns, async', 'no rows, batch']
    for (const call of without) expect(endsWith(40)[call], call).toBe('right')
  })
})

/** Megabytes; the one thread may keep 64 for the next call. */
const MOST = 80

test.runIf(process.platform === 'linux')('what large calls needed is given back to the system', () => {
  const grown = run<Record<string, number>>(['--expose-gc', program('resident.js'), String(MOST)], { HUNGARIAN_LOSS_THREADS: '1' })
  expect(Object.keys(grown)).toHaveLength(5)
  for (const [call, megabytes] of Object.entries(grown)) expect(megabytes, call).toBeLessThan(MOST)
})
