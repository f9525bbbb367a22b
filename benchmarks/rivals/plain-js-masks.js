/**
 * The matching of Mask2Former, and the losses of DETR's and RF-DETR's masks with their gradients, in plain JavaScript, as a
 * careful author would write them: typed arrays, image by image and query by query, so that what one stage writes is still in the
 * cache for the next; in products with labels those that are 0, which are most, are left out.
 *
 * Definitions are those of `HungarianLoss.mask2Former`, `detrMasks` and `rfDetrSeg`. Only the checks of the input are missing.
 */
import { iou } from './boxes.js'
import { iaBceTerm, softmaxTerm } from './class-terms.js'
import {
  addAt,
  addMaskCost,
  addPair,
  bilinearTaps,
  enlarger,
  leastCertain,
  nearestPixels,
  readAt,
  sparse,
} from './mask-parts.js'
import { addBoxCost, addBoxes } from './plain-js-loss.js'

/** In the loss of boxes. */
const [L1, GIOU] = [5, 2]

/**
 * `classCost`: what the class term's own cost is multiplied by. `cost` and `loss`: weights of the masks' terms, of which `mean`
 * is that of cross-entropy or of focal.
 */
const CRITERIA = {
  mask2Former: { classTerm: softmaxTerm, classCost: 2, cost: { mean: 5, dice: 5 }, outside: 'zeros' },
  detrMasks: { classTerm: softmaxTerm, classCost: 1, loss: { isFocal: true, mean: 1, dice: 1 } },
  rfDetrSeg: {
    classTerm: iaBceTerm,
    classCost: 1,
    cost: { mean: 5, dice: 5 },
    loss: { isFocal: false, mean: 5, dice: 5 },
    outside: 'border',
  },
}

/**
 * @typedef {object} Observer is told of what is compared
 * @property {(samples: { points: number, logits: Float32Array, labels: Float32Array, sum: number[] }) => void} cost of an
 *   image: the logits of all queries and the labels of all targets at the points, and the sums of cross-entropy and of dice
 * @property {(samples: { layer: number, logits: Float32Array, labels: Uint8Array }) => void} pair of each pair
 */

/**
 * @param {import('../masks/inputs.js').Inputs} inputs
 * @param {import('./solvers.js').Solver} solve
 * @returns {{ match: (observer?: Observer) => MaskMatching, compute: (observer?: Observer) => import('../loss/contenders.js').Answer }}
 * @typedef {{ matches: Int32Array[][], costs: Float32Array }} MaskMatching for each layer and image the query of each target;
 *   the costs of each, `[targets, queries]`
 */
