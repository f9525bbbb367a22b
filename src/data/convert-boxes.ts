/** Boxes in another format and other units. */
import { BOX_FORMATS, convertBox, SAME_UNITS, TOO_LARGE, toParts, toPixels } from '../common/box-format.ts'
import type { BoxFormat, Scale } from '../common/box-format.ts'
import { fail } from '../common/errors.ts'
import { toReadError } from '../common/reading.ts'
import { showShape } from '../common/tensors.ts'
import { checkFlag, checkRecord, checkWord, isRecord, show } from '../common/validate.ts'
import { mapNumbers } from './numbers.ts'
import type { NumbersLike, SameForm } from './numbers.ts'
import { readSize } from './sizes.ts'
import type { ImageSize } from './sizes.ts'

/** A format with its units. */
export interface BoxLayout {
  /** What the four numbers are. */
  readonly format: BoxFormat
  /** Whether they are parts of the image's width and height, from 0 to 1, rather than pixels. Default: false. */
  readonly normalized?: boolean | undefined
}

/**
 * Converts boxes from one format to another: between two corners (`'xyxy'`), corner and size (`'xywh'`), and centre and size
 * (`'cxcywh'`).
 *
 * A name alone changes no units. To normalise, or to get pixels, say which side is normalised, and give the size of the image:
 * `{ format: 'cxcywh', normalized: true }`.
 *
 * `boxes`: four numbers for each, flat or a row for each, typed or not, or a tensor whose last axis is 4. They come back in the
 * same form, in memory of their own: a Float32Array as a Float32Array, lists as lists, `{ data, dims }` as `{ data, shape }`. Integer
 * arrays become a Float64Array. `size`: `[width, height]` or `{ width, height }`, in pixels; it must be absent where the units stay
 * as they are. Boxes are not clamped, and may have sides of 0 or less.
 *
 * Throws `SHAPE` for numbers that make no boxes, `NON_FINITE` for NaN and infinities, given or made of boxes too large, `OPTION` for a
 * format that there is not, and for a size that is missing or would not be used, `DTYPE`, and `RANGE` for a size of 0 or less.
 *
 * Source: facebookresearch/detr, `util/box_ops.py`.
 *
 * @example
 * convertBoxes([[64, 48, 320, 240]], 'xywh', { format: 'cxcywh', normalized: true }, [640, 480]) // [[0.35, 0.35, 0.5, 0.5]]
 */
export function convertBoxes<Boxes extends NumbersLike>(
  boxes: Boxes,
  from: BoxFormat | BoxLayout,
  to: BoxFormat | BoxLayout,
  size?: ImageSize,
): SameForm<Boxes>
export function convertBoxes(boxes: unknown, from: unknown, to: unknown, size?: unknown): unknown {
  let argument = 'from'
  try {
    const source = readLayout(from, argument)
    argument = 'to'
    const target = readLayout(to, argument)
    argument = 'size'
    const scale = scaleOf(source, target, size)
    argument = 'boxes'
    return mapNumbers(boxes, argument, (run, name, shape) => {
      if (shape === undefined ? run.length % 4 !== 0 : shape.at(-1) !== 4) {
        const got = shape === undefined ? `${run.length} numbers` : `the shape ${showShape(shape)}`
        fail('SHAPE', name, `expected four numbers for each box, got ${got}`)
      }
      for (let i = 0; i < run.length; i++) {
        if (Number.isFinite(run[i])) continue
        fail('NON_FINITE', name, `must hold finite numbers, got ${run[i]} in box ${i >> 2}`)
      }
      for (let at = 0; at < run.length; at += 4) {
        if (convertBox(run, at, source.format, target.format, scale)) continue
        fail('NON_FINITE', name, `box ${at / 4} ${TOO_LARGE}`)
      }
    })
  } catch (error) {
    throw toReadError(error, argument)
  }
}

function readLayout(value: unknown, argument: string): Required<BoxLayout> {
  if (!isRecord(value)) {
    if (value === undefined) fail('OPTION', argument, `must be ${FORMATS}, or { format, normalized }, got undefined`)
    return { format: checkWord(value, BOX_FORMATS, 'xyxy', argument), normalized: false }
  }
  const { format, normalized } = checkRecord(value, ['format', 'normalized'], argument)
  if (format === undefined) fail('OPTION', `${argument}.format`, `must be ${FORMATS}, got ${show(format)}`)
  return {
    format: checkWord(format, BOX_FORMATS, 'xyxy', `${argument}.format`),
    normalized: checkFlag(normalized, false, `${argument}.normalized`),
  }
}

const FORMATS = BOX_FORMATS.map((format) => `'${format}'`).join(' or ')

/** What becomes of the units. */
function scaleOf(from: Required<BoxLayout>, to: Required<BoxLayout>, size: unknown): Scale {
  if (from.normalized === to.normalized) {
    if (size === undefined) return SAME_UNITS
    const example = `{ format: '${to.format}', normalized: true }`
    return fail(
      'OPTION',
      'size',
      `would not be used, since the units stay as they are: to normalise, say to ${example}`,
    )
  }
  if (size === undefined) {
    fail('OPTION', 'size', 'must be given, as [width, height] or { width, height }, where one side alone is normalised')
  }
  return to.normalized ? toParts(readSize(size, 'size')) : toPixels(readSize(size, 'size'))
}
