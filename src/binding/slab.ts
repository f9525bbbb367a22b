/**
 * Small zeroed arrays for the package's own use, cut from larger blocks of memory, since making a buffer costs more
 * than filling it. Nothing is used twice; a block lives as long as any of its arrays. They are never handed to the
 * caller, who could then see his neighbours.
 */

const BLOCK = 2 ** 15
/** What is larger gets memory of its own. */
const LARGEST = 2 ** 12
/** Starts are multiples of this, as the widest element needs. */
const ALIGNMENT = 8

let block = new ArrayBuffer(BLOCK)
let used = 0

/** Zeros, `[length]`. */
export function int32s(length: number): Int32Array {
  if (4 * length > LARGEST) return new Int32Array(length)
  const start = take(4 * length)
  return new Int32Array(block, start, length)
}

/** Zeros, `[length]`. */
export function uint32s(length: number): Uint32Array {
  if (4 * length > LARGEST) return new Uint32Array(length)
  const start = take(4 * length)
  return new Uint32Array(block, start, length)
}

/** Zeros, `[length]`. */
export function float32s(length: number): Float32Array {
  if (4 * length > LARGEST) return new Float32Array(length)
  const start = take(4 * length)
  return new Float32Array(block, start, length)
}

/** Zeros, `[length]`. */
export function float64s(length: number): Float64Array {
  if (8 * length > LARGEST) return new Float64Array(length)
  const start = take(8 * length)
  return new Float64Array(block, start, length)
}

/** Where in `block`, which may be a new one, the next bytes lie. */
function take(bytes: number): number {
  if (used + bytes > BLOCK) {
    block = new ArrayBuffer(BLOCK)
    used = 0
  }
  const start = used
  used += Math.ceil(bytes / ALIGNMENT) * ALIGNMENT
  return start
}
