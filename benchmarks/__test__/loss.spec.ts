/** The benchmark of the loss: what is computed, who is right, who is timed. */
import { beforeAll, describe, expect, test } from 'vitest'
import { buildExample } from '../../scripts/example.js'
import { simdLevel, threadCount } from '../../src/index.ts'
import { withFolder } from '../files.js'
import { makeInputs } from '../inputs.js'
import { findFault } from '../loss/agreement.js'
import { inputsOf, lossSections } from '../loss/cases.js'
import type { Case } from '../loss/cases.js'
import { lossContenders, yardstick } from '../loss/contenders.js'
import { compete, runCase } from '../loss/contest.js'
import { floor, hasFloor } from '../loss/floor.js'
import { availableLevels, levelPlayers } from '../loss/levels.js'
import { inProcess } from '../loss/process.js'
import { pytorchPlayers } from '../loss/pytorch.js'
import type { Terms } from '../rivals/plain-js-loss.js'

const BRIEF = { rounds: 1, maxTime: 0.001, minTime: 0.0001, minSamples: 1 }

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

const OURS = ['ours', 'ours, new arrays', ...(threadCount() > 1 ? [`ours, ${threadCount()} threads`] : [])]
const RIVALS = ['JS + munkres', 'JS + augmenting paths', 'TensorFlow.js']
const NAMES = [...OURS, ...RIVALS]
const NO_FAULTS = Object.fromEntries(NAMES.map((name) => [name, undefined]))

describe('with the program of the floor', () => {
  let floorProgram: string

  beforeAll(() => {
    floorProgram = buildExample('floor', { profile: 'dev' })
  }, 600_000)

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

  test('the floor computes the class term and its gradient, at every width that it is for', async () => {
    for (const classification of ['softmax', 'focal'] as const) {
      for (const classes of [16, 17, 32, 91, 92, 128]) {
        expect(hasFloor({ classification, classes })).toBe(true)
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
})

test('the levels of the processor are listed once each, by the names that they have', () => {
  const levels = availableLevels()
  expect(levels).toContain(simdLevel())
  expect(new Set(levels).size).toBe(levels.length)
  expect(levels).not.toContain('fallback')
  if (process.arch === 'x64') expect(levels.at(-1)).toBe('sse2')
})

test.each(['softmax', 'focal'] as const)('%s: all agree on awkward batches', async (classification) => {
  const shape = { classification, kind: 'random' as const, classes: 20 }
  expect(await judge(makeInputs({ ...shape, images: 3, queries: 9, layers: 2, meanTargets: 2 }))).toEqual(NO_FAULTS)
  expect(await judge(makeInputs({ ...shape, images: 2, queries: 5, targets: 8 }))).toEqual(NO_FAULTS)
  expect(await judge(makeInputs({ ...shape, images: 1, queries: 1, targets: 1 }))).toEqual(NO_FAULTS)
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