export function createPlainMasks(inputs, solve) {
  const { criterion, layers, images, queries, classes, plane, canvas, channels, outputs, targets, counts } = inputs
  const rules = CRITERIA[criterion]
  const classTerm = rules.classTerm()
  const data = Object.fromEntries(Object.entries(outputs).map(([name, tensor]) => [name, tensor.data]))
  const { logits, boxes, masks, maskFeatures, maskQueries, maskBias, maskCostPoints, maskLossPoints } = data
  const area = plane[0] * plane[1]
  const canvasArea = canvas[0] * canvas[1]
  const total = targets.reduce((sum, { labels }) => sum + labels.length, 0)
  const most = targets.reduce((count, { labels }) => Math.max(count, labels.length), 0)
  const numBoxes = Math.max(1, total)
  const divisor = classTerm.divisor({ queries: images * queries, matched: total, targets: total })
  const classScale = classTerm.lossWeight / divisor

  const gradients = { logits: new Float32Array(logits.length) }
  for (const name of ['boxes', 'masks', 'maskFeatures', 'maskQueries', 'maskBias']) {
    if (data[name] !== undefined && rules.loss !== undefined) gradients[name] = new Float32Array(data[name].length)
  }
  const cost = new Float64Array(most * queries)
  const targetOfQuery = new Int32Array(queries)
  const costPoints = outputs.maskCostPoints?.shape.at(-2) ?? 0
  const setsOfPoints = outputs.maskCostPoints?.shape.length === 4 ? images : 1
  const samples =
    rules.loss === undefined
      ? 0
      : Math.max(counts.drawn, counts.kept + counts.fresh, counts.drawn === 0 ? canvasArea : 0)
  const [ofPair, ofProbability] = [new Float64Array(samples), new Float64Array(samples)]
  const [ofQuery, probabilities] = [new Float64Array(costPoints), new Float64Array(costPoints)]
  const sampledFeatures = new Float32Array((channels ?? 0) * costPoints)
  const [product, byPlane] = [new Float64Array(area), new Float64Array(area)]
  const resize = criterion === 'detrMasks' ? enlarger(plane, canvas) : undefined

  return { match, compute }

  function match(observer) {
    const costs = new Float32Array(layers * total * queries)
    let at = 0
    const matches = Array.from({ length: layers }, (_, layer) =>
      targets.map((target, image) => {
        fillCost(layer, image, target, observer)
        costs.set(cost.subarray(0, target.labels.length * queries), at)
        at += target.labels.length * queries
        return solve(cost, target.labels.length, queries)
      }),
    )
    return { matches, costs }
  }

  function compute(observer) {
    for (const name of ['boxes', 'masks', 'maskFeatures', 'maskQueries', 'maskBias']) gradients[name]?.fill(0)
    const answer = { loss: 0, layers: [], matches: [], gradients }
    for (let layer = 0; layer < layers; layer++) {
      const sums = { class: 0, l1: 0, giou: 0, maskMean: 0, maskDice: 0, bias: 0 }
      let firstPair = layer * total
      answer.matches.push(
        targets.map((target, image) => {
          fillCost(layer, image, target, observer)
          const queryOfTarget = solve(cost, target.labels.length, queries)
          targetOfQuery.fill(-1)
          queryOfTarget.forEach((query, t) => (targetOfQuery[query] = t))
          addClassAndBoxes(layer, image, target, queryOfTarget, sums)
          for (let query = 0; query < queries; query++) {
            if (targetOfQuery[query] < 0) continue
            addMasks(layer, image, query, target.masks, targetOfQuery[query], firstPair++, sums, observer)
          }
          return queryOfTarget
        }),
      )
      if (maskBias !== undefined) gradients.maskBias[layer] = sums.bias
      const { isFocal, mean, dice } = rules.loss
      const terms = {
        class: sums.class / divisor,
        l1: sums.l1 / numBoxes,
        giou: sums.giou / numBoxes,
        [isFocal ? 'maskFocal' : 'maskBce']: sums.maskMean / numBoxes,
        maskDice: sums.maskDice / numBoxes,
      }
      answer.loss += classTerm.lossWeight * terms.class + L1 * terms.l1 + GIOU * terms.giou
      answer.loss += (mean * sums.maskMean + dice * sums.maskDice) / numBoxes
      answer.layers.push(terms)
    }
    return answer
  }

  /** The cost of an image, `cost[target * queries + query]`. */
  function fillCost(layer, image, target, observer) {
    const firstQuery = (layer * images + image) * queries
    const firstLogit = firstQuery * classes
    classTerm.read(logits, gradients.logits, firstLogit, queries, classes, classScale)
    target.labels.forEach((label, t) =>
      classTerm.fillCost(logits, gradients.logits, firstLogit, queries, classes, label, cost, t * queries),
    )
    if (rules.classCost !== 1) for (let i = 0; i < target.labels.length * queries; i++) cost[i] *= rules.classCost
    if (boxes !== undefined) addBoxCost(boxes, 4 * firstQuery, queries, target.boxes, target.labels.length, cost)
    if (rules.cost !== undefined) addCostOfMasks(layer, image, target.masks, observer)
  }

  function addCostOfMasks(layer, image, { data: planes, shape: [count] }, observer) {
    const set = setsOfPoints === 1 ? layer : layer * images + image
    const points = maskCostPoints.subarray(2 * set * costPoints, 2 * (set + 1) * costPoints)
    const labels = new Float32Array(count * costPoints)
    if (rules.outside === 'border') {
      const pixels = nearestPixels(points, canvas)
      for (let t = 0, at = 0; t < count; t++) {
        for (let k = 0; k < costPoints; k++, at++) labels[at] = planes[t * canvasArea + pixels[k]]
      }
    } else {
      const taps = bilinearTaps(points, canvas, 'zeros')
      for (let t = 0; t < count; t++) readAt(taps, planes, t * canvasArea, labels, t * costPoints)
    }
    const wanted = Array.from({ length: count }, (_, t) =>
      sparse(labels.subarray(t * costPoints, (t + 1) * costPoints)),
    )
    const taps = bilinearTaps(points, plane, rules.outside)
    const firstQuery = (layer * images + image) * queries
    if (maskFeatures !== undefined) {
      const first = (layer * images + image) * channels * area
      for (let c = 0; c < channels; c++) readAt(taps, maskFeatures, first + c * area, sampledFeatures, c * costPoints)
    }
    const sum = [0, 0]
    const seen = observer && new Float32Array(queries * costPoints)
    for (let query = 0; query < queries; query++) {
      if (maskFeatures === undefined) readAt(taps, masks, (firstQuery + query) * area, ofQuery)
      else multiply(sampledFeatures, 0, costPoints, (firstQuery + query) * channels, maskBias[layer], ofQuery)
      seen?.set(ofQuery, query * costPoints)
      const [entropy, dice] = addMaskCost(ofQuery, probabilities, wanted, rules.cost, cost, query, queries)
      sum[0] += entropy
      sum[1] += dice
    }
    observer?.cost({ points: costPoints, logits: seen, labels, sum })
  }

  /** ⟨query, features⟩ + bias; four channels at a time, so that `out` is read and written less often. */
  function multiply(features, first, width, row, bias, out) {
    out.fill(bias, 0, width)
    let c = 0
    for (; c + 4 <= channels; c += 4) {
      const at = row + c
      const [a, b] = [maskQueries[at], maskQueries[at + 1]]
      const [d, e] = [maskQueries[at + 2], maskQueries[at + 3]]
      const start = first + c * width
      for (let i = start, k = 0; k < width; i++, k++) {
        out[k] += a * features[i] + b * features[i + width] + d * features[i + 2 * width] + e * features[i + 3 * width]
      }
    }
    for (; c < channels; c++) {
      const value = maskQueries[row + c]
      for (let i = first + c * width, k = 0; k < width; i++, k++) out[k] += value * features[i]
    }
  }

  function addClassAndBoxes(layer, image, target, queryOfTarget, sums) {
    const firstQuery = (layer * images + image) * queries
    const overlaps = Float64Array.from(queryOfTarget, (query, t) =>
      boxes === undefined ? 0 : iou(boxes, 4 * (firstQuery + query), target.boxes, 4 * t),
    )
    sums.class += classTerm.add(
      logits,
      gradients.logits,
      firstQuery * classes,
      queries,
      classes,
      targetOfQuery,
      target.labels,
      classScale,
      overlaps,
    )
    addBoxes(boxes, gradients.boxes, 4 * firstQuery, queryOfTarget, target.boxes, numBoxes, sums)
  }

  function addMasks(layer, image, query, wanted, target, pair, sums, observer) {
    const scales = { ...rules.loss, mean: rules.loss.mean / numBoxes, dice: rules.loss.dice / numBoxes }
    const ofImage = layer * images + image
    const row = ofImage * queries + query
    if (resize !== undefined) {
      resize.forward(masks, row * area, ofPair)
      const first = target * canvasArea
      observer?.pair({
        layer,
        logits: Float32Array.from(ofPair),
        labels: wanted.data.subarray(first, first + canvasArea),
      })
      addPair(ofPair, ofProbability, wanted.data, first, canvasArea, scales, sums)
      resize.backward(ofPair, gradients.masks, row * area)
      return
    }
    multiply(maskFeatures, ofImage * channels * area, area, row * channels, 0, product)
    const points = choosePoints(pair, maskBias[layer])
    const taps = bilinearTaps(points, plane, 'border')
    readAt(taps, product, 0, ofPair)
    for (let k = 0; k < taps.count; k++) ofPair[k] += maskBias[layer]
    const labels = nearestPixels(points, canvas).map((pixel) => wanted.data[target * canvasArea + pixel])
    observer?.pair({
      layer,
      logits: Float32Array.from(ofPair.subarray(0, taps.count)),
      labels: Uint8Array.from(labels),
    })
    addPair(ofPair, ofProbability, labels, 0, taps.count, scales, sums)
    for (let k = 0; k < taps.count; k++) sums.bias += ofPair[k]
    byPlane.fill(0)
    addAt(taps, ofPair, byPlane)
    addFactors(ofImage * channels * area, row * channels)
  }

  /** The points of a pair: of the candidates the least certain ones, then the others. */
  function choosePoints(pair, bias) {
    const { drawn, kept, fresh } = counts
    const given = maskLossPoints.subarray(2 * pair * (drawn + fresh), 2 * (pair + 1) * (drawn + fresh))
    const candidates = given.subarray(0, 2 * drawn)
    readAt(bilinearTaps(candidates, plane, 'border'), product, 0, ofPair)
    for (let k = 0; k < drawn; k++) ofPair[k] += bias
    const points = new Float32Array(2 * (kept + fresh))
    leastCertain(ofPair, drawn, kept).forEach((place, k) => {
      points[2 * k] = candidates[2 * place]
      points[2 * k + 1] = candidates[2 * place + 1]
    })
    points.set(given.subarray(2 * drawn), 2 * kept)
    return points
  }

  /** The gradients by features and query, from that by the plane. */
  function addFactors(first, row) {
    for (let c = 0, at = first; c < channels; c++) {
      const factor = maskQueries[row + c]
      let sum = 0
      for (let i = 0; i < area; i++, at++) {
        sum += maskFeatures[at] * byPlane[i]
        gradients.maskFeatures[at] += factor * byPlane[i]
      }
      gradients.maskQueries[row + c] = sum
    }
  }
}
