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
 * @param {import('../evaluate.js').Truth} truth
 * @param {import('hungarian-loss').Detections} detections of all queries, with boxes in pixels
 * @param {{ queryIndices: Int32Array, targetIndices: Int32Array }} matches
 * @param {number} sure from which score on a query that is not matched is drawn
 * @returns {string} SVG
 */
export function scenePicture(pixels, truth, detections, { queryIndices, targetIndices }, sure) {
  const shift = CANVAS + GAP
  const truths = Array.from(truth.labels, (label, i) => ({
    kind: 'truth',
    text: `${label}`,
    title: `true ${label}`,
    box: rect(truth.boxes, i),
  }))
  const matched = Array.from(queryIndices, (query, i) => {
    const label = truth.labels[targetIndices[i]]
    const found = detections.queryIndices.indexOf(query)
    const kind = label === detections.labels[found] ? 'right' : 'wrong'
    return prediction(kind, `true ${label}, matched with`, detections, found)
  })
  const extras = Array.from(detections.queryIndices.keys())
    .filter((i) => detections.scores[i] >= sure && !queryIndices.includes(detections.queryIndices[i]))
    .map((i) => prediction('extra', 'not matched:', detections, i))
  const predictions = [...matched, ...extras]
  const links = matched.map(({ kind, box }, i) => {
    const { x, y, width, height } = truths[targetIndices[i]].box
    const start = [x + width, y + height / 2]
    return { kind, line: [...start, box.x + shift, box.y + box.height / 2] }
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
  const labels = marks.map(({ box, text }) => ({ box, width: textWidth(text), height: LINE }))
  const places = placeLabels(labels, { width: CANVAS, height: CANVAS, lines })
  const boxes = marks.map(({ kind, title, box: { x, y, width, height } }) => {
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

/** What a detection says, in short and in words that begin with `what`, and where. */
function prediction(kind, what, { labels, scores, boxes, queryIndices }, i) {
  const [label, percent] = [labels[i], `${Math.round(100 * scores[i])}%`]
  const title = `${what} query ${queryIndices[i]}: ${label}, ${percent} sure`
  return { kind, text: `${label} ${percent}`, title, box: rect(boxes, i) }
}

/** One of many boxes `[n · 4]`, each its left, top, right and bottom. */
function rect(boxes, i) {
  const [x, y, right, bottom] = boxes.subarray(4 * i, 4 * i + 4)
  return { x, y, width: right - x, height: bottom - y }
}

const list = (marks) => marks.map(({ text }) => text).join(', ') || 'nothing'
const textWidth = (text) => [...text].reduce((sum, character) => sum + (WIDTHS[character] ?? DIGIT_WIDTH), 0.8)

const path = ([x1, y1, x2, y2]) => `M${round(x1)} ${round(y1)}L${round(x2)} ${round(y2)}`
const round = (value) => Math.round(value * 100) / 100
