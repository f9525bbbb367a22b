import { expect, test } from 'vitest'
import { nearestName } from '../../src/common/words.ts'

test.each<[string, readonly string[], string | undefined]>([
  ['logit', ['logits', 'boxes'], 'logits'],
  ['lgoits', ['logits', 'boxes'], 'logits'],
  ['no_object_weight', ['noObjectWeight'], 'noObjectWeight'],
  ['LABELS', ['labels'], 'labels'],
  ['c', ['a', 'b'], undefined],
  ['masks', ['labels', 'boxes'], undefined],
  ['x'.repeat(10_000), ['labels'], undefined],
])('nearestName: the name nearest to %s', (given, known, expected) => {
  expect(nearestName(given, known)).toBe(expected)
})
