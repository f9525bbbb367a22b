/** Targets and what is matched with them, drawn: boxes, spans or points, and masks below them or alone. */
import type { ResolvedOptions } from '../../options/options.ts'
import type { ImageStudy, QueryStudy, TargetStudy } from '../study/study.ts'
import { colourOf } from './colours.ts'
import { bitmapOf, middleOf, outlineOf, runsOf } from './mask.ts'
import type { Bitmap } from './mask.ts'
import { count, escape, number, percent, round } from './text.ts'

/** Units of a picture's width; letters have 12. */
const WIDTH = 360
const TALLEST = 720
const LANE = 34
/** Queries without a target that are drawn: those surer than this, and no more than so many. */
const SURE = 0.5
const STRAYS = 12
/** From so many targets on, letters are small, and queries are named in the list alone. */
const CROWD = 14

/** Numbers of what is drawn, by query or target. */
type Values = ArrayLike<number>

/** How a geometry is drawn. */
interface Drawing {
  /** Height of the picture. */
  readonly height: number
  /** One thing as SVG; `kind`: `truth` or `guess`. `lane`: its number among targets and strays. */
  readonly draw: (values: Values, kind: string, lane: number) => string
  /** Its middle. */
  readonly middle: (values: Values, lane: number) => readonly [x: number, y: number]
  /** Where its name stands: of targets above it, of queries below. */
  readonly name: (values: Values, kind: string, lane: number) => readonly [x: number, y: number]
}

/** What can be drawn, the first that an image has, each with what makes the drawing of so many lanes. */
const DRAWINGS: ReadonlyArray<
  readonly [string, (image: ImageStudy, options: ResolvedOptions, lanes: number) => Drawing]
> = [
  ['boxes', boxesOf],
  ['points', pointsOf],
  ['spans', spansOf],
]

/** Where there are masks alone: the frame. */
const MASKS_ALONE = [
  'masks',
  (image: ImageStudy): Drawing => ({
    height: frameOf(image, true, []).height,
    draw: () => '',
    middle: () => [0, 0],
    name: () => [0, 0],
  }),
] as const

/** The picture of an image; undefined where there is nothing to draw. */
export function pictureOf(image: ImageStudy, options: ResolvedOptions): string | undefined {
  const all = [...image.targets, ...image.queries]
  const hasMasks = all.some(({ mask }) => mask !== undefined)
  const [field, make] =
    DRAWINGS.find(([name]) => all.some(({ fields }) => name in fields)) ?? (hasMasks ? MASKS_ALONE : [])
  if (field === undefined || make === undefined) return undefined
  const byQuery = new Map(image.queries.map((query) => [query.query, query]))
  const strays = (field === 'masks' ? [] : image.queries)
    .filter(({ role, probability }) => role === 'background' && probability >= SURE)
    .sort((a, b) => b.probability - a.probability)
    .slice(0, STRAYS)
  const targets = image.targets.length
  const lanes = targets + strays.length
  if (lanes === 0) return undefined
  const drawing = make(image, options, lanes)
  const isCrowded = targets >= CROWD
  const marks = [
    ...strays.map((query, i) => stray(drawing, query, field, targets + i)),
    ...image.targets.map((target, t) => {
      const pairs = image.pairs.filter((pair) => pair.target === t).map(({ query }) => byQuery.get(query) as QueryStudy)
      const masks = field === 'spans' ? '' : masksOf(target, pairs, drawing.height)
      return field === 'masks'
        ? maskGroup(target, t, pairs, masks, drawing.height)
        : group(drawing, target, t, pairs, field, isCrowded, masks)
    }),
  ]
  const what = `Image ${image.image}: ${count(targets, 'target')}, ${count(image.pairs.length, 'pair')}`
  return `<svg class="picture${isCrowded ? ' crowded' : ''}" viewBox="-4 -4 ${WIDTH + 8} ${round(drawing.height) + 8}" role="img" aria-label="${what}">
    <rect class="frame" width="${WIDTH}" height="${round(drawing.height)}"/>${marks.join('')}</svg>
    <p class="legend"><span>${sample('truth')}target${hasMasks ? ', its mask filled' : ''}</span><span>${sample('guess')}query matched with it${hasMasks ? ', its mask where the logit is above 0' : ''}</span>${
      strays.length > 0 ? `<span>${sample('guess', 'stray')}${strayLegend(strays.length)}</span>` : ''
    }</p>`
}

function strayLegend(many: number): string {
  return `no target, yet at least ${percent(SURE)} sure${many === STRAYS ? ` (the ${STRAYS} surest)` : ''}`
}

function sample(kind: string, more = ''): string {
  return `<svg class="picture" viewBox="0 0 26 10" aria-hidden="true"><g class="${more}"><line class="${kind}" x2="26" y1="5" y2="5" style="--own: var(--muted)"/></g></svg>`
}

