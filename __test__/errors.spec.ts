import { describe, expect, test } from 'vitest'
import { fail, HungarianLossError, toHungarianLossError } from '../src/errors.ts'
import { errorOf } from './helpers.ts'

test('an error has a name, a code and only the details that apply', () => {
  const error = new HungarianLossError('RANGE', 'targets[1].labels: no', {
    argument: 'targets[1].labels',
    image: 1,
    target: 0,
  })
  expect(error).toBeInstanceOf(Error)
  expect(error.name).toBe('HungarianLossError')
  expect(String(error)).toBe('HungarianLossError: targets[1].labels: no')
  expect(Object.keys(error)).toEqual(['code', 'argument', 'image', 'target'])
  expect(error.query).toBeUndefined()
  expect(error.cause).toBeUndefined()
})

test('fail puts the argument before the rule', () => {
  expect(errorOf(() => fail('SHAPE', 'cost', 'row 1 has 1 entry, expected 2', { row: 1 }))).toMatchObject({
    code: 'SHAPE',
    argument: 'cost',
    message: 'cost: row 1 has 1 entry, expected 2',
    row: 1,
  })
})

describe('a thrown value becomes a HungarianLossError:', () => {
  test('one of ours stays as it is', () => {
    const error = new HungarianLossError('OPTION', 'no')
    expect(toHungarianLossError(error)).toBe(error)
  })

  test('one of the core keeps all its fields', () => {
    const details = {
      code: 'INFEASIBLE',
      argument: 'cost',
      rows: [1, 2],
      layer: 0,
      image: 1,
      query: 2,
      target: 3,
      row: 4,
      column: 5,
    }
    const native = Object.assign(new Error('cost: rows 1 and 2'), details)
    const error = toHungarianLossError(native)
    expect(error).toBeInstanceOf(HungarianLossError)
    expect(error).toMatchObject({ ...details, message: 'cost: rows 1 and 2' })
    expect(error.cause).toBe(native)
  })

  test.each<[string, unknown, string]>([
    ['an error with another code', Object.assign(new Error('odd'), { code: 'GenericFailure' }), 'odd'],
    ['an error without a code', new RangeError('Array buffer allocation failed'), 'Array buffer allocation failed'],
    ['a string', 'odd', 'odd'],
    ['nothing', undefined, 'undefined'],
  ])('%s is INTERNAL, with the cause', (_, thrown, message) => {
    const error = toHungarianLossError(thrown)
    expect(error).toMatchObject({ code: 'INTERNAL', message })
    expect(error.cause).toBe(thrown)
  })
})
