/**
 * Operations on rows, each with its gradient. The WebAssembly backend is made for inference: it multiplies two matrices
 * fast, but transposed ones slowly, and gradients composed of its operations take many passes over the data. So matrix
 * products are left to the backend, and what lies between them is done here, in one pass.
 */
import * as tf from '@tensorflow/tfjs-core'
import { empty, transpose, view } from './heap.js'

/**
 * `x · weights + bias`, then a rectifier if asked.
 * x `[rows, inputs]`, weights `[inputs, outputs]`, bias `[outputs]` → `[rows, outputs]`
 */
export function affine(x, weights, bias, activation = 'linear') {
  return tf.customGrad((x, weights, bias, save) => {
    const value = tf.fused.matMul({ a: x, b: weights, bias, activation })
    save([x, weights, value])
    const gradFunc = (dy, [x, weights, y]) => {
      const dz = activation === 'relu' ? rectifierGradient(dy, y) : dy
      return [tf.matMul(dz, transpose(weights)), tf.matMul(transpose(x), dz), columnSums(dz, bias.shape)]
    }
    return { value, gradFunc }
  })(x, weights, bias)
}

/** The gradient before a rectifier whose output was `y`. */
export function rectifierGradient(dy, y) {
  const result = empty(dy.shape)
  const dx = view(result)
  const [dyValues, yValues] = [view(dy), view(y)]
  for (let i = 0; i < dx.length; i++) dx[i] = yValues[i] > 0 ? dyValues[i] : 0
  return result
}

/** The sum of each column of `x`, taken as a matrix whose rows have the given shape. */
export function columnSums(x, shape) {
  const result = tf.zeros(shape)
  const sums = view(result)
  const values = view(x)
  const columns = sums.length
  for (let start = 0; start < values.length; start += columns) {
    for (let column = 0; column < columns; column++) sums[column] += values[start + column]
  }
  return result
}

/** Stacks `copies` copies of a matrix: `[rows, width]` → `[copies * rows, width]`. */
export function repeat(x, copies) {
  return tf.customGrad((x) => ({ value: tf.tile(x, [copies, 1]), gradFunc: (dy) => columnSums(dy, x.shape) }))(x)
}

/** Some rows of a matrix, each as often as it is asked for: `[rows, width]` → `[indices.length, width]` */
export function takeRows(x, indices) {
  return tf.customGrad((x) => {
    const width = x.shape[1]
    const value = empty([indices.length, width])
    const [from, to] = [x, value].map(view)
    indices.forEach((row, i) => to.set(from.subarray(row * width, (row + 1) * width), i * width))
    const gradFunc = (dy) => {
      const dx = tf.zeros(x.shape)
      const [from, to] = [dy, dx].map(view)
      indices.forEach((row, i) => {
        for (let column = 0; column < width; column++) to[row * width + column] += from[i * width + column]
      })
      return dx
    }
    return { value, gradFunc }
  })(x)
}

/** Each row to mean 0 and deviation 1, then a scale and a shift of each column. x `[rows, width]` → the same */
export const normalize = tf.customGrad((x, scale, shift, save) => {
  const [rows, width] = x.shape
  const value = empty(x.shape)
  const normal = empty(x.shape)
  const inverses = empty([rows])
  const [xs, ys, normals, inverseDeviations] = [x, value, normal, inverses].map(view)
  const [scales, shifts] = [view(scale), view(shift)]
  for (let row = 0; row < rows; row++) {
    const start = row * width
    let sum = 0
    for (let i = start; i < start + width; i++) sum += xs[i]
    const mean = sum / width
    let squares = 0
    for (let i = start; i < start + width; i++) squares += (xs[i] - mean) ** 2
    const inverse = 1 / Math.sqrt(squares / width + 1e-5)
    inverseDeviations[row] = inverse
    for (let i = 0; i < width; i++) {
      const z = (xs[start + i] - mean) * inverse
      normals[start + i] = z
      ys[start + i] = z * scales[i] + shifts[i]
    }
  }
  save([normal, inverses, scale])
  return { value, gradFunc: normalizeGradient }
})

function normalizeGradient(dy, [normal, inverses, scale]) {
  const [rows, width] = normal.shape
  const gradients = [empty(dy.shape), tf.zeros([width]), tf.zeros([width])]
  const [dx, dScale, dShift] = gradients.map(view)
  const [dys, normals, inverseDeviations, scales] = [dy, normal, inverses, scale].map(view)
  for (let row = 0; row < rows; row++) {
    const start = row * width
    let sum = 0
    let product = 0
    for (let i = 0; i < width; i++) {
      const d = dys[start + i]
      const z = normals[start + i]
      dScale[i] += d * z
      dShift[i] += d
      sum += d * scales[i]
      product += d * scales[i] * z
    }
    for (let i = 0; i < width; i++) {
      const centred = dys[start + i] * scales[i] - (sum + normals[start + i] * product) / width
      dx[start + i] = centred * inverseDeviations[row]
    }
  }
  return gradients
}
