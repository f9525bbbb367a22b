import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'

const program = (name: string): string => fileURLToPath(new URL(`limits/${name}`, import.meta.url))

/** Runs a program, which must end by itself; gives what it printed. */
function run<Printed>(...args: string[]): Printed {
  const { NODE_OPTIONS: _, ...env } = process.env
  const result = spawnSync(process.execPath, ['--no-warnings', ...args], { encoding: 'utf8', env })
  expect({ status: result.status, signal: result.signal, stderr: result.stderr }).toEqual({ status: 0, signal: null, stderr: '' })
  return JSON.parse(result.stdout) as Printed
}

const canLimit = process.platform === 'linux' && spawnSync('prlimit', ['--version']).status === 0

// sibling of scipy/scipy #13421
describe.runIf(canLimit)('where the system refuses memory, a call ends in an error, and the process goes on', () => {
  const ends = new Map<number, Record<string, string>>()

  test.each([40, 100, 200, 400, 2000])('with %i MB left', (megabytes) => {
    const found = run<Record<string, string>>(program('refused.js'), String(megabytes))
    ends.set(megabytes, found)
    expect(Object.keys(found).length).toBeGreaterThan(30)
    for (const [call, end] of Object.entries(found)) expect(end, call).toMatch(/^right$|^MEMORY (?:costs?|outputs|call)$/)
  })

  test('large calls are refused where there is little left', () => {
    const large = ['maximize f64', 'tall', 'long', 'async', 'batch', 'sparse', 'sparse, async', 'verify', 'compute', 'match', 'cost']
    for (const call of large) expect(ends.get(40)?.[call], call).toMatch(/^MEMORY/)
    expect(ends.get(40)).toMatchObject({ 'dense f32': 'right', 'dense list': 'right' })
  })

  test('no call is refused where there is enough but those that no machine has memory for', () => {
    const refused = Object.entries(ends.get(2000) ?? {}).filter(([, end]) => end !== 'right')
    const huge = ['no rows, duals', 'no columns, left over', 'cells unlisted']
    expect(refused.map(([call]) => call)).toEqual(huge)
  })

  test('a matrix without cells needs no memory however long its other side is', () => {
    const without = ['no rows', 'no columns', 'no rows, listed', 'no rows, async', 'no columns, async', 'no rows, batch']
    for (const call of without) expect(ends.get(40)?.[call], call).toBe('right')
  })
})

test.runIf(process.platform === 'linux')('what large calls needed is given back to the system', () => {
  const grown = run<Record<string, number>>('--expose-gc', program('resident.js'))
  expect(Object.keys(grown)).toHaveLength(5)
  for (const [call, megabytes] of Object.entries(grown)) expect(megabytes, call).toBeLessThan(80)
})
