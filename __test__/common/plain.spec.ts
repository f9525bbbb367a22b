import { deepStrictEqual, throws } from 'node:assert'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { inspect } from 'node:util'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { Worker } from 'node:worker_threads'
import { describe, expect, test } from 'vitest'
import {
  HungarianLoss,
  linearSumAssignment,
  linearSumAssignmentAsync,
  linearSumAssignmentBatch,
  verifyAssignment,
} from '../../src/index.ts'
import { putOff } from '../../src/common/plain.ts'
import { errorOf, randomLayer, randomTargets } from '../support/helpers.ts'

const criterion = HungarianLoss.detr({ numClasses: 4 })

/** A step with every part, small enough that all is made at once, or large enough that some is made when first read. */
function step(images: number, queries: number) {
  const shape = { images, queries }
  const layer = (seed: number) => randomLayer(seed, shape)
  return {
    ...layer(1),
    auxiliary: [layer(2)],
    encoder: layer(3),
    denoising: { ...layer(4), groups: 2 },
    oneToMany: { ...layer(5), repeat: 2 },
  }
}
const few = step(2, 8)
const many = step(4, 40)
const targets = randomTargets(1, { targets: [2, 1] })
const manyTargets = randomTargets(1, { targets: [3, 0, 9, 3] })
const matrix = [
  [4, 1, 3],
  [2, 0, 5],
]
const wide = { data: Float64Array.from({ length: 2000 }, (_, i) => (i * 7919) % 1009), shape: [4, 500] }

/** Every kind of result, fresh in every call. */
const results: ReadonlyArray<readonly [string, () => object]> = [
  ['compute', () => criterion.compute(few, targets)],
  ['compute, of many queries', () => criterion.compute(many, manyTargets)],
  ['compute, without gradients', () => criterion.compute(few, targets, { gradients: false })],
  ['a layer', () => criterion.compute(many, manyTargets).layers[0]!],
  ['a part', () => criterion.compute(many, manyTargets).encoder],
  ['matchings', () => criterion.compute(few, targets).matches],
  ['match', () => criterion.match(few, targets)],
  ['cost', () => criterion.cost(few, targets)],
  ['an assignment', () => linearSumAssignment(matrix)],
  ['an assignment with duals', () => linearSumAssignment(matrix, { duals: true })],
  ['an assignment of a wide matrix', () => linearSumAssignment(wide)],
  [
    'assignments of a batch',
    () =>
      linearSumAssignmentBatch(
        {
          data: [1, 2, 3, 4],
          shapes: [
            [1, 2],
            [2, 1],
          ],
        },
        { duals: true },
      ),
  ],
  ['a verification', () => verifyAssignment(matrix, linearSumAssignment(matrix, { duals: true }))],
]

type Path = readonly (string | number)[]

/** The paths to the numbers of a value, three of each list at most. */
function* numbersIn(value: unknown, path: Path = []): Generator<Path> {
  if (typeof value === 'number') yield path
  if (typeof value !== 'object' || value === null) return
  for (const key of Object.keys(value).slice(0, ArrayBuffer.isView(value) ? 3 : undefined)) {
    yield* numbersIn((value as Record<string, unknown>)[key], [...path, key])
  }
}

/** Every typed array in a value, once. */
function arraysIn(value: unknown, found = new Set<Float32Array>()): Set<Float32Array> {
  if (ArrayBuffer.isView(value)) found.add(value as Float32Array)
  else if (typeof value === 'object' && value !== null) for (const inner of Object.values(value)) arraysIn(inner, found)
  return found
}

/** A copy in which the number at a path is another one. */
function withOther(value: object, path: Path): unknown {
  const copy = structuredClone(value)
  const parent = path.slice(0, -1).reduce<unknown>((inner, key) => (inner as Record<string, unknown>)[key]!, copy)
  const last = path.at(-1) as string
  const record = parent as Record<string, number>
  record[last] = Object.is(record[last], 1) ? 2 : 1
  return copy
}

