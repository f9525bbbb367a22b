import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  linearSumAssignment,
  linearSumAssignmentAsync,
  linearSumAssignmentBatch,
  verifyAssignment,
} from '../../src/index.ts'
import type { Assignment, AssignmentOptions, AssignmentProof, CostMatrix, SparseCostMatrix } from '../../src/index.ts'
import { errorOf, untyped } from '../support/helpers.ts'

/** The allowed cells of a matrix, listed. */
function sparse(
  rows: readonly (readonly number[])[],
  Type: typeof Float32Array | typeof Float64Array,
): SparseCostMatrix {
  const cells = rows.flatMap((row, i) => row.map((cost, j) => [i, j, cost] as const))
  const allowed = cells.filter(([, , cost]) => cost !== Infinity)
  return {
    values: Type.from(allowed.map(([, , cost]) => cost)),
    rowIndices: allowed.map(([row]) => row),
    columnIndices: allowed.map(([, column]) => column),
    shape: [rows.length, rows[0]!.length],
  }
}

/** The same matrix larger than what is handed over in one piece: with rows and columns besides that cost nothing. */
function enlarged(rows: readonly (readonly number[])[]): number[][] {
  const size = 20
  return Array.from({ length: rows.length + size }, (_, i) =>
    Array.from({ length: rows[0]!.length + size }, (_, j) => {
      if (i < rows.length && j < rows[0]!.length) return rows[i]![j]!
      return i - rows.length === j - rows[0]!.length ? 0 : Infinity
    }),
  )
}

/** A matrix in every form and by every way to the solver, with the pairs that lie in it. */
async function everyWay(
  rows: readonly (readonly number[])[],
  options: AssignmentOptions,
  Type = Float64Array as typeof Float32Array | typeof Float64Array,
) {
  const [height, width] = [rows.length, rows[0]!.length]
  const flat = (matrix: readonly (readonly number[])[]) => ({
    data: Type.from(matrix.flat()),
    shape: [matrix.length, matrix[0]!.length],
  })
  const large = enlarged(rows)
  const matrices: Record<string, CostMatrix | SparseCostMatrix> = {
    tensor: flat(rows),
    'typed rows': rows.map((row) => Type.from(row)),
    large: flat(large),
    'large typed rows': large.map((row) => Type.from(row)),
    sparse: sparse(rows, Type),
    'large sparse': sparse(large, Type),
  }
  const inside = ({ rowIndices, columnIndices }: Assignment) =>
    Array.from(rowIndices, (row, k) => [row, columnIndices[k]!]).filter(([row]) => row! < height)
  const found: Record<string, number[][]> = {}
  const proven: boolean[] = []
  for (const [name, matrix] of Object.entries(matrices)) {
    const result = linearSumAssignment(matrix, { ...options, duals: true })
    found[name] = inside(result)
    found[`${name}, async`] = inside(await linearSumAssignmentAsync(matrix, options))
    const { maximize, costLimit } = options
    proven.push(verifyAssignment(matrix, result, { maximize, costLimit }).optimal)
  }
  const batch = {
    data: Type.from([...rows.flat(), ...large.flat()]),
    shapes: [
      [height, width],
      [large.length, large[0]!.length],
    ] as const,
  }
  for (const [k, result] of linearSumAssignmentBatch(batch, options).entries()) found[`batch ${k}`] = inside(result)
  return { found: Object.values(found), names: Object.keys(found), proven }
}

