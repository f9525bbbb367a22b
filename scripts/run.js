/** Runs commands one after the other from the project's root and stops at the first that fails. */
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

/** @param {string[]} commands each a command line without quotes */
export function runAll(commands) {
  for (const command of commands) {
    console.log(`\n> ${command}`)
    const [program, ...args] = command.split(' ')
    const { status } = spawnSync(program, args, {
      cwd: fileURLToPath(new URL('..', import.meta.url)),
      stdio: 'inherit',
      shell: process.platform === 'win32',
    })
    if (status !== 0) process.exit(status ?? 1)
  }
}
