/** How four numbers may be meant as a box, and what each reading makes of them. */

/** Centre and size, two corners, or corner and size. */
export type BoxReading = 'cxcywh' | 'xyxy' | 'xywh'

export const READINGS: readonly BoxReading[] = ['cxcywh', 'xyxy', 'xywh']

/** Left, top, right and bottom. */
export type Corners = readonly [number, number, number, number]

/** The first and the last corner of the box at `at`, in a reading. */
export function cornersOf(boxes: ArrayLike<number>, at: number, reading: BoxReading): Corners {
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

/** How the criterion's format is made of another reading, for messages. */
const CONVERSIONS: { readonly [To in 'cxcywh' | 'xyxy']: { readonly [From in BoxReading]: string } } = {
  cxcywh: {
    cxcywh: '[cx, cy, w, h]',
    xyxy: '[(x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1]',
    xywh: '[x + w / 2, y + h / 2, w, h]',
  },
  xyxy: {
    cxcywh: '[cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2]',
    xyxy: '[x1, y1, x2, y2]',
    xywh: '[x, y, x + w, y + h]',
  },
}

/** What is to be done with boxes that fit into another reading. */
export function cureFor(reading: BoxReading, boxFormat: 'cxcywh' | 'xyxy'): string {
  const other = reading === 'xywh' ? `'xywh' (COCO's)` : `'${reading}'`
  const instead = reading === 'xywh' ? '' : `, or set boxFormat: '${reading}'`
  return `As ${other} all of them fit: convert them to ${CONVERSIONS[boxFormat][reading]}${instead}.`
}

/** By how far a normalised box may leave the image. Annotations rounded to hundredths of a pixel leave it by less. */
const SLACK = 1e-3
/** Likewise in pixels, of an image whose size is unknown. */
const PIXEL_SLACK = 1

/** Whether corners are in order and lie in the image: in [0, 1], or of pixels not before 0, give or take a little. */
export function isInside([left, top, right, bottom]: Corners, areNormalized: boolean): boolean {
  const isOrdered = right >= left && bottom >= top
  if (!areNormalized) return isOrdered && Math.min(left, top) >= -PIXEL_SLACK
  return isOrdered && Math.min(left, top) >= -SLACK && Math.max(right, bottom) <= 1 + SLACK
}

/** Width and height. */
export function sidesOf([left, top, right, bottom]: Corners): readonly [number, number] {
  return [right - left, bottom - top]
}
