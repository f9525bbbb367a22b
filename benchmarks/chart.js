/** Times as an SVG chart with logarithmic axes, for light and dark surroundings. */
import { showTime } from './tables.js'

/**
 * @typedef {object} Series
 * @property {string} name
 * @property {[number, number][]} points x and seconds, both above 0, by rising x
 * @property {'ours' | 'variant' | 'rival' | 'floor'} kind
 *
 * @typedef {{ title: string, xLabel: string, series: Series[] }} Chart
 */

const SIZE = { width: 860, height: 500 }
const PLOT = { left: 76, right: 620, top: 56, bottom: 440 }
/** Least distance of two names at the right. */
const LINE_HEIGHT = 18

/** Colours in light and in dark surroundings: ours, then the rivals in turn. */
const OURS = ['#0969da', '#58a6ff']
const RIVALS = [
  ['#bc4c00', '#f0883e'],
  ['#8250df', '#bc8cff'],
  ['#1a7f37', '#3fb950'],
  ['#bf3989', '#f778ba'],
  ['#8a6100', '#d29922'],
  ['#0e7490', '#39c5cf'],
]
const STYLE = `
  svg { font: 13px system-ui, sans-serif; }
  .surface { fill: #ffffff; } .text { fill: #1f2328; } .faint { fill: #59636e; }
  .grid { stroke: #d1d9e0; stroke-width: 1; } .line { fill: none; stroke-width: 2; }
  .ours { stroke-width: 3.5; } .variant { stroke-dasharray: 2 4; } .floor { stroke-dasharray: 7 4; }
  .title { font-size: 16px; font-weight: 600; }
  @media (prefers-color-scheme: dark) {
    .surface { fill: #0d1117; } .text { fill: #f0f6fc; } .faint { fill: #9198a1; } .grid { stroke: #30363d; }
  }`

/**
 * Draws a chart. Series without points are left out.
 * @param {Chart} chart
 * @returns {string} SVG
 */
export function drawChart({ title, xLabel, series }) {
  const shown = colour(series.filter(({ points }) => points.length > 0))
  const x = scale(shown, 0, PLOT.left, PLOT.right)
  const y = scale(shown, 1, PLOT.bottom, PLOT.top)
  const middle = (PLOT.left + PLOT.right) / 2
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${SIZE.width} ${SIZE.height}" role="img">`,
    `<title>${escape(title)}</title>`,
    `<style>${STYLE}${colourRules(shown)}\n</style>`,
    `<rect class="surface" width="${SIZE.width}" height="${SIZE.height}"/>`,
    `<text class="text title" x="${PLOT.left}" y="30">${escape(title)}</text>`,
    ...x.ticks.map((value) => verticalTick(x.place(value), value)),
    ...y.ticks.map((value) => horizontalTick(y.place(value), value)),
    `<text class="faint" x="${middle}" y="${SIZE.height - 18}" text-anchor="middle">${escape(xLabel)}</text>`,
    ...shown.map((one) => line(one, x, y)),
    ...names(shown, y),
    '</svg>',
    '',
  ].join('\n')
}

/** Ours, its variants and the floor have colours of their own; rivals take theirs in order. */
function colour(series) {
  const rivals = series.filter(({ kind }) => kind === 'rival')
  return series.map((one, i) => {
    const own = one.kind === 'rival' ? RIVALS[rivals.indexOf(one) % RIVALS.length] : OURS
    return { ...one, id: `s${i}`, colours: one.kind === 'floor' ? ['#59636e', '#9198a1'] : own }
  })
}

function colourRules(series) {
  const rule = ({ id, colours }, mode) =>
    `.${id} .line { stroke: ${colours[mode]}; } .${id} .dot, .${id} .name { fill: ${colours[mode]}; }`
  const rules = (mode) => series.map((one) => rule(one, mode)).join('\n  ')
  return `\n  ${rules(0)}\n  @media (prefers-color-scheme: dark) {\n  ${rules(1)}\n  }`
}