describe.each(results)('constructorOf: the outcome of %s is plain data:', (_, make) => {
  // nodejs/help #1558, piscinajs/piscina #130: what a worker posts arrives as {}
  test('a clone and a spread copy equal it', () => {
    const expected = make()
    inspect(expected)
    for (const copy of [structuredClone(make()), Array.isArray(expected) ? [...expected] : { ...make() }, make()]) {
      // a clone lacks toJSON, and with it the prototype of objects that hold typed arrays
      deepStrictEqual(structuredClone(copy), structuredClone(expected))
      expect(copy).toEqual(expected)
      expect(copy).toStrictEqual(expected)
    }
    deepStrictEqual(make(), expected)
  })

  test('its own enumerable properties are all there is', () => {
    const result = make()
    expect(result.constructor).toBe(Array.isArray(result) ? Array : Object)
    const keys: string[] = []
    for (const key in result) keys.push(key)
    expect(Object.keys(result)).toEqual(keys)
    expect(Object.entries(result).length).toBe(keys.length)
  })

  // jestjs/jest #13535, #10167: values of which a matcher sees no property are all equal
  test('a comparison of the whole fails where one number differs', () => {
    const result = make()
    const paths = [...numbersIn(result)]
    expect(paths.length).toBeGreaterThan(2)
    const stride = Math.ceil(paths.length / 100)
    for (const path of paths.filter((_path, i) => i % stride === 0)) {
      const other = withOther(result, path)
      throws(() => deepStrictEqual(other, structuredClone(result)), `${path}`)
      expect(other, `${path}`).not.toEqual(result)
      expect(other, `${path}`).not.toStrictEqual(result)
    }
  })

  test('it prints in full', () => {
    expect(inspect(make(), { depth: 10 })).toBe(inspect(structuredClone(make()), { depth: 10 }))
    expect(inspect(make())).not.toContain('etter]')
  })

  test('its arrays are plain ones in JSON', () => {
    const plain = (value: unknown): unknown => {
      if (ArrayBuffer.isView(value)) return [...(value as Float32Array)]
      if (Array.isArray(value)) return value.map(plain)
      if (typeof value !== 'object' || value === null) return value
      return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, plain(inner)]))
    }
    const result = make()
    expect(JSON.stringify(result)).toBe(JSON.stringify(plain(structuredClone(result))))
    expect(JSON.stringify(make())).not.toContain('{"0"')
  })

  test('its lists lie in memory that nothing else shares', () => {
    const [one, other] = [make(), make()]
    const buffers = [...arraysIn(other)].map(({ buffer }) => buffer)
    for (const { buffer } of arraysIn(one)) expect(buffers).not.toContain(buffer)
  })
})

test('compute: results of different logits differ', () => {
  const a = criterion.compute(few, targets)
  const b = criterion.compute({ ...few, logits: randomLayer(9, { images: 2, queries: 8 }).logits }, targets)
  throws(() => deepStrictEqual(a, b))
  expect(a).not.toEqual(b)
})

test('matches and unassignedRows: matchings, and whoever is left over, have a buffer each, which can be transferred by itself', () => {
  const { layers } = criterion.compute(many, manyTargets)
  const lists = layers.flatMap(({ matches }) => matches.flatMap((image) => Object.values(image) as Int32Array[]))
  expect(lists.length).toBe(2 * 4 * 4)
  expect(new Set(lists.map(({ buffer }) => buffer)).size).toBe(lists.length)
  expect(lists.every(({ buffer, byteLength }) => buffer.byteLength === byteLength)).toBe(true)
  const first = layers[0]!.matches[0]!
  structuredClone(first, { transfer: Object.values(first).map(({ buffer }: Int32Array) => buffer as ArrayBuffer) })
  expect(first.queryIndices.length).toBe(0)
  expect(layers[0]!.matches[3]!.queryIndices.length).toBe(3)
  expect(
    criterion.compute(many, manyTargets, { gradients: false }).layers[0]!.matches[0]!.unmatchedTargets.buffer
      .byteLength,
  ).toBe(0)
  const { rowIndices, columnIndices, unassignedRows, unassignedColumns } = linearSumAssignment(matrix)
  const own = [rowIndices, columnIndices, unassignedRows, unassignedColumns]
  expect(new Set(own.map(({ buffer }) => buffer)).size).toBe(4)
})

test('rowDuals and columnDuals: the duals of one assignment share a buffer with each other at most', async () => {
  const batch = {
    data: Float64Array.from({ length: 18 }, (_, i) => (i * 7) % 11),
    shapes: [
      [3, 3],
      [3, 3],
    ] as const,
  }
  const found = [
    ...linearSumAssignmentBatch(batch, { duals: true }),
    linearSumAssignment(matrix, { duals: true }),
    linearSumAssignment(wide, { duals: true }),
    await linearSumAssignmentAsync(matrix, { duals: true }),
  ]
  for (const { rowDuals, columnDuals } of found) {
    const isShared = rowDuals.buffer === columnDuals.buffer
    expect(isShared).toBe(columnDuals.length > 8)
    expect(rowDuals.buffer.byteLength).toBe(8 * (rowDuals.length + (isShared ? columnDuals.length : 0)))
  }
  expect(new Set(found.map(({ rowDuals }) => rowDuals.buffer)).size).toBe(found.length)
})

test('putOff: what is made when first read is made once, behind a proxy and in a frozen result, too', () => {
  const result = criterion.compute(many, manyTargets)
  expect(result.matches).toBe(result.layers[1]!.matches)
  expect(result.layers).toBe(result.layers)
  const frozen = Object.freeze(criterion.compute(many, manyTargets))
  expect(frozen.matches).toBe(frozen.layers[1]!.matches)
  const behind = new Proxy(criterion.compute(many, manyTargets), {})
  deepStrictEqual({ ...behind }, { ...result })
  expect(behind.matches).toBe(behind.matches)
})

