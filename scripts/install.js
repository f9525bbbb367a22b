/** Installs the packages of a folder that has its own lock file, unless what is installed is fresh. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { digestOf } from './digest.js'
import { run } from './run.js'

const ROOT = fileURLToPath(new URL('..', import.meta.url))

/**
 * Ends the process where npm fails.
 * @param {string} folder from the project's root
 */
export function install(folder) {
  const command = `npm ci --prefix ${folder} --ignore-scripts --no-audit --no-fund --loglevel=error`
  const stamp = join(ROOT, folder, 'node_modules', '.fresh')
  const digest = digestOf(command, [`${folder}/package.json`, `${folder}/package-lock.json`])
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === digest) return
  console.log(`Setting up: ${folder} (${command})`)
  if (run(command) !== 0) process.exit(1)
  writeFileSync(stamp, digest)
}
