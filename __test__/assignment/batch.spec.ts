import { describe, expect, test } from 'vitest'
import { linearSumAssignment, linearSumAssignmentBatch } from '../../src/index.ts'
import { errorOf } from '../support/helpers.ts'

describe('linearSumAssignmentBatch: a batch', () => {
  const shapes: Array<[number, number]> = [
    [3, 3],
    [0, 4],
    [2, 5],
    [5, 2],
    [1, 1],
  ]
  const cells = shapes.reduce((sum, [rows, columns]) => sum + rows * columns, 0)
  const data = Float64Array.from({ length: cells }, (_, i) => ((i * 37) % 23) / 8)

  test.each([Float64Array, Float32Array, Int32Array])('of %o gives what one call for each matrix gives', (Type) => {
    const values = Type.from(data.map((value) => value * 8))
    let start = 0
    for (const options of [{}, { maximize: true, duals: true }, { costLimit: 9, duals: true }]) {
      start = 0
      const expected = shapes.map((shape) => {
        const end = start + shape[0] * shape[1]
        const result = linearSumAssignment({ data: values.slice(start, end), shape }, options)
        start = end
        return result
      })
      expect(linearSumAssignmentBatch({ data: values, shapes }, options)).toEqual(expected)
    }
  })

  test('that is large enough for threads gives the same too', () => {
    const many = Array.from({ length: 40 }, (_, k): [number, number] => [30 + k, 60 - k])
    const length = many.reduce((sum, [rows, columns]) => sum + rows * columns, 0)
    const costs = Float64Array.from({ length }, (_, i) => Math.sin(i * i))
    let start = 0
    const expected = many.map((shape) => {
      const end = start + shape[0] * shape[1]
      const result = linearSumAssignment({ data: costs.subarray(start, end), shape })
      start = end
      return result
    })
    expect(linearSumAssignmentBatch({ data: costs, shapes: many })).toEqual(expected)
  })

  test('may be empty', () => {
    expect(linearSumAssignmentBatch({ data: [], shapes: [] })).toEqual([])
  })

  test.each<[string, unknown, object]>([
    ['data is too short', { data: [1, 2], shapes: [[1, 3]] }, { code: 'SHAPE', argument: 'costs.data' }],
    ['a shape has one size', { data: [1], shapes: [[1]] }, { code: 'SHAPE', argument: 'costs.shapes[0]', matrix: 0 }],
    [
      'a size is negative',
      {
        data: [1],
        shapes: [
          [1, 1],
          [-1, 0],
        ],
      },
      { code: 'SHAPE', argument: 'costs.shapes[1]' },
    ],
    ['shapes are absent', { data: [1] }, { code: 'SHAPE', argument: 'costs.shapes' }],
    ['it is a list of matrices', [[[1]]], { code: 'DTYPE', argument: 'costs' }],
    [
      'a matrix holds NaN',
      {
        data: [1, 2, NaN],
        shapes: [
          [1, 1],
          [1, 2],
        ],
      },
      { code: 'NON_FINITE', matrix: 1, row: 0, column: 1 },
    ],
    [
      'a matrix has no complete assignment',
      {
        data: [1, Infinity],
        shapes: [
          [1, 1],
          [1, 1],
        ],
      },
      { code: 'INFEASIBLE', matrix: 1, rows: [0] },
    ],
  ])('is refused where %s', (_, costs, expected) => {
    expect(errorOf(() => linearSumAssignmentBatch(costs as never))).toMatchObject(expected)
  })
})
