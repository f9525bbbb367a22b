/** Contenders in processes of their own, which read inputs from files and write gradients into files. */
import { join } from 'node:path'
import { readArray, writeArrays } from '../files.js'

/** Seconds that an answer, or the samples of one round, may last before the process counts as hanging. */
const PATIENCE = 120

/**
 * A rival, or ours at a level.
 * @param {import('../player.js').Player} player
 * @param {import('../inputs.js').Inputs} inputs
 * @param {string} folder for its files
 * @returns {import('./contenders.js').LossContender}
 */
export function inProcess(player, inputs, folder) {
  const { name, isRival, precision } = player.contender
  const files = { logits: join(folder, `${name}-logits`), boxes: join(folder, `${name}-boxes`) }
  return {
    name,
    isRival,
    precision,
    async result() {
      await player.ask({ prepare: describeInputs(inputs, folder) }, PATIENCE)
      const answer = await player.ask({ answer: files }, PATIENCE)
      const [logits, boxes] = [files.logits, files.boxes].map((file) => readArray(file, 'float32'))
      return { ...answer, gradients: { logits, boxes } }
    },
    sample: async (limits) => (await player.ask({ sample: limits }, PATIENCE)).samples,
  }
}

/** What the process is told, with the arrays in files. */
function describeInputs({ classification, layers, images, queries, classes, outputs, targets }, folder) {
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

/**
 * The inputs again, in a process in JavaScript.
 * @param {ReturnType<typeof describeInputs>} description
 */
export function readInputs({ classification, shape, counts, files }) {
  const read = Object.entries(files).map(([name, [type, file]]) => [name, readArray(file, type)])
  const { logits, boxes, labels, targetBoxes } = Object.fromEntries(read)
  const classes = shape.at(-1)
  const axes = shape.slice(shape[0] > 1 ? 0 : 1, -1)
  const outputs = { logits: { data: logits, shape: [...axes, classes] }, boxes: { data: boxes, shape: [...axes, 4] } }
  let next = 0
  const targets = counts.map((count) => {
    const [start, end] = [next, (next += count)]
    return { labels: labels.slice(start, end), boxes: targetBoxes.slice(4 * start, 4 * end) }
  })
  return { classification, classes, outputs, targets }
}
