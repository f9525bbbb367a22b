/** Numbers as the page has them. */
import { expect, test } from 'vitest'
import { count, embed, escape, number, percent } from '../../../src/cli/page/text.ts'

test.for([
  [0, '0'],
  [1.23456, '1.235'],
  [-12.3456, '−12.35'],
  [123.456, '123.5'],
  [12_345.6, '12346'],
  [0.123456, '0.123'],
  [0.0123456, '0.0123'],
  [0.0000123, '1.23e−5'],
  [12_345_678, '1.23e7'],
  [Infinity, '∞'],
  [-Infinity, '−∞'],
  [NaN, 'none'],
] as const)('%d is shown as %s', ([value, shown]) => expect(number(value)).toBe(shown))

test('shares and counts', () => {
  expect([0, 0.05, 0.5, 1].map(percent)).toEqual(['0\u00a0%', '5.0\u00a0%', '50\u00a0%', '100\u00a0%'])
  expect(percent(NaN)).toBe('none')
  expect([count(1, 'query', 'queries'), count(1200, 'pair')]).toEqual(['1\u00a0query', '1,200\u00a0pairs'])
})

test('markup becomes text, and JSON ends no script', () => {
  expect(escape(`<a href="x">&'`)).toBe('&#60;a href=&#34;x&#34;&#62;&#38;&#39;')
  expect(embed('</script>')).toBe('"\\u003c/script>"')
})
