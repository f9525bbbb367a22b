/**
 * The building blocks of the model. Each draws its initial weights when it is built, and is then a function of tensors.
 * Tokens, whether of the image or of the queries, are kept as the rows of one matrix: `[batch * length, width]`.
 */
import * as tf from '@tensorflow/tfjs-core'
import { attend } from './attention.js'
import { convolve } from './convolution.js'
import { affine, normalize } from './ops.js'

/** The learned numbers of a model. */
export class Parameters {
  /** @type {tf.Variable[]} */
  variables = []
  #random

  /** @param {import('./random.js').Random} random source of the initial weights */
  constructor(random) {
    this.#random = random
  }

  /** A parameter drawn from the normal distribution. */
  normal(name, shape, deviation) {
    const values = Float32Array.from({ length: tf.util.sizeFromShape(shape) }, () => deviation * this.#random.normal())
    return this.add(name, shape, values)
  }

  /** A parameter that starts at one value. */
  constant(name, shape, value) {
    return this.add(name, shape, new Float32Array(tf.util.sizeFromShape(shape)).fill(value))
  }

  /** A parameter that starts at the given values. */
  add(name, shape, values) {
    const variable = tf.tidy(() => tf.variable(tf.tensor(values, shape), true, name))
    this.variables.push(variable)
    return variable
  }
}

/** A convolution with filters of `size` × `size` pixels, and a rectifier. */
export function convolution(parameters, name, size, inputs, outputs, stride) {
  const filter = parameters.normal(
    `${name}/filter`,
    [size, size, inputs, outputs],
    Math.sqrt(2 / (size * size * inputs)),
  )
  const bias = parameters.constant(`${name}/bias`, [outputs], 0)
  return (images) => convolve(images, filter, bias, stride, inputs === 1)
}

/** An affine map of each row, with a rectifier if asked. `gain` scales the initial weights. */
export function linear(parameters, name, inputs, outputs, { activation = 'linear', gain = 1 } = {}) {
  const weights = parameters.normal(`${name}/weights`, [inputs, outputs], gain * Math.sqrt(2 / (inputs + outputs)))
  const bias = parameters.constant(`${name}/bias`, [outputs], 0)
  return Object.assign((rows) => affine(rows, weights, bias, activation), { weights, bias })
}

/** Two linear maps with a rectifier between them. */
export function feedForward(parameters, name, inputs, hidden, outputs, gain = 1) {
  const first = linear(parameters, `${name}/1`, inputs, hidden, { activation: 'relu' })
  const second = linear(parameters, `${name}/2`, hidden, outputs, { gain })
  return (rows) => second(first(rows))
}

/**
 * Attention, in two functions: `memorize` takes the rows that are looked at, `look` the rows that look, what was memorized, and
 * the batch size. So one memory serves several lookers.
 * With `local`, keys are at first mapped as queries are, so that a row begins by looking at what resembles itself.
 */
export function attention(parameters, name, width, heads, { local = false } = {}) {
  const query = linear(parameters, `${name}/query`, width, width)
  const key = linear(parameters, `${name}/key`, width, width)
  const value = linear(parameters, `${name}/value`, width, width)
  const output = linear(parameters, `${name}/output`, width, width)
  if (local) key.weights.assign(query.weights)
  return {
    memorize: (objects) => [key(objects), value(objects)],
    look: (lookers, [keys, values], batch) => output(attend(query(lookers), keys, values, batch, heads)),
  }
}

/** Layer normalisation of each row. */
export function layerNorm(parameters, name, width) {
  const scale = parameters.constant(`${name}/scale`, [width], 1)
  const shift = parameters.constant(`${name}/shift`, [width], 0)
  return (rows) => normalize(rows, scale, shift)
}
