/** Formatting, lints, types, and whether the generated types that are committed are fresh. */
import { runAll } from './run.js'

runAll([
  'cargo fmt --check',
  'cargo clippy --workspace --all-targets --locked -- -D warnings',
  'node scripts/circles.js',
  'npx tsc -p tsconfig.json',
  'npx oxlint --deny-warnings',
  'npx oxfmt --check',
  'git diff --exit-code -- native/binding.d.cts',
])
