/** The instruction set that all calls use. */
import { toHungarianLossError } from '../common/errors.ts'
import { simdLevel as nameOfLevel } from './native.ts'

/**
 * The instruction set that all calls of this process use: `avx512`, `avx2`, `sse2`, `neon`, `simd128` or `scalar`. It
 * decides the speed; results have the same bits on all. The environment variable `HUNGARIAN_LOSS_SIMD` forces one that
 * the processor has, or the slowest by the name of `fallback`.
 *
 * Throws `OPTION` where that variable names another.
 */
export function simdLevel(): string {
  try {
    return nameOfLevel()
  } catch (error) {
    throw toHungarianLossError(error)
  }
}
