/** The link of the page follows its state, and the state follows the link. */
import { BadLink, fromHash, toHash } from './hash.ts'
import type { State } from './state.ts'
import type { Store } from './store.ts'

/** How often at most a link is written, in milliseconds; browsers refuse more than some hundred in half a minute. */
const PAUSE = 400

/** What the link of the page says: a state, nothing, or what is wrong with it. */
export function readLink(): State | BadLink | undefined {
  try {
    return fromHash(location.hash)
  } catch (error) {
    if (error instanceof BadLink) return error
    throw error
  }
}

/** Keeps both together from here on. `tell` hears of links that cannot be read. */
export function followLink(store: Store, tell: (text: string) => void): void {
  let due: ReturnType<typeof setTimeout> | undefined
  let written = store.scenery.state
  const write = (): void => {
    due = undefined
    written = store.scenery.state
    history.replaceState(undefined, '', linkOf(written))
  }
  store.show(({ state }) => {
    if (state !== written) due ??= setTimeout(write, PAUSE)
  })
  addEventListener('hashchange', () => {
    const state = readLink()
    if (state instanceof BadLink) tell(complaintOf(state))
    else if (state !== undefined) store.change(() => state)
  })
}

/** What is told of a link that cannot be read. */
export const complaintOf = ({ message }: BadLink): string => `This link cannot be read: ${message}.`

/** The link of a state. */
export const linkOf = (state: State): string => `${location.href.replace(/#.*$/, '')}#${toHash(state)}`
