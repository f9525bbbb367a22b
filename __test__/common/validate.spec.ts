import { expect, test } from 'vitest'
import {
  checkDivisor,
  checkFlag,
  checkInteger,
  checkRecord,
  checkWord,
  requireNumber,
  show,
} from '../../src/common/validate.ts'
import { errorOf } from '../support/helpers.ts'

test.each<[unknown, string]>([
  [undefined, 'undefined'],
  [null, 'null'],
  [NaN, 'NaN'],
  [-0.5, '-0.5'],
  [7n, '7n'],
  ['five', '"five"'],
  ['x'.repeat(99), `"${'x'.repeat(40)}…"`],
  [Symbol('s'), 'Symbol(s)'],
  [[1, 2], 'an array of 2'],
  [new Int8Array(3), 'Int8Array'],
  [{}, 'an object'],
  [Object.create(null), 'an object'],
  [() => 1, 'a function'],
])('show: %s is shown as %s', (value, shown) => {
  expect(show(value)).toBe(shown)
})

test('checkWord and checkFlag: absent values take the default', () => {
  expect(checkRecord(undefined, ['a'], 'x')).toEqual({})
  expect(checkWord(undefined, ['a', 'b'], 'b', 'x')).toBe('b')
  expect(checkFlag(undefined, true, 'x')).toBe(true)
})

test.each<[string, () => unknown, string]>([
  [
    'an unknown key',
    () => checkRecord({ a: 1, c: 2 }, ['a', 'b'], 'x'),
    'x.c: there is no such option; known are a, b',
  ],
  ['no object', () => checkRecord([], ['a'], 'x'), 'x: must be an object, got an array of 0'],
  ['an unknown word', () => checkWord('c', ['a', 'b'], 'a', 'x'), `x: must be 'a' or 'b', got "c"`],
  ['no flag', () => checkFlag(0, true, 'x'), 'x: must be true or false, got 0'],
  ['a negative weight', () => requireNumber(-1, 0, 1e12, 'x'), 'x: must be a number from 0 to 1e12, got -1'],
  [
    'an infinite weight',
    () => requireNumber(Infinity, 0, 1e12, 'x'),
    'x: must be a number from 0 to 1e12, got Infinity',
  ],
  ['a weight that is NaN', () => requireNumber(NaN, 0, 1e12, 'x'), 'x: must be a number from 0 to 1e12, got NaN'],
  ['a divisor of 0', () => checkDivisor(0, 'x'), 'x: must be a finite number above 0, got 0'],
  ['an infinite divisor', () => checkDivisor(Infinity, 'x'), 'x: must be a finite number above 0, got Infinity'],
  ['a fraction', () => checkInteger(1.5, 1, 3, 'x'), 'x: must be an integer from 1 to 3, got 1.5'],
  ['an integer out of range', () => checkInteger(4, 1, 3, 'x'), 'x: must be an integer from 1 to 3, got 4'],
])('checkWord and the like: %s is refused', (_, call, message) => {
  expect(errorOf(call)).toMatchObject({ code: 'OPTION', message })
})

test.each<[unknown, string]>([
  [{ labels: [], boxes: [] }, 'an object with the keys labels, boxes'],
  [{ only: 1 }, 'an object with the key only'],
  [
    Object.fromEntries(Array.from('abcdefghij', (key) => [key, 1])),
    'an object with the keys a, b, c, d, e, f, g, h and 2 more',
  ],
  [[{ a: 1 }, { a: 2 }], 'an array of 2 objects with the key a'],
  [new Map(), 'a Map'],
  [Promise.resolve(), 'a Promise (is an await missing?)'],
  [new Date(), 'a Date'],
  [new Proxy({}, { ownKeys: () => { throw new Error('no') } }), 'an object that cannot be read'], // prettier-ignore
  [10n ** 60n, 'a large bigint'],
])('show: what is no plain value is shown by what it is: %#', (value, shown) => {
  expect(show(value)).toBe(shown)
})

test.each([
  new Map([['a', 1]]),
  new Set(),
  new Date(),
  Promise.resolve({ a: 1 }),
  /a/,
  new Error('a'),
  new ArrayBuffer(1),
  Object(1),
])('checkRecord: what has no fields is no record, rather than an empty one: %s', (value) => {
  expect(errorOf(() => checkRecord(value, ['a'], 'x'))).toMatchObject({ code: 'OPTION', argument: 'x' })
})

test.each([5e-324, 1e-13, 1e25, 1e300])(
  'checkDivisor: a divisor of %d is beyond the range of what float32 can hold',
  (value) => {
    expect(errorOf(() => checkDivisor(value, 'x'))).toMatchObject({
      code: 'OPTION',
      message: `x: must be a number from 1e-12 to 1e24, got ${value}`,
    })
  },
)

test.each([1e-12, 1, 1e24])('checkDivisor: a divisor of %d is within it', (value) => {
  expect(checkDivisor(value, 'x')).toBe(value)
})
