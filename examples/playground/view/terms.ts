/** The loss, and the terms that it is the sum of. */
import { datum, find, html, list, write } from '../dom.ts'
import type { Store } from '../store.ts'
import type { TermValue } from '../study.ts'
import { number } from '../text.ts'
import { TERM_NAMES } from './words.ts'

export function showTerms(store: Store): void {
  const [total, sum, fault] = [find<HTMLDataElement>('loss'), find<HTMLDataElement>('sum'), find('fault')]
  let loss = 0
  const showRows = list<TermValue, ReturnType<typeof makeRow>>(find('terms'), makeRow, (row, term) => {
    write(row.name, TERM_NAMES[term.term])
    datum(row.value, term.value, number(term.value, 3))
    datum(row.weight, term.weight, number(term.weight, 2).replace(/\.?0+$/, ''))
    datum(row.weighted, term.weighted, number(term.weighted, 3))
    // terms of sigmoid kinds and of boxes are never negative, so that shares are parts of a whole
    row.bar.style.setProperty('--share', `${loss > 0 ? Math.max(0, (100 * term.weighted) / loss) : 0}%`)
  })
  store.show(({ study, fault: message }) => {
    loss = study.loss
    datum(total, loss, number(loss, 3))
    datum(sum, loss, number(loss, 3))
    showRows(study.terms)
    fault.hidden = message === undefined
    write(fault, message ?? '')
  })
}

function makeRow() {
  const [name, bar] = [html('span'), html('i', { 'aria-hidden': 'true' })]
  const [value, weight, weighted] = [html('data'), html('data'), html('data')]
  const cells = [value, weight, weighted].map((datum) => html('td', {}, datum))
  const root = html('tr', {}, html('th', { scope: 'row' }, html('div', {}, name, bar)), ...cells)
  return { root, name, bar, value, weight, weighted }
}
