/** Short lists of numbers as callers have them. */
import { fail } from '../common/errors.ts'
import { checkMemory } from '../common/memory.ts'
import { failNumber, failType, lengthOf, numbersOf } from '../common/tensors.ts'

/** A copy of a list of `least` to `most` numbers, typed or not, each read once. */
export function readNumbers(value: unknown, [least, most]: readonly [number, number], argument: string): number[] {
  const list = numbersOf(value)
  if (list === undefined) failType(value, 'an array of numbers', argument)
  if (ArrayBuffer.isView(list)) checkMemory(list, argument)
  const length = lengthOf(list, argument)
  if (length < least || length > most) {
    const range = least === most ? `${least}` : `${least} to ${most}`
    fail('SHAPE', argument, `must have ${range} entries, got ${length}`)
  }
  const numbers: number[] = []
  for (let i = 0; i < length; i++) {
    const number = list[i]
    if (typeof number !== 'number') failNumber(number, argument, `at index ${i}`)
    numbers.push(number)
  }
  return numbers
}
