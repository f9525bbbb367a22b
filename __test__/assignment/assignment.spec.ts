import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { readFileSync } from 'node:fs'
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  HungarianLossError,
  linearSumAssignment,
  linearSumAssignmentAsync,
  linearSumAssignmentBatch,
  verifyAssignment,
} from '../../src/index.ts'
import type { AssignmentOptions } from '../../src/index.ts'
import { errorOf, expectClose, timeOf, untyped } from '../support/helpers.ts'

// the same cases in every run
fc.configureGlobal({ seed: 1 })

interface PublicCase {
  name: string
  source: string
  cost: number[][]
  maximize?: boolean
  expect:
    | { kind: 'infeasible'; maxCardinality: number; partialTotal: number }
    | { kind: 'invalid'; why: string }
    | { kind: 'optimal'; total: number; pairs: [number, number][] | null }
}

const { cases } = JSON.parse(
  readFileSync(new URL('../fixtures/assignment.json', import.meta.url), 'utf8'),
  (_, value: unknown) => (value === 'NaN' || value === 'Infinity' ? Number(value) : value),
) as { cases: PublicCase[] }

const pairsOf = ({ rowIndices, columnIndices }: { rowIndices: Int32Array; columnIndices: Int32Array }) =>
  Array.from(rowIndices, (row, k) => [row, columnIndices[k]])

describe.each(cases)('linearSumAssignment: $name ($source)', ({ cost, maximize = false, expect: wanted }) => {
  if (wanted.kind === 'optimal') {
    test('has the right total and pairs, and its duals prove it', () => {
      const result = linearSumAssignment(cost, { maximize, duals: true })
      expectClose(result.total, wanted.total, 1e-12)
      if (wanted.pairs !== null) expect(pairsOf(result)).toEqual(wanted.pairs)
      expect(result.rowIndices.length).toBe(Math.min(cost.length, cost[0]!.length))
      const proof = verifyAssignment(cost, result, { maximize })
      expect(proof.optimal).toBe(true)
      expectClose(proof.total, wanted.total, 1e-12)
      expectClose(proof.bound, wanted.total, 1e-9)
    })
  }
  if (wanted.kind === 'infeasible') {
    test('is infeasible, and partly solved on request', () => {
      const error = errorOf(() => linearSumAssignment(cost, { maximize }))
      expect(error.code).toBe('INFEASIBLE')
      expect((error.rows ?? error.columns)!.length).toBeGreaterThan(0)
      const result = linearSumAssignment(cost, { maximize, partial: true, duals: true })
      expect(result.rowIndices.length).toBe(wanted.maxCardinality)
      expect(result.total).toBe(wanted.partialTotal)
      expect(verifyAssignment(cost, result, { maximize }).optimal).toBe(true)
    })
  }
  if (wanted.kind === 'invalid') {
    test('is refused, and the message says where', () => {
      const error = errorOf(() => linearSumAssignment(cost, { maximize }))
      expect(['NON_FINITE', 'SHAPE']).toContain(error.code)
      expect(error.argument).toBe('cost')
      expect(error.message).toContain(wanted.why)
    })
  }
})

