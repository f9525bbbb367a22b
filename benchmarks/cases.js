/** What is measured of the loss: inputs of several shapes and kinds, each with its contenders. */
import { lossContenders } from './contenders.js'
import { makeInputs } from './inputs.js'

const CLASSES = 92

const LOSS_SHAPES = [
  { layers: 1, images: 16, queries: 100 },
  { layers: 1, images: 2, queries: 100 },
  { layers: 6, images: 16, queries: 100 },
]

/** @returns {{ input: string, contenders: import('./contenders.js').LossContender[] }[]} */
export function lossCases() {
  return LOSS_SHAPES.flatMap((shape) =>
    ['random', 'trained'].map((kind) => {
      const inputs = makeInputs({ kind, ...shape, classes: CLASSES })
      return { input: inputs.name, contenders: lossContenders(inputs) }
    }),
  )
}
