/** Short lists of numbers as callers have them. */
import { fail } from '../common/errors.ts'
import { failType, lengthOf, numbersOf } from '../common/tensors.ts'
import { show } from '../common/validate.ts'

/** A copy of a list of `least` to `most` numbers, typed or not, each read once. */
export function readNumbers(value: unknown, [least, most]: readonly [number, number], argument: string): number[] {
  const list = numbersOf(value)
  if (list === undefined) failType(value, 'an array of numbers', argument)
  const length = lengthOf(list, argument)
  if (length < least || length > most) {
    fail('SHAPE', argument, `must have ${least} to ${most} entries, got ${length}`)
  }
  const numbers: number[] = []
  for (let i = 0; i < length; i++) {
    const number = list[i]
    if (typeof number !== 'number') fail('DTYPE', argument, `must hold numbers only, got ${show(number)} at index ${i}`)
    numbers.push(number)
  }
  return numbers
}
