/**
 * Places the labels of boxes so that no label covers another one.
 *
 * A label may stand anywhere on the canvas; the cost of a place is how far it is from the label's own box, and what it hides of
 * boxes and lines. The labels take their cheapest free places one after the other. Then a label may push others away to a place
 * that is cheaper for it, if those find places with which all of them together are cheaper than before, until that is nowhere so.
 */

/** Between a label and its box. */
const MARGIN = 0.6
/** Steps between the places that are not at the label's own box. */
const STEP = 2
/** What it costs to hide a whole label's area of the own box or of another, a whole label's width of a line. */
const HIDDEN = { own: 8, other: 8, line: 3 }
/** What it costs to stand nearer to another box than to the own one. */
const MISLEADING = 2
/** How much less each place at the box is liked than the one before. */
const LESS_LIKED = 0.01
/** From this distance on, a line leads from the label to its box. */
const FAR = 1.6
/** A label without a place; more than all places of any label cost. */
const NOWHERE = 1e6

/**
 * @typedef {{ x: number, y: number, width: number, height: number }} Rect x, y: the corner at the left and above
 * @typedef {[number, number, number, number]} Line x and y where it begins, and where it ends
 * @typedef {{ x: number, y: number, leader?: Line }} Place
 *   the label's corner at the left and above; leader: a line to the box, where the label stands far from it
 */

/**
 * @param {{ box: Rect, width: number, height: number }[]} labels each with its box, and its own size
 * @param {{ width: number, height: number, lines?: Line[] }} canvas within which all labels stay
 * @returns {(Place | undefined)[]} of each label; undefined where there is no room left for it
 */
export function placeLabels(labels, canvas) {
  const choices = labels.map((label) => choicesOf(label, labels, canvas))
  const chosen = labels.map(() => undefined)
  for (const index of labels.keys()) settle(index, chosen, choices)
  while (labels.some((_, index) => improve(index, chosen, choices)));
  return chosen.map((choice, index) => choice && placed(choice.rect, labels[index].box))
}

/** Gives the label the cheapest place that is free, if there is one. */
function settle(index, chosen, choices) {
  chosen[index] = choices[index].find(({ rect }) => chosen.every((other) => !other || !overlaps(rect, other.rect)))
}

/** Tries cheaper places for one label, whoever stands there; whether all labels together became cheaper. */
function improve(index, chosen, choices) {
  const before = total(chosen)
  for (const choice of choices[index]) {
    if (choice.cost >= costOf(chosen[index])) return false
    const tried = chosen.map((other) => (other && overlaps(choice.rect, other.rect) ? undefined : other))
    tried[index] = choice
    for (const [other, place] of tried.entries()) if (!place) settle(other, tried, choices)
    if (total(tried) < before) {
      tried.forEach((place, other) => (chosen[other] = place))
      return true
    }
  }
  return false
}

const costOf = (choice) => choice?.cost ?? NOWHERE
const total = (chosen) => chosen.reduce((sum, choice) => sum + costOf(choice), 0)

/** All places of a label within the canvas, each as a rectangle and its cost, the cheapest first. */
function choicesOf({ box, width, height }, labels, { width: right, height: bottom, lines = [] }) {
  const others = labels.map((label) => label.box).filter((other) => other !== box)
  const isWithin = ([x, y]) => x >= 0 && y >= 0 && x + width <= right && y + height <= bottom
  const choice = ([x, y], bias) => {
    const rect = { x, y, width, height }
    return { rect, cost: cost(rect, box, others, lines) + bias }
  }
  const near = besides(box, width, height)
  return [
    ...near.map((at, order) => [at, order * LESS_LIKED]),
    ...grid(right - width, bottom - height).map((at) => [at, near.length * LESS_LIKED]),
  ]
    .filter(([at]) => isWithin(at))
    .map(([at, bias]) => choice(at, bias))
    .sort((a, b) => a.cost - b.cost)
}

