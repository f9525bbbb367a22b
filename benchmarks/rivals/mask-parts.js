/**
 * Parts of the losses of masks in plain JavaScript: planes read at points and enlarged, with their transposes, and the terms of
 * a pair over samples. All sums are in float64.
 */

/**
 * Where points lie in a plane, for bilinear reading as of torch's `grid_sample` with `align_corners=False`: the four pixels of
 * each point and their weights.
 * @param {ArrayLike<number>} points `[points, 2]`, x and y from 0 to 1
 * @param {[number, number]} size height and width
 * @param {'zeros' | 'border'} outside what lies around the plane
 */
export function bilinearTaps(points, [height, width], outside) {
  const count = points.length / 2
  const pixels = new Int32Array(4 * count)
  const weights = new Float64Array(4 * count)
  const isBorder = outside === 'border'
  for (let k = 0; k < count; k++) {
    let x = points[2 * k] * width - 0.5
    let y = points[2 * k + 1] * height - 0.5
    if (isBorder) {
      x = Math.min(Math.max(x, 0), width - 1)
      y = Math.min(Math.max(y, 0), height - 1)
    }
    const [left, upper] = [Math.floor(x), Math.floor(y)]
    for (let corner = 0; corner < 4; corner++) {
      const [column, row] = [left + (corner & 1), upper + (corner >> 1)]
      if (column < 0 || column >= width || row < 0 || row >= height) continue
      pixels[4 * k + corner] = row * width + column
      weights[4 * k + corner] = (1 - Math.abs(x - column)) * (1 - Math.abs(y - row))
    }
  }
  return { count, pixels, weights }
}

/** Reads a plane that begins at `first`. */
export function readAt({ count, pixels, weights }, planes, first, out, start = 0) {
  for (let k = 0, at = 0; k < count; k++, at += 4) {
    out[start + k] =
      planes[first + pixels[at]] * weights[at] +
      planes[first + pixels[at + 1]] * weights[at + 1] +
      planes[first + pixels[at + 2]] * weights[at + 2] +
      planes[first + pixels[at + 3]] * weights[at + 3]
  }
}

/** Adds to each pixel what the samples took of it. */
export function addAt({ count, pixels, weights }, gradient, plane) {
  for (let k = 0, at = 0; k < count; k++, at += 4) {
    for (let corner = at; corner < at + 4; corner++) plane[pixels[corner]] += gradient[k] * weights[corner]
  }
}

/** The pixels that are nearest to points; half lies at the even one. */
export function nearestPixels(points, [height, width]) {
  const place = (value, size) => {
    const at = Math.min(Math.max(value * size - 0.5, 0), size - 1)
    const low = Math.floor(at)
    return at - low > 0.5 || (at - low === 0.5 && low % 2 === 1) ? low + 1 : low
  }
  const pixels = new Int32Array(points.length / 2)
  for (let k = 0; k < pixels.length; k++) {
    pixels[k] = place(points[2 * k + 1], height) * width + place(points[2 * k], width)
  }
  return pixels
}

/** For each output along an axis the two inputs that it mixes, and the weight of the second. */
function mixAlong(from, to) {
  const [low, high, weight] = [new Int32Array(to), new Int32Array(to), new Float64Array(to)]
  for (let i = 0; i < to; i++) {
    const source = Math.max(0, ((i + 0.5) * from) / to - 0.5)
    low[i] = Math.min(Math.floor(source), from - 1)
    high[i] = Math.min(low[i] + 1, from - 1)
    weight[i] = source - low[i]
  }
  return { low, high, weight }
}

/**
 * Bilinear enlarging from one size to another, as torch's `interpolate` with `align_corners=False`, row by row, and its
 * transpose.
 * @param {[number, number]} from height and width
 * @param {[number, number]} to
 */
export function enlarger([height, width], [outHeight, outWidth]) {
  const rows = mixAlong(height, outHeight)
  const columns = mixAlong(width, outWidth)
  const wide = new Float64Array(width)
  const narrow = new Float64Array(height * outWidth)
  return {
    /** `out`: the whole canvas. */
    forward(planes, first, out) {
      for (let row = 0, at = 0; row < height; row++) {
        const start = first + row * width
        for (let j = 0; j < outWidth; j++, at++) {
          const left = planes[start + columns.low[j]]
          narrow[at] = left + (planes[start + columns.high[j]] - left) * columns.weight[j]
        }
      }
      for (let i = 0, at = 0; i < outHeight; i++) {
        const [upper, lower, weight] = [rows.low[i] * outWidth, rows.high[i] * outWidth, rows.weight[i]]
        for (let j = 0; j < outWidth; j++, at++) {
          const value = narrow[upper + j]
          out[at] = value + (narrow[lower + j] - value) * weight
        }
      }
    },

    /** Overwrites the plane that begins at `first`. */
    backward(canvas, planes, first) {
      narrow.fill(0)
      for (let i = 0, at = 0; i < outHeight; i++) {
        const [upper, lower, weight] = [rows.low[i] * outWidth, rows.high[i] * outWidth, rows.weight[i]]
        for (let j = 0; j < outWidth; j++, at++) {
          const part = canvas[at] * weight
          narrow[upper + j] += canvas[at] - part
          narrow[lower + j] += part
        }
      }
      for (let row = 0, at = 0; row < height; row++) {
        wide.fill(0)
        for (let j = 0; j < outWidth; j++, at++) {
          const part = narrow[at] * columns.weight[j]
          wide[columns.low[j]] += narrow[at] - part
          wide[columns.high[j]] += part
        }
        for (let column = 0; column < width; column++) planes[first + row * width + column] = wide[column]
      }
    },
  }
}

