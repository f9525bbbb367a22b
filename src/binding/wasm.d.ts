/** The package of WebAssembly, which is not there until it has been built. */

declare module 'hungarian-loss-wasm32-wasip1' {
  const binding: typeof import('../../native/binding.cjs')
  export default binding
}