describe('linearSumAssignment: forms of the cost matrix', () => {
  const values = [4, 1, 4, 2, 0, 5]
  const rows = [
    [4, 1, 4],
    [2, 0, 5],
  ]
  const typed = [
    Float32Array,
    Float64Array,
    Int8Array,
    Uint8Array,
    Uint8ClampedArray,
    Int16Array,
    Uint16Array,
    Int32Array,
    Uint32Array,
  ]
  test.each<[string, any]>([
    ...typed.map((Type): [string, any] => [`${Type.name} with shape`, { data: Type.from(values), shape: [2, 3] }]),
    ['Float64Array with dims', { data: new Float64Array(values), dims: [2, 3] }],
    ['flat numbers', { data: values, shape: [2, 3] }],
    ['nested numbers with shape', { data: rows, shape: [2, 3] }],
    ['rows', rows],
    ['typed rows', rows.map((row) => Float32Array.from(row))],
    ['a view into a larger buffer', { data: new Float64Array([9, ...values, 9]).subarray(1, 7), shape: [2, 3] }],
  ])('%s', (_, cost) => {
    const before = structuredClone(cost)
    const result = linearSumAssignment(cost)
    expect(result).toMatchObject({
      rowIndices: Int32Array.of(0, 1),
      columnIndices: Int32Array.of(1, 0),
      total: 3,
      unassignedRows: Int32Array.of(),
      unassignedColumns: Int32Array.of(2),
      rowDuals: undefined,
      columnDuals: undefined,
    })
    expect(cost).toEqual(before)
  })

  const Float16 = (globalThis as { Float16Array?: { from(values: number[]): Float32Array } }).Float16Array
  test.runIf(Float16 !== undefined)('Float16Array', () => {
    expect(linearSumAssignment({ data: Float16!.from(values), shape: [2, 3] }).total).toBe(3)
  })

  test.each<[string, any, number, number]>([
    ['[]', [], 0, 0],
    ['[[], []]', [[], []], 2, 0],
    ['[0, 3]', { data: [], shape: [0, 3] }, 0, 3],
    ['[3, 0]', { data: new Float32Array(0), shape: [3, 0] }, 3, 0],
  ])('%s is an empty problem', (_, cost, rowCount, columnCount) => {
    const result = linearSumAssignment(cost, { duals: true })
    expect(result.total).toBe(0)
    expect(result.rowIndices.length).toBe(0)
    expect([...result.unassignedRows]).toEqual([...Array(rowCount).keys()])
    expect([...result.unassignedColumns]).toEqual([...Array(columnCount).keys()])
    const proof = verifyAssignment(cost, result)
    expect(proof).toMatchObject({ optimal: true, total: 0, violation: 0 })
    expect(proof.bound).toBeCloseTo(0)
  })

  test('float32 and float64 give the same assignment', () => {
    const data = Float32Array.from({ length: 30 }, (_, i) => Math.sin(i * 7))
    const single = linearSumAssignment({ data, shape: [5, 6] })
    expect(linearSumAssignment({ data: Float64Array.from(data), shape: [5, 6] })).toEqual(single)
  })

  test('a constant matrix gives the identity', () => {
    const cost = { data: new Float32Array(35).fill(2), shape: [5, 7] }
    expect([...linearSumAssignment(cost).columnIndices]).toEqual([0, 1, 2, 3, 4])
  })
})

/** Every assignment of the most pairs, by trying them all. */
function bruteForce(cost: number[][], maximize: boolean): { pairs: number; total: number } {
  const columns = cost[0]?.length ?? 0
  const sign = maximize ? -1 : 1
  let best = { pairs: 0, total: 0 }
  const visit = (row: number, used: number, pairs: number, total: number) => {
    if (row === cost.length) {
      if (pairs > best.pairs || (pairs === best.pairs && sign * total < sign * best.total)) best = { pairs, total }
      return
    }
    visit(row + 1, used, pairs, total)
    for (let column = 0; column < columns; column++) {
      const cell = cost[row]![column]!
      if ((used & (1 << column)) === 0 && cell !== Infinity) {
        visit(row + 1, used | (1 << column), pairs + 1, total + cell)
      }
    }
  }
  visit(0, 0, 0, 0)
  return best
}

/** Matrices to 6 × 6: with many ties, with few, and with forbidden cells. */
const matrices = fc
  .tuple(
    fc.integer({ min: 1, max: 6 }),
    fc.integer({ min: 1, max: 6 }),
    fc.constantFrom(
      fc.integer({ min: -3, max: 3 }),
      fc.integer({ min: -1_000_000, max: 1_000_000 }),
      fc.double({ min: -10, max: 10, noNaN: true }),
      fc.oneof(
        { weight: 2, arbitrary: fc.integer({ min: -3, max: 3 }) },
        { weight: 1, arbitrary: fc.constant(Infinity) },
      ),
    ),
  )
  .chain(([rows, columns, cell]) =>
    fc.array(fc.array(cell as fc.Arbitrary<number>, { minLength: columns, maxLength: columns }), {
      minLength: rows,
      maxLength: rows,
    }),
  )

