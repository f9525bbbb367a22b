/** Masks as pycocotools draws and encodes them, and the same mask in every form. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { ROOT } from './root.ts'

/** A mask of `fixtures/masks.json`. */
export interface MaskCase {
  readonly name: string
  readonly size: readonly [height: number, width: number]
  readonly polygons?: ReadonlyArray<readonly number[]>
  /** Its run lengths in pycocotools' code. */
  readonly code: string
  readonly counts: readonly number[]
  /** Its pixels, packed, the least significant bit first. */
  readonly bits: Uint8Array
  /** Left, top, width and height. */
  readonly box: readonly [number, number, number, number]
}

interface Recorded extends Omit<MaskCase, 'bits'> {
  readonly bits: string
}

const { cases } = JSON.parse(readFileSync(join(ROOT, '__test__/fixtures/masks.json'), 'utf8')) as {
  readonly cases: readonly Recorded[]
}

/** All of them. */
export const MASKS: readonly MaskCase[] = cases.map(({ bits, ...mask }) =>
  Object.assign(mask, { bits: Uint8Array.from(Buffer.from(bits, 'base64')) }),
)

/** The pixels of a recorded mask, row-major. */
export function pixelsOf({ bits, size: [height, width] }: MaskCase): Uint8Array {
  return Uint8Array.from({ length: height * width }, (_, i) => ((bits[i >> 3] as number) >> (i % 8)) & 1)
}
