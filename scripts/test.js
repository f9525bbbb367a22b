/** Every Rust and TypeScript test, and whether all bits are as on record. */
import { runAll } from './run.js'

runAll(['cargo test --workspace --locked', 'npx vitest run', 'node scripts/bits.js'])
