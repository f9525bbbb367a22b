/** The compiled core in browsers: WebAssembly, which is ready once its package is imported. */
import binding from 'hungarian-loss-wasm32-wasip1'
import { HungarianLossError } from '../common/errors.ts'
import { asWasm, VERSION, WASM_TARGET } from './kind.ts'
import type { Loaded } from './kind.ts'

/** What is there already. */
export function load(): Loaded {
  const found = binding.version()
  if (found === VERSION) return asWasm(binding)
  const rule = `hungarian-loss-${WASM_TARGET} is of version ${found}, and hungarian-loss is of version ${VERSION}`
  throw new HungarianLossError('BINARY', `${rule}: install both in the same version`)
}