describe('verifyAssignment: a proof', () => {
  const cost = [
    [4, 1, 3],
    [2, 0, 5],
    [3, 2, 2],
  ]
  const result = linearSumAssignment(cost, { duals: true })

  test('fails for another assignment, and tells by how much', () => {
    const worse = verifyAssignment(cost, { ...result, columnIndices: Int32Array.of(0, 1, 2) })
    expect(worse.optimal).toBe(false)
    expect(worse.total).toBe(6)
    expect(worse.bound).toBeCloseTo(5)
  })

  test('fails where the duals break their rule', () => {
    const rowDuals = result.rowDuals!.map((dual) => dual + 1)
    const proof = verifyAssignment(cost, { ...result, rowDuals })
    expect(proof.optimal).toBe(false)
    expect(proof.violation).toBeCloseTo(1)
  })

  test.each<[string, object, object]>([
    ['duals are absent', { rowDuals: undefined }, { code: 'OPTION', argument: 'assignment.rowDuals' }],
    ['column duals are absent', { columnDuals: undefined }, { code: 'OPTION', argument: 'assignment.columnDuals' }],
    ['there are too few duals', { rowDuals: new Float64Array(2) }, { code: 'SHAPE', argument: 'assignment.rowDuals' }],
    [
      'there are too many duals',
      { columnDuals: new Float64Array(4) },
      { code: 'SHAPE', argument: 'assignment.columnDuals' },
    ],
    ['duals are no numbers', { columnDuals: ['1', '2', '3'] }, { code: 'DTYPE', argument: 'assignment.columnDuals' }],
    ['the lists differ in length', { columnIndices: [0, 1] }, { code: 'SHAPE', argument: 'assignment.columnIndices' }],
    ['a row is outside', { rowIndices: [0, 1, 3] }, { code: 'RANGE', argument: 'assignment.rowIndices[2]' }],
    ['a column is negative', { columnIndices: [0, -1, 2] }, { code: 'RANGE', argument: 'assignment.columnIndices[1]' }],
    ['an index is no integer', { rowIndices: [0, 0.5, 2] }, { code: 'RANGE', argument: 'assignment.rowIndices[1]' }],
    ['a row is used twice', { rowIndices: [0, 1, 1] }, { code: 'RANGE', argument: 'assignment.rowIndices[2]', row: 1 }],
    [
      'a column is used twice',
      { columnIndices: [2, 1, 2] },
      { code: 'RANGE', argument: 'assignment.columnIndices[2]', column: 2 },
    ],
    ['a list is no list', { rowIndices: 'abc' }, { code: 'DTYPE', argument: 'assignment.rowIndices' }],
  ])('is refused where %s', (_, change, details) => {
    expect(errorOf(() => verifyAssignment(cost, { ...result, ...change }))).toMatchObject(details)
  })

  test.each([
    ['rowDuals', { data: new Float64Array(0), shape: [2 ** 31 - 1, 0] }],
    ['columnDuals', { data: new Float64Array(0), shape: [0, 2 ** 31 - 1] }],
    ['rowDuals', { values: [], rowIndices: [], columnIndices: [], shape: [2 ** 31 - 1, 2 ** 31 - 1] }],
  ])('has its lengths compared before memory is taken: %s of %o', (key, cost) => {
    const proof = { rowIndices: [], columnIndices: [], rowDuals: [], columnDuals: [] }
    const start = performance.now()
    const error = errorOf(() => verifyAssignment(untyped<CostMatrix>(cost), proof))
    expect(error).toMatchObject({ code: 'SHAPE', argument: `assignment.${key}` })
    expect(performance.now() - start).toBeLessThan(1000)
  })

  test('needs an assignment', () => {
    expect(errorOf(() => verifyAssignment(cost, untyped(null)))).toMatchObject({
      code: 'DTYPE',
      argument: 'assignment',
    })
    expect(errorOf(() => verifyAssignment(cost, result, untyped({ duals: true })))).toMatchObject({ code: 'OPTION' })
  })
})

describe('verifyAssignment: a forged proof', () => {
  // the optimum is 2; columns 1 and 0 cost 5
  const cost = [
    [1, 2],
    [3, 1],
  ]
  const wrong = { rowIndices: [0, 1], columnIndices: [1, 0] }

  test.each<[string, number[], number[]]>([
    ['large duals that cancel', [1e11, 1e11], [-1e11, -1e11]],
    ['the same the other way round', [-1e11, -1e11], [1e11, 1e11]],
    ['larger ones', [1e300, 1e300], [-1e300, -1e300]],
    ['the largest', [Number.MAX_VALUE, Number.MAX_VALUE], [-Number.MAX_VALUE, -Number.MAX_VALUE]],
    ['a dual of -Infinity', [-Infinity, 1], [0, 0]],
    ['duals of Infinity', [Infinity, Infinity], [-Infinity, -Infinity]],
    ['NaN', [NaN, 1], [0, 0]],
    ['duals that fit the pairs', [2, 3], [0, 0]],
    ['nothing', [0, 0], [0, 0]],
  ])('of %s does not make a wrong assignment optimal', (_, rowDuals, columnDuals) => {
    const proof = verifyAssignment(cost, { ...wrong, rowDuals, columnDuals })
    expect(proof.optimal).toBe(false)
    expect(proof.total).toBe(5)
    expect(proof.bound).toBeLessThanOrEqual(2)
  })

  test('does not make too few pairs optimal, or what is forbidden', () => {
    const duals = { rowDuals: [1, 1], columnDuals: [0, 0] }
    expect(verifyAssignment(cost, { rowIndices: [0], columnIndices: [0], ...duals }).optimal).toBe(false)
    const forbidding = [
      [Infinity, 2],
      [3, 1],
    ]
    const pairs = { rowIndices: [0, 1], columnIndices: [0, 1] }
    expect(verifyAssignment(forbidding, { ...pairs, ...duals }).optimal).toBe(false)
  })

  test('of duals that are not finite says so', () => {
    const proof = verifyAssignment(cost, { ...wrong, rowDuals: [NaN, 0], columnDuals: [0, 0] })
    expect(proof).toEqual({ optimal: false, total: 5, bound: -Infinity, violation: Infinity })
    const scores = verifyAssignment(cost, { ...wrong, rowDuals: [NaN, 0], columnDuals: [0, 0] }, { maximize: true })
    expect(scores).toEqual({ optimal: false, total: 5, bound: Infinity, violation: Infinity })
  })

  test('is never accepted, whatever its duals', () => {
    const dual = fc.oneof(fc.double(), fc.integer({ min: -5, max: 5 }), fc.constantFrom(1e11, -1e11, 1e300, -1e300))
    const duals = fc.tuple(dual, dual, dual, dual)
    fc.assert(
      fc.property(duals, fc.boolean(), ([a, b, c, d], maximize) => {
        const pairs = maximize ? { rowIndices: [0, 1], columnIndices: [0, 1] } : wrong
        const proof = verifyAssignment(cost, { ...pairs, rowDuals: [a, b], columnDuals: [c, d] }, { maximize })
        expect(proof.optimal).toBe(false)
        if (maximize) expect(proof.bound).toBeGreaterThanOrEqual(5)
        else expect(proof.bound).toBeLessThanOrEqual(2)
      }),
      { numRuns: 3000 },
    )
  })
})

