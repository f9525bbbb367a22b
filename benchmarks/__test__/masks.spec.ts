/** The benchmark of masks: what is computed, who is right, who is timed. */
import { beforeAll, describe, expect, test } from 'vitest'
import { buildExample } from '../../scripts/example.js'
import { threadCount } from '../../src/index.ts'
import { withFolder } from '../files.js'
import { findFault } from '../loss/agreement.js'
import { inputsOf, KINDS, maskSections } from '../masks/cases.js'
import type { Case } from '../masks/cases.js'
import { maskContenders, yardstick } from '../masks/contenders.js'
import { runCase } from '../masks/contest.js'
import { findFault as findFaultOfFloor, floor, FloorPlan } from '../masks/floor.js'
import { CRITERIA, makeMaskInputs } from '../masks/inputs.js'
import type { Criterion } from '../masks/inputs.js'
import { describeInputs, inProcess, pytorchPlayers } from '../masks/pytorch.js'

const BRIEF = { rounds: 1, maxTime: 0.001, minTime: 0.0001, minSamples: 1 }

const SMALL = {
  images: 2,
  queries: 12,
  classes: 6,
  targets: 3,
  plane: [16, 20],
  canvas: [40, 48],
  channels: 10,
} as const
const settingOf = (criterion: Criterion, change: object = {}) => {
  const layers = criterion === 'rfDetrSeg' ? 2 : 1
  return {
    criterion,
    layers,
    ...SMALL,
    plane: [...SMALL.plane],
    canvas: [...SMALL.canvas],
    ...change,
  } as Case['setting']
}
const inputsFor = (criterion: Criterion, change?: object) => makeMaskInputs(settingOf(criterion, change))

const OURS = ['ours', ...(threadCount() > 1 ? [`ours, ${threadCount()} threads`] : [])]

describe.each(KINDS as Criterion[])('%s', (criterion) => {
  test('all agree, also where a prediction is larger than the masks, and where every query is taken', async () => {
    const changes = [
      {},
      { targets: 1, images: 1 },
      { canvas: [12, 16] },
      { queries: 3 },
      { plane: [5, 31], channels: 3 },
    ]
    for (const change of changes) {
      const inputs = inputsFor(criterion, change)
      const expected = yardstick(inputs)
      for (const { name, result, precision } of maskContenders(inputs)) {
        expect([name, findFault(await result(), expected, precision)]).toEqual([name, undefined])
      }
    }
  })

  test('PyTorch agrees on one thread and on two, where there is torch, and where there is none the reason names it', async () => {
    const { players = [], missing } = pytorchPlayers()
    if (players.length === 0) return expect(missing).toMatch(/torch, numpy and scipy are needed|cannot be run/)
    const inputs = inputsFor(criterion)
    await withFolder(async (folder) => {
      const description = describeInputs(inputs, folder)
      for (const player of players) {
        const answer = await inProcess(player, description, folder).result()
        expect(findFault(answer, yardstick(inputs), 'float32')).toBeUndefined()
      }
    })
    for (const player of players) player.close()
  }, 60_000)

  test('an answer has what is to be compared', () => {
    const { layers, matches, gradients, costs, loss } = yardstick(inputsFor(criterion))
    expect(matches?.flat().every((queries) => queries.length === SMALL.targets && !queries.includes(-1))).toBe(true)
    if (criterion === 'mask2Former') {
      expect([layers, costs?.length]).toEqual([[], SMALL.images * SMALL.targets * SMALL.queries])
      return
    }
    const mean = criterion === 'detrMasks' ? 'maskFocal' : 'maskBce'
    for (const terms of layers) expect(Object.keys(terms)).toEqual(['class', 'l1', 'giou', mean, 'maskDice'])
    expect(loss).toBeGreaterThan(0)
    for (const values of Object.values(gradients as object))
      expect(values.some((value: number) => value !== 0)).toBe(true)
  })
})

