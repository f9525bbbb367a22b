/** The box that is selected: its numbers, with the gradient by each, and what can be done with it. */
import { datum, find, html, list, set, write } from '../dom.ts'
import type { Box } from '../geometry.ts'
import { boxAt, CLASSES, LIMITS, withBox, withItem } from '../state.ts'
import type { Place, State } from '../state.ts'
import type { Scenery, Store } from '../store.ts'
import { number, signed } from '../text.ts'
import { remove } from './hold.ts'
import { labelOf, nameOf, partnerOf } from './labels.ts'
import { COLUMN_KEYS, COLUMN_NAMES } from './words.ts'

const SIDES = [
  ['cx', 'centre x'],
  ['cy', 'centre y'],
  ['w', 'width'],
  ['h', 'height'],
] as const

export function showInspector(store: Store): void {
  const [empty, body, title, partner] = [find('no-selection'), find('selection'), find('selected'), find('partner')]
  const [logits, labels, removal] = [find('logits'), find('labels'), find<HTMLButtonElement>('remove')]
  const place = (): Place | undefined => store.scenery.look.selected
  let latest = store.scenery

  const showLogits = list<number, ReturnType<typeof makeLogit>>(
    logits,
    (column) => makeLogit(store, column),
    ({ range, value, gradient }, logit, column) => {
      const query = place()?.index ?? 0
      const slope = latest.study.gradients.logits[query]?.[column] ?? 0
      if (range.valueAsNumber !== logit) range.valueAsNumber = logit
      write(value, number(logit))
      datum(gradient, slope, signed(slope, 3))
    },
  )
  const showBox = list<number, ReturnType<typeof makeSide>>(
    find('box'),
    (side) => makeSide(store, side),
    ({ input, gradient }, value, side) => {
      const query = latest.look.selected?.side === 'query' ? latest.look.selected.index : -1
      const slope = latest.study.gradients.boxes[query]?.[side]
      if (document.activeElement !== input || Number(input.value) !== value)
        input.value = String(Number(value.toFixed(3)))
      set(gradient, { hidden: slope === undefined })
      datum(gradient, slope ?? 0, signed(slope ?? 0))
    },
  )
  const radios = CLASSES.map((name, label) => {
    const input = html('input', { type: 'radio', name: 'label', value: label })
    input.addEventListener('change', () => store.change((state) => withLabel(state, place(), label)))
    labels.append(html('label', { 'data-class': name }, input, html('span', {}, name)))
    return input
  })
  removal.addEventListener('click', () => {
    const selected = place()
    if (selected !== undefined) remove(store, selected)
  })

  store.show((scenery: Scenery) => {
    latest = scenery
    const { state, study, look } = scenery
    const { selected } = look
    const box = selected && boxAt(state, selected)
    empty.hidden = selected !== undefined
    body.hidden = selected === undefined
    if (selected === undefined || box === undefined) return
    const isQuery = selected.side === 'query'
    const label = labelOf(scenery, selected)
    const pair = partnerOf(scenery, selected)
    write(title, `${isQuery ? 'Query' : 'Target'} ${nameOf(selected)}`)
    set(title, { 'data-class': label === undefined ? 'none' : CLASSES[label] })
    write(partner, pair === undefined ? 'not matched' : `with ${nameOf(pair)}`)
    logits.hidden = !isQuery
    labels.hidden = isQuery
    removal.disabled = isQuery && state.queries.length === 1
    showLogits(isQuery ? (state.queries[selected.index]?.logits.slice(0, study.columns) ?? []) : [])
    if (!isQuery) for (const [i, radio] of radios.entries()) radio.checked = i === label
    showBox(box)
  })
}

function makeLogit(store: Store, column: number) {
  const { logit } = LIMITS
  const name = COLUMN_NAMES[column] as string
  const range = html('input', { type: 'range', min: -logit, max: logit, step: 0.1, 'aria-label': `logit of ${name}` })
  const [value, gradient] = [html('output'), html('data', { title: 'gradient by this logit' })]
  range.addEventListener('input', () => {
    const query = store.scenery.look.selected?.index
    if (query !== undefined) store.change((state) => withLogit(state, query, column, range.valueAsNumber))
  })
  const key = html('span', { class: 'name', 'data-class': COLUMN_KEYS[column] }, name)
  return { root: html('div', { class: 'row' }, key, range, value, gradient), range, value, gradient }
}

function makeSide(store: Store, side: number) {
  const [short, long] = SIDES[side] as (typeof SIDES)[number]
  const input = html('input', { type: 'number', min: 0, max: 1, step: 0.01, 'aria-label': long })
  const gradient = html('data', { title: `gradient by the ${long}` })
  input.addEventListener('change', () => {
    const { selected } = store.scenery.look
    const value = input.valueAsNumber
    if (selected === undefined) return
    store.change((state) => {
      const box = boxAt(state, selected)
      if (box === undefined || Number.isNaN(value)) return { ...state }
      return withBox(state, selected, box.map((old, i) => (i === side ? value : old)) as unknown as Box)
    })
  })
  return { root: html('label', {}, html('span', {}, short), input, gradient), input, gradient }
}

function withLogit(state: State, index: number, column: number, logit: number): State {
  const query = state.queries[index]
  if (query === undefined) return state
  const logits = query.logits.map((old, i) => (i === column ? logit : old))
  return { ...state, queries: withItem(state.queries, index, { ...query, logits }) }
}

function withLabel(state: State, place: Place | undefined, label: number): State {
  const target = place?.side === 'target' ? state.targets[place.index] : undefined
  if (place === undefined || target === undefined) return state
  return { ...state, targets: withItem(state.targets, place.index, { ...target, label }) }
}
