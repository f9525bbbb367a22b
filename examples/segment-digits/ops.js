/** The operations that masks need, each with its gradient: maps made larger, and pixels as planes. */
import * as tf from '@tensorflow/tfjs-core'
import { empty, view } from '../train-digits/heap.js'

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
 * The pixels of each image, rows of a matrix, as planes: one for each column.
 * pixels `[batch · height · width, planes]` → `[batch, planes, height, width]`
 */
export function toPlanes(pixels, [batch, height, width]) {
  const [size, planes] = [height * width, pixels.shape[1]]
  return tf.customGrad((pixels) => ({
    value: tf.reshape(turned(pixels, batch, size), [batch, planes, height, width]),
    gradFunc: (dy) => tf.reshape(turned(dy, batch, planes), pixels.shape),
  }))(pixels)
}

/** As many matrices of so many rows, one after the other, each transposed. */
function turned(tensor, count, rows) {
  const result = empty([tensor.size])
  const [from, to] = [tensor, result].map(view)
  const columns = tensor.size / count / rows
  for (let at = 0, start = 0; start < from.length; start += rows * columns) {
    for (let column = 0; column < columns; column++) {
      for (let row = 0; row < rows; row++) to[at++] = from[start + row * columns + column]
    }
  }
  return result
}