describe('with the program of the floor', () => {
  let floorProgram: string

  beforeAll(() => {
    floorProgram = buildExample('masks_floor', { profile: 'dev' })
  }, 600_000)

  test('all contenders and the floor are right, and all are timed', async () => {
    for (const criterion of KINDS as Criterion[]) {
      const of = { family: criterion, size: 'small', setting: settingOf(criterion) }
      const outcomes = await runCase(of, { effort: BRIEF, seed: 8, floorProgram })
      expect(outcomes.map(({ name }) => name)).toEqual([...OURS, 'JS', 'floor', 'memory alone'])
      for (const { name, wrong, failure, figures } of outcomes) {
        expect([name, wrong, failure]).toEqual([name, undefined, undefined])
        expect(figures?.median).toBeGreaterThan(0)
      }
    }
  })

  test('the floor reads what is given, writes all gradients, and does the arithmetic of every layer', async () => {
    const inputs = inputsFor('rfDetrSeg')
    await withFolder(async (folder) => {
      const plan = new FloorPlan(folder)
      const expected = yardstick(inputs, plan.observer)
      const jobs = [...plan.memory(inputs, expected), ...plan.arithmetic(expected, SMALL.images * SMALL.targets)]
      const kinds = jobs.map(({ line }) => line.split(' ', 2).join(' ').replace(/ \d+$/, ''))
      const [reads, planes] = [Object.keys(inputs.outputs), inputs.targets].map(({ length }) => length) as [
        number,
        number,
      ]
      expect(kinds.filter((kind) => kind === 'read f32')).toHaveLength(reads)
      expect(kinds.filter((kind) => kind === 'read u8')).toHaveLength(planes)
      expect(kinds.filter((kind) => kind === 'write')).toHaveLength(Object.keys(expected.gradients ?? {}).length)
      expect(kinds.filter((kind) => kind === 'cost')).toHaveLength(inputs.layers * SMALL.images)
      expect(kinds.filter((kind) => kind === 'pairs bce')).toHaveLength(inputs.layers)
      const contender = floor('floor', floorProgram, jobs, folder)
      const sums = contender.result()
      expect(contender.findFault(sums)).toBeUndefined()
      const last = sums.at(-1) as number[]
      expect(contender.findFault([...sums.slice(0, -1), [last[0], (last[1] as number) * 1.01]])).toMatch(/^pairs: /)
    })
  })
})

test('sums of a floor that are off or missing are named', () => {
  const jobs = [{ line: 'read f32 a', sum: [1000, 0] }, { line: 'write 5' }, { line: 'cost 2 a b', sum: [0.5, 2] }]
  expect(
    findFaultOfFloor(
      [
        [1000.01, 0],
        [0.5, 2],
      ],
      jobs,
    ),
  ).toBeUndefined()
  expect(
    findFaultOfFloor(
      [
        [1001, 0],
        [0.5, 2],
      ],
      jobs,
    ),
  ).toBe('read: 1001,0 rather than 1000,0')
  expect(
    findFaultOfFloor(
      [
        [1000, 0],
        [0.5, NaN],
      ],
      jobs,
    ),
  ).toBe('cost: 0.5,NaN rather than 0.5,2')
  expect(findFaultOfFloor([[1000, 0]], jobs)).toBe('1 sums rather than 2')
})

test('faults of costs are named', () => {
  const right = yardstick(inputsFor('mask2Former'))
  const costs = (right.costs as Float32Array).slice()
  costs[7] = (costs[7] as number) + 1
  expect(findFault({ ...right, costs }, right, 'float32')).toMatch(/^costs, element 7: /)
  expect(findFault({ ...right, costs: costs.slice(1) }, right, 'float32')).toMatch(/^costs: \d+ elements rather than/)
})

test('a seed makes the same inputs each time, and points lie where float32 is exact', () => {
  const of = { family: 'a', size: 'b', setting: settingOf('rfDetrSeg') }
  expect(inputsOf(of, 3)).toEqual(inputsOf(of, 3))
  expect(inputsOf(of, 3).outputs['logits']).not.toEqual(inputsOf(of, 4).outputs['logits'])
  for (const name of ['maskCostPoints', 'maskLossPoints']) {
    for (const value of inputsOf(of, 3).outputs[name]!.data) expect((value * 2 ** 15) % 2).toBe(1)
  }
})

test('every criterion has a section, a quick run takes the first case of each, and --kind chooses one', () => {
  expect(KINDS.toSorted()).toEqual(Object.keys(CRITERIA).toSorted())
  const count = (choice: { quick: boolean; kind?: string }) => maskSections(choice).map(({ cases }) => cases.length)
  expect(count({ quick: false })).toEqual([2, 2, 2])
  expect(count({ quick: true })).toEqual([1, 1, 1])
  expect(maskSections({ quick: true, kind: 'rfDetrSeg' }).map(({ kind }) => kind)).toEqual(['rfDetrSeg'])
})
