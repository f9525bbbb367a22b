/** What builds with instrumentation share: the host, and a stable compiler that takes flags which are not stable yet. */
import { execFileSync, spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

export const ROOT = fileURLToPath(new URL('..', import.meta.url))

/** The target that the compiler builds for. Where it is named, flags do not reach build scripts and macros. */
export function hostTarget() {
  const version = execFileSync('rustc', ['-vV'], { encoding: 'utf8' })
  return /^host: (.*)$/m.exec(version)[1]
}

/** The environment for cargo with such flags. */
export function withFlags(flags) {
  return { ...process.env, RUSTC_BOOTSTRAP: '1', RUSTFLAGS: flags.join(' ') }
}

/** Runs a program to its end, its output being the caller's, and ends this process where it fails. */
export function runOrExit(program, args, env = process.env) {
  console.log(`\n> ${program} ${args.join(' ')}`)
  const { status, error } = spawnSync(program, args, { cwd: ROOT, stdio: 'inherit', env })
  if (error?.code === 'ENOENT') fail(`${program} was not found: install it, then run this again.`)
  if (status !== 0) process.exit(status ?? 1)
}

export function fail(message) {
  console.error(message)
  process.exit(1)
}
