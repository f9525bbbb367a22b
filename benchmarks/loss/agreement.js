/** Whether a contender gives the loss, terms, matches and gradients that it should. */

/**
 * Tolerances, by the arithmetic in which a contender sums. `value`: relative. `gradient`: relative to the element or, where
 * that is more, to the largest of its array, at most 1. README.md says why those of float32 are wider.
 */
export const TOLERANCES = {
  float64: { value: 1e-6, gradient: 2e-6 },
  float32: { value: 1e-5, gradient: 2e-5 },
}

/** @typedef {import('./contenders.js').Answer} Answer */

/**
 * What is wrong with an answer; undefined if nothing is. Compared is whatever it has.
 * @param {Answer} got
 * @param {Answer} expected
 * @param {keyof typeof TOLERANCES} precision
 * @returns {string | undefined}
 */
export function findFault(got, expected, precision) {
  const { value, gradient } = TOLERANCES[precision]
  return (
    (expected.loss === undefined
      ? undefined
      : faultyValues('', { loss: got.loss ?? expected.loss }, expected, value)) ??
    firstOf(expected.layers, (terms, layer) =>
      faultyValues(`layer ${layer}, `, got.layers[layer] ?? {}, terms, value),
    ) ??
    faultyMatches(got.matches ?? expected.matches, expected.matches) ??
    (got.costs === undefined ? undefined : faultyArray('costs', got.costs, expected.costs, gradient)) ??
    firstOf(Object.entries(got.gradients ?? {}), ([array, values]) =>
      faultyArray(`gradient of ${array}`, values, expected.gradients[array], gradient),
    )
  )
}

function firstOf(items, find) {
  for (const [i, item] of items.entries()) {
    const fault = find(item, i)
    if (fault !== undefined) return fault
  }
  return undefined
}

function faultyValues(place, got, expected, tolerance) {
  const entries = Object.entries(got)
  if (entries.length === 0) return `${place}without terms`
  return firstOf(entries, ([name, value]) => {
    const isRight = isNear(value, expected[name], tolerance, Math.abs(expected[name]))
    return isRight ? undefined : `${place}${name}: ${value} rather than ${expected[name]}`
  })
}

function faultyMatches(got, expected) {
  return firstOf(expected, (images, layer) =>
    firstOf(images, (queries, image) =>
      String(got[layer]?.[image]) === String(queries) ? undefined : `matches of layer ${layer}, image ${image}`,
    ),
  )
}

function faultyArray(place, got, expected, tolerance) {
  if (got.length !== expected.length) return `${place}: ${got.length} elements rather than ${expected.length}`
  const largest = expected.reduce((most, value) => Math.max(most, Math.abs(value)), 0)
  const floor = Math.min(1, largest)
  for (let i = 0; i < expected.length; i++) {
    if (!isNear(got[i], expected[i], tolerance, Math.max(floor, Math.abs(expected[i])))) {
      return `${place}, element ${i}: ${got[i]} rather than ${expected[i]}`
    }
  }
  return undefined
}

function isNear(got, expected, tolerance, scale) {
  return Math.abs(got - expected) <= tolerance * scale
}
