/** Masks as paths: what they cover in runs, and their outlines. */

/** Which pixels a mask has. */
export interface Bitmap {
  readonly height: number
  readonly width: number
  readonly has: (x: number, y: number) => boolean
}

/** No more pixels along a side are drawn. */
const MOST = 96

/** A mask with fewer pixels, each of which is the one in the middle of those that it stands for. `isIn`: whether a value is within. */
export function bitmapOf(
  { data, height, width }: { readonly data: ArrayLike<number>; readonly height: number; readonly width: number },
  isIn: (value: number) => boolean,
): Bitmap {
  const step = Math.max(Math.ceil(Math.max(height, width) / MOST), 1)
  const [rows, columns] = [Math.ceil(height / step), Math.ceil(width / step)]
  const middle = (at: number, length: number) => Math.min(at * step + (step >> 1), length - 1)
  const has = (x: number, y: number) =>
    x >= 0 && y >= 0 && x < columns && y < rows && isIn(data[middle(y, height) * width + middle(x, width)] as number)
  return { height: rows, width: columns, has }
}

/** All pixels of a mask as rectangles of one row each, in units of pixels. */
export function runsOf({ height, width, has }: Bitmap): string {
  const runs: string[] = []
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      if (!has(x, y)) continue
      const from = x
      while (has(x + 1, y)) x++
      runs.push(`M${from} ${y}h${x + 1 - from}v1h${from - x - 1}z`)
    }
  }
  return runs.join('')
}

/** The borders between pixels within and outside, in units of pixels. */
export function outlineOf({ height, width, has }: Bitmap): string {
  const lines: string[] = []
  const isBorder = (x: number, y: number, isFlat: boolean) => has(x, y) !== (isFlat ? has(x, y - 1) : has(x - 1, y))
  for (let y = 0; y <= height; y++) {
    for (let x = 0; x < width; x++) {
      if (!isBorder(x, y, true)) continue
      const from = x
      while (x + 1 < width && isBorder(x + 1, y, true)) x++
      lines.push(`M${from} ${y}h${x + 1 - from}`)
    }
  }
  for (let x = 0; x <= width; x++) {
    for (let y = 0; y < height; y++) {
      if (!isBorder(x, y, false)) continue
      const from = y
      while (y + 1 < height && isBorder(x, y + 1, false)) y++
      lines.push(`M${x} ${from}v${y + 1 - from}`)
    }
  }
  return lines.join('')
}

/** The middle of a mask as shares of the sides; undefined of an empty one. */
export function middleOf({ height, width, has }: Bitmap): readonly [x: number, y: number] | undefined {
  let [area, sumX, sumY] = [0, 0, 0]
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      if (!has(x, y)) continue
      area++
      sumX += x + 0.5
      sumY += y + 0.5
    }
  }
  return area === 0 ? undefined : [sumX / area / width, sumY / area / height]
}
