/** Sliders for the weights of the matching cost and of the loss. */
import { choicesOf } from '../criterion.ts'
import { find, html, set, write } from '../dom.ts'
import { LIMITS, TERMS } from '../state.ts'
import type { State, Term } from '../state.ts'
import type { Store } from '../store.ts'
import { number } from '../text.ts'
import { TERM_NAMES } from './words.ts'

interface Slider {
  readonly root: HTMLElement
  readonly range: HTMLInputElement
  readonly value: HTMLElement
}

export function showWeights(store: Store): void {
  const groups = (['cost', 'weights'] as const).map((group) => {
    const parent = find(group)
    const sliders = TERMS.map((term) => {
      const slider = makeSlider(TERM_NAMES[term], LIMITS.weight, 0.25, (value) =>
        store.change((state) => withWeight(state, group, term, value)),
      )
      parent.append(slider.root)
      return [term, slider] as const
    })
    return [group, sliders] as const
  })
  const noObject = makeSlider('no object', LIMITS.noObject, 0.01, (value) =>
    store.change((state) => ({ ...state, noObject: value })),
  )
  find('weights').append(noObject.root)

  const back = find<HTMLButtonElement>('published')
  back.addEventListener('click', () => store.change((state) => ({ ...state, ...choicesOf(state.preset) })))

  store.show(({ state, study }) => {
    for (const [group, sliders] of groups) {
      for (const [term, slider] of sliders) move(slider, state[group][term])
    }
    noObject.root.hidden = study.options.classification.kind !== 'softmax'
    move(noObject, state.noObject)
    const published = choicesOf(state.preset)
    const isChanged = TERMS.some(
      (term) => state.cost[term] !== published.cost[term] || state.weights[term] !== published.weights[term],
    )
    set(back, { disabled: !isChanged && state.noObject === published.noObject })
  })
}

function move({ range, value }: Slider, to: number): void {
  if (range.valueAsNumber !== to) range.valueAsNumber = to
  write(value, number(to))
}

function makeSlider(name: string, max: number, step: number, change: (value: number) => void): Slider {
  const range = html('input', { type: 'range', min: 0, max, step })
  const value = html('output')
  range.addEventListener('input', () => change(range.valueAsNumber))
  return { root: html('label', { class: 'row' }, html('span', { class: 'name' }, name), range, value), range, value }
}

function withWeight(state: State, group: 'cost' | 'weights', term: Term, value: number): State {
  return { ...state, [group]: { ...state[group], [term]: value } }
}
