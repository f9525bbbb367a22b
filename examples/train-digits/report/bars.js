/** A table whose numbers from 0 to 1 are drawn as bars beside them. */

/**
 * @param {{
 *   title: string, label: string, count: string, columns: { name: string, color: string }[],
 *   rows: { label: string, count: number, values: number[] }[],
 * }} table
 *   label and count: what stands in the first two columns; color: the name of a CSS variable. Each row has a value for each column;
 *   a negative one means that there is none
 * @returns {string} a figure
 */
export function barTable({ title, label, count, columns, rows }) {
  const heads = columns.map(
    ({ name, color }) => `<th scope="col"><i style="background: var(${color})"></i>${name}</th>`,
  )
  const lines = rows.map((row) => {
    const bars = columns.map(
      ({ color }, i) => `<i style="--part: ${percent(row.values[i])}; --color: var(${color})"></i>`,
    )
    const numbers = row.values.map((value) => `<td class="number">${value < 0 ? '–' : value.toFixed(3)}</td>`)
    return `
      <tr><th scope="row">${row.label}</th><td class="number count">${row.count}</td><td class="bar" aria-hidden="true">${bars.join('')}</td>${numbers.join('')}</tr>`
  })
  return `
  <figure class="card bars">
    <figcaption><h3>${title}</h3></figcaption>
    <table>
      <thead><tr><th scope="col">${label}</th><th scope="col" class="count">${count}</th><td></td>${heads.join('')}</tr></thead>
      <tbody>${lines.join('')}</tbody>
    </table>
  </figure>`
}

const percent = (value) => `${Math.max(0, Math.round(1000 * value) / 10)}%`
