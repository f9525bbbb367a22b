/** What is measured of the loss: inputs of several shapes and kinds. */
import { makeInputs } from '../inputs.js'

/** Images × queries × classes; 0 to 14 targets an image unless it says otherwise. Those of one layer come first. */
const SOFTMAX = [
  { images: 1, queries: 10, classes: 16, targets: 1 }, // tiny: the call costs more than the work
  { images: 2, queries: 100, classes: 92 },
  { images: 16, queries: 100, classes: 92 },
  { images: 64, queries: 100, classes: 92 },
  { images: 16, queries: 300, classes: 92, meanTargets: 20 },
  { images: 8, queries: 300, classes: 92, targets: 100 },
  { images: 2, queries: 100, classes: 92, layers: 6 },
  { images: 16, queries: 100, classes: 92, layers: 6 },
]
const FOCAL = [
  { images: 2, queries: 300, classes: 91 },
  { images: 8, queries: 300, classes: 91 },
  { images: 16, queries: 300, classes: 80 },
  { images: 8, queries: 900, classes: 91, meanTargets: 20 },
  { images: 8, queries: 300, classes: 91, layers: 6 },
]
const QUICK = 3

/** Those that are held against the event loop. */
const ON_LOOP = {
  softmax: [
    { images: 2, queries: 100, classes: 92 },
    { images: 16, queries: 100, classes: 92 },
    { images: 64, queries: 100, classes: 92 },
    { images: 16, queries: 100, classes: 92, layers: 6 },
  ],
  focal: [
    { images: 8, queries: 900, classes: 91, meanTargets: 20 },
    { images: 8, queries: 900, classes: 91, meanTargets: 20, layers: 6 },
  ],
}

/** Classes of the cases whose times are drawn over the number of queries. */
const DRAWN = new Set([92, 91])

/**
 * @typedef {object} Case
 * @property {string} family
 * @property {string} size
 * @property {number} [x] queries of the whole batch, where times are drawn over it
 * @property {Omit<import('../inputs.js').Setting, 'seed'>} setting
 *
 * @typedef {{ title: string, cases: Case[] }} Section
 */

/**
 * @param {{ quick: boolean }} setting
 * @returns {Section[]}
 */
export function lossSections({ quick }) {
  const kinds = quick ? ['trained'] : ['random', 'trained']
  const few = (shapes) => (quick ? shapes.slice(0, QUICK) : shapes)
  return [
    { title: 'Softmax (DETR)', cases: casesOf('softmax', few(SOFTMAX), kinds) },
    { title: 'Focal (Deformable DETR)', cases: casesOf('focal', few(FOCAL), kinds) },
  ]
}

/** @returns {Case[]} */
export function eventLoopCases() {
  return Object.entries(ON_LOOP).flatMap(([classification, shapes]) => casesOf(classification, shapes, ['random']))
}

/**
 * The same inputs for the same seed.
 * @param {Case} of
 * @param {number} seed
 */
export function inputsOf({ setting }, seed) {
  return makeInputs({ ...setting, seed })
}

function casesOf(classification, shapes, kinds) {
  return kinds.flatMap((kind) =>
    shapes.map((shape) => ({
      family: kind,
      size: sizeOf(shape),
      x: queriesOf(shape),
      setting: { classification, kind, ...shape },
    })),
  )
}

function queriesOf({ images, queries, classes, targets, layers = 1 }) {
  return DRAWN.has(classes) && targets === undefined ? layers * images * queries : undefined
}

function sizeOf({ images, queries, classes, targets, meanTargets = 7, layers = 1 }) {
  const count =
    targets === undefined ? `0 to ${2 * meanTargets} targets` : `${targets} target${targets === 1 ? '' : 's'}`
  return `${images}×${queries}×${classes}, ${layers > 1 ? `${layers} layers, ` : ''}${count}`
}
