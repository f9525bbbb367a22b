/** vitest's `vmThreads`, which gives each file a realm of its own. */
import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: { pool: 'vmThreads', globals: true, include: ['__test__/package/realms/realm.test.js'] },
})
