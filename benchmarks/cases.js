/** What is measured: inputs of several shapes and kinds, each with its contenders. */
import { HungarianLoss } from 'hungarian-loss'
import { assignmentContenders, lossContenders } from './contenders.js'
import { makeInputs, randomMatrices } from './inputs.js'

const CLASSES = 92

const LOSS_SHAPES = [
  { layers: 1, images: 16, queries: 100 },
  { layers: 1, images: 2, queries: 100 },
  { layers: 6, images: 16, queries: 100 },
]
const SQUARES = [10, 100, 300]
const DETECTIONS = [
  { queries: 100, targets: 7 },
  { queries: 300, targets: 20 },
]

/** Matrices of each shape, solved in turn: a single one would be learnt by heart by the branch predictor. */
const MATRICES = 8

/** @returns {{ input: string, contenders: import('./contenders.js').LossContender[] }[]} */
export function lossCases() {
  return LOSS_SHAPES.flatMap((shape) =>
    ['random', 'trained'].map((kind) => {
      const inputs = makeInputs({ kind, ...shape, classes: CLASSES })
      return { input: inputs.name, contenders: lossContenders(inputs) }
    }),
  )
}

/** @returns {{ input: string, contenders: import('./contenders.js').AssignmentContender[] }[]} */
export function assignmentCases() {
  const squares = SQUARES.map((n) => ({
    input: `${n}×${n}, random`,
    contenders: assignmentContenders({ rows: n, columns: n, matrices: randomMatrices(n, n, MATRICES) }),
  }))
  const detections = DETECTIONS.map(({ queries, targets }) => ({
    input: `${queries}×${targets}, detection`,
    contenders: assignmentContenders({ rows: queries, columns: targets, matrices: detectionMatrices(queries, targets) }),
  }))
  return [...squares, ...detections]
}

/** Matching costs of single images, one half before training and the other after. */
function detectionMatrices(queries, targets) {
  const criterion = HungarianLoss.detr({ numClasses: CLASSES - 1 })
  return Array.from({ length: MATRICES }, (_, i) => {
    const kind = i % 2 === 0 ? 'random' : 'trained'
    const inputs = makeInputs({ kind, images: 1, queries, classes: CLASSES, targets, seed: i + 1 })
    return Float64Array.from(criterion.cost(inputs.outputs, inputs.targets).images[0].data)
  })
}
