/** The operations that masks need, each with its gradient: maps made larger, and the products of queries with all pixels. */
import * as tf from '@tensorflow/tfjs-core'
import { empty, transpose, view } from '../train-digits/heap.js'

/**
 * A map twice as high and twice as wide, bilinear: each new pixel lies a quarter of an old one from the middle of the nearest.
 * x `[batch, height, width, channels]` → `[batch, 2 · height, 2 · width, channels]`
 */
export const enlarge = tf.customGrad((x) => {
  const [batch, height, width, channels] = x.shape
  const value = empty([batch, 2 * height, 2 * width, channels])
  const [from, to] = [x, value].map(view)
  eachPixel(x.shape, (at, nearest, beside, below, across) => {
    for (let i = 0; i < channels; i++) {
      to[at + i] =
        NEAREST * from[nearest + i] + NEXT * (from[beside + i] + from[below + i]) + FARTHEST * from[across + i]
    }
  })
  const gradFunc = (dy) => {
    const dx = tf.zeros(x.shape)
    const [from, to] = [dy, dx].map(view)
    eachPixel(x.shape, (at, nearest, beside, below, across) => {
      for (let i = 0; i < channels; i++) {
        const gradient = from[at + i]
        to[nearest + i] += NEAREST * gradient
        to[beside + i] += NEXT * gradient
        to[below + i] += NEXT * gradient
        to[across + i] += FARTHEST * gradient
      }
    })
    return dx
  }
  return { value, gradFunc }
})

/** The shares of the four old pixels around a new one: three quarters and one quarter along each axis. */
const [NEAREST, NEXT, FARTHEST] = [9 / 16, 3 / 16, 1 / 16]

/** Visits each new pixel: where it begins, and where the four old ones around it do, those at an edge more than once. */
function eachPixel([batch, height, width, channels], visit) {
  const neighbour = (i, size) => Math.min(Math.max((i >> 1) + (i % 2 === 0 ? -1 : 1), 0), size - 1)
  let at = 0
  for (let image = 0; image < batch; image++) {
    for (let y = 0; y < 2 * height; y++) {
      const line = (image * height + (y >> 1)) * width * channels
      const other = (image * height + neighbour(y, height)) * width * channels
      for (let x = 0; x < 2 * width; x++, at += channels) {
        const [near, next] = [(x >> 1) * channels, neighbour(x, width) * channels]
        visit(at, line + near, line + next, other + near, other + next)
      }
    }
  }
}

/**
 * The product of each query with each pixel of its image: the logits of the masks.
 * queries `[batch · count, width]`, pixels `[batch · size, width]` → `[batch · count, size]`
 */
export function products(queries, pixels, batch) {
  return tf.customGrad((queries, pixels, save) => {
    const [count, size, width] = [queries.shape[0] / batch, pixels.shape[0] / batch, queries.shape[1]]
    const value = empty([batch * count, size])
    eachImage(batch, (image) => {
      const logits = tf.matMul(rows(queries, image, count), transpose(rows(pixels, image, size)))
      view(value).set(view(logits), image * count * size)
    })
    save([queries, pixels])
    const gradFunc = (dy, [queries, pixels]) => {
      const [dQueries, dPixels] = [queries, pixels].map(({ shape }) => empty(shape))
      eachImage(batch, (image) => {
        const gradient = rows(dy, image, count)
        const toQueries = tf.matMul(gradient, rows(pixels, image, size))
        view(dQueries).set(view(toQueries), image * count * width)
        const toPixels = tf.matMul(transpose(gradient), rows(queries, image, count))
        view(dPixels).set(view(toPixels), image * size * width)
      })
      return [dQueries, dPixels]
    }
    return { value, gradFunc }
  })(queries, pixels)
}

function eachImage(batch, visit) {
  for (let image = 0; image < batch; image++) tf.tidy(() => visit(image))
}

/** The rows of one image, as a matrix of their own. */
function rows(tensor, image, count) {
  const width = tensor.shape[1]
  const part = empty([count, width])
  view(part).set(view(tensor).subarray(image * count * width, (image + 1) * count * width))
  return part
}
