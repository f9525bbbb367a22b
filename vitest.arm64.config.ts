/**
 * Specs on the addon for arm64, under qemu: vitest itself runs on this processor, and each file of specs in a process for that one.
 * `scripts/test-arm64.js` says by which program, and `scripts/cross/exceptions.js` what cannot hold there.
 */
import { defineConfig, mergeConfig } from 'vitest/config'
import { LEFT_OUT } from './scripts/cross/exceptions.js'
import ordinary from './vitest.config.ts'

// whatever vitest forks, and what specs start, is started by this
process.execPath = process.env['HUNGARIAN_LOSS_ARM64_NODE'] as string

export default mergeConfig(
  ordinary,
  defineConfig({
    test: {
      pool: 'forks',
      setupFiles: ['__test__/support/arm64.ts'],
      exclude: [...LEFT_OUT],
      testTimeout: 600_000,
      hookTimeout: 600_000,
    },
  }),
)
