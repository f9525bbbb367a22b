import { runInNewContext } from 'node:vm'
import { describe, expect, test, vi } from 'vitest'
import * as browser from '../../src/common/host.browser.ts'
import * as node from '../../src/common/host.ts'

test('host.browser: it has all that host.ts has', () => {
  expect(Object.keys(browser).sort()).toEqual(Object.keys(node).sort())
})

describe('host, in Node.js and in browsers', () => {
  const values = [
    new Error('a'),
    new RangeError('b'),
    runInNewContext('new TypeError("c")'),
    {},
    'Error',
    undefined,
    null,
  ]
  test.each(values.map((value) => [value]))('isNativeError: %s', (value) => {
    expect(browser.isNativeError(value)).toBe(node.isNativeError(value))
  })

  test.each([[new SharedArrayBuffer(8)], [new ArrayBuffer(8)], [runInNewContext('new SharedArrayBuffer(8)')]])(
    'isSharedArrayBuffer: %s',
    (value) => {
      expect(browser.isSharedArrayBuffer(value)).toBe(node.isSharedArrayBuffer(value))
    },
  )

  test('allocate: so many bytes', () => {
    for (const { allocate } of [browser, node]) {
      const { buffer, byteOffset } = allocate(48)
      expect(new Float32Array(buffer, byteOffset, 12)).toHaveLength(12)
    }
  })

  test('warn: in the console', () => {
    const said = vi.spyOn(console, 'warn').mockImplementation(() => {})
    browser.warn('something', 'HUNGARIAN_LOSS_BATCH')
    browser.addExitListener()
    browser.removeExitListener()
    expect(said.mock.calls).toEqual([['[HUNGARIAN_LOSS_BATCH] HungarianLossWarning: something']])
    said.mockRestore()
  })
})
