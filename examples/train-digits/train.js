/** The training loop. */
import * as tf from '@tensorflow/tfjs-core'
import { Adam } from './adam.js'
import { CANVAS, drawBatch } from './data.js'
import { drawNoisy } from './denoising.js'
import { Random } from './random.js'

export const SETTINGS = { batchSize: 8, learningRate: 2e-3, warmUp: 100, maxGradientNorm: 1 }

/**
 * @typedef {{ step: number, loss: number, terms: { class: number, l1: number, giou: number } }} Step
 *   what one step measured: the total, and the terms of the final decoder layer before they are weighted
 */

/**
 * Trains the model, yielding after each step. Everything depends on the seed and the number of steps alone, not on time.
 * @param {import('./model.js').Detr} model
 * @param {ReturnType<typeof import('hungarian-loss/tfjs').hungarianLoss>} loss
 * @param {import('./data.js').Digit[]} digits to train on
 * @param {{ steps: number, seed: number, denoising: number }} options denoising: groups of denoising queries, 0 for none
 * @returns {AsyncGenerator<Step>}
 */
export async function* train(model, loss, digits, { steps, seed, denoising }) {
  const random = new Random(seed)
  const noise = new Random(seed + 1) // of its own, so that the scenes are the same with and without
  const adam = new Adam(model.variables, SETTINGS.maxGradientNorm)
  for (let step = 1; step <= steps; step++) {
    const { images, targets } = drawBatch(random, digits, SETTINGS.batchSize)
    const noisy = denoising > 0 ? drawNoisy(noise, targets, denoising) : undefined
    const total = tf.tidy(() => {
      const input = tf.tensor(images, [SETTINGS.batchSize, CANVAS, CANVAS, 1])
      const { value, grads } = tf.variableGrads(
        () => loss(toOutputs(model.forward(input, noisy), noisy), targets),
        model.variables,
      )
      adam.step(grads, learningRate(step, steps))
      return value
    })
    const [value] = total.dataSync()
    total.dispose()
    yield { step, loss: value, terms: loss.lastResult.terms }
    await nextTurn() // lets Ctrl-C be heard, and a page be drawn
  }
}

const nextTurn = () => new Promise((resolve) => setTimeout(resolve))

/**
 * What the model predicts, as the loss takes it.
 * @param {ReturnType<import('./model.js').Detr['forward']>} predictions
 * @param {import('./denoising.js').Noisy} [noisy] the denoising queries that the model was given
 */
export function toOutputs({ proposals, layers, denoising }, noisy) {
  return {
    ...part(layers),
    encoder: proposals,
    denoising: denoising && { ...part(denoising), groups: noisy.groups, padding: 'ignore' },
  }
}

/** The last of the layers, and the others as `auxiliary`. */
const part = (layers) => ({ ...layers.at(-1), auxiliary: layers.slice(0, -1) })

/** Rises linearly at first, then falls along half a cosine to zero. */
export function learningRate(step, steps) {
  const warmUp = Math.min(1, step / SETTINGS.warmUp)
  return SETTINGS.learningRate * warmUp * (0.5 + 0.5 * Math.cos((Math.PI * step) / (steps + 1)))
}
