import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { binding, simdLevel, threadCount } from '../../src/index.ts'
import { ROOT } from '../support/root.ts'

test('binding: tells which core runs', () => {
  const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { version: string }
  const { kind, target, ...rest } = binding()
  expect(rest).toEqual({ simd: simdLevel(), threads: threadCount(), version })
  const forced = process.env['HUNGARIAN_LOSS_BINDING']
  expect(kind).toBe(forced === 'wasm' ? 'wasm' : 'native')
  expect(target).toMatch(kind === 'wasm' ? /^wasm32-wasip1$/ : new RegExp(`^${process.platform}-${process.arch}`))
})

test('binding: HUNGARIAN_LOSS_BINDING names one of two', () => {
  const script = `import('${new URL('../../dist/index.js', import.meta.url).href}').catch(({ code, message }) => console.log(code, message))`
  const env = { ...process.env, HUNGARIAN_LOSS_BINDING: 'webgpu' }
  const { stdout } = spawnSync(process.execPath, ['--input-type=module', '-e', script], { env, encoding: 'utf8' })
  expect(stdout.trim()).toBe('BINARY HUNGARIAN_LOSS_BINDING: must be native or wasm, got webgpu')
})
