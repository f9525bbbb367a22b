/** For how long calls hold up the event loop: what is measured, and how it is shown. */
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { eventLoopCases } from '../loss/cases.js'
import type { Case } from '../loss/cases.js'
import { heldUp, measureCase, toSection } from '../loss/event-loop.js'

/** Keeps the event loop from turning. */
const work = (milliseconds: number) => {
  for (const end = performance.now() + milliseconds; performance.now() < end;);
}

test('the loop is held up by a call and by its later turns, but not while it has nothing to do', async () => {
  await nextTurn()
  expect(await heldUp(() => work(20))).toBeGreaterThanOrEqual(0.02)
  const later = async () => {
    work(20)
    await sleep(20)
    work(20)
  }
  expect(await heldUp(later)).toBeGreaterThanOrEqual(0.04)
  // the least of as many as it takes, for other processes hold it up, too
  let share = 1
  for (let i = 0; i < 10 && share > 0.2; i++) {
    const start = performance.now()
    const idle = await heldUp(() => sleep(500))
    share = Math.min(share, (1000 * idle) / (performance.now() - start))
  }
  expect(share).toBeLessThanOrEqual(0.2)
  await expect(heldUp(() => Promise.reject(new Error('no')))).rejects.toThrow('no')
})

test('calls on the loop and off it are measured, and shown beside the size of their predictions', async () => {
  const cases = eventLoopCases({ quick: false })
  expect(cases.map(({ setting }) => setting.classification)).toEqual([...Array(4).fill('softmax'), 'focal', 'focal'])
  const row = await measureCase(cases[0] as Case, { effort: { calls: 3, before: 1 }, seed: 8 })
  expect(row).toMatchObject({ classification: 'softmax', size: '2×100×92, 0 to 14 targets', bytes: 2 * 100 * 96 * 4 })
  for (const kind of ['compute', 'copy', 'transfer'] as const) {
    const { median, p95, calls } = row.heldUp[kind]
    expect(calls).toBe(3)
    expect(median).toBeGreaterThan(0)
    expect(p95).toBeGreaterThanOrEqual(median)
  }
  const figures = (median: number) => ({ median, p95: 2 * median, calls: 3 })
  const heldUp = { compute: figures(0.001), copy: figures(2e-4), transfer: figures(5e-5) }
  expect(
    toSection([
      { ...row, heldUp },
      { ...row, bytes: 16416000, heldUp },
    ]),
  ).toBe(`## The event loop

For how long one call holds it up: medians, and what 95 % of the calls stay below.

| class term | size | predictions | compute | computeAsync | 95 % | with transfer | 95 % |
| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |
| softmax | 2×100×92, 0 to 14 targets | 0.077 MB | 1.00 ms | 200 µs | 400 µs | 50.0 µs | 100 µs |
|  | 2×100×92, 0 to 14 targets | 16 MB | 1.00 ms | 200 µs | 400 µs | 50.0 µs | 100 µs |`)
})
