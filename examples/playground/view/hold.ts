/** Boxes are taken hold of: by mouse, pen or finger, and by keys. */
import { find } from '../dom.ts'
import { contains, CORNERS, cornerOf, grown, moved, stretched } from '../geometry.ts'
import type { Box, Corner, Point } from '../geometry.ts'
import { boxAt, withBox, without } from '../state.ts'
import type { Place } from '../state.ts'
import type { Store } from '../store.ts'
import { nameOf } from './labels.ts'

/** How near a corner of the selected box must be, in pixels: of a mouse, and of a finger, which hides what it points at. */
const REACH = { mouse: 12, touch: 24 }
/** How far an arrow key moves a box: alone, and with Alt. */
const [STEP, SMALL_STEP] = [0.02, 0.002]

/** What is being dragged. */
interface Hold {
  readonly place: Place
  readonly corner: Corner | undefined
  /** Of the pointer, from the centre of the box or from the corner. */
  readonly offset: Point
}

export function holdBoxes(store: Store): void {
  const root = find<SVGSVGElement>('canvas')
  let hold: Hold | undefined
  let isMissed = false

  const at = ({ clientX, clientY }: { clientX: number; clientY: number }): Point => {
    const { left, top, width, height } = root.getBoundingClientRect()
    return { x: (clientX - left) / width, y: (clientY - top) / height }
  }
  const take = (point: Point, reach: number): Hold | undefined => {
    const { width, height } = root.getBoundingClientRect()
    return takeCorner(store, point, { x: reach / width, y: reach / height }) ?? takeBox(store, point)
  }

  root.addEventListener('pointerdown', (event) => {
    if (!event.isPrimary || event.button !== 0) return
    hold = take(at(event), reachOf(event.pointerType))
    isMissed = hold === undefined
    if (hold === undefined) return
    event.preventDefault()
    root.setPointerCapture(event.pointerId)
    store.look({ selected: hold.place })
    focusBox(hold.place)
  })
  root.addEventListener('pointermove', (event) => {
    if (!event.isPrimary) return
    if (hold === undefined) {
      const { side, index } = takeBox(store, at(event))?.place ?? {}
      return store.look({ hovered: side === undefined ? {} : { [side]: index } })
    }
    const [held, pointer] = [hold, at(event)]
    const to = { x: pointer.x - held.offset.x, y: pointer.y - held.offset.y }
    store.change((state) => {
      const box = boxAt(state, held.place)
      return box === undefined ? state : withBox(state, held.place, dragged(box, held.corner, to))
    })
  })
  for (const end of ['pointerup', 'pointercancel'] as const) {
    root.addEventListener(end, (event) => {
      if (event.isPrimary) hold = undefined
    })
  }
  root.addEventListener('pointerleave', () => store.look({ hovered: {} }))
  // not at once: a finger may be about to scroll
  root.addEventListener('click', () => {
    if (isMissed) store.look({ selected: undefined })
  })
  // a finger that has a box does not scroll the page; elsewhere on the picture it does
  const keep = (event: TouchEvent): void => {
    const [touch] = event.touches
    if (event.touches.length === 1 && touch !== undefined && take(at(touch), REACH.touch)) event.preventDefault()
  }
  root.addEventListener('touchstart', keep, { passive: false })
  root.addEventListener('keydown', (event) => pressKey(store, event))
}

const reachOf = (pointerType: string): number => (pointerType === 'mouse' ? REACH.mouse : REACH.touch)

const dragged = (box: Box, corner: Corner | undefined, to: Point): Box =>
  corner === undefined ? moved(box, { x: to.x - box[0], y: to.y - box[1] }) : stretched(box, corner, to)

/** A corner of the selected box. */
function takeCorner(store: Store, point: Point, reach: Point): Hold | undefined {
  const { state, look } = store.scenery
  const box = look.selected && boxAt(state, look.selected)
  if (look.selected === undefined || box === undefined) return undefined
  for (const corner of CORNERS) {
    const { x, y } = cornerOf(box, corner)
    const offset = { x: point.x - x, y: point.y - y }
    if (Math.abs(offset.x) <= reach.x && Math.abs(offset.y) <= reach.y) return { place: look.selected, corner, offset }
  }
  return undefined
}

/** The smallest box under the pointer, and of equal ones the query. */
function takeBox(store: Store, point: Point): Hold | undefined {
  const { queries, targets } = store.scenery.state
  const all = [
    ...queries.map(({ box }, index) => ({ box, place: { side: 'query', index } as const })),
    ...targets.map(({ box }, index) => ({ box, place: { side: 'target', index } as const })),
  ].filter(({ box }) => contains(box, point))
  const area = ([, , w, h]: Box): number => w * h
  const [first] = all.sort((a, b) => area(a.box) - area(b.box))
  if (first === undefined) return undefined
  return { place: first.place, corner: undefined, offset: { x: point.x - first.box[0], y: point.y - first.box[1] } }
}

/** Gives a box the focus, so that keys go on with it. */
export function focusBox(place: Place): void {
  document.getElementById(nameOf(place))?.focus({ preventScroll: true })
}

const WAYS: Readonly<Record<string, Point>> = {
  ArrowLeft: { x: -1, y: 0 },
  ArrowRight: { x: 1, y: 0 },
  ArrowUp: { x: 0, y: -1 },
  ArrowDown: { x: 0, y: 1 },
}

/** Arrow keys move the selected box, with Shift they change its sides; Delete takes it away, Escape lets it go. */
function pressKey(store: Store, event: KeyboardEvent): void {
  const place = store.scenery.look.selected
  if (place === undefined || event.ctrlKey || event.metaKey) return
  const way = WAYS[event.key]
  if (way !== undefined) {
    event.preventDefault()
    const step = event.altKey ? SMALL_STEP : STEP
    // down makes a box taller, as right makes it wider
    const by = { x: way.x * step, y: way.y * step }
    store.change((state) => {
      const box = boxAt(state, place)
      return box === undefined ? state : withBox(state, place, event.shiftKey ? grown(box, by) : moved(box, by))
    })
  } else if (event.key === 'Delete' || event.key === 'Backspace') {
    event.preventDefault()
    remove(store, place)
  } else if (event.key === 'Escape') {
    store.look({ selected: undefined })
  }
}

/** Takes a box away; the last query stays. The one that takes its place is selected. */
export function remove(store: Store, { side, index }: Place): void {
  const { queries, targets } = store.scenery.state
  const left = (side === 'query' ? queries : targets).length - 1
  if (side === 'query' && left === 0) return
  store.change((state) =>
    side === 'query'
      ? { ...state, queries: without(state.queries, index) }
      : { ...state, targets: without(state.targets, index) },
  )
  const next: Place | undefined = left > 0 ? { side, index: Math.min(index, left - 1) } : undefined
  store.look({ selected: next })
  // once the boxes have been drawn anew
  if (next !== undefined) requestAnimationFrame(() => focusBox(next))
}
