/** Builds an example of the crate `hungarian-loss`. */
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

/**
 * @param {string} name
 * @param {{ profile?: 'release' | 'dev' }} [options] release unless given
 * @returns {string} the path of the program
 */
export function buildExample(name, { profile = 'release' } = {}) {
  const args = ['build', '--quiet', '--locked', '--profile', profile, '--package', 'hungarian-loss', '--example', name]
  const { status, stdout } = spawnSync('cargo', [...args, '--message-format', 'json-render-diagnostics'], {
    cwd: fileURLToPath(new URL('..', import.meta.url)),
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  if (status !== 0) throw new Error(`The example ${name} of the crate hungarian-loss could not be built.`)
  const messages = stdout
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line))
  return messages.find(({ executable, target }) => executable && target.name === name).executable
}
