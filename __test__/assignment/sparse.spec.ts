import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { HungarianLossError, linearSumAssignment, linearSumAssignmentAsync, verifyAssignment } from '../../src/index.ts'
import type { AssignmentOptions, SparseCostMatrix } from '../../src/index.ts'
import { errorOf, randomNumbers, timeOf, untyped } from '../support/helpers.ts'

/** Listed cells: row, column, cost. */
type Cell = readonly [number, number, number]

/** The cells as a list, in compressed rows, and as a dense matrix. */
function forms(rows: number, columns: number, cells: readonly Cell[]) {
  const shape = [rows, columns] as const
  const listed = {
    values: Float64Array.from(cells, (cell) => cell[2]),
    rowIndices: Int32Array.from(cells, (cell) => cell[0]),
    columnIndices: Int32Array.from(cells, (cell) => cell[1]),
    shape,
  }
  const byRow = Array.from({ length: rows }, (_, row) => cells.filter((cell) => cell[0] === row))
  const rowStarts = new Int32Array(rows + 1)
  byRow.forEach((row, i) => (rowStarts[i + 1] = (rowStarts[i] as number) + row.length))
  const ordered = byRow.flat()
  const compressed = {
    values: Float64Array.from(ordered, (cell) => cell[2]),
    columnIndices: Int32Array.from(ordered, (cell) => cell[1]),
    rowStarts,
    shape,
  }
  const data = new Float64Array(rows * columns).fill(Infinity)
  for (const [row, column, cost] of cells) data[row * columns + column] = cost
  return { listed, compressed, dense: { data, shape } }
}

/** Random cells, in no order; some are `Infinity`. */
const problems = fc
  .tuple(fc.nat(7), fc.nat(7))
  .chain(([rows, columns]) =>
    fc.tuple(
      fc.constant(rows),
      fc.constant(columns),
      fc.uniqueArray(
        fc.tuple(fc.nat(Math.max(rows - 1, 0)), fc.nat(Math.max(columns - 1, 0)), fc.integer({ min: -3, max: 9 })),
        { selector: ([row, column]) => row * 8 + column, maxLength: rows * columns === 0 ? 0 : 40 },
      ),
    ),
  )
  .map(([rows, columns, cells]) => {
    const costs = cells.map(([row, column, cost]): Cell => [row, column, cost === 9 ? Infinity : cost / 4])
    return { rows, columns, cells: costs }
  })

const TRACKS: readonly Cell[] = [
  [0, 1, 0.2],
  [0, 0, 0.9],
  [1, 1, 0.3],
  [1, 0, 0.8],
]

