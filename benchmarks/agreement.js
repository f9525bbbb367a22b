/** Whether contenders agree. What does not give the same answer is not worth timing. */

/** Largest relative difference of losses and terms. */
const VALUE_TOLERANCE = 1e-6
/** Largest difference of a gradient, relative to it or, where that is more, to the largest of its array, at most 1. */
const GRADIENT_TOLERANCE = 2e-6

/**
 * Throws unless all contenders give the loss, terms, matches and gradients of the first.
 * @param {string} where for the message
 * @param {import('./contenders.js').LossContender[]} contenders
 */
export function checkLosses(where, [first, ...others]) {
  const expected = first.result()
  for (const { name, result } of others) {
    const place = `${where}, ${name}`
    const got = result()
    checkValue(`${place}: loss`, got.loss, expected.loss)
    for (const term of ['class', 'l1', 'giou']) checkValue(`${place}: ${term}`, got.terms[term], expected.terms[term])
    checkMatches(place, got.matches, expected.matches)
    if (got.gradients === undefined) continue
    for (const array of ['logits', 'boxes']) {
      checkGradient(`${place}: gradient of ${array}`, got.gradients[array], expected.gradients[array])
    }
  }
}

function checkValue(place, got, expected) {
  if (!(Math.abs(got - expected) <= VALUE_TOLERANCE * Math.abs(expected))) failAt(place, got, expected)
}

function checkMatches(place, got, expected) {
  expected.forEach((images, layer) =>
    images.forEach((queries, image) => {
      const other = got[layer][image]
      if (String(other) !== String(queries)) failAt(`${place}: queries of layer ${layer}, image ${image}`, other, queries)
    }),
  )
}

function checkGradient(place, got, expected) {
  if (got.length !== expected.length) failAt(`${place}, length`, got.length, expected.length)
  const largest = expected.reduce((most, value) => Math.max(most, Math.abs(value)), 0)
  const floor = Math.min(1, largest)
  for (let i = 0; i < expected.length; i++) {
    const tolerance = GRADIENT_TOLERANCE * Math.max(floor, Math.abs(expected[i]))
    if (!(Math.abs(got[i] - expected[i]) <= tolerance)) failAt(`${place}, element ${i}`, got[i], expected[i])
  }
}

function failAt(place, got, expected) {
  throw new Error(`The contenders disagree. ${place}: got ${got}, expected ${expected}.`)
}
