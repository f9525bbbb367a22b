/** Heat maps of the matching cost, whole and by term: queries by targets, the cheaper the stronger. */
import type { CostMap } from '../study/costs.ts'
import type { ImageStudy, TargetStudy } from '../study/study.ts'
import { chip, colourOf, STRONGEST } from './colours.ts'
import { count, escape, number, scrolling } from './text.ts'

/** So many targets and queries are shown. */
const COLUMNS = 40
const ROWS = 60
/** Where there are no more, all queries are shown. */
const FEW = 20
/** The cheapest queries of each target that are shown beside those matched. */
const CHEAPEST = 3

/** The maps of an image; empty where it has no target. */
export function mapsOf(image: ImageStudy): string {
  const { costs, targets, isSolved } = image
  const [whole] = costs
  if (whole === undefined || targets.length === 0 || whole.block.shape[0] === 0) return ''
  const columns = targets.map((_, target) => target).slice(0, COLUMNS)
  const rows = chooseRows(image, columns)
  const choices = costs.map(({ name }, i) => {
    return `<label><input type="radio" name="map-${image.image}" value="${i}"${i === 0 ? ' checked' : ''}>${escape(name ?? 'all terms')}</label>`
  })
  const maps = costs.map((map, i) => mapOf(image, map, i, rows, columns))
  const [queries] = whole.block.shape
  const left = [
    ...(rows.length < queries ? [count(queries - rows.length, 'further query', 'further queries')] : []),
    ...(columns.length < targets.length ? [count(targets.length - columns.length, 'target')] : []),
  ]
  return `<section class="maps"><h4>Matching cost</h4>
    <fieldset><legend>Queries by targets; the matched pairs are framed${isSolved ? ', and their sum is the least there is' : ''}.</legend>${choices.join('')}</fieldset>
    ${maps.join('')}
    <p class="scale"><span>cheap</span> <i></i> <span>dear</span>${left.length > 0 ? ` <span>· not shown: ${left.join(' and ')}</span>` : ''}</p></section>`
}

/** The matched queries in the order of their targets, then the cheapest others. */
function chooseRows({ pairs, costs, first }: ImageStudy, columns: readonly number[]): readonly number[] {
  const { data, shape } = (costs[0] as CostMap).block
  const [queries, targets] = shape
  const costOf = (row: number, column: number) => data[row * targets + column] as number
  const matched = pairs
    .filter(({ target }) => target < columns.length)
    .toSorted((a, b) => a.target - b.target)
    .map(({ query }) => query - first)
  const chosen = new Set(matched.slice(0, ROWS))
  const all = Array.from({ length: queries }, (_, row) => row)
  const cheapest = (column: number) => all.toSorted((a, b) => costOf(a, column) - costOf(b, column))
  const others = queries <= FEW ? all : columns.flatMap((column) => cheapest(column).slice(0, CHEAPEST + 1))
  const least = (row: number) => Math.min(...columns.map((column) => costOf(row, column)))
  for (const row of [...new Set(others)].sort((a, b) => least(a) - least(b))) {
    if (chosen.size < ROWS) chosen.add(row)
  }
  return [...chosen]
}

function mapOf(
  { image, targets, pairs, first }: ImageStudy,
  { name, block }: CostMap,
  place: number,
  rows: readonly number[],
  columns: readonly number[],
): string {
  const costOf = (row: number, column: number) => block.data[row * block.shape[1] + column] as number
  const values = rows.flatMap((row) => columns.map((column) => costOf(row, column))).filter((v) => Number.isFinite(v))
  const least = values.reduce((a, b) => Math.min(a, b), Infinity)
  const range = values.reduce((a, b) => Math.max(a, b), -Infinity) - least
  const heat = (cost: number) => {
    const share = range > 0 && Number.isFinite(cost) ? 1 - (cost - least) / range : 0
    return Math.round(STRONGEST * share)
  }
  const matched = new Set(pairs.map(({ query, target }) => `${query - first}:${target}`))
  const head = columns.map(
    (column) => `<th scope="col">${chip(`t${column}`, column)}<br>${labelOf(targets[column])}</th>`,
  )
  const lines = rows.map((row) => {
    const cells = columns.map((column) => {
      const cost = costOf(row, column)
      const isPair = matched.has(`${row}:${column}`)
      const is = isPair ? ` class="pair ${colourOf(column)}"` : ''
      return `<td${is} style="--h: ${heat(cost)}%" data-cost="${cost}">${number(cost)}</td>`
    })
    const own = pairs.find(({ query }) => query - first === row)?.target
    return `<tr><th scope="row">${chip(`q${row + first}`, own)}</th>${cells.join('')}</tr>`
  })
  const label = `Matching cost of image ${image}, ${name ?? 'all terms'}`
  return `<div class="map" data-map="${place}">${scrolling(
    label,
    `<table aria-label="${escape(label)}"><thead><tr><td></td>${head.join('')}</tr></thead><tbody>${lines.join('')}</tbody></table>`,
  )}</div>`
}

/** A target's labels, as a column's head has them. */
export function labelOf(target: TargetStudy | undefined): string {
  if (target === undefined) return ''
  return target.isIgnored ? 'ignored' : `label ${target.labels.join(', ')}`
}