describe('linearSumAssignment: any matrix', () => {
  test.each([true, false])(
    'has the total that trying every assignment gives, with a proof (maximize: %s)',
    (maximize) => {
      fc.assert(
        fc.property(matrices, (cost) => {
          const best = bruteForce(cost, maximize)
          const complete = best.pairs === Math.min(cost.length, cost[0]!.length)
          if (!complete) expect(errorOf(() => linearSumAssignment(cost, { maximize })).code).toBe('INFEASIBLE')
          const result = linearSumAssignment(cost, { maximize, partial: !complete, duals: true })
          expect(result.rowIndices.length).toBe(best.pairs)
          expect(Math.abs(result.total - best.total)).toBeLessThan(1e-9 * Math.max(1, Math.abs(best.total)))
          expect(verifyAssignment(cost, result, { maximize }).optimal).toBe(true)
          expect(linearSumAssignment(cost, { maximize, partial: true }).total).toBe(result.total)
        }),
        { numRuns: 300 },
      )
    },
  )

  test('is solved alike transposed, and lists every row and column once', () => {
    fc.assert(
      fc.property(matrices, (cost) => {
        const result = linearSumAssignment(cost, { partial: true })
        const columns = cost[0]!.map((_, column) => cost.map((row) => row[column]!))
        expect(linearSumAssignment(columns, { partial: true }).total).toBeCloseTo(result.total, 9)
        expect([...result.rowIndices, ...result.unassignedRows].toSorted()).toEqual([...cost.keys()])
        expect([...result.columnIndices, ...result.unassignedColumns].toSorted()).toEqual([...columns.keys()])
        expect([...result.rowIndices]).toEqual([...result.rowIndices].toSorted())
      }),
      { numRuns: 200 },
    )
  })
})

