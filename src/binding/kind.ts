/** What is loaded of the compiled core, and in which version it must be. */

/** All that the core exports. */
export type Binding = typeof import('../../native/binding.cjs')

/** The core, and what it is. */
export interface Loaded {
  readonly binding: Binding
  readonly kind: 'native' | 'wasm'
  /** The platform that it was compiled for, as the names of packages end; takes a while to find out. */
  readonly target: () => string
}

/** The version of the package. A binary says its own, and one of another version is refused. */
export const VERSION = '0.1.0'

/** The platform of WebAssembly. */
export const WASM_TARGET = 'wasm32-wasip1'

/** What was compiled to WebAssembly. */
export function asWasm(binding: Binding): Loaded {
  return { binding, kind: 'wasm', target: () => WASM_TARGET }
}
