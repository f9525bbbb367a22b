/** Every spec on the binding that was compiled to WebAssembly; `scripts/wasm/exceptions.js` says which tests cannot hold there. */
import { defineConfig, mergeConfig } from 'vitest/config'
import ordinary from './vitest.config.ts'

export default mergeConfig(
  ordinary,
  defineConfig({
    test: {
      env: { HUNGARIAN_LOSS_BINDING: 'wasm' },
      setupFiles: ['__test__/support/exceptions.ts'],
    },
  }),
)
