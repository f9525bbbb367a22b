/** The Adam optimiser with a limit on the norm of the gradient, on plain arrays: one pass over each parameter. */
import { empty, view } from './heap.js'

const MEAN_DECAY = 0.9
const SQUARE_DECAY = 0.99
const EPSILON = 1e-8

export class Adam {
  #parameters
  #maxNorm
  #steps = 0

  /**
   * @param {import('@tensorflow/tfjs-core').Variable[]} variables to optimise
   * @param {number} maxNorm the longest gradient that is followed as it is; a longer one is shortened to it
   */
  constructor(variables, maxNorm) {
    this.#maxNorm = maxNorm
    this.#parameters = variables.map((variable) => ({
      variable,
      mean: new Float32Array(variable.size),
      square: new Float32Array(variable.size),
    }))
  }

  /** What it has learnt of the gradients: its own arrays, in the order of the variables. */
  get state() {
    return { steps: this.#steps, parameters: this.#parameters.map(({ mean, square }) => ({ mean, square })) }
  }

  /** Goes on from what {@link state} once gave, which is copied. */
  set state({ steps, parameters }) {
    this.#steps = steps
    this.#parameters.forEach(({ mean, square }, i) => {
      mean.set(parameters[i].mean)
      square.set(parameters[i].square)
    })
  }

  /**
   * Takes one step.
   * @param {Record<string, import('@tensorflow/tfjs-core').Tensor>} gradients by the variables' names
   * @param {number} learningRate
   */
  step(gradients, learningRate) {
    const squares = this.#parameters.reduce(
      (sum, { variable }) => sum + sumOfSquares(view(gradients[variable.name])),
      0,
    )
    const shorten = Math.min(1, this.#maxNorm / Math.sqrt(squares))

    this.#steps++
    const rate = learningRate / (1 - MEAN_DECAY ** this.#steps)
    const correction = 1 / (1 - SQUARE_DECAY ** this.#steps)
    this.#parameters.forEach(({ variable, mean, square }) => {
      const updated = empty(variable.shape) // the backend keeps what it prepared for a tensor, so none is changed in place
      const [from, to, gradient] = [variable, updated, gradients[variable.name]].map(view)
      for (let i = 0; i < to.length; i++) {
        const slope = gradient[i] * shorten
        mean[i] += (1 - MEAN_DECAY) * (slope - mean[i])
        square[i] += (1 - SQUARE_DECAY) * (slope * slope - square[i])
        to[i] = from[i] - (rate * mean[i]) / (Math.sqrt(square[i] * correction) + EPSILON)
      }
      variable.assign(updated)
      updated.dispose()
    })
  }
}

function sumOfSquares(array) {
  let sum = 0
  for (let i = 0; i < array.length; i++) sum += array[i] ** 2
  return sum
}
