/** Every spec on WebAssembly, but for the exceptions, and whether all bits are as on record there, too. */
import { runAll } from '../run.js'

process.env.HUNGARIAN_LOSS_BINDING = 'wasm'

runAll(['npx vitest run --config vitest.wasm.config.ts', 'node scripts/bits.js'])
