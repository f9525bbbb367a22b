/** The SIMD levels of this processor. */
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

/** Levels that a processor may have, fast ones first. */
const LEVELS = ['avx512', 'avx2', 'sse2', 'neon', 'simd128', 'scalar']

/** The levels that can be forced here, fast ones first. */
export function availableLevels() {
  const probe = ['--input-type=module', '--eval', `import { simdLevel } from 'hungarian-loss'; simdLevel()`]
  const cwd = fileURLToPath(new URL('.', import.meta.url))
  return LEVELS.filter((level) => {
    const env = { ...process.env, HUNGARIAN_LOSS_SIMD: level }
    return spawnSync(process.execPath, probe, { env, cwd, stdio: 'ignore' }).status === 0
  })
}
