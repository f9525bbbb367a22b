/** The WebAssembly binding for browsers: a module that is ready once it is loaded. */
import { instantiate } from './instance.js'

const response = await fetch(new URL('./hungarian-loss.wasm32-wasip1.wasm', import.meta.url))
if (!response.ok) throw new Error(`${response.url} cannot be loaded: ${response.status} ${response.statusText}`)
export default instantiate(await WebAssembly.compile(await response.arrayBuffer()), {})
