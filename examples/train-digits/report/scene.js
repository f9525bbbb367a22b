/** Pictures of scenes: what is there beside what was found, and how the matching pairs them. */
import { CANVAS } from '../data.js'
import { placeLabels } from './labels.js'
import { pngDataUri } from './png.js'

/** Between the two halves of a picture, and around them, in pixels of the scene. */
const GAP = 12
const EDGE = 1
/** Of labels, in pixels of the scene: as high as a line, and as wide as each character. */
const LINE = 5.2
const WIDTHS = { ' ': 1.3, '%': 4.3 }
const DIGIT_WIDTH = 3.1

/** What is drawn, each in its colour. */
export const KINDS = {
  truth: 'true box',
  right: 'matched, right digit',
  wrong: 'matched, wrong digit',
  extra: 'not matched, yet sure',
}

/**
 * One scene twice, with the true boxes at the left, predictions at the right, and a line for each match.
 * @param {Float32Array} pixels
 * @param {import('../metrics.js').Truth[]} real
 * @param {import('../metrics.js').Detection[]} found what each query says
 * @param {{ queryIndices: Int32Array, targetIndices: Int32Array }} matches
 * @param {number} sure from which score on a query that is not matched is drawn
 * @returns {string} SVG
 */
export function scenePicture(pixels, real, found, { queryIndices, targetIndices }, sure) {
  const shift = CANVAS + GAP
  const pairs = Array.from(queryIndices, (query, i) => ({ truth: real[targetIndices[i]], query }))
  const matched = new Set(queryIndices)
  const truths = real.map((truth) => ({
    kind: 'truth',
    text: `${truth.label}`,
    title: `true ${truth.label}`,
    ...truth,
  }))
  const predictions = [
    ...pairs.map(({ truth, query }) => ({
      ...predicted(found[query], truth.label === found[query].label ? 'right' : 'wrong'),
      title: `true ${truth.label}, matched with query ${query}: ${said(found[query])}`,
    })),
    ...found
      .map((detection, query) => ({
        ...predicted(detection, 'extra'),
        title: `query ${query}: ${said(detection)}`,
        query,
      }))
      .filter(({ query, score }) => score >= sure && !matched.has(query)),
  ]
  const links = pairs.map(({ truth }, i) => {
    const [start, end] = [edge(truth.box, 0.5), edge(predictions[i].box, -0.5)]
    return { kind: predictions[i].kind, line: [...start, end[0] + shift, end[1]] }
  })

  const image = `width="${CANVAS}" height="${CANVAS}" href="${pngDataUri(pixels, CANVAS)}"`
  const half = (marks, x) => {
    const lines = links.map(({ line: [x1, y1, x2, y2] }) => [x1 - x, y1, x2 - x, y2])
    return `<g transform="translate(${x})">${drawn(marks, lines)}</g>`
  }
  const spoken = `True: ${list(truths)}. Found: ${list(predictions)}.`
  return `
    <svg class="card scene" role="img" aria-label="${spoken}" viewBox="${-EDGE} ${-EDGE} ${shift + CANVAS + 2 * EDGE} ${CANVAS + 2 * EDGE}">
      <image ${image}/><image x="${shift}" ${image}/>
      ${links.map(({ kind, line }) => `<path class="${kind} link" d="${path(line)}"/>`).join('')}
      ${half(truths, 0)}${half(predictions, shift)}
    </svg>`
}

/** Boxes with their labels, which hide as little as they can of the boxes and of `lines`. */
function drawn(marks, lines) {
  const labels = marks.map(({ box: [cx, cy, w, h], text }) => ({
    box: { x: (cx - w / 2) * CANVAS, y: (cy - h / 2) * CANVAS, width: w * CANVAS, height: h * CANVAS },
    width: textWidth(text),
    height: LINE,
  }))
  const places = placeLabels(labels, { width: CANVAS, height: CANVAS, lines })
  const boxes = marks.map(({ kind, title }, i) => {
    const { x, y, width, height } = labels[i].box
    const size = `width="${round(width)}" height="${round(height)}"`
    return `<rect class="${kind}" x="${round(x)}" y="${round(y)}" ${size}><title>${title}</title></rect>`
  })
  const texts = marks.map(({ kind, text, title }, i) => {
    const place = places[i]
    if (!place) return ''
    const leader = place.leader ? `<path class="${kind} leader" d="${path(place.leader)}"/>` : ''
    const at = `x="${round(place.x + 0.4)}" y="${round(place.y + LINE - 0.9)}" textLength="${round(labels[i].width - 0.8)}"`
    return `${leader}<text class="${kind}" ${at} lengthAdjust="spacingAndGlyphs"><title>${title}</title>${text}</text>`
  })
  return [...boxes, ...texts].join('')
}

const percent = ({ score }) => `${Math.round(100 * score)}%`
const predicted = (detection, kind) => ({ ...detection, kind, text: `${detection.label} ${percent(detection)}` })
const said = (detection) => `${detection.label}, ${percent(detection)} sure`
const list = (marks) => marks.map(({ text }) => text).join(', ') || 'nothing'
const textWidth = (text) => [...text].reduce((sum, character) => sum + (WIDTHS[character] ?? DIGIT_WIDTH), 0.8)

/** The middle of a box's right (0.5) or left (-0.5) edge. */
const edge = ([cx, cy, w], side) => [(cx + side * w) * CANVAS, cy * CANVAS]
const path = ([x1, y1, x2, y2]) => `M${round(x1)} ${round(y1)}L${round(x2)} ${round(y2)}`
const round = (value) => Math.round(value * 100) / 100
