/**
 * TensorFlow.js with its WebAssembly backend and all its gradients. `@tensorflow/tfjs-core` keeps those in modules that
 * import each other without file extensions, for bundlers; the hook adds them, so that Node finds the files.
 */
import { register } from 'node:module'
import '@tensorflow/tfjs-backend-wasm'
import * as tf from '@tensorflow/tfjs-core'

const HOOK = `export function resolve(specifier, context, next) {
  const lacksExtension = specifier.startsWith('.') && !specifier.endsWith('.js')
  const isTheirs = context.parentURL?.includes('/@tensorflow/tfjs-core/dist/')
  return next(lacksExtension && isTheirs ? specifier + '.js' : specifier, context)
}`

register(`data:text/javascript,${encodeURIComponent(HOOK)}`)
await import('@tensorflow/tfjs-core/dist/register_all_gradients.js')
await tf.setBackend('wasm')

export { tf }
