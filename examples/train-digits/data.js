/** Scenes to learn from: real handwritten digits, pasted at random places on an empty canvas. */

/** Side of the square canvas, in pixels. */
export const CANVAS = 64
/** Digits 0 to 9. */
export const CLASSES = 10
const MAX_DIGITS = 4
const HELD_OUT = 500

/**
 * @typedef {{ label: number, width: number, height: number, pixels: Float32Array }} Digit
 *   One digit, cut out to its bounding box; pixels in [0, 1], row by row.
 * @typedef {{ labels: Int32Array, boxes: Float32Array }} Target
 *   What one scene shows; boxes `[n, 4]` as centre and size (cx, cy, w, h), relative to the canvas.
 * @typedef {{ images: Float32Array, targets: Target[] }} Batch images `[batch, CANVAS, CANVAS, 1]`
 */

/**
 * Parts the digits: scenes to train on and held-out scenes share none.
 * @param {Uint8Array} bytes of the file of digits, unpacked
 * @returns {{ training: Digit[], heldOut: Digit[] }}
 */
export function readDigits(bytes) {
  const digits = []
  for (let at = 0; at < bytes.length;) {
    const [label, width, height] = bytes.subarray(at, (at += 3))
    const pixels = Float32Array.from({ length: width * height }, (_, i) => {
      const pair = bytes[at + (i >> 1)]
      return (i % 2 === 0 ? pair >> 4 : pair & 15) / 15
    })
    digits.push({ label, width, height, pixels })
    at += Math.ceil(pixels.length / 2)
  }
  return { training: digits.slice(0, -HELD_OUT), heldOut: digits.slice(-HELD_OUT) }
}

/**
 * Draws a batch of scenes.
 * @param {import('./random.js').Random} random
 * @param {Digit[]} digits to choose from
 * @param {number} size number of scenes
 * @returns {Batch}
 */
export function drawBatch(random, digits, size) {
  const images = new Float32Array(size * CANVAS * CANVAS)
  const targets = []
  for (let i = 0; i < size; i++) {
    targets.push(drawScene(random, digits, images.subarray(i * CANVAS * CANVAS, (i + 1) * CANVAS * CANVAS)))
  }
  return { images, targets }
}

/** Pastes none to four digits on `canvas`, none of them touching another one's box. */
function drawScene(random, digits, canvas) {
  const placed = []
  for (let count = random.integer(MAX_DIGITS + 1); count > 0; count--) {
    const digit = digits[random.integer(digits.length)]
    const place = freePlace(random, digit, placed)
    if (!place) continue
    placed.push(place)
    for (let y = 0; y < digit.height; y++) {
      const row = digit.pixels.subarray(y * digit.width, (y + 1) * digit.width)
      canvas.set(row, (place.top + y) * CANVAS + place.left)
    }
  }
  return {
    labels: Int32Array.from(placed, ({ digit }) => digit.label),
    boxes: Float32Array.from(
      placed.flatMap(({ left, top, digit: { width, height } }) =>
        [left + width / 2, top + height / 2, width, height].map((pixels) => pixels / CANVAS),
      ),
    ),
  }
}

/** A random place for `digit` that is still free, or undefined if none turns up soon. */
function freePlace(random, digit, placed) {
  for (let attempt = 0; attempt < 30; attempt++) {
    const left = random.integer(CANVAS - digit.width + 1)
    const top = random.integer(CANVAS - digit.height + 1)
    const free = placed.every(
      (other) =>
        left >= other.left + other.digit.width ||
        left + digit.width <= other.left ||
        top >= other.top + other.digit.height ||
        top + digit.height <= other.top,
    )
    if (free) return { digit, left, top }
  }
}
