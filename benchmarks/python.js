/** Contenders that run in Python: which there are, and how their processes are started. */
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

/** One thread each, whichever pool a library may have. */
export const ONE_THREAD = {
  HUNGARIAN_LOSS_THREADS: '1',
  RAYON_NUM_THREADS: '1',
  OMP_NUM_THREADS: '1',
  OPENBLAS_NUM_THREADS: '1',
  MKL_NUM_THREADS: '1',
}

/**
 * Asks a script of `python/` what it can run here: its answer, and the command that starts one of its contenders; or why
 * there are none. The environment variable `PYTHON` may name an interpreter.
 * @param {string} script
 * @returns {{ missing: string } | { answer: Record<string, any>, command: (name: string) => string[] }}
 */
export function probePython(script) {
  const path = fileURLToPath(new URL(`python/${script}`, import.meta.url))
  const python = process.env.PYTHON ?? (process.platform === 'win32' ? 'python' : 'python3')
  const { status, stdout } = spawnSync(python, [path], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] })
  if (status !== 0) return { missing: `"${python}" cannot be run; the environment variable PYTHON may name another.` }
  return { answer: JSON.parse(stdout), command: (name) => [python, path, name] }
}
