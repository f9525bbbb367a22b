/**
 * The compiled core in Node.js: the native addon, or where there is none for the platform, the same in WebAssembly. In browsers
 * `load.browser.ts` stands in its place, by the condition of that name in package.json.
 *
 * Both are required rather than imported: where a CommonJS module throws that is imported by name, Node 20 rejects a promise
 * of its own that nobody can catch (nodejs/node #51603).
 */
import { warn } from '#host'
import { createRequire } from 'node:module'
import { HungarianLossError } from '../common/errors.ts'
import {
  describeFallback,
  describeForcedFailure,
  describeLoadFailure,
  describeMismatch,
  describeOtherVersion,
  platformName,
} from './binary.ts'
import { asWasm, VERSION, WASM_TARGET } from './kind.ts'
import type { Binding, Loaded } from './kind.ts'

/** Says which of the two is taken, and no other. */
const FORCE = 'HUNGARIAN_LOSS_BINDING'

/** The path is the same from the sources and from the built files. */
const NATIVE = '../../native/binding.cjs'
/** What was built here stands in the place of the package. */
const WASM = ['../../native/wasm/hungarian-loss.wasip1.cjs', `hungarian-loss-${WASM_TARGET}`]

const require = createRequire(import.meta.url)

/** Loads what there is, in the version of the package. */
export function load(): Loaded {
  const loaded = find()
  // the loader copies every function by name, so that one which the binary lacks is there as undefined
  const lacking = Object.entries(loaded.binding).filter(([, value]) => value === undefined)
  if (lacking.length > 0) throw new HungarianLossError('BINARY', describeMismatch(lacking.map(([name]) => name)))
  const version = loaded.binding.version()
  if (version !== VERSION) throw new HungarianLossError('BINARY', describeOtherVersion(version))
  return loaded
}

function find(): Loaded {
  const forced = process.env[FORCE]
  if (forced === 'wasm') return findForced(forced, findWasm)
  if (forced === 'native') return findForced(forced, findNative)
  if (forced) throw new HungarianLossError('BINARY', `${FORCE}: must be native or wasm, got ${forced}`)
  try {
    return findNative()
  } catch (fault) {
    try {
      const loaded = findWasm()
      warn(describeFallback(fault), 'HUNGARIAN_LOSS_WASM')
      return loaded
    } catch {
      throw new HungarianLossError('BINARY', describeLoadFailure(fault), { original: fault })
    }
  }
}

function findForced(forced: string, findIt: () => Loaded): Loaded {
  try {
    return findIt()
  } catch (error) {
    throw new HungarianLossError('BINARY', describeForcedFailure(`${FORCE}=${forced}`, error), { original: error })
  }
}

function findNative(): Loaded {
  const binding = require(NATIVE) as Binding
  const { __napiBindingTarget: target } = binding
  // napi's loader may fall back by itself, with no word of it
  if (target !== 'native') throw new Error('there is no native addon for this platform')
  return { binding, kind: 'native', target: platformName }
}

function findWasm(): Loaded {
  const path = WASM.find(isThere)
  if (path === undefined) throw new Error(`Cannot find module '${WASM.at(-1)}'`)
  return asWasm(require(path) as Binding)
}

function isThere(path: string): boolean {
  try {
    require.resolve(path)
    return true
  } catch {
    return false
  }
}
