/** Pictures of scenes: the true masks beside the segments that were found, each digit in a colour of its own. */
import { CANVAS } from '../train-digits/data.js'
import { placeLabels } from '../train-digits/report/labels.js'
import { pngDataUri } from '../train-digits/report/png.js'

/** Between the two halves of a picture, and around them, in pixels of the scene. */
const GAP = 4
const EDGE = 1
/** Of labels, in pixels of the scene: as high as a line, and as wide as each character. */
const LINE = 5.2
const CHARACTER = 3.3
/** How much of a segment's pixel is its colour; the rest is the image. */
const COLOUR = 0.85

/** The colours of the digits 0 to 9, as red, green and blue in [0, 1]: ten hues that alternate in brightness. */
export const COLOURS = Array.from({ length: 10 }, (_, digit) => {
  const lightness = digit % 2 === 0 ? 0.72 : 0.58
  const part = (shift) => {
    const turn = (shift + digit * 1.2) % 12
    return lightness - 0.9 * Math.min(lightness, 1 - lightness) * Math.max(-1, Math.min(turn - 3, 9 - turn, 1))
  }
  return [part(0), part(8), part(4)]
})

/** A colour as CSS has it. */
export const css = (colour) => `rgb(${colour.map((part) => Math.round(255 * part)).join(' ')})`

/**
 * One scene twice, with the true masks at the left and the segments at the right.
 * @param {Float32Array} image `[CANVAS · CANVAS]`
 * @param {import('./data.js').Target} target
 * @param {import('./evaluate.js').Segment[]} segments
 * @returns {string} SVG
 */
export function scenePicture(image, { labels, masks }, segments) {
  const size = CANVAS ** 2
  const truths = Array.from(labels, (label, i) => ({
    label,
    text: `${label}`,
    title: `true ${label}`,
    pixels: masks.data.subarray(i * size, (i + 1) * size),
  }))
  const found = segments.map(({ query, label, score, pixels }) => {
    const percent = `${Math.round(100 * score)}%`
    return { label, text: `${label} ${percent}`, title: `query ${query}: ${label}, ${percent} sure`, pixels }
  })
  const shift = CANVAS + GAP
  const list = (marks) => marks.map(({ text }) => text).join(', ') || 'nothing'
  return `
    <svg class="card scene" role="img" aria-label="True: ${list(truths)}. Found: ${list(found)}." viewBox="${-EDGE} ${-EDGE} ${shift + CANVAS + 2 * EDGE} ${CANVAS + 2 * EDGE}">
      <g>${half(image, truths)}</g><g transform="translate(${shift})">${half(image, found)}</g>
    </svg>`
}

/** The image with its segments in colour, and their labels. */
function half(image, marks) {
  const picture = `<image width="${CANVAS}" height="${CANVAS}" href="${pngDataUri(painted(image, marks), CANVAS)}"/>`
  const boxes = marks.map(({ text, pixels }) => ({ box: boxOf(pixels), width: text.length * CHARACTER, height: LINE }))
  const places = placeLabels(boxes, { width: CANVAS, height: CANVAS })
  const texts = marks.map(({ label, text, title }, i) => {
    if (!places[i]) return ''
    const at = `x="${round(places[i].x + 0.3)}" y="${round(places[i].y + LINE - 0.9)}" textLength="${round(boxes[i].width - 0.6)}"`
    const fill = css(COLOURS[label])
    return `<text ${at} fill="${fill}" lengthAdjust="spacingAndGlyphs"><title>${title}</title>${text}</text>`
  })
  return picture + texts.join('')
}

/** Red, green and blue of each pixel. */
function painted(image, marks) {
  const values = new Float32Array(3 * image.length)
  image.forEach((brightness, i) => {
    const mark = marks.find(({ pixels }) => pixels[i] === 1)
    const colour = mark ? COLOURS[mark.label].map((part) => COLOUR * part + (1 - COLOUR) * brightness) : [0, 0, 0]
    for (let part = 0; part < 3; part++) values[3 * i + part] = mark ? colour[part] : 0.45 * brightness
  })
  return values
}

/** The rectangle around a mask. */
function boxOf(pixels) {
  let [left, top, right, bottom] = [CANVAS, CANVAS, 0, 0]
  pixels.forEach((pixel, i) => {
    if (pixel === 0) return
    const [x, y] = [i % CANVAS, Math.floor(i / CANVAS)]
    ;[left, top] = [Math.min(left, x), Math.min(top, y)]
    ;[right, bottom] = [Math.max(right, x + 1), Math.max(bottom, y + 1)]
  })
  return { x: left, y: top, width: Math.max(0, right - left), height: Math.max(0, bottom - top) }
}

const round = (value) => Math.round(value * 100) / 100
