/** A digest of everything that a result says, bit by bit. */
import { createHash } from 'node:crypto'

/** The parts of a step beside the decoder. */
const PARTS = ['encoder', 'denoising', 'oneToMany']
const FIELDS = ['logits', 'boxes', 'corners']
/** Of families that came later: what a batch lacks is not digested. New ones go to the end. */
const LATER_FIELDS = ['spans', 'points', 'masks', 'maskFeatures', 'maskQueries', 'maskBias', 'presence']

/** NaN as x64 makes it. Processors differ in the sign of 0 / 0, and JavaScript cannot tell. */
const NOT_A_NUMBER = 0xfff8_0000_0000_0000n

class Digest {
  #hash = createHash('sha256')

  /** Numbers, each with all its bits; NaN is one number. */
  numbers(...values) {
    const numbers = Float64Array.from(values, (value) => value ?? -0.125)
    const bits = new BigUint64Array(numbers.buffer)
    numbers.forEach((value, i) => {
      if (Number.isNaN(value)) bits[i] = NOT_A_NUMBER
    })
    this.#hash.update(numbers)
    return this
  }

  array(values) {
    if (values === undefined) return this.numbers(-1)
    this.numbers(values.length)
    this.#hash.update(new Uint8Array(values.buffer, values.byteOffset, values.byteLength))
    return this
  }

  text(value) {
    this.#hash.update(`${value}\n`)
    return this
  }

  end() {
    return this.#hash.digest('hex').slice(0, 16)
  }
}

/** @param {import('../../src/index.ts').LossResult} result */
export function digestOfLoss(result) {
  const digest = new Digest().numbers(result.loss)
  addParts(result, (part) => part.layers.forEach((layer) => addLayer(digest, layer)))
  addCounts(digest, result)
  if (result.gradients === undefined) return digest.end()
  addParts(result.gradients, (part) =>
    [part, ...(part.auxiliary ?? [])].forEach((layer) => {
      for (const field of [...FIELDS, ...LATER_FIELDS.filter((later) => layer[later])]) digest.array(layer[field])
    }),
  )
  return digest.end()
}

/** @param {import('../../src/index.ts').MatchResult} result */
export function digestOfMatching(result) {
  const digest = new Digest()
  addParts(result, (part) =>
    part.layers.forEach(({ matches, classNormalizer }) => {
      digest.numbers(classNormalizer)
      addMatches(digest, matches)
    }),
  )
  addCounts(digest, result)
  return digest.end()
}

/** @param {import('../../src/index.ts').CostResult} result */
export function digestOfCosts(result) {
  const digest = new Digest()
  addParts(result, (part) => part.layers.forEach(({ images }) => images.forEach(({ data }) => digest.array(data))))
  return digest.end()
}

/** @param {import('../../src/index.ts').Assignment} assignment */
export function digestOfAssignment(assignment) {
  const { rowIndices, columnIndices, total, rowDuals, columnDuals, unassignedRows, unassignedColumns } = assignment
  const digest = new Digest().numbers(total)
  const arrays = [rowIndices, columnIndices, rowDuals, columnDuals, unassignedRows, unassignedColumns]
  for (const array of arrays) digest.array(array)
  return digest.end()
}

/** @param {import('../../src/evaluate.ts').EvaluationResult} result */
export function digestOfEvaluation(result) {
  const digest = new Digest()
  for (const { data, shape } of [result.precision, result.scores, result.recall]) digest.numbers(...shape).array(data)
  for (const { perClass: _, areas, ...metrics } of [result, ...result.perClass]) {
    digest.numbers(...Object.values(metrics).filter((value) => typeof value === 'number'))
    for (const { ap, ap50, ap75, ar, targets } of Object.values(areas)) digest.numbers(ap, ap50, ap75, ...ar, targets)
  }
  return digest.end()
}

/** @param {{ code: string, message: string }} error */
export const digestOfError = ({ code, message }) => new Digest().text(code).text(message).end()

/** The decoder and every further part that there is. */
function addParts(whole, add) {
  add(whole)
  for (const name of PARTS) if (whole[name] !== undefined) add(whole[name])
}

function addLayer(digest, { terms, metrics, classNormalizer, matches }) {
  for (const [name, value] of Object.entries(terms)) digest.text(name).numbers(value)
  digest.numbers(metrics.classError, metrics.cardinalityError, classNormalizer)
  addMatches(digest, matches)
}

function addMatches(digest, matches) {
  for (const { queryIndices, targetIndices, unmatchedTargets, ignoredQueries } of matches) {
    for (const array of [queryIndices, targetIndices, unmatchedTargets, ignoredQueries]) digest.array(array)
  }
}

function addCounts(digest, { normalizers: { numBoxes, classNormalizer, unionBoxes, numPairs }, nonFinite }) {
  digest.numbers(numBoxes, classNormalizer, unionBoxes)
  digest.numbers(...['logits', 'boxes', 'corners', 'references', 'costs'].map((field) => nonFinite[field]))
  const [first, ...others] = LATER_FIELDS
  if (numPairs > 0 || nonFinite[first] > 0) digest.numbers(numPairs, nonFinite[first])
  for (const field of others) if (nonFinite[field] > 0) digest.text(field).numbers(nonFinite[field])
}