describe('verifyAssignment: a right proof', () => {
  test.each<[string, number[][]]>([
    [
      'subnormal costs',
      [
        [5e-324, 1e-323],
        [1.5e-323, 5e-324],
      ],
    ],
    [
      'costs of which only some are subnormal',
      [
        [5e-324, 1],
        [3e-310, 5e-324],
      ],
    ],
    [
      'the largest costs',
      [
        [8e307, 9e307],
        [7e307, 8e307],
      ],
    ],
    [
      'costs of all sizes',
      [
        [1e-4, 1e4, 3.7],
        [0.02, 733.1, 1e4],
        [1e4, 1e-3, 0.5],
      ],
    ],
  ])('of %s is accepted', (_, cost) => {
    for (const maximize of [false, true]) {
      const result = linearSumAssignment(cost, { maximize, duals: true })
      expect(verifyAssignment(cost, result, { maximize }).optimal).toBe(true)
    }
  })

  test('may come from JSON', () => {
    const cost = [
      [4, 1, 3],
      [2, 0, 5],
    ]
    const { rowIndices, columnIndices, rowDuals, columnDuals } = linearSumAssignment(cost, { duals: true })
    const lists = { rowIndices, columnIndices, rowDuals, columnDuals }
    const plain = Object.fromEntries(Object.entries(lists).map(([name, list]) => [name, Array.from(list!)]))
    const proof = JSON.parse(JSON.stringify(plain)) as AssignmentProof
    expect(Array.isArray(proof.rowDuals)).toBe(true)
    expect(verifyAssignment(cost, proof)).toEqual(verifyAssignment(cost, lists))
    expect(verifyAssignment(cost, proof).optimal).toBe(true)
  })

  test('of the opposite matrix is the opposite', () => {
    const cost = [
      [0.1, 0.7],
      [0.4, 0.3],
    ]
    const opposite = cost.map((row) => row.map((value) => -value))
    const least = verifyAssignment(cost, linearSumAssignment(cost, { duals: true }))
    const options = { maximize: true }
    const most = verifyAssignment(opposite, linearSumAssignment(opposite, { ...options, duals: true }), options)
    expect(most).toEqual({ ...least, total: -least.total, bound: -least.bound })
  })
})

