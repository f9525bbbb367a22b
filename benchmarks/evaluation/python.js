/** pycocotools and faster-coco-eval, each in a process of its own. */
import { Player } from '../player.js'
import { probePython } from '../python.js'

/**
 * The processes, with the versions of what runs in them; or why there are none.
 * @returns {{ players?: Player[], versions?: string, missing?: string }}
 */
export function evaluationPlayers() {
  const { missing, answer, command } = probePython('evaluation.py')
  if (missing !== undefined) return { missing }
  const { versions, contenders } = answer
  if (contenders.length === 0) return { missing: `${versions}: pycocotools or faster-coco-eval is needed.` }
  return { players: contenders.map((name) => new Player({ name, isRival: true, command: command(name) })), versions }
}
