/** Assignment problems of every form that the solver takes. */
import { linearSumAssignment, linearSumAssignmentAsync, linearSumAssignmentBatch } from '../../dist/index.js'
import { makeRandom } from './random.js'

const SHAPES = [
  [1, 1],
  [3, 5],
  [7, 7],
  [16, 16],
  [17, 9],
  [40, 40],
  [33, 90],
  [120, 60],
  [130, 130],
  [300, 300],
]

/** Values of a cell, few of them in the second. */
const COSTS = {
  uniform: (random) => random.uniform(-1, 1),
  tied: (random) => random.integer(4),
  'partly forbidden': (random) => (random.chance(0.2) ? Infinity : random.uniform(0, 100)),
}

const OPTIONS = [
  { duals: true },
  { maximize: true, partial: true },
  { costLimit: 0.25, duals: true },
  { partial: true },
]

/** @returns {{ name: string, solve: (isAsync: boolean) => Promise<object[]> }[]} each gives assignments */
export function makeProblems() {
  const problems = []
  for (const [kind, valueOf] of Object.entries(COSTS)) {
    for (const [rows, columns] of SHAPES) {
      for (const Type of [Float64Array, Float32Array]) {
        const seed = 1 + problems.length
        const data = () => {
          const random = makeRandom(seed)
          return Type.from({ length: rows * columns }, () => valueOf(random))
        }
        const options = { partial: true, ...OPTIONS[seed % OPTIONS.length] }
        const name = `${kind}, ${rows} × ${columns}, ${Type.name}, ${Object.keys(options).join(' ')}`
        problems.push(dense(name, data, [rows, columns], options))
        if (rows * columns > 1) problems.push(sparse(`sparse: ${name}`, data, [rows, columns], options))
      }
    }
  }
  return [...problems, batch()]
}

function dense(name, data, shape, options) {
  const solve = async (isAsync) => [
    await (isAsync ? linearSumAssignmentAsync : linearSumAssignment)({ data: data(), shape }, options),
  ]
  return { name, solve }
}

/** Every third cell, and a diagonal. */
function sparse(name, data, [rows, columns], options) {
  const solve = async (isAsync) => {
    const all = data()
    const listed = [...all.keys()].filter((i) => i % 3 === 0 || i % columns === Math.floor(i / columns))
    const cost = {
      values: all.constructor.from(listed, (i) => all[i]),
      rowIndices: listed.map((i) => Math.floor(i / columns)),
      columnIndices: listed.map((i) => i % columns),
      shape: [rows, columns],
    }
    return [await (isAsync ? linearSumAssignmentAsync : linearSumAssignment)(cost, options)]
  }
  return { name, solve }
}

function batch() {
  const solve = async () => {
    const random = makeRandom(77)
    const cells = SHAPES.reduce((sum, [rows, columns]) => sum + rows * columns, 0)
    return linearSumAssignmentBatch({ data: random.doubles(cells, 0, 1), shapes: SHAPES }, { duals: true })
  }
  return { name: 'batch', solve }
}
