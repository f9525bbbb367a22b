/** Whether the masks of targets lie in memory as their shape says. */
import { Tally } from './finding.ts'
import type { Finding } from './finding.ts'
import type { ImagePlanes } from './planes.ts'

/** By how much the place of a number grows from mask to mask, from row to row, and from column to column. */
type Strides = readonly [mask: number, row: number, column: number]

/** What is read is mask after mask, row after row. */
const AS_READ = (_: number, height: number, width: number): Strides => [height * width, width, 1]

/** The other orders in which masks are written. */
const OTHERS: ReadonlyArray<readonly [shape: string, strides: typeof AS_READ]> = [
  ['[h, w, n], the masks of a pixel side by side', (n, _, width) => [1, width * n, n]],
  ['[n, w, h], column after column', (_, height, width) => [height * width, 1, height]],
  ['[w, h, n], column after column with the masks of a pixel side by side', (n, height) => [1, n, height * n]],
]

/** Of fewer pixels nothing is said. */
const LEAST_AREA = 64

/**
 * A run is a row of ones, or a column of them. Of solid objects few pixels begin one; of masks in another order in memory most do, along
 * rows or along columns. So do wires, cracks and dots, a pixel wide: a third or more of their pixels. So that is no proof, only a reason to
 * look further. A straight level line has as many runs of the one kind as pixels, but hardly any of the other, and holds together thereby.
 */
const MANY_RUNS = 1 / 3
const SOME_RUNS = 1 / 32

/**
 * The proof is that the runs grow together where the masks are read in another order, to less than this share of as many. Right masks
 * fall apart in any other order, and of wires a pixel wide three quarters of the runs or more are left. What could reach it are combs and
 * checkerboards with the period of a few pixels, in most images of a batch; no picture that was resized has those.
 */
const LEFT_OF_RUNS = 0.6

/** Masks that are scattered as they are read, and in one piece in another order of their memory. */
export function inspectLayout(masks: readonly ImagePlanes[]): Finding[] {
  const tally = new Tally()
  const orders: string[] = []
  for (const [image, planes] of masks.entries()) {
    const area = planes.data.reduce((sum, pixel) => sum + pixel, 0)
    if (area < LEAST_AREA) continue
    const order = orderOf(planes, area)
    if (order !== undefined) orders.push(order)
    const { height, width } = planes
    tally.add(order !== undefined, () => {
      return { argument: `targets[${image}].masks`, place: { image }, example: [countOf(planes), height, width] }
    })
  }
  if (2 * tally.count <= tally.total) return []
  return tally.finding(
    'scattered-mask',
    'warning',
    `Target masks are scattered in single rows or columns of pixels. They hold together if their memory is read as ${orders[0]}: write it as [n, h, w], row after row.`,
  )
}

const countOf = ({ data, height, width }: ImagePlanes): number => data.length / (height * width)

/** The order in which scattered masks hold together, if there is one. */
function orderOf(planes: ImagePlanes, area: number): string | undefined {
  const own = runsOf(planes, AS_READ)
  if (Math.max(...own) <= MANY_RUNS * area || Math.min(...own) <= SOME_RUNS * area) return undefined
  const sum = ([rows, columns]: readonly [number, number]) => rows + columns
  const others = OTHERS.map(([shape, strides]) => ({ shape, runs: sum(runsOf(planes, strides)) }))
  const best = others.reduce((a, b) => (b.runs < a.runs ? b : a))
  return best.runs < LEFT_OF_RUNS * sum(own) ? best.shape : undefined
}

/** How many runs of ones there are along the rows of masks, and along their columns, in an order of their memory. */
function runsOf(planes: ImagePlanes, stridesOf: typeof AS_READ): readonly [rows: number, columns: number] {
  const { data, height, width } = planes
  const count = countOf(planes)
  const [mask, row, column] = stridesOf(count, height, width)
  let [rows, columns] = [0, 0]
  for (let i = 0; i < count; i++) {
    for (let y = 0; y < height; y++) {
      for (let x = 0, at = i * mask + y * row; x < width; x++, at += column) {
        if (data[at] !== 1) continue
        if (x === 0 || data[at - column] !== 1) rows++
        if (y === 0 || data[at - row] !== 1) columns++
      }
    }
  }
  return [rows, columns]
}