describe('linearSumAssignment: a sparse matrix', () => {
  test('gives the assignment of the dense matrix with Infinity everywhere else', () => {
    const settings: AssignmentOptions[] = [{ partial: true }, { maximize: true, partial: true }, { costLimit: 1 }]
    fc.assert(
      fc.property(problems, fc.constantFrom(...settings), ({ rows, columns, cells }, options) => {
        const { listed, compressed, dense } = forms(rows, columns, cells)
        const expected = linearSumAssignment(dense, options)
        const found = linearSumAssignment(compressed, { ...options, duals: true })
        expect(linearSumAssignment(listed, { ...options, duals: true })).toEqual(found)
        expect(found.total).toBe(expected.total)
        expect(found.rowIndices.length).toBe(expected.rowIndices.length)
        expect(found.unassignedRows.length + found.rowIndices.length).toBe(rows)
        expect(found.unassignedColumns.length + found.columnIndices.length).toBe(columns)
        const { maximize, costLimit } = options
        for (const cost of [listed, compressed, dense]) {
          expect(verifyAssignment(cost, found, { maximize, costLimit })).toMatchObject({
            optimal: true,
            total: found.total,
          })
        }
      }),
      { numRuns: 400 },
    )
  })

  test('is complete, or says which rows or columns cannot be', () => {
    fc.assert(
      fc.property(problems, ({ rows, columns, cells }) => {
        const { listed, dense } = forms(rows, columns, cells)
        let expected
        try {
          expected = linearSumAssignment(dense)
        } catch {
          const error = errorOf(() => linearSumAssignment(listed))
          expect(error).toMatchObject({ code: 'INFEASIBLE', argument: 'cost' })
          const [lines, own] = error.rows ? [error.rows, 0] : [error.columns ?? [], 1]
          const allowed = cells.filter((cell) => lines.includes(cell[own] as number) && cell[2] < Infinity)
          expect(new Set(allowed.map((cell) => cell[1 - own])).size).toBeLessThan(lines.length)
          return
        }
        expect(linearSumAssignment(listed).total).toBe(expected.total)
      }),
      { numRuns: 400 },
    )
  })

  test('of tracks and gated detections leaves those without a partner', () => {
    const { compressed } = forms(3, 3, TRACKS)
    const { rowIndices, columnIndices, unassignedRows, unassignedColumns, total } = linearSumAssignment(compressed, {
      costLimit: 0.5,
    })
    expect([rowIndices, columnIndices]).toEqual([Int32Array.of(0), Int32Array.of(1)])
    expect([unassignedRows, unassignedColumns]).toEqual([Int32Array.of(1, 2), Int32Array.of(0, 2)])
    expect(total).toBe(0.2)
  })

  test.each<[string, (list: ArrayLike<number>) => any, (list: ArrayLike<number>) => any]>([
    ['Float32Array', Float32Array.from.bind(Float32Array), Uint32Array.from.bind(Uint32Array)],
    ['plain numbers', Array.from, Array.from],
    ['Int16Array', Int16Array.from.bind(Int16Array), Uint16Array.from.bind(Uint16Array)],
  ])('may be given as %s', (_, floats, indices) => {
    const { listed, compressed } = forms(2, 3, [
      [0, 2, 4],
      [0, 0, 1],
      [1, 0, 2],
    ])
    const expected = linearSumAssignment(compressed)
    expect([...expected.columnIndices]).toEqual([2, 0])
    const of = ({ values, columnIndices, shape }: typeof listed | typeof compressed) => ({
      values: floats(values),
      columnIndices: indices(columnIndices),
      shape,
    })
    expect(linearSumAssignment({ ...of(compressed), rowStarts: indices(compressed.rowStarts) })).toEqual(expected)
    expect(linearSumAssignment({ ...of(listed), rowIndices: indices(listed.rowIndices) })).toEqual(expected)
  })

  test('may have no rows, no columns, no cells', () => {
    for (const [rows, columns] of [
      [0, 0],
      [0, 3],
      [3, 0],
    ] as const) {
      for (const cost of Object.values(forms(rows, columns, []))) {
        const found = linearSumAssignment(cost, { duals: true })
        expect([found.rowIndices.length, found.total, found.rowDuals?.length, found.columnDuals?.length]).toEqual([
          0,
          0,
          rows,
          columns,
        ])
      }
    }
    expect([...linearSumAssignment(forms(2, 2, []).listed, { partial: true }).unassignedRows]).toEqual([0, 1])
    expect(errorOf(() => linearSumAssignment(forms(2, 2, []).listed))).toMatchObject({ code: 'INFEASIBLE' })
  })

  test('with huge and tiny costs is solved without loss', () => {
    for (const unit of [1e300, 1e-300]) {
      const { listed } = forms(2, 2, [
        [0, 0, 4 * unit],
        [0, 1, 1 * unit],
        [1, 0, -3 * unit],
        [1, 1, 5 * unit],
      ])
      const found = linearSumAssignment(listed, { duals: true })
      expect(found.total).toBe(1 * unit + -3 * unit)
      expect(verifyAssignment(listed, found).optimal).toBe(true)
    }
  })

  test('with ties is solved the same way every time, and a constant one gives the identity', () => {
    const cells = Array.from({ length: 400 }, (_, k): Cell => [Math.floor(k / 20), k % 20, 7])
    const { listed } = forms(20, 20, cells)
    expect([...linearSumAssignment(listed).columnIndices]).toEqual(Array.from({ length: 20 }, (_, k) => k))
  })

  test('with a hundred thousand rows is solved and proven in a moment', () => {
    const [rows, perRow] = [100_000, 5]
    const random = randomNumbers(3)
    const columnIndices = Int32Array.from({ length: rows * perRow }, (_, k) => {
      const first = Math.floor(k / perRow)
      return (first + (k % perRow) * (1 + (first % 1000))) % rows
    })
    const values = Float64Array.from(columnIndices, () => random())
    const rowStarts = Int32Array.from({ length: rows + 1 }, (_, row) => row * perRow)
    const cost = { values, columnIndices, rowStarts, shape: [rows, rows] as const }
    const start = performance.now()
    const found = linearSumAssignment(cost, { duals: true })
    expect(performance.now() - start).toBeLessThan(30_000)
    expect(found.rowIndices.length).toBe(rows)
    expect(verifyAssignment(cost, found).optimal).toBe(true)
  })
})

