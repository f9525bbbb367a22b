/** The picture: targets, queries, who is matched with whom, and arrows of the gradients. */
import { find, list, set, svg, write } from '../dom.ts'
import { CORNERS, cornerOf } from '../geometry.ts'
import type { Box, Point } from '../geometry.ts'
import { boxAt, CLASSES, isSame } from '../state.ts'
import type { Place } from '../state.ts'
import type { Scenery, Store } from '../store.ts'
import { centreArrow, sizeArrows } from './arrows.ts'
import { describe, labelOf, nameOf, partnerOf } from './labels.ts'

/** Around a corner of the selected box, within which it is taken hold of, in pixels. */
const HANDLE = 22

export function showCanvas(store: Store): void {
  const root = find<SVGSVGElement>('canvas')
  const layers = ['links', 'targets', 'queries', 'arrows', 'handles'].map((name) => svg('g', { class: name }))
  const [links, targets, queries, arrows, handles] = layers as [SVGGElement, ...SVGGElement[]] & SVGGElement[]
  root.append(...layers)

  let size: Point = { x: 1, y: 1 }
  let latest = store.scenery
  const pixels = ([cx, cy, w, h]: Box) => ({
    x: (cx - w / 2) * size.x,
    y: (cy - h / 2) * size.y,
    width: w * size.x,
    height: h * size.y,
  })

  const boxes = (parent: SVGGElement, side: Place['side']) =>
    list<Box, ReturnType<typeof makeBox>>(
      parent,
      (index) => makeBox(store, { side, index }),
      ({ root, shape, tag }, box, index) => {
        const place = { side, index }
        const at = pixels(box)
        const label = labelOf(latest, place)
        const { selected } = latest.look
        set(shape, at)
        set(root, {
          class: `box ${side}`,
          'data-class': label === undefined ? 'none' : CLASSES[label],
          'data-selected': isSame(selected, place),
          'data-lit': isLit(latest, place),
          'aria-label': describe(latest, place),
          'aria-current': isSame(selected, place) ? 'true' : undefined,
        })
        // tags of targets above, of queries below, so that those of a pair do not cover each other
        const isBelow = side === 'query'
        const y = isBelow ? Math.min(at.y + at.height + 14, size.y - 4) : Math.max(at.y - 5, 12)
        set(tag, { x: Math.max(at.x, 2), y })
        write(tag, side === 'target' ? `${nameOf(place)} ${CLASSES[label as number]}` : nameOf(place))
      },
    )
  const showTargets = boxes(targets as SVGGElement, 'target')
  const showQueries = boxes(queries as SVGGElement, 'query')

  const showLinks = list<{ from: Box; to: Box; query: number }, { root: SVGLineElement }>(
    links,
    () => ({ root: svg('line') }),
    ({ root }, { from, to, query }) =>
      set(root, {
        x1: from[0] * size.x,
        y1: from[1] * size.y,
        x2: to[0] * size.x,
        y2: to[1] * size.y,
        'data-lit': isLit(latest, { side: 'query', index: query }),
      }),
  )

  const showArrows = list<
    { box: Box; gradient: Box },
    { root: SVGGElement; centre: SVGPathElement; sides: SVGPathElement }
  >(
    arrows as SVGGElement,
    () => {
      const [centre, sides] = [svg('path', { class: 'centre' }), svg('path', { class: 'sides' })]
      return { root: svg('g', {}, sides, centre), centre, sides }
    },
    ({ centre, sides }, { box, gradient }) => {
      set(centre, { d: centreArrow(box, gradient, size) })
      set(sides, { d: sizeArrows(box, gradient, size) })
    },
  )

  const showHandles = list<Point, { root: SVGGElement; circles: SVGCircleElement[] }>(
    handles as SVGGElement,
    () => {
      const circles = [svg('circle', { class: 'reach', r: HANDLE }), svg('circle', { class: 'knob', r: 5 })]
      return { root: svg('g', { class: 'handle' }, ...circles), circles }
    },
    ({ circles }, { x, y }) => {
      for (const circle of circles) set(circle, { cx: x * size.x, cy: y * size.y })
    },
  )

  const show = (scenery: Scenery): void => {
    latest = scenery
    const { state, study, look } = scenery
    showTargets(state.targets.map(({ box }) => box))
    showQueries(state.queries.map(({ box }) => box))
    const pairs = study.targetOf.flatMap((target, query) => {
      const [from, to] = [state.queries[query]?.box, target === undefined ? undefined : state.targets[target]?.box]
      return from === undefined || to === undefined ? [] : [{ from, to, query }]
    })
    showLinks(pairs)
    showArrows(
      state.queries.flatMap(({ box }, q) => {
        const gradient = study.gradients.boxes[q]
        return gradient === undefined ? [] : [{ box, gradient }]
      }),
    )
    const box = look.selected && boxAt(state, look.selected)
    showHandles(box === undefined ? [] : CORNERS.map((corner) => cornerOf(box, corner)))
  }
  new ResizeObserver(() => {
    const { width, height } = root.getBoundingClientRect()
    size = { x: width, y: height }
    set(root, { viewBox: `0 0 ${size.x} ${size.y}` })
    show(store.scenery)
  }).observe(root)
  store.show(show)
}

function makeBox(store: Store, place: Place) {
  const shape = svg('rect', { rx: 3 })
  const tag = svg('text')
  const root = svg('g', { tabindex: 0, role: 'button', id: nameOf(place) }, shape, tag)
  root.addEventListener('focus', () => store.look({ selected: place }))
  return { root, shape, tag }
}

/** Whether a box, or the other of its pair, is pointed at. */
function isLit(scenery: Scenery, place: Place): boolean {
  const { query, target } = scenery.look.hovered
  const isMeant = ({ side, index }: Place): boolean => (side === 'query' ? query : target) === index
  if (query !== undefined && target !== undefined) return isMeant(place)
  const partner = partnerOf(scenery, place)
  return isMeant(place) || (partner !== undefined && isMeant(partner))
}
