/** What is measured of the assignment: instances in sections, from a seed. */
import { HungarianLoss } from 'hungarian-loss'
import { makeInputs } from '../inputs.js'
import { Random } from '../random.js'
import { transpose } from '../rivals/solvers.js'
import { PADDED_FAMILIES, sparseMatrix, SQUARE_FAMILIES, uniformMatrix } from './matrices.js'

const SIZES = [10, 100, 300, 1000, 2000, 4000]
const PADDED_SIZES = [10, 32, 100, 500, 1000, 2000]
const DETECTIONS = [
  [100, 7],
  [300, 20],
  [900, 60],
  [900, 300],
]
const BATCHES = [
  { images: 16, queries: 100 },
  { images: 64, queries: 300 },
  { images: 32, queries: 900 },
]
const MOST_TARGETS = 100
const SPARSE = [
  { n: 2000, perRow: 10 },
  { n: 2000, perRow: 50 },
  { n: 10000, perRow: 10 },
  { n: 10000, perRow: 50 },
]
const CLASSES = 92

/** Small matrices come in several, solved in turn: a single one would be learnt by heart by the branch predictor. */
const MATRICES = 8
const SMALL = 60_000

/**
 * @typedef {{ rows: number, columns: number, values: Float64Array | Float32Array }} DenseMatrix row-major
 * @typedef {import('./matrices.js').SparseMatrix} SparseMatrix
 * @typedef {'dense' | 'batch' | 'sparse'} Form matrices one by one, many in one call, or in CSR form
 *
 * @typedef {object} Instance
 * @property {string} family who is too slow for one of these is not tried on those that follow
 * @property {string} size
 * @property {number} [x] the size as a number, where times are drawn over it
 * @property {Form} form
 * @property {() => (DenseMatrix | SparseMatrix)[]} make the same at each call
 *
 * @typedef {{ title: string, instances: Instance[] }} Section
 */

/**
 * All sections, the instances of each family from small to large.
 * @param {{ seed: number, largest: number, sparse: boolean }} setting `largest` bounds the rows and columns of
 *   dense matrices
 * @returns {Section[]}
 */
export function suite({ seed, largest, sparse }) {
  const sections = [
    {
      title: 'Square',
      instances: squares(
        SQUARE_FAMILIES,
        seed,
        SIZES.filter((n) => n <= largest),
      ),
    },
    {
      title: 'Padded',
      instances: squares(
        PADDED_FAMILIES,
        seed,
        PADDED_SIZES.filter((n) => n <= largest),
      ),
    },
    {
      title: 'Rectangular',
      instances: rectangles(
        seed,
        DETECTIONS.filter(([queries]) => queries <= largest),
      ),
    },
    {
      title: 'Ragged batches',
      instances: batches(
        seed,
        BATCHES.filter(({ queries }) => queries <= largest),
      ),
    },
  ]
  const typed = sections.flatMap(({ title, instances }) => [
    { title: `${title}, float64`, instances },
    { title: `${title}, float32`, instances: instances.map(rounded) },
  ])
  const all = sparse ? [...typed, { title: 'Sparse, float64', instances: sparseInstances(seed) }] : typed
  return all.filter(({ instances }) => instances.length > 0)
}

function squares(families, seed, sizes) {
  return Object.entries(families).flatMap(([family, make]) =>
    sizes.map((n) => dense({ family, seed, x: n, rows: n, columns: n, make: (random) => make(random, n) })),
  )
}

function rectangles(seed, shapes) {
  const detection = shapes.map(([queries, targets]) => ({
    family: 'detection',
    rows: queries,
    columns: targets,
    make: (random, i) => detectionCosts(random, i, queries, targets),
  }))
  const transposed = shapes.map(([queries, targets]) => ({
    family: 'detection, transposed',
    size: `${queries}×${targets}`,
    rows: targets,
    columns: queries,
    make: (random, i) => transpose(detectionCosts(random, i, queries, targets), queries, targets),
  }))
  const uniform = shapes.map(([rows, columns]) => ({
    family: 'uniform',
    rows,
    columns,
    make: (random) => uniformMatrix(random, rows, columns),
  }))
  return [...detection, ...transposed, ...uniform].map((kind) => dense({ seed, ...kind }))
}

function dense({ family, seed, x, rows, columns, size = `${rows}×${columns}`, make }) {
  const count = rows * columns <= SMALL ? MATRICES : 1
  const makeAll = () => {
    const random = new Random(seedOf(seed, family, size))
    return Array.from({ length: count }, (_, i) => ({ rows, columns, values: make(random, i) }))
  }
  return { family, size, x, form: 'dense', make: makeAll }
}

/** Images with 0 to 100 targets each; the second has none and the third has all of them. */
function batches(seed, shapes) {
  return shapes.map(({ images, queries }) => {
    const [family, size] = ['detection, 0 to 100 targets', `${images}×${queries}`]
    const make = () => {
      const random = new Random(seedOf(seed, family, size))
      const counts = Array.from({ length: images }, () => random.integer(MOST_TARGETS + 1))
      counts.splice(1, 2, 0, MOST_TARGETS)
      return counts.map((columns, i) => ({
        rows: queries,
        columns,
        values: detectionCosts(random, i, queries, columns),
      }))
    }
    return { family, size, form: 'batch', make }
  })
}

function sparseInstances(seed) {
  return SPARSE.map(({ n, perRow }) => {
    const [family, size] = [`${perRow} in a row`, `${n}×${n}`]
    const make = () => [sparseMatrix(new Random(seedOf(seed, family, size)), n, perRow)]
    return { family, size, form: 'sparse', make }
  })
}

/** DETR's matching costs of one image, after training and before it by turns. */
function detectionCosts(random, i, queries, targets) {
  const kind = i % 2 === 0 ? 'trained' : 'random'
  const inputs = makeInputs({ kind, images: 1, queries, classes: CLASSES, targets, seed: random.integer(2 ** 31) })
  const criterion = HungarianLoss.detr({ numClasses: CLASSES - 1 })
  return Float64Array.from(criterion.cost(inputs.outputs, inputs.targets).images[0].data)
}

/** The same instance in float32. */
function rounded(instance) {
  const round = ({ rows, columns, values }) => ({ rows, columns, values: Float32Array.from(values) })
  const make = () => instance.make().map(round)
  return { ...instance, make }
}

/** A seed of its own for each instance (FNV-1a), so that leaving some out does not change the others. */
function seedOf(...parts) {
  let hash = 2166136261
  for (const byte of new TextEncoder().encode(parts.join('|'))) hash = Math.imul(hash ^ byte, 16777619)
  return hash
}