describe('linearSumAssignment: is refused:', () => {
  const detached = new Float64Array(4)
  structuredClone(detached.buffer, { transfer: [detached.buffer] })
  const shared = new Float64Array(new SharedArrayBuffer(32))

  test.each<[string, any, object, RegExp]>([
    ['nothing', undefined, { code: 'DTYPE' }, /got undefined/],
    ['a number', 3, { code: 'DTYPE' }, /got 3/],
    ['a string', 'abcd', { code: 'DTYPE' }, /"abcd"/],
    ['a bare typed array', new Float64Array(4), { code: 'DTYPE' }, /data, shape/],
    ['no shape', { data: new Float64Array(4) }, { code: 'SHAPE' }, /needs a shape/],
    ['a shape of rank 1', { data: new Float64Array(4), shape: [4] }, { code: 'SHAPE' }, /\[rows, columns\]/],
    ['a shape of rank 3', { data: new Float64Array(4), shape: [2, 2, 1] }, { code: 'SHAPE' }, /\[2, 2, 1\]/],
    [
      'a wrong product',
      { data: new Float64Array(5), shape: [2, 2] },
      { code: 'SHAPE' },
      /expected 4 values for \[2, 2\], got 5/,
    ],
    [
      'a product beyond 2^53',
      { data: new Float64Array(0), shape: [2147483647, 2147483647] },
      { code: 'SHAPE' },
      /got 0/,
    ],
    ['a negative size', { data: new Float64Array(0), shape: [-1, 0] }, { code: 'SHAPE' }, /-1/],
    ['a fractional size', { data: new Float64Array(0), shape: [0.5, 0] }, { code: 'SHAPE' }, /0.5/],
    ['BigInt data', { data: new BigInt64Array(4), shape: [2, 2] }, { code: 'DTYPE' }, /BigInt64Array/],
    ['data that is no array', { data: 'abcd', shape: [2, 2] }, { code: 'DTYPE' }, /"abcd"/],
    ['shared memory', { data: shared, shape: [2, 2] }, { code: 'DTYPE' }, /SharedArrayBuffer/],
    ['detached memory', { data: detached, shape: [2, 2] }, { code: 'SHAPE' }, /detached/],
    ['ragged rows', [[1, 2], [3]], { code: 'SHAPE', row: 1 }, /row 1 has 1 entry, expected 2/],
    ['a longer row', [[1], [2, 3, 4]], { code: 'SHAPE', row: 1 }, /row 1 has 3 entries, expected 1/],
    [
      'more rows than are read one by one',
      Object.assign([], { length: 2 ** 24 + 1 }),
      { code: 'SHAPE' },
      /at most 16777216 rows .*got 16777217/,
    ],
    [
      'a string cell',
      [
        [1, 2],
        [3, '4'],
      ],
      { code: 'DTYPE', row: 1, column: 1 },
      /"4" at row 1, column 1/,
    ],
    ['a null cell', [[null]], { code: 'DTYPE', row: 0, column: 0 }, /null/],
    ['a hole', [Object.assign(Array(3), [1])], { code: 'DTYPE', row: 0, column: 1 }, /undefined/],
    ['a row that is no array', [[1], 2], { code: 'DTYPE', row: 1 }, /row 1/],
    ['a row that is null', [null], { code: 'DTYPE', row: 0 }, /null/],
    ['a row of BigInt', [new BigInt64Array(2)], { code: 'DTYPE', row: 0 }, /BigInt64Array/],
    ['a string in flat data', { data: [1, 2, '3', 4], shape: [2, 2] }, { code: 'DTYPE' }, /"3" at index 2/],
    [
      'flat data of a wrong length',
      { data: [1, 2, 3], shape: [2, 2] },
      { code: 'SHAPE' },
      /expected 4 values for \[2, 2\], got 3/,
    ],
    ['NaN', [[NaN]], { code: 'NON_FINITE', row: 0, column: 0 }, /NaN/],
    [
      '-Infinity',
      [
        [1, 2],
        [-Infinity, 4],
      ],
      { code: 'NON_FINITE', row: 1, column: 0 },
      /-inf/i,
    ],
  ])('%s', (_, cost, details, message) => {
    const error = errorOf(() => linearSumAssignment(cost))
    expect(error).toMatchObject(details)
    expect(error.argument).toMatch(/^cost/)
    expect(error.message).toMatch(message)
  })

  test.each<[string, unknown, string, RegExp]>([
    ['an unknown option', { maximise: true }, 'options.maximise', /known are maximize, partial, costLimit, duals/],
    ['a flag that is a number', { maximize: 1 }, 'options.maximize', /true or false, got 1/],
    ['a flag that is null', { partial: null }, 'options.partial', /null/],
    ['a flag that is a string', { duals: 'yes' }, 'options.duals', /"yes"/],
    ['options that are no object', true, 'options', /got true/],
    ['options that are null', null, 'options', /got null/],
  ])('%s', (_, options, argument, message) => {
    const error = errorOf(() => linearSumAssignment([[1]], options as AssignmentOptions))
    expect(error).toMatchObject({ code: 'OPTION', argument })
    expect(error.message).toMatch(message)
  })
})