/** A target with the queries that are matched with it. */
function group(
  { draw, middle, name }: Drawing,
  { fields, ...target }: TargetStudy,
  lane: number,
  pairs: readonly QueryStudy[],
  field: string,
  isCrowded: boolean,
  masks: string,
): string {
  const values = fields[field]
  if (values === undefined) return ''
  const [x, y] = middle(values, lane)
  const guesses = pairs.map((query) => {
    const own = query.fields[field]
    if (own === undefined || !isFinite(own)) return ''
    const [toX, toY] = middle(own, lane)
    return `<line class="join" x1="${round(x)}" y1="${round(y)}" x2="${round(toX)}" y2="${round(toY)}"/>${draw(own, 'guess', lane)}${isCrowded ? '' : text(name(own, 'guess', lane), `q${query.query}`)}`
  })
  const marks = `${draw(values, 'truth', lane)}${guesses.join('')}${text(name(values, 'truth', lane), `t${lane}`)}`
  return tie(target, lane, pairs, `${masks}${marks}`)
}

/** What is drawn of a target and its queries, with what is said of them. */
function tie(
  { labels, isIgnored }: Pick<TargetStudy, 'labels' | 'isIgnored'>,
  target: number,
  pairs: readonly QueryStudy[],
  marks: string,
): string {
  const matched = pairs.map(({ query, label, probability, loss }) => {
    return `query ${query} predicts ${label} with ${percent(probability)}, loss ${number(loss)}`
  })
  const said = [`target ${target}${isIgnored ? ' (ignored)' : ''}, label ${labels.join(' and ')}`, ...matched]
  if (matched.length === 0 && !isIgnored) said.push('no query is matched with it')
  return `<g class="tie ${colourOf(target)}" data-target="${target}"><title>${escape(said.join('; '))}</title>${marks}</g>`
}

const truthOf = ({ mask }: Pick<TargetStudy, 'mask'>): Bitmap | undefined =>
  mask && bitmapOf(mask, (value) => value === 1)
const guessOf = ({ mask }: QueryStudy): Bitmap | undefined => mask && bitmapOf(mask, (logit) => logit > 0)

/** The masks of a target and of its queries, over the whole picture: that filled, these outlined. */
function masksOf(target: Pick<TargetStudy, 'mask'>, pairs: readonly QueryStudy[], tall: number): string {
  const path = (bitmap: Bitmap | undefined, kind: string, lines: (bitmap: Bitmap) => string) => {
    const drawn = bitmap === undefined ? '' : lines(bitmap)
    if (bitmap === undefined || drawn === '') return ''
    const scale = `scale(${round(WIDTH / bitmap.width)} ${round(tall / bitmap.height)})`
    return `<path class="mask ${kind}" transform="${scale}" d="${drawn}"/>`
  }
  const guesses = pairs.map((query) => path(guessOf(query), 'guess', outlineOf))
  return `${path(truthOf(target), 'truth', runsOf)}${guesses.join('')}`
}

/** A target of which nothing but its mask is known, with its queries. */
function maskGroup(
  target: TargetStudy,
  lane: number,
  pairs: readonly QueryStudy[],
  masks: string,
  tall: number,
): string {
  const truth = truthOf(target)
  const middle = truth && middleOf(truth)
  const label = middle === undefined ? '' : text([middle[0] * WIDTH - 8, middle[1] * tall + 4], `t${lane}`)
  return tie(target, lane, pairs, `${masks}${label}`)
}

function stray(
  { draw, name }: Drawing,
  { fields, query, label, probability }: QueryStudy,
  field: string,
  lane: number,
): string {
  const values = fields[field]
  if (values === undefined || !isFinite(values)) return ''
  const title = `query ${query} has no target, and predicts ${label} with ${percent(probability)}`
  return `<g class="stray"><title>${title}</title>${draw(values, 'guess', lane)}${text(name(values, 'guess', lane), `q${query}`)}</g>`
}

const isFinite = (values: Values): boolean => Array.from(values).every((value) => Number.isFinite(value))

function text([x, y]: readonly [number, number], label: string): string {
  return `<text x="${round(Math.min(Math.max(x, 0), WIDTH - 8 * label.length))}" y="${round(y)}">${label}</text>`
}

/** What the targets of an image have of a field. */
function valuesOf({ targets }: ImageStudy, field: string): readonly Values[] {
  return targets.flatMap(({ fields }) => (fields[field] === undefined ? [] : [fields[field]]))
}

/** The largest coordinate of an axis, where the image's side is not known. */
function extent(values: readonly number[]): number {
  const finite = values.filter((value) => Number.isFinite(value) && value > 0)
  return finite.reduce((most, value) => Math.max(most, value), 0) || 1
}

