/** PyTorch's criteria, where Python can import them: each in a process of its own. */
import { join } from 'node:path'
import { Player } from '../player.js'
import { ONE_THREAD, probePython } from '../python.js'
import { readFloats, writeArrays } from './files.js'

/** Seconds that an answer, or the samples of one round, may last before the process counts as hanging. */
const PATIENCE = 120

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
  const rival = (name) => ({ name: NAMES[name], isRival: true, command: command(name), env: ONE_THREAD })
  return { players: contenders.map((name) => new Player(rival(name))), versions }
}

/**
 * @param {Player} player
 * @param {import('../inputs.js').Inputs} inputs
 * @param {string} folder for its files
 * @returns {import('./contenders.js').LossContender}
 */
export function pytorch(player, inputs, folder) {
  const { name } = player.contender
  const files = { logits: join(folder, `${name}-logits`), boxes: join(folder, `${name}-boxes`) }
  return {
    name,
    isRival: true,
    precision: 'float32',
    async result() {
      await player.ask({ prepare: describe(inputs, folder) }, PATIENCE)
      const answer = await player.ask({ answer: files }, PATIENCE)
      return { ...answer, gradients: { logits: readFloats(files.logits), boxes: readFloats(files.boxes) } }
    },
    sample: async (limits) => (await player.ask({ sample: limits }, PATIENCE)).samples,
  }
}

function describe({ classification, layers, images, queries, classes, outputs, targets }, folder) {
  const { logits, boxes } = outputs
  const labels = Int32Array.from(targets.flatMap((target) => [...target.labels]))
  const targetBoxes = Float32Array.from(targets.flatMap((target) => [...target.boxes]))
  const files = writeArrays(folder, { logits: logits.data, boxes: boxes.data, labels, targetBoxes })
  const typed = Object.entries(files).map(([name, file]) => [name, [name === 'labels' ? 'int32' : 'float32', file]])
  return {
    classification,
    shape: [layers, images, queries, classes],
    counts: targets.map((target) => target.labels.length),
    files: Object.fromEntries(typed),
  }
}
