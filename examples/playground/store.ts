/** The one place where the page's state is: what is played with, what is selected, and what the package says of it. */
import { isSame, settle } from './state.ts'
import type { Place, State, Term } from './state.ts'
import { study } from './study.ts'
import type { Study } from './study.ts'

/** What is looked at. It is no part of a link. */
export interface Look {
  readonly selected: Place | undefined
  /** The pair under the pointer, or one side of it. */
  readonly hovered: { readonly query?: number | undefined; readonly target?: number | undefined }
  /** Which part of the cost the matrix shows. */
  readonly part: Term | 'total'
  /** The loss before each step of the latest descent, and after the last; empty once anything else has changed. */
  readonly curve: readonly number[]
}

/** All that views show. */
export interface Scenery {
  readonly state: State
  readonly study: Study
  readonly look: Look
  /** What the package says where it refuses a state; then the study is that of the last state that it took. */
  readonly fault: string | undefined
}

const NOTHING: Look = { selected: undefined, hovered: {}, part: 'total', curve: [] }

export class Store {
  #scenery: Scenery
  readonly #listeners: Array<(scenery: Scenery) => void> = []
  #isDue = false

  constructor(state: State) {
    const settled = settle(state)
    this.#scenery = { state: settled, study: study(settled), look: NOTHING, fault: undefined }
  }

  get scenery(): Scenery {
    return this.#scenery
  }

  /** Has a view told of every change, at most once a frame, and at once of what is there. */
  show(listener: (scenery: Scenery) => void): void {
    this.#listeners.push(listener)
    listener(this.#scenery)
  }

  /** Changes the state. The latest descent is over by that. */
  change(change: (state: State) => State): void {
    const { state: before, study: last, look } = this.#scenery
    const state = settle(change(before))
    const selected = isThere(state, look.selected) ? look.selected : undefined
    const found = tryStudy(state)
    this.#scenery = {
      state,
      study: found instanceof Error ? last : found,
      fault: found instanceof Error ? found.message : undefined,
      look: { ...look, selected, hovered: {}, curve: [] },
    }
    this.#tell()
  }

  look(change: Partial<Look>): void {
    const { look } = this.#scenery
    const next = { ...look, ...change }
    const { query, target } = next.hovered
    const isOld =
      isSame(look.selected, next.selected) &&
      look.hovered.query === query &&
      look.hovered.target === target &&
      look.part === next.part &&
      look.curve === next.curve
    if (isOld) return
    this.#scenery = { ...this.#scenery, look: next }
    this.#tell()
  }

  #tell(): void {
    if (this.#isDue) return
    this.#isDue = true
    requestAnimationFrame(() => {
      this.#isDue = false
      for (const listener of this.#listeners) listener(this.#scenery)
    })
  }
}

function tryStudy(state: State): Study | Error {
  try {
    return study(state)
  } catch (error) {
    return error as Error
  }
}

function isThere({ queries, targets }: State, place: Place | undefined): boolean {
  return place !== undefined && place.index < (place.side === 'query' ? queries : targets).length
}
