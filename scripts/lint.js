/**
 * Formatting, lints, types, documentation, whether all that is exported has any, and whether the generated types that are committed
 * are fresh.
 */
import { runAll } from './run.js'

process.env.RUSTDOCFLAGS = '-D warnings'

runAll([
  'cargo fmt --check',
  'cargo clippy --workspace --all-targets --locked -- -D warnings',
  'cargo doc --workspace --no-deps --locked',
  'node scripts/circles.js',
  'npx tsc -p tsconfig.json',
  'node scripts/documented.js',
  'npx tsc -p examples/playground/tsconfig.json',
  'npx oxlint --deny-warnings',
  'npx oxfmt --check',
  'git diff --exit-code -- native/binding.d.cts',
])
