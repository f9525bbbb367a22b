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
 * The pixels of each image, rows of a matrix, as planes: one for each column, and after them some that all images share.
 * pixels `[batch · height · width, planes]`, shared `[others, height, width]` → `[batch, planes + others, height, width]`
 */
export function toPlanes(pixels, shared, batch) {
  const [others, height, width] = shared.shape
  const [size, planes] = [height * width, pixels.shape[1]]
  const all = planes + others
  return tf.customGrad((pixels) => {
    const value = empty([batch, all, height, width])
    const [from, to, same] = [pixels, value, shared].map(view)
    for (let image = 0; image < batch; image++) {
      turn(from.subarray(image * size * planes), to.subarray(image * size * all), size, planes)
      to.set(same, (image * all + planes) * size)
    }
    const gradFunc = (dy) => {
      const dx = empty([batch * size, planes])
      const [from, to] = [dy, dx].map(view)
      for (let image = 0; image < batch; image++) {
        turn(from.subarray(image * size * all), to.subarray(image * size * planes), planes, size)
      }
      return dx
    }
    return { value, gradFunc }
  })(pixels)
}

/** Writes the transpose of a matrix that begins an array to the beginning of another. */
function turn(from, to, rows, columns) {
  for (let column = 0, at = 0; column < columns; column++) {
    for (let row = 0; row < rows; row++) to[at++] = from[row * columns + column]
  }
}

/** The columns of a matrix, and after them those of another, which needs no gradient. `[rows, a]` and `[rows, b]` → `[rows, a + b]` */
export function beside(x, others) {
  return tf.customGrad((x) => {
    const widths = [x.shape[1], others.shape[1]]
    const all = widths[0] + widths[1]
    const value = empty([x.shape[0], all])
    const [left, right, to] = [x, others, value].map(view)
    for (let row = 0; row < x.shape[0]; row++) {
      to.set(left.subarray(row * widths[0], (row + 1) * widths[0]), row * all)
      to.set(right.subarray(row * widths[1], (row + 1) * widths[1]), row * all + widths[0])
    }
    const gradFunc = (dy) => {
      const dx = empty(x.shape)
      const [from, to] = [dy, dx].map(view)
      for (let row = 0; row < x.shape[0]; row++) {
        to.set(from.subarray(row * all, row * all + widths[0]), row * widths[0])
      }
      return dx
    }
    return { value, gradFunc }
  })(x)
}
