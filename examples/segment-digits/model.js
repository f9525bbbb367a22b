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
import { beside, enlarge, toPlanes } from './ops.js'

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
    this.pixelPlaces = tf.tensor(planesOf(gridCentres(HALF)), [PLACE, HALF, HALF])
    this.spots = tf.tensor(spotsOf(gridCentres(EIGHTH)), [this.tokens, PLACE])
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
    const spots = repeat(this.spots, batch)
    const pixels = toPlanes(this.#paint(tokens, quarter, half), this.pixelPlaces, batch)
    const prediction = ({ logits, rows }, spots) => ({
      logits: tf.reshape(logits, [batch, -1, CLASSES + 1]),
      maskFeatures: pixels,
      maskQueries: tf.reshape(beside(rows, spots), [batch, -1, rows.shape[1] + PLACE]),
      maskBias: this.bias,
    })

    const proposed = this.propose(tokens)
    const chosen = mostPromising(proposed.logits, batch, this.queries)
    const chosenSpots = takeRows(spots, chosen)
    let queries = takeRows(tokens, chosen)
    const layers = this.decoder.map(({ self, cross, think, norms, predict }) => {
      queries = norms[0](tf.add(queries, self.look(queries, self.memorize(queries), batch)))
      queries = norms[1](tf.add(queries, cross.look(queries, cross.memorize(tokens), batch)))
      queries = norms[2](tf.add(queries, think(queries)))
      return prediction(predict(queries), chosenSpots)
    })
    return { proposals: prediction(proposed, spots), layers }
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
 * A mask begins as a round spot around its token: at a distance of `REACH` of the canvas, its logits are 2 lower than in the middle. That
 * is the square of a distance, −|a − b|² = 2 a·b − |a|² − |b|², and so a product of `PLACE` numbers of the query with as many of the pixel,
 * which stand beside those that are learnt.
 */
const [PLACE, REACH] = [4, 3 / 16]
const SCALE = Math.SQRT2 / REACH

/** The four numbers of each pixel, as planes: x, y, the square of both, and 1. */
const planesOf = (places) => {
  const scaled = places.map(([x, y]) => [SCALE * x, SCALE * y])
  const planes = [([x]) => x, ([, y]) => y, ([x, y]) => x ** 2 + y ** 2, () => 1]
  return Float32Array.from(planes.flatMap((value) => scaled.map(value)))
}

/** The four numbers of each token: `[tokens, PLACE]`. */
const spotsOf = (places) =>
  Float32Array.from(
    places.flatMap((place) => {
      const [x, y] = place.map((part) => SCALE * part)
      return [2 * x, 2 * y, -1, -(x ** 2 + y ** 2)]
    }),
  )

/** Predicts from each row the classes, and the numbers whose products with the pixels' make another mask of the spot. */
function predictor(parameters, name, width, pixelWidth) {
  const classify = linear(parameters, `${name}/class`, width, CLASSES + 1)
  const embed = feedForward(parameters, `${name}/mask`, width, width, pixelWidth, 0.1)
  return (rows) => ({ logits: classify(rows), rows: embed(rows) })
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
