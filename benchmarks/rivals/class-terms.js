/**
 * The class terms of the plain-JavaScript loss: its value, its gradient and its share of the matching cost, one image at
 * a time. All offsets count elements; `first` is where the image's logits begin.
 *
 * @typedef {object} ClassTerm
 * @property {number} lossWeight
 * @property {(counts: { queries: number, matched: number, targets: number }) => number} divisor of a layer's sum, from
 *   the numbers of the whole batch
 * @property {(logits: Float32Array, gradient: Float32Array, first: number, queries: number, classes: number,
 *   scale: number) => void} read the image's costly part, once; may leave in `gradient` what `add` needs
 * @property {(logits: Float32Array, gradient: Float32Array, first: number, queries: number, classes: number,
 *   label: number, cost: Float64Array, at: number) => void} fillCost weighted cost of one label, for every query
 * @property {(logits: Float32Array, gradient: Float32Array, first: number, queries: number, classes: number,
 *   targetOfQuery: Int32Array, labels: ArrayLike<number>, scale: number, overlaps?: Float64Array) => number} add the
 *   image's sum; finishes `gradient`, the derivative of the sum times `scale`; `overlaps` are the IoUs of the targets with
 *   their queries, for a term that needs them
 */

const NO_OBJECT_WEIGHT = 0.1
const ALPHA = 0.25

/**
 * DETR: cross-entropy weighted by 1 for objects and 0.1 for no-object, the last class; cost −probability.
 * @returns {ClassTerm}
 */
export function softmaxTerm() {
  /** Of one image, for each query: 1 / Σ exp(logit − max), then log Σ exp(logit). */
  let perSum = new Float64Array(0)
  let logSum = new Float64Array(0)

  return {
    lossWeight: 1,
    divisor: ({ queries, matched }) => matched + NO_OBJECT_WEIGHT * (queries - matched),

    /** exp(logit − max) goes to `gradient`. */
    read(logits, gradient, first, queries, classes) {
      if (perSum.length < queries) [perSum, logSum] = [new Float64Array(queries), new Float64Array(queries)]
      for (let query = 0, start = first; query < queries; query++, start += classes) {
        const end = start + classes
        let max = -Infinity
        for (let i = start; i < end; i++) if (logits[i] > max) max = logits[i]
        let sum = 0
        for (let i = start; i < end; i++) {
          const exponential = Math.exp(logits[i] - max)
          gradient[i] = exponential
          sum += exponential
        }
        perSum[query] = 1 / sum
        logSum[query] = max + Math.log(sum)
      }
    },

    fillCost(_, gradient, first, queries, classes, label, cost, at) {
      let i = first + label
      for (let query = 0; query < queries; query++, i += classes) cost[at + query] = -gradient[i] * perSum[query]
    },

    add(logits, gradient, first, queries, classes, targetOfQuery, labels, scale) {
      let sum = 0
      for (let query = 0, start = first; query < queries; query++, start += classes) {
        const target = targetOfQuery[query]
        const label = target < 0 ? classes - 1 : labels[target]
        const weight = target < 0 ? NO_OBJECT_WEIGHT : 1
        sum += weight * (logSum[query] - logits[start + label])
        const factor = scale * weight * perSum[query]
        const atLabel = gradient[start + label] * factor - scale * weight
        for (let i = start, end = start + classes; i < end; i++) gradient[i] *= factor
        gradient[start + label] = atLabel
      }
      return sum
    },
  }
}

/**
 * Deformable DETR: sigmoid focal loss with α = 0.25 and γ = 2, summed over all queries and classes and divided by the
 * number of targets; cost in the same form, with 1e-8 in its logarithms. Source: Lin et al. 2017, "Focal Loss for Dense
 * Object Detection"; fundamentalvision/Deformable-DETR, `models/matcher.py`.
 * @returns {ClassTerm}
 */
