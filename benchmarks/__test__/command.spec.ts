/** The command line of the benchmarks, and what they tell while they run. */
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { eventLoopCases, lossSections } from '../loss/cases.js'
import { readKind, readShape, shapeOf } from '../loss/shape.js'
import { parseOptions, UsageError } from '../options.js'
import { Progress } from '../progress.js'

test('options are read, and what cannot be understood is refused', () => {
  const defaults = { quick: false, save: false, seed: 1 }
  expect(parseOptions(['--seed', '7', '--quick'], defaults)).toEqual({ quick: true, save: false, seed: 7 })
  for (const line of ['--sed 7', '7', '--quick=1', '--seed', '--seed 0', '--seed x', '--quick --save']) {
    expect(() => parseOptions(line.split(' '), defaults)).toThrow(UsageError)
  }
})

const defaults = { shape: undefined, kind: undefined, layers: undefined, quick: false, save: false }
const chosen = (...args: string[]) => {
  const { kind, ...options } = parseOptions(args, defaults, { shape: readShape, kind: readKind }) as any
  return { quick: options.quick, kind, shape: shapeOf({ kind, ...options }) }
}

test('--shape and --kind choose what is measured of the loss, and without them it is everything', () => {
  const choice = chosen('--shape', '8x300x91', '--kind', 'focal')
  expect(lossSections(choice)).toEqual([
    expect.objectContaining({ title: 'Focal (Deformable DETR)', cases: [expect.anything(), expect.anything()] }),
  ])
  for (const { size } of [...lossSections(choice)[0]!.cases, ...eventLoopCases(choice)]) {
    expect(size).toBe('8×300×91, 0 to 14 targets')
  }
  const [{ size, setting }] = eventLoopCases(chosen('--shape', '2×5×7×0', '--layers', '6', '--quick')) as any
  expect(size).toBe('2×5×7, 6 layers, 0 targets')
  expect(setting).toMatchObject({ images: 2, queries: 5, classes: 7, targets: 0, layers: 6 })
  const count = (choice: ReturnType<typeof chosen>) => lossSections(choice).map(({ cases }) => cases.length)
  expect(count(chosen('--shape', '8x300x91'))).toEqual([2, 2])
  expect(count(chosen('--kind', 'softmax', '--quick'))).toEqual([3])
  expect(count(chosen())).toEqual([16, 10])
})

test.each([
  ['--shape 8x300', /8x300x91x20, got "8x300"/],
  ['--shape 8x300x91x20x1', /--shape takes/],
  ['--shape 0x300x91', /--shape takes/],
  ['--shape 8x0x91', /--shape takes/],
  ['--shape 8x300x1', /2 or more/],
  ['--shape 8x300x9.5', /--shape takes/],
  ['--shape 8x300x', /--shape takes/],
  ['--shape 1000x1000x1000', /67,108,864 logits at most/],
  ['--shape 8x300x91 --layers 1.5', /whole number/],
  ['--shape 8x300x91 --save', /leave out --shape/],
  ['--kind softmax --save', /leave out .*--kind/],
  ['--kind sigmoid', /softmax or focal, got "sigmoid"/],
  ['--layers 6', /needs a --shape/],
])('%s is refused with the reason', (line, reason) => {
  const choose = () => chosen(...line.split(' '))
  expect(choose).toThrow(UsageError)
  expect(choose).toThrow(reason)
})

/** Runs a benchmark as a user would. */
const run = (name: string, ...args: string[]) =>
  spawnSync(process.execPath, [fileURLToPath(new URL(`../${name}.bench.js`, import.meta.url)), ...args], {
    encoding: 'utf8',
  })

test.each(['loss', 'masks', 'growth', 'assignment'])(
  '%s: --help names every option, and unknown ones are refused',
  (name) => {
    const { status, stdout } = run(name, '--help')
    expect(status).toBe(0)
    for (const option of ['--seed n', '--quick', '--save', '--help']) expect(stdout).toContain(`\n  ${option} `)
    expect(run(name, '--fast')).toMatchObject({ status: 2, stdout: '', stderr: expect.stringContaining("'--fast'") })
  },
)

test('a shape of the caller is measured, without a floor where there is none', () => {
  const { status, stdout, stderr } = run('loss', '--quick', '--kind', 'softmax', '--shape', '1x4x5x2')
  expect(stderr).toMatch(
    /^1 of 2: Softmax \(DETR\), trained, 1×4×5, 2 targets\n2 of 2, about \d+ s left: the event loop, softmax, 1×4×5, 2 targets\n$/,
  )
  expect(stdout).toMatch(/\| trained \| 1×4×5, 2 targets \| \d/)
  expect(stdout).not.toMatch(/wrong|failed|Focal|ours ÷ floor/)
  expect(status).toBe(0)
})

test('progress tells where it is and, from the second step on, how long the rest takes', () => {
  const lines: string[] = []
  let now = 5000
  const progress = new Progress(4, { now: () => now, write: (line) => lines.push(line) })
  for (const seconds of [10, 20, 150]) {
    progress.begin('a')
    now += 1000 * seconds
  }
  progress.begin('b')
  expect(lines).toEqual([
    '1 of 4: a',
    '2 of 4, about 30 s left: a',
    '3 of 4, about 30 s left: a',
    '4 of 4, about 60 s left: b',
  ])
  new Progress(1000, { now: () => (now += 1000), write: (line) => lines.push(line) }).begin('c')
  const long = new Progress(31, { now: () => (now += 10_000), write: (line) => lines.push(line) })
  long.begin('d')
  long.begin('e')
  expect(lines.slice(-3)).toEqual(['1 of 1000: c', '1 of 31: d', '2 of 31, about 10 min left: e'])
})
