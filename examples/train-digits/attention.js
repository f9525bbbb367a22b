/**
 * Attention with its gradient, as one operation. Each image and head is computed by products of two plain matrices, which
 * the WebAssembly backend does more than ten times as fast as transposed ones and batches of them.
 */
import * as tf from '@tensorflow/tfjs-core'
import { empty, transpose, view } from './heap.js'

/**
 * softmax(q · kᵀ / √headWidth) · v, in each image and each head. The heads lie side by side in the columns.
 * q `[batch * queries, width]`, k and v `[batch * keys, width]` → `[batch * queries, width]`
 */
export function attend(q, k, v, batch, heads) {
  const count = batch * heads
  const queries = q.shape[0] / batch
  const keys = k.shape[0] / batch
  const scale = Math.sqrt(heads / q.shape[1])

  return tf.customGrad((q, k, v, save) => {
    const value = empty(q.shape)
    const weights = empty([count * queries, keys])
    for (let i = 0; i < count; i++) {
      tf.tidy(() => {
        const scores = tf.matMul(cut(q, i, batch, heads), transpose(cut(k, i, batch, heads)))
        softmax(scores, scale)
        paste(scores, weights, i, count, 1)
        paste(tf.matMul(scores, cut(v, i, batch, heads)), value, i, batch, heads)
      })
    }

    save([q, k, v, weights])
    const gradFunc = (dy, [q, k, v, weights]) => {
      const [dq, dk, dv] = [q, k, v].map(({ shape }) => empty(shape))
      for (let i = 0; i < count; i++) {
        tf.tidy(() => {
          const [qi, ki, vi, dyi] = [q, k, v, dy].map((tensor) => cut(tensor, i, batch, heads))
          const weight = cut(weights, i, count, 1)
          const dScores = tf.matMul(dyi, transpose(vi))
          softmaxGradient(dScores, weight, scale)
          paste(tf.matMul(dScores, ki), dq, i, batch, heads)
          paste(tf.matMul(transpose(dScores), qi), dk, i, batch, heads)
          paste(tf.matMul(transpose(weight), dyi), dv, i, batch, heads)
        })
      }
      return [dq, dk, dv]
    }
    return { value, gradFunc }
  })(q, k, v)
}

/** Where part `index` of a matrix lies that is parted by images along its rows and by heads along its columns. */
function layout(shape, index, images, heads) {
  const rows = shape[0] / images
  const columns = shape[1] / heads
  return {
    rows,
    columns,
    start: Math.floor(index / heads) * rows * shape[1] + (index % heads) * columns,
    stride: shape[1],
  }
}

/** A part of a matrix, as a matrix of its own. */
function cut(tensor, index, images, heads) {
  const { rows, columns, start, stride } = layout(tensor.shape, index, images, heads)
  const part = empty([rows, columns])
  const to = view(part)
  const from = view(tensor)
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) to[row * columns + column] = from[start + row * stride + column]
  }
  return part
}

/** Puts a part back in its place. */
function paste(part, tensor, index, images, heads) {
  const { rows, columns, start, stride } = layout(tensor.shape, index, images, heads)
  const from = view(part)
  const to = view(tensor)
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) to[start + row * stride + column] = from[row * columns + column]
  }
}

/** Softmax of `scale` times each row, in place. */
function softmax(tensor, scale) {
  const scores = view(tensor)
  const columns = tensor.shape[1]
  for (let start = 0; start < scores.length; start += columns) {
    let highest = -Infinity
    for (let i = start; i < start + columns; i++) if (scores[i] > highest) highest = scores[i]
    let sum = 0
    for (let i = start; i < start + columns; i++) {
      const weight = Math.exp(scale * (scores[i] - highest))
      scores[i] = weight
      sum += weight
    }
    for (let i = start; i < start + columns; i++) scores[i] /= sum
  }
}

/** Gradient of `softmax`, in place: from that of the weights to that of the scores. */
function softmaxGradient(gradientTensor, weightTensor, scale) {
  const gradient = view(gradientTensor)
  const weights = view(weightTensor)
  const columns = gradientTensor.shape[1]
  for (let start = 0; start < weights.length; start += columns) {
    let sum = 0
    for (let i = start; i < start + columns; i++) sum += gradient[i] * weights[i]
    for (let i = start; i < start + columns; i++) gradient[i] = scale * weights[i] * (gradient[i] - sum)
  }
}