describe('linearSumAssignment: a sparse matrix is refused where', () => {
  const { compressed, listed } = forms(2, 3, [
    [0, 2, 4],
    [0, 0, 1],
    [1, 0, 2],
  ])
  test.each<[string, object, object]>([
    ['the shape is absent', { ...listed, shape: undefined }, { code: 'SHAPE', argument: 'cost.shape' }],
    ['a size is negative', { ...listed, shape: [2, -3] }, { code: 'SHAPE', argument: 'cost.shape' }],
    ['a size is beyond 31 bits', { ...listed, shape: [2, 2 ** 31] }, { code: 'SHAPE', argument: 'cost.shape' }],
    ['values are absent', { ...listed, values: undefined }, { code: 'DTYPE', argument: 'cost.values' }],
    ['values are too few', { ...listed, values: [1, 2] }, { code: 'SHAPE', argument: 'cost.values' }],
    ['a value is no number', { ...listed, values: [1, '2', 3] }, { code: 'DTYPE', argument: 'cost.values' }],
    ['values are bigints', { ...listed, values: new BigInt64Array(3) }, { code: 'DTYPE', argument: 'cost.values' }],
    ['columns are absent', { ...listed, columnIndices: undefined }, { code: 'DTYPE', argument: 'cost.columnIndices' }],
    ['rows are absent', { ...listed, rowIndices: undefined }, { code: 'SHAPE', argument: 'cost' }],
    ['rows are told twice', { ...listed, rowStarts: [0, 2, 3] }, { code: 'SHAPE', argument: 'cost' }],
    ['rows are too few', { ...listed, rowIndices: [0, 0] }, { code: 'SHAPE', argument: 'cost.rowIndices' }],
    ['starts are too few', { ...compressed, rowStarts: [0, 3] }, { code: 'SHAPE', argument: 'cost.rowStarts' }],
    ['starts do not start at 0', { ...compressed, rowStarts: [1, 2, 3] }, { argument: 'cost.rowStarts[0]' }],
    ['starts fall', { ...compressed, rowStarts: [0, 4, 3] }, { code: 'SHAPE', argument: 'cost.rowStarts[2]' }],
    ['starts end early', { ...compressed, rowStarts: [0, 2, 2] }, { code: 'SHAPE', argument: 'cost.rowStarts[2]' }],
    [
      'an index is fractional',
      { ...listed, columnIndices: [0, 0.5, 1] },
      { code: 'RANGE', argument: 'cost.columnIndices[1]' },
    ],
    [
      'an index is negative',
      { ...listed, rowIndices: Int32Array.of(0, -1, 1) },
      { code: 'RANGE', argument: 'cost.rowIndices[1]' },
    ],
    [
      'a row does not exist',
      { ...listed, rowIndices: [0, 1, 2] },
      { code: 'RANGE', argument: 'cost.rowIndices[2]', message: /number of rows, 2.*got 2/ },
    ],
    [
      'a column does not exist',
      { ...compressed, columnIndices: [2, 3, 0] },
      { code: 'RANGE', argument: 'cost.columnIndices[1]', row: 0 },
    ],
    [
      'a cell is listed twice',
      { ...listed, columnIndices: [2, 2, 0] },
      { code: 'RANGE', argument: 'cost.values[1]', row: 0, column: 2 },
    ],
    [
      'there are more cells than the matrix has',
      { ...compressed, columnIndices: [0, 1, 2, 0, 1, 2, 0] },
      { code: 'SHAPE', argument: 'cost.columnIndices', message: /lists 7 cells.*has 2 × 3/ },
    ],
    [
      'a list claims to be longer than anyone could wait for',
      { ...compressed, columnIndices: new Proxy([0], { get: () => 2 ** 30 }) },
      { code: 'SHAPE', argument: 'cost.columnIndices', message: /lists 1073741824 cells/ },
    ],
    [
      'a cost is NaN',
      { ...listed, values: [1, 2, NaN] },
      { code: 'NON_FINITE', argument: 'cost.values[2]', row: 1, column: 0 },
    ],
    ['a cost is -Infinity', { ...listed, values: [-Infinity, 2, 3] }, { code: 'NON_FINITE', row: 0, column: 2 }],
    [
      'indices lie in shared memory',
      { ...listed, columnIndices: new Int32Array(new SharedArrayBuffer(12)) },
      { code: 'DTYPE', argument: 'cost.columnIndices' },
    ],
  ])('%s', async (_, cost, { message, ...expected }: { message?: RegExp }) => {
    const matrix = untyped<SparseCostMatrix>(cost)
    const error = errorOf(() => linearSumAssignment(matrix, { partial: true }))
    expect(error).toMatchObject(expected)
    if (message) expect(error.message).toMatch(message)
    await expect(linearSumAssignmentAsync(matrix, { partial: true })).rejects.toMatchObject(expected)
    const proof = { rowIndices: [], columnIndices: [], rowDuals: new Float64Array(2), columnDuals: new Float64Array(3) }
    expect(errorOf(() => verifyAssignment(matrix, proof)).code).toBe(error.code)
  })
})

