/** How the cost of the loss grows: each axis swept alone, from one base shape. */
import { makeInputs } from '../inputs.js'

const BASE = { images: 4, queries: 300, classes: 92, targets: 10, layers: 1 }

/**
 * @typedef {'queries' | 'classes' | 'targets' | 'layers' | 'images'} Axis
 * @typedef {object} Sweep
 * @property {Axis} axis
 * @property {number[]} values rising
 * @property {number} expected the exponent that the definition implies where the axis dominates
 */

/** @type {Sweep[]} */
const SWEEPS = [
  { axis: 'queries', values: [100, 200, 500, 1000, 2000, 5000, 10_000], expected: 1 },
  { axis: 'classes', values: [2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000], expected: 1 },
  // a path is searched for each target, past the targets that are matched already
  { axis: 'targets', values: [0, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000], expected: 2 },
  { axis: 'layers', values: [1, 2, 4, 8, 12], expected: 1 },
  { axis: 'images', values: [1, 2, 4, 8, 16, 32, 64, 128, 256], expected: 1 },
]
const QUICK = 3

/**
 * @param {{ quick: boolean }} setting
 * @returns {Sweep[]}
 */
export function sweeps({ quick }) {
  return quick ? SWEEPS.map((sweep) => ({ ...sweep, values: sweep.values.slice(0, QUICK) })) : SWEEPS
}

/**
 * The inputs at one value of an axis.
 * @param {Axis} axis
 * @param {number} value
 * @param {'softmax' | 'focal'} classification
 * @param {number} seed
 */
export function inputsAt(axis, value, classification, seed) {
  return makeInputs({ kind: 'random', classification, seed, ...BASE, [axis]: value })
}

/** What does not change in a sweep. */
export function describeBase(axis) {
  const rest = Object.entries(BASE).filter(([name]) => name !== axis)
  return rest.map(([name, value]) => `${value} ${value === 1 ? name.replace(/s$/, '') : name}`).join(', ')
}
