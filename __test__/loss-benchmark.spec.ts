/** The parts of the benchmarks of the loss that decide something: what is computed, who is right, what is drawn. */
import { writeFileSync } from 'node:fs'
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { drawChart, seriesOf } from '../benchmarks/chart.js'
import { withFolder } from '../benchmarks/files.js'
import { fittedExponent, isCliff, localExponents } from '../benchmarks/growth/exponents.js'
import { inputsAt, sweeps } from '../benchmarks/growth/sweeps.js'
import { makeInputs } from '../benchmarks/inputs.js'
import { availableLevels } from '../benchmarks/levels.js'
import { findFault } from '../benchmarks/loss/agreement.js'
import { eventLoopCases, inputsOf, lossSections } from '../benchmarks/loss/cases.js'
import type { Case } from '../benchmarks/loss/cases.js'
import { lossContenders, yardstick } from '../benchmarks/loss/contenders.js'
import type { Answer } from '../benchmarks/loss/contenders.js'
import { compete, runCase } from '../benchmarks/loss/contest.js'
import { heldUp, measureCase, toSection } from '../benchmarks/loss/event-loop.js'
import { floor } from '../benchmarks/loss/floor.js'
import { levelPlayers } from '../benchmarks/loss/levels.js'
import { ours } from '../benchmarks/loss/ours.js'
import { inProcess } from '../benchmarks/loss/process.js'
import { pytorchPlayers } from '../benchmarks/loss/pytorch.js'
import { aboveFloor, failIfOursIsWrong } from '../benchmarks/outcomes.js'
import type { Outcome } from '../benchmarks/outcomes.js'
import type { Player } from '../benchmarks/player.js'
import type { Terms } from '../benchmarks/rivals/plain-js-loss.js'
import { toTables } from '../benchmarks/tables.js'
import { buildExample } from '../scripts/example.js'
import { simdLevel, threadCount } from '../src/index.ts'

const BRIEF = { rounds: 1, maxTime: 0.001, minTime: 0.0001, minSamples: 1 }
const floorProgram = buildExample('floor', { profile: 'dev' })

/** What each contender of a case turns out to be. */
const judge = async (inputs: ReturnType<typeof makeInputs>) => {
  const contenders = lossContenders(inputs)
  const faults: Record<string, string | undefined> = {}
  for (const { name, result, precision, close } of contenders) {
    faults[name] = findFault(await result(), yardstick(inputs), precision)
    close?.()
  }
  return faults
}

const OURS = [
  'ours',
  'ours, new arrays',
  'ours, no gradients',
  ...(threadCount() > 1 ? [`ours, ${threadCount()} threads`] : []),
]
const RIVALS = ['JS + munkres', 'JS + linear-sum-assignment', 'JS + augmenting paths', 'TensorFlow.js']
const NAMES = [...OURS, ...RIVALS]
const NO_FAULTS = Object.fromEntries(NAMES.map((name) => [name, undefined]))

test('in the quick mode all contenders, levels and the floor are right, and all are timed', async () => {
  const players = levelPlayers()
  const levels = players.map(({ contender }) => contender.name)
  for (const { cases } of lossSections({ quick: true })) {
    const outcomes = await runCase(cases[0] as Case, { effort: BRIEF, seed: 8, floorProgram, players })
    expect(outcomes.map(({ name }) => name)).toEqual([...OURS, ...levels, ...RIVALS, 'floor'])
    for (const { wrong, failure, figures } of outcomes) {
      expect([wrong, failure]).toEqual([undefined, undefined])
      expect(figures?.median).toBeGreaterThan(0)
    }
  }
  for (const player of players) player.close()
})

test('the levels of the processor are listed once each, by the names that they have', () => {
  const levels = availableLevels()
  expect(levels).toContain(simdLevel())
  expect(new Set(levels).size).toBe(levels.length)
  expect(levels).not.toContain('fallback')
  if (process.arch === 'x64') expect(levels.at(-1)).toBe('sse2')
})

test('at every level ours has the same bits, also with several layers and without targets', async () => {
  const players = levelPlayers()
  for (const classification of ['softmax', 'focal'] as const) {
    for (const counts of [{ layers: 3, meanTargets: 2 }, { targets: 0 }]) {
      const inputs = makeInputs({ kind: 'random', classification, images: 2, queries: 19, classes: 37, ...counts })
      const outcomes = await withFolder((folder) => {
        return compete(
          players.map((player) => inProcess(player, inputs, folder)),
          yardstick(inputs),
          BRIEF,
        )
      })
      for (const { wrong, failure } of outcomes) expect([wrong, failure]).toEqual([undefined, undefined])
    }
  }
  for (const player of players) player.close()
})