describe('costLimit', () => {
  // two tracks and three detections; the second track has no detection near it
  const distances = [
    [0.9, 0.2, 0.6],
    [0.8, 0.3, 0.95],
  ]

  test('leaves pairs dearer than the limit unmatched', () => {
    const { rowIndices, columnIndices, unassignedRows, unassignedColumns, total } = linearSumAssignment(distances, {
      costLimit: 0.5,
    })
    expect([...rowIndices, ...columnIndices]).toEqual([0, 1])
    expect([...unassignedRows, ...unassignedColumns]).toEqual([1, 0, 2])
    expect(total).toBe(0.2)
  })

  test('weighs a pair against the pairs that it displaces', () => {
    // 0.2 + 0.8 − 2 · 0.9 is less than 0.6 + 0.3 − 2 · 0.9 only if pairs below 0.9 are worth having
    const { columnIndices, total } = linearSumAssignment(distances, { costLimit: 0.9 })
    expect([...columnIndices]).toEqual([2, 1])
    expect(total).toBeCloseTo(0.9, 15)
  })

  test('a pair exactly at the limit is made', () => {
    expect(linearSumAssignment([[3]], { costLimit: 3 }).rowIndices.length).toBe(1)
    expect(linearSumAssignment([[3]], { costLimit: 2.999 }).rowIndices.length).toBe(0)
  })

  test('is a least score when maximising', () => {
    const scores = [
      [0.1, 0.8],
      [0.2, 0.9],
    ]
    const result = linearSumAssignment(scores, { costLimit: 0.5, maximize: true, duals: true })
    expect([...result.rowIndices, ...result.columnIndices]).toEqual([1, 1])
    expect(verifyAssignment(scores, result, { costLimit: 0.5, maximize: true }).optimal).toBe(true)
  })

  test('is proven by the duals, with the same limit only', () => {
    const result = linearSumAssignment(distances, { costLimit: 0.5, duals: true })
    expect(verifyAssignment(distances, result, { costLimit: 0.5 }).optimal).toBe(true)
    expect(verifyAssignment(distances, result, { costLimit: 2 }).optimal).toBe(false)
    expect(verifyAssignment(distances, result).optimal).toBe(false)
  })

  test('makes rows without any allowed pair feasible', () => {
    const { unassignedRows } = linearSumAssignment([[Infinity], [1]], { costLimit: 5 })
    expect([...unassignedRows]).toEqual([0])
  })

  test.each([NaN, Infinity, -Infinity, '1', null])('%s is no limit', (costLimit) => {
    const options = { costLimit } as unknown as { costLimit: number }
    expect(errorOf(() => linearSumAssignment(distances, options))).toMatchObject({
      code: 'OPTION',
      argument: 'options.costLimit',
    })
  })
})

