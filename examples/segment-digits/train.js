/** The training loop. */
import * as tf from '@tensorflow/tfjs-core'
import { Adam } from '../train-digits/adam.js'
import { CANVAS } from '../train-digits/data.js'
import { Random } from '../train-digits/random.js'
import { learningRate, SETTINGS } from '../train-digits/train.js'
import { drawMasks } from './data.js'

/**
 * @typedef {{ step: number, loss: number, terms: { [name: string]: number } }} Step
 *   what one step measured: the total, and the terms of the final decoder layer before they are weighted
 */

/**
 * Trains the model, yielding after each step. Everything depends on the seed and the number of steps alone, not on time.
 * @param {import('./model.js').MaskFormer} model
 * @param {ReturnType<typeof import('hungarian-loss/tfjs').hungarianLoss>} loss
 * @param {import('../train-digits/data.js').Digit[]} digits to train on
 * @param {{ steps: number, seed: number }} options
 * @returns {AsyncGenerator<Step>}
 */
export async function* train(model, loss, digits, { steps, seed }) {
  const random = new Random(seed)
  const adam = new Adam(model.variables, SETTINGS.maxGradientNorm)
  for (let step = 1; step <= steps; step++) {
    const { images, targets } = drawMasks(random, digits, SETTINGS.batchSize)
    const total = tf.tidy(() => {
      const input = tf.tensor(images, [SETTINGS.batchSize, CANVAS, CANVAS, 1])
      const { value, grads } = tf.variableGrads(() => {
        const { proposals, layers } = model.forward(input)
        return loss({ ...layers.at(-1), auxiliary: layers.slice(0, -1), encoder: proposals }, targets)
      }, model.variables)
      adam.step(grads, learningRate(step, steps))
      return value
    })
    const [value] = total.dataSync()
    total.dispose()
    yield { step, loss: value, terms: loss.lastResult.terms }
    await nextTurn() // lets Ctrl-C be heard
  }
}

const nextTurn = () => new Promise((resolve) => setTimeout(resolve))
