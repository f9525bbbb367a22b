import { setFlagsFromString } from 'node:v8'
import { compileFunction, createContext, runInNewContext } from 'node:vm'
import { describe, expect, test } from 'vitest'
import { linearSumAssignment, linearSumAssignmentBatch } from '../../src/index.ts'
import type { AssignmentOptions } from '../../src/index.ts'
import { isSmall } from '../../src/assignment/small.ts'
import { createExchange, raiseSmall } from '../../src/binding/native.ts'
import { errorOf } from '../support/helpers.ts'

/** Costs with a few that are forbidden, the same in every run. */
function costs(rows: number, columns: number, forbidden = 0): Float64Array {
  const at = (i: number) => ((i * i * 7919 + 31 * i + rows) % 1009) / 8
  return Float64Array.from({ length: rows * columns }, (_, i) => (i % 7 < forbidden ? Infinity : at(i)))
}

function matrix(rows: number, columns: number, Kind: typeof Float64Array | typeof Float32Array = Float64Array) {
  return { data: new Kind(rows * columns), rows, columns }
}

test.each([
  [16, 16, true],
  [32, 32, true],
  [1, 256, true],
  [256, 1, true],
  [0, 257, true],
  [0, 258, false],
  [33, 32, false],
  [300, 0, false],
])('isSmall: %d × %d: small is %s', (rows, columns, expected) => {
  expect(isSmall(matrix(rows, columns))).toBe(expected)
})

test('of float32, which are converted one by one, fewer cells are small', () => {
  expect(isSmall(matrix(16, 16, Float32Array))).toBe(true)
  expect(isSmall(matrix(17, 16, Float32Array))).toBe(false)
})

describe.each([
  [1, 1],
  [3, 5],
  [5, 3],
  [10, 10],
  [16, 16],
  [1, 256],
  [256, 1],
  [8, 32],
  [32, 32],
  [31, 33],
  [0, 257],
])('assignSmall: %d × %d has the result of the same matrix in a batch', (rows, columns) => {
  const settings: AssignmentOptions[] = [
    {},
    { duals: true },
    { maximize: true, duals: true },
    { costLimit: 40, duals: true },
    { costLimit: 40, maximize: true },
  ]
  test.each(settings)('%j', (options) => {
    const data = costs(rows, columns)
    const [expected] = linearSumAssignmentBatch({ data, shapes: [[rows, columns]] }, options)
    expect(linearSumAssignment({ data, shape: [rows, columns] }, options)).toEqual(expected)
    const single = Float32Array.from(data)
    expect(linearSumAssignment({ data: single, shape: [rows, columns] }, options)).toEqual(expected)
  })

  test('partial', () => {
    const data = costs(rows, columns, 6)
    const options = { partial: true, duals: true }
    const [expected] = linearSumAssignmentBatch({ data, shapes: [[rows, columns]] }, options)
    expect(linearSumAssignment({ data, shape: [rows, columns] }, options)).toEqual(expected)
  })
})

test('assignSmall: what one call leaves behind does not reach the next one, nor its result', () => {
  const data = costs(6, 9)
  const first = linearSumAssignment({ data, shape: [6, 9] }, { maximize: true, costLimit: 80, duals: true })
  const copy = structuredClone({ ...first })
  const second = linearSumAssignment({ data, shape: [6, 9] })
  expect(second.rowIndices.length).toBe(6)
  expect(second.rowDuals).toBeUndefined()
  expect({ ...first }).toEqual(copy)
})

test('assignSmall: a refusal names the place, and the next call is none the worse', () => {
  const refused = errorOf(() =>
    linearSumAssignment([
      [1, 2],
      [3, NaN],
    ]),
  )
  expect(refused).toMatchObject({ code: 'NON_FINITE', argument: 'cost', row: 1, column: 1 })
  const infeasible = errorOf(() =>
    linearSumAssignment([
      [1, Infinity],
      [3, Infinity],
    ]),
  )
  expect(infeasible).toMatchObject({ code: 'INFEASIBLE', rows: [0, 1] })
  expect(
    linearSumAssignment([
      [1, 2],
      [3, 5],
    ]).total,
  ).toBe(5)
})

describe('createExchange', () => {
  /** Memory in which the matrix [[1, 2], [3, last]] waits. */
  function waiting(last: number, length = 20): Float64Array {
    const memory = new Float64Array(length).fill(1)
    memory.set([2, 2, 0, 0, NaN, 0, 1, 2, 3, last].slice(0, length - 1))
    return memory
  }

  const coded = (code: string): Error => expect.objectContaining({ code }) as Error

  test('each function solves what its own memory holds', () => {
    const [first, second] = [waiting(NaN), waiting(5)]
    const [solveFirst, solveSecond] = [createExchange(first), createExchange(second)]
    solveSecond()
    expect([second[0], second[1], second[2], second[19]]).toEqual([5, 1, 0, 0])
    expect(first).toEqual(waiting(NaN))
    solveFirst()
    expect(first[19]).toBe(-1)
    expect(() => raiseSmall()).toThrow(coded('NON_FINITE'))
  })

  test('what was thrown is gone, and of several refusals the latest is thrown', () => {
    createExchange(waiting(NaN))()
    createExchange(waiting(5, 9))()
    expect(() => raiseSmall()).toThrow('is too small for the matrix')
    expect(() => raiseSmall()).toThrow('no matrix was refused')
  })

  test('memory without room for the matrix or the result is refused', () => {
    for (const length of [1, 2, 6, 9, 10]) {
      const memory = waiting(5, length)
      createExchange(memory)()
      expect(memory[length - 1]).toBe(-1)
      expect(() => raiseSmall()).toThrow('is too small for the matrix')
    }
    createExchange(new Float64Array(0))()
  })

  test('a realm whose global leads to an exchange is given back', async () => {
    setFlagsFromString('--expose-gc')
    const collect = runInNewContext('gc') as () => void
    let isGone = false
    const registry = new FinalizationRegistry(() => (isGone = true))
    const makeRealm = (): void => {
      const realm = createContext({})
      const code = 'globalThis.solve = create(new Float64Array(20)); solve(); return globalThis'
      const make = compileFunction(code, ['create'], { parsingContext: realm }) as (create: unknown) => object
      registry.register(make(createExchange), undefined)
    }
    makeRealm()
    await expect.poll(() => (collect(), isGone)).toBe(true)
  })
})
