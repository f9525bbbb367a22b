/**
 * A small DETR. Convolutions turn the image into tokens, one for each cell of a grid. Every token proposes an object; the
 * most promising ones become the queries of a decoder, which compares them with each other, looks at the image again and
 * corrects them. There is no encoder: at this size it costs more time than it is worth.
 */
import * as tf from '@tensorflow/tfjs-core'
import { CANVAS, CLASSES } from './data.js'
import { view } from './heap.js'
import { attention, convolution, feedForward, layerNorm, linear, Parameters } from './layers.js'
import { repeat, takeRows } from './ops.js'

export const SETTINGS = {
  convolutions: [
    { size: 7, stride: 4, channels: 32 },
    { size: 3, stride: 2, channels: 64 },
    { size: 3, stride: 1, channels: 64 },
  ],
  width: 64,
  heads: 1,
  hidden: 128,
  decoderLayers: 2,
  queries: 16,
}

/** Brings the pixels, most of which are black, to a deviation of about 1. */
const CONTRAST = 5

/**
 * @typedef {{ logits: tf.Tensor3D, boxes: tf.Tensor3D }} Prediction
 *   logits `[batch, queries, CLASSES + 1]`, the last being no object; boxes `[batch, queries, 4]`, cxcywh in [0, 1].
 */
export class Detr {
  /**
   * @param {import('./random.js').Random} random source of the initial weights
   * @param {{ denoises: boolean }} options whether the training has denoising queries, which need an embedding of the labels
   */
  constructor(random, { denoises }, settings = SETTINGS) {
    const { convolutions, width, heads, hidden, decoderLayers, queries } = settings
    const parameters = new Parameters(random)
    this.variables = parameters.variables
    this.queries = queries
    this.width = width

    let channels = 1
    let side = CANVAS
    this.convolutions = convolutions.map((layer, i) => {
      const convolve = convolution(parameters, `convolution${i}`, layer.size, channels, layer.channels, layer.stride)
      channels = layer.channels
      side /= layer.stride
      return convolve
    })
    this.tokens = side * side
    this.project = linear(parameters, 'project', channels, width)
    this.positions = tf.tensor(sineEmbedding(gridCentres(side), width), [this.tokens, width])
    this.anchors = tf.tensor(gridCentres(side).flatMap(anchor), [this.tokens, 4])

    this.propose = predictor(parameters, 'proposal', width)
    this.decoder = Array.from({ length: decoderLayers }, (_, i) => ({
      self: attention(parameters, `decoder${i}/self`, width, heads),
      cross: attention(parameters, `decoder${i}/cross`, width, heads, { local: true }),
      think: feedForward(parameters, `decoder${i}/think`, width, hidden, width),
      norms: [1, 2, 3].map((n) => layerNorm(parameters, `decoder${i}/norm${n}`, width)),
      predict: predictor(parameters, `decoder${i}/prediction`, width),
    }))
    if (denoises) this.labels = parameters.constant('labels', [CLASSES, width], 0)
  }

  /**
   * @param {tf.Tensor4D} images `[batch, CANVAS, CANVAS, 1]`
   * @param {import('./denoising.js').Noisy} [noisy] denoising queries for the decoder, kept apart from the others
   * @returns {{ proposals: Prediction, layers: Prediction[], denoising: Prediction[] | undefined }}
   *   the proposals have one query for each token
   */
  forward(images, noisy) {
    const batch = images.shape[0]
    const features = this.convolutions.reduce((x, convolve) => convolve(x), tf.mul(images, CONTRAST))
    const tokens = tf.add(this.project(tf.reshape(features, [batch * this.tokens, -1])), repeat(this.positions, batch))

    const proposed = this.propose(tokens, repeat(this.anchors, batch))
    const chosen = mostPromising(proposed.logits, batch, this.queries)
    const queries = takeRows(tokens, chosen)
    const boxes = takeRows(proposed.boxes, chosen)
    const memories = this.decoder.map(({ cross }) => cross.memorize(tokens))
    return {
      proposals: prediction(proposed, batch),
      layers: this.#decode(queries, boxes, memories, batch),
      denoising: noisy && this.#decode(...this.#embed(noisy), memories, batch, noisy.groups),
    }
  }

  /** The predictions of each decoder layer. Queries are compared within each of equal groups of an image. */
  #decode(queries, boxes, memories, batch, groups = 1) {
    return this.decoder.map(({ self, cross, think, norms, predict }, i) => {
      queries = norms[0](tf.add(queries, self.look(queries, self.memorize(queries), batch * groups)))
      queries = norms[1](tf.add(queries, cross.look(queries, memories[i], batch)))
      queries = norms[2](tf.add(queries, think(queries)))
      const predicted = predict(queries, boxes)
      boxes = predicted.boxes
      return prediction(predicted, batch)
    })
  }

  /** Queries and boxes that say of each label that it is at its place. */
  #embed({ labels, places }) {
    const positions = tf.tensor(sineEmbedding(places, this.width), [places.length, this.width])
    return [tf.add(takeRows(this.labels, labels), positions), tf.tensor(places.flatMap(anchor), [places.length, 4])]
  }
}

/** Predicts from each row the classes, and a correction of the box, which is kept as its logits. */
function predictor(parameters, name, width) {
  const classify = linear(parameters, `${name}/class`, width, CLASSES + 1)
  const correct = feedForward(parameters, `${name}/box`, width, width, 4, 0.1)
  return (rows, boxes) => ({ logits: classify(rows), boxes: tf.add(boxes, correct(rows)) })
}

/** @returns {Prediction} */
function prediction({ logits, boxes }, batch) {
  return { logits: tf.reshape(logits, [batch, -1, CLASSES + 1]), boxes: tf.reshape(tf.sigmoid(boxes), [batch, -1, 4]) }
}

/** The rows that most likely show an object: `count` of each image, the likeliest first. */
export function mostPromising(logits, batch, count) {
  const values = view(logits)
  const rows = logits.shape[0] / batch
  const doubt = Array.from({ length: batch * rows }, (_, row) => {
    const scores = values.subarray(row * (CLASSES + 1), (row + 1) * (CLASSES + 1))
    return scores[CLASSES] - Math.max(...scores.subarray(0, CLASSES))
  })
  return Array.from({ length: batch }, (_, image) =>
    Array.from({ length: rows }, (_, i) => image * rows + i)
      .sort((a, b) => doubt[a] - doubt[b])
      .slice(0, count),
  ).flat()
}

/** A box of a digit's usual size at a place, as logits. */
const anchor = ([x, y]) => [x, y, 0.25, 0.3].map(logit)

const logit = (p) => Math.log(p / (1 - p))

/** Centres of the cells of a square grid, `[x, y]` in (0, 1), row by row. */
export function gridCentres(side) {
  return Array.from({ length: side * side }, (_, i) => [((i % side) + 0.5) / side, (Math.floor(i / side) + 0.5) / side])
}

/** Places as sines and cosines of growing wavelength, half of the width for x and half for y: `[places, width]`. */
export function sineEmbedding(places, width) {
  const half = width / 2
  return Float32Array.from(
    places.flatMap((place) =>
      place.flatMap((coordinate) =>
        Array.from({ length: half }, (_, i) => {
          const angle = (2 * Math.PI * coordinate) / 100 ** ((i - (i % 2)) / half)
          return i % 2 === 0 ? Math.sin(angle) : Math.cos(angle)
        }),
      ),
    ),
  )
}
