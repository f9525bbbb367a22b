/**
 * The built package in a realm of its own, as test runners and Electron have it: run by Jest and by vitest's `vmThreads`,
 * see `realms.spec.ts`. nodejs/node-addon-api #743, lovell/sharp #3317, jestjs/jest #11864.
 */
import { readFileSync } from 'node:fs'
import {
  HungarianLoss,
  HungarianLossError,
  linearSumAssignment,
  linearSumAssignmentAsync,
} from '../../../dist/index.js'
import { linearSumAssignmentBatch, verifyAssignment } from '../../../dist/index.js'

/* global expect, test */

const criterion = HungarianLoss.detr({ numClasses: 1 })
const targets = [{ labels: [0], boxes: [[0.4, 0.5, 0.2, 0.2]] }]
const outputs = (logit) => ({
  logits: { data: new Float32Array([logit, -0.5]), shape: [1, 1, 2] },
  boxes: { data: new Float32Array([0.5, 0.5, 0.2, 0.2]), shape: [1, 1, 4] },
})
const sparse = { values: [1, 2], rowIndices: [0, 1], columnIndices: [0, 0], shape: [2, 2] }
const large = { data: Float64Array.from({ length: 90_000 }, (_, k) => (k * 7919) % 1009), shape: [300, 300] }
const controller = new AbortController()
controller.abort()

/** What a call throws, or its promise is rejected with. */
async function errorOf(call) {
  try {
    await call()
  } catch (error) {
    return error
  }
  throw new Error('expected an error')
}

test('this is another realm than that of Node', async () => {
  expect(Object.getPrototypeOf(await errorOf(() => readFileSync('/there is no such file')))).not.toBe(Error.prototype)
})

test.each([
  ['an assignment', () => linearSumAssignment([[Infinity]]), { code: 'INFEASIBLE', argument: 'cost', rows: [0] }],
  ['a sparse one', () => linearSumAssignment(sparse), { code: 'INFEASIBLE', argument: 'cost', rows: [0, 1] }],
  ['one in another thread', () => linearSumAssignmentAsync([[NaN]]), { code: 'NON_FINITE', row: 0, column: 0 }],
  [
    'a sparse one there',
    () => linearSumAssignmentAsync(sparse),
    { code: 'INFEASIBLE', argument: 'cost', rows: [0, 1] },
  ],
  [
    'a batch',
    () =>
      linearSumAssignmentBatch({
        data: [1, NaN],
        shapes: [
          [1, 1],
          [1, 1],
        ],
      }),
    { code: 'NON_FINITE', matrix: 1 },
  ],
  [
    'a loss',
    () => criterion.compute(outputs(NaN), targets),
    { code: 'NON_FINITE', argument: 'outputs.logits', query: 0 },
  ],
  [
    'one in another thread',
    () => criterion.computeAsync(outputs(NaN), targets),
    { code: 'NON_FINITE', layer: 0, image: 0 },
  ],
  ['a matching', () => criterion.match(outputs(NaN), targets), { code: 'NON_FINITE', argument: 'outputs.logits' }],
  ['a cost', () => criterion.cost(outputs(NaN), targets), { code: 'NON_FINITE', argument: 'outputs.logits' }],
  ['an option of the core', () => HungarianLoss.detr({ numClasses: 1, weights: { class: 2e12 } }), { code: 'OPTION' }],
  [
    'shared memory',
    () => linearSumAssignment({ data: new Float64Array(new SharedArrayBuffer(8)), shape: [1, 1] }),
    { code: 'DTYPE', argument: 'cost' },
  ],
  [
    'refused memory',
    () => linearSumAssignment({ values: [1], rowIndices: [0], columnIndices: [0], shape: [2 ** 31 - 1, 2 ** 31 - 1] }),
    { code: 'MEMORY', argument: 'cost' },
  ],
])('an error of %s keeps code, argument and place', async (_, call, expected) => {
  const error = await errorOf(call)
  expect(error).toBeInstanceOf(HungarianLossError)
  expect(error).toBeInstanceOf(Error)
  expect(error).toMatchObject(expected)
  expect(error.cause).toMatchObject(expected)
})

test('an error of a signal is the reason of the signal', async () => {
  const { reason } = controller.signal
  expect(await errorOf(() => linearSumAssignmentAsync([[1]], { signal: controller.signal }))).toBe(reason)
  expect(await errorOf(() => linearSumAssignmentAsync([[1]], { signal: {} }))).toMatchObject({
    argument: 'options.signal',
  })
  const { signal } = new AbortController()
  expect((await linearSumAssignmentAsync([[1]], { signal })).total).toBe(1)
})

test.each([
  ['solved at once', () => linearSumAssignment(large, { duals: true })],
  ['solved elsewhere', () => linearSumAssignmentAsync(large, { duals: true })],
  ['sparse, solved elsewhere', () => linearSumAssignmentAsync({ ...sparse, columnIndices: [0, 1] }, { duals: true })],
  ['of a batch', () => linearSumAssignmentBatch({ data: large.data, shapes: [large.shape] }, { duals: true })[0]],
])('the arrays of an assignment %s are of this realm', async (_, solve) => {
  const { rowIndices, columnIndices, unassignedRows, unassignedColumns, rowDuals, columnDuals } = await solve()
  for (const array of [rowIndices, columnIndices, unassignedRows, unassignedColumns])
    expect(array).toBeInstanceOf(Int32Array)
  for (const array of [rowDuals, columnDuals]) expect(array).toBeInstanceOf(Float64Array)
})

test('a proof made elsewhere holds here', async () => {
  const assignment = await linearSumAssignmentAsync(large, { duals: true })
  expect(verifyAssignment(large, assignment).optimal).toBe(true)
})

test.each([
  ['at once', () => criterion.compute(outputs(0.5), targets)],
  ['elsewhere', () => criterion.computeAsync(outputs(0.5), targets)],
])('the arrays of a loss computed %s are of this realm', async (_, compute) => {
  const { gradients, matches } = await compute()
  expect(gradients.logits).toBeInstanceOf(Float32Array)
  expect(gradients.boxes).toBeInstanceOf(Float32Array)
  expect(matches[0].queryIndices).toBeInstanceOf(Int32Array)
})
