/** Line charts, drawn in the colours of the page around them. The lines take the width that there is; text keeps its size. */

/** As wide as the lines are on the narrowest screens, and a character of a label and the least gap between two, in pixels. */
const NARROWEST = 200
const CHARACTER = 7
const GAP = 14
const MOST_INTERVALS = 5

/**
 * @typedef {{ name: string, color: string, points: [number, number][], value?: number }} Series
 *   color: the name of a CSS variable. value: what the legend says; by default the last point's, which is then marked by a dot
 * @param {{ title: string, series: Series[], xLabel: string, last: number, whole?: boolean, top?: number, wide?: boolean }} chart
 *   last: where the horizontal axis ends, and whole: whether it counts in whole numbers; top: where the vertical one ends, by
 *   default at the next round number above all points; both start at 0. wide: takes two columns
 * @returns {string} a figure
 */
export function lineChart({ title, series, xLabel, last, whole, top, wide = false }) {
  const highest = Math.max(...series.flatMap(({ points }) => points.map(([, y]) => y)))
  const xTicks = ticks(last, { most: intervals(last), whole })
  const yTicks = top === undefined ? ticksAbove(highest) : ticks(top, { most: MOST_INTERVALS })
  const x = (value) => round((100 * value) / last)
  const y = (value) => round(100 - (100 * value) / yTicks.at(-1))

  const grid = yTicks.map((tick) => `<path class="grid" d="M0 ${y(tick)}H100"/>`)
  const lines = series.map(({ color, points, value }) => {
    const [endX, endY] = points.at(-1)
    const dot = value === undefined ? `<path class="dot" d="M${x(endX)} ${y(endY)}h0"/>` : ''
    const path = points.map((point) => `${x(point[0])} ${y(point[1])}`).join('L')
    return `<g style="stroke: var(${color})"><path d="M${path}"/>${dot}</g>`
  })
  const yLabels = yTicks.map((tick) => `<span class="y" style="top: ${y(tick)}%">${number(tick)}</span>`)
  const xLabels = xTicks.map((tick) => `<span class="x" style="left: ${x(tick)}%">${number(tick)}</span>`)
  const shown = series.map(({ name, color, points, value = points.at(-1)[1] }) => ({
    name,
    color,
    value: significant(value),
  }))
  const legend = shown.map(
    ({ name, color, value }) => `<span><i style="background: var(${color})"></i>${name} <b>${value}</b></span>`,
  )
  const spoken = `${title} by ${xLabel}: ${shown.map(({ name, value }) => `${name} ${value}`).join(', ')}`
  return `
  <figure class="card${wide ? ' wide' : ''}">
    <figcaption><h3>${title}</h3><div class="legend">${legend.join('')}</div></figcaption>
    <div class="plot" style="margin-right: ${number(last).length / 2}ch" role="img" aria-label="${spoken}">
      <svg viewBox="0 0 100 100" preserveAspectRatio="none">${grid.join('')}${lines.join('')}</svg>
      ${yLabels.join('')}${xLabels.join('')}
    </div>
    <div class="axis">${xLabel}</div>
  </figure>`
}

/**
 * Round numbers from 0 on, and `last`, whether it is round or not. Steps that lead to `last` are preferred; a number that is too
 * near to it for both to be written is left out.
 * @param {number} last more than 0
 * @param {{ most: number, whole?: boolean }} options most: intervals between them; whole: whole numbers only
 * @returns {number[]}
 */
export function ticks(last, { most, whole = false }) {
  const steps = roundSteps(last, most).filter((step) => !whole || Number.isInteger(step))
  const step = steps.find((step) => isWhole(last / step)) ?? steps[0] ?? last
  const before = Array.from({ length: Math.ceil(last / step - 1e-9) }, (_, i) => tidy(i * step))
  return [...before.filter((tick) => tick === 0 || last - tick >= (0.99 * last) / most), last]
}

/** Round numbers from 0 to the first that is not below `highest`. */
function ticksAbove(highest) {
  const [step] = roundSteps(highest > 0 ? highest : 1, MOST_INTERVALS)
  return Array.from({ length: Math.max(1, Math.ceil(highest / step - 1e-9)) + 1 }, (_, i) => tidy(i * step))
}

/** Round steps with which 0 and `last` are at least one and at most so many intervals apart, the smallest first. */
function roundSteps(last, most) {
  const magnitude = 10 ** Math.floor(Math.log10(last))
  return [0.1, 0.2, 0.25, 0.5, 1, 2, 2.5, 5]
    .map((factor) => tidy(factor * magnitude))
    .filter((step) => last / step <= most + 1e-9 && step <= last)
}

/** How many intervals leave room for numbers as long as the last one. */
const intervals = (last) => {
  const length = number(last).length * CHARACTER + GAP
  return Math.max(1, Math.min(MOST_INTERVALS, Math.floor(NARROWEST / length)))
}

const isWhole = (value) => Math.abs(value - Math.round(value)) < 1e-9
const tidy = (value) => Number(value.toPrecision(6))
const number = (value) => value.toLocaleString('en', { maximumFractionDigits: 6 })

/** Three significant digits, but no more than three decimals. */
const significant = (value) => (value < 0.1 ? value.toFixed(3) : value.toPrecision(3))

const round = (value) => Math.round(value * 100) / 100