test.each(['softmax', 'focal'] as const)('%s: all agree on awkward batches', async (classification) => {
  const shape = { classification, kind: 'random' as const, classes: 20 }
  expect(await judge(makeInputs({ ...shape, images: 3, queries: 9, layers: 2, meanTargets: 2 }))).toEqual(NO_FAULTS)
  expect(await judge(makeInputs({ ...shape, images: 2, queries: 5, targets: 8 }))).toEqual(NO_FAULTS)
  expect(await judge(makeInputs({ ...shape, images: 1, queries: 1, targets: 1 }))).toEqual(NO_FAULTS)
})

test('the floor computes the class term and its gradient, at every width that it is for', async () => {
  for (const classification of ['softmax', 'focal'] as const) {
    for (const classes of [16, 17, 32, 91, 92, 128]) {
      const inputs = makeInputs({ kind: 'trained', classification, layers: 2, images: 2, queries: 19, classes })
      const expected = yardstick(inputs)
      await withFolder(async (folder) => {
        const answer = await floor(floorProgram, inputs, expected, folder).result()
        expect(answer.layers.length).toBe(2)
        expect(findFault(answer, expected, 'float32')).toBeUndefined()
      })
    }
  }
})

test('PyTorch is right where there is torch, and where there is none the reason names it', async () => {
  const { players = [], missing } = pytorchPlayers()
  if (players.length === 0) return expect(missing).toMatch(/torch, numpy and scipy are needed|cannot be run/)
  for (const classification of ['softmax', 'focal'] as const) {
    const inputs = makeInputs({ kind: 'random', classification, layers: 2, images: 2, queries: 30, classes: 20 })
    await withFolder(async (folder) => {
      for (const player of players) {
        const answer = await inProcess(player, inputs, folder).result()
        expect(findFault(answer, yardstick(inputs), 'float32')).toBeUndefined()
      }
    })
  }
  for (const player of players) player.close()
})

test('a seed makes the same inputs each time, and another seed others', () => {
  const [first] = lossSections({ quick: true }).flatMap(({ cases }) => cases)
  const logits = (seed: number) => inputsOf(first as Case, seed).outputs.logits.data
  expect(logits(3)).toEqual(logits(3))
  expect(logits(3)).not.toEqual(logits(4))
})

test('numbers of targets are exact, or between 0 and twice the mean', () => {
  const shape = { kind: 'random' as const, images: 64, queries: 10, classes: 5 }
  const counts = (setting: object) => makeInputs({ ...shape, ...setting }).targets.map(({ labels }) => labels.length)
  expect(new Set(counts({ targets: 4 }))).toEqual(new Set([4]))
  const ragged = counts({ meanTargets: 3 })
  expect([Math.min(...ragged), Math.max(...ragged)]).toEqual([0, 6])
  expect(ragged.reduce((sum, count) => sum + count)).toBe(3 * 64)
})

const inputs = makeInputs({ kind: 'random', images: 2, queries: 6, classes: 5, targets: 2, layers: 2 })
const right = yardstick(inputs)

test('every kind of fault is found and named', () => {
  const find = (change: object) => findFault({ ...right, ...change }, right, 'float64')
  const [first, last] = right.layers as [Terms, Terms]
  const off = (value: number) => value * (1 + 3e-6)
  const gradients = (array: 'logits' | 'boxes', element: number, value: number) => {
    const changed = right.gradients[array].slice()
    changed[element] = value
    return { gradients: { ...right.gradients, [array]: changed } }
  }
  expect(find({})).toBeUndefined()
  expect(find({ loss: right.loss * (1 + 5e-7) })).toBeUndefined()
  expect(find({ loss: off(right.loss) })).toMatch(/^loss: .+ rather than/)
  expect(find({ loss: NaN })).toMatch(/^loss: NaN/)
  expect(find({ layers: [{ ...first, giou: off(first.giou) }, last] })).toMatch(/^layer 0, giou/)
  expect(find({ layers: [first] })).toBe('layer 1, without terms')
  expect(find({ matches: [right.matches[0]] })).toBe('matches of layer 1, image 0')
  expect(find({ matches: [right.matches[1], right.matches[1]] })).toBe('matches of layer 0, image 0')
  expect(find(gradients('logits', 7, NaN))).toMatch(/^gradient of logits, element 7: NaN rather than/)
  expect(find(gradients('boxes', 0, 1))).toMatch(/^gradient of boxes, element 0: 1 rather than/)
  expect(find({ gradients: { boxes: new Float32Array(3) } })).toBe('gradient of boxes: 3 elements rather than 96')
  expect(findFault({ ...right, loss: off(right.loss) }, right, 'float32')).toBeUndefined()
})

