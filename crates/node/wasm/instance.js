/** An instance of the binding that was compiled to WebAssembly: Node-API by emnapi, in one thread. */
import { createNapiModule } from '@emnapi/core'
import asyncWork from '@emnapi/core/plugins/async-work'
import threadsafeFunction from '@emnapi/core/plugins/threadsafe-function'
import { createContext } from '@emnapi/runtime'
import { CallMemory } from './memory.js'
import { missing, systemImports } from './system.js'

/** In pages of 64 kB: what the module begins with, its stack among it, and the most that there can be. */
const MEMORY = { initial: 1024, maximum: 65536 }

/** What the package calls this target. */
const TARGET = 'wasm32-wasip1'

/**
 * @param {WebAssembly.Module} module
 * @param {Record<string, string | undefined>} variables of the environment
 * @returns {typeof import('../../../native/binding.cjs')}
 */
export function instantiate(module, variables) {
  const context = createLastingContext()
  const memory = new WebAssembly.Memory(MEMORY)
  const calls = new CallMemory(memory, context)
  const napi = createNapiModule({ context, plugins: [asyncWork, threadsafeFunction], asyncWorkPoolSize: 0 })
  const { env, napi: functions, emnapi } = napi.imports
  const ours = calls.importsInPlaceOf(functions)
  const imports = {
    env: { ...env, ...functions, ...emnapi, ...ours, memory },
    napi: { ...functions, ...ours },
    wasi_snapshot_preview1: systemImports(memory, variables),
  }
  for (const { module: group, name, kind } of WebAssembly.Module.imports(module)) {
    if (kind === 'function') imports[group][name] ??= missing
  }
  const instance = new WebAssembly.Instance(module, imports)
  const { exports } = instance
  const { _initialize: initialize, __indirect_function_table: table } = exports
  calls.useHeap(exports)
  initialize()
  for (const [name, register] of Object.entries(exports)) if (name.startsWith('__napi_register__')) register()
  napi.init({ instance, module, memory, table })
  return { ...calls.exportsOf(napi.exports), __napiBindingTarget: TARGET }
}

/**
 * What emnapi keeps of an instance. It would end it when the process is about to exit, though more calls may come, and of many
 * instances, as test runners make them, Node.js would warn that each has a listener.
 */
function createLastingContext() {
  const listeners = () => globalThis.process?.listeners?.('beforeExit') ?? []
  const others = new Set(listeners())
  const context = createContext()
  context.suppressDestroy()
  for (const listener of listeners()) if (!others.has(listener)) process.removeListener('beforeExit', listener)
  return context
}