test('compute: a result that a worker is sent, and sends back, is the same', async () => {
  const echo = `const { parentPort } = require('node:worker_threads'); parentPort.on('message', (all) => parentPort.postMessage(all))`
  const worker = new Worker(echo, { eval: true })
  const all = results.map(([, make]) => make())
  all.push(await criterion.computeAsync(many, manyTargets), await linearSumAssignmentAsync(matrix, { duals: true }))
  const received = new Promise((resolve) => worker.once('message', resolve))
  // oxlint-disable-next-line unicorn/require-post-message-target-origin
  worker.postMessage(all)
  deepStrictEqual(await received, structuredClone(all))
  await worker.terminate()
})

test('computeAsync: what is computed off the event loop is the whole result, too', async () => {
  deepStrictEqual(await criterion.computeAsync(few, targets), criterion.compute(few, targets))
  deepStrictEqual(await linearSumAssignmentAsync(matrix, { duals: true }), linearSumAssignment(matrix, { duals: true }))
  const off = await criterion.computeAsync(few, targets)
  throws(() => deepStrictEqual({ ...off, loss: off.loss + 1 }, criterion.compute(few, targets)))
})

test('verifyAssignment: an assignment proves itself after a way through JSON', () => {
  const proof = JSON.parse(JSON.stringify(linearSumAssignment(wide, { duals: true })))
  expect(Array.isArray(proof.rowDuals)).toBe(true)
  expect(verifyAssignment(wide, proof)).toEqual(verifyAssignment(wide, linearSumAssignment(wide, { duals: true })))
  expect(verifyAssignment(wide, proof).optimal).toBe(true)
})

test('boxes: JSON of a clone, which has lost its way of becoming JSON, is told from arrays', () => {
  const assignment = linearSumAssignment(matrix, { duals: true })
  const isTold = /\(JSON of a cloned typed array\? turn it into an array first\)/
  for (const copy of [structuredClone(assignment), { ...assignment }]) {
    const proof = JSON.parse(JSON.stringify(copy))
    const error = errorOf(() => verifyAssignment(matrix, proof))
    expect(error).toMatchObject({ code: 'DTYPE', argument: 'assignment.rowIndices' })
    expect(error.message).toMatch(isTold)
  }
  const boxes = JSON.parse(JSON.stringify(new Float32Array(8)))
  expect(errorOf(() => criterion.compute(few, [{ labels: [0, 1], boxes }, targets[1]!])).message).toMatch(isTold)
})

test('matching: matchings go through JSON into another call', () => {
  const { matches, loss } = criterion.compute(randomLayer(1), targets, { gradients: false })
  const matching = JSON.parse(JSON.stringify(matches))
  expect(criterion.compute({ ...randomLayer(1), matching }, targets).loss).toBe(loss)
})

test('putOff: nothing but its owner keeps a result alive, not even as the latest', async () => {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  const gone: number[] = []
  const registry = new FinalizationRegistry((which: number) => gone.push(which))
  const make = (): void => {
    const result = {}
    const held = {}
    putOff(result, ['later'], { later: () => held })
    registry.register(held, 1)
  }
  make()
  for (let i = 0; i < 100 && gone.length === 0; i++) {
    collect()
    await nextTurn()
  }
  expect(gone).toEqual([1])
})

test('compute: results keep no inputs alive', async () => {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  const held = async () => {
    for (let i = 0; i < 3; i++) {
      collect()
      await nextTurn()
    }
    const { heapUsed, arrayBuffers } = process.memoryUsage()
    return (heapUsed + arrayBuffers) / 2 ** 20
  }
  const shape = { images: 16, queries: 300, classes: 100 }
  const of = HungarianLoss.detr({ numClasses: 99 })
  const batchTargets = randomTargets(1, { targets: Array(16).fill(7) })
  const source = randomLayer(1, shape)
  const call = { gradients: false } as const
  const fresh = () => structuredClone(source)
  for (const make of [
    () => of.compute(fresh(), batchTargets, call),
    () =>
      of.compute(
        { ...fresh(), encoder: fresh(), matching: batchTargets.map(() => ({ queryIndices: [1], targetIndices: [0] })) },
        batchTargets,
        call,
      ),
    () => of.match(fresh(), batchTargets),
    () => of.computeAsync(fresh(), batchTargets, call),
  ]) {
    const before = await held()
    const kept: unknown[] = []
    for (let i = 0; i < 100; i++) kept.push(await make())
    // 100 batches of 2 MB; each result has its pairs yet to list, from one number for each query
    await expect.poll(async () => (await held()) - before, { timeout: 30_000 }).toBeLessThan(10)
    expect(kept.length).toBe(100)
  }
})