const [ALPHA, SMOOTH] = [0.25, 1]

/**
 * Adds the terms of a pair to `sums`, and replaces the logits of its samples by the gradient: that of bce + dice, or of focal
 * + dice, each times its scale. Focal is that of Lin et al. 2017 with α = 0.25 and γ = 2.
 * @param {Float64Array} logits `[count]`
 * @param {Float64Array} probabilities memory, of that length
 * @param {ArrayLike<number>} labels 0 or 1, from `first` on
 * @param {number} first
 * @param {number} count
 * @param {{ isFocal: boolean, mean: number, dice: number }} scales
 * @param {{ maskMean: number, maskDice: number }} sums
 */
export function addPair(logits, probabilities, labels, first, count, { isFocal, mean, dice }, sums) {
  let [total, overlap, size, area] = [0, 0, 0, 0]
  const scale = mean / count
  for (let k = 0; k < count; k++) {
    const x = logits[k]
    const isSet = labels[first + k] === 1
    const small = Math.exp(x < 0 ? x : -x)
    const per = 1 / (1 + small)
    const p = x < 0 ? small * per : per
    const softplus = (x < 0 ? 0 : x) + Math.log(1 + small)
    const entropy = isSet ? softplus - x : softplus
    const difference = isSet ? p - 1 : p
    probabilities[k] = p
    size += p
    if (isSet) {
      overlap += p
      area++
    }
    if (isFocal) {
      const miss = isSet ? 1 - p : p
      const weight = (isSet ? ALPHA : 1 - ALPHA) * miss
      total += weight * miss * entropy
      logits[k] = scale * weight * (miss * difference + 2 * (isSet ? -1 : 1) * p * (1 - p) * entropy)
    } else {
      total += entropy
      logits[k] = scale * difference
    }
  }
  const [numerator, denominator] = [2 * overlap + SMOOTH, size + area + SMOOTH]
  const [outside, inside] = [numerator, numerator - 2 * denominator].map((slope) => (dice * slope) / denominator ** 2)
  for (let k = 0; k < count; k++) {
    const p = probabilities[k]
    logits[k] += (labels[first + k] === 1 ? inside : outside) * p * (1 - p)
  }
  sums.maskMean += total / count
  sums.maskDice += 1 - numerator / denominator
}

/**
 * Adds the cost of a query's samples to that of all targets: mean · cross-entropy + dice · dice.
 * @param {Float64Array} logits `[count]`
 * @param {Float64Array} probabilities memory, of that length
 * @param {SparseLabels[]} targets
 * @param {{ mean: number, dice: number }} weights
 * @param {Float64Array} cost that of target t at `at + t * stride`
 * @returns {number[]} the sums of both terms over the targets
 */
export function addMaskCost(logits, probabilities, targets, { mean, dice }, cost, at, stride) {
  const count = logits.length
  let [softplus, size] = [0, 0]
  for (let k = 0; k < count; k++) {
    const x = logits[k]
    const small = Math.exp(x < 0 ? x : -x)
    const per = 1 / (1 + small)
    const p = x < 0 ? small * per : per
    probabilities[k] = p
    size += p
    softplus += (x < 0 ? 0 : x) + Math.log(1 + small)
  }
  const sums = [0, 0]
  for (const { places, values, area } of targets) {
    let [product, overlap] = [0, 0]
    for (let i = 0; i < places.length; i++) {
      const place = places[i]
      product += logits[place] * values[i]
      overlap += probabilities[place] * values[i]
    }
    const entropy = (softplus - product) / count
    const missed = 1 - (2 * overlap + SMOOTH) / (size + area + SMOOTH)
    cost[at] += mean * entropy + dice * missed
    sums[0] += entropy
    sums[1] += missed
    at += stride
  }
  return sums
}

/** @typedef {{ places: Int32Array, values: Float64Array, area: number }} SparseLabels the labels that are not 0, and their sum */

/**
 * Most labels are 0, and add nothing to products.
 * @param {ArrayLike<number>} labels
 * @returns {SparseLabels}
 */
export function sparse(labels) {
  const [places, values] = [[], []]
  let area = 0
  for (let k = 0; k < labels.length; k++) {
    if (labels[k] === 0) continue
    places.push(k)
    values.push(labels[k])
    area += labels[k]
  }
  return { places: Int32Array.from(places), values: Float64Array.from(values), area }
}

/** The places of the `count` logits of least magnitude, ascending; of equal ones the first. */
export function leastCertain(logits, length, count) {
  const magnitudes = new Float64Array(length)
  for (let k = 0; k < length; k++) magnitudes[k] = Math.abs(logits[k])
  const threshold = magnitudes.toSorted()[count - 1]
  let ties = count
  for (let k = 0; k < length; k++) if (magnitudes[k] < threshold) ties--
  const chosen = new Int32Array(count)
  for (let k = 0, next = 0; next < count; k++) {
    if (magnitudes[k] < threshold || (magnitudes[k] === threshold && ties-- > 0)) chosen[next++] = k
  }
  return chosen
}
