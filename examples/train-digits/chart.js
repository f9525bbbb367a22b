/** Line charts as SVG, drawn in the colours of the page around them. */

const WIDTH = 420
const WIDE = 868
const HEIGHT = 220
const MARGIN = { left: 44, right: 14, top: 12, bottom: 28 }

/**
 * @typedef {{ name: string, color: string, points: [number, number][] }} Series color: the name of a CSS variable
 * @param {{ title: string, series: Series[], xLabel: string, highest?: number, wide?: boolean }} chart
 *   highest: top of the vertical axis, which starts at 0; by default just above the highest point. wide: twice as wide
 * @returns {string} a figure
 */
export function lineChart({ title, series, xLabel, highest, wide = false }) {
  const width = wide ? WIDE : WIDTH
  const points = series.flatMap((line) => line.points)
  const xTicks = ticks(Math.max(...points.map(([x]) => x)))
  const yTicks = ticks(highest ?? Math.max(...points.map(([, y]) => y)))
  const right = Math.max(...points.map(([x]) => x))
  const top = highest ?? yTicks.at(-1) + (yTicks[1] - yTicks[0])
  const x = (value) => round(MARGIN.left + (value / right) * (width - MARGIN.left - MARGIN.right))
  const y = (value) => round(HEIGHT - MARGIN.bottom - (value / top) * (HEIGHT - MARGIN.top - MARGIN.bottom))

  const grid = yTicks.map(
    (tick) => `
      <line class="grid" x1="${MARGIN.left}" x2="${width - MARGIN.right}" y1="${y(tick)}" y2="${y(tick)}"/>
      <text x="${MARGIN.left - 8}" y="${y(tick) + 4}" text-anchor="end">${tick}</text>`,
  )
  const labels = xTicks.map(
    (tick) => `
      <text x="${x(tick)}" y="${HEIGHT - 8}" text-anchor="middle">${tick}</text>`,
  )
  const lines = series.map(
    ({ color, points }) => `
      <polyline style="stroke: var(${color})" points="${points.map((point) => `${x(point[0])},${y(point[1])}`).join(' ')}"/>
      <circle style="fill: var(${color})" cx="${x(points.at(-1)[0])}" cy="${y(points.at(-1)[1])}" r="3.5"/>`,
  )
  const legend = series.map(
    ({ name, color, points }) =>
      `<span><i style="background: var(${color})"></i>${name} <b>${significant(points.at(-1)[1])}</b></span>`,
  )
  return `
  <figure class="card${wide ? ' wide' : ''}">
    <figcaption><h3>${title}</h3><div class="legend">${legend.join('')}</div></figcaption>
    <svg viewBox="0 0 ${width} ${HEIGHT}" role="img" aria-label="${title} by ${xLabel}">${grid.join('')}${labels.join('')}
      <text x="0" y="${HEIGHT - 8}">${xLabel}</text>${lines.join('')}
    </svg>
  </figure>`
}

/** Round numbers from 0 up to `highest`, three to six of them. */
function ticks(highest) {
  const magnitude = 10 ** Math.floor(Math.log10(highest))
  const step = magnitude * [0.1, 0.2, 0.5, 1, 2].find((factor) => highest / (magnitude * factor) <= 5.5)
  return Array.from({ length: Math.floor(highest / step + 1e-9) + 1 }, (_, i) => Number((i * step).toPrecision(6)))
}

/** Three significant digits, but no more than three decimals. */
const significant = (value) => (value < 0.1 ? value.toFixed(3) : value.toPrecision(3))

const round = (value) => Math.round(value * 100) / 100
