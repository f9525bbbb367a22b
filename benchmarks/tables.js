/** What became of contenders, as Markdown. */
import { aboveFloor, lead } from './outcomes.js'

/** @typedef {{ family: string, size: string, outcomes: import('./outcomes.js').Outcome[] }} Row */

/**
 * A section: how far ours leads, families × sizes; then all times; then what went wrong.
 * @param {{ title: string, rows: Row[] }} section
 */
export function toTables({ title, rows }) {
  const failures = rows.flatMap(({ family, size, outcomes }) =>
    outcomes.flatMap(({ failure }) => (failure === undefined ? [] : `- ${family}, ${size}: ${failure}`)),
  )
  const parts = [`## ${title}`, leadTable(rows), timeTable(rows), failures.join('\n')]
  return parts.filter((part) => part !== '').join('\n\n')
}

function leadTable(rows) {
  const sizes = [...new Set(rows.map(({ size }) => size))]
  const families = [...new Set(rows.map(({ family }) => family))]
  const cell = (family, size) => {
    const row = rows.find((row) => row.family === family && row.size === size)
    return row === undefined ? '' : showRatio(lead(row.outcomes))
  }
  const line = (family) => [family].concat(sizes.map((size) => cell(family, size)))
  return table(['fastest rival ÷ ours', ...sizes], families.map(line))
}

function timeTable(rows) {
  const names = rows[0].outcomes.map(({ name }) => name)
  const overFloor = rows[0].outcomes.some(({ isFloor }) => isFloor) ? ['ours ÷ floor'] : []
  return table(
    ['input', 'size', names[0], '±', ...names.slice(1), 'fastest rival ÷ ours', ...overFloor],
    rows.map(({ family, size, outcomes }, i) => {
      const [ours, ...others] = outcomes
      const spread = ours.figures === undefined ? '' : `± ${(100 * ours.figures.spread).toFixed(0)} %`
      const title = family === rows[i - 1]?.family ? '' : family
      const ratios = [lead(outcomes), ...overFloor.map(() => aboveFloor(outcomes))]
      return [title, size, showOutcome(ours), spread, ...others.map(showOutcome), ...ratios.map(showRatio)]
    }),
  )
}

/** A table whose first column is text and whose others are figures. */
export function table(head, rows) {
  const rule = head.map((_, i) => (i === 0 ? '---' : '---:'))
  return [head, rule, ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n')
}

function showOutcome({ figures, wrong, limit, skipped, failure }) {
  if (failure !== undefined) return 'failed'
  if (skipped) return '–'
  if (limit !== undefined) return `> ${limit} s`
  return wrong === undefined ? showTime(figures.median) : `${showTime(figures.median)}, wrong: ${wrong}`
}

/** A ratio with its sign; – where there is none. */
export function showRatio(ratio) {
  if (ratio === undefined) return '–'
  return `${ratio >= 100 ? ratio.toFixed(0) : ratio.toPrecision(2)} ×`
}

/** Three significant digits with a unit. */
export function showTime(seconds) {
  const [unit, factor] = seconds < 1e-3 ? ['µs', 1e6] : seconds < 1 ? ['ms', 1e3] : ['s', 1]
  const value = seconds * factor
  return `${value >= 100 ? value.toFixed(0) : value.toPrecision(3)} ${unit}`
}