/** Places at the edges of a box, above and below before those at its sides. */
function besides({ x, y, width, height }, labelWidth, labelHeight) {
  const alongX = [x, x + width - labelWidth, x + (width - labelWidth) / 2]
  const alongY = [y, y + height - labelHeight, y + (height - labelHeight) / 2]
  const [above, below] = [y - MARGIN - labelHeight, y + height + MARGIN]
  const [left, right] = [x - MARGIN - labelWidth, x + width + MARGIN]
  return [
    ...[above, below].flatMap((y) => alongX.map((x) => [x, y])),
    ...[right, left].flatMap((x) => alongY.map((y) => [x, y])),
  ]
}

/** Places all over the canvas, up to the given ones. */
function grid(lastX, lastY) {
  const upTo = (last) => Array.from({ length: Math.floor(last / STEP) + 2 }, (_, i) => Math.min(i * STEP, last))
  return upTo(lastY).flatMap((y) => upTo(lastX).map((x) => [x, y]))
}

function cost(rect, box, others, lines) {
  const area = rect.width * rect.height
  const far = distance(rect, box)
  const isMisleading = others.some((other) => distance(rect, other) < far)
  const hidden = others.reduce((sum, other) => sum + common(rect, other), 0) / area
  const crossed = lines.reduce((sum, line) => sum + lengthWithin(line, rect), 0) / rect.width
  return (
    Math.max(0, far - MARGIN) +
    HIDDEN.own * (common(rect, box) / area) +
    HIDDEN.other * hidden +
    HIDDEN.line * crossed +
    (isMisleading ? MISLEADING : 0)
  )
}

/** The place of a label, with the shortest line to its box where it is far from that. */
function placed(rect, box) {
  const { x, y } = rect
  if (distance(rect, box) < FAR) return { x, y }
  const [fromX, toX] = nearest(rect.x, rect.width, box.x, box.width)
  const [fromY, toY] = nearest(rect.y, rect.height, box.y, box.height)
  return { x, y, leader: [fromX, fromY, toX, toY] }
}

/** The ends of the shortest line between two intervals, each given by its start and its length; the middle of what they share. */
function nearest(a, aLength, b, bLength) {
  if (a + aLength <= b) return [a + aLength, b]
  if (b + bLength <= a) return [a, b + bLength]
  const middle = (Math.max(a, b) + Math.min(a + aLength, b + bLength)) / 2
  return [middle, middle]
}

/** How long two intervals run together; less than 0 is the gap between them. */
const along = (a, aLength, b, bLength) => Math.min(a + aLength, b + bLength) - Math.max(a, b)
const across = (a, b) => [along(a.x, a.width, b.x, b.width), along(a.y, a.height, b.y, b.height)]

/** Whether two rectangles have an area in common. */
export const overlaps = (a, b) => across(a, b).every((length) => length > 0)
/** The area that two rectangles have in common. */
const common = (a, b) => (overlaps(a, b) ? across(a, b).reduce((area, length) => area * length) : 0)
/** From edge to edge, 0 where two rectangles touch. */
const distance = (a, b) => Math.hypot(...across(a, b).map((length) => Math.max(0, -length)))

/** How much of a line is within a rectangle (Liang and Barsky's clipping). */
function lengthWithin([x1, y1, x2, y2], { x, y, width, height }) {
  const [dx, dy] = [x2 - x1, y2 - y1]
  let [from, to] = [0, 1]
  for (const [step, start, least, most] of [
    [dx, x1, x, x + width],
    [dy, y1, y, y + height],
  ]) {
    if (step === 0) {
      if (start <= least || start >= most) return 0
      continue
    }
    const ends = [(least - start) / step, (most - start) / step].sort((a, b) => a - b)
    from = Math.max(from, ends[0])
    to = Math.min(to, ends[1])
  }
  return Math.max(0, to - from) * Math.hypot(dx, dy)
}
