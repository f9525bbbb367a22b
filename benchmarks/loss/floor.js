/** The floor: one tight pass over the same logits, by a program of the core crate, for the matching that is known. */
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { readArray, writeArrays } from '../files.js'

const NO_SAMPLES = { maxTime: 0, minTime: 0, minSamples: 0 }

/** Whether there is a floor for inputs: that of softmax keeps a row in registers. */
export function hasFloor({ classification, classes }) {
  return classification === 'focal' || (classes >= 16 && classes <= 128)
}

/**
 * @param {string} program the example `floor`
 * @param {import('../inputs.js').Inputs} inputs
 * @param {import('./contenders.js').Answer} expected the right answer, whose matches it is given
 * @param {string} folder for its files
 * @returns {import('./contenders.js').LossContender}
 */
export function floor(program, inputs, { matches }, folder) {
  const { classification, layers, classes, outputs, targets } = inputs
  const total = targets.reduce((sum, { labels }) => sum + labels.length, 0)
  const arrays = { 'floor-logits': outputs.logits.data, 'floor-labels': labelsOfQueries(inputs, matches) }
  const files = Object.values(writeArrays(folder, arrays))
  const gradient = join(folder, 'floor-gradient')
  const run = ({ maxTime, minTime, minSamples }) => {
    const args = [classification, layers, classes, total, ...files, gradient, maxTime, minTime, minSamples]
    const stdio = ['ignore', 'pipe', 'inherit']
    const { status, stdout } = spawnSync(program, args.map(String), { encoding: 'utf8', stdio })
    if (status !== 0) throw new Error('The program of the floor failed.')
    return JSON.parse(stdout)
  }
  return {
    name: 'floor',
    isRival: false,
    isFloor: true,
    precision: 'float32',
    sample: (limits) => run(limits).samples,
    result() {
      const { terms } = run(NO_SAMPLES)
      return { layers: terms.map((term) => ({ class: term })), gradients: { logits: readArray(gradient, 'float32') } }
    },
  }
}

/** The label of each query, or −1. */
function labelsOfQueries({ layers, images, queries, targets }, matches) {
  const labels = new Int32Array(layers * images * queries).fill(-1)
  matches.forEach((ofImages, layer) =>
    ofImages.forEach((queryOfTarget, image) =>
      queryOfTarget.forEach((query, target) => {
        if (query >= 0) labels[(layer * images + image) * queries + query] = targets[image].labels[target]
      }),
    ),
  )
  return labels
}
