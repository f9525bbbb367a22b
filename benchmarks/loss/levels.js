/** Ours at each SIMD level of the processor: a level holds for a process, hence one of its own for each. */
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { Player } from '../player.js'
import { ONE_THREAD } from '../python.js'

const HOST = fileURLToPath(new URL('host.js', import.meta.url))

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

/** The processes, one thread each; fast levels first. */
export function levelPlayers() {
  const command = [process.execPath, HOST]
  return availableLevels().map((level) => {
    const env = { ...ONE_THREAD, HUNGARIAN_LOSS_SIMD: level }
    return new Player({ name: `ours, ${level}`, isRival: false, precision: 'float64', command, env })
  })
}
