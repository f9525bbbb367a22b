/** Runs commands from the project's root. */
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('..', import.meta.url))

/**
 * Runs a command to its end, its output being the caller's. On Windows `npm` and `npx` are scripts, which need a shell.
 * @param {string} command a command line without quotes
 * @returns {number} its exit code
 */
export function run(command) {
  const options = { cwd: ROOT, stdio: 'inherit' }
  const [program, ...args] = command.split(' ')
  const { status } =
    process.platform === 'win32' ? spawnSync(command, { ...options, shell: true }) : spawnSync(program, args, options)
  return status ?? 1
}

/** Runs commands one after the other and stops at the first that fails. */
export function runAll(commands) {
  for (const command of commands) {
    console.log(`\n> ${command}`)
    const status = run(command)
    if (status !== 0) process.exit(status)
  }
}
