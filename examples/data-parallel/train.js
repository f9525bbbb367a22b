/**
 * A training that several ranks do together: each takes its share of the scenes of a batch, and all take the same step by the
 * gradient of the whole batch. It is the training of `train-digits`, with messages at two places.
 */
import { createHash } from 'node:crypto'
import * as tf from '@tensorflow/tfjs-core'
import { combineNormalizers, HungarianLoss } from 'hungarian-loss'
import { hungarianLoss } from 'hungarian-loss/tfjs'
import { Adam } from '../train-digits/adam.js'
import { CANVAS, CLASSES, drawBatch } from '../train-digits/data.js'
import { drawNoisy } from '../train-digits/denoising.js'
import { view } from '../train-digits/heap.js'
import { Detr } from '../train-digits/model.js'
import { Random } from '../train-digits/random.js'
import { learningRate, SETTINGS, toOutputs } from '../train-digits/train.js'
import { CheckpointError } from './checkpoint.js'
import { ExchangeError } from './exchange/errors.js'

/**
 * @typedef {{ steps: number, seed: number, batch: number, denoising: number }} Settings
 *   batch: scenes of a step, of all ranks together; denoising: groups of denoising queries
 * @typedef {{ rank: number, ranks: number }} Share
 * @typedef {import('../train-digits/train.js').Step & { stops: boolean, gradient: Float32Array }} SharedStep
 *   loss and terms of the whole batch; stops: whether a rank wishes to stop; gradient: of the whole batch, by the variables in
 *   their order
 */

export class Training {
  /** Steps that are done. */
  step = 0
  criterion = HungarianLoss.detr({ numClasses: CLASSES })
  #settings
  #share
  #digits
  #loss = hungarianLoss(tf, this.criterion)
  #scenes
  #noise
  #adam

  /**
   * The beginning is that of `train-digits` with the same seed.
   * @param {Settings} settings the same in all ranks
   * @param {Share} share what this rank does of it
   * @param {import('../train-digits/data.js').Digit[]} digits to train on
   */
  constructor(settings, share, digits) {
    this.#settings = settings
    this.#share = share
    this.#digits = digits
    const random = new Random(settings.seed)
    this.model = new Detr(random, { denoises: settings.denoising > 0 })
    const seed = random.integer(2 ** 32)
    this.#scenes = new Random(seed)
    this.#noise = new Random(seed + 1)
    this.#adam = new Adam(this.model.variables, SETTINGS.maxGradientNorm)
  }

  /**
   * Takes one step, together with all other ranks.
   * @param {import('./exchange/exchange.js').Exchange} exchange
   * @param {boolean} [stop] whether this rank wishes to stop
   * @returns {SharedStep}
   */
  next(exchange, stop = false) {
    const { steps } = this.#settings
    const { images, targets, noisy } = this.#drawShare()
    const { variables } = this.model
    return tf.tidy(() => {
      const input = tf.tensor(images, [targets.length, CANVAS, CANVAS, 1])
      const { value, grads } = tf.variableGrads(() => {
        const outputs = toOutputs(this.model.forward(input, noisy), noisy)
        const { normalizers } = this.criterion.match(toArrays(outputs), targets)
        const all = exchange.gather(normalizers)
        return this.#loss(outputs, targets, combineNormalizers(all, { reduce: 'sum' }))
      }, variables)

      // losses and terms are shares of the whole batch's too, and travel with the gradient
      const { class: classTerm, l1, giou } = this.#loss.lastResult.terms
      const numbers = [value.dataSync()[0], classTerm, l1, giou, stop ? 1 : 0]
      const total = exchange.sum(
        join(
          variables.map(({ name }) => view(grads[name])),
          numbers,
        ),
      )
      const gradient = total.subarray(0, total.length - numbers.length)
      const [loss, totalClass, totalL1, totalGiou, stopping] = total.subarray(gradient.length)
      let at = 0
      for (const { name, size } of variables) view(grads[name]).set(gradient.subarray(at, (at += size)))

      this.step++
      this.#adam.step(grads, learningRate(this.step, steps))
      const terms = { class: totalClass, l1: totalL1, giou: totalGiou }
      return { step: this.step, loss, terms, stops: stopping > 0, gradient }
    })
  }