describe('verifyAssignment: a proof of a sparse assignment', () => {
  const { listed } = forms(3, 3, TRACKS)
  const found = linearSumAssignment(listed, { partial: true, duals: true })

  test('is that of the same matrix, mode and pairs', () => {
    expect(verifyAssignment(listed, found).optimal).toBe(true)
    expect(verifyAssignment(listed, found, { maximize: true }).optimal).toBe(false)
    expect(verifyAssignment(listed, { ...found, rowIndices: [0], columnIndices: [1] }).optimal).toBe(false)
    const cheaper = { ...listed, values: listed.values.map((cost, k) => (k === 2 ? cost - 0.5 : cost)) }
    expect(verifyAssignment(cheaper, found).optimal).toBe(false)
  })

  test('does not hold for a pair that is not listed', () => {
    const zeros = { rowDuals: new Float64Array(3), columnDuals: new Float64Array(3) }
    const pair = { rowIndices: [2], columnIndices: [2], ...zeros }
    expect(verifyAssignment(listed, pair, { costLimit: -5 }).optimal).toBe(false)
  })
})

describe('linearSumAssignmentAsync: a sparse matrix off the event loop', () => {
  /** Products of indices make the longest searches there are. */
  const hard = (side: number, perRow: number): SparseCostMatrix => {
    const columnIndices = Int32Array.from({ length: side * perRow }, (_, k) => {
      const row = Math.floor(k / perRow)
      return (row + (k % perRow) ** 2) % side
    })
    const values = Float64Array.from(columnIndices, (column, k) => (Math.floor(k / perRow) + 1) * (column + 1))
    const rowStarts = Int32Array.from({ length: side + 1 }, (_, row) => row * perRow)
    return { values, columnIndices, rowStarts, shape: [side, side + 1] }
  }

  test.each([Float64Array, Float32Array])('%o gives what the call on the loop gives', async (Type) => {
    const { listed, compressed } = forms(3, 3, TRACKS)
    for (const cost of [listed, compressed]) {
      const typed = { ...cost, values: Type.from(cost.values) } as SparseCostMatrix
      for (const options of [{ partial: true }, { partial: true, duals: true }, { costLimit: 0.5, duals: true }]) {
        expect(await linearSumAssignmentAsync(typed, options)).toEqual(linearSumAssignment(typed, options))
      }
    }
  })

  test('the matrix may be changed at once', async () => {
    const { listed } = forms(2, 2, [
      [0, 0, 1],
      [1, 1, 2],
    ])
    const result = linearSumAssignmentAsync(listed)
    for (const list of [listed.values, listed.rowIndices, listed.columnIndices]) list.fill(9)
    expect((await result).total).toBe(3)
  })

  test('an aborted signal stops it, and the thread is free again soon', async () => {
    const cost = hard(30_000, 60)
    const one = await timeOf(() => linearSumAssignmentAsync(cost))
    for (const wait of [0, 10, 60]) {
      // the least of as many as it takes, for other processes hold it up, too
      let busy = Infinity
      for (let i = 0; i < 10 && busy > one / 2; i++) {
        const controller = new AbortController()
        const reason = new Error('enough')
        // more than run at once, so that those of the queue would keep the threads for longer than one does
        const solves = Array.from({ length: 8 }, () => linearSumAssignmentAsync(cost, { signal: controller.signal }))
        const outcomes = Promise.allSettled(solves)
        await new Promise((resolve) => setTimeout(resolve, wait))
        controller.abort(reason)
        // on a busy machine the first may be done before the signal, but not the last
        expect((await outcomes).at(-1)).toEqual({ status: 'rejected', reason })
        for (const outcome of await outcomes) if (outcome.status === 'rejected') expect(outcome.reason).toBe(reason)
        busy = Math.min(busy, await timeOf(() => Promise.all([1, 2, 3, 4].map(() => linearSumAssignmentAsync([[1]])))))
      }
      expect(busy).toBeLessThanOrEqual(one / 2)
    }
  })

  test('rejects with a typed error where there is no assignment', async () => {
    await expect(linearSumAssignmentAsync(forms(2, 1, []).listed)).rejects.toBeInstanceOf(HungarianLossError)
    await expect(linearSumAssignmentAsync(forms(1, 2, []).listed)).rejects.toMatchObject({
      code: 'INFEASIBLE',
      rows: [0],
    })
  })
})

