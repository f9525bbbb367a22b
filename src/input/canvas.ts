/** The canvas of a batch: what all planes of bytes lie at the upper left of, as where a network pads its images. */
import { fail } from '../common/errors.ts'
import { bytesOf } from '../common/memory.ts'

/** The planes of a batch, those of one field after the other, each of all images. */
export interface PackedPlanes {
  readonly arrays: Uint8Array[]
  /** Height and width of each. */
  readonly sizes: Uint32Array
  /** What they lie on, where that is known to be more than they take. */
  readonly canvas?: Canvas | undefined
}

/** Height and width. */
export type Canvas = readonly [height: number, width: number]

/** What the planes of a batch are. */
interface PlaneFields {
  /** The name of each field. */
  readonly names: readonly string[]
  /** For each field, whether every target has a plane, rather than the image. */
  readonly areOfTargets: readonly boolean[]
  /** For each image, how many targets count. */
  readonly counts: readonly number[]
}

/**
 * The same planes on a canvas that is no smaller than any of them. Those of one image are padded with zeros to all of it, and with
 * them the batch has it: the core pads the others. It is the image with the fewest targets, since without any it takes no memory.
 */
export function onCanvas(
  planes: PackedPlanes,
  { names, areOfTargets, counts }: PlaneFields,
  canvas: Canvas,
): PackedPlanes {
  const images = counts.length
  const [height, width] = canvas
  for (let k = 0; k < planes.arrays.length; k++) {
    const [rows, columns] = sizeAt(planes, k)
    if (rows <= height && columns <= width) continue
    const at = `targets[${k % images}].${names[Math.floor(k / images)]}`
    const hint = rows <= width && columns <= height ? '; height comes first' : ''
    fail(
      'SHAPE',
      'call.maskCanvas',
      `must be at least [${rows}, ${columns}], as ${at} is, got [${height}, ${width}]${hint}`,
    )
  }
  if (images === 0) return planes
  const image = counts.reduce((least, count, i) => (count < (counts[least] as number) ? i : least), 0)
  const [arrays, sizes] = [[...planes.arrays], planes.sizes.slice()]
  for (let field = 0; field < names.length; field++) {
    const k = field * images + image
    const data = planes.arrays[k] as Uint8Array
    const count = areOfTargets[field] === true ? (counts[image] as number) : Math.min(data.length, 1)
    // an image may go without a plane of its own
    if (count === 0 && areOfTargets[field] !== true) continue
    arrays[k] = padded(data, count, sizeAt(planes, k), canvas)
    sizes[2 * k] = height
    sizes[2 * k + 1] = width
  }
  return { arrays, sizes }
}

function sizeAt({ sizes }: PackedPlanes, k: number): Canvas {
  return [sizes[2 * k] as number, sizes[2 * k + 1] as number]
}

/** So many planes of one size, one after the other, at the upper left of others. */
export function padded(data: Uint8Array, count: number, size: Canvas, canvas: Canvas): Uint8Array {
  const out = new Uint8Array(count * canvas[0] * canvas[1])
  layPlanes(data, count, size, out, 0, canvas)
  return out
}

/** Copies so many planes of one size, one after the other, to the upper left of others, whose first is the `first` of `out`. */
export function layPlanes(
  data: Uint8Array,
  count: number,
  [rows, columns]: Canvas,
  out: Uint8Array,
  first: number,
  [height, width]: Canvas,
): void {
  const { buffer, byteOffset } = bytesOf(data)
  for (let row = 0; row < count * rows; row++) {
    const to = ((first + Math.floor(row / rows)) * height + (row % rows)) * width
    out.set(new Uint8Array(buffer, byteOffset + row * columns, columns), to)
  }
}
