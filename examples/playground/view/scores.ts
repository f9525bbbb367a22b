/** The class scores of all queries, and which way a step would move each. */
import { datum, find, html, list, set, write } from '../dom.ts'
import { probabilities } from '../scores.ts'
import type { Query } from '../state.ts'
import type { Store } from '../store.ts'
import { number } from '../text.ts'
import { COLUMN_KEYS, COLUMN_NAMES } from './words.ts'

/** Below it a gradient is none to speak of. */
const SMALL = 0.0005

export function showScores(store: Store): void {
  const table = find('scores')
  const [head, body] = [html('tr', {}, html('td')), html('tbody')]
  table.append(html('thead', {}, head), body)
  let { study, look } = store.scenery

  const showHead = list<string, { root: HTMLTableCellElement }>(
    head,
    (column) => ({ root: html('th', { scope: 'col', 'data-class': COLUMN_KEYS[column] }) }),
    ({ root }, name) => write(root, name),
  )
  const makeRow = (query: number) => {
    const root = html('tr', {}, html('th', { scope: 'row' }, `Q${query + 1}`))
    root.addEventListener('click', () => store.look({ selected: { side: 'query', index: query } }))
    root.addEventListener('pointerenter', () => store.look({ hovered: { query } }))
    root.addEventListener('pointerleave', () => store.look({ hovered: {} }))
    const show = list<number, ReturnType<typeof makeCell>>(root, makeCell, (cell, probability, column) => {
      const gradient = study.gradients.logits[query]?.[column] ?? 0
      cell.root.style.setProperty('--share', `${100 * probability}%`)
      write(cell.probability, number(probability))
      datum(cell.gradient, gradient, wayOf(gradient))
      set(cell.root, { title: `gradient by the logit: ${number(gradient, 4)}` })
    })
    return { root, show }
  }
  const showRows = list<Query, ReturnType<typeof makeRow>>(body, makeRow, ({ root, show }, { logits }, query) => {
    const { selected } = look
    set(root, { 'data-selected': selected?.side === 'query' && selected.index === query })
    show(probabilities(logits, study.columns))
  })
  store.show((scenery) => {
    ;({ study, look } = scenery)
    showHead(COLUMN_NAMES.slice(0, study.columns))
    showRows(scenery.state.queries)
  })
}

function makeCell(column: number) {
  const [probability, gradient] = [html('span'), html('data')]
  const root = html('td', { 'data-class': COLUMN_KEYS[column] }, probability, gradient)
  return { root, probability, gradient }
}

/** A step goes against the gradient: so a negative one raises the score. */
function wayOf(gradient: number): string {
  if (Math.abs(gradient) < SMALL) return '·'
  return `${gradient < 0 ? '↑' : '↓'} ${number(Math.abs(gradient), 3)}`
}