/** Proportions of an image, and what its coordinates are multiplied by. */
function frameOf(image: ImageStudy, isNormalized: boolean, corners: ReadonlyArray<readonly number[]>) {
  const [rows, columns] = image.size ?? []
  const sides = isNormalized
    ? [1, 1]
    : [columns ?? extent(corners.map(([x]) => x as number)), rows ?? extent(corners.map(([, y]) => y as number))]
  const [width, height] = sides as [number, number]
  const canvas = image.targets.find(({ mask }) => mask !== undefined)?.mask
  const known = canvas === undefined ? height / width : canvas.height / canvas.width
  const ratio = rows !== undefined && columns !== undefined ? rows / columns : known
  const tall = Math.min(Math.max(ratio, 0.2) * WIDTH, TALLEST)
  return { height: tall, x: WIDTH / width, y: tall / height }
}

function boxesOf(image: ImageStudy, { boxFormat, normalizedBoxes }: ResolvedOptions): Drawing {
  const corners = (values: Values) => {
    const [a, b, c, d] = Array.from(values) as [number, number, number, number]
    return boxFormat === 'xyxy' ? ([a, b, c, d] as const) : ([a - c / 2, b - d / 2, a + c / 2, b + d / 2] as const)
  }
  const all = valuesOf(image, 'boxes').map((values) => corners(values).slice(2))
  const scale = frameOf(image, normalizedBoxes, all)
  const place = (values: Values) => {
    const [x, y, right, bottom] = corners(values)
    return [x * scale.x, y * scale.y, right * scale.x, bottom * scale.y] as const
  }
  return {
    height: scale.height,
    draw: (values, kind) => {
      const [x, y, right, bottom] = place(values)
      const [width, height] = [Math.max(right - x, 0), Math.max(bottom - y, 0)]
      return `<rect class="${kind}" x="${round(x)}" y="${round(y)}" width="${round(width)}" height="${round(height)}"/>`
    },
    middle: (values) => {
      const [x, y, right, bottom] = place(values)
      return [(x + right) / 2, (y + bottom) / 2]
    },
    name: (values, kind) => {
      const [x, y, right, bottom] = place(values)
      const [above, below] = [Math.max(y + 13, 12), Math.min(bottom - 4, scale.height - 3)]
      return kind === 'truth' ? [x + 4, above] : [right - 24, below]
    },
  }
}

function pointsOf(image: ImageStudy, { pointFormat, normalizedPoints }: ResolvedOptions): Drawing {
  const size = pointFormat.length
  const pointsIn = (values: Values): (readonly [number, number])[] =>
    Array.from({ length: values.length / size }, (_, i) => [values[i * size] as number, values[i * size + 1] as number])
  const all = valuesOf(image, 'points').flatMap(pointsIn)
  const scale = frameOf(image, normalizedPoints, all)
  const place = (values: Values) => pointsIn(values).map(([x, y]) => [x * scale.x, y * scale.y] as const)
  return {
    height: scale.height,
    draw: (values, kind) => {
      const points = place(values)
      const line = points.map(([x, y]) => `${round(x)},${round(y)}`).join(' ')
      const dots = points.map(([x, y]) => {
        return `<circle class="dot${kind === 'guess' ? ' open' : ''}" cx="${round(x)}" cy="${round(y)}" r="3"/>`
      })
      return `<polyline class="${kind} path" points="${line}"/>${dots.join('')}`
    },
    middle: (values) => {
      const points = place(values)
      const mean = (axis: 0 | 1) => points.reduce((sum, point) => sum + point[axis], 0) / Math.max(points.length, 1)
      return [mean(0), mean(1)]
    },
    name: (values, kind) => {
      const [x, y] = place(values)[0] ?? [0, 0]
      return [x + 5, kind === 'truth' ? y - 5 : y + 14]
    },
  }
}

function spansOf(image: ImageStudy, { spanFormat, normalizedSpans }: ResolvedOptions, lanes: number): Drawing {
  const ends = (values: Values) => {
    const [a, b] = Array.from(values) as [number, number]
    return spanFormat === 'xx' ? ([a, b] as const) : ([a - b / 2, a + b / 2] as const)
  }
  const all = valuesOf(image, 'spans').map((values) => ends(values)[1])
  const scale = WIDTH / (normalizedSpans ? 1 : extent(all))
  const place = (values: Values, kind: string, lane: number) => {
    const [from, to] = ends(values)
    return [from * scale, to * scale, lane * LANE + (kind === 'truth' ? 6 : 18)] as const
  }
  return {
    height: lanes * LANE,
    draw: (values, kind, lane) => {
      const [from, to, y] = place(values, kind, lane)
      return `<rect class="${kind}" x="${round(from)}" y="${y}" width="${round(Math.max(to - from, 0))}" height="10" rx="2"/>`
    },
    middle: (values, lane) => {
      const [from, to] = ends(values)
      return [((from + to) / 2) * scale, lane * LANE + 17]
    },
    name: (values, kind, lane) => {
      const [from, to, y] = place(values, kind, lane)
      return kind === 'truth' ? [from + 4, y + 9] : [to + 4, y + 9]
    },
  }
}
