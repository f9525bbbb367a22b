/** What stands above and below the picture: preset, scene, reset, link, new boxes, descent. */
import { makeDescent } from '../animate.ts'
import { choicesOf } from '../criterion.ts'
import { find, html, set, write } from '../dom.ts'
import type { Box } from '../geometry.ts'
import { linkOf } from '../link.ts'
import { isPreset, PRESETS } from '../presets.ts'
import { FIRST_SCENE, isScene, SCENES } from '../scenes.ts'
import type { SceneName } from '../scenes.ts'
import { CLASSES, LIMITS, SCORES } from '../state.ts'
import type { Place, Query, State, Target } from '../state.ts'
import type { Store } from '../store.ts'
import { focusBox } from './hold.ts'

/** Where a new box goes: somewhere else each time, by the number of those that are there. */
const newBox = (count: number): Box => [0.2 + 0.6 * ((count * 0.37) % 1), 0.25 + 0.5 * ((count * 0.61) % 1), 0.2, 0.26]
/** A new query, which speaks for no class more than for another. */
const newQuery = (count: number): Query => ({ box: newBox(count), logits: Array.from({ length: SCORES }, () => 0) })
const newTarget = (count: number): Target => ({ box: newBox(count + 0.5), label: count % CLASSES.length })

/** A scene under a preset. */
export function stateOf(scene: SceneName, preset: State['preset']): State {
  const { queries, targets } = SCENES[scene]
  return { ...choicesOf(preset), queries, targets }
}

export function showToolbar(store: Store, tell: (text: string) => void): void {
  choosePreset(store)
  chooseScene(store)
  addBoxes(store)
  descend(store)
  find('share').addEventListener('click', () => {
    const link = linkOf(store.scenery.state)
    history.replaceState(undefined, '', link)
    // browsers without a clipboard have the link in their address bar
    const copied = (navigator.clipboard as Clipboard | undefined)?.writeText(link) ?? Promise.reject(new Error('none'))
    copied.then(
      () => tell('The link to this state is copied.'),
      () => tell('The link to this state is in the address bar.'),
    )
  })
}

function choosePreset(store: Store): void {
  const select = find<HTMLSelectElement>('preset')
  for (const [value, name] of Object.entries(PRESETS)) select.append(html('option', { value }, name))
  select.addEventListener('change', () => {
    const { value } = select
    if (isPreset(value)) store.change((state) => ({ ...state, ...choicesOf(value) }))
  })
  store.show(({ state }) => (select.value = state.preset))
}

function chooseScene(store: Store): void {
  const [select, hint] = [find<HTMLSelectElement>('scene'), find('hint')]
  for (const [value, { title }] of Object.entries(SCENES)) select.append(html('option', { value }, title))
  let scene: SceneName = FIRST_SCENE
  const begin = (): void => {
    store.change(({ preset }) => stateOf(scene, preset))
    store.look({ selected: { side: 'query', index: 0 } })
    write(hint, SCENES[scene].hint)
  }
  write(hint, SCENES[scene].hint)
  select.addEventListener('change', () => {
    if (isScene(select.value)) scene = select.value
    begin()
  })
  find('reset').addEventListener('click', begin)
}

function addBoxes(store: Store): void {
  const [query, target] = [find<HTMLButtonElement>('add-query'), find<HTMLButtonElement>('add-target')]
  const add = (change: (state: State) => State, place: Place): void => {
    store.change(change)
    store.look({ selected: place })
    requestAnimationFrame(() => focusBox(place))
  }
  query.addEventListener('click', () => {
    const index = store.scenery.state.queries.length
    add((state) => ({ ...state, queries: [...state.queries, newQuery(index)] }), { side: 'query', index })
  })
  target.addEventListener('click', () => {
    const index = store.scenery.state.targets.length
    add((state) => ({ ...state, targets: [...state.targets, newTarget(index)] }), { side: 'target', index })
  })
  store.show(({ state }) => {
    set(query, { disabled: state.queries.length >= LIMITS.queries })
    set(target, { disabled: state.targets.length >= LIMITS.targets })
  })
}

function descend(store: Store): void {
  const [button, rate, shown] = [find('descend'), find<HTMLInputElement>('rate'), find('rate-value')]
  const steps = (): number => Number(document.querySelector<HTMLInputElement>('input[name="steps"]:checked')?.value)
  // the slider is logarithmic: each unit is twice the step
  const value = (): number => 0.001 * 2 ** rate.valueAsNumber
  const descent = makeDescent(store, (isRunning) => write(button, isRunning ? 'Stop' : 'Descend'))
  const show = (): void => write(shown, value().toPrecision(1))
  button.addEventListener('click', () => descent.toggle(steps(), value()))
  rate.addEventListener('input', show)
  show()
}
