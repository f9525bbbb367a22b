/** Whether a contender gives the loss, terms, matches and gradients that it should. */

/**
 * Tolerances, by the arithmetic in which a contender sums. `value`: relative. `gradient`: relative to the element or, where
 * that is more, to the largest of its array, at most 1.
 */
const TOLERANCES = { float64: { value: 1e-6, gradient: 2e-6 }, float32: { value: 1e-5, gradient: 2e-5 } }

/** @typedef {import('./contenders.js').Answer} Answer */

/**
 * What is wrong with an answer; undefined if nothing is.
 * @param {Answer} got
 * @param {Answer} expected
 * @param {keyof typeof TOLERANCES} precision
 * @returns {string | undefined}
 */
export function findFault(got, expected, precision) {
  const { value, gradient } = TOLERANCES[precision]
  return (
    faultyValue('loss', got.loss, expected.loss, value) ??
    firstOf(Object.keys(got.terms), (term) => faultyValue(term, got.terms[term], expected.terms[term], value)) ??
    faultyMatches(got.matches, expected.matches) ??
    firstOf(Object.keys(got.gradients ?? {}), (array) =>
      faultyGradient(`gradient of ${array}`, got.gradients[array], expected.gradients[array], gradient),
    )
  )
}

function firstOf(names, find) {
  for (const name of names) {
    const fault = find(name)
    if (fault !== undefined) return fault
  }
  return undefined
}

function faultyValue(place, got, expected, tolerance) {
  const isRight = Math.abs(got - expected) <= tolerance * Math.abs(expected)
  return isRight ? undefined : `${place}: ${got} rather than ${expected}`
}

function faultyMatches(got, expected) {
  if (got === undefined) return undefined
  for (const [layer, images] of expected.entries()) {
    for (const [image, queries] of images.entries()) {
      const other = got[layer]?.[image]
      if (String(other) !== String(queries)) return `matches of layer ${layer}, image ${image}`
    }
  }
  return undefined
}

function faultyGradient(place, got, expected, tolerance) {
  if (got.length !== expected.length) return `${place}: ${got.length} elements rather than ${expected.length}`
  const floor = Math.min(1, expected.reduce((most, value) => Math.max(most, Math.abs(value)), 0))
  for (let i = 0; i < expected.length; i++) {
    const allowed = tolerance * Math.max(floor, Math.abs(expected[i]))
    if (!(Math.abs(got[i] - expected[i]) <= allowed)) return `${place}, element ${i}: ${got[i]} rather than ${expected[i]}`
  }
  return undefined
}
