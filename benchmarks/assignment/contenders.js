/** Who competes for the assignment, ours first. */
import { fileURLToPath } from 'node:url'
import { threadCount } from 'hungarian-loss'
import { ONE_THREAD, probePython } from '../python.js'

const HOST = fileURLToPath(new URL('host.js', import.meta.url))

/** @typedef {import('../player.js').Contender} Contender */

/**
 * Ours: on one thread, and in batches also on all.
 * @returns {Contender[]}
 */
export function ours() {
  const command = [process.execPath, HOST, 'ours']
  return [
    { name: 'ours', command, env: ONE_THREAD, forms: ['dense', 'batch', 'sparse'] },
    { name: `ours, ${threadCount()} threads`, command, forms: ['batch'] },
  ]
}

/**
 * The packages of npm, and careful plain JavaScript.
 * @returns {Contender[]}
 */
export function npmRivals() {
  return ['munkres', 'linear-sum-assignment', 'munkres-js', 'plain JS'].map((name) => ({
    name,
    isRival: true,
    command: [process.execPath, HOST, name],
    env: ONE_THREAD,
    forms: ['dense', 'batch'],
  }))
}

/**
 * The Python packages that can be imported, with the versions of all; or why there are none.
 * @returns {{ rivals: Contender[], versions: string } | { missing: string }}
 */
export function pythonRivals() {
  const { missing, answer, command } = probePython('assignment.py')
  if (missing !== undefined) return { missing }
  const { versions, solvers } = answer
  if (Object.keys(solvers).length === 0) {
    return { missing: `${versions}: numpy and one of scipy, laprust, lapcpp and lapx are needed.` }
  }
  const rivals = Object.entries(solvers).map(([name, forms]) => ({
    name,
    isRival: true,
    command: command(name),
    env: ONE_THREAD,
    forms: forms.includes('dense') ? [...forms, 'batch'] : forms,
  }))
  return { rivals, versions }
}
