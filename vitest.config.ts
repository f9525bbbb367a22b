import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

const source = (path: string): string => fileURLToPath(new URL(`src/${path}`, import.meta.url))

export default defineConfig({
  // what package.json says of the built files
  resolve: { alias: { '#host': source('common/host.ts'), '#binding': source('binding/load.ts'), '#yauzl': 'yauzl' } },
  test: { include: ['{__test__,benchmarks/__test__}/**/*.spec.ts'], testTimeout: 60_000 },
})
