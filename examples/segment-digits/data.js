/** Scenes with the mask of every digit. */
import { CANVAS, drawBatch } from '../train-digits/data.js'

/** From this brightness on a pixel belongs to its digit. */
const BRIGHT = 0.3

/**
 * @typedef {{ labels: Int32Array, masks: { data: Uint8Array, shape: [number, number, number] } }} Target
 *   what one scene shows: of each digit its label and its pixels, `[n, CANVAS, CANVAS]`
 */

/**
 * Draws a batch of scenes.
 * @param {import('../train-digits/random.js').Random} random
 * @param {import('../train-digits/data.js').Digit[]} digits to choose from
 * @param {number} size number of scenes
 * @returns {{ images: Float32Array, targets: Target[] }} images `[batch, CANVAS, CANVAS, 1]`
 */
export function drawMasks(random, digits, size) {
  const { images, targets } = drawBatch(random, digits, size)
  const masks = targets.map(({ labels, boxes }, i) => ({
    labels,
    masks: masksOf(images.subarray(i * CANVAS ** 2, (i + 1) * CANVAS ** 2), boxes),
  }))
  return { images, targets: masks }
}

/** The bright pixels within each box. No box touches another one, so that all of them are of one digit. */
function masksOf(image, boxes) {
  const count = boxes.length / 4
  const data = new Uint8Array(count * image.length)
  for (let i = 0; i < count; i++) {
    const [cx, cy, width, height] = boxes.subarray(4 * i, 4 * i + 4).map((part) => part * CANVAS)
    const [left, top] = [Math.round(cx - width / 2), Math.round(cy - height / 2)]
    for (let y = top; y < top + Math.round(height); y++) {
      for (let x = left; x < left + Math.round(width); x++) {
        const at = y * CANVAS + x
        if (image[at] >= BRIGHT) data[i * image.length + at] = 1
      }
    }
  }
  return { data, shape: [count, CANVAS, CANVAS] }
}
