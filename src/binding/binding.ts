/** Which compiled core runs, for programs that care and for reports of faults. */
import { VERSION } from './kind.ts'
import { LOADED } from './native.ts'
import { simdLevel } from './simd.ts'
import { threadCount } from './threads.ts'

/** What runs. */
export interface BindingInfo {
  /** A native addon, or WebAssembly where there is none: in browsers, and with a warning on platforms without a binary. */
  readonly kind: 'native' | 'wasm'
  /** The platform that it was compiled for, as the name of its package ends: `linux-x64-gnu`, `wasm32-wasip1`. */
  readonly target: string
  /** As {@link simdLevel} says. */
  readonly simd: string
  /** As {@link threadCount} says. */
  readonly threads: number
  /** The version of the package, which is that of the core. */
  readonly version: string
}

/**
 * The compiled core that runs. The environment variable `HUNGARIAN_LOSS_BINDING` (`native` or `wasm`) allows but the one that it
 * names. Results have the same bits with both.
 *
 * Throws as {@link simdLevel} and {@link threadCount}.
 *
 * @example
 * binding() // { kind: 'native', target: 'linux-x64-gnu', simd: 'avx2', threads: 8, version: '0.1.0' }
 */
export function binding(): BindingInfo {
  const { kind, target } = LOADED
  return { kind, target: target(), simd: simdLevel(), threads: threadCount(), version: VERSION }
}
