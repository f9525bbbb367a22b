import { runInNewContext } from 'node:vm'
import { MessageChannel } from 'node:worker_threads'
import { describe, expect, test } from 'vitest'
import { linearSumAssignment } from '../../src/assignment/assignment.ts'
import { fail, HungarianLossError, toHungarianLossError } from '../../src/common/errors.ts'
import { errorOf } from '../support/helpers.ts'

/** Whatever a call throws. */
function errorThrown(call: () => unknown): unknown {
  try {
    call()
  } catch (error) {
    return error
  }
  throw new Error('expected an error')
}

function revoked(): object {
  const { proxy, revoke } = Proxy.revocable({}, {})
  revoke()
  return proxy
}

test('HungarianLossError: an error has a name, a code and only the details that apply', () => {
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
  expect(error.original).toBeUndefined()
})

// jestjs/jest #13535, piscinajs/piscina #130: of an error that is posted, its own properties are lost
test('HungarianLossError: a clone of an error still says what and where, as plain data', () => {
  const error = new HungarianLossError('INFEASIBLE', 'cost: rows 1 and 2', {
    argument: 'cost',
    matrix: 3,
    rows: [1, 2],
  })
  const clone = structuredClone(error)
  expect(clone.message).toBe('cost: rows 1 and 2')
  expect(clone.cause).toStrictEqual({ code: 'INFEASIBLE', argument: 'cost', matrix: 3, rows: [1, 2] })
  expect({ ...error.cause }).toEqual({ ...error })
  expect(Object.keys(new HungarianLossError('OPTION', 'no').cause)).toEqual(['code'])
})

test('HungarianLossError: an error that is posted to another thread says the same there', async () => {
  const { port1, port2 } = new MessageChannel()
  const received = new Promise<Error>((resolve) => port2.once('message', resolve))
  port1.postMessage(errorOf(() => linearSumAssignment([[Infinity, Infinity]])))
  expect((await received).cause).toEqual({ code: 'INFEASIBLE', argument: 'cost', rows: [0] })
  port1.close()
})

test('HungarianLossError: an error can be cloned whatever led to it', () => {
  for (const thrown of [() => 1, Symbol('x'), new WeakMap(), new Error('a', { cause: () => 2 }), { toString: 1 }]) {
    const error = toHungarianLossError(thrown)
    expect(error.original).toBe(thrown)
    expect(structuredClone(error).cause).toEqual({ code: 'INTERNAL' })
    expect(Object.keys(error)).toEqual(['code'])
  }
})

test('HungarianLossError: as JSON, an error has its name, message, code, argument and place', () => {
  const error = new HungarianLossError('RANGE', 'targets[1].labels: no', { argument: 'targets[1].labels', image: 1 })
  expect(JSON.parse(JSON.stringify(error))).toStrictEqual({
    name: 'HungarianLossError',
    message: 'targets[1].labels: no',
    code: 'RANGE',
    argument: 'targets[1].labels',
    image: 1,
  })
})

test('fail puts the argument before the rule', () => {
  expect(errorOf(() => fail('SHAPE', 'cost', 'row 1 has 1 entry, expected 2', { row: 1 }))).toMatchObject({
    code: 'SHAPE',
    argument: 'cost',
    message: 'cost: row 1 has 1 entry, expected 2',
    row: 1,
  })
})

describe('toHungarianLossError: a thrown value becomes a HungarianLossError:', () => {
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
    expect(error.cause).toEqual(details)
    expect(error.original).toBeUndefined()
  })

  // nodejs/node-addon-api #743, jestjs/jest #11864: `instanceof Error` is false for an error of another realm
  test('one of another realm keeps all its fields', () => {
    const details = { code: 'NON_FINITE', argument: 'cost', row: 4, column: 5 }
    const native = Object.assign(runInNewContext('new Error("cost: NaN")') as object, details)
    expect(native).not.toBeInstanceOf(Error)
    expect(toHungarianLossError(native)).toMatchObject({ ...details, message: 'cost: NaN' })
  })

  test.each([
    ['a buffer that V8 refuses', () => new ArrayBuffer(2 ** 52)],
    ['a length that V8 does not know', () => new Float64Array(2 ** 40)],
    ['a list that V8 does not know', () => new Float64Array(2 ** 53)],
    ['the same in another realm', () => runInNewContext('new Float64Array(2 ** 40)')],
  ])('%s is MEMORY, with the argument', (_, make) => {
    const refused = errorThrown(make)
    const error = toHungarianLossError(refused, 'cost')
    expect(error).toMatchObject({ code: 'MEMORY', argument: 'cost', original: refused })
    expect(error.message).toBe(`cost: the system refuses the memory that is needed (${(refused as Error).message})`)
    expect(Object.keys(toHungarianLossError(refused))).toEqual(['code'])
  })

  test.each<[string, unknown]>([
    ['a plain object that looks like one of ours', { code: 'RANGE', message: 'no', argument: 'cost' }],
    ['a revoked proxy', revoked()],
    ['an object without a prototype', Object.create(null)],
  ])('%s is INTERNAL', (_, thrown) => {
    const error = toHungarianLossError(thrown)
    expect(error.code).toBe('INTERNAL')
    expect(error.original === thrown).toBe(true)
  })

  test.each<[string, unknown, string]>([
    ['an error with another code', Object.assign(new Error('odd'), { code: 'GenericFailure' }), 'odd'],
    ['an error without a code', new RangeError('Invalid time value'), 'Invalid time value'],
    ['a string', 'odd', 'odd'],
    ['nothing', undefined, 'undefined'],
  ])('%s is INTERNAL, with the original', (_, thrown, message) => {
    const error = toHungarianLossError(thrown)
    expect(error).toMatchObject({ code: 'INTERNAL', message })
    expect(error.original).toBe(thrown)
  })
})
