/** The matching cost of every pair as a heat map, whole or one of its terms; the pairs of the matching are marked. */
import { datum, find, html, list, set, write } from '../dom.ts'
import { CLASSES } from '../state.ts'
import type { State } from '../state.ts'
import type { Look, Scenery, Store } from '../store.ts'
import type { Costs, Study } from '../study.ts'
import { number } from '../text.ts'

/** More targets than so many need smaller numbers on a small screen. */
const FEW = 4
/** How strong the colour of the least cost is, in percent. */
const STRONGEST = 50

const TITLES = {
  total: 'class, L1 and GIoU together',
  class: 'what the class of the target costs, with its weight',
  l1: 'the L1 distance of the boxes, with its weight',
  giou: 'minus the GIoU of the boxes, with its weight',
} as const

export function showMatrix(store: Store): void {
  const [table, note] = [find<HTMLTableElement>('matrix'), find('matrix-note')]
  const parts = document.querySelectorAll<HTMLInputElement>('input[name="part"]')
  for (const input of parts) {
    input.addEventListener('change', () => store.look({ part: input.value as Look['part'] }))
  }
  const [head, body] = [html('tr', {}, html('td')), html('tbody')]
  table.append(html('thead', {}, head), body)

  let latest = store.scenery
  let range: readonly [number, number] = [0, 1]
  const showHead = list<number, { root: HTMLTableCellElement }>(
    head,
    () => ({ root: html('th', { scope: 'col' }) }),
    ({ root }, label, target) => {
      write(root, `T${target + 1}`)
      set(root, { 'data-class': CLASSES[label], title: CLASSES[label] })
    },
  )
  const makeRow = (query: number) => {
    const name = html('th', { scope: 'row' }, `Q${query + 1}`)
    const root = html('tr', {}, name)
    const show = list<number, { root: HTMLTableCellElement; value: HTMLDataElement }>(
      root,
      (target) => {
        const value = html('data')
        const cell = html('td', {}, value)
        cell.addEventListener('pointerenter', () => store.look({ hovered: { query, target } }))
        cell.addEventListener('pointerleave', () => store.look({ hovered: {} }))
        cell.addEventListener('click', () => store.look({ selected: { side: 'query', index: query } }))
        return { root: cell, value }
      },
      ({ root: cell, value }, cost, target) => {
        const [least, most] = range
        const share = most > least ? (most - cost) / (most - least) : 0
        datum(value, cost, number(cost))
        cell.style.setProperty('--heat', `${Math.round(STRONGEST * share)}%`)
        set(cell, {
          'data-matched': latest.study.targetOf[query] === target,
          'data-lit': isLit(latest.look, query, target),
        })
      },
    )
    return { root, show }
  }
  const showRows = list<readonly number[], ReturnType<typeof makeRow>>(body, makeRow, ({ show }, row) => show(row))

  store.show((scenery: Scenery) => {
    latest = scenery
    const { state, study, look } = scenery
    const costs = costsOf(study, state, look.part)
    const all = costs.flat()
    range = [Math.min(...all), Math.max(...all)]
    for (const input of parts) input.checked = input.value === look.part
    set(table, { 'data-many': state.targets.length > FEW })
    showHead(state.targets.map(({ label }) => label))
    showRows(costs)
    write(note, state.targets.length === 0 ? 'There are no targets.' : `Shown: ${TITLES[look.part]}.`)
  })
}

/** The costs, or those of one term with its weight. */
function costsOf(study: Study, state: State, part: Look['part']): Costs {
  if (part === 'total') return study.cost
  return study.parts[part].map((row) => row.map((cost) => cost * state.cost[part]))
}

function isLit({ hovered, selected }: Look, query: number, target: number): boolean {
  if (hovered.query !== undefined && hovered.target !== undefined) {
    return hovered.query === query && hovered.target === target
  }
  if (hovered.query !== undefined) return hovered.query === query
  if (hovered.target !== undefined) return hovered.target === target
  return selected !== undefined && selected.index === (selected.side === 'query' ? query : target)
}
