/** What is made of figures: who leads, who fails the command, tables and charts. */
import { expect, test } from 'vitest'
import { drawChart, seriesOf } from '../chart.js'
import { aboveFloor, failIfOursIsWrong, lead } from '../outcomes.js'
import type { Outcome } from '../outcomes.js'
import { showTime, toTables } from '../tables.js'

const figures = (median: number) => ({ median, least: median, spread: 0.1, samples: 9 })

test('the ratio is that of the fastest rival that is right', () => {
  const us = { name: 'ours', isRival: false, figures: figures(2) }
  const lower = { name: 'ours, slower', isRival: false, figures: figures(1) }
  const rivals = [8, 6].map((median) => ({ name: `${median}`, isRival: true, figures: figures(median) }))
  const wrong = { name: 'wrong', isRival: true, figures: figures(1), wrong: 'incomplete' }
  const stopped = { name: 'stopped', isRival: true, limit: 1 }
  expect(lead([us, lower, ...rivals, wrong, stopped])).toBe(3)
  expect(lead([us, wrong, stopped])).toBeUndefined()
  expect(lead([{ ...us, wrong: 'incomplete' }, ...rivals])).toBeUndefined()
})

test('tables hide nothing', () => {
  const outcomes = [
    { name: 'ours', isRival: false, figures: figures(0.002) },
    { name: 'right', isRival: true, figures: figures(0.5) },
    { name: 'A', isRival: true, figures: figures(5e-5), wrong: 'incomplete' },
    { name: 'B', isRival: true, limit: 10 },
    { name: 'C', isRival: true, skipped: true },
    { name: 'D', isRival: true, failure: 'D: no memory' },
  ]
  expect(toTables({ title: 'Square', rows: [{ family: 'uniform', size: '10×10', outcomes }] })).toBe(`## Square

| fastest rival ÷ ours | 10×10 |
| --- | ---: |
| uniform | 250 × |

| input | size | ours | ± | right | A | B | C | D | fastest rival ÷ ours |
| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |
| uniform | 10×10 | 2.00 ms | ± 10 % | 500 ms | 50.0 µs, wrong: incomplete | > 10 s | – | failed | 250 × |

- uniform, 10×10: D: no memory`)
})

test('times have three digits and a unit', () => {
  const shown = [2.5e-7, 0.0123, 0.9999e-3, 2, 1234].map(showTime)
  expect(shown).toEqual(['0.250 µs', '12.3 ms', '1000 µs', '2.00 s', '1234 s'])
})

const us = { name: 'ours', isRival: false, figures: figures(3) }
const rival = { name: 'rival', isRival: true, figures: figures(6) }
const bottom = { name: 'floor', isRival: false, isFloor: true, figures: figures(2) }

test('the floor is no rival, and ours is held against it unless one of the two is wrong', () => {
  expect(aboveFloor([us, rival, bottom])).toBe(1.5)
  expect(aboveFloor([us, rival, { ...bottom, wrong: 'loss' }])).toBeUndefined()
  expect(aboveFloor([us, rival])).toBeUndefined()
  const section = { title: 'Loss', rows: [{ family: 'random', size: 'small', outcomes: [us, rival, bottom] }] }
  expect(toTables(section)).toContain('| random | small | 3.00 s | ± 10 % | 6.00 s | 2.00 s | 2.0 × | 1.5 × |')
})

test('only a fault of ours fails the benchmark', () => {
  const section = (outcomes: Outcome[]) => [{ rows: [{ family: 'random', size: 'small', outcomes }] }]
  failIfOursIsWrong(section([us, { ...rival, wrong: 'loss' }, { ...bottom, failure: 'no' }]))
  expect(() => failIfOursIsWrong(section([{ ...us, wrong: 'loss' }, rival]))).toThrow('random, small')
  expect(() => failIfOursIsWrong(section([us, { ...us, failure: 'no' }]))).toThrow('random, small')
})

test('a chart shows each series within its frame, names it, and knows light and dark', () => {
  const row = (outcomes: Outcome[], x?: number) => ({ family: 'random', size: 'small', x, outcomes })
  const series = seriesOf([
    row([us, { ...rival, name: 'A & B', wrong: 'loss' }, bottom], 1000),
    row([us, { ...rival, name: 'A & B' }, bottom], 10),
    row([us, rival, bottom]),
  ])
  expect(series).toEqual([
    {
      name: 'ours',
      kind: 'ours',
      points: [
        [10, 3],
        [1000, 3],
      ],
    },
    { name: 'A & B', kind: 'rival', points: [[10, 6]] },
    {
      name: 'floor',
      kind: 'floor',
      points: [
        [10, 2],
        [1000, 2],
      ],
    },
  ])
  const svg = drawChart({ title: 'Time', xLabel: 'size', series })
  const texts = ['ours', 'A &#38; B', 'floor', 'Time', 'size', '100', '5 s']
  for (const text of texts) expect(svg).toContain(`>${text}<`)
  expect(svg).toContain('prefers-color-scheme: dark')
  const places = [...svg.matchAll(/<circle class="dot" cx="([\d.]+)" cy="([\d.]+)"/g)]
  expect(places.length).toBe(5)
  for (const [x = NaN, y = NaN] of places.map((place) => place.slice(1).map(Number))) {
    expect(x > 76 && x < 620 && y > 56 && y < 440).toBe(true)
  }
})
