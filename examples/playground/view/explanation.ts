/** Sentences about what is seen; and in short for those who listen. */
import { find, html, list, write } from '../dom.ts'
import { explain } from '../explain.ts'
import type { Scenery, Store } from '../store.ts'
import { number } from '../text.ts'
import { describe, nameOf } from './labels.ts'

/** How long nothing must have changed before it is said, in milliseconds. */
const PAUSE = 500

export function showExplanation(store: Store): void {
  const showLines = list<string, { root: HTMLLIElement }>(
    find('explanation'),
    () => ({ root: html('li') }),
    ({ root }, line) => write(root, line),
  )
  const status = find('status')
  let due: ReturnType<typeof setTimeout> | undefined
  let before = store.scenery
  store.show((scenery) => {
    showLines(explain(scenery.state, scenery.study))
    if (scenery.state === before.state) return
    before = scenery
    clearTimeout(due)
    due = setTimeout(() => write(status, summary(store.scenery)), PAUSE)
  })
}

function summary(scenery: Scenery): string {
  const { study, look } = scenery
  const selected = look.selected === undefined ? '' : `${describe(scenery, look.selected)}. `
  const pairs = study.targetOf.flatMap((target, index) =>
    target === undefined
      ? []
      : [`${nameOf({ side: 'query', index })} with ${nameOf({ side: 'target', index: target })}`],
  )
  return `${selected}Loss ${number(study.loss, 3)}. ${pairs.join(', ')}.`
}
