/** What is measured of the loss: inputs of several shapes and kinds. */
import { makeInputs } from '../inputs.js'

const SOFTMAX = [
  { images: 1, queries: 10, classes: 4, targets: 1 }, // tiny: the call costs more than the work
  { images: 2, queries: 100, classes: 92, targets: 7 },
  { images: 16, queries: 100, classes: 92, targets: 7 },
  { images: 64, queries: 100, classes: 92, targets: 7 },
  { images: 16, queries: 300, classes: 92, targets: 20 },
  { images: 2, queries: 100, classes: 92, targets: 7, layers: 6 },
  { images: 16, queries: 100, classes: 92, targets: 7, layers: 6 },
]
const FOCAL = [
  { images: 8, queries: 300, classes: 91, targets: 7 },
  { images: 8, queries: 900, classes: 91, targets: 20 },
  { images: 8, queries: 300, classes: 91, targets: 7, layers: 6 },
]

/**
 * @typedef {object} Case
 * @property {string} family
 * @property {string} size
 * @property {() => import('../inputs.js').Inputs} make the same at each call
 */

/**
 * @param {{ quick: boolean }} setting
 * @returns {{ title: string, cases: Case[] }[]}
 */
export function lossSections({ quick }) {
  const kinds = quick ? ['trained'] : ['random', 'trained']
  return [
    { title: 'Softmax (DETR)', cases: casesOf('softmax', SOFTMAX, kinds) },
    { title: 'Focal (Deformable DETR)', cases: casesOf('focal', FOCAL, kinds) },
  ]
}

function casesOf(classification, shapes, kinds) {
  return kinds.flatMap((kind) =>
    shapes.map((shape) => ({ family: kind, size: sizeOf(shape), make: (seed) => makeInputs({ classification, kind, ...shape, seed }) })),
  )
}

function sizeOf({ images, queries, classes, targets, layers = 1 }) {
  return `${images}×${queries}×${classes}, T ${targets}${layers > 1 ? `, ${layers} layers` : ''}`
}
