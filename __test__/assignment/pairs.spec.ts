import { inspect } from 'node:util'
import { expect, test } from 'vitest'
import { linearSumAssignment } from '../../src/index.ts'
import { listPairs, UNASSIGNED } from '../../src/assignment/pairs.ts'

test('listPairs: pairs are listed in order of rows, and who is left over', () => {
  const assignment = listPairs(Int32Array.of(2, UNASSIGNED, 0, 77), 3, 4, 5, undefined)
  expect([...assignment.rowIndices]).toEqual([0, 2])
  expect([...assignment.columnIndices]).toEqual([2, 0])
  expect([...assignment.unassignedRows]).toEqual([1])
  expect([...assignment.unassignedColumns]).toEqual([1, 3])
  expect(assignment.unassignedColumns).toBe(assignment.unassignedColumns)
})

test('listPairs: who is left over does not depend on what has become of the pairs', () => {
  for (const rows of [100, 400]) {
    const assignment = linearSumAssignment(Array.from({ length: rows }, (_, row) => [row, 2 * row]))
    const turned = linearSumAssignment(
      [0, 1].map((column) => Array.from({ length: rows }, (_, row) => row * (column + 1))),
    )
    for (const list of [assignment.rowIndices, assignment.columnIndices, turned.rowIndices, turned.columnIndices])
      list.fill(7)
    const others = Array.from({ length: rows - 2 }, (_, i) => i + 2)
    expect([...assignment.unassignedRows]).toEqual(others)
    expect([...turned.unassignedColumns]).toEqual(others)
    expect([assignment.unassignedColumns.length, turned.unassignedRows.length]).toEqual([0, 0])
  }
})

test('linearSumAssignment: an assignment prints, and turns into JSON, with the lists that are made on first use', () => {
  const duals = Float64Array.of(1, 2, 3)
  const assignment = listPairs(Int32Array.of(1), 1, 2, 4, duals)
  expect([...(assignment.rowDuals ?? [])]).toEqual([1])
  expect([...(assignment.columnDuals ?? [])]).toEqual([2, 3])
  const printed = JSON.parse(JSON.stringify(assignment)) as Record<string, unknown>
  expect(Object.keys(printed).toSorted()).toEqual(
    [
      'columnDuals',
      'columnIndices',
      'rowDuals',
      'rowIndices',
      'total',
      'unassignedColumns',
      'unassignedRows',
    ].toSorted(),
  )
  expect(inspect(assignment)).toContain('unassignedColumns: Int32Array(1) [ 0 ]')
})
