/** How four numbers may be meant as a box, and what each reading makes of them. */

/** Centre and size, two corners, or corner and size. */
export type Reading = 'cxcywh' | 'xyxy' | 'xywh'

export const READINGS: readonly Reading[] = ['cxcywh', 'xyxy', 'xywh']

/** The first and the last corner of the box at `at`, in a reading. */
export function cornersOf(
  boxes: ArrayLike<number>,
  at: number,
  reading: Reading,
): readonly [number, number, number, number] {
  const [a, b, c, d] = [0, 1, 2, 3].map((i) => boxes[at + i] as number) as [number, number, number, number]
  switch (reading) {
    case 'cxcywh':
      return [a - c / 2, b - d / 2, a + c / 2, b + d / 2]
    case 'xyxy':
      return [a, b, c, d]
    case 'xywh':
      return [a, b, a + c, b + d]
  }
}

/**
 * By how far a box may leave the image. Annotations that were rounded to hundredths of a pixel leave it by less.
 */
const SLACK = 1e-3

/** Whether corners lie within [0, 1] and in order, give or take a little. */
export function isInside([left, top, right, bottom]: readonly number[]): boolean {
  const least = Math.min(left as number, top as number)
  const most = Math.max(right as number, bottom as number)
  return (
    least >= -SLACK &&
    most <= 1 + SLACK &&
    (right as number) >= (left as number) &&
    (bottom as number) >= (top as number)
  )
}

/** Width and height. */
export function sidesOf([left, top, right, bottom]: readonly number[]): readonly [number, number] {
  return [(right as number) - (left as number), (bottom as number) - (top as number)]
}