test('ours in another process is wrong where a single bit differs, which is named', async () => {
  const exact = ours(inputs).result() as Required<Answer> & { gradients: Record<'logits' | 'boxes', Float32Array> }
  const wrongIn = async (change: (answer: typeof exact) => object) => {
    const answer = { ...exact, ...change(structuredClone(exact)) }
    const ask = async (request: { answer?: Record<'logits' | 'boxes', string> }) => {
      for (const name of ['logits', 'boxes'] as const) {
        if (request.answer) writeFileSync(request.answer[name], answer.gradients[name])
      }
      return request.answer ? { loss: answer.loss, layers: answer.layers, matches: answer.matches } : {}
    }
    const player = { contender: { name: 'ours', isRival: false, precision: 'float64' }, ask } as unknown as Player
    const contender = (folder: string) => ({ ...inProcess(player, inputs, folder), sample: () => [1] })
    const [outcome] = await withFolder((folder) => compete([contender(folder)], right, BRIEF))
    return outcome?.wrong
  }
  const flip = (array: 'logits' | 'boxes', element: number) => (answer: typeof exact) => {
    const { buffer } = answer.gradients[array]
    new Uint32Array(buffer)[element]! ^= 1
    return answer
  }
  const nextAbove = (value: number) => value * (1 + Number.EPSILON)
  expect(await wrongIn(() => ({}))).toBeUndefined()
  expect(await wrongIn(({ loss }) => ({ loss: nextAbove(loss) }))).toMatch(/^loss: .+ rather than/)
  const raised = ({ layers: [first, last] }: typeof exact) => [first, { ...last, l1: nextAbove(last!.l1!) }]
  expect(await wrongIn((answer) => ({ layers: raised(answer) }))).toMatch(/^layer 1, l1: .+ rather than/)
  expect(await wrongIn(({ matches }) => ({ matches: matches.toReversed() }))).toBe('matches of layer 0, image 0')
  expect(await wrongIn(flip('logits', 7))).toMatch(/^gradient of logits, element 7: .+ rather than/)
  expect(await wrongIn(flip('boxes', 95))).toMatch(/^gradient of boxes, element 95: .+ rather than/)
})

test('a zero of the other sign is another number, by its bits', () => {
  const answer = (value: number) => ({
    layers: [{ l1: value }],
    matches: [],
    gradients: { boxes: Float32Array.of(value) },
  })
  expect(findFault(answer(-0), answer(-0), 'bits')).toBeUndefined()
  expect(findFault(answer(-0), answer(0), 'bits')).toBe('layer 0, l1: -0 rather than 0')
  expect(findFault({ ...answer(-0), layers: [{ l1: 0 }] }, answer(0), 'bits')).toBe(
    'gradient of boxes, element 0: -0 rather than 0',
  )
})

test('who is wrong is timed and named, and who fails is not', async () => {
  const contender = { isRival: true, precision: 'float64' as const, step: () => 1, result: () => right }
  const outcomes = await compete(
    [
      { ...contender, name: 'right' },
      { ...contender, name: 'wrong', result: () => ({ ...right, loss: 0 }) },
      { ...contender, name: 'failing', result: () => Promise.reject(new Error('no')) },
      { ...contender, name: 'elsewhere', step: undefined, sample: async () => [1, 2, 3] },
    ],
    right,
    BRIEF,
  )
  expect(outcomes[0]).toMatchObject({ name: 'right', wrong: undefined, figures: { samples: expect.any(Number) } })
  expect(outcomes[1]?.wrong).toMatch(/^loss: 0 rather than/)
  expect(outcomes[2]).toMatchObject({ name: 'failing', figures: undefined, failure: 'Error: no' })
  expect(outcomes[3]?.figures).toEqual({ median: 2, least: 1, spread: 0.25, samples: 3 })
})

const figures = (median: number) => ({ median, least: median, spread: 0.1, samples: 9 })
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

test('exponents are those of the powers that points follow, and a steeper step is a cliff', () => {
  const square = [1, 2, 5, 10].map((x) => [x, 3 * x * x] as [number, number])
  const [first, ...others] = localExponents(square)
  expect(first).toBeUndefined()
  others.forEach((exponent) => expect(exponent).toBeCloseTo(2, 12))
  expect(fittedExponent([[0, 1], ...square])).toBeCloseTo(2, 12)
  expect(
    localExponents([
      [0, 1],
      [1, 2],
    ]),
  ).toEqual([undefined, undefined])
  expect([isCliff(1.2, 1), isCliff(1.6, 1), isCliff(undefined, 1)]).toEqual([false, true, false])
})

test('each axis is swept alone over its whole range', () => {
  const ranges = sweeps({ quick: false }).map(({ axis, values }) => [axis, values[0], values.at(-1)])
  expect(ranges).toEqual([
    ['queries', 100, 10_000],
    ['classes', 2, 10_000],
    ['targets', 0, 1000],
    ['layers', 1, 12],
    ['images', 1, 256],
  ])
  const { outputs, targets } = inputsAt('layers', 3, 'focal', 8)
  expect(outputs.logits.shape).toEqual([3, 4, 300, 92])
  expect(targets.map(({ labels }) => labels.length)).toEqual([10, 10, 10, 10])
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
  const cases = eventLoopCases()
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
