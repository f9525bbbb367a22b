/**
 * A small MaskFormer. Convolutions turn the image into tokens, one for each cell of a grid, and into pixels of half the image's
 * resolution that are told what the tokens know. Every token proposes an object; the most promising ones become the queries of a
 * decoder, which compares them with each other and looks at the image again. A query's mask is its product with all pixels.
 */
import * as tf from '@tensorflow/tfjs-core'
import { CANVAS, CLASSES } from '../train-digits/data.js'
import { attention, convolution, feedForward, layerNorm, linear, Parameters } from '../train-digits/layers.js'
import { gridCentres, mostPromising, sineEmbedding } from '../train-digits/model.js'
import { repeat, takeRows } from '../train-digits/ops.js'
import { enlarge, toPlanes } from './ops.js'

export const SETTINGS = {
  channels: [16, 32, 64], // of the image at a half, a quarter and an eighth of its resolution
  width: 64,
  hidden: 128,
  pixelWidth: 32,
  decoderLayers: 2,
  queries: 16,
}

/** Brings the pixels, most of which are black, to a deviation of about 1. */
const CONTRAST = 5
/** Of the image, and of the masks. */
const [HALF, QUARTER, EIGHTH] = [2, 4, 8].map((part) => CANVAS / part)
export const MASK_SIDE = HALF
/** Where the logits of masks begin: most pixels are in none. */
const EMPTY = -2

/**
 * @typedef {{ logits: tf.Tensor3D, maskFeatures: tf.Tensor4D, maskQueries: tf.Tensor3D, maskBias: tf.Tensor1D }} Prediction
 *   logits `[batch, queries, CLASSES + 1]`, the last being no object. The masks are left as factors, so that those of queries without
 *   a target are never made: features of the pixels `[batch, width, MASK_SIDE, MASK_SIDE]`, which all predictions share, rows of the queries
 *   `[batch, queries, width]`, and a bias `[1]`.
 */
export class MaskFormer {
  /** @param {import('../train-digits/random.js').Random} random source of the initial weights */
  constructor(random, settings = SETTINGS) {
    const { channels, width, hidden, pixelWidth, decoderLayers, queries } = settings
    const [fine, middle, coarse] = channels
    const parameters = new Parameters(random)
    this.variables = parameters.variables
    this.queries = queries
    this.tokens = EIGHTH ** 2

    this.see = {
      half: convolution(parameters, 'half', 5, 1, fine, 2),
      quarter: convolution(parameters, 'quarter', 3, fine, middle, 2),
      eighth: convolution(parameters, 'eighth', 3, middle, coarse, 2),
      context: convolution(parameters, 'context', 3, coarse, coarse, 1),
    }
    this.project = linear(parameters, 'project', coarse, width)
    this.positions = tf.tensor(sineEmbedding(gridCentres(EIGHTH), width), [this.tokens, width])
    this.paint = {
      down: linear(parameters, 'down', width, pixelWidth),
      quarter: linear(parameters, 'quarter/lateral', middle, pixelWidth),
      smooth: convolution(parameters, 'smooth', 3, pixelWidth, pixelWidth, 1),
      half: linear(parameters, 'half/lateral', fine, pixelWidth),
      pixels: feedForward(parameters, 'pixels', pixelWidth, pixelWidth, pixelWidth),
    }
    this.place = linear(parameters, 'place', pixelWidth, pixelWidth, { gain: 0.5 })
    this.places = [EIGHTH, HALF].map((side) => tf.tensor(waves(gridCentres(side), pixelWidth), [side ** 2, pixelWidth]))
    this.bias = parameters.constant('bias', [1], EMPTY)
    this.propose = predictor(parameters, 'proposal', width, pixelWidth)
    this.decoder = Array.from({ length: decoderLayers }, (_, i) => ({
      self: attention(parameters, `decoder${i}/self`, width, 1),
      cross: attention(parameters, `decoder${i}/cross`, width, 1, { local: true }),
      think: feedForward(parameters, `decoder${i}/think`, width, hidden, width),
      norms: [1, 2, 3].map((n) => layerNorm(parameters, `decoder${i}/norm${n}`, width)),
      predict: predictor(parameters, `decoder${i}/prediction`, width, pixelWidth),
    }))
  }

