/**
 * A project that has the packages installed from their tarballs, in an empty folder of the system's, where there is no Rust: its
 * commands end at once and leave a mark, so that a build which asks for it is noticed.
 */
import { spawn, spawnSync } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

const RUST = ['cargo', 'rustc', 'rustup']
/** What a server is waited for, in milliseconds. */
const PATIENCE = 60_000

export class Project {
  #root = mkdtempSync(join(tmpdir(), 'hungarian-loss-package-'))
  #mark = join(this.#root, 'rust-was-asked-for')
  #env

  /** The folder of the project. */
  folder = join(this.#root, 'project')

  constructor() {
    const bin = join(this.#root, 'bin')
    mkdirSync(bin)
    mkdirSync(this.folder)
    for (const name of RUST) {
      writeFileSync(join(bin, name), `#!/bin/sh\necho ${name} >> '${this.#mark}'\nexit 1\n`)
      chmodSync(join(bin, name), 0o755)
      writeFileSync(join(bin, `${name}.cmd`), `@echo ${name}>>"${this.#mark}"\r\n@exit /b 1\r\n`)
    }
    // what npm and test runners tell those whom they start is nothing that users have
    const own = Object.entries(process.env).filter(([name]) => !/^(?:npm_|NODE_OPTIONS$|INIT_CWD$|VITEST)/i.test(name))
    this.#env = { ...Object.fromEntries(own), NEXT_TELEMETRY_DISABLED: '1', NO_COLOR: '1' }
    const path = Object.keys(this.#env).find((name) => name.toUpperCase() === 'PATH') ?? 'PATH'
    this.#env[path] = `${bin}${delimiter}${this.#env[path]}`
    this.write('package.json', '{ "private": true }\n')
  }

  /** Writes a file, by its path within the project. */
  write(path, text) {
    mkdirSync(dirname(join(this.folder, path)), { recursive: true })
    writeFileSync(join(this.folder, path), text)
  }

  /** Installs packages of the registry, or tarballs. */
  install(packages) {
    this.run(`npm install --no-audit --no-fund --loglevel=error ${packages.map((name) => `"${name}"`).join(' ')}`)
  }

  /** Runs a command line in the project; what it prints. Throws where it fails. */
  run(command) {
    const options = { cwd: this.folder, env: this.#env, shell: true, encoding: 'utf8', maxBuffer: 2 ** 26 }
    const { status, stdout, stderr } = spawnSync(command, options)
    if (status !== 0) throw new Error(`"${command}" ended with ${status}:\n${stdout}${stderr}`)
    if (existsSync(this.#mark)) throw new Error(`"${command}" asked for Rust.`)
    return `${stdout}${stderr}`
  }

  /** Starts a program of the project that serves, and asks it for a path; its answer. */
  async ask(program, path) {
    const port = String(20_000 + (process.pid % 20_000))
    const server = spawn(process.execPath, [join(this.folder, program), 'start', '--port', port], {
      cwd: this.folder,
      env: this.#env,
      stdio: 'ignore',
    })
    try {
      for (const end = performance.now() + PATIENCE; ; await sleep(200)) {
        try {
          return await fetch(`http://localhost:${port}${path}`).then((response) => response.text())
        } catch (error) {
          if (performance.now() > end || server.exitCode !== null) throw error
        }
      }
    } finally {
      const ended = new Promise((resolve) => server.once('exit', resolve))
      if (server.exitCode === null && server.kill()) await ended
    }
  }

  remove() {
    rmSync(this.#root, { recursive: true, force: true, maxRetries: 5 })
  }
}
