/**
 * What npm runs once it has installed the dependencies: in a checkout by hand, and for a dependency from git before it is packed. Both
 * need what is not part of the sources, the addon and the compiled TypeScript, and get it by the set-up; what is fresh is left alone.
 *
 * Where Rust is missing, a dependency from git cannot be made and says so; a checkout may be used for what needs no addon.
 */
import { spawnSync } from 'node:child_process'
import { run } from './run.js'

// the set-up itself installs the dependencies, and goes on
if (process.env.HUNGARIAN_LOSS_SETUP === undefined) prepare()

function prepare() {
  if (spawnSync('cargo', ['--version']).status === 0) process.exit(run('node scripts/setup.js --installed'))
  console.error(
    'hungarian-loss is compiled when it is installed from its sources, and no cargo was found: install Rust from ' +
      'https://rustup.rs, or hungarian-loss from the npm registry, where it is compiled already.',
  )
  // npm tells by this variable which dependencies from git it prepares, so that none is prepared within itself
  process.exit('_PACOTE_NO_PREPARE_' in process.env ? 1 : 0)
}
