/**
 * A process with one solver in it, so that solvers share neither compiled code nor garbage, and one that does not end
 * can be stopped. Usage: node host.js <solver>. Each line of input is a request in JSON and gets one line of answer:
 *
 * - `{ prepare: { form, type, matrices } }`, where each matrix has its shape and the files of its arrays → `{}`
 * - `{ solve: i }` → `{ seconds, columns }`: one solve of problem i, with the column of each row of its matrices
 * - `{ sample: limits }` → `{ samples }`: seconds for one solve, of all problems in turn
 *
 * or `{ error }`. A problem is one matrix, or a whole batch.
 */
import { readArray } from '../files.js'
import { takeSamples } from '../sample.js'
import { serve } from '../serve.js'
import { SOLVERS } from './solvers.js'

const [name] = process.argv.slice(2)
/** @type {import('./solvers.js').Prepared[]} */
let problems = []
let next = 0
/** Keeps results alive, so that no solve can be optimised away. */
export let last

await serve({
  prepare({ form, type, matrices }) {
    problems = [] // lets the old ones go first
    const read = matrices.map((matrix) => readMatrix(matrix, type))
    problems = form === 'batch' ? [SOLVERS[name].batch(read)] : read.map((matrix) => SOLVERS[name][form](matrix))
    next = 0
    return {}
  },
  solve(index) {
    const { run, columns } = problems[index]
    const start = performance.now()
    const result = run()
    const seconds = (performance.now() - start) / 1000
    return { seconds, columns: columns(result) }
  },
  sample: (limits) => ({ samples: takeSamples(step, limits) }),
})

function step() {
  last = problems[next].run()
  next = (next + 1) % problems.length
}

function readMatrix({ rows, columns, files }, type) {
  const arrays = Object.entries(files).map(([array, file]) => [
    array,
    readArray(file, array === 'values' ? type : 'int32'),
  ])
  return { rows, columns, ...Object.fromEntries(arrays) }
}
