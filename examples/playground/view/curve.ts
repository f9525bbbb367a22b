/** The loss along the latest descent. */
import { find, set, write } from '../dom.ts'
import type { Store } from '../store.ts'
import { number } from '../text.ts'

const [WIDTH, HEIGHT, EDGE] = [200, 36, 3]

export function showCurve(store: Store): void {
  const [line, note] = [find<SVGPathElement>('curve'), find('curve-note')]
  store.show(({ look: { curve } }) => {
    set(line, { d: curve.length > 1 ? pathOf(curve) : '' })
    const [first, last] = [curve[0], curve.at(-1)]
    const text =
      first === undefined || last === undefined
        ? 'Each step moves boxes and logits against their gradients.'
        : `${curve.length - 1} steps: the loss went from ${number(first, 3)} to ${number(last, 3)}.`
    write(note, curve.length === 2 ? text.replace('1 steps', '1 step') : text)
  })
}

function pathOf(curve: readonly number[]): string {
  const [least, most] = [Math.min(...curve), Math.max(...curve)]
  const points = curve.map((loss, i) => {
    const x = EDGE + (i / (curve.length - 1)) * (WIDTH - 2 * EDGE)
    const y = EDGE + (most > least ? (most - loss) / (most - least) : 0.5) * (HEIGHT - 2 * EDGE)
    return `${x.toFixed(1)} ${y.toFixed(1)}`
  })
  return `M${points.join('L')}`
}
