/** Shapes of a picture in SVG, for light and dark surroundings. */

/** Colours in light and in dark surroundings. */
const COLOURS = {
  ours: ['#0969da', '#58a6ff'],
  theirs: ['#bc4c00', '#f0883e'],
  third: ['#8250df', '#bc8cff'],
  quiet: ['#59636e', '#9198a1'],
}
const rulesOf = (mode) =>
  Object.entries(COLOURS)
    .map(([name, colours]) => {
      const colour = colours[mode]
      return `.${name} { stroke: ${colour}; } .${name}-text { fill: ${colour}; } .${name}-fill { fill: ${colour}; }`
    })
    .join('\n    ')
const STYLE = `
    svg { font: 15px system-ui, sans-serif; }
    .surface { fill: #ffffff; } .text { fill: #1f2328; } .faint { fill: #59636e; }
    .frame { fill: none; stroke: #d1d9e0; stroke-width: 1; } .tile { fill: #f6f8fa; stroke: #d1d9e0; stroke-width: 1; }
    .line { fill: none; stroke-width: 2.5; } .dashed { stroke-dasharray: 6 4; } .thin { stroke-width: 1.5; }
    .shade { fill-opacity: 0.18; stroke: none; } .small { font-size: 13px; } .strong { font-weight: 600; }
    ${rulesOf(0)}
    @media (prefers-color-scheme: dark) {
    .surface { fill: #0d1117; } .text { fill: #f0f6fc; } .faint { fill: #9198a1; }
    .frame { stroke: #30363d; } .tile { fill: #161b22; stroke: #30363d; }
    ${rulesOf(1)}
    }`

/**
 * A whole picture.
 * @param {string} title what it shows, for those who do not see it
 * @param {number} width
 * @param {number} height
 * @param {Shapes} shapes
 * @typedef {string | Shapes[]} Shapes shapes in lists of any depth
 */
export function picture(title, width, height, shapes) {
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img">`,
    `<title>${escape(title)}</title>`,
    `<style>${STYLE}\n</style>`,
    `<rect class="surface" width="${width}" height="${height}"/>`,
    ...[shapes].flat(Infinity),
    '</svg>',
    '',
  ].join('\n')
}

/** @param {'start' | 'middle' | 'end'} anchor */
export const text = (x, y, content, classes = 'text', anchor = 'middle') =>
  `<text class="${classes}" x="${round(x)}" y="${round(y)}" text-anchor="${anchor}">${escape(String(content))}</text>`

export const rect = (x, y, width, height, classes) =>
  `<rect class="${classes}" x="${round(x)}" y="${round(y)}" width="${round(width)}" height="${round(height)}"/>`

export const line = (x1, y1, x2, y2, classes) =>
  `<line class="line ${classes}" x1="${round(x1)}" y1="${round(y1)}" x2="${round(x2)}" y2="${round(y2)}"/>`

export const circle = (x, y, radius, classes) =>
  `<circle class="${classes}" cx="${round(x)}" cy="${round(y)}" r="${radius}"/>`

/** A line with a head at its end. `colour`: one of the names of colours. */
export function arrow(x1, y1, x2, y2, colour) {
  const length = Math.hypot(x2 - x1, y2 - y1)
  const [dx, dy] = [(x2 - x1) / length, (y2 - y1) / length]
  const back = Math.min(9, length)
  const corner = (side) => `${round(x2 - back * dx - side * 5 * dy)},${round(y2 - back * dy + side * 5 * dx)}`
  const head = `<polygon class="${colour}-fill" points="${round(x2)},${round(y2)} ${corner(1)} ${corner(-1)}"/>`
  return line(x1, y1, x2 - (back / 2) * dx, y2 - (back / 2) * dy, colour) + head
}

/** A number with the digits that a picture has room for, and a minus sign of full width. */
export const number = (value, digits = 2) => value.toFixed(digits).replace('-', '−')

const round = (value) => Math.round(value * 10) / 10

const escape = (content) => content.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`)