// scipy.sparse: csr_array has data, indices and indptr, coo_array has data, row and col
test('linearSumAssignment: a sparse matrix with SciPy’s names is not read as a dense one', () => {
  const csr = { data: [1, 2, 3], indices: [0, 1, 1], indptr: [0, 2, 3], shape: [2, 2] }
  const full = { ...csr, data: [1, 2, 3, 4], indices: [1, 0, 1, 0], indptr: [0, 2, 4] }
  const coo = { data: [1, 2, 3], row: [0, 0, 1], col: [0, 1, 1], shape: [2, 2] }
  const { data: values, ...half } = csr
  for (const [cost, names] of [
    [csr, 'columnIndices: indices, rowStarts: indptr'],
    [full, 'columnIndices: indices, rowStarts: indptr'],
    [{ ...half, values }, 'columnIndices: indices, rowStarts: indptr'],
    [coo, 'columnIndices: col, rowIndices: row'],
  ] as const) {
    const error = errorOf(() => linearSumAssignment(untyped(cost)))
    expect(error).toMatchObject({ code: 'SHAPE', argument: 'cost' })
    expect(error.message).toContain(`pass { values: data, ${names}, shape }`)
  }
  expect(errorOf(() => linearSumAssignment(untyped({ values, columns: [0], shape: [2, 2] }))).message).toMatch(
    /got neither; it is an object with the keys values, columns, shape$/,
  )
})