/**
 * A logarithmic axis over the values at an index of all points: where they lie, and ticks at powers of ten or, where
 * these are few, at 1, 2 and 5 of each.
 */
function scale(series, index, from, to) {
  const values = series.flatMap(({ points }) => points.map((point) => Math.log10(point[index])))
  const least = Math.min(...values)
  const most = Math.max(...values)
  const padding = 0.04 * (most - least) || 0.1
  const [low, high] = [least - padding, most + padding]
  const place = (value) => from + ((Math.log10(value) - low) / (high - low)) * (to - from)
  const steps = high - low > 2.5 ? [1] : [1, 2, 5]
  const decades = Array.from({ length: Math.ceil(high) - Math.floor(low) + 1 }, (_, i) => Math.floor(low) + i)
  const ticks = decades.flatMap((decade) => steps.map((step) => Number(`${step}e${decade}`)))
  return { place, ticks: ticks.filter((tick) => Math.log10(tick) >= low && Math.log10(tick) <= high) }
}

function verticalTick(x, value) {
  const label = value.toLocaleString('en-US')
  return [
    `<line class="grid" x1="${round(x)}" y1="${PLOT.top}" x2="${round(x)}" y2="${PLOT.bottom}"/>`,
    `<text class="faint" x="${round(x)}" y="${PLOT.bottom + 20}" text-anchor="middle">${label}</text>`,
  ].join('\n')
}

function horizontalTick(y, value) {
  const label = showTime(value).replace(/\.0+ /, ' ')
  return [
    `<line class="grid" x1="${PLOT.left}" y1="${round(y)}" x2="${PLOT.right}" y2="${round(y)}"/>`,
    `<text class="faint" x="${PLOT.left - 8}" y="${round(y + 4)}" text-anchor="end">${label}</text>`,
  ].join('\n')
}

function line({ id, kind, points }, x, y) {
  const places = points.map(([a, b]) => [round(x.place(a)), round(y.place(b))])
  const dots = places.map(([a, b]) => `<circle class="dot" cx="${a}" cy="${b}" r="3.5"/>`)
  return `<g class="${id}"><polyline class="line ${kind}" points="${places.join(' ')}"/>${dots.join('')}</g>`
}

/** The names, each beside the end of its line or as near as the others allow. */
function names(series, y) {
  const ends = series.map((one) => ({ ...one, y: y.place(one.points.at(-1)[1]) })).sort((a, b) => a.y - b.y)
  ends.forEach((end, i) => (end.y = Math.max(end.y, (ends[i - 1]?.y ?? -Infinity) + LINE_HEIGHT)))
  const excess = Math.max(0, ends.at(-1).y - PLOT.bottom)
  ends.at(-1).y -= excess
  for (let i = ends.length - 2; i >= 0; i--) ends[i].y = Math.min(ends[i].y, ends[i + 1].y - LINE_HEIGHT)
  return ends.map(({ id, name, kind, y }) => {
    const place = `x="${PLOT.right + 12}" y="${round(y + 4)}"${kind === 'ours' ? ' font-weight="700"' : ''}`
    return `<g class="${id}"><text class="name" ${place}>${escape(name)}</text></g>`
  })
}

function round(value) {
  return Math.round(value * 10) / 10
}

function escape(text) {
  return text.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`)
}

/**
 * The series of rows that have an `x`: one for each contender, of the times that are right.
 * @param {(import('./tables.js').Row & { x?: number })[]} rows
 * @returns {Series[]}
 */
export function seriesOf(rows) {
  const placed = rows.filter(({ x }) => x !== undefined).sort((a, b) => a.x - b.x)
  return (placed[0]?.outcomes ?? []).map(({ name, isRival, isFloor }, i) => ({
    name,
    kind: isFloor ? 'floor' : isRival ? 'rival' : i === 0 ? 'ours' : 'variant',
    points: placed.flatMap(({ x, outcomes }) => {
      const { figures, wrong } = outcomes.find((outcome) => outcome.name === name)
      return figures === undefined || wrong !== undefined ? [] : [[x, figures.median]]
    }),
  }))
}