  /**
   * @param {tf.Tensor4D} images `[batch, CANVAS, CANVAS, 1]`
   * @returns {{ proposals: Prediction, layers: Prediction[] }} the proposals have one query for each token
   */
  forward(images) {
    const batch = images.shape[0]
    const half = this.see.half(tf.mul(images, CONTRAST))
    const quarter = this.see.quarter(half)
    const eighth = this.see.context(this.see.eighth(quarter))
    const tokens = tf.add(this.project(toRows(eighth)), repeat(this.positions, batch))
    const [places, pixelPlaces] = this.places.map((rows) => repeat(this.place(rows), batch))
    const pixels = tf.add(this.#paint(tokens, quarter, half), pixelPlaces)
    const masks = { maskFeatures: toPlanes(pixels, [batch, HALF, HALF]), maskBias: this.bias }
    const prediction = ({ logits, embeddings }, places) => ({
      logits: tf.reshape(logits, [batch, -1, CLASSES + 1]),
      maskQueries: tf.reshape(tf.add(embeddings, places), [batch, -1, embeddings.shape[1]]),
      ...masks,
    })

    const proposed = this.propose(tokens)
    const chosen = mostPromising(proposed.logits, batch, this.queries)
    const chosenPlaces = takeRows(places, chosen)
    let queries = takeRows(tokens, chosen)
    const layers = this.decoder.map(({ self, cross, think, norms, predict }) => {
      queries = norms[0](tf.add(queries, self.look(queries, self.memorize(queries), batch)))
      queries = norms[1](tf.add(queries, cross.look(queries, cross.memorize(tokens), batch)))
      queries = norms[2](tf.add(queries, think(queries)))
      return prediction(predict(queries), chosenPlaces)
    })
    return { proposals: prediction(proposed, places), layers }
  }

  /** The pixel decoder: what the tokens know is enlarged twice, and joined with what the convolutions saw there. */
  #paint(tokens, quarter, half) {
    const { down, smooth, pixels, ...lateral } = this.paint
    const joined = (map, seen, by, side) =>
      tf.add(enlarge(map), tf.reshape(by(toRows(seen)), [-1, side, side, map.shape[3]]))
    const coarse = tf.reshape(down(tokens), [-1, EIGHTH, EIGHTH, SETTINGS.pixelWidth])
    const middle = smooth(joined(coarse, quarter, lateral.quarter, QUARTER))
    return pixels(toRows(joined(middle, half, lateral.half, HALF)))
  }
}

/** A map's pixels as the rows of a matrix. */
const toRows = (map) => tf.reshape(map, [-1, map.shape[3]])

/**
 * Places as waves that fit the canvas, half of the width for x and half for y: `[places, width]`. Since queries and pixels have them,
 * mapped alike, their product is at first the greater the nearer they are: a query begins with the pixels around its token.
 */
function waves(places, width) {
  const wave = (coordinate, i) => Math.sin(Math.PI * ((1 + (i >> 1)) * coordinate + (i % 2) / 2))
  return Float32Array.from(
    places.flatMap((place) => place.flatMap((at) => Array.from({ length: width / 2 }, (_, i) => wave(at, i)))),
  )
}

/** Predicts from each row the classes, and what its mask is the product with the pixels of. */
function predictor(parameters, name, width, pixelWidth) {
  const classify = linear(parameters, `${name}/class`, width, CLASSES + 1)
  const embed = feedForward(parameters, `${name}/mask`, width, width, pixelWidth, 0.1)
  return (rows) => ({ logits: classify(rows), embeddings: embed(rows) })
}

/**
 * The masks of a prediction, as logits: `[batch, queries, MASK_SIDE, MASK_SIDE]`. Without gradients.
 * @param {Prediction} prediction
 */
export function masksOf({ maskFeatures, maskQueries, maskBias }) {
  const [batch, width, height] = maskFeatures.shape
  const products = tf.matMul(maskQueries, tf.reshape(maskFeatures, [batch, width, -1]))
  return tf.reshape(tf.add(products, maskBias), [batch, -1, height, height])
}
