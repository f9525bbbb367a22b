/** PyTorch's criteria of masks, where Python can import it: on one thread and on two, each in a process of its own. */
import { join } from 'node:path'
import { readArray, writeArrays } from '../files.js'
import { Player } from '../player.js'
import { ONE_THREAD, probePython } from '../python.js'

/** Seconds that an answer, or the samples of one round, may last before the process counts as hanging. */
const PATIENCE = 120

/**
 * The processes, with the versions of what runs in them; or why there are none.
 * @returns {{ players?: Player[], versions?: string, missing?: string }}
 */
export function pytorchPlayers() {
  const { missing, answer, command } = probePython('masks.py')
  if (missing !== undefined) return { missing }
  const { versions, contenders, missing: reason } = answer
  if (contenders.length === 0) return { missing: `${versions}: torch, numpy and scipy are needed (${reason}).` }
  const rival = (threads) => {
    const name = threads === '1' ? 'PyTorch' : `PyTorch, ${threads} threads`
    const env = Object.fromEntries(Object.keys(ONE_THREAD).map((variable) => [variable, threads]))
    return { name, isRival: true, precision: 'float32', command: command(threads), env }
  }
  return { players: contenders.map((threads) => new Player(rival(threads))), versions }
}

/**
 * The inputs as files, and what a process is told of them.
 * @param {import('./inputs.js').Inputs} inputs
 * @param {string} folder
 */
export function describeInputs({ criterion, outputs, targets, counts }, folder) {
  const [count, ...canvas] = targets[0].masks.shape
  const arrays = Object.fromEntries(
    Object.entries(outputs).map(([name, { data, shape }]) => [name, ['float32', data, shape]]),
  )
  const all = (read) => targets.flatMap((target) => [...read(target)])
  arrays.labels = ['int32', Int32Array.from(all(({ labels }) => labels)), [-1]]
  arrays.targetBoxes = ['float32', Float32Array.from(all(({ boxes }) => boxes)), [-1, 4]]
  arrays.targetMasks = [
    'uint8',
    Buffer.concat(targets.map(({ masks }) => masks.data)),
    [targets.length, count, ...canvas],
  ]
  const files = writeArrays(
    folder,
    Object.fromEntries(Object.entries(arrays).map(([name, [, data]]) => [name, data])),
    'input-',
  )
  const described = Object.entries(arrays).map(([name, [type, , shape]]) => [name, [type, files[name], shape]])
  return { criterion, counts, arrays: Object.fromEntries(described) }
}

/**
 * A process that has been told of the inputs.
 * @param {Player} player
 * @param {ReturnType<typeof describeInputs>} description
 * @param {string} folder for its files
 * @returns {import('../loss/contenders.js').LossContender}
 */
export function inProcess(player, description, folder) {
  const { name, isRival, precision } = player.contender
  const { criterion, arrays } = description
  const isMatching = criterion === 'mask2Former'
  const given = Object.keys(arrays).filter((field) => !/^(target|labels|mask.*Points)/.test(field))
  const written = isMatching ? ['costs'] : given
  const files = Object.fromEntries(written.map((field) => [field, join(folder, `${name}-${field}`)]))
  return {
    name,
    isRival,
    precision,
    async result() {
      await player.ask({ prepare: description }, PATIENCE)
      const answer = await player.ask({ answer: files }, PATIENCE)
      const read = Object.fromEntries(written.map((field) => [field, readArray(files[field], 'float32')]))
      return { ...answer, ...(isMatching ? read : { gradients: read }) }
    },
    sample: async (limits) => (await player.ask({ sample: limits }, PATIENCE)).samples,
  }
}
