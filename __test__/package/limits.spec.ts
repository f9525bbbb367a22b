/** Memory: what the system refuses, and what a process keeps. */
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { beforeAll, describe, expect, test } from 'vitest'
import type { TestContext } from 'vitest'
import { checkBuilt } from '../support/built.ts'

const program = (name: string): string => fileURLToPath(new URL(`limits/${name}`, import.meta.url))

/** V8 ends the process where its own heap may not grow, and frees buffers late where another thread does it. */
const STEADY = ['--single-threaded-gc', '--min-semi-space-size=4', '--max-semi-space-size=4']

beforeAll(checkBuilt, 60_000)

/** How often a program is tried that V8 ends since its own heap may not grow, which is no matter of the package. */
const TRIES = 8

/** Runs a program, which must end by itself; gives what it printed, or nothing where V8's own heap leaves no chance. */
function run<Printed>(args: string[], variables: NodeJS.ProcessEnv = {}): Printed | undefined {
  const { NODE_OPTIONS: _, ...own } = process.env
  const env = { ...own, ...variables }
  for (let i = 0; i < TRIES; i++) {
    const result = spawnSync(process.execPath, ['--no-warnings', ...STEADY, ...args], { encoding: 'utf8', env })
    if (/FATAL ERROR: .*JavaScript heap out of memory/.test(result.stderr)) continue
    expect({ status: result.status, signal: result.signal, stderr: result.stderr }).toEqual({
      status: 0,
      signal: null,
      stderr: '',
    })
    return JSON.parse(result.stdout) as Printed
  }
  return undefined
}

const canLimit = process.platform === 'linux' && spawnSync('prlimit', ['--version']).status === 0

// sibling of scipy/scipy #13421
describe.runIf(canLimit)(
  'MEMORY: where the system refuses memory, a call ends in an error, and the process goes on',
  () => {
    const found = new Map<number, Record<string, string> | undefined>()
    /** How each call ends with so many megabytes left; the test is skipped where V8 itself needs more. */
    const endsWith = (megabytes: number, { skip }: TestContext): Record<string, string> => {
      if (!found.has(megabytes)) found.set(megabytes, run([program('refused.js'), String(megabytes)]))
      return found.get(megabytes) ?? skip('the heap of V8 has not grown')
    }

    test.for([40, 100, 200, 400, 2000])('with %i MB left', (megabytes, context) => {
      const ends = endsWith(megabytes, context)
      expect(Object.keys(ends).length).toBeGreaterThan(30)
      for (const [call, end] of Object.entries(ends))
        expect(end, call).toMatch(
          /^right$|^MEMORY (?:costs?|outputs|call|options|options\.numClasses|detections|groundTruth)$/,
        )
    })

    test('large calls are refused where there is little left', (context) => {
      const large = [
        'maximize f64',
        'tall',
        'long',
        'async',
        'batch',
        'sparse',
        'sparse, async',
        'verify',
        'compute',
        'match',
        'cost',
        'evaluate, many classes',
        'criterion',
        'tensors',
        'tensors, gradients',
      ]
      for (const call of large) expect(endsWith(40, context)[call], call).toMatch(/^MEMORY/)
      expect(endsWith(40, context)).toMatchObject({
        'dense f32': 'right',
        'dense list': 'right',
        'evaluate, few': 'right',
      })
    })

    test('no call is refused where there is enough but those that no machine has memory for', (context) => {
      const refused = Object.entries(endsWith(2000, context)).filter(([, end]) => end !== 'right')
      const huge = ['no rows, duals', 'no columns, left over', 'cells unlisted']
      expect(refused.map(([call]) => call)).toEqual(huge)
    })

    test('a matrix without cells needs no memory however long its other side is', (context) => {
      const without = [
        'no rows',
        'no columns',
        'no rows, listed',
        'no rows, async',
        'no columns, async',
        'no rows, batch',
      ]
      for (const call of without) expect(endsWith(40, context)[call], call).toBe('right')
    })
  },
)

/** Megabytes; the one thread may keep 64 for the next call. */
const MOST = 80

test.runIf(process.platform === 'linux')('MEMORY: what large calls needed is given back to the system', () => {
  const grown = run<Record<string, number>>(['--expose-gc', program('resident.js'), String(MOST)], {
    HUNGARIAN_LOSS_THREADS: '1',
  })
  expect(Object.keys(grown ?? {})).toHaveLength(5)
  for (const [call, megabytes] of Object.entries(grown ?? {})) expect(megabytes, call).toBeLessThan(MOST)
})
