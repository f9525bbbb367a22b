/** Whether what is built is fresh, for specs of the built package. */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ROOT } from './root.ts'

/** Fails where `dist`, which some specs test, is not what `src` is compiled to; goes by the contents, not by the dates. */
export function checkBuilt(): void {
  const fresh = mkdtempSync(join(tmpdir(), 'built-'))
  try {
    const compiler = join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc')
    spawnSync(process.execPath, [compiler, '-p', join(ROOT, 'tsconfig.build.json'), '--outDir', fresh])
    const files = readdirSync(fresh, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.js'))
    const isStale = (file: string) => {
      const built = join(ROOT, 'dist', file)
      return !existsSync(built) || !readFileSync(built).equals(readFileSync(join(fresh, file)))
    }
    const stale = files.filter(isStale)
    if (files.length > 0 && stale.length === 0) return
    throw new Error(
      `dist is older than src, run "npm run build" first: ${stale.join(', ') || 'nothing could be compiled'}`,
    )
  } finally {
    rmSync(fresh, { recursive: true, force: true })
  }
}
