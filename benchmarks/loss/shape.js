/** Shapes and kinds that the command line names. */
import { UsageError } from '../options.js'

/** Logits of a batch: more of them would take gigabytes in every contender. */
const MOST_LOGITS = 2 ** 26

/** @typedef {{ images: number, queries: number, classes: number, targets?: number, layers?: number }} Shape */

/**
 * @param {string} text such as `8x300x91`, or `8x300x91x20` with the number of targets of each image
 * @returns {Shape}
 */
export function readShape(text) {
  const sizes = text.split(/[x×]/)
  const areWhole = sizes.every((size) => /^\d+$/.test(size))
  const [images, queries, classes, targets] = sizes.map(Number)
  if (!areWhole || sizes.length < 3 || sizes.length > 4 || images < 1 || queries < 1 || classes < 2) {
    throw new UsageError(
      `--shape takes images x queries x columns of the logits (2 or more), and x targets of each image if wanted, as ` +
        `8x300x91 or 8x300x91x20, got "${text}".`,
    )
  }
  return targets === undefined ? { images, queries, classes } : { images, queries, classes, targets }
}

/**
 * @param {string} text
 * @returns {'softmax' | 'focal'}
 */
export function readKind(text) {
  if (text !== 'softmax' && text !== 'focal') throw new UsageError(`--kind takes softmax or focal, got "${text}".`)
  return text
}

/**
 * The shape to measure with its layers, if one was given; refuses what does not go together.
 * @param {{ shape?: Shape, layers?: number, kind?: string, save: boolean }} options
 * @returns {Shape | undefined}
 */
export function shapeOf({ shape, layers, kind, save }) {
  if (save && (shape ?? kind) !== undefined) {
    throw new UsageError('--save keeps figures of all shapes and kinds: leave out --shape and --kind.')
  }
  if (shape === undefined) {
    if (layers !== undefined) throw new UsageError('--layers needs a --shape.')
    return undefined
  }
  if (!Number.isInteger(layers ?? 1)) throw new UsageError(`--layers takes a whole number, got "${layers}".`)
  const { images, queries, classes } = shape
  if (images * queries * classes * (layers ?? 1) > MOST_LOGITS) {
    throw new UsageError(`--shape: the batch may have ${MOST_LOGITS.toLocaleString('en-US')} logits at most.`)
  }
  return layers === undefined ? shape : { ...shape, layers }
}