describe('verifyAssignment: costs of very different sizes', () => {
  // gatagat/lap #4 and rathaROG/lapx #20: what stands for forbidden pairs swallows the other costs
  test('fills that are part of the total leave the other costs their say, in every form', async () => {
    const { found, proven } = await everyWay(
      [
        [4, 2],
        [1e17, 1e17],
      ],
      {},
    )
    for (const pairs of found)
      expect(pairs).toEqual([
        [0, 1],
        [1, 0],
      ])
    expect(proven).not.toContain(false)
  })

  test('one cell that is huge costs no digits where not all can be placed, in every form', async () => {
    const cost = [
      [Infinity, 0.06, 0.74],
      [Infinity, 0.37, 0.17],
      [Infinity, 0.07, 1e16],
    ]
    const { found, proven } = await everyWay(cost, { partial: true })
    for (const pairs of found)
      expect(pairs).toEqual([
        [0, 1],
        [1, 2],
      ])
    expect(proven).not.toContain(false)
    expect(linearSumAssignment(cost, { partial: true }).total).toBeCloseTo(0.23, 15)
  })

  test('half forbidden, from 10^-10 to 10^10: dense is sparse, and proven', () => {
    const size = fc.double({ min: -10, max: 10, noNaN: true })
    const cell = fc.oneof(
      fc.constant(Infinity),
      size.map((exponent) => 10 ** exponent),
    )
    const matrices = fc.integer({ min: 2, max: 7 }).chain((side) => {
      const row = fc.array(cell, { minLength: side, maxLength: side })
      return fc.array(row, { minLength: side, maxLength: side })
    })
    fc.assert(
      fc.property(matrices, (cost) => {
        const dense = linearSumAssignment(cost, { partial: true, duals: true })
        const listed = linearSumAssignment(sparse(cost, Float64Array), { partial: true })
        expect(dense.rowIndices.length).toBe(listed.rowIndices.length)
        expect(Math.abs(dense.total - listed.total)).toBeLessThanOrEqual(1e-12 * dense.total)
        expect(verifyAssignment(cost, dense).optimal).toBe(true)
      }),
      { numRuns: 2000 },
    )
  })
})

describe('costLimit and float32', () => {
  const cost = [
    [0.3, 0.9],
    [0.9, 0.3],
  ]
  const opposite = cost.map((row) => row.map((value) => -value))

  test.each([Float32Array, Float64Array])('a cell that is the limit keeps to it: %o in every form', async (Type) => {
    const least = await everyWay(cost, { costLimit: 0.3 }, Type)
    const most = await everyWay(opposite, { costLimit: -0.3, maximize: true }, Type)
    for (const { found, names, proven } of [least, most]) {
      for (const [k, pairs] of found.entries())
        expect([names[k], pairs]).toEqual([
          names[k],
          [
            [0, 0],
            [1, 1],
          ],
        ])
      expect(proven).not.toContain(false)
    }
  })

  test('a limit below is one in float32 too', () => {
    const data = Float32Array.of(0.3)
    const below = Math.fround(0.3) - 2 ** -25
    expect(linearSumAssignment({ data, shape: [1, 1] }, { costLimit: below }).rowIndices.length).toBe(0)
    expect(linearSumAssignment([data], { costLimit: below }).rowIndices.length).toBe(0)
  })

  test('a limit that float32 has no number for stays what it is', () => {
    const data = Float32Array.of(0.3)
    expect(linearSumAssignment({ data, shape: [1, 1] }, { costLimit: 1e300 }).rowIndices.length).toBe(1)
    expect(linearSumAssignment({ data, shape: [1, 1] }, { costLimit: -1e300 }).rowIndices.length).toBe(0)
  })

  test('rows of several types are float64', () => {
    const rows = [Float32Array.of(0.25, 0.5), [0.1, 0.2], Float32Array.of(1, 2)]
    expect(linearSumAssignment(rows).total).toBe(0.25 + 0.2)
    expect(linearSumAssignment([Float32Array.of(0.3), [0.3]], { costLimit: 0.3 }).rowIndices).toEqual(Int32Array.of(1))
  })
})

describe('verifyAssignment: what is documented', () => {
  // the float64 sums of the two assignments of each differ in the last place
  test.each<[number[][]]>([
    [
      [
        [1.9, 1.2],
        [1, 0.3],
      ],
    ],
    [
      [
        [0.2, 1.64],
        [0.75, 2.19],
      ],
    ],
    [
      [
        [0.7, 0.2],
        [1.2999999999999998, 0.7999999999999999],
      ],
    ],
  ])('the total of %j is the least up to rounding', (cost) => {
    const [[a, b], [c, d]] = cost as [[number, number], [number, number]]
    const result = linearSumAssignment(cost, { duals: true })
    expect(Math.abs(result.total - Math.min(a + d, b + c))).toBeLessThan(1e-15)
    expect(verifyAssignment(cost, result).optimal).toBe(true)
  })

  test('sparse and dense may break ties differently, and agree on the total', () => {
    const cost = [
      [1, 0, 1],
      [1, 0, 1],
      [0, 1, 0],
      [1, 0, 1],
    ]
    const dense = linearSumAssignment(cost, { duals: true })
    const listed = linearSumAssignment(sparse(cost, Float64Array), { duals: true })
    expect(dense.total).toBe(listed.total)
    for (const result of [dense, listed]) expect(verifyAssignment(cost, result).optimal).toBe(true)
  })
})