describe('linearSumAssignmentAsync: off the event loop', () => {
  /** Products of indices make the longest searches there are. */
  const hard = (side: number) => ({
    data: Float64Array.from({ length: side * side }, (_, k) => (Math.floor(k / side) + 1) * ((k % side) + 1)),
    shape: [side, side],
  })

  test.each([Float64Array, Float32Array, Int32Array])('%o gives what the call on the loop gives', async (Type) => {
    const cost = { data: Type.from([4, 1, 4, 2, 0, 5]), shape: [2, 3] }
    for (const options of [{}, { duals: true }, { maximize: true, duals: true }, { costLimit: 1.5 }]) {
      expect(await linearSumAssignmentAsync(cost, options)).toEqual(linearSumAssignment(cost, options))
    }
  })

  test('the matrix may be changed at once', async () => {
    const data = Float64Array.of(1, 2, 2, 1)
    const result = linearSumAssignmentAsync({ data, shape: [2, 2] })
    data.fill(100)
    expect((await result).total).toBe(2)
  })

  test('rejects with the typed errors', async () => {
    await expect(linearSumAssignmentAsync([[Infinity]])).rejects.toMatchObject({ code: 'INFEASIBLE', rows: [0] })
    await expect(linearSumAssignmentAsync([[1, NaN]])).rejects.toMatchObject({ code: 'NON_FINITE', column: 1 })
    await expect(linearSumAssignmentAsync([[1], []])).rejects.toMatchObject({ code: 'SHAPE', row: 1 })
    const signal = {} as AbortSignal
    await expect(linearSumAssignmentAsync([[1]], { signal })).rejects.toMatchObject({ argument: 'options.signal' })
    await expect(linearSumAssignmentAsync([[1]], { maximise: true } as never)).rejects.toBeInstanceOf(
      HungarianLossError,
    )
  })

  test('an aborted signal rejects with its reason before anything is done', async () => {
    const reason = new Error('no longer wanted')
    await expect(linearSumAssignmentAsync([[1]], { signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
  })

  test('one signal stops several solves at once, and the threads are free again soon', async () => {
    const cost = hard(2000)
    const one = await timeOf(() => linearSumAssignmentAsync(cost))
    // the least of as many as it takes, for other processes hold it up, too
    let busy = Infinity
    for (let i = 0; i < 10 && busy > one / 2; i++) {
      const controller = new AbortController()
      const reason = new Error('enough')
      // more than run at once, so that those of the queue would keep the threads for longer than one does
      const solves = Array.from({ length: 8 }, () => linearSumAssignmentAsync(cost, { signal: controller.signal }))
      const outcomes = Promise.allSettled(solves)
      await new Promise((resolve) => setTimeout(resolve, 15))
      controller.abort(reason)
      // on a busy machine the first may be done before the signal, but not the last
      expect((await outcomes).at(-1)).toEqual({ status: 'rejected', reason })
      for (const outcome of await outcomes) if (outcome.status === 'rejected') expect(outcome.reason).toBe(reason)
      busy = Math.min(busy, await timeOf(() => Promise.all([1, 2, 3, 4].map(() => linearSumAssignmentAsync([[1]])))))
    }
    expect(busy).toBeLessThanOrEqual(one / 2)
  })

  test('a signal that is never aborted changes nothing and keeps no listener', async () => {
    const { signal } = new AbortController()
    for (let i = 0; i < 20; i++) expect((await linearSumAssignmentAsync([[3]], { signal })).total).toBe(3)
  })
})

test('linearSumAssignment: a large matrix is solved where it lies: the memory beyond it is a few hundred bytes a row', () => {
  const script = `
    const { assignF32 } = require(process.argv[1])
    const n = 5000
    const data = new Float32Array(n * n)
    for (let i = 0, s = 1; i < data.length; i++) {
      s = (Math.imul(s, 1664525) + 1013904223) | 0
      data[i] = (s >>> 8) / 2 ** 24
    }
    const before = process.memoryUsage().rss
    assignF32(data, n, n, false, false, NaN, new Int32Array(n), undefined)
    console.log((1024 * process.resourceUsage().maxRSS - before) / data.byteLength)
  `
  const binding = fileURLToPath(new URL('../../native/binding.cjs', import.meta.url))
  const extra = Number(execFileSync(process.execPath, ['-e', script, binding], { encoding: 'utf8' }))
  expect(extra).toBeLessThan(0.05)
})

describe('linearSumAssignment: what is no matrix and no settings at all is called by its name:', () => {
  test.each<[string, unknown, RegExp]>([
    ['a Map', new Map([[0, [1]]]), /^cost: .*got a Map$/],
    ['a Promise', Promise.resolve([[1]]), /^cost: .*got a Promise \(is an await missing\?\)$/],
    ['rows without columns', { rows: [[1]] }, /^cost: needs a shape.*with the key rows$/],
  ])('%s', (_, cost, message) => {
    const error = errorOf(() => linearSumAssignment(untyped(cost)))
    expect(['DTYPE', 'SHAPE']).toContain(error.code)
    expect(error.message).toMatch(message)
  })

  test.each([new Map([['maximize', true]]), Promise.resolve({ maximize: true }), new Date()])(
    '%s as options',
    (options) => {
      expect(errorOf(() => linearSumAssignment([[1]], untyped(options)))).toMatchObject({
        code: 'OPTION',
        argument: 'options',
      })
      expect(errorOf(() => verifyAssignment([[1]], untyped({}), untyped(options)))).toMatchObject({ code: 'OPTION' })
      expect(errorOf(() => linearSumAssignmentBatch({ data: [], shapes: [] }, untyped(options)))).toMatchObject({
        code: 'OPTION',
      })
    },
  )
})
