/** What an image's masks may be given as, and what all of them become. */
import type { FloatData, IntegerData, Numbers, OnnxTensor, Shaped } from '../common/tensors.ts'

/** Flags of pixels: 0 or false, outside; 1 or true, within. */
export type NestedFlags = ReadonlyArray<boolean | number | NestedFlags | Numbers>

/** Pixels packed as bits. */
export type BitMasks = {
  /**
   * All `n · h · w` pixels as one string of bits, row-major, the first pixel being the least significant bit of the first byte, as
   * `numpy.packbits(masks, bitorder='little')` packs them: `⌈n · h · w / 8⌉` bytes, the bits left over being 0.
   */
  readonly bits: Uint8Array
} & (
  | {
      /** `[n, h, w]`. */
      readonly shape: readonly number[]
    }
  | {
      /** `[n, h, w]`. */
      readonly dims: readonly number[]
    }
)

/** A mask as the lengths of its runs, as COCO encodes it. */
export interface RunLengths {
  /**
   * How many pixels are outside, then within, then outside, and so on, down the columns from the left; they add up to `h · w`. Or
   * these numbers in pycocotools' code.
   */
  readonly counts: ArrayLike<number> | string
  /** `[height, width]`, in this order. */
  readonly size: ArrayLike<number>
}

/** A mask as COCO's result files have it. */
export interface EncodedMask {
  /** `[height, width]`, in this order. */
  readonly size: [number, number]
  /** The lengths of its runs, in pycocotools' code. */
  readonly counts: string
}

/** A mask as the polygons around it. */
export interface Polygons {
  /** Each `[x0, y0, x1, y1, …]` in pixels, at least three points. The mask is their union; with none it is empty. */
  readonly polygons: ReadonlyArray<ArrayLike<number>>
  /** `[height, width]`, in this order. */
  readonly size: ArrayLike<number>
}

/** One mask that says its own size. */
export type Segmentation = RunLengths | Polygons

/**
 * The masks of an image's `n` targets, all of one size `h × w`: pixels of 0 and 1 of shape `[n, h, w]`, row-major; the same as bits;
 * or a list with the run lengths, or the polygons, of each. A `Uint8Array` of pixels is read where it lies; the others are decoded.
 */
export type Masks =
  | Shaped<FloatData | Exclude<IntegerData, BigInt64Array | BigUint64Array> | NestedFlags>
  | OnnxTensor
  | BitMasks
  | readonly Segmentation[]

/** The size of masks: `[height, width]`, in this order, as COCO's run lengths have it, or `{ height, width }`. */
export type MaskSize = readonly [height: number, width: number] | { readonly height: number; readonly width: number }

/** Masks decoded. */
export interface ByteMasks {
  /** `count · height · width` bytes, row-major: 1 within a mask, 0 outside. */
  readonly data: Uint8Array
  /** How many masks. */
  readonly count: number
  /** Rows of each. */
  readonly height: number
  /** Columns of each. */
  readonly width: number
}
