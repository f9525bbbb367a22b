/** Ours at each SIMD level of the processor: a level holds for a process, hence one of its own for each. */
import { fileURLToPath } from 'node:url'
import { availableLevels } from '../levels.js'
import { Player } from '../player.js'
import { ONE_THREAD } from '../python.js'

const HOST = fileURLToPath(new URL('host.js', import.meta.url))

/** The processes, one thread each; fast levels first. */
export function levelPlayers() {
  const command = [process.execPath, HOST]
  return availableLevels().map((level) => {
    const env = { ...ONE_THREAD, HUNGARIAN_LOSS_SIMD: level }
    return new Player({ name: `ours, ${level}`, isRival: false, precision: 'float64', command, env })
  })
}
