/** The charts of the training example: their axes end where the values do, in round steps that leave room for the numbers. */
import { expect, test } from 'vitest'
import { barTable } from '../../../examples/train-digits/report/bars.js'
import { lineChart, ticks } from '../../../examples/train-digits/report/chart.js'

test.each([
  [1, 5, [0, 1]],
  [5, 5, [0, 1, 2, 3, 4, 5]],
  [7, 5, [0, 2, 4, 7]],
  [500, 4, [0, 250, 500]],
  [1337, 4, [0, 500, 1000, 1337]],
  [2000, 4, [0, 500, 1000, 1500, 2000]],
  [1_000_000, 2, [0, 500_000, 1_000_000]],
])('ticks: %i steps in at most %i intervals', (last, most, expected) => {
  expect(ticks(last, { most, whole: true })).toEqual(expected)
})

test('ticks: whatever the number of steps, they begin at 0 and end there, in whole, even and wide enough steps', () => {
  for (let last = 1; last <= 3000; last++) {
    const [first, second, ...others] = ticks(last, { most: 4, whole: true })
    const all = [first!, second!, ...others]
    expect([first, all.at(-1), all.every(Number.isInteger)]).toEqual([0, last, true])
    expect(all.length).toBeLessThanOrEqual(5)
    const steps = all.slice(1).map((tick, i) => tick - all[i]!)
    expect(new Set(steps.slice(0, -1)).size, `ticks of ${last}: ${all.join(', ')}`).toBeLessThanOrEqual(1)
    expect(Math.min(...steps)).toBeGreaterThanOrEqual(Math.floor((0.99 * last) / 4))
  }
})

test('ticks: fractions', () => {
  expect(ticks(1, { most: 5 })).toEqual([0, 0.2, 0.4, 0.6, 0.8, 1])
})

/** The points of all lines of a chart, and what is written at its axes and where. */
function read(html: string) {
  const lines = Array.from(html.matchAll(/<path d="M([\d. L]+)"\/>/g), ([, path]) =>
    path!.split('L').map((point) => point.split(' ').map(Number)),
  )
  const labels = (axis: string) =>
    Array.from(html.matchAll(new RegExp(`class="${axis}" style="\\w+: ([\\d.]+)%">([^<]+)<`, 'g')), ([, at, text]) => [
      Number(at),
      text,
    ])
  return { lines, x: labels('x'), y: labels('y') }
}

test('lineChart: the line reaches the end of the axis, where its last step is written, and the highest number is not below it', () => {
  const points: [number, number][] = [
    [400, 3.2],
    [800, 1.6],
    [1337, 0.8],
  ]
  const series = [{ name: 'training', color: '--blue', points }]
  const html = lineChart({ title: 'Loss', xLabel: 'step', last: 1337, whole: true, series })
  const { lines, x, y } = read(html)
  expect(lines).toEqual([
    [
      [29.92, 20],
      [59.84, 60],
      [100, 80],
    ],
  ])
  expect(x).toEqual([
    [0, '0'],
    [37.4, '500'],
    [74.79, '1,000'],
    [100, '1,337'],
  ])
  expect(y.map(([, text]) => text)).toEqual(['0', '1', '2', '3', '4'])
  expect(html).toContain('training <b>0.800</b>')
})

test('lineChart: a single step, and values that are all 0, have axes too', () => {
  const series = [{ name: 'training', color: '--blue', points: [[1, 0]] as [number, number][] }]
  const { lines, x, y } = read(lineChart({ title: 'Loss', xLabel: 'step', last: 1, whole: true, series }))
  expect(lines).toEqual([[[100, 100]]])
  expect([x.at(-1), y[0], y.at(-1)![0]]).toEqual([[100, '1'], [100, '0'], 0])
})

test('barTable: a bar is as long as its number, and there is none where there is no number', () => {
  const html = barTable({
    title: 'Average precision by digit',
    label: 'digit',
    count: 'number',
    columns: [
      { name: 'AP50', color: '--blue' },
      { name: 'AP75', color: '--violet' },
    ],
    rows: [
      { label: '0', count: 37, values: [0.9744, 0.5] },
      { label: '1', count: 0, values: [-1, -1] },
    ],
  })
  const bars = Array.from(html.matchAll(/--part: ([^;]+); --color: var\(([^)]+)\)/g), ([, part, color]) => [
    part,
    color,
  ])
  expect(bars).toEqual([
    ['97.4%', '--blue'],
    ['50%', '--violet'],
    ['0%', '--blue'],
    ['0%', '--violet'],
  ])
  expect(Array.from(html.matchAll(/class="number[^"]*">([^<]+)/g), ([, text]) => text)).toEqual([
    '37',
    '0.974',
    '0.500',
    '0',
    '–',
    '–',
  ])
})