  /**
   * Makes sure that all ranks still have the same weights. They do what they do in the same order, so only another processor,
   * another version of Node.js or a broken memory makes them differ.
   * @param {import('./exchange/exchange.js').Exchange} exchange
   */
  compare(exchange) {
    const hash = createHash('sha256')
    for (const variable of this.model.variables) hash.update(view(variable))
    const [first, ...others] = exchange.gather(hash.digest('hex'))
    const rank = others.findIndex((other) => other !== first) + 1
    if (rank === 0) return
    throw new ExchangeError(
      `After step ${this.step} the weights of rank ${rank} are not those of rank 0: use machines of one kind, and one version of Node.js.`,
    )
  }

  /** @returns {import('./checkpoint.js').State} a copy */
  get state() {
    const { steps: updates, parameters } = this.#adam.state
    return {
      settings: { ...this.#settings },
      step: this.step,
      scenes: this.#scenes.state,
      noise: this.#noise.state,
      updates,
      parameters: this.model.variables.map((variable, i) => ({
        name: variable.name,
        weights: view(variable).slice(),
        mean: parameters[i].mean.slice(),
        square: parameters[i].square.slice(),
      })),
    }
  }

  /** Goes on from a state. Throws a CheckpointError where it is of another training. */
  set state({ settings, step, scenes, noise, updates, parameters }) {
    for (const [name, value] of Object.entries(this.#settings)) {
      if (settings[name] === value) continue
      throw new CheckpointError(`is of a training with --${name} ${settings[name]}, and this one has ${value}`)
    }
    const { variables } = this.model
    const shapes = (list) => list.map(({ name, size }) => `${name} ${size}`).join()
    if (shapes(variables) !== shapes(parameters.map(({ name, weights }) => ({ name, size: weights.length })))) {
      throw new CheckpointError('is of another model')
    }
    this.step = step
    this.#scenes.state = scenes
    this.#noise.state = noise
    this.#adam.state = { steps: updates, parameters }
    tf.tidy(() => {
      variables.forEach((variable, i) => variable.assign(tf.tensor(parameters[i].weights, variable.shape)))
    })
  }

  /** All ranks draw the whole batch, which costs little, so that it does not depend on their number; each keeps its share. */
  #drawShare() {
    const { batch, denoising } = this.#settings
    const { rank, ranks } = this.#share
    const { images, targets } = drawBatch(this.#scenes, this.#digits, batch)
    const noisy = denoising > 0 ? drawNoisy(this.#noise, targets, denoising) : undefined
    const shareOf = (array) => {
      const size = array.length / batch
      return array.slice(Math.floor((rank * batch) / ranks) * size, Math.floor(((rank + 1) * batch) / ranks) * size)
    }
    return {
      images: shareOf(images),
      targets: shareOf(targets),
      noisy: noisy && { ...noisy, labels: shareOf(noisy.labels), places: shareOf(noisy.places) },
    }
  }
}

/** Outputs of tensors as the criterion itself takes them, in the very memory of the tensors: to be used at once. */
function toArrays({ logits, boxes, auxiliary, encoder, denoising, ...settings }) {
  const arrayOf = (tensor) => ({ data: view(tensor), shape: tensor.shape })
  return {
    ...settings,
    logits: arrayOf(logits),
    boxes: arrayOf(boxes),
    ...(auxiliary && { auxiliary: auxiliary.map(toArrays) }),
    ...(encoder && { encoder: toArrays(encoder) }),
    ...(denoising && { denoising: toArrays(denoising) }),
  }
}

/** One array of several, and of some numbers at its end. */
function join(arrays, numbers) {
  const joined = new Float32Array(arrays.reduce((length, array) => length + array.length, numbers.length))
  let at = 0
  for (const array of [...arrays, numbers]) {
    joined.set(array, at)
    at += array.length
  }
  return joined
}
