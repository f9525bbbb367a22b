/** PyTorch's criteria, where Python can import them: each in a process of its own. */
import { Player } from '../player.js'
import { ONE_THREAD, probePython } from '../python.js'

const NAMES = { torch: 'PyTorch', transformers: 'PyTorch, transformers' }

/**
 * The processes, with the versions of what runs in them; or why there are none.
 * @returns {{ players?: Player[], versions?: string, missing?: string }}
 */
export function pytorchPlayers() {
  const { missing, answer, command } = probePython('loss.py')
  if (missing !== undefined) return { missing }
  const { versions, contenders, missing: reason } = answer
  if (contenders.length === 0) return { missing: `${versions}: torch, numpy and scipy are needed (${reason}).` }
  const rival = (name) => {
    return { name: NAMES[name], isRival: true, precision: 'float32', command: command(name), env: ONE_THREAD }
  }
  return { players: contenders.map((name) => new Player(rival(name))), versions }
}
