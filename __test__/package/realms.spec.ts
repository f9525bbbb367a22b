/** The package where globals are others: test runners and inputs of another realm. */
import { spawnSync } from 'node:child_process'
import { runInNewContext } from 'node:vm'
import { beforeAll, expect, test } from 'vitest'
import { HungarianLoss, linearSumAssignment, linearSumAssignmentAsync, verifyAssignment } from '../../src/index.ts'
import type { CostMatrix, SparseCostMatrix } from '../../src/index.ts'
import { checkBuilt } from '../support/built.ts'
import { errorOf, tiny } from '../support/helpers.ts'
import { ROOT } from '../support/root.ts'

beforeAll(checkBuilt, 60_000)

// nodejs/node-addon-api #743, lovell/sharp #3317, jestjs/jest #11864
test.each([
  [
    'Jest',
    [
      '--experimental-vm-modules',
      'node_modules/jest/bin/jest.js',
      '--config',
      '__test__/package/realms/jest.config.json',
    ],
  ],
  [
    "vitest's vmThreads",
    ['node_modules/vitest/vitest.mjs', 'run', '--config', '__test__/package/realms/vitest.config.ts'],
  ],
])('the package: the built package is itself under %s, which gives each file a realm', (_, command) => {
  const { VITEST: _vitest, NODE_OPTIONS: _options, ...env } = process.env
  const { status, stdout, stderr } = spawnSync(process.execPath, command, { cwd: ROOT, encoding: 'utf8', env })
  expect(`${stdout}${stderr}`).toMatch(/\bTests:?\W[^\n]*?(?<!\d)21 passed/)
  expect(status).toBe(0)
})

test('compute and linearSumAssignment: inputs of another realm are read like those of this one', async () => {
  const costs = [
    '[[1, 2], [3, 1]]',
    '({ data: new Float64Array([1, 2, 3, 1]), shape: [2, 2] })',
    '[[1, 2], new Float32Array([3, 1])]',
  ]
  for (const cost of costs.map((text) => runInNewContext(text) as CostMatrix)) {
    const assignment = linearSumAssignment(cost, runInNewContext('({ duals: true })') as { duals: true })
    expect([...assignment.columnIndices]).toEqual([0, 1])
    expect(verifyAssignment(cost, assignment).optimal).toBe(true)
    expect((await linearSumAssignmentAsync(cost)).total).toBe(2)
  }
  const sparse =
    '({ values: new Float32Array([1, 2]), rowIndices: [0, 1], columnIndices: new Int32Array([0, 1]), shape: [2, 2] })'
  expect(linearSumAssignment(runInNewContext(sparse) as SparseCostMatrix).total).toBe(3)
  const { outputs, targets } = tiny()
  const expected = HungarianLoss.detr({ numClasses: 1 }).compute(outputs, targets)
  const options = runInNewContext('({ numClasses: 1, cost: { class: 1 } })') as { numClasses: number }
  const foreign = runInNewContext('[outputs, targets].map((value) => JSON.parse(JSON.stringify(value)))', {
    outputs: {
      logits: { data: [0.5, -0.5], shape: [1, 1, 2] },
      boxes: { data: [0.5, 0.5, 0.2, 0.2], shape: [1, 1, 4] },
    },
    targets,
    JSON,
  }) as [typeof outputs, typeof targets]
  expect(new HungarianLoss(options).compute(...foreign).loss).toBe(expected.loss)
})

test('checkMemory: memory of another realm is refused where that of this one would be', () => {
  const shared = runInNewContext('new Float64Array(new SharedArrayBuffer(32))') as Float64Array
  expect(errorOf(() => linearSumAssignment({ data: shared, shape: [2, 2] }))).toMatchObject({ code: 'DTYPE' })
  const detached = runInNewContext('new Float64Array(4)') as Float64Array
  structuredClone(detached, { transfer: [detached.buffer as ArrayBuffer] })
  expect(errorOf(() => linearSumAssignment({ data: detached, shape: [2, 2] }))).toMatchObject({ code: 'SHAPE' })
})