export function focalTerm() {
  let background = 0
  return {
    lossWeight: 2,
    divisor: ({ targets }) => Math.max(1, targets),

    /** Every cell as background: its derivative goes to `gradient`. */
    read(logits, gradient, first, queries, classes, scale) {
      let sum = 0
      for (let i = first, end = first + queries * classes; i < end; i++) {
        const x = logits[i]
        const small = Math.exp(x < 0 ? x : -x)
        const per = 1 / (1 + small)
        const [p, q] = x < 0 ? [small * per, per] : [per, small * per]
        const softplus = (x < 0 ? 0 : x) + Math.log(1 + small)
        const weight = (1 - ALPHA) * p * p
        sum += weight * softplus
        gradient[i] = scale * weight * (p + 2 * q * softplus)
      }
      background = sum
    },

    fillCost(logits, _, first, queries, classes, label, cost, at) {
      let i = first + label
      for (let query = 0; query < queries; query++, i += classes) {
        const p = 1 / (1 + Math.exp(-logits[i]))
        const negative = (1 - ALPHA) * p * p * -Math.log(1 - p + 1e-8)
        const positive = ALPHA * (1 - p) * (1 - p) * -Math.log(p + 1e-8)
        cost[at + query] = 2 * (positive - negative)
      }
    },

    add(logits, gradient, first, queries, classes, targetOfQuery, labels, scale) {
      let sum = background
      for (let query = 0; query < queries; query++) {
        if (targetOfQuery[query] < 0) continue
        const i = first + query * classes + labels[targetOfQuery[query]]
        const p = 1 / (1 + Math.exp(-logits[i]))
        const softplus = Math.log1p(Math.exp(-Math.abs(logits[i]))) + Math.max(0, logits[i]) // −ln(1 − p)
        const positive = softplus - logits[i] // −ln p
        const weight = ALPHA * (1 - p) * (1 - p)
        sum += weight * positive - (1 - ALPHA) * p * p * softplus
        gradient[i] = -scale * weight * (1 - p + 2 * p * positive)
      }
      return sum
    },
  }
}

/**
 * RF-DETR: as focal, but of unequal weight and with soft labels. A matched cell has the label t = p^0.25 · IoU^0.75, at least
 * 0.01, through which no gradient passes; all others are weighted with p². Source: roboflow/rf-detr, `models/criterion.py`.
 * @returns {ClassTerm}
 */
export function iaBceTerm() {
  let background = 0
  return {
    lossWeight: 1,
    divisor: ({ targets }) => Math.max(1, targets),

    read(logits, gradient, first, queries, classes, scale) {
      let sum = 0
      for (let i = first, end = first + queries * classes; i < end; i++) {
        const x = logits[i]
        const small = Math.exp(x < 0 ? x : -x)
        const per = 1 / (1 + small)
        const [p, q] = x < 0 ? [small * per, per] : [per, small * per]
        const softplus = (x < 0 ? 0 : x) + Math.log(1 + small)
        sum += p * p * softplus
        gradient[i] = scale * p * p * (p + 2 * q * softplus)
      }
      background = sum
    },

    fillCost(logits, _, first, queries, classes, label, cost, at) {
      let i = first + label
      for (let query = 0; query < queries; query++, i += classes) {
        const p = 1 / (1 + Math.exp(-logits[i]))
        const softplus = Math.log1p(Math.exp(-Math.abs(logits[i]))) + Math.max(0, logits[i])
        cost[at + query] = 2 * (ALPHA * (1 - p) * (1 - p) * (softplus - logits[i]) - (1 - ALPHA) * p * p * softplus)
      }
    },

    add(logits, gradient, first, queries, classes, targetOfQuery, labels, scale, overlaps) {
      let sum = background
      for (let query = 0; query < queries; query++) {
        const target = targetOfQuery[query]
        if (target < 0) continue
        const i = first + query * classes + labels[target]
        const p = 1 / (1 + Math.exp(-logits[i]))
        const softplus = Math.log1p(Math.exp(-Math.abs(logits[i]))) + Math.max(0, logits[i])
        const wanted = Math.max(0.01, p ** 0.25 * overlaps[target] ** 0.75)
        sum += softplus - wanted * logits[i] - p * p * softplus
        gradient[i] = scale * (p - wanted)
      }
      return sum
    },
  }
}
