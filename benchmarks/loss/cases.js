/** What is measured of the loss: inputs of several shapes and kinds. */
import { makeInputs } from '../inputs.js'

/** Images × queries × classes; 0 to 14 targets an image unless it says otherwise. Those of one layer come first. */
const SHAPES = {
  softmax: [
    { images: 1, queries: 10, classes: 16, targets: 1 }, // tiny: the call costs more than the work
    { images: 2, queries: 100, classes: 92 },
    { images: 16, queries: 100, classes: 92 },
    { images: 64, queries: 100, classes: 92 },
    { images: 16, queries: 300, classes: 92, meanTargets: 20 },
    { images: 8, queries: 300, classes: 92, targets: 100 },
    { images: 2, queries: 100, classes: 92, layers: 6 },
    { images: 16, queries: 100, classes: 92, layers: 6 },
  ],
  focal: [
    { images: 2, queries: 300, classes: 91 },
    { images: 8, queries: 300, classes: 91 },
    { images: 16, queries: 300, classes: 80 },
    { images: 8, queries: 900, classes: 91, meanTargets: 20 },
    { images: 8, queries: 300, classes: 91, layers: 6 },
  ],
}

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

/** How many of these shapes a quick run takes, the first ones. */
const QUICK = { shapes: 3, onLoop: 1 }

const TITLES = { softmax: 'Softmax (DETR)', focal: 'Focal (Deformable DETR)' }

/** Classes of the cases whose times are drawn over the number of queries. */
const DRAWN = new Set([92, 91])

/**
 * @typedef {object} Case
 * @property {string} family
 * @property {string} size
 * @property {number} [x] queries of the whole batch, where times are drawn over it
 * @property {Omit<import('../inputs.js').Setting, 'seed'>} setting
 *
 * @typedef {{ title: string, kind: 'softmax' | 'focal', cases: Case[] }} Section
 */

/**
 * @typedef {object} Choice
 * @property {boolean} quick few shapes, of trained predictions alone
 * @property {'softmax' | 'focal'} [kind] both unless given
 * @property {import('./shape.js').Shape} [shape] the only one
 */

/**
 * @param {Choice} choice
 * @returns {Section[]}
 */
export function lossSections({ quick, kind, shape }) {
  const predictions = quick ? ['trained'] : ['random', 'trained']
  return kindsOf(kind).map((classification) => ({
    title: TITLES[classification],
    kind: classification,
    cases: casesOf(classification, chosen(SHAPES[classification], shape, quick && QUICK.shapes), predictions),
  }))
}

/**
 * @param {Choice} choice
 * @returns {Case[]}
 */
export function eventLoopCases({ quick, kind, shape }) {
  return kindsOf(kind).flatMap((classification) =>
    casesOf(classification, chosen(ON_LOOP[classification], shape, quick && QUICK.onLoop), ['random']),
  )
}

function kindsOf(kind) {
  return kind === undefined ? ['softmax', 'focal'] : [kind]
}

function chosen(shapes, shape, count) {
  return shape === undefined ? shapes.slice(0, count || undefined) : [shape]
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
