/** Every Rust and TypeScript test, and whether all bits are as on record. */
import { runAll } from './run.js'
import { isFresh } from './wasm/package.js'

runAll(['cargo test --workspace --locked', 'npx vitest run', 'node scripts/bits.js'])

const wasm = isFresh()
  ? 'but for a smoke test WebAssembly'
  : 'WebAssembly, which is not built or older than its sources,'
console.log(
  `\nLeft out: ${wasm} (npm run test:wasm), a browser (npm run test:browser, npm run test:report), the packages as users install them ` +
    `(npm run test:package), the documents' programs that need further packages (npm run test:docs) and the addon for ` +
    `arm64 (npm run test:arm64).`,
)
