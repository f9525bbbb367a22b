/** Every Rust and TypeScript test. */
import { runAll } from './run.js'

runAll(['cargo test --workspace --locked', 'npx vitest run'])
